"""Reading a teacher cache."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from kdtoolbox.taps import FRAME_LOGITS
from kdtoolbox.teacher_cache.frame_keys import FrameKeys, SourceState
from kdtoolbox.teacher_cache.identity import differences, refuse_differences
from kdtoolbox.teacher_cache.layout import load_settings, shard_file
from kdtoolbox.teacher_cache.shards import CachedVideo, Shard
from kdtoolbox.teacher_cache.top_k import all_logits

MAX_OPEN_SHARDS = 4096
"""Each is one memory map, of which Linux allows a process 65530."""


class MissingFrames(ValueError):
    """The cache does not have the frames of a clip."""


class TeacherCache:
    """The outputs of a teacher for single frames, looked up by :class:`FrameKeys`.

    Shards are memory-mapped when they are first needed, by any number of processes; the system keeps one copy of their
    pages for all.

    Args:
        folder: of the cache.

    Raises:
        ValueError: there is no cache.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.settings = load_settings(self.folder)
        self._positions = {sample_id: position for position, sample_id in enumerate(self.settings.videos)}
        self._shards: dict[int, Shard] = {}
        self._unchanged: set[SourceState] = set()

    def __deepcopy__(self, memo: dict) -> 'TeacherCache':
        return self  # it is only read, and copies of mapped tensors would be real

    def check_teacher(self, teacher: dict) -> None:
        """Raise ValueError if the cache was made with another teacher, or another preprocessing of its."""
        refuse_differences('teacher', differences(self.settings.teacher, teacher), folder=self.folder)

    def of_frames(
        self,
        keys: FrameKeys,
        frames: Sequence[int],
        outputs: Collection[str],
        tokens: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Outputs for frames of one clip.

        Args:
            keys: of the clip.
            frames: (T',) numbers of the frames in the sample.
            outputs: names of the stored outputs that are wanted.
            tokens: name -> (T', L) boolean, for outputs (L, …) of which only these tokens are read.

        Returns:
            name -> (T', …) float16 on the CPU; of those in ``tokens`` (number of tokens, …).

        Raises:
            MissingFrames: not all are stored.
            ValueError: the video, its decoder or the spatial views are not those that the cache was made with.
        """
        now = {'views': keys.views}
        refuse_differences('spatial view', differences({'views': self.settings.views}, now), folder=self.folder)
        shard = self._shard_of(keys.sample_id)
        video = shard.videos.get(keys.sample_id) if shard is not None else None
        if shard is None or video is None or max(frames) >= video.num_frames:
            raise MissingFrames(self._what_is_missing(keys.sample_id, frames, video))
        self._check_source(keys, video)
        return self._rows(shard, video.rows(keys.view, frames), outputs, tokens or {})

    def stand_in(self, num_frames: int, outputs: Collection[str]) -> dict[str, Tensor]:
        """As :meth:`of_frames`, of no frames in particular: for a clip of noise, of which only the shapes matter."""
        shapes = {name: self.settings.outputs[name] for name in outputs}
        generator = torch.Generator().manual_seed(0)
        return {name: torch.randn(num_frames, *shape, generator=generator).half() for name, shape in shapes.items()}

    def shard(self, number: int) -> Shard | None:
        """A shard, None if it is not written yet."""
        if number not in self._shards:
            file = shard_file(self.folder, number)
            if not file.is_file():
                return None
            if len(self._shards) >= MAX_OPEN_SHARDS:
                self._shards.pop(next(iter(self._shards)))
            self._shards[number] = Shard(file)
        return self._shards[number]

    def _shard_of(self, sample_id: str) -> Shard | None:
        position = self._positions.get(sample_id)
        return None if position is None else self.shard(position // self.settings.videos_per_shard)

    def _rows(
        self, shard: Shard, rows: Sequence[int], outputs: Collection[str], tokens: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        if self.settings.top_k is None or FRAME_LOGITS not in outputs:
            return shard.read(outputs, rows, tokens)
        stored = {part: f'{FRAME_LOGITS}.{part}' for part in ('values', 'classes', 'rest')}
        found = shard.read([*(name for name in outputs if name != FRAME_LOGITS), *stored.values()], rows, tokens)
        parts = {part: found.pop(name) for part, name in stored.items()}
        return {**found, FRAME_LOGITS: all_logits(**parts, num_classes=self.settings.outputs[FRAME_LOGITS][0])}

    def _what_is_missing(self, sample_id: str, frames: Sequence[int], video: CachedVideo | None) -> str:
        if sample_id not in self._positions:
            reason = 'it was written without this video'
        elif video is None:
            reason = 'it is not written to its end'
        elif video.problem:
            reason = f'it has the first {video.num_frames} of {video.total_frames}, because {video.problem}'
        else:
            reason = f'it has {video.num_frames}, all that the video had'
        return (
            f'the teacher cache {self.folder} lacks frames of {sample_id}, of which {min(frames)} to {max(frames)} are '
            f'wanted: {reason}. Write it: kdtoolbox cache CONFIG; or have the teacher run on such clips: '
            "model.teacher.missing='live'"
        )

    def _check_source(self, keys: FrameKeys, video: CachedVideo) -> None:
        source = keys.source
        changed = differences({'decoder': video.decoder}, {'decoder': keys.decoder})
        if source.size != video.size:
            changed += differences({'size': video.size}, {'size': source.size})
        elif source.modified_ns != video.modified_ns and source not in self._unchanged:
            # A copied file has another time but the same content; this is found out once for each file.
            changed += differences({'content (SHA-256)': video.sha256}, {'content (SHA-256)': source.content_hash()})
            if not changed:
                self._unchanged.add(source)
        refuse_differences(f'{keys.sample_id}', changed, folder=self.folder)
