"""The main job in a few minutes: kdtoolbox distill on videos made on the spot.

Makes videos of moving digits, trains an image network on still images of them, and has kdtoolbox distill teach a video
network: all videos, three labels a class, and beside it the same student from the labels alone.
"""

import argparse

EXAMPLE = 'kdtoolbox demo --work-dir work_dirs/demo'
LABELS_PER_CLASS, EPOCHS = 3, 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--work-dir', default='work_dirs/demo', help='folder for videos, logs, checkpoints and results')
    parser.add_argument('--seed', type=int, default=0, help='random seed of the videos and of all training')
    parser.add_argument(
        '--compare',
        action='store_true',
        help='instead: a small R3D from random weights, without labels, with few, with few and a teacher, by the '
        'configs demo/*.py',
    )
