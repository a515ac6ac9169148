"""The folder of data loading workers' sockets: one a run, gone when the run is, also after kill -9."""

import fcntl
import multiprocessing
import multiprocessing.util
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kdtoolbox.engine import temporary_folder
from kdtoolbox.engine.temporary_folder import LOCK, PREFIX, check_temporary_folder, use_own_temporary_folder
from tests.conftest import REPOSITORY


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """For temporary files, of a process that has none of its own yet."""
    with tempfile.TemporaryDirectory(prefix='kd', dir='/tmp') as short:
        monkeypatch.setattr('tempfile.tempdir', short)
        monkeypatch.setattr(temporary_folder, '_of_processes', {})
        monkeypatch.setattr(temporary_folder, 'MIN_AGE_SECONDS', -1)
        monkeypatch.setattr(
            multiprocessing.current_process(), '_config', dict(multiprocessing.current_process()._config)
        )
        yield Path(short)


# The module alone: its package imports torch.
STARTED = f"""
import importlib.util, multiprocessing, os, sys, time
found = importlib.util.spec_from_file_location('temporary_folder', {temporary_folder.__file__!r})
module = importlib.util.module_from_spec(found)
found.loader.exec_module(module)
module.use_own_temporary_folder()
worker = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,), daemon=True)
worker.start()
print(worker.pid, flush=True)
sys.stdin.read()
"""


def start(folder):
    process = subprocess.Popen(
        [sys.executable, '-c', STARTED],
        env={**os.environ, 'TMPDIR': str(folder), 'PYTHONPATH': str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, int(process.stdout.readline())


def test_a_path_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', '/tmp/' + 65 * 'x')
    check_temporary_folder()
    monkeypatch.setattr('tempfile.tempdir', '/tmp/' + 66 * 'x')
    with pytest.raises(ValueError, match='has a path of 71 bytes.*at most 70: set TMPDIR to a shorter one'):
        check_temporary_folder()


def test_multiprocessing_uses_it_and_so_do_its_workers(folder):
    own = use_own_temporary_folder()
    assert own.parent == folder and use_own_temporary_folder() == own
    with multiprocessing.get_context('fork').Pool(1) as pool:
        assert multiprocessing.util.get_temp_dir() == pool.apply(multiprocessing.util.get_temp_dir) == str(own)
    assert [one.name for one in folder.iterdir()] == [own.name]


def test_it_is_gone_with_the_process_and_of_a_killed_one_at_the_next_start(folder):
    process, _ = start(folder)
    process.communicate('')
    assert list(folder.iterdir()) == []
    process, worker = start(folder)
    left = list(folder.iterdir())
    assert len(left) == 1 and left[0].name.startswith(PREFIX)
    use_own_temporary_folder()
    assert left[0].is_dir(), 'its process runs'
    process.send_signal(signal.SIGKILL)
    process.wait()
    temporary_folder._of_processes.clear()
    use_own_temporary_folder()
    assert left[0].is_dir(), 'its worker runs'
    os.kill(worker, signal.SIGKILL)
    lock = os.open(left[0] / LOCK, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)  # waits for the worker's end
    os.close(lock)
    temporary_folder._of_processes.clear()
    use_own_temporary_folder()
    assert not left[0].exists()


def test_what_only_has_such_a_name_stays(folder, tmp_path):
    (tmp_path / LOCK).touch()
    (folder / f'{PREFIX}link').symlink_to(tmp_path)
    (folder / f'{PREFIX}without-lock').mkdir()
    (folder / f'{PREFIX}file').touch()
    use_own_temporary_folder()
    assert len(list(folder.glob(f'{PREFIX}*'))) == 4 and (tmp_path / LOCK).exists()
