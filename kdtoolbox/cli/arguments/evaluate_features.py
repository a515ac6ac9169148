"""Retrieval, k-NN and linear probes of a feature file, in seconds."""

import argparse

from kdtoolbox.cli.arguments.test import EVALUATIONS

METRICS_OF_FEATURES = {name: EVALUATIONS[name] for name in ('retrieval', 'knn', 'linear')}


EXAMPLE = 'kdtoolbox evaluate-features features.npz --eval retrieval knn'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'file', help='written by tools/extract_features.py; without a second file it holds gallery and query videos'
    )
    parser.add_argument(
        'gallery_file',
        nargs='?',
        help='then these videos are the gallery and those of the first file '
        'the queries, whatever role they were extracted in',
    )
    parser.add_argument(
        '--eval',
        nargs='+',
        choices=list(METRICS_OF_FEATURES),
        default=list(METRICS_OF_FEATURES),
        help='what to measure; default all',
    )
    parser.add_argument('--neighbours', type=int, metavar='N', help='so many vote in knn (default 200)')
    parser.add_argument('--out', help='write the metrics here too, as JSON, with what the features came from')
