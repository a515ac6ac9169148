"""Decoding in worker processes: the clips of whole shards, piece by piece."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import cv2
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from kdtoolbox.cache_writing.shard_claims import ShardClaims
from kdtoolbox.cache_writing.video_source import FRAMES_DECODED_TOGETHER, VideoSource
from kdtoolbox.teacher_cache.layout import CacheSettings
from kdtoolbox.teacher_cache.shards import CachedVideo
from kdtoolbox.video import DecodeError

FRAMES_OF_A_PIECE = 64


@dataclass
class Piece:
    """A few frames of a video in one view; or, without a clip, the end of a shard.

    Args:
        shard: that it belongs to.
        video: number of the video in the shard.
        view: number of the view.
        clip: (1, 3, F, H, W) uint8.
        videos: of the end of a shard: what it holds of each video.
    """

    shard: int
    video: int = 0
    view: int = 0
    clip: Tensor | None = None
    videos: list[CachedVideo] = field(default_factory=list)


class PiecesOfShards(IterableDataset):
    """Decodes the shards that this process can claim; each worker claims its own.

    Args:
        source: of the videos.
        settings: of the cache.
        claims: of shards; each worker has a copy, and holds its own locks.
    """

    def __init__(self, source: VideoSource, settings: CacheSettings, claims: ShardClaims) -> None:
        self.source = source
        self.settings = settings
        self.claims = claims

    def __iter__(self) -> Iterator[Piece]:
        worker = get_worker_info()
        if worker is not None:
            cv2.setNumThreads(0)  # as in the workers of a training: one core each
            steps = len(self.claims.order) * worker.id // worker.num_workers
            self.claims.order = self.claims.order[steps:] + self.claims.order[:steps]
        for shard in self.claims.claim_each():
            yield from self._pieces_of(shard)

    def _pieces_of(self, shard: int) -> Iterator[Piece]:
        videos, row = [], 0
        for number, sample_id in enumerate(self.settings.videos_of(shard)):
            video = yield from self._pieces_of_video(shard, number, sample_id, row)
            row += video.num_frames * self.settings.num_views
            videos.append(video)
        yield Piece(shard, videos=videos)

    def _pieces_of_video(
        self, shard: int, number: int, sample_id: str, first_row: int
    ) -> Generator[Piece, None, CachedVideo]:
        try:
            opened = self.source.open(sample_id)
        except DecodeError as error:
            return CachedVideo(sample_id, first_row, 0, 0, 0, 0, '', '', problem=str(error))
        source, total = opened.source, opened.total_frames
        done, problem = 0, ''
        for start in range(0, total, FRAMES_DECODED_TOGETHER):
            frames = range(start, min(start + FRAMES_DECODED_TOGETHER, total))
            try:
                decoded = self.source.decoded(sample_id, frames)
            except DecodeError as error:
                problem = str(error)
                break
            for view in range(self.settings.num_views):
                clip = self.source.in_view(decoded, view)
                yield from (Piece(shard, number, view, part) for part in clip.split(FRAMES_OF_A_PIECE, dim=2))
            done = frames.stop
        known = (source.size, source.modified_ns, source.content_hash(), opened.decoder)
        return CachedVideo(sample_id, first_row, done, total, *known, problem=problem)
