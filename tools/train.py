"""The command ``kdtoolbox train`` (see kdtoolbox/cli/train.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['train', *sys.argv[1:]]))
