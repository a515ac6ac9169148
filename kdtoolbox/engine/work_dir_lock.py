"""One training at a time in a work directory."""

import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.logging import print_log

LOCK = '.lock'
RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')  # as torchrun, Slurm and MPI number processes


@contextmanager
def only_training_in(work_dir: str | Path) -> Iterator[None]:
    """Hold the lock of a work directory; of several processes of one training, the first holds it.

    The lock is the process's: it is gone when the process is, however it ended, and its workers do not hold it.

    Raises:
        ValueError: another training holds it.
    """
    if next((int(os.environ[name]) for name in RANKS if name in os.environ), 0) != 0:
        yield
        return
    Path(work_dir).mkdir(parents=True, exist_ok=True)
    with open(Path(work_dir) / LOCK, 'a+', encoding='utf-8') as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            raise ValueError(
                f'another training ({file.read().strip() or "of another machine"}) is running in {work_dir}, and would '
                'write over the checkpoints of this one: wait for it, or choose another --work-dir'
            ) from error
        except OSError as error:
            print_log(f'{work_dir} is of a file system without locks ({error.strerror})', 'current', logging.WARNING)
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
        file.flush()
        yield
