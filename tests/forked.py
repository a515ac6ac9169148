"""Processes of their own for tests, without a start of Python: forked from a server that has imported everything.

An import of torch and mmaction2 costs as much as a whole training of a test. What a test runs this way has its own
process, environment, folder, signals and exit status; only that the command is found and imported is not tested.
"""

import importlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from tests.conftest import REPOSITORY


@dataclass(frozen=True)
class Ended:
    """A process that has ended: its status, negative for a signal, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def server() -> ForkServerContext:
    """The context whose processes are forked from the server; the first call of a session starts it."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['tests.imported'])
    before = Path.cwd()
    os.chdir(REPOSITORY)  # where it finds tests.imported
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        os.chdir(before)
    return context


def start(function: Callable, *arguments, folder: Path, cwd: Path | None = None, **changes: str) -> ForkServerProcess:
    """Begin ``sys.exit(function(*arguments))`` in a process of its own.

    Args:
        function: of a module, with its name there.
        folder: where ``stdout`` and ``stderr`` are written.
        cwd: the current folder of the process; None: that of this one.
        changes: of the environment of this process.
    """
    environment = {**os.environ, **changes}
    process = server().Process(
        target=_run,
        args=(function.__module__, function.__name__, arguments, str(folder), str(cwd or Path.cwd()), environment),
    )
    process.start()
    return process


def call(
    function: Callable, *arguments, folder: Path, cwd: Path | None = None, seconds: float = 300, **changes: str
) -> Ended:
    """As :func:`start`; waits for the end.

    Raises:
        AssertionError: it has not ended after ``seconds``; it is killed.
    """
    process = start(function, *arguments, folder=folder, cwd=cwd, **changes)
    process.join(seconds)
    hangs = process.exitcode is None
    if hangs:
        process.kill()
        process.join()
    printed = [(folder / name).read_text() for name in ('stdout', 'stderr')]
    assert not hangs, f'it has not ended after {seconds} s: {printed}'
    return Ended(process.exitcode, *printed)


def _run(module: str, function: str, arguments: tuple, folder: str, cwd: str, environment: Mapping[str, str]) -> None:
    for descriptor, name in ((1, 'stdout'), (2, 'stderr')):
        file = os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    multiprocessing.set_start_method('fork', force=True)  # as in a process that was not forked from a server
    os.chdir(cwd)
    sys.exit(getattr(importlib.import_module(module), function)(*arguments))
