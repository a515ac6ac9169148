"""What a training leaves for its report: the log of a resumed one, the command that ran."""

import json
from pathlib import Path

import numpy as np
import pytest

from kdtoolbox.reporting.run_origin import FILE, MAX_KEPT, commit_of, read_commands, record_command
from kdtoolbox.reporting.runs.outcomes import Outcomes
from kdtoolbox.reporting.runs.run import Run
from kdtoolbox.reporting.runs.scalars import Curves, read_curves
from kdtoolbox.reporting.sections.accuracies import paired
from kdtoolbox.reporting.sections.context import Context
from kdtoolbox.reporting.sections.learning import learning


def write_log(folder, *entries: dict) -> None:
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, entries)))


def test_the_log_of_a_resumed_training_is_one_curve_with_the_later_values(tmp_path):
    write_log(
        tmp_path / '20260101_1/vis_data',
        *({'lr': 0.1, 'loss': float(step), 'loss_kd': 1.0, 'step': step} for step in (1, 2, 3)),
        {'acc/top1': 0.5, 'step': 1},
    )
    write_log(
        tmp_path / '20260102_1/vis_data',
        *({'lr': 0.1, 'loss': 10.0 * step, 'loss_kd': 1.0, 'step': step} for step in (3, 4)),
        {'acc/top1': float('nan'), 'step': 2},
        {'acc/top1': 0.75, 'step': 3},
    )
    curves = read_curves(tmp_path)
    assert curves.training['loss'] == {1: 1, 2: 2, 3: 30, 4: 40}
    assert curves.validation == {'acc/top1': {1: 0.5, 3: 0.75}} and list(curves.losses) == ['loss_kd']


def test_each_start_of_a_training_is_noted_with_its_command_and_versions(tmp_path):
    record_command(tmp_path, ['kdtoolbox', 'train', 'my config.py'])
    record_command(tmp_path)
    first, second = read_commands(tmp_path)
    assert first['command'] == "kdtoolbox train 'my config.py'" and second['command']
    assert 'torch' in first['versions'] and 'python' in first['versions']


def test_of_a_training_that_is_started_often_the_first_and_the_last_are_kept(tmp_path):
    (tmp_path / FILE).write_text(json.dumps([{'command': str(number)} for number in range(MAX_KEPT)]))
    record_command(tmp_path, ['last'])
    noted = [entry['command'] for entry in read_commands(tmp_path)]
    assert len(noted) == MAX_KEPT and noted[0] == '0' and noted[-2:] == [str(MAX_KEPT - 1), 'last']


@pytest.mark.parametrize('text', ['', '{}', '[1, {"command": 2}]', '[' * 100])
def test_a_note_of_another_form_is_as_none(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    assert read_commands(tmp_path) == []


def test_outside_of_git_there_is_no_commit(tmp_path):
    assert commit_of(tmp_path) is None


@pytest.mark.parametrize(
    'term, trains',
    [
        (dict(student='features', loss=dict(type='L2')), False),
        (dict(student='cls_head.fc_cls', loss=dict(type='L2')), True),
        (dict(student='backbone.layer4', loss=dict(type='CATKD')), True),
        (dict(student='logits', loss=dict(type='KLDivergence'), weight=0), False),
    ],
)
def test_a_head_is_trained_by_what_reaches_it(term, trains):
    assert Run(Path('run'), 'run', {'model': dict(use_labels=False, terms=dict(kd=term))}).trains_its_head == trains


def test_videos_of_one_name_are_no_pairs():
    twice = Outcomes(['a', 'a'], {'top-1': np.array([1.0, 0.0])}, {})
    assert paired(twice, twice, 'top-1') is None
    once = Outcomes(['a', 'b'], {'top-1': np.array([1.0, 0.0])}, {})
    assert paired(once, once, 'top-1').value == 0


def test_the_discriminators_loss_is_no_part_of_the_students():
    curves = Curves({'loss_cls': {1: 1.0, 2: 0.5}, 'discriminator_loss': {1: 9.0, 2: 9.0}})
    blocks = learning(Context(Run(Path('run'), 'run', curves=curves), None, None, 'run1')).blocks
    assert 'There is one part, cls (labels): its share is 100 %.' in [getattr(block, 'text', '') for block in blocks]
