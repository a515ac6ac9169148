"""Several trainings of one config: each once, compared at the end."""

import json
import shlex

import pytest
import torch

from kdtoolbox.cli.arguments.sweep import EXAMPLE
from kdtoolbox.cli.main import main
from kdtoolbox.cli.sweep import table_of
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.runner import sweep_runs
from kdtoolbox.runner.optuna_search import search
from kdtoolbox.runner.sweep_runs import FINISHED, SweepRun, folder_name, read_choices, run_of
from kdtoolbox.safe_files import load_safely
from tests.tiny import run_config

RATE = 'optim_wrapper.optimizer.lr'


@pytest.fixture(scope='module')
def config_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp('sweep')
    config = run_config(folder / 'unused', epochs=1)
    config.work_dir = None
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(folder / 'tiny.py')
    return folder / 'tiny.py'


@pytest.fixture(scope='module')
def swept(config_file, tmp_path_factory):
    """The folder of a finished sweep over two learning rates, one of them 0."""
    folder = tmp_path_factory.mktemp('runs') / 'out'
    assert main(['sweep', str(config_file), '--set', f'{RATE}=0.05,0.0', '--work-dir', str(folder)]) == 0
    return folder


def test_each_value_is_trained_in_its_own_folder_and_the_report_compares_them(swept):
    assert {one.name for one in swept.iterdir()} == {'lr=0.05', 'lr=0.0', 'report.html'}
    learnt, still = (
        load_safely(swept / name / 'epoch_1.pth', what='checkpoint')['state_dict'] for name in ('lr=0.05', 'lr=0.0')
    )
    key = 'student.cls_head.fc_cls.weight'
    assert learnt.keys() == still.keys() and not torch.equal(learnt[key], still[key])
    page = (swept / 'report.html').read_text()
    assert 'Report on 2 trainings' in page and 'Student against student' in page


def test_finished_runs_are_left_out_and_an_interrupted_one_goes_on(swept, config_file, monkeypatch, capsys):
    (swept / 'lr=0.0' / FINISHED).rename(swept / 'lr=0.0' / 'put aside.json')
    started = []
    monkeypatch.setattr(run_of, '__kwdefaults__', {'train_it': started.append})
    command = ['sweep', str(config_file), '--set', f'{RATE}=0.05,0.0', '--work-dir', str(swept), '--no-report']
    assert main(command) == 0
    (config,) = started
    assert config.work_dir == str(swept / 'lr=0.0') and config.optim_wrapper.optimizer.lr == 0
    assert config.resume and config.load_from == str(swept / 'lr=0.0' / 'epoch_1.pth')
    table = capsys.readouterr().out
    assert 'best retrieval/top1' in table and 'last acc/top1' in table
    with pytest.raises(ValueError, match='a finished run of another config'):
        base = read_config(config_file)
        base.randomness.seed = 4
        run_of(swept / 'lr=0.05', base, {RATE: 0.05})


def test_a_metric_that_no_run_has_is_said_after_the_first(swept, config_file, capsys):
    command = ['sweep', str(config_file), '--set', f'{RATE}=0.05,0.0', '--work-dir', str(swept), '--no-report']
    assert main([*command, '--metric', 'nope']) == 2
    assert 'no run can be compared by nope' in capsys.readouterr().err


def test_a_run_that_fails_is_said_and_the_others_go_on(config_file, tmp_path, monkeypatch, capsys):
    def train(config):
        if config.optim_wrapper.optimizer.lr > 1:
            raise ValueError('the loss is nan\nand more')

    monkeypatch.setattr(run_of, '__kwdefaults__', {'train_it': train})
    command = ['sweep', str(config_file), '--set', f'{RATE}=9.0,0.5', '--work-dir', str(tmp_path), '--no-report']
    assert main(command) == 1
    assert 'lr=9.0 failed: the loss is nan\n' in capsys.readouterr().out
    assert not (tmp_path / 'lr=9.0' / FINISHED).exists()
    assert json.loads((tmp_path / 'lr=0.5' / FINISHED).read_text())['options'] == {RATE: 0.5}


def test_the_best_run_comes_first_and_failed_ones_last(tmp_path):
    runs = [
        SweepRun(tmp_path, {'a.lr': 1}, {'acc': [0.1, 0.3, 0.2]}, 5),
        SweepRun(tmp_path, {'a.lr': 2}, {'acc': [0.4], 'knn': [0.9]}, 5),
        SweepRun(tmp_path, {'a.lr': 3}, {'acc': [0.9]}, 5, error='stopped'),
    ]

    def column(**options) -> list[list[str]]:
        return [line.split()[:2] for line in table_of(runs, 'acc', **options).splitlines()[3:]]

    assert column() == [['2', '0.4'], ['1', '0.3'], ['3', '0.9']]
    assert column(largest=False) == [['1', '0.1'], ['2', '0.4'], ['3', '0.9']]
    with pytest.raises(ValueError, match='no run has the metric loss: they have acc, knn'):
        table_of(runs, 'loss')


def test_values_may_be_lists_and_have_folders_of_plain_names():
    choices = read_choices(['model.student_view.size=(112,112),64', 'a.b=x y,None', 'a.c=1'])
    assert choices == {'model.student_view.size': [(112, 112), 64], 'a.b': ['x y', None], 'a.c': [1]}
    name = folder_name({'a.b': '../x y', 'a.c': 1})
    assert name.startswith('b=.._x_y,c=1-') and '/' not in name
    assert name != folder_name({'a.b': '..|x y', 'a.c': 1})
    for wrong, message in ((['a=1', 'a=2'], 'given twice'), (['a=1,1'], 'there twice')):
        with pytest.raises(ValueError, match=message):
            read_choices(wrong)


@pytest.mark.parametrize('choice, message', [('lr', 'expected KEY=A,B,C'), ('lr=1..2', 'a range is for --optuna N')])
def test_what_is_no_choice_is_said_at_once(choice, message, capsys):
    assert main(['sweep', 'demo/video_student', '--set', choice]) == 2
    assert message in capsys.readouterr().err


def test_the_example_trains_all_combinations(tmp_path, monkeypatch, capsys):
    trained = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_of, '__kwdefaults__', {'train_it': trained.append})
    assert main([*shlex.split(EXAMPLE)[1:], '--no-report']) == 0
    combinations = [(one.optim_wrapper.optimizer.lr, one.randomness.seed) for one in trained]
    assert combinations == [(0.01, 0), (0.01, 1), (0.1, 0), (0.1, 1)]
    assert 'run 4 of 4: lr=0.1,seed=1' in capsys.readouterr().out


def test_optuna_finds_the_best_of_a_range_and_goes_on_where_it_stopped(tmp_path):
    pytest.importorskip('optuna')
    trained = []

    def run(options) -> SweepRun:
        trained.append(options)
        if options['kind'] == [3]:
            return SweepRun(tmp_path / str(len(trained)), options, error='stopped')
        loss = (options['x'] - 3) ** 2
        return SweepRun(tmp_path / str(options), options, {'loss': [loss]})

    def ask(num_runs):
        return search(
            ['x=0..10', 'kind=1,[3]'],
            run,
            num_runs=num_runs,
            value_of=lambda one: one.best('loss', largest=False),
            largest=False,
            folder=tmp_path,
        )

    assert len(ask(6)) <= 6 and len(trained) == 6
    assert all(isinstance(one['x'], int) and 0 <= one['x'] <= 10 for one in trained)
    found = ask(20)  # the first six are read again
    assert len(trained) == 6 + 20 and trained[6:12] == trained[:6]
    assert min(one.best('loss', largest=False) for one in found if not one.error) == 0
    with pytest.raises(ValueError, match='expected LOW below HIGH'):
        search(['x=log:0..1'], run, num_runs=1, value_of=len, largest=True, folder=tmp_path)


def test_the_module_of_runs_trains_as_the_train_command_does():
    from kdtoolbox.runner.training import train

    assert sweep_runs.train is train and run_of.__kwdefaults__['train_it'] is train
