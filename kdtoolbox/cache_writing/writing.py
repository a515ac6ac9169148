"""Running a teacher on all frames of all videos, and storing its outputs shard by shard."""

import dataclasses
import os
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from kdtoolbox.cache_writing.decoding_workers import PiecesOfShards
from kdtoolbox.cache_writing.shard_claims import ShardClaims
from kdtoolbox.cache_writing.video_source import VideoSource
from kdtoolbox.safe_files import check_writable
from kdtoolbox.taps import FRAME_LOGITS
from kdtoolbox.teacher_cache.identity import differences, refuse_differences
from kdtoolbox.teacher_cache.layout import (
    CacheSettings,
    load_settings,
    save_settings,
    settings_file,
    shard_file,
    videos_per_shard,
)
from kdtoolbox.teacher_cache.shards import Shard, to_stored, write_shard
from kdtoolbox.teachers import FrameTeacher
from kdtoolbox.terminal import Progress, say

SECONDS_BETWEEN_LOOKS = 2.0


@dataclass(frozen=True)
class CacheJob:
    """A cache to write, or to verify.

    Args:
        teacher: whose outputs are stored, with the taps to store.
        identity: see :func:`teacher_identity`.
        top_k: number of stored logits; None stores all.
        folder: of the cache.
        source: of the videos.
    """

    teacher: FrameTeacher
    identity: dict
    top_k: int | None
    folder: Path
    source: VideoSource

    def outputs_of(self, clip: Tensor) -> dict[str, Tensor]:
        """The teacher's outputs for each frame of (1, 3, F, H, W): name -> (F, …) float32."""
        device = next(self.teacher.parameters()).device
        view = dataclasses.replace(self.teacher.view, frame_stride=1)
        outputs = self.teacher.outputs_of_frames(view.inputs_of(clip.to(device), ()))
        return {name: output[0] for name, output in outputs.items()}


def write_cache(job: CacheJob, *, num_workers: int) -> None:
    """Write all shards that are absent; any number of processes may do this at the same time.

    What is there is kept, unless one of its videos has another size now. A process that is killed leaves complete
    shards only; the next one goes on with the others.

    Args:
        num_workers: processes that decode; 0 decodes in this one.

    Raises:
        ValueError: the folder has a cache of something else, or cannot be written.
    """
    settings = prepare_folder(job)
    _remove_shards_of_changed_videos(job, settings)
    absent = [number for number in range(settings.num_shards) if not shard_file(job.folder, number).is_file()]
    progress = Progress(settings.num_shards, what='shards', done=settings.num_shards - len(absent))
    try:
        while absent:
            written = _write_what_is_free(job, settings, num_workers, progress)
            absent = [number for number in absent if not shard_file(job.folder, number).is_file()]
            if absent and not written:
                time.sleep(SECONDS_BETWEEN_LOOKS)  # other processes are at them; one may die
    finally:
        progress.close()


def _remove_shards_of_changed_videos(job: CacheJob, settings: CacheSettings) -> None:
    for number in range(settings.num_shards):
        file = shard_file(job.folder, number)
        changed = [
            video.sample_id
            for video in (Shard(file).videos.values() if file.is_file() else ())
            if video.num_frames and job.source.size_of(video.sample_id) not in (None, video.size)
        ]
        if changed:
            say(f'{changed[0]} is another file than when {file} was written, which is written again')
            file.unlink(missing_ok=True)


def prepare_folder(job: CacheJob) -> CacheSettings:
    """Write ``cache.json``, or check the one that is there.

    Raises:
        ValueError: it is that of another cache, or the folder cannot be written.
    """
    check_writable(settings_file(job.folder))
    settings = CacheSettings(
        teacher=job.identity,
        views=job.source.views.description,
        num_views=job.source.views.num_views,
        outputs={name: list(output.shape[1:]) for name, output in job.outputs_of(_black_frame()).items()},
        top_k=job.top_k,
        videos=job.source.sample_ids,
        videos_per_shard=videos_per_shard(len(job.source.sample_ids)),
    )
    num_classes = settings.outputs.get(FRAME_LOGITS, [0])[0]
    if job.top_k is not None and not 0 < job.top_k < num_classes:
        raise ValueError(f'CachedTeacher top_k={job.top_k}: expected 1 to {num_classes - 1} of {num_classes} logits')
    if not settings_file(job.folder).is_file():
        save_settings(settings, job.folder)
        return settings
    found = load_settings(job.folder)
    refuse_differences('teacher', differences(found.teacher, settings.teacher), folder=job.folder)
    changed = [part for part in ('views', 'outputs', 'videos') if getattr(found, part) != getattr(settings, part)]
    if changed == ['videos']:
        raise ValueError(
            f'the teacher cache {job.folder} is one of {len(found.videos)} videos, the training set has '
            f'{len(settings.videos)}, or in another order: write a new cache, --cfg-options '
            'model.teacher.cache=ANOTHER_FOLDER'
        )
    now, before = ({part: getattr(one, part) for part in changed} for one in (settings, found))
    refuse_differences('training pipeline', differences(before, now), folder=job.folder)
    return found


def _write_what_is_free(job: CacheJob, settings: CacheSettings, num_workers: int, progress: Progress) -> int:
    start = os.getpid() * 7919 % settings.num_shards
    claims = ShardClaims(job.folder, settings.num_shards, start=start)
    loader = DataLoader(PiecesOfShards(job.source, settings, claims), batch_size=None, num_workers=num_workers)
    pending: dict[int, dict[tuple[int, int], list[dict[str, Tensor]]]] = defaultdict(lambda: defaultdict(list))
    num_written = 0
    try:
        for piece in loader:
            if piece.clip is not None:
                outputs = to_stored(job.outputs_of(piece.clip), top_k=job.top_k, logits=FRAME_LOGITS)
                pending[piece.shard][piece.video, piece.view].append(outputs)
                continue
            write_shard(shard_file(job.folder, piece.shard), _rows(pending.pop(piece.shard, {})), piece.videos)
            num_written += 1
            progress.update()
    finally:
        claims.release_all()
    return num_written


def _rows(outputs: dict[tuple[int, int], list[dict[str, Tensor]]]) -> dict[str, Tensor]:
    """name -> (R, …), ordered by video, view and frame."""
    pieces = [piece for place in sorted(outputs) for piece in outputs[place]]
    if not pieces:  # no video of the shard decodes
        return {'none': torch.zeros(0)}
    return {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}


def _black_frame() -> Tensor:
    return torch.zeros(1, 3, 1, 32, 32, dtype=torch.uint8)
