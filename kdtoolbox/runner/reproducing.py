"""Training and testing for the rows of docs/results.md on one's own copy of a data set, and the tables with them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.overriding import merge_options
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.provenance import PROVENANCE, as_built, config_name, named_by_content, origin_of, write_metrics
from kdtoolbox.reporting.chance_level import chance_rows
from kdtoolbox.reporting.measured_row import measured_row
from kdtoolbox.reporting.reproduction import Row, trainings_of
from kdtoolbox.reporting.results_table import (
    CHANCE,
    DATA_SETS,
    MEASURED,
    PAGE,
    read_json,
    read_rows,
    replaced,
    updated_page,
    write_json,
)
from kdtoolbox.runner.stages import Stage, run_stages
from kdtoolbox.runner.testing import test_student
from kdtoolbox.safe_files import write_aside


def reproduce(
    rows: Sequence[Row], work_dir: Path, *, data_set: str, annotations: Path, docs_dir: Path, options: Mapping[str, Any]
) -> Path:
    """Train and test what the rows need and is not done, and write the tables with them to ``work_dir``.

    Args:
        data_set: that the rows are tested on.
        annotations: folder of its official split.
        docs_dir: of the page and its numbers, which stay as they are.
        options: changes of all configs, in the form of ``--cfg-options``.

    Returns:
        The page that was written.

    Raises:
        ValueError: the annotations are not those of the official split.
    """
    docs = read_rows(docs_dir)
    docs[CHANCE] = {**docs[CHANCE], data_set: chance_rows(annotations, data_set)}  # which may raise: before training
    trainings = trainings_of(rows)
    run_stages([Stage(one.name, one.config, {**one.cfg_options, **options}) for one in trainings], work_dir)
    of_tests = {one.name: {**one.options_of_tests, **options} for one in trainings}
    for row in rows:
        file, checkpoint = measure(row, work_dir, options=of_tests.get(row.training or '', options))
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
    page = updated_page(docs_dir, docs)
    (work_dir / MEASURED).parent.mkdir(parents=True, exist_ok=True)
    write_json(docs[MEASURED], work_dir / MEASURED)
    write_aside(work_dir / PAGE, page)
    return work_dir / PAGE


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
