"""Reading a video in a process of its own, which can be killed whatever the decoder does.

A thread that hangs in native code cannot be ended, and one that holds the interpreter stops the whole process. Python's
multiprocessing will not do: workers of a data loader may have no children of that kind.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from kdtoolbox.video.errors import DecodeError, DecodeTimeout

_ALIVE, _VALUE, _ERROR = range(3)
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux
_START_SECONDS = 60
"""Starting Python and importing the decoders takes so long at most, on a busy machine."""


class KillableDecoder:
    """A process that decodes one video after another; it is started with the first, and again after one that killed it.

    Args:
        stall_seconds: without a frame for so long it hangs, and is killed.
    """

    def __init__(self, *, stall_seconds: float) -> None:
        self.stall_seconds = stall_seconds
        self._process: subprocess.Popen | None = None
        self._pipe: Connection | None = None
        self._owner = os.getpid()

    def open(self, path: str | Path, make: Callable[..., Any]) -> 'KillableReader':
        """Open a video; the one that was open before is closed.

        Args:
            path: the file.
            make: gives the reader there, called with the path and ``on_frame``; must be picklable.

        Raises:
            DecodeError: as the reader, or the process dies of the file.
            DecodeTimeout: it hangs.
        """
        if self._owner != os.getpid():  # forked: the process is another's
            self._process = self._pipe = None
            self._owner = os.getpid()
        if self._process is None:
            self._start(str(path))
        return KillableReader(str(path), self, *self.ask((make, str(path)), path=str(path)))

    def ask(self, question: object, *, path: str, within: float | None = None) -> Any:
        """What the process answers; each frame, told by ``_ALIVE``, gives it new time."""
        within = self.stall_seconds if within is None else within
        assert self._process is not None and self._pipe is not None, 'started by open()'
        try:
            self._pipe.send(question)
            while self._pipe.poll(within):
                kind, value = self._pipe.recv()
                if kind == _VALUE:
                    return value
                if kind == _ERROR:
                    raise value
        except (EOFError, BrokenPipeError, ConnectionError):
            status = self._process.wait()
            self.stop()
            raise DecodeError(
                f'{path}: the decoder crashes on it (exit status {status}). Encode it again: ffmpeg -i FILE NEW.mp4'
            ) from None
        self.stop()
        raise DecodeTimeout(path, within)

    def stop(self) -> None:
        """Kill the process, whatever it does."""
        if self._process is not None and self._pipe is not None and self._owner == os.getpid():
            self._pipe.close()
            self._process.kill()
            self._process.wait()
        self._process = self._pipe = None

    def _start(self, path: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'kdtoolbox.video.killable', str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # what decoders print
                env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))},
            )
        self._pipe = Connection(ours.detach())
        self.ask(None, path=path, within=_START_SECONDS)


class KillableReader:
    """The interface of VideoReader, for a video that is open in another process."""

    def __init__(
        self,
        path: str,
        decoder: KillableDecoder,
        num_frames: int,
        seconds: np.ndarray,
        frames_per_second: float,
        damage: DecodeError | None,
    ) -> None:
        self.path, self._decoder, self._num_frames = path, decoder, num_frames
        self.seconds, self.frames_per_second, self.damage = seconds, frames_per_second, damage

    def __len__(self) -> int:
        return self._num_frames

    def frames(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """As :meth:`VideoReader.frames`."""
        return self._decoder.ask([int(number) for number in numbers], path=self.path)

    def close(self) -> None:
        """Nothing to do: the process closes the file when it opens the next."""


def serve(pipe: Connection) -> None:
    """Open each video that is asked for, and give the frames that are asked for, until nobody asks."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    reader: Any = None
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        try:
            value = None
            if isinstance(question, tuple):
                if reader is not None:
                    reader.close()
                    reader = None
                make, path = question
                reader = make(path, on_frame=lambda: pipe.send((_ALIVE, None)))
                value = len(reader), reader.seconds, reader.frames_per_second, reader.damage
            elif question is not None:
                value = reader.frames(question)
            pipe.send((_VALUE, value))
        except (DecodeError, IndexError, OSError) as error:
            pipe.send((_ERROR, error))


if __name__ == '__main__':
    serve(Connection(int(sys.argv[1])))
