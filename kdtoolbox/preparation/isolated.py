"""Calls in separate processes, for decoders that may crash or hang on damaged files."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class CallFailed(Exception):
    """The process of a call died, or was killed because it took too long."""


class IsolatedCalls:
    """``calls(item)`` is ``function(item)`` in another process, from any number of threads; both must be picklable.

    A process is started with the first call of a thread, and again after a failed call.

    Args:
        time_limit_seconds: for one call.
    """

    def __init__(self, function: Callable[[Any], Any], *, time_limit_seconds: float) -> None:
        self.function = function
        self.time_limit_seconds = time_limit_seconds
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._processes: set[multiprocessing.process.BaseProcess] = set()
        self._stopped = False

    def __call__(self, item: Any) -> Any:
        """What the function returns.

        Raises:
            CallFailed: the process died, or the call took longer than the time limit.
        """
        if getattr(self._mine, 'process', None) is None:
            self._start()
        try:
            self._mine.pipe.send(item)
            if self._mine.pipe.poll(self.time_limit_seconds):
                return self._mine.pipe.recv()
            reason = f'not done after {self.time_limit_seconds:g} s'
        except (EOFError, ConnectionError):
            self._mine.process.join()
            reason = f'the decoder crashes on it (exit status {self._mine.process.exitcode})'
        self._end(self._mine.process)
        self._mine.process = None
        raise CallFailed(reason)

    def stop(self) -> None:
        """Kill all that runs, and start nothing more."""
        with self._lock:
            self._stopped = True
            processes = list(self._processes)
        for process in processes:
            self._end(process)

    def _start(self) -> None:
        # A new interpreter: a forked one would have this one's locks, held by threads that it does not have.
        context = multiprocessing.get_context('spawn')
        self._mine.pipe, theirs = context.Pipe()
        with self._lock:
            if self._stopped:
                raise CallFailed('stopped')
            self._mine.process = context.Process(target=_serve, args=(self.function, theirs), daemon=True)
            self._mine.process.start()
            self._processes.add(self._mine.process)
        theirs.close()

    def _end(self, process: multiprocessing.process.BaseProcess) -> None:
        process.kill()
        process.join()
        with self._lock:
            self._processes.discard(process)


def _serve(function: Callable[[Any], Any], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asked, which then kills this one
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what decoders print
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        pipe.send(function(item))
