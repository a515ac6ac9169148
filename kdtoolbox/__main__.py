"""``python -m kdtoolbox``: the same as the command ``kdtoolbox``."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main())
