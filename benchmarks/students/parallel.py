"""Trainings of the contest, in this process or spread over several, on a CPU or a GPU."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from row import Row
from training import run, teacher_paths
from views_cache import Views, load_views


@dataclass(frozen=True)
class Task:
    """A training, and the place of its numbers in the results: ``results['methods'][method][part][key]``."""

    method: str
    part: str
    key: str
    row: Row
    seed: int
    on_test: bool


@dataclass(frozen=True)
class Machine:
    """Where trainings run.

    Args:
        folder: of the stored views.
        device: of views, students and losses, such as 'cuda'.
        jobs: processes; 1 is this one. On a GPU each has views of its own, some GB.
    """

    folder: Path
    device: str = 'cpu'
    jobs: int = 1


def outcomes(tasks: Sequence[Task], views: Views, machine: Machine) -> Iterator[tuple[Task, dict, float]]:
    """Each task as it ends, with its numbers, or its error, and the seconds that it took."""
    if machine.jobs == 1:
        here = views_on(machine.device, views, tasks)
        for task in tasks:
            yield task, *outcome(here, task, machine.folder)
        return
    on_cpu = machine.device == 'cpu'
    # Forked processes have the mapped views of this one; CUDA cannot be used in them.
    context, begin = get_context('fork' if on_cpu else 'spawn'), (machine, tasks, views if on_cpu else None)
    with ProcessPoolExecutor(machine.jobs, mp_context=context, initializer=_begin, initargs=begin) as pool:
        pending = {pool.submit(_outcome_in_a_process, task): task for task in tasks}
        for done in as_completed(pending):
            yield pending[done], *done.result()


def outcome(views: Views, task: Task, folder: Path) -> tuple[dict, float]:
    """What :func:`training.run` gives, or ``{'error': …}``, and the seconds that it took."""
    start = time.monotonic()
    try:
        measured = run(views, task.row, seed=task.seed, on_test=task.on_test, folder=folder)
    except Exception as error:  # a method may fail in any way: it is listed with its error, and the contest goes on
        measured = {'error': f'{type(error).__name__}: {error}'}
    return measured, time.monotonic() - start


def views_on(device: str, views: Views, tasks: Sequence[Task]) -> Views:
    """The views; on a GPU all of them that these trainings read, once and for all."""
    if device == 'cpu':  # where the files are mapped into memory, for all processes together
        return views
    paths = {path for task in tasks for term in task.row.terms.values() for path in teacher_paths(term)}
    return views.on(device, {task.row.last_layer for task in tasks}, paths)


def set_up() -> None:
    """Registries, logs and threads of a process with trainings."""
    init_default_scope('kdtoolbox')
    MMLogger.get_instance('students', log_level='ERROR')
    torch.set_num_threads(1)


_of_this_process: dict = {}


def _begin(machine: Machine, tasks: Sequence[Task], views: Views | None) -> None:
    set_up()
    views = views_on(machine.device, views or load_views(machine.folder), tasks)
    _of_this_process.update(machine=machine, views=views)


def _outcome_in_a_process(task: Task) -> tuple[dict, float]:
    return outcome(_of_this_process['views'], task, _of_this_process['machine'].folder)
