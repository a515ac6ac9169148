"""Whatever happened to the newest checkpoint, a training goes on from one that is whole, and runs no code of it."""

import errno
import os
import shutil
from pathlib import Path

import pytest
import torch

from kdtoolbox.cli.main import main
from kdtoolbox.engine.whole_checkpoints import damage_of, newest_whole_checkpoint
from kdtoolbox.safe_files import load_safely
from tests.tiny import run_config


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """A folder with config.py and run/, in which two epochs are done."""
    from mmengine.registry import init_default_scope

    init_default_scope('kdtoolbox')
    folder = tmp_path_factory.mktemp('trained')
    config = run_config(folder / 'run', epochs=2)
    config.custom_imports = dict(imports=['tests.tiny'])
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1, max_keep_ckpts=2)
    config.dump(folder / 'config.py')
    assert main(['train', str(folder / 'config.py')]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A copy of the work directory, whose ``last_checkpoint`` names the one in the copy."""
    shutil.copytree(trained / 'run', tmp_path / 'run')
    (tmp_path / 'run/last_checkpoint').write_text(f'{tmp_path}/run/epoch_2.pth')
    os.utime(tmp_path / 'run/epoch_1.pth', (0, 0))
    return tmp_path / 'run'


def train(trained, run, *options) -> int:
    return main(['train', str(trained / 'config.py'), '--work-dir', str(run), *options])


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def change_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


DAMAGE = {
    'is cut off': cut_off,
    'is empty': lambda file: file.write_bytes(b''),
    'is gone': Path.unlink,
    'the checksum of': change_a_byte,
}


@pytest.mark.parametrize('words', DAMAGE)
def test_a_newest_checkpoint_that_is_not_whole_is_named_and_the_one_before_taken(words, run, monkeypatch):
    said = []
    monkeypatch.setattr('kdtoolbox.engine.whole_checkpoints.print_log', lambda text, *_: said.append(text))
    assert newest_whole_checkpoint(run) == str(run / 'epoch_2.pth') and not said
    DAMAGE[words](run / 'epoch_2.pth')
    assert newest_whole_checkpoint(run) == str(run / 'epoch_1.pth')
    assert 'epoch_2.pth' in said[0] and words in said[0] and 'going on from' in said[0]


def test_a_note_that_was_cut_off_or_lost_is_as_one_whose_checkpoint_is_gone(run):
    for content in ('', '/elsewhere/epoch_9.pth', None):
        (run / 'last_checkpoint').unlink() if content is None else (run / 'last_checkpoint').write_text(content)
        assert newest_whole_checkpoint(run) == str(run / 'epoch_2.pth')


def test_other_files_of_torch_are_no_checkpoints_to_go_on_from(tmp_path):
    torch.save({'state_dict': {}}, tmp_path / 'student.pth')
    assert newest_whole_checkpoint(tmp_path) is None


def test_where_no_checkpoint_is_whole_training_does_not_begin_anew_by_itself(run, trained, capsys):
    for file in run.glob('*.pth'):
        cut_off(file)
    assert train(trained, run, '--resume') == 2
    assert 'no other checkpoint' in capsys.readouterr().err


def test_resume_goes_on_from_the_whole_one(run, trained):
    cut_off(run / 'epoch_2.pth')
    assert train(trained, run, '--resume') == 0
    content = load_safely(run / 'epoch_2.pth', what='checkpoint')
    assert content['meta']['iter'] == 4 and damage_of(run / 'epoch_2.pth') is None


def test_a_damaged_checkpoint_that_is_named_is_refused_in_one_line(run, trained, capsys):
    cut_off(run / 'epoch_2.pth')
    assert train(trained, run, '--resume', str(run / 'epoch_2.pth')) == 2
    error = capsys.readouterr().err
    assert 'epoch_2.pth is cut off' in error and 'Traceback' not in error


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(meta=None), "its epoch is 'None'"),
        (dict(meta=dict(epoch='x', iter=1)), "its epoch is 'x', expected a whole number"),
        (dict(meta=dict(epoch=1, iter=-1)), "its iter is '-1'"),
        (dict(optimizer=dict(state={}, param_groups=[])), 'is not one that this training can go on from'),
        (dict(optimizer=[1]), 'is not one that this training can go on from'),
        (dict(param_schedulers='x'), 'is not one that this training can go on from'),
        (dict(message_hub=[1]), 'is not one that this training can go on from'),
    ],
)
def test_a_checkpoint_with_odd_parts_is_refused_in_one_line(changes, message, run, trained, capsys):
    torch.save({**load_safely(run / 'epoch_1.pth', what='checkpoint'), **changes}, run / 'odd.pth')
    assert train(trained, run, '--resume', str(run / 'odd.pth')) == 2
    error = capsys.readouterr().err
    assert message in error and 'odd.pth' in error and 'Traceback' not in error


def test_no_code_of_a_checkpoint_is_run(run, trained, tmp_path):
    content = load_safely(run / 'epoch_1.pth', what='checkpoint')
    content['meta']['config'] = f"import pathlib\npathlib.Path('{tmp_path}/ran').touch()"
    torch.save(content, run / 'epoch_1.pth')
    assert train(trained, run, '--resume', str(run / 'epoch_1.pth')) == 0
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_is_full_leaves_the_last_good_checkpoint_and_says_what_to_do(
    number, trained, tmp_path, monkeypatch, capsys
):
    """Even where only one is kept: the older is removed when the newer is there."""
    written, fsync = [], os.fsync

    def full(file):
        if os.readlink(f'/proc/self/fd/{file}').endswith('epoch_2.pth.part'):
            raise OSError(number, os.strerror(number))
        written.append(file)
        fsync(file)

    monkeypatch.setattr(os, 'fsync', full)
    keep_one = ['--cfg-options', 'default_hooks.checkpoint.max_keep_ckpts=1']
    assert train(trained, tmp_path / 'run', *keep_one) == 2
    error = capsys.readouterr().err
    assert 'epoch_2.pth cannot be written' in error and 'epoch_1.pth' in error and '--resume' in error
    assert os.strerror(number) in error and 'Traceback' not in error
    assert newest_whole_checkpoint(tmp_path / 'run') == str(tmp_path / 'run/epoch_1.pth')
    assert sorted(file.name for file in (tmp_path / 'run').glob('*.pt*')) == ['epoch_1.pth'] and written
    monkeypatch.undo()
    assert train(trained, tmp_path / 'run', '--resume', *keep_one) == 0
    assert [file.name for file in (tmp_path / 'run').glob('*.pth')] == ['epoch_2.pth']


def test_a_full_disk_is_one_line_wherever_it_is_met(trained, tmp_path, monkeypatch, capsys):
    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr('mmengine.visualization.LocalVisBackend._dump', full)
    assert train(trained, tmp_path / 'run') == 2
    assert 'a file cannot be written: No space left on device' in capsys.readouterr().err


def test_the_best_checkpoint_is_there_until_a_better_one_is(trained, tmp_path, monkeypatch):
    """mmengine removes the old one first."""
    from mmengine.runner import Runner

    seen, save = [], Runner.save_checkpoint

    def noted(self, out_dir, filename, *args, **kwargs):
        seen.append((filename, sorted(file.name for file in Path(out_dir).glob('best*.pth'))))
        save(self, out_dir, filename, *args, **kwargs)

    monkeypatch.setattr(Runner, 'save_checkpoint', noted)
    monkeypatch.setattr('kdtoolbox.evaluation.ClipRetrieval.compute_metrics', lambda self, results: {'top1': len(seen)})
    options = ['default_hooks.checkpoint.save_best=retrieval/top1', 'default_hooks.checkpoint.rule=greater']
    assert train(trained, tmp_path / 'run', '--cfg-options', *options) == 0
    assert ('best_retrieval_top1_epoch_2.pth', ['best_retrieval_top1_epoch_1.pth']) in seen
    assert [file.name for file in (tmp_path / 'run').glob('best*.pth')] == ['best_retrieval_top1_epoch_2.pth']
