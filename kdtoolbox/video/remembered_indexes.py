"""Frame indexes that this process has made, so that a video that is opened again is not listed again."""

import os
import threading
from collections import OrderedDict

from kdtoolbox.video.frame_index import FrameIndex

MAX_BYTES = 32 * 2**20
"""Of a process: all of UCF-101, or 14,000 clips of ten seconds. The index that was used longest ago goes first."""

_State = tuple[int, int]


class RememberedIndexes:
    """Indexes by path; that of a file that was changed since is not given.

    Args:
        max_bytes: that they may have together.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._num_bytes = 0
        self._lock = threading.RLock()
        # A forked process has the lock as it was, and not the thread that held it.
        os.register_at_fork(after_in_child=self._renew_lock)
        self._held: OrderedDict[str, tuple[_State, FrameIndex]] = OrderedDict()

    def get(self, path: str) -> FrameIndex | None:
        """The index of the file as it is now, None if it is not known."""
        with self._lock:
            found = self._held.get(path)
            if found is None:
                return None
            if found[0] != _state_of(path):
                self.forget(path)
                return None
            self._held.move_to_end(path)
            return found[1]

    def add(self, index: FrameIndex, path: str) -> None:
        """Keep it."""
        with self._lock:
            state = _state_of(path)
            self.forget(path)
            if state is not None:
                self._held[path] = (state, index)
                self._num_bytes += _bytes_of(index)
            while self._num_bytes > self.max_bytes:
                self.forget(next(iter(self._held)))

    def forget(self, path: str) -> None:
        """What is not right, or not needed any more."""
        with self._lock:
            found = self._held.pop(path, None)
            if found is not None:
                self._num_bytes -= _bytes_of(found[1])

    def __len__(self) -> int:
        return len(self._held)

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()


def _state_of(path: str) -> _State | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _bytes_of(index: FrameIndex) -> int:
    return index.time_stamps.nbytes + index.key_frames.nbytes + 500


_indexes = RememberedIndexes(MAX_BYTES)
remembered_index, remember_index, forget_index = _indexes.get, _indexes.add, _indexes.forget
