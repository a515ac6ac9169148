"""The table of docs/results.md: fill a row from a run, compute chance, print it again."""

import argparse
from pathlib import Path

from kdtoolbox.reporting.results_table import DATA_SETS, PROTOCOLS

EXAMPLE = "kdtoolbox results add work_dirs/kd --data-set hmdb51 --protocol retrieval --name 'R3D-18, distilled'"
CHANCE_EXAMPLE = 'kdtoolbox results chance data/hmdb51/annotations --data-set hmdb51'
INDEX_EXAMPLE = 'kdtoolbox results index --docs docs'
RENDER_EXAMPLE = 'kdtoolbox results render --docs docs'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest='action', required=True)
    add = actions.add_parser('add', help='fill a row', example=EXAMPLE)
    add.add_argument(
        'source',
        type=Path,
        help='a work directory (its last validation is used), or the JSON that '
        'tools/test.py or kdtoolbox evaluate-features wrote with --out',
    )
    add.add_argument('--data-set', choices=list(DATA_SETS), required=True, help='the data set of the evaluation')
    add.add_argument('--protocol', choices=list(PROTOCOLS), required=True)
    add.add_argument('--name', required=True, help='name of the row; a row with this name is replaced')
    add.add_argument(
        '--checkpoint',
        type=Path,
        help='the tested checkpoint: its epoch and seed are added to the row; an error if the metrics are of '
        'another one; default for a work directory: the last one',
    )
    add.add_argument(
        '--config',
        help='the training config, if the checkpoint does not contain it, such as an exported student',
    )
    chance = actions.add_parser(
        'chance', help="compute a data set's chance row from its annotations", example=CHANCE_EXAMPLE
    )
    render = actions.add_parser('render', help='print the tables again', example=RENDER_EXAMPLE)
    index = actions.add_parser(
        'index', help="write model-index.yml and configs/metafile.yml, in OpenMMLab's form", example=INDEX_EXAMPLE
    )
    chance.add_argument('annotations', type=Path, help="the folder of the data set's official split files")
    chance.add_argument('--data-set', choices=list(DATA_SETS), required=True)
    for action in (add, chance, render, index):
        action.add_argument('--docs', type=Path, default=Path('docs'), help='folder of the page (default docs)')
