"""Reading configs, the same way for every command."""

import subprocess
import sys

import pytest
from mmengine.config import Config

from kdtoolbox.cli.main import main
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.reading import read_config
from tests.conftest import REPOSITORY
from tests.test_configs import small
from tests.tiny import run_config


@pytest.mark.parametrize('command', ['train', 'doctor'])
def test_yaml_that_asks_for_python_objects_is_refused_and_not_run(command, tmp_path, capsys):
    trace = tmp_path / 'trace'
    config = tmp_path / 'config.yml'
    config.write_text(f'model: !!python/object/apply:os.mkdir ["{trace}"]\n')
    assert main([command, str(config)]) == 2
    assert 'could run code' in capsys.readouterr().err
    assert not trace.exists()


def test_a_whole_config_as_yaml_trains_like_the_same_as_python(tmp_path, data):
    """Lists of numbers in pipelines become the tuples that mmaction2's transforms ask for."""
    config = read_config(find_config('kd_r2d_to_r3d_hmdb51'))
    file = tmp_path / 'whole.yml'
    config.dump(file)
    assert '- 0.8409' in file.read_text()  # a list there
    again = read_config(file)
    for one, other in zip(again.train_dataloader.dataset.pipeline[:6], config.train_dataloader.dataset.pipeline):
        assert one == other
    videos, annotations = data['hmdb51']
    options = small(find_config('kd_r2d_to_r3d_hmdb51'))
    for loader in (
        'train_dataloader.dataset',
        'val_dataloader.dataset.datasets.0',
        'val_dataloader.dataset.datasets.1',
        'test_dataloader.dataset.datasets.0',
        'test_dataloader.dataset.datasets.1',
    ):
        options += [f'{loader}.data_root={videos}', f'{loader}.ann_file={annotations}']
    assert (
        main(['experiment', '--config', str(file), '--work-dir', str(tmp_path / 'run'), '--cfg-options', *options]) == 0
    )
    assert (tmp_path / 'run' / 'epoch_1.pth').is_file()


@pytest.mark.parametrize('command', ['train', 'doctor'])
def test_an_experiment_of_the_original_schema_is_sent_to_its_command(command, capsys):
    assert main([command, 'yaml/simple.yml']) == 2
    assert 'python main.py --config' in capsys.readouterr().err


def test_a_base_that_is_not_there_is_named(tmp_path, capsys):
    (tmp_path / 'config.yml').write_text('_base_: [nope.py]\n')
    assert main(['train', str(tmp_path / 'config.yml')]) == 2
    assert 'nope.py' in capsys.readouterr().err


@pytest.mark.parametrize('options', [['--cfg-options', 'load_from=nope.pth'], ['--resume', 'nope.pth']])
def test_weights_that_are_not_there_are_a_message(options, capsys):
    assert main(['train', 'demo/video_student.py', *options]) == 2
    assert 'nope.pth: no such file' in capsys.readouterr().err


def test_a_knob_inside_a_knob_is_refused_too_and_only_settings_are_advised(capsys):
    assert main(['train', 'anc_r2d_to_r3d_ucf101', '--cfg-options', 'player.optimizer.lr=0.5']) == 2
    message = capsys.readouterr().err
    assert 'would change nothing' in message and 'optim_wrapper.student.optimizer.lr' in message
    assert main(['train', 'anc_r2d_to_r3d_ucf101', '--cfg-options', 'learning_rate=0.5']) == 2
    assert 'player' not in capsys.readouterr().err


def test_a_knob_of_1_is_not_all_that_is_switched_on(tmp_path, capsys):
    (tmp_path / 'config.py').write_text(
        "max_epochs = 1\nmodel = dict(type='Distiller', use_labels=True)\n"
        'train_cfg = dict(by_epoch=True, max_epochs=max_epochs)\n'
    )
    assert main(['train', str(tmp_path / 'config.py'), '--cfg-options', 'max_epochs=2']) == 2
    message = capsys.readouterr().err
    assert 'train_cfg.max_epochs' in message and 'use_labels' not in message and 'by_epoch' not in message


@pytest.mark.parametrize('seed', ['-1', '4294967296', 'a'])
def test_a_seed_that_is_none_is_one_line(seed, capsys):
    with pytest.raises(SystemExit):
        main(['train', 'demo/video_student.py', f'--seed={seed}'])
    assert f'{seed} is not a whole number from 0 to 4294967295' in capsys.readouterr().err


def test_a_misspelled_argument_is_answered_with_the_nearest(tmp_path, capsys):
    assert main(['doctor', 'kd_r2d_to_r3d_hmdb51', '--synthetic', '--cfg-options', 'model.teacher.wieghts=None']) == 2
    assert "ImageTeacher has no argument 'wieghts': did you mean 'weights'?" in capsys.readouterr().err


def test_a_config_without_test_data_cannot_be_tested(tmp_path, capsys):
    config = run_config(tmp_path)
    for name in ('test_dataloader', 'test_cfg', 'test_evaluator'):
        config.pop(name)
    config.dump(tmp_path / 'config.py')
    (tmp_path / 'any.pth').touch()
    assert main(['test', str(tmp_path / 'config.py'), str(tmp_path / 'any.pth')]) == 2
    assert 'no test_dataloader' in capsys.readouterr().err


def test_a_printed_config_is_all_that_is_printed(tmp_path, monkeypatch):
    monkeypatch.setenv('UCF101_VIDEOS', str(tmp_path))
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / 'main.py'), '--config', 'yaml/anc.yml', '--print-config'],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (tmp_path / 'printed.py').write_text(done.stdout)
    assert Config.fromfile(tmp_path / 'printed.py').model.type == 'AdversarialDistiller'
