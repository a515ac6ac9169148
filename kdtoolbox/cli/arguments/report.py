"""Write a page on one or several trainings: what was learned, how good it is, and clips to look at."""

import argparse
from pathlib import Path

from kdtoolbox.safe_files import check_writable

EXAMPLE = 'kdtoolbox report work_dirs/kd --baseline work_dirs/scratch --compute --out report.html'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('work_dirs', nargs='+', metavar='WORK_DIR', help='folder of a training')
    parser.add_argument('--out', default='report.html', help='file to write (default report.html)')
    parser.add_argument('--baseline', metavar='WORK_DIR', help='the training that all are compared with')
    parser.add_argument(
        '--compute',
        action='store_true',
        help='run the best checkpoint, and the teacher, over the test videos, if that was not done yet',
    )
    parser.add_argument('--checkpoint', help='measure this one instead; with one work directory')
    parser.add_argument('--figures', metavar='DIR', help='write the figures as PNG and SVG too')


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    for folder in [*args.work_dirs, *([args.baseline] if args.baseline else [])]:
        if not Path(folder).is_dir():
            raise ValueError(f'{folder}: no such work directory')
        if (Path(folder) / 'student.safetensors').is_file() and not any(Path(folder).glob('*/vis_data')):
            raise ValueError(f'{folder} is a student, not a training: name the work directory that it was trained in')
    if args.checkpoint is not None and (len(args.work_dirs) > 1 or not args.compute):
        raise ValueError('--checkpoint is for --compute with one work directory')
    check_writable(args.out)
