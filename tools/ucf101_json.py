"""The command ``kdtoolbox prepare ucf101_json`` (see kdtoolbox/cli/prepare.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['prepare', 'ucf101_json', *sys.argv[1:]]))
