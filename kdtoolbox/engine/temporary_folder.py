"""The folder of temporary files through which data loading workers hand over clips."""

import atexit
import fcntl
import multiprocessing
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

PREFIX = 'kdtoolbox-'
LOCK = 'lock'
MAX_BYTES_OF_TEMPORARY_FOLDER = 107 - len(f'/{PREFIX}12345678/listener-12345678')
MIN_AGE_SECONDS = 60  # between the making of a folder and its lock is a moment

_of_processes: dict[int, tuple[Path, int]] = {}  # of this one, and of the one that it was forked from


def check_temporary_folder() -> None:
    """Refuse a folder for temporary files in which data loading workers could not hand over what they loaded.

    Their sockets are in it, and the path of a socket has at most 107 bytes; beyond it the training would wait for ever.

    Raises:
        ValueError: its path is too long.
    """
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > MAX_BYTES_OF_TEMPORARY_FOLDER:
        raise ValueError(
            f'the folder for temporary files, {folder}, has a path of {len(os.fsencode(folder))} bytes, and data '
            f'loading workers need one of at most {MAX_BYTES_OF_TEMPORARY_FOLDER}: set TMPDIR to a shorter one'
        )


def use_own_temporary_folder() -> Path:
    """Have Python's multiprocessing put its files into a folder of this process; its workers share it.

    The folder is removed when the process ends. Folders of processes that were killed are removed now: a folder is in
    use as long as its process, or a worker of it, holds the lock in it, also in another container.

    Raises:
        ValueError: as :func:`check_temporary_folder`.
    """
    check_temporary_folder()
    if os.getpid() not in _of_processes:
        _remove_abandoned(Path(tempfile.gettempdir()))
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        _of_processes[os.getpid()] = (folder, lock)
        # Where multiprocessing.util.get_temp_dir looks first (Python 3.10 to 3.14); it would make a folder pymp-* for
        # each worker, which stays when the worker is killed.
        multiprocessing.current_process()._config['tempdir'] = str(folder)  # type: ignore[attr-defined]
        atexit.register(_remove, os.getpid())
    return _of_processes[os.getpid()][0]


def _remove(process: int) -> None:
    if process == os.getpid() and process in _of_processes:  # not in what was forked from it
        shutil.rmtree(_of_processes[process][0], ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f'{PREFIX}*'):
        try:
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another process was faster
            continue


def _is_abandoned(folder: Path) -> bool:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        return False
    if time.time() - (folder / LOCK).lstat().st_mtime < MIN_AGE_SECONDS:
        return False
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
