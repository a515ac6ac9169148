"""Recomputing a random sample of a cache, and comparing."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kdtoolbox.cache_writing.writing import CacheJob
from kdtoolbox.taps import FRAME_LOGITS
from kdtoolbox.teacher_cache import TeacherCache
from kdtoolbox.teacher_cache.identity import differences
from kdtoolbox.teacher_cache.shards import CachedVideo, Shard, to_stored
from kdtoolbox.video import DecodeError

FRAMES_OF_A_SAMPLE = 8
TOLERANCE = {None: 5e-3, torch.bfloat16: 5e-2, torch.float16: 2e-2}
"""Of the largest error of a frame's output relative to its largest value, by the teacher's dtype: float16 rounds to
5e-4, and another batch size or device adds up in another order."""


@dataclass(frozen=True)
class Compared:
    """A few frames of one video in one view, recomputed.

    Args:
        sample_id: of the video.
        view: number of the view.
        error: the largest relative error of an output.
        changed: what is not as it was when the cache was written.
        is_right: whether nothing is, and the error is within the tolerance.
    """

    sample_id: str
    view: int
    error: float
    changed: str
    is_right: bool


def verify_cache(job: CacheJob, *, num_samples: int, seed: int) -> Iterator[Compared]:
    """Recompute frames of ``num_samples`` videos, each in a random view at a random place, and compare.

    Raises:
        ValueError: there is no cache, it was made with another teacher, or nothing is stored.
    """
    cache = TeacherCache(job.folder)
    cache.check_teacher(job.identity)
    draw = random.Random(seed)
    shards = [shard for number in range(cache.settings.num_shards) if (shard := cache.shard(number)) is not None]
    stored = [(shard, video) for shard in shards for video in shard.videos.values() if video.num_frames]
    if not stored:
        raise ValueError(f'the teacher cache {job.folder} holds no frame yet: kdtoolbox cache CONFIG writes it')
    for shard, video in draw.sample(stored, min(num_samples, len(stored))):
        view = draw.randrange(cache.settings.num_views)
        start = draw.randrange(max(video.num_frames - FRAMES_OF_A_SAMPLE, 0) + 1)
        frames = range(start, min(start + FRAMES_OF_A_SAMPLE, video.num_frames))
        yield _compared(job, shard, video, view, frames)


def _compared(job: CacheJob, shard: Shard, video: CachedVideo, view: int, frames: range) -> Compared:
    changed = _changes(job, video)
    if changed:
        return Compared(video.sample_id, view, float('nan'), changed, is_right=False)
    clip = job.source.in_view(job.source.decoded(video.sample_id, frames), view)
    now = to_stored(job.outputs_of(clip), top_k=job.top_k, logits=FRAME_LOGITS)
    before = shard.rows(video.rows(view, frames))
    # Which of two equal classes is among the largest is chance, so of those only the values are compared.
    errors = [_relative_error(before[name], value) for name, value in now.items() if value.is_floating_point()]
    error = max(errors)
    return Compared(video.sample_id, view, error, '', is_right=error <= TOLERANCE[job.teacher.compute_dtype])


def _changes(job: CacheJob, video: CachedVideo) -> str:
    try:
        opened = job.source.open(video.sample_id)
    except (DecodeError, KeyError) as error:
        return f'it does not open any more: {error}'
    before, now = {'decoder': video.decoder}, {'decoder': opened.decoder}
    if opened.source.modified_ns != video.modified_ns or opened.source.size != video.size:
        before['content (SHA-256)'], now['content (SHA-256)'] = video.sha256, opened.source.content_hash()
    return '; '.join(differences(before, now))


def _relative_error(before: Tensor, now: Tensor) -> float:
    """The largest difference, in any frame, relative to the largest value of that frame."""
    before, now = (value.float().flatten(1) if value.dim() > 1 else value.float()[:, None] for value in (before, now))
    return ((before - now).abs().amax(1) / now.abs().amax(1).clamp(min=1e-3)).max().item()
