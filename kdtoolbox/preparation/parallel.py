"""Running many jobs in a few threads, which wait for external programs."""

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')


def num_cores() -> int:
    """The cores this process may use, which a cluster's scheduler can make fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def in_parallel(
    work: Callable[[Item], Result], items: Iterable[Item], *, num_workers: int, stop: Callable[[], None] = lambda: None
) -> Generator[Result, None, None]:
    """Yield ``work(item)`` in the order of completion, with few items waiting, so that there may be any number.

    ``stop`` is called when the consumer leaves early or anything is raised; it must make running work end soon.

    >>> sorted(in_parallel(abs, range(-3, 0), num_workers=2))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(num_workers) as pool:
        waiting = set()
        try:
            for item in items:
                waiting.add(pool.submit(work, item))
                if len(waiting) >= 2 * num_workers:
                    ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in ended)
            while waiting:
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ended)
        except BaseException:  # Ctrl-C and GeneratorExit as well: the pool's exit would wait for all running work
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
