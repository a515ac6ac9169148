"""``kdtoolbox report`` measures a training from its work directory alone: the numbers are those of a test."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from kdtoolbox.cli.main import main
from kdtoolbox.criterion.batch_labels import at_progress, training_progress
from kdtoolbox.evaluation.video_record import load_record
from kdtoolbox.reporting.run_origin import read_commands
from kdtoolbox.reporting.runs import read_run
from kdtoolbox.reporting.runs.outcomes import ACCURACY, RETRIEVAL1, RETRIEVAL5, TEACHER, outcomes_of
from kdtoolbox.runner import measure_run as measuring
from kdtoolbox.runner.measure_run import best_checkpoint, measure_run
from kdtoolbox.runner.testing import test_student as metrics_of_student
from kdtoolbox.runner.training import train
from kdtoolbox.safe_files import load_safely
from tests.tiny import TinyImageNet, run_config, teacher_config


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A distillation of one epoch on made-up clips, with a teacher of the data set's classes, and its config."""
    folder = tmp_path_factory.mktemp('trained')
    init_default_scope('kdtoolbox')
    torch.manual_seed(0)
    torch.save(TinyImageNet(num_classes=5).state_dict(), folder / 'teacher.pth')
    teacher = dict(
        teacher_config(), model=dict(type='TinyImageNet', num_classes=5), weights=str(folder / 'teacher.pth')
    )
    terms = dict(kd=dict(loss=dict(type='KLDivergence', temperature=2.0)))
    config = run_config(folder / 'kd', epochs=1, teacher=teacher, terms=terms)
    config.test_dataloader.dataset.length = 24
    config.custom_imports = dict(imports=['tests.tiny'])
    train(config)
    return folder / 'kd', config


def test_what_is_measured_is_what_testing_gives_and_is_kept(trained, tmp_path, capsys):
    folder, config = trained
    status = main(['report', str(folder), '--compute', '--out', str(tmp_path / 'report.html')])
    assert status == 0 and 'not measured' not in capsys.readouterr().out
    run = read_run(folder)
    config.work_dir = str(tmp_path / 'test')
    metrics = metrics_of_student(config, str(best_checkpoint(folder)))
    outcomes = outcomes_of(run)
    measured = {name: right.mean() for name, right in outcomes.right.items()}
    assert measured == pytest.approx(
        {
            ACCURACY: metrics['acc/top1'],
            RETRIEVAL1: metrics['retrieval/top1'],
            RETRIEVAL5: metrics['retrieval/top5'],
        }
    )
    assert outcomes.chances[RETRIEVAL5] == pytest.approx(metrics['retrieval/chance_top5'])
    assert len(outcomes_of(run, TEACHER).right[ACCURACY]) == 12
    assert run.costs['student']['parameters'] > run.costs['teacher']['parameters'] > 0
    assert sum(run.gradient_shares.values()) == pytest.approx(1) and set(run.gradient_shares) == {'loss_cls', 'loss_kd'}
    assert 'p.missing' not in (tmp_path / 'report.html').read_text().partition('</style>')[2]


def test_shares_of_the_gradient_are_those_at_the_end_of_the_training(trained, tmp_path):
    folder, config = trained
    rising = config.to_dict()
    rising['model']['terms']['kd']['weight_schedule'] = [(0, 0), (0.3, 1)]
    shares = measuring._gradient_shares(rising, Path(best_checkpoint(folder)), tmp_path)
    assert set(shares) == {'loss_cls', 'loss_kd'} and shares['loss_kd'] > 0


def test_a_mean_teacher_is_measured_as_the_checkpoint_has_it(tmp_path, monkeypatch):
    teacher = dict(type='EMATeacher', view=dict(size=16), decay=0.9)
    config = run_config(
        tmp_path / 'run', epochs=1, teacher=teacher, terms=dict(kd=dict(loss=dict(type='KLDivergence')))
    )
    config.custom_hooks.append(dict(type='EMATeacherHook'))
    settings = config.to_dict()
    train(config)
    seen = []
    monkeypatch.setattr(measuring, 'examine', lambda model, batch: seen.append(model) or SimpleNamespace(losses=[]))
    measuring._gradient_shares(settings, tmp_path / 'run/epoch_1.pth', tmp_path)
    stored = load_safely(tmp_path / 'run/epoch_1.pth', what='checkpoint')['ema_teachers']['']
    state = seen[0].teachers[''].average.state_dict()
    assert stored.keys() == state.keys() and all(torch.equal(value, state[name]) for name, value in stored.items())


def test_the_teacher_behind_a_cache_is_the_one_that_is_measured():
    cached = dict(type='CachedTeacher', cache='gone', teacher=teacher_config())
    assert measuring._teachers(dict(teacher=cached, terms=dict(kd={}))) == {'': teacher_config()}


def test_it_is_measured_once_for_a_checkpoint(trained, monkeypatch):
    folder, _ = trained
    measure_run(folder)
    before = (folder / 'report/videos.npz').stat().st_mtime_ns
    monkeypatch.setattr('kdtoolbox.runner.measure_run.build_runner', None)
    assert measure_run(folder) == [] and (folder / 'report/videos.npz').stat().st_mtime_ns == before


def test_a_teacher_that_is_gone_is_said_and_the_student_is_measured(trained, tmp_path):
    folder, _ = trained
    copied = tmp_path / 'kd'
    shutil.copytree(folder, copied, ignore=shutil.ignore_patterns('report'))
    for file in (*copied.glob('*.py'), *copied.glob('*/vis_data/config.py')):
        file.write_text(file.read_text().replace('teacher.pth', 'gone.pth'))
    problems = measure_run(copied)
    assert 'gone.pth' in problems[0]
    record = load_record(copied / 'report/videos.npz')
    assert not len(record.teacher_features) and np.isfinite(record.features).all()


def test_training_notes_its_command_commit_and_versions(trained):
    noted = read_commands(trained[0])
    assert len(noted) == 1 and noted[0]['versions']['torch'] == version('torch')
    assert json.loads((trained[0] / 'command.json').read_text()) == noted


def test_what_is_looked_at_outside_of_a_training_can_have_its_progress():
    before = training_progress()
    with at_progress(0.25):
        assert training_progress() == 0.25
    assert training_progress() == before


@pytest.mark.parametrize(
    'options, message',
    [
        (['no_such_folder'], 'no_such_folder: no such work directory'),
        (['.', '--baseline', 'none'], 'none: no such work directory'),
        (['.', '--checkpoint', 'a.pth'], '--checkpoint is for --compute'),
        (['student'], 'student is a student, not a training'),
    ],
)
def test_mistakes_are_one_line(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'student').mkdir()
    (tmp_path / 'student/student.safetensors').touch()
    assert main(['report', *options]) == 2
    assert message in capsys.readouterr().err
