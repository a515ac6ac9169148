"""The command ``kdtoolbox test`` (see kdtoolbox/cli/test.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['test', *sys.argv[1:]]))
