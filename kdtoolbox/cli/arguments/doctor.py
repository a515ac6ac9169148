"""Look at a config on one batch before training: what each term sees, weighs and costs, and what is wrong."""

import argparse

EXAMPLE = 'kdtoolbox doctor kd_r2d_to_r3d_hmdb51 --synthetic'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--synthetic', action='store_true', help='use a batch of noise instead of the first real batch')
    parser.add_argument(
        '--batch-size', type=int, help='number of clips; default: the batch size of the config, or 4 with --synthetic'
    )
    parser.add_argument('--strict', action='store_true', help='exit with status 1 if there is a problem')
