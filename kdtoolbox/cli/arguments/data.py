"""Write a page on the data of a config: classes, lengths, sizes, codecs, missing and broken videos, overlap."""

import argparse

from kdtoolbox.config_files.command_line import check_config
from kdtoolbox.safe_files import check_writable

EXAMPLE = 'kdtoolbox data kd_r2d_to_r3d_hmdb51 --out data.html'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', default='data.html', help='file to write (default data.html)')
    parser.add_argument(
        '--videos',
        type=int,
        default=2000,
        help='of each part to open, spread over it (default 2000); classes are of all',
    )


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    if args.videos < 1:
        raise ValueError(f'--videos {args.videos}: expected 1 or more')
    check_config(args)
    check_writable(args.out)
