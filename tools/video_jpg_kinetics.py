"""The command ``kdtoolbox prepare video_jpg_kinetics`` (see kdtoolbox/cli/prepare.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['prepare', 'video_jpg_kinetics', *sys.argv[1:]]))
