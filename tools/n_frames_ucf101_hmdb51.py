"""The command ``kdtoolbox prepare n_frames_ucf101_hmdb51`` (see kdtoolbox/cli/prepare.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['prepare', 'n_frames_ucf101_hmdb51', *sys.argv[1:]]))
