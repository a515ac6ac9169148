"""One video to one folder of frames, whole or not at all."""

import errno
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kdtoolbox.preparation.ffmpeg import Ffmpeg, FfmpegRun, VideoHeader, read_header
from kdtoolbox.preparation.frame_folders import (FRAME_TEMPLATE, count_frames, first_broken_frame, foreign_files,
                                                 is_complete, mark_complete, read_mark)
from kdtoolbox.preparation.layouts import VideoJob
from kdtoolbox.preparation.report import DONE, FAILED, THERE, WARNING


@dataclass(frozen=True)
class FrameOptions:
    """How frames are made: ``height`` or ``short_side`` in pixels (the aspect is kept), one of them; ``quality`` is
    ffmpeg's ``-q:v`` (2 best … 31), its default where ``None``; ``frames_per_second`` resamples where given.

    Raises:
        ValueError: a value ffmpeg could not use.
    """

    height: int | None = None
    short_side: int | None = None
    quality: int | None = None
    frames_per_second: float | None = None

    def __post_init__(self) -> None:
        if (self.height is None) == (self.short_side is None):
            raise ValueError(f'give height or short side, one of them; got {self.height} and {self.short_side}')
        limits = (('height', self.height, 1, 16384), ('short side', self.short_side, 1, 16384),
                  ('quality', self.quality, 1, 31), ('fps', self.frames_per_second, 0.01, 1000))
        for name, value, lowest, highest in limits:
            if value is not None and not lowest <= value <= highest:
                raise ValueError(f'{name} is {value}, expected {lowest} to {highest}')

    def arguments(self) -> list[str]:
        """The output options of ffmpeg.

        >>> FrameOptions(height=240).arguments()
        ['-vf', 'scale=-1:240', '-threads', '1', 'image_%05d.jpg']
        """
        side = self.short_side
        size = f'-1:{self.height}' if side is None else f"'if(gt(iw,ih),-1,{side})':'if(gt(iw,ih),{side},-1)'"
        rate = '' if self.frames_per_second is None else f'fps={self.frames_per_second:g},'
        quality = [] if self.quality is None else ['-q:v', str(self.quality)]
        return ['-vf', f'{rate}scale={size}', *quality, '-threads', '1', FRAME_TEMPLATE]

    def settings(self) -> dict[str, float]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Extracted:
    """How one video ended; ``part`` is the whole but not yet placed folder when the status is done or warning."""

    job: VideoJob
    status: str
    reason: str = ''
    part: Path | None = None
    is_disk_full: bool = False


def extract_video(job: VideoJob, jpg_dir: Path, parts: Path, *, ffmpeg: Ffmpeg, arguments: Sequence[str]) -> Extracted:
    """Write the frames of a video to a new folder in ``parts``, unless ``jpg_dir`` has them all.

    What is wrong with the video or its place is the result's ``reason``; only bugs raise.
    """
    folder = jpg_dir / job.target
    try:
        video_bytes = job.video.stat().st_size
        problem = _obstacle(folder, video_bytes)
        if problem is None:
            warning = read_mark(folder).get('warning', '')
            return Extracted(job, THERE, warning and f'{warning} (frames are kept)')
        if problem:
            return Extracted(job, FAILED, problem)
        part = parts / uuid.uuid4().hex
        part.mkdir()
        try:
            return _extract_into(part, job, video_bytes, ffmpeg=ffmpeg, arguments=arguments)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)  # the error is what counts; the next run clears the rest
            raise
    except OSError as error:  # unreadable video, disk full while marking, names too long …: a reason, not a traceback
        return Extracted(job, FAILED, f'{error.strerror}: {error.filename or job.video}',
                         is_disk_full=error.errno in (errno.ENOSPC, errno.EDQUOT))


def _obstacle(folder: Path, video_bytes: int) -> str | None:
    """Why the frames cannot be made, '' if they can, ``None`` if they are all there."""
    if video_bytes == 0:
        return 'an empty file (0 bytes): download it again'
    if not folder.exists():
        return ''
    if not folder.is_dir():
        return f'{folder} is in the way: a file, where the frame folder belongs'
    if is_complete(folder, video_bytes):
        return None
    foreign = foreign_files(folder)
    return foreign and (f'the frame folder {folder} is not complete and holds {len(foreign)} files that are not '
                        f'frames, such as {foreign[0]}: move them away') or ''


def _extract_into(part: Path, job: VideoJob, video_bytes: int, *, ffmpeg: Ffmpeg,
                  arguments: Sequence[str]) -> Extracted:
    run = ffmpeg.run(job.video, arguments, folder=part)
    header = read_header(run.log)
    reason = failure(run, header, time_limit_seconds=ffmpeg.time_limit_seconds)
    num_frames = 0
    if not reason:
        try:
            num_frames = count_frames(part)
        except ValueError:
            reason = 'no frames in it' + _first_error(run)
    if not reason and (broken := first_broken_frame(part)):
        reason = f'{broken} was not written to its end: is the disk full?'
    if reason:
        shutil.rmtree(part, ignore_errors=True)  # the next run clears what could not be removed
        return Extracted(job, FAILED, reason, is_disk_full=run.has_full_disk())
    warning = doubt(run, header, num_frames)
    mark_complete(part, num_frames=num_frames, video_bytes=video_bytes, warning=warning)
    return Extracted(job, WARNING if warning else DONE, warning, part)


def failure(run: FfmpegRun, header: VideoHeader, *, time_limit_seconds: float) -> str:
    """Why a run gave no usable frames, '' if it may have."""
    if run.timed_out:
        return f'not done after {time_limit_seconds:g} s: broken, or longer than --time-limit allows'
    if header.format_names and header.complaint():
        return header.complaint()
    if run.exit_status != 0:
        return f'ffmpeg ended with status {run.exit_status}' + _first_error(run)
    return ''


def doubt(run: FfmpegRun, header: VideoHeader, num_frames: int) -> str:
    """What a person should know of frames that were written: fewer than announced, or decoded past errors."""
    doubts = []
    if header.duration_seconds and header.frames_per_second:
        announced = header.duration_seconds * header.frames_per_second
        if num_frames < 0.9 * announced - 1:
            doubts.append(f'{num_frames} frames where the header announces about {announced:.0f}: cut off, or the '
                          'sound is longer')
    if run.errors():
        doubts.append('decoded past errors' + _first_error(run))
    return '; '.join(doubts)


def _first_error(run: FfmpegRun) -> str:
    errors = run.errors()
    return f': {"; ".join(errors[:2])}' if errors else ''
