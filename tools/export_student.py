"""The command ``kdtoolbox export-student`` (see kdtoolbox/cli/export_student.py)."""

import sys

from kdtoolbox.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['export-student', *sys.argv[1:]]))
