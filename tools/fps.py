"""The command ``kdtoolbox prepare fps`` (see kdtoolbox/cli/prepare.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['prepare', 'fps', *sys.argv[1:]]))
