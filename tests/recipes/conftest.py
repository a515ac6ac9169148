import os
import shutil
import signal
from pathlib import Path

import pytest

import kdtoolbox
from kdtoolbox.cli.main import main
from kdtoolbox.engine.interruption import InterruptHook
from tests.videos import write_video

TINY = ['--frames', '4', '--size', '16', '--teacher-size', '16']


@pytest.fixture(scope='session')
def networks(tmp_path_factory) -> str:
    """The file of a teacher and a student of one's own, of a name that no other module has."""
    file = tmp_path_factory.mktemp('networks') / 'own_networks_of_the_tests.py'
    shutil.copyfile(Path(__file__).with_name('own_networks.py.txt'), file)
    return str(file)


@pytest.fixture(scope='session')
def class_folders(tmp_path_factory) -> Path:
    """Eleven videos in each of two class folders, one broken, one twice; below a folder that holds all."""
    folder = tmp_path_factory.mktemp('data') / 'my_videos'
    for label, name in enumerate(('jump', 'run')):
        for number in range(11):
            write_video(folder / f'all/{name}/day{number % 2}/{number}.avi', seed=100 * label + number)
    shutil.copyfile(folder / 'all/run/day0/0.avi', folder / 'all/run/copy.avi')
    (folder / 'all/jump/broken.mp4').write_bytes(b'no video')
    return folder


@pytest.fixture(scope='session')
def interrupted_run(class_folders, networks, tmp_path_factory) -> tuple[Path, int]:
    """A run on class folders that SIGTERM ends in its second epoch, resumed; the folder and the first exit status."""
    out = tmp_path_factory.mktemp('run') / 'labelled'
    options = ['--teacher', f'{networks}:OwnTeacher', '--student', f'{networks}:OwnBackbone', *TINY, '--epochs', '2']
    command = ['distill', str(class_folders), '--out', str(out), *options]
    with pytest.MonkeyPatch.context() as patch:
        _end_in_second_epoch(patch)
        status = main([*command, '--layers', 'backbone.second=layers.2'])
    assert main(['distill', str(class_folders), '--out', str(out), '--resume']) == 0
    return out, status


def _end_in_second_epoch(patch) -> None:
    """Have SIGTERM come in its first step, as a scheduler sends it."""
    after_train_iter = InterruptHook.after_train_iter

    def end(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        after_train_iter(self, runner, batch_idx, data_batch, outputs)

    patch.setattr(InterruptHook, 'after_train_iter', end)


@pytest.fixture(scope='session')
def label_free_run(networks, tmp_path_factory) -> Path:
    """A run on videos without classes, from Python."""
    folder = tmp_path_factory.mktemp('unlabelled')
    for number in range(10):
        write_video(folder / f'videos/{number}.avi', seed=number)
    kdtoolbox.distill(
        videos=folder / 'videos',
        out=folder / 'run',
        teacher=f'{networks}:OwnTeacher',
        student=f'{networks}:OwnBackbone',
        frames=4,
        size=16,
        teacher_size=16,
        epochs=1,
    )
    return folder / 'run'
