"""Retrieval, k-NN and linear probes of a feature file, in seconds."""

import argparse

from kdtoolbox.cli.arguments.test import EVALUATIONS
from kdtoolbox.safe_files import check_there, check_writable

METRICS_OF_FEATURES = {name: EVALUATIONS[name] for name in ('retrieval', 'knn', 'linear')}


EXAMPLE = 'kdtoolbox evaluate-features features.safetensors --eval retrieval knn'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'file', help='a file of kdtoolbox extract-features; without a second file it has gallery and query videos'
    )
    parser.add_argument(
        'gallery_file',
        nargs='?',
        help='if given, its videos are the gallery and those of the first file the queries; the roles in the '
        'files are ignored',
    )
    parser.add_argument(
        '--eval',
        nargs='+',
        choices=list(METRICS_OF_FEATURES),
        default=list(METRICS_OF_FEATURES),
        help='what to measure (default: all)',
    )
    parser.add_argument('--neighbours', type=int, metavar='N', help='number of neighbours in knn (default 200)')
    parser.add_argument('--out', help='also write the metrics to this file, as JSON, with the source of the features')


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    check_writable(args.out)
    for file in filter(None, (args.file, args.gallery_file)):
        check_there(file, what='feature file', hint='. Write one with kdtoolbox extract-features')
