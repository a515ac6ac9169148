"""State that a data set shares with its worker processes: epoch, bad videos, frame counts."""

import torch

_FAILS, _HANGS = 1, 2


class SharedState:
    """In shared memory, so that persistent workers get the new epoch, and all workers count bad videos together.

    Torch's shared memory serves forked and spawned workers alike, and unlike multiprocessing's can be copied with
    the data set, as mmengine's ``get_subset`` does.

    >>> state = SharedState(num_videos=3)
    >>> state.mark_bad(1), state.mark_bad(1, hangs=True), state.hangs(1), state.num_bad
    (True, False, True, 1)

    Attributes:
        frame_counts: (videos,) int32, 0 where no worker has found out yet; see OpenVideo.
    """

    def __init__(self, num_videos: int) -> None:
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._bad = torch.zeros(num_videos, dtype=torch.uint8).share_memory_()
        self.frame_counts = torch.zeros(num_videos, dtype=torch.int32).share_memory_()

    def __deepcopy__(self, memo: dict) -> 'SharedState':
        copy = SharedState(len(self._bad))
        copy._epoch.copy_(self._epoch)
        copy._bad.copy_(self._bad)
        copy.frame_counts.copy_(self.frame_counts)
        return copy

    @property
    def epoch(self) -> int:
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def hangs(self, video: int) -> bool:
        return bool(self._bad[video] == _HANGS)

    def mark_bad(self, video: int, *, hangs: bool = False) -> bool:
        """Mark a video as bad; returns whether it was not marked before."""
        news = not self._bad[video]
        self._bad[video] = _HANGS if hangs else max(_FAILS, int(self._bad[video]))
        return news

    @property
    def num_bad(self) -> int:
        return int(self._bad.count_nonzero())
