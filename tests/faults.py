"""Kill trainings, extractions and the writing of caches at random moments, go on, and compare what they end with.

``python -m tests.faults --kills 50`` (``make faults``). Everything is imported once and each run is forked from there.
"""

import argparse
import atexit
import copy
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from kdtoolbox.cli.main import main as kdtoolbox
from kdtoolbox.safe_files import load_safely
from tests.cache_writing.scenario import cached_teacher, training_config, write_videos, write_weights
from tests.engine.test_runs import assert_same
from tests.engine.test_workers import CLASSES, MEAN_TEACHER, NUM_VIDEOS, config_of
from tests.videos import write_video

PASSES = 3
COMPARED = ('state_dict', 'optimizer', 'param_schedulers', 'ema_teachers')
SHIPPED_HOOKS = dict(
    finite_losses=dict(type='FiniteLossHook'),
    interrupt=dict(type='InterruptHook'),
    validate_on_resume=dict(type='ValidateOnResumeHook'),
)


def shipped_config(videos: Path, work_dir: Path, **how):
    """A training as the shipped configs': workers that live on, dropout, a mean teacher, all the hooks."""
    config = config_of(videos, work_dir, **{'loading': dict(workers=2, persistent=True), **MEAN_TEACHER, **how})
    config.default_hooks.update(copy.deepcopy(SHIPPED_HOOKS))
    config.custom_hooks = [hook for hook in config.custom_hooks if hook['type'] != 'SeenClipsHook']
    config.custom_hooks.append(dict(type='EMATeacherHook'))
    config.custom_imports = dict(imports=['tests.tiny'])
    return config


def make_videos(folder: Path) -> Path:
    for number in range(NUM_VIDEOS):
        write_video(folder / CLASSES[number % 2] / f'{number}.avi', seed=number, num_frames=12)
    return folder


def start(arguments: list[str], log: Path) -> int:
    """Fork a process that runs a command of kdtoolbox in a group of its own; its number."""
    process = os.fork()
    if process:
        return process
    status = 70
    try:
        os.setpgid(0, 0)
        with open(log, 'ab', buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        status = kdtoolbox(arguments)
    except SystemExit as error:
        status = error.code
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        _leave(status)


def _leave(status: int) -> None:
    atexit._run_exitfuncs()  # as an ordinary end of Python does
    os._exit(status)


def wait(process: int, seconds: float) -> int | None:
    """The exit status, negative for a signal; None if it still runs after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            return None
        time.sleep(0.005)


def ended(arguments: list[str], log: Path, *, kill_after: float) -> bool:
    """Whether the command came to its end before it was killed.

    Raises:
        AssertionError: it ended with another status than 0.
    """
    process = start(arguments, log)
    status = wait(process, kill_after)
    if status is None:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        return False
    assert status == 0, f'status {status}: {log.read_text()[-3000:]}'
    return True


def killed_until_done(arguments: list[str], folder: Path, *, kills: int, seconds: float, draw: random.Random) -> int:
    """Run a command again and again, killed after random times within ``seconds``, until it ends; returns the kills."""
    hit = 0
    while not ended(arguments, folder / 'log', kill_after=draw.uniform(0, seconds) if hit < kills else 600):
        hit += 1
    return hit


def of_training(folder: Path, *, kills: int, draw: random.Random) -> int:
    """Trainings that were killed end with the weights, optimizer, schedules and averages of one that was not."""
    videos = make_videos(folder / 'videos')

    def prepared(name):
        config = shipped_config(videos, folder / name, passes=PASSES)
        config.dump(folder / f'{name}.py')
        return ['train', str(folder / f'{name}.py'), '--resume']

    def result(name):
        return load_safely(folder / name / f'epoch_{PASSES}.pth', what='checkpoint')

    begin = time.monotonic()
    assert ended(prepared('reference'), folder / 'log', kill_after=600)
    seconds = time.monotonic() - begin
    hit = number = 0
    while hit < kills:
        number += 1
        name = f'killed{number}'
        hit += killed_until_done(prepared(name), folder, kills=kills - hit, seconds=seconds, draw=draw)
        for part in COMPARED:
            assert_same(result('reference')[part], result(name)[part], f'{name}: {part}')
        left = [file.name for file in (folder / name).iterdir() if file.name.endswith('.part')]
        assert not left, left
        shutil.rmtree(folder / name)
    return hit


def of_features(folder: Path, *, kills: int, draw: random.Random) -> int:
    """A file of features is the whole one or not there."""
    videos = make_videos(folder / 'videos')
    shipped_config(videos, folder / 'features', **dict(teacher=None, terms={})).dump(folder / 'config.py')
    text = (folder / 'config.py').read_text().replace("        dict(type='EMATeacherHook'),\n", '')
    (folder / 'config.py').write_text(text)

    def command(out):
        return ['extract-features', str(folder / 'config.py'), str(out)]

    return _of_files(folder, command, kills=kills, draw=draw)


def _of_files(folder: Path, command, *, kills: int, draw: random.Random) -> int:
    begin = time.monotonic()
    assert ended(command(folder / 'whole.safetensors'), folder / 'log', kill_after=600)
    seconds = time.monotonic() - begin
    hit = 0
    while hit < kills:
        out = folder / 'killed.safetensors'
        out.unlink(missing_ok=True)
        if not ended(command(out), folder / 'log', kill_after=draw.uniform(0, seconds)):
            hit += 1
            if not out.exists():
                assert ended(command(out), folder / 'log', kill_after=600)
        assert out.read_bytes() == (folder / 'whole.safetensors').read_bytes()
        assert not list(folder.glob('.*.part'))
    return hit


def of_frames(folder: Path, *, kills: int, draw: random.Random) -> int:
    """A tree of frames that was made with interruptions is the same, file by file."""
    videos = make_videos(folder / 'videos')

    def command(out):
        return ['prepare', 'video_jpg_ucf101_hmdb51', str(videos), str(out), '--jobs', '2']

    def content(tree):
        return {str(file.relative_to(tree)): file.read_bytes() for file in sorted(tree.rglob('*.jpg'))}

    return _of_trees(folder, command, content, kills=kills, draw=draw)


def of_cache(folder: Path, *, kills: int, draw: random.Random) -> int:
    """A teacher cache that was written with interruptions is the same, file by file, and a training can read it."""
    teacher = cached_teacher(write_weights(folder / 'teacher.pth'), folder / 'whole')
    config = training_config(write_videos(folder / 'videos'), folder / 'run', teacher, workers=2)
    config.dump(folder / 'config.py')

    def command(cache, action='write'):
        return ['cache', action, str(folder / 'config.py'), '--cfg-options', f'model.teacher.cache={cache}']

    def content(cache):
        return {file.name: file.read_bytes() for file in cache.iterdir() if file.is_file()}

    def verify(cache):
        assert ended(command(cache, 'verify'), folder / 'log', kill_after=600)

    return _of_trees(folder, command, content, kills=kills, draw=draw, check=verify)


def _of_trees(folder: Path, command, content, *, kills: int, draw: random.Random, check=lambda tree: None) -> int:
    """A tree that ``command(tree)`` made with interruptions has the content of one made without."""
    begin = time.monotonic()
    assert ended(command(folder / 'whole'), folder / 'log', kill_after=600)
    seconds = time.monotonic() - begin
    hit = number = 0
    while hit < kills:
        number += 1
        tree = folder / f'killed{number}'
        hit += killed_until_done(command(tree), folder, kills=kills - hit, seconds=seconds, draw=draw)
        assert content(tree) == content(folder / 'whole') != {}
        check(tree)
    return hit


PARTS = {
    'training': (of_training, 1.0),
    'features': (of_features, 0.2),
    'frames': (of_frames, 0.2),
    'cache': (of_cache, 0.2),
}


def main(arguments: list[str] | None = None) -> int:
    """Carry out what the arguments say; returns 0, and raises AssertionError where something differs."""
    importlib.import_module('tests.imported')
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--kills', type=int, default=50, help='of training; a fifth of it of each of the others')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--only', nargs='+', choices=PARTS, default=list(PARTS))
    options = parser.parse_args(arguments)
    for name in options.only:
        carry_out, share = PARTS[name]
        begin = time.monotonic()
        folder = Path(tempfile.mkdtemp())  # a TemporaryDirectory would be removed by each process that is forked
        try:
            kills = max(1, round(share * options.kills))
            hit = carry_out(folder, kills=kills, draw=random.Random(options.seed))
        finally:
            shutil.rmtree(folder)
        print(f'{name}: killed {hit} times, ended as without ({time.monotonic() - begin:.0f} s)', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
