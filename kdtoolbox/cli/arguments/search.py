"""The videos that are nearest to a video, among those whose features are stored."""

import argparse
from pathlib import Path

from kdtoolbox.cli.arguments.student import STUDENT_HELP, add_running, at_least_one
from kdtoolbox.safe_files import check_no_overwriting, check_writable

EXAMPLE = 'kdtoolbox search query.mp4 --in features.safetensors --topk 5 --draw nearest.png'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('query', metavar='QUERY', help='a video file')
    parser.add_argument(
        '--in',
        dest='features',
        required=True,
        metavar='FEATURES',
        help='a feature file of kdtoolbox embed, or a folder that kdtoolbox distill wrote',
    )
    parser.add_argument('--student', metavar='STUDENT', help=f'{STUDENT_HELP} (default the one that made the features)')
    parser.add_argument('--topk', type=at_least_one, default=5, metavar='K', help='videos to find (default 5)')
    parser.add_argument('--draw', metavar='FILE.png', help='a picture with frames of the query and of what was found')
    add_running(parser)


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    if Path(args.query).is_dir():
        raise ValueError(f'the query {args.query} is a folder, expected a video file')
    check_writable(args.draw)
    check_no_overwriting(args.draw, [args.query])
