"""Run the experiments of docs/results.md on one's own copy of a data set, and fill the tables.

Started again, it goes on where it was interrupted: what is trained or tested is not done again. The tables are written
to the work directory; the docs are not changed.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from kdtoolbox.cli.results import chance_rows
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.overriding import merge_options
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.provenance import PROVENANCE, as_built, config_name, named_by_content, origin_of, write_metrics
from kdtoolbox.reporting.measured_row import measured_row
from kdtoolbox.reporting.reproduction import Row, rows_of, trainings_of
from kdtoolbox.reporting.results_table import (
    CHANCE,
    DATA_SETS,
    MEASURED,
    PAGE,
    PUBLISHED,
    read_json,
    render,
    replaced,
    write_json,
)
from kdtoolbox.runner.stages import STUDENT_FILE, Stage, run_stages
from kdtoolbox.runner.testing import test_student
from kdtoolbox.safe_files import write_aside
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
    docs = {file: read_json(args.docs / file) for file in (CHANCE, PUBLISHED, MEASURED)}
    # Of the annotations given, and before anything is trained: they must be those of the official split.
    docs[CHANCE] = {**docs[CHANCE], args.data_set: chance_rows(args.annotations, args.data_set)}
    given: dict[str, Any] = args.cfg_options or {}
    trainings = trainings_of(rows)
    run_stages([Stage(one.name, one.config, {**one.cfg_options, **given}) for one in trainings], work_dir)
    options = {one.name: {**one.options_of_tests, **given} for one in trainings}
    for row in rows:
        file, checkpoint = measure(row, work_dir, options=options.get(row.training or '', given))
        found = measured_row(
            file,
            data_set=row.data_set,
            protocol=row.protocol,
            name=row.name,
            checkpoint=checkpoint,
            config=row.config,
            chance=docs[CHANCE][row.data_set],
        )
        docs[MEASURED] = replaced(docs[MEASURED], found)
    page = render(
        (args.docs / PAGE).read_text(encoding='utf-8'),
        chance=docs[CHANCE],
        published=docs[PUBLISHED],
        measured=docs[MEASURED],
    )
    (work_dir / MEASURED).parent.mkdir(parents=True, exist_ok=True)
    write_json(docs[MEASURED], work_dir / MEASURED)
    write_aside(work_dir / PAGE, page)
    print(f'wrote {work_dir / PAGE} and {work_dir / MEASURED}')
    return 0


def name_folders(folders: Mapping[str, tuple[Path, Path | None]]) -> None:
    """Tell the configs where videos and annotations are, by the environment variables that they read.

    Raises:
        ValueError: a folder is not there, or not given.
    """
    for data_set, pair in folders.items():
        for what, folder in zip(('videos', 'annotations'), pair):
            if folder is None or not folder.is_dir():
                given = 'is missing' if folder is None else f'{folder}: there is no such folder'
                raise ValueError(f'the {what} of {DATA_SETS[data_set]}: {given}')
            os.environ[f'{data_set}_{what}'.upper()] = str(folder.resolve())


def measure(row: Row, work_dir: Path, *, options: Mapping) -> tuple[Path, Path | None]:
    """Test the network of a row, if that is not done.

    Returns:
        The file of metrics with their provenance, and the checkpoint that was tested, the last of its training; None
        for random weights.
    """
    checkpoint = None if row.training is None else Path(find_latest_checkpoint(str(work_dir / row.training)))
    file = work_dir / 'metrics' / row.file
    config = test_config(row, options)
    origin = origin_of(config_name(config), as_built(config) if checkpoint is None else named_by_content(checkpoint))
    if not file.is_file() or read_json(file).get(PROVENANCE) != origin:
        config.work_dir = str(work_dir / 'tests' / file.stem)
        print(f'testing: {row.name}')
        metrics = test_student(config, None if checkpoint is None else str(checkpoint))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_metrics(file, metrics, origin)
    return file, checkpoint


def test_config(row: Row, options: Mapping) -> Config:
    """The config that a row is tested with: of its student, on the videos of its data set."""
    config = read_config(find_config(row.config))
    if row.data_set not in row.config:  # learned on other videos
        other = read_config(find_config(f'finetune_r3d_{row.data_set}'))
        config.test_dataloader = other.test_dataloader
    if row.protocol == 'retrieval':
        config.test_evaluator = [dict(type='ClipRetrieval')]
    merge_options(config, dict(options))
    return config


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
