"""What the console shows of a run, and what only the log file has."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kdtoolbox.cli.main import main
from tests.tiny import run_config


@pytest.fixture
def config(tmp_path):
    """A whole experiment in a file, which logs."""
    config = run_config(tmp_path / 'run')
    config.custom_imports, config.log_level = dict(imports=['tests.tiny']), 'INFO'
    config.dump(tmp_path / 'config.py')
    return tmp_path / 'config.py'


def shown(capsys, *arguments) -> list[str]:
    """The lines that a command shows, of both streams."""
    assert main([*map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    return [*out.splitlines(), *err.splitlines()]


def log_of(config: Path) -> str:
    (file,) = config.parent.glob('run/*/*.log')
    return file.read_text()


def test_a_training_shows_what_was_resolved_and_a_line_an_epoch(config, capsys):
    lines = shown(capsys, 'train', config)
    text = '\n'.join(lines)
    for fact in (
        r'training data +TinyClips: 8 videos, 5 classes; 4 clips a step, 2 steps, 2 epochs',
        r'validation data +TinyClips: 11 videos',
        r'student +Recognizer3D \(ResNet3d\), \d\.\d\d M parameters',
        r'teacher +ImageTeacher TinyImageNet weights random, .* frozen',
        r'term kd +L2 of student features and teacher logits, weight 1',
        r'parameters +\d\.\d\d M learn',
        rf'results +{config.parent}/run',
        rf'full log +{config.parent}/run/.*\.log',
    ):
        assert re.search(fact, text), fact
    epochs = [line for line in lines if line.startswith('epoch ')]
    assert [line.partition(':')[0] for line in epochs] == ['epoch 1/2', 'epoch 2/2']
    assert all(re.search(r'loss \d.*lr 0\.0.*; \d+ s; validation .*retrieval/top1 \d', line) for line in epochs)
    assert len(lines) < 25, text


def test_an_epoch_without_a_validation_has_its_line_too(config, capsys):
    options = ['--cfg-options', 'train_cfg.max_epochs=3', 'train_cfg.val_interval=2']
    lines = [line for line in shown(capsys, 'train', config, *options) if line.startswith('epoch ')]
    assert [(line.partition(':')[0], 'validation' in line) for line in lines] == [
        ('epoch 1/3', False),
        ('epoch 2/3', True),
        ('epoch 3/3', True),
    ]


def test_a_training_by_steps_has_a_line_for_each_validation(config, capsys):
    by_steps = 'train_cfg = dict(by_epoch=False, max_iters=3, val_interval=2)'
    config.write_text(f'{config.read_text()}\n{by_steps}\n')
    lines = [line for line in shown(capsys, 'train', config) if line.startswith('step ')]
    assert [line.partition(':')[0] for line in lines] == ['step 2/3', 'step 3/3']


def test_what_libraries_say_of_themselves_is_not_shown_and_the_file_has_everything(
    config, capsys, recwarn, monkeypatch
):
    watched = ['--cfg-options', 'default_hooks.finite_losses.type=FiniteLossHook']  # as in the shipped configs
    config.write_text(f"{config.read_text()}\nvariable = '{{{{$KDTOOLBOX_TESTED:unset}}}}'\n")
    monkeypatch.setenv('KDTOOLBOX_TESTED', 'set')
    text = '\n'.join(shown(capsys, 'train', config, *watched))
    assert not [warning for warning in recwarn if 'optimizer.step' in str(warning.message)]
    for noise in (
        'Using env variable',
        'FileClient',
        'HardDiskBackend',
        'mmengine - ',
        'Hooks will be executed',
        'System environment',
    ):
        assert noise not in text
    assert 'warning: the teacher TinyImageNet has random weights' in text
    log = log_of(config)
    for kept in ('Hooks will be executed', 'System environment', 'Epoch(train) [2][2/2]', 'random weights'):
        assert kept in log


def test_verbose_shows_the_whole_log_and_quiet_only_warnings(config, capsys):
    verbose = '\n'.join(shown(capsys, 'train', config, '-v'))
    assert 'Epoch(train) [2][2/2]' in verbose and 'Hooks will be executed' in verbose
    quiet = shown(capsys, 'train', config, '--quiet', '--work-dir', config.parent / 'quiet')
    assert quiet == ['warning: the teacher TinyImageNet has random weights: weights=None']


def test_two_runs_of_one_second_have_logs_and_losses_of_their_own(config, capsys, monkeypatch):
    monkeypatch.setattr('mmengine.runner.runner.time.time', lambda: 1_700_000_000.5)
    first, second = (shown(capsys, 'train', config, '--quiet') for _ in range(2))
    assert first == ['warning: the teacher TinyImageNet has random weights: weights=None']
    assert second[0] == first[0] and 'holds checkpoints of an earlier training' in second[1] and len(second) == 2
    logs = sorted(config.parent.glob('run/*/*.log'))
    assert len(logs) == 2 and all(log.read_text().count('Epoch(train) [1][2/2]') == 1 for log in logs)


def test_a_test_shows_its_metrics(config, capsys):
    shown(capsys, 'train', config, '-q')
    lines = shown(capsys, 'test', config, config.parent / 'run/epoch_2.pth')
    assert any(re.fullmatch(r' +acc/top1 +\d\.\d{4}', line) for line in lines), lines
    assert any('test data' in line for line in lines)
    quiet = shown(capsys, 'test', config, config.parent / 'run/epoch_2.pth', '-q')
    assert any('retrieval/top1' in line for line in quiet) and not any('test data' in line for line in quiet)


IMPORTS = """
import sys
from kdtoolbox.registry import MODELS, OPTIMIZERS
MODELS.import_from_location()
print([name for name in ('scipy.stats', 'transformers') if name in sys.modules])
import torch
from mmaction.datasets.transforms.pose_transforms import mode
print(mode([3, 5, 5]).count, type(OPTIMIZERS.build(dict(type='Adafactor', params=[torch.ones(1)]))).__module__)
print([name for name in ('scipy.stats', 'transformers') if name in sys.modules])
"""


def test_importing_everything_warns_of_nothing_of_mmcv_and_puts_off_what_takes_seconds():
    done = subprocess.run([sys.executable, '-c', IMPORTS], capture_output=True, text=True, check=True)
    assert 'mmcv' not in done.stderr
    before, *_, used, after = done.stdout.splitlines()
    assert (before, used) == ('[]', '2 transformers.optimization')
    assert after == "['scipy.stats', 'transformers']"
