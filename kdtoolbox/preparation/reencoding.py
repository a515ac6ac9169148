"""Encoding videos again for random access: H.264 with close key frames, the same frames under the same numbers."""

import copy
import errno
import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np

from kdtoolbox.plain_files import read_json
from kdtoolbox.preparation.conversion import Conversion, Converted
from kdtoolbox.preparation.extraction import failure
from kdtoolbox.preparation.ffmpeg import Ffmpeg
from kdtoolbox.preparation.frame_folders import STATE_FOLDER, write_text
from kdtoolbox.preparation.isolated import CallFailed
from kdtoolbox.preparation.layouts import VideoJob, VideoTree
from kdtoolbox.preparation.report import DONE, FAILED, THERE, WARNING
from kdtoolbox.preparation.video_header import read_header
from kdtoolbox.video import DecodeError, VideoReader

SUFFIX = '.mp4'


@dataclass(frozen=True)
class EncodingOptions:
    """How videos are encoded.

    Args:
        short_side: in pixels; a smaller video keeps its size.
        keyframe_interval: in frames. A clip begins to be decoded at the key frame before it.
        quality: x264's constant rate factor, 0 (best) to 51.
    """

    short_side: int
    keyframe_interval: int
    quality: int

    def __post_init__(self) -> None:
        for name, lowest, highest in (('short_side', 16, 4096), ('keyframe_interval', 1, 1000), ('quality', 0, 51)):
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f'--{name.replace("_", "-")} {getattr(self, name)}: expected {lowest} to {highest}')

    def arguments(self, passthrough_options: list[str]) -> list[str]:
        """The output options of ffmpeg: every decoded frame once, at its own time, no B-frames, no sound."""
        side = self.short_side
        larger, upright = f'gt(min(iw,ih),{side})', 'gt(ih,iw)'
        # 4:2:0 needs even sizes.
        width = f'if({larger},if({upright},{side // 2 * 2},-2),trunc(iw/2)*2)'
        height = f'if({larger},if({upright},-2,{side // 2 * 2}),trunc(ih/2)*2)'
        interval = str(self.keyframe_interval)
        return [
            *('-map', '0:v:0', '-an', '-sn', '-dn', *passthrough_options),
            *('-vf', f"scale='{width}':'{height}'", '-pix_fmt', 'yuv420p'),
            *('-c:v', 'libx264', '-preset', 'medium', '-crf', str(self.quality), '-bf', '0'),
            *('-g', interval, '-keyint_min', interval, '-sc_threshold', '0'),
            *('-threads', '1', '-map_metadata', '-1', '-movflags', '+faststart'),
        ]


class Reencoding(Conversion):
    """The work on one tree of encoded videos."""

    verb, results = 'encode', 'videos'
    settings_name = 'encoding.json'

    def __init__(
        self,
        tree: VideoTree,
        out_dir: Path,
        options: EncodingOptions,
        *,
        readers: Callable[[tuple[str, str]], tuple[str, str]],
    ) -> None:
        super().__init__(tree, out_dir, asdict(options))
        self.options = options
        self.readers = readers

    def convert(self, job: VideoJob, parts: Path, ffmpeg: Ffmpeg) -> Converted:
        try:
            if job.video.stat().st_size == 0:
                return Converted(job, FAILED, 'an empty file (0 bytes): download it again')
            if self.is_there(job):
                return Converted(job, THERE)
            return self._encode(job, parts / f'{uuid.uuid4().hex}{SUFFIX}', ffmpeg)
        except OSError as error:
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            return Converted(job, FAILED, f'{error.strerror}: {error.filename or job.video}', is_disk_full=is_full)

    def of_one_job(self, *, is_remote: bool) -> 'Reencoding':
        alone = cast(Reencoding, copy.copy(super().of_one_job(is_remote=is_remote)))
        if is_remote:
            # A worker of Dask may have no processes of its own; one that dies of a video is replaced.
            alone.readers = compare_frames
        return alone

    def is_there(self, job: VideoJob) -> bool:
        try:
            mark = read_json(self._mark(job), max_bytes=100_000)
            size = self._file(job).stat().st_size
        except (OSError, ValueError):
            return False
        return mark == {'source_bytes': job.video.stat().st_size, 'bytes': size}

    def place(self, result: Converted) -> None:
        assert result.part is not None
        mark, file = self._mark(result.job), self._file(result.job)
        for folder in (mark.parent, file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        # The mark first: without the very file that it is of, it says nothing.
        sizes = {'source_bytes': result.job.video.stat().st_size, 'bytes': result.part.stat().st_size}
        write_text(mark, json.dumps(sizes))
        result.part.replace(file)

    def example(self, job: VideoJob) -> str:
        return f'{job.video} -> {self._file(job)}'

    def _encode(self, job: VideoJob, part: Path, ffmpeg: Ffmpeg) -> Converted:
        arguments = [*self.options.arguments(ffmpeg.passthrough_options), part.name]
        run = ffmpeg.run(job.video, arguments, folder=part.parent)
        reason = failure(run, read_header(run.log), time_limit_seconds=ffmpeg.time_limit_seconds)
        if reason:
            part.unlink(missing_ok=True)
            return Converted(job, FAILED, reason, is_disk_full=run.has_full_disk())
        try:
            problem, warning = self.readers((str(job.video), str(part)))
        except CallFailed as error:
            problem, warning = str(error), ''
        if problem:
            part.unlink(missing_ok=True)
            return Converted(job, FAILED, problem)
        return Converted(job, WARNING if warning else DONE, warning, part)

    def _file(self, job: VideoJob) -> Path:
        return self.out_dir / f'{job.target}{SUFFIX}'

    def _mark(self, job: VideoJob) -> Path:
        return self.out_dir / STATE_FOLDER / 'encoded' / f'{job.target}.json'


def compare_frames(videos: tuple[str, str]) -> tuple[str, str]:
    """A problem and a warning, each '' if there is none, about a video and its new encoding.

    The number of frames must be the same, so that frame i stays frame i; their times may differ by less than half a
    frame, or segments in seconds would get other frames.
    """
    try:
        before, after = (VideoReader(video) for video in videos)
        if before.index.key_frames.size:  # what the packets announce may be more than what is shown
            before.frames([len(before) - 1])
        after.frames([len(after) - 1])
    except DecodeError as error:
        return str(error), ''
    if len(before) != len(after):
        return f'{len(after)} frames came out of {len(before)}: nothing is written, train from the video as it is', ''
    shift = float(np.abs((before.seconds - before.seconds[0]) - (after.seconds - after.seconds[0])).max())
    if shift > 0.5 / before.frames_per_second:
        return '', f'its frames are at other times, by up to {shift:.3f} s: segments in seconds get other frames'
    return '', str(before.damage or '')
