"""The arguments of ``kdtoolbox cache``."""

import argparse

from kdtoolbox.config_files.command_line import add_config_arguments
from kdtoolbox.config_files.finding import find_config

EXAMPLE = 'kdtoolbox cache kd_cached_r2d_to_r3d_hmdb51'
ACTIONS = ('write', 'verify', 'info')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'action',
        nargs='?',
        choices=ACTIONS,
        default='write',
        help='write what is absent (default), verify a random sample, or print what is there',
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--scheduler',
        metavar='ADDRESS',
        help='of write: a Dask scheduler, such as tcp://head:8786, whose workers do it: they see the same folders',
    )
    parser.add_argument(
        '--samples', type=int, default=64, metavar='N', help='of verify: number of videos to recompute (default 64)'
    )


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    find_config(args.config)
    if args.launcher != 'none':
        raise ValueError(
            f'--launcher {args.launcher}: run the same command as often as you like, they share the work: one for each '
            'GPU with CUDA_VISIBLE_DEVICES'
        )
    if args.samples < 1:
        raise ValueError(f'--samples {args.samples}: expected 1 or more')
