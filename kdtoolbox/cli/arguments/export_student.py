"""Write the student of a training checkpoint as a plain mmaction2 checkpoint."""

import argparse

from kdtoolbox.cli.arguments.student import add_imports
from kdtoolbox.safe_files import check_there, check_writable

EXAMPLE = 'kdtoolbox export-student work_dirs/kd/epoch_10.pth student.pth'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('checkpoint', help='a checkpoint of training')
    parser.add_argument('out', help='the file to write; the mmaction2 config is written beside it, as .py')
    add_imports(parser, 'modules that register your own classes of the student, as in custom_imports of the config')


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    check_writable(args.out)
    check_there(args.checkpoint, what='checkpoint')
