"""Write the student of a training checkpoint as a plain mmaction2 checkpoint."""

import argparse

EXAMPLE = 'kdtoolbox export-student work_dirs/kd/epoch_10.pth student.pth'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('checkpoint', help='a checkpoint of training')
    parser.add_argument('out', help='the file to write; its mmaction2 config is put beside it, as .py')
    parser.add_argument(
        '--imports',
        nargs='+',
        default=[],
        metavar='MODULE',
        help="modules that register classes of one's own that the student is built of, as in the "
        "config's custom_imports",
    )
