"""Sharing out shards among processes that write the same cache."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from kdtoolbox.teacher_cache.layout import lock_file, shard_file


class ShardClaims:
    """Locks on shards that this process writes; the system takes them away from a process that dies.

    Where a file system has no locks, two processes may write the same shard: both write the same content, and the
    second replaces the first as a whole.

    Args:
        folder: of the cache.
        num_shards: of the complete cache.
        start: number of the shard to begin with, so that processes do not all try the same ones.
    """

    def __init__(self, folder: Path, num_shards: int, *, start: int = 0) -> None:
        self.folder = folder
        self.order = [(start + step) % num_shards for step in range(num_shards)]
        self._held: dict[int, int] = {}

    def claim_each(self) -> Iterator[int]:
        """The shards that are absent, and that no other process is at, each locked."""
        for shard in self.order:
            self._release_written()
            if not shard_file(self.folder, shard).is_file() and self._lock(shard):
                if shard_file(self.folder, shard).is_file():  # written between the look and the lock
                    continue
                yield shard

    def _lock(self, shard: int) -> bool:
        file = lock_file(self.folder, shard)
        file.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(number)
            return False
        except OSError:
            pass  # no locks on this file system
        self._held[shard] = number
        return True

    def _release_written(self) -> None:
        for shard in [shard for shard in self._held if shard_file(self.folder, shard).is_file()]:
            os.close(self._held.pop(shard))

    def release_all(self) -> None:
        """Give all locks back."""
        while self._held:
            os.close(self._held.popitem()[1])
