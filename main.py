"""The command ``kdtoolbox experiment`` (see kdtoolbox/cli/experiment.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['experiment', *sys.argv[1:]]))
