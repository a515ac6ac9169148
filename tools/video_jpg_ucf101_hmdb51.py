"""The command ``kdtoolbox prepare video_jpg_ucf101_hmdb51`` (see kdtoolbox/cli/prepare.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['prepare', 'video_jpg_ucf101_hmdb51', *sys.argv[1:]]))
