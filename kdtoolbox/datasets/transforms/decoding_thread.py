"""A thread that does one piece of work after another, and can be left alone with one that hangs."""

import os
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any

_mine = threading.local()


class DecodingThread:
    """Does the work of one other thread.

    It stays: a new thread for each clip would begin with an empty allocator, and take the memory of all its frames from
    the system again, which costs a tenth of decoding. The thread ends when this object is forgotten.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self._work: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(self._work,), daemon=True, name='decode').start()
        weakref.finalize(self, self._work.put, None)

    def start(self, work: Callable[[], Any]) -> queue.SimpleQueue:
        """A queue that gets (value, None) or (None, error), once."""
        outcome: queue.SimpleQueue = queue.SimpleQueue()
        self._work.put((work, outcome))
        return outcome


def decoding_thread() -> DecodingThread:
    """That of the thread that calls; a new one after a fork, which takes no threads along, or one that was given up."""
    thread = getattr(_mine, 'thread', None)
    if thread is None or thread.process != os.getpid():
        thread = _mine.thread = DecodingThread()
    return thread


def give_up() -> None:
    """Leave the thread alone with what it is at; the next work gets another."""
    _mine.thread = None


def _serve(todo: queue.SimpleQueue) -> None:
    while True:
        item = todo.get()
        if item is None:
            return
        work, outcome = item
        try:
            outcome.put((work(), None))
        except Exception as error:  # whatever it is, it is raised where the caller waits
            outcome.put((None, error))
        del item, work, outcome  # frames, and a reader, which would stay until the next work
