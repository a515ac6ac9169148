"""The likeliest classes of videos, or of what a camera sees, of a student that learned classes."""

import argparse

from kdtoolbox.cli.arguments.student import add_student, at_least_one, check_student, seconds
from kdtoolbox.safe_files import check_writable

EXAMPLE = 'kdtoolbox predict student videos --topk 3 --csv predictions.csv'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_student(parser)
    parser.add_argument(
        'videos',
        nargs='+',
        metavar='VIDEO|CAMERA',
        help='video files, or folders of any depth; '
        'or camera:0 (a number alone will do), camera:rtsp://…: windows of what it sees, until Ctrl-C',
    )
    parser.add_argument('--topk', type=at_least_one, default=5, metavar='K', help='classes of each (default 5)')
    parser.add_argument('--json', metavar='FILE', help='write the predictions as JSON')
    parser.add_argument('--csv', metavar='FILE', help='write the predictions as CSV, a line for each class')
    parser.add_argument(
        '--window',
        type=seconds,
        metavar='SECONDS',
        help='long videos: classes of windows of this length, as a timeline; of a camera (default 2)',
    )
    parser.add_argument('--stride', type=seconds, metavar='SECONDS', help='between windows (default half a window)')
    parser.add_argument('--draw', metavar='OUT.mp4', help='a copy of the video with the classes written on it')


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    for file in (args.json, args.csv, args.draw):
        check_writable(file)
    if any(place.startswith('camera:') for place in args.videos) and (len(args.videos) > 1 or args.draw):
        raise ValueError('a camera is looked at alone, and is not drawn on: one camera:NUMBER, without --draw')
    if args.stride is not None and args.window is None:
        raise ValueError('--stride is between windows: give their length too, --window SECONDS')
    if args.draw and len(args.videos) > 1:
        raise ValueError(f'--draw draws on one video, but {len(args.videos)} are named')
    check_student(args.student)
