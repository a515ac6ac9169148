"""`kdtoolbox reproduce`: the experiments of docs/results.md, run on small networks and generated videos."""

import ast
import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.datasets.ucf101 import read_ucf101
from kdtoolbox.reporting import chance_level, reproduction
from kdtoolbox.reporting.reproduction import ROWS, TRAININGS, rows_of, trainings_of
from tests.conftest import REPOSITORY
from tests.test_configs import small

ROWS_OF_R3D = ['R3D-18, distilled', 'scratch']


def options(config: str) -> dict:
    """Changes that make a config small."""
    return dict(option.split('=', 1) for option in small(find_config(config)))


def parsed_value(text: str):
    """As ``--cfg-options`` reads it."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):  # a name
        return text


@pytest.fixture
def small_trainings(data, monkeypatch):
    """Every training with a small network; the generated videos count as the whole data set."""
    parsed = {
        training.name: {key: parsed_value(value) for key, value in options(training.config).items()}
        for training in TRAININGS
    }
    monkeypatch.setattr(
        reproduction,
        'TRAININGS',
        [dataclasses.replace(one, cfg_options={**parsed[one.name], **one.cfg_options}) for one in TRAININGS],
    )
    annotations = data['ucf101'][1]
    subsets = [read_ucf101(annotations, split=1, subset=subset) for subset in ('training', 'validation')]
    official = (len(subsets[0][1]), len(subsets[0][0]), len(subsets[1][0]))
    monkeypatch.setitem(chance_level.OFFICIAL, 'ucf101', official)


def reproduce(data, work_dir: Path, docs: Path, *more: str) -> int:
    videos, annotations = map(str, data['ucf101'])
    where = ['--videos', videos, '--annotations', annotations, '--work-dir', str(work_dir), '--docs', str(docs)]
    return main(['reproduce', 'ucf101', *where, '--rows', *ROWS_OF_R3D, *more])


@pytest.mark.slow
def test_one_command_trains_tests_and_fills_the_tables_and_goes_on_where_it_was(
    data, small_trainings, tmp_path, capsys, monkeypatch
):
    docs = tmp_path / 'docs'
    shutil.copytree(REPOSITORY / 'docs/results', docs / 'results')
    shutil.copy(REPOSITORY / 'docs/results.md', docs)
    before = (docs / 'results.md').read_bytes()
    assert reproduce(data, tmp_path / 'run', docs) == 0
    assert (docs / 'results.md').read_bytes() == before
    rows = {
        (row['protocol'], row['name']): row
        for row in json.loads((tmp_path / 'run/results/measured.json').read_text())
        if row['data_set'] == 'ucf101' and row['values']
    }
    assert {protocol for protocol, _ in rows} == {'retrieval', 'finetune'}
    assert len(rows) == 3
    fine_tuned = rows['finetune', 'R3D-18, distilled from ResNet-18 on UCF-101 without labels']
    assert fine_tuned['epoch'] == 1 and fine_tuned['config'] == 'finetune_r3d_ucf101'
    page = (tmp_path / 'run/results.md').read_text()
    assert f'{100 * fine_tuned["values"]["top-1"]:.1f}' in page
    # Again: nothing is trained or tested.
    monkeypatch.setattr('kdtoolbox.runner.stages.train', lambda *args, **kwargs: pytest.fail('trained again'))
    monkeypatch.setattr('kdtoolbox.runner.reproducing.test_student', lambda *args: pytest.fail('tested again'))
    assert reproduce(data, tmp_path / 'run', docs) == 0
    capsys.readouterr()
    assert reproduce(data, tmp_path / 'run', docs, '--dry-run') == 0
    assert ' no' not in capsys.readouterr().out


def test_annotations_that_are_not_the_official_split_are_refused_before_training(data, tmp_path, capsys):
    assert reproduce(data, tmp_path / 'run', REPOSITORY / 'docs') == 2
    assert 'Give the official split files' in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()


def test_every_row_of_ours_in_the_tables_can_be_reproduced():
    measured = json.loads((REPOSITORY / 'docs/results/measured.json').read_text())
    in_the_tables = {(row['data_set'], row['protocol'], row['name'], row['config']) for row in measured}
    assert {(row.data_set, row.protocol, row.name, row.config) for row in ROWS} == in_the_tables


def test_with_one_data_set_alone_rows_that_need_the_other_are_left_out():
    rows = rows_of(['hmdb51'], tested_on='hmdb51')
    assert {training.data_set for training in trainings_of(rows)} == {'hmdb51'}
    assert len(rows_of(['hmdb51', 'ucf101'], tested_on='hmdb51')) > len(rows)
