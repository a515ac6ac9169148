"""The command ``kdtoolbox fit-probe`` (see kdtoolbox/cli/fit_probe.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['fit-probe', *sys.argv[1:]]))
