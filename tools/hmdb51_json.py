"""The command ``kdtoolbox prepare hmdb51_json`` (see kdtoolbox/cli/prepare.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['prepare', 'hmdb51_json', *sys.argv[1:]]))
