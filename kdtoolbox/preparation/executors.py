"""What runs jobs: threads of this process, which start external programs, or the workers of a Dask cluster."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

SECONDS_TO_CONNECT = 30


@dataclass(frozen=True)
class JobRunner:
    """An executor, and how wide it is.

    Args:
        executor: of ``concurrent.futures``.
        num_slots: jobs that run at the same time.
        is_remote: whether jobs are pickled and run elsewhere.
    """

    executor: Executor
    num_slots: int
    is_remote: bool


@contextlib.contextmanager
def job_runner(num_workers: int, scheduler: str | None = None) -> Iterator[JobRunner]:
    """Threads, or with the address of a Dask scheduler all workers that it has.

    Dask gives the jobs of a worker that dies to another one. Workers see the same folders under the same names, and
    have kdtoolbox installed.

    Args:
        num_workers: threads; without effect on a cluster.
        scheduler: such as ``tcp://head:8786``.

    Raises:
        ValueError: ``distributed`` does not import, or there is no scheduler, or no worker, at the address.
    """
    if scheduler is None:
        with ThreadPoolExecutor(num_workers) as pool:
            yield JobRunner(pool, num_workers, is_remote=False)
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError(
            f'--scheduler {scheduler} needs Dask, which does not import ({error}): pip install kdtoolbox[dask]'
        ) from error
    try:
        client = Client(scheduler, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            f'--scheduler {scheduler}: no Dask scheduler answers there ({error}). Start one: dask scheduler'
        ) from error
    try:
        num_slots = sum(client.nthreads().values())
        if not num_slots:
            raise ValueError(f'--scheduler {scheduler} has no workers: start some, dask worker {scheduler}')
        # Not "pure": equal jobs are not the same job, and nothing is to be kept of them.
        yield JobRunner(client.get_executor(pure=False), num_slots, is_remote=True)
    finally:
        client.close()


def is_lost(error: BaseException) -> bool:
    """Whether a job is given up because every worker that took it died."""
    return type(error).__name__ == 'KilledWorker'
