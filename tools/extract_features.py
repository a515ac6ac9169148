"""The command ``kdtoolbox extract-features`` (see kdtoolbox/cli/extract_features.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['extract-features', *sys.argv[1:]]))
