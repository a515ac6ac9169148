"""Running many jobs at the same time."""

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TypeVar

from kdtoolbox.preparation.executors import is_lost, job_runner

Item = TypeVar('Item')
Result = TypeVar('Result')


def num_cores() -> int:
    """The cores this process may use, which a cluster's scheduler can make fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def in_parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    num_workers: int,
    stop: Callable[[], None] = lambda: None,
    scheduler: str | None = None,
    lost: Callable[[Item, BaseException], Result] | None = None,
) -> Generator[Result, None, None]:
    """Yield ``work(item)`` in the order of completion, with few items waiting, so that there may be any number.

    Args:
        work: with a scheduler it must be picklable.
        items: of any number.
        num_workers: jobs at the same time; on a cluster there are as many as it has room for.
        stop: called when the consumer leaves early or anything is raised; it must make running work end soon.
        scheduler: address of a Dask scheduler, see :func:`job_runner`.
        lost: the result of an item that killed every worker it was given to; without it, that is raised.

    >>> sorted(in_parallel(abs, range(-3, 0), num_workers=2))
    [1, 2, 3]
    """
    with job_runner(num_workers, scheduler) as runner:
        waiting: dict[Future, Item] = {}

        def result_of(future: Future) -> Result:
            item = waiting.pop(future)
            try:
                return future.result()
            except Exception as error:
                if lost is None or not is_lost(error):
                    raise
                return lost(item, error)

        try:
            for item in items:
                waiting[runner.executor.submit(work, item)] = item
                if len(waiting) >= 2 * runner.num_slots:
                    ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from map(result_of, ended)
            while waiting:
                ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
                yield from map(result_of, ended)
        except BaseException:  # Ctrl-C and GeneratorExit as well: the pool's exit would wait for all running work
            stop()
            for future in waiting:
                future.cancel()
            runner.executor.shutdown(wait=False)
            raise
