"""Write a page of clips as the student and each teacher sees them, before anything is trained."""

import argparse

from kdtoolbox.config_files.command_line import check_config
from kdtoolbox.safe_files import check_writable

EXAMPLE = 'kdtoolbox browse kd_r2d_to_r3d_hmdb51 --out browse.html'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', default='browse.html', help='file to write (default browse.html)')
    parser.add_argument('--clips', type=int, default=12, help='of each part of the data (default 12)')


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    if args.clips < 1:
        raise ValueError(f'--clips {args.clips}: expected 1 or more')
    check_config(args)
    check_writable(args.out)
