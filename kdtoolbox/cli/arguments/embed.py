"""Features of videos by a student, one vector each, for search and probes."""

import argparse
from pathlib import Path

from kdtoolbox.cli.arguments.student import add_student, check_student
from kdtoolbox.plain_files import FEATURE_FILES
from kdtoolbox.safe_files import check_writable

EXAMPLE = 'kdtoolbox embed student videos --out features.safetensors'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_student(parser)
    parser.add_argument('videos', nargs='+', metavar='VIDEO', help='video files, or folders of any depth')
    parser.add_argument('--out', required=True, metavar='FILE', help='the feature file to write, .safetensors or .npz')


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    if Path(args.out).suffix not in FEATURE_FILES:
        raise ValueError(
            f'--out {args.out}: features are written as safetensors or npz: name a file that ends in '
            f'{" or ".join(FEATURE_FILES)}'
        )
    check_writable(args.out)
    check_student(args.student)
