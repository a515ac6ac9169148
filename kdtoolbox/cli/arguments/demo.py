"""The main job in a few minutes: distil an image network into a video network, on videos made on the spot."""

import argparse

EXAMPLE = 'kdtoolbox demo --work-dir work_dirs/demo'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--work-dir', default='work_dirs/demo', help='folder for videos, logs, checkpoints and results')
    parser.add_argument('--seed', type=int, default=0, help='random seed of the videos and of all training')
