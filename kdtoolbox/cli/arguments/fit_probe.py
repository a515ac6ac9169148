"""Give an image teacher the data set's classes: a linear probe on its frozen features."""

import argparse

EXAMPLE = 'kdtoolbox fit-probe kd_r2d_to_r3d_hmdb51 --out probe.pth'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', help='file to write; default <work dir>/probe.pth. A teacher takes it as probe=FILE')
    parser.add_argument(
        '--passes',
        type=int,
        default=4,
        help='passes over the training videos, each with different crops and times (default 4)',
    )
