"""SIGTERM and Ctrl-C: a checkpoint, a status of its own, nothing left running; resuming goes on there exactly."""

import atexit
import copy
import multiprocessing
import os
import re
import signal
import tempfile
import time
from pathlib import Path

import pytest
from mmengine.hooks import Hook

from kdtoolbox.cli.main import main
from kdtoolbox.registry import HOOKS
from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY
from tests.engine.test_runs import assert_same
from tests.engine.test_workers import GAME
from tests.faults import COMPARED, SHIPPED_HOOKS, make_videos, shipped_config
from tests.forked import call, start
from tests.tiny import run_config


@HOOKS.register_module(force=True)
class SignalHook(Hook):
    """Sends this process, or a data-loading worker, a signal after so many iterations, or in a validation."""

    def __init__(self, number: int, *, after: int = -1, in_validation_after: int = -1, to_worker: bool = False) -> None:
        self.number = number
        self.after = after
        self.in_validation_after = in_validation_after
        self.to_worker = to_worker

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter + 1 == self.after:
            self._send()

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.in_validation_after and batch_idx == 1:
            self._send()

    def _send(self):
        to = data_loading_workers_of(os.getpid())[0] if self.to_worker else os.getpid()
        os.kill(to, self.number)
        if self.to_worker:
            time.sleep(0.5)


def children_of(process: int) -> list[int]:
    return [int(number) for number in Path(f'/proc/{process}/task/{process}/children').read_text().split()]


def data_loading_workers_of(process: int) -> list[int]:
    """Of its child processes those that were forked from it, not a decoder or Python's resource tracker."""
    own = Path(f'/proc/{process}/cmdline').read_bytes()
    return [child for child in children_of(process) if Path(f'/proc/{child}/cmdline').read_bytes() == own]


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    return make_videos(tmp_path_factory.mktemp('videos'))


@pytest.fixture(scope='module')
def finished() -> dict[tuple, Path]:
    """What was trained -> the work directory of a training that was not told to end."""
    return {}


def write(config, file: Path) -> None:
    config = copy.deepcopy(config)
    config.experiment_name = f'{time.monotonic_ns()}'
    config.custom_imports = dict(imports=['tests.tiny', 'tests.engine.test_interruption'])
    config.dump(file)


def train(config, folder: Path, *arguments: str) -> int:
    write(config, folder / 'config.py')
    return main(['train', str(folder / 'config.py'), *arguments])


PLATEAU = dict(
    param_scheduler=[
        dict(type='ReduceOnPlateauLR', monitor='retrieval/top1', rule='greater', patience=0, threshold=9.0)
    ]
)


@pytest.mark.parametrize(
    'when, how, saved',
    [
        (dict(after=2), dict(), ('interrupted.pth', 2)),
        (dict(after=3), dict(), ('epoch_1.pth', 3)),
        (dict(after=3), dict(interval=2), ('interrupted.pth', 3)),
        (dict(after=1), dict(accumulation=2), ('interrupted.pth', 2)),
        (dict(in_validation_after=3), dict(), ('epoch_1.pth', 3)),
        (dict(in_validation_after=3), dict(interval=2, **PLATEAU), ('interrupted.pth', 3)),
        (dict(after=2), dict(by_epoch=False), ('iter_2.pth', 2)),
        (dict(after=1), dict(by_epoch=False, model=GAME), ('interrupted.pth', 1)),
    ],
    ids=[
        'within an epoch',
        'in the last step of an epoch',
        'likewise, where no checkpoint is due',
        'before the gradients of two iterations are together',
        'in a validation',
        'in a validation that a schedule hears of, where no checkpoint is due',
        'by iterations, where a checkpoint is due',
        'by iterations, adversarial',
    ],
)
def test_a_training_that_was_told_to_end_goes_on_where_it_did(when, how, saved, videos, finished, tmp_path, capfd):
    def config(name):
        how_ = {key: value for key, value in how.items() if key in ('by_epoch', 'accumulation')}
        model = how.get('model', {})
        made = shipped_config(videos, tmp_path / name, **how_, **model)
        if model:
            made.model.pop('terms'), made.model.pop('teacher')
            made.model.update(copy.deepcopy(model), teacher=run_config('x').model.teacher)
            made.custom_hooks = [hook for hook in made.custom_hooks if hook['type'] != 'EMATeacherHook']
            player = made.optim_wrapper.to_dict()
            made.optim_wrapper = dict(
                constructor='AdversarialOptimWrapperConstructor', student=player, discriminator=copy.deepcopy(player)
            )
            made.param_scheduler = None
        if 'param_scheduler' in how:
            made.param_scheduler = copy.deepcopy(how['param_scheduler'])
        made.default_hooks.checkpoint.interval = how.get('interval', made.default_hooks.checkpoint.interval)
        return made

    key = (how.get('by_epoch', True), how.get('accumulation', 1), 'model' in how, 'param_scheduler' in how)
    if key not in finished:  # when a checkpoint is written does not change what is learned
        assert train(config('finished'), tmp_path) == 0
        finished[key] = tmp_path / 'finished'
    told = config('told')
    told.custom_hooks.append(dict(type='SignalHook', number=int(signal.SIGTERM), **when))
    capfd.readouterr()
    assert train(told, tmp_path) == 143
    error = capfd.readouterr().err
    assert f'interrupted (SIGTERM) after iteration {saved[1]}' in error and '--resume' in error and saved[0] in error
    content = load_safely(tmp_path / 'told' / saved[0], what='checkpoint')
    assert content['meta']['iter'] == saved[1]
    assert train(config('told'), tmp_path, '--resume') == 0
    last = 'epoch_2.pth' if how.get('by_epoch', True) else 'iter_6.pth'
    one, other = (load_safely(folder / last, what='checkpoint') for folder in (finished[key], tmp_path / 'told'))
    for part in COMPARED:
        assert_same(one.get(part), other.get(part), part)
    if saved[0] == 'interrupted.pth':
        assert not (tmp_path / 'told/interrupted.pth').exists(), 'a regular checkpoint has taken its place'


def test_a_schedule_hears_of_the_validation_that_followed_the_checkpoint(videos, tmp_path):
    """As after kill -9 in that validation: the rate has fallen once a validation."""

    def config(name):
        made = shipped_config(videos, tmp_path / name, passes=3)
        made.param_scheduler = copy.deepcopy(PLATEAU['param_scheduler'])
        return made

    assert train(config('finished'), tmp_path) == 0
    again = config('again')
    assert train(again, tmp_path, '--resume', str(tmp_path / 'finished/epoch_2.pth')) == 0
    one, other = (load_safely(tmp_path / name / 'epoch_3.pth', what='checkpoint') for name in ('finished', 'again'))
    assert one['optimizer']['param_groups'][0]['lr'] < 0.05
    for part in COMPARED:
        assert_same(one[part], other[part], part)


def test_a_killed_data_loading_worker_ends_the_run_in_one_message(videos, tmp_path):
    """In a process of its own: torch raises in a signal handler, wherever that may be, also within Python's logging."""
    config = shipped_config(videos, tmp_path / 'run')
    config.custom_hooks.append(dict(type='SignalHook', number=int(signal.SIGKILL), after=2, to_worker=True))
    write(config, tmp_path / 'config.py')
    ended = call(as_a_command, ['train', str(tmp_path / 'config.py')], folder=tmp_path)
    assert ended.returncode == 2
    error = ended.stderr
    died = r'(is killed by signal: Killed|exited unexpectedly): it loads clips'  # by what torch notices first
    assert re.search(died, error) and 'num_workers' in error and '--resume' in error
    assert 'Traceback' not in error


@pytest.fixture
def short_folder():
    """For temporary files: the sockets of data loading workers lie in it, whose paths are short."""
    with tempfile.TemporaryDirectory(prefix='kd', dir='/tmp') as folder:
        yield Path(folder)


def as_a_command(arguments: list[str]) -> int:
    """As the shell starts it: a group of its own, and temporary files where the environment says."""
    os.setpgid(0, 0)
    multiprocessing.current_process()._config.pop('tempdir', None)
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        return main(arguments)
    finally:
        atexit._run_exitfuncs()  # as the end of Python does


@pytest.fixture
def running(videos, tmp_path, short_folder):
    """A training in a process of its own, with its own folder for temporary files, that has begun."""
    config = shipped_config(videos, tmp_path / 'run', passes=500)
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    process = start(as_a_command, ['train', str(tmp_path / 'config.py')], folder=tmp_path, TMPDIR=str(short_folder))
    wait_for(lambda: (tmp_path / 'run/epoch_1.pth').exists() or process.exitcode is not None)
    assert process.exitcode is None, (tmp_path / 'stderr').read_text()[-3000:]
    yield process
    process.kill()
    process.join()


def wait_for(condition, seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_ctrl_c_ends_a_training_and_its_workers_and_another_is_refused_meanwhile(
    running, tmp_path, capsys, short_folder
):
    """Ctrl-C reaches all processes of the terminal, so the workers too."""
    workers = children_of(running.pid)
    assert len(workers) >= 2
    shared = {file.name for file in Path('/dev/shm').iterdir()} if Path('/dev/shm').is_dir() else set()
    assert main(['train', str(tmp_path / 'config.py')]) == 2
    error = capsys.readouterr().err
    assert f'another training (process {running.pid} on ' in error and '--work-dir' in error
    os.killpg(running.pid, signal.SIGINT)
    running.join(60)
    error = (tmp_path / 'stderr').read_text()
    assert running.exitcode == 130, error
    assert 'interrupted (SIGINT)' in error and 'Traceback' not in error
    wait_for(lambda: not any(Path(f'/proc/{worker}').exists() for worker in workers), 5)
    mine = {name for name in (file.name for file in Path('/dev/shm').iterdir()) if str(running.pid) in name}
    assert not mine - shared and not mine
    assert list(short_folder.iterdir()) == []


def test_the_hooks_of_the_tests_are_those_that_are_shipped():
    from mmengine.config import Config

    shipped = Config.fromfile(REPOSITORY / 'configs/_base_/default_runtime.py').default_hooks
    for name, hook in SHIPPED_HOOKS.items():
        assert shipped[name]['type'] == hook['type']
