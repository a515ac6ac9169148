"""Run the experiments of docs/results.md on one's own copy of a data set, and fill the tables.

Started again, it goes on where it was interrupted: what is trained or tested is not done again. The tables are written
to the work directory; the docs are not changed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kdtoolbox.reporting.reproduction import Row, rows_of, trainings_of
from kdtoolbox.reporting.results_table import DATA_SETS, MEASURED
from kdtoolbox.runner.reproducing import name_folders, reproduce
from kdtoolbox.runner.stages import STUDENT_FILE
from kdtoolbox.terminal import table_text


def run(args: argparse.Namespace) -> int:
    folders = {args.data_set: (args.videos, args.annotations)}
    if args.data_set != 'ucf101' and args.ucf101_videos is not None:
        folders['ucf101'] = (args.ucf101_videos, args.ucf101_annotations)
    name_folders(folders)
    rows = [row for row in rows_of(list(folders), tested_on=args.data_set) if _is_chosen(row, args.rows)]
    if not rows:
        raise ValueError(f'--rows {" ".join(args.rows)}: no row of {DATA_SETS[args.data_set]} has one of these words')
    work_dir = args.work_dir or Path('work_dirs') / f'reproduce_{args.data_set}'
    if args.dry_run:
        print_plan(rows, work_dir)
        return 0
    page = reproduce(
        rows,
        work_dir,
        data_set=args.data_set,
        annotations=args.annotations,
        docs_dir=args.docs,
        options=args.cfg_options or {},
    )
    print(f'wrote {page} and {work_dir / MEASURED}')
    return 0


def print_plan(rows: Sequence[Row], work_dir: Path) -> None:
    """What would be trained and tested, and what is done already."""
    trainings = [
        (one.name, one.config, 'yes' if (work_dir / one.name / STUDENT_FILE).is_file() else 'no')
        for one in trainings_of(rows)
    ]
    tests = [(row.name, row.protocol, 'yes' if (work_dir / 'metrics' / row.file).is_file() else 'no') for row in rows]
    print(table_text(trainings, header=('training', 'config', 'done'), num_left=3))
    print()
    print(table_text(tests, header=('row', 'protocol', 'done'), num_left=3))


def _is_chosen(row: Row, words: Sequence[str] | None) -> bool:
    return not words or any(word in row.name for word in words)
