"""Decoding under watch: what hangs is given up, what is slow is not, and a disk in a bad moment is tried again."""

import os
import queue
import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from kdtoolbox.datasets.transforms.decoding_thread import decoding_thread, give_up
from kdtoolbox.video import DecodeError, DecodeTimeout, VideoReader
from kdtoolbox.video.errors import is_passing
from kdtoolbox.video.killable import KillableDecoder, KillableReader

BACK_OFF_SECONDS = (0.2, 1.0, 5.0)
"""Before the second, third and fourth attempt at a file whose disk had a bad moment."""

_decoders: dict[tuple[int, float], KillableDecoder] = {}
_hung_here: set[int] = set()
"""Processes in which decoding has hung: a thread may still hang there, and the next ones are not to join it."""
_watched_readers: WeakKeyDictionary[VideoReader, tuple['_Progress', Callable[..., VideoReader]]] = WeakKeyDictionary()


class Watch:
    """Opens videos and reads their frames while it looks whether frames come.

    Args:
        stall_seconds: without a frame for so long it is given up, and tried again in a process that can be killed.
    """

    def __init__(self, stall_seconds: float) -> None:
        self.stall_seconds = stall_seconds

    def open(self, path: str, make: Callable[..., VideoReader]) -> VideoReader | KillableReader:
        """A reader of the video, of this process unless decoding has hung in it.

        Args:
            path: the file.
            make: gives the reader, called with the path and ``on_frame``; must be picklable.

        Raises:
            DecodeTimeout: it hangs, also in another process.
            DecodeError: as the reader.
        """
        if os.getpid() not in _hung_here:
            progress = _Progress()
            try:
                reader = _watched(
                    lambda: make(path, on_frame=progress.tick), progress, path=path, seconds=self.stall_seconds
                )
            except DecodeTimeout:
                _hung_here.add(os.getpid())
            else:
                _watched_readers[reader] = progress, make
                return reader
        return self.open_killable(path, make)

    def open_killable(self, path: str, make: Callable[..., Any]) -> KillableReader:
        """As :meth:`open`, in a process that can be killed, of which this one has one."""
        key = (os.getpid(), self.stall_seconds)
        if key not in _decoders:
            _decoders[key] = KillableDecoder(stall_seconds=self.stall_seconds)
        return _decoders[key].open(path, make)

    def frames(self, reader: VideoReader | KillableReader, numbers: Sequence[int]) -> list[np.ndarray]:
        """The frames of those numbers.

        Raises:
            DecodeTimeout: it hangs, also in another process.
            DecodeError: as the reader.
        """
        if isinstance(reader, KillableReader) or reader not in _watched_readers:  # frames in memory cannot hang
            return reader.frames(numbers)
        progress, make = _watched_readers[reader]
        try:
            return _watched(lambda: reader.frames(numbers), progress, path=reader.path, seconds=self.stall_seconds)
        except DecodeTimeout:
            _hung_here.add(os.getpid())
            return self.open_killable(reader.path, make).frames(numbers)


def retried(work: Callable[[], Any], *, path: str) -> Any:
    """What ``work`` returns; tried again, after a while, where the file system had a bad moment.

    Raises:
        DecodeError: it has them each time.
    """
    for seconds in (*BACK_OFF_SECONDS, None):
        try:
            return work()
        except (DecodeError, OSError) as error:
            if not is_passing(error):
                raise
            if seconds is None:
                raise DecodeError(
                    f'{path} cannot be read, tried {len(BACK_OFF_SECONDS) + 1} times: {error}. Is its disk, or the '
                    'network that it is on, in order?'
                ) from error
            time.sleep(seconds)
    raise AssertionError('unreachable')


class _Progress:
    """How many frames have come; ends a thread that was given up, as soon as it comes to itself."""

    def __init__(self) -> None:
        self.num_frames = 0
        self.is_given_up = False

    def tick(self) -> None:
        self.num_frames += 1
        if self.is_given_up:
            raise DecodeError('given up')


def _watched(work: Callable[[], Any], progress: _Progress, *, path: str, seconds: float) -> Any:
    outcome = decoding_thread().start(work)
    while True:
        before = progress.num_frames
        try:
            value, error = outcome.get(timeout=seconds)
        except queue.Empty:
            if progress.num_frames > before:
                continue
            progress.is_given_up = True
            give_up()
            raise DecodeTimeout(path, seconds) from None
        if error is not None:
            raise error
        return value
