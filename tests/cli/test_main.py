import os
import signal
import subprocess
import sys

import pytest

from kdtoolbox.cli.main import COMMANDS, main
from tests.conftest import REPOSITORY
from tests.tiny import run_config


def run(capsys, *arguments: str) -> tuple[int, str]:
    status = main([*map(str, arguments)])
    return status, capsys.readouterr().err


def test_help_names_every_command_without_importing_them():
    code = (
        'import sys\nfrom kdtoolbox.cli.main import main\n'
        "try: main(['--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=REPOSITORY)
    assert all(f'    {name}' in done.stdout for name in COMMANDS), done.stdout
    assert done.stdout.rstrip().endswith('False')


def test_the_package_can_be_run_as_the_command():
    done = subprocess.run(
        [sys.executable, '-m', 'kdtoolbox', 'results', '--help'], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0 and done.stdout.startswith('usage: kdtoolbox results')


def test_a_missing_config_says_where_it_was_looked_for(capsys):
    status, message = run(capsys, 'train', 'no_such_config.py')
    assert status == 2 and "config 'no_such_config.py': no such file. Looked for" in message


def test_a_wrong_tap_is_one_message_without_a_traceback(capsys, tmp_path):
    config = run_config(tmp_path)
    config.model.terms.kd.student = 'backbone.layer9'
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    status, message = run(capsys, 'train', tmp_path / 'config.py')
    assert status == 2 and "student tap 'backbone.layer9'" in message and 'Traceback' not in message


def test_amp_without_a_gpu_is_refused_clearly(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    run_config(tmp_path).dump(tmp_path / 'config.py')
    status, message = run(capsys, 'train', tmp_path / 'config.py', '--amp')
    assert status == 2 and '--amp needs a GPU' in message


@pytest.mark.parametrize('schedule', [None, dict(type='LinearLR', end=5, by_epoch=True, convert_to_iter_based=True)])
def test_a_batch_larger_than_the_training_set_is_refused(schedule, capsys, tmp_path):
    """Before a schedule counts the steps of an epoch."""
    config = run_config(tmp_path, batch_size=64)
    config.train_dataloader.drop_last = True
    config.param_scheduler = schedule
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    status, message = run(capsys, 'train', tmp_path / 'config.py')
    assert status == 2 and '8 videos, too few for one batch of 64' in message


def test_the_seed_option_wins_over_the_config(tmp_path):
    import argparse

    from kdtoolbox.config_files.overriding import load_config

    run_config(tmp_path).dump(tmp_path / 'config.py')
    args = argparse.Namespace(
        config=str(tmp_path / 'config.py'), work_dir=None, cfg_options=None, seed=11, launcher='none', safe_config=False
    )
    config = load_config(args)
    assert config.randomness.seed == 11 and config.work_dir == str(tmp_path)


def test_an_error_of_the_program_keeps_its_traceback(monkeypatch, tmp_path):
    def broken(args):
        raise RuntimeError('a bug')

    monkeypatch.setattr('kdtoolbox.cli.export_student.run', broken)
    (tmp_path / 'a.pth').touch()
    with pytest.raises(RuntimeError, match='a bug'):
        main(['export-student', str(tmp_path / 'a.pth'), str(tmp_path / 'b.pth')])


def test_a_knob_that_was_spent_while_the_config_was_read_is_refused_with_what_it_made(capsys):
    status, message = run(
        capsys, 'train', REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py', '--cfg-options', 'learning_rate=9'
    )
    assert status == 2 and 'would change nothing' in message and 'optim_wrapper.optimizer.lr' in message


def test_the_runs_seed_reaches_the_data_sets_that_have_none_of_their_own():
    from mmengine.config import Config

    from kdtoolbox.config_files.overriding import seed_datasets

    config = Config.fromfile(REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py')
    config.randomness.seed = 7
    config.val_dataloader.dataset.datasets[1].seed = 3
    seed_datasets(config)
    assert config.train_dataloader.dataset.seed == 7
    assert [dataset.seed for dataset in config.val_dataloader.dataset.datasets] == [7, 3]


def test_an_error_of_a_data_loader_worker_is_one_message_too(capsys, tmp_path, monkeypatch):
    def fails_in_a_worker(args):
        raise ValueError(
            'Caught ValueError in DataLoader worker process 0.\nOriginal Traceback:\n  File '
            '"/site/kdtoolbox/datasets/clip_dataset.py"\nValueError: 5 of the 9 videos do not decode\n'
        )

    monkeypatch.setattr('kdtoolbox.cli.export_student.run', fails_in_a_worker)
    (tmp_path / 'a').touch()
    status, message = run(capsys, 'export-student', tmp_path / 'a', tmp_path / 'b')
    assert status == 2 and message == 'kdtoolbox export-student: 5 of the 9 videos do not decode\n'


def test_a_killed_worker_is_one_message_also_while_mmengine_formats_the_config(capsys, monkeypatch):
    from kdtoolbox.cli import train

    def formatting(options):
        try:
            raise RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed. ')
        except RuntimeError:
            raise SyntaxError('Failed to format the config file') from None

    monkeypatch.setattr(train, 'run', formatting)
    assert main(['train', 'configs/kd_r2d_to_r3d_hmdb51.py']) == 2
    error = capsys.readouterr().err
    assert 'is killed by signal: Killed' in error and '--resume' in error and 'SyntaxError' not in error


def test_a_pipe_whose_reader_has_ended_is_no_traceback():
    """``kdtoolbox list losses | head -1``."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, '-m', 'kdtoolbox', 'list', 'losses']
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, '')
