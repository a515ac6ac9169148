"""Run the experiments of docs/results.md on one's own copy of a data set, and fill the tables."""

import argparse
from pathlib import Path

from kdtoolbox.config_files.command_line import add_override_argument

EXAMPLE = 'kdtoolbox reproduce hmdb51 --videos data/hmdb51/videos --annotations data/hmdb51/annotations'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('data_set', choices=('ucf101', 'hmdb51'), help='the data set to test on')
    parser.add_argument('--videos', type=Path, required=True, help='folder of its videos')
    parser.add_argument('--annotations', type=Path, required=True, help='folder of its official split files')
    parser.add_argument(
        '--ucf101-videos',
        type=Path,
        help='for hmdb51: folder of the videos of UCF-101, on which networks learn without labels. Without it, the '
        'rows of these networks are left out',
    )
    parser.add_argument('--ucf101-annotations', type=Path, help='for hmdb51: its split files')
    parser.add_argument('--rows', nargs='+', help='only the rows whose name holds one of these words')
    parser.add_argument(
        '--work-dir', type=Path, help='folder of all trainings and results; default work_dirs/reproduce_<data set>'
    )
    parser.add_argument('--docs', type=Path, default=Path('docs'), help='the docs of a checkout (default docs)')
    parser.add_argument('--dry-run', action='store_true', help='only list the rows and trainings, and what is done')
    add_override_argument(
        parser,
        'changes of all trainings and tests, such as train_dataloader.num_workers=4; results of other settings than '
        'the shipped are not to be compared',
    )
