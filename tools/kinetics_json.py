"""The command ``kdtoolbox prepare kinetics_json`` (see kdtoolbox/cli/prepare.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['prepare', 'kinetics_json', *sys.argv[1:]]))
