"""Extracting the frames of one video to one folder, atomically."""

import errno
import re
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from kdtoolbox.preparation.conversion import Converted
from kdtoolbox.preparation.ffmpeg import Ffmpeg, FfmpegRun
from kdtoolbox.preparation.frame_folders import (
    ascending,
    count_frames,
    first_broken_frame,
    foreign_files,
    is_complete,
    mark_complete,
    read_mark,
    write_times,
)
from kdtoolbox.preparation.frame_options import FrameOptions
from kdtoolbox.preparation.layouts import VideoJob
from kdtoolbox.preparation.report import DONE, FAILED, THERE, WARNING
from kdtoolbox.preparation.video_header import VideoHeader, exact_rate, read_header

_FAR_MORE = 1.1  # so many times the stored frames were written, or the other way round: worth a word


def extract_video(job: VideoJob, jpg_dir: Path, parts: Path, *, ffmpeg: Ffmpeg, options: FrameOptions) -> Converted:
    """Write the frames of a video to a new folder in ``parts``, unless ``jpg_dir`` has them all.

    What is wrong with the video or its place is the result's ``reason``; only bugs raise.
    """
    folder = jpg_dir / job.target
    try:
        video_bytes = job.video.stat().st_size
        problem = _obstacle(folder, video_bytes)
        mark = read_mark(folder) or {}
        if problem is None and ('colours' in mark or ffmpeg.header(job.video)[0].has_jpeg_colours()):
            warning = mark.get('warning', '')
            return Converted(job, THERE, warning and f'{warning} (frames are kept)')
        if problem:
            return Converted(job, FAILED, problem)
        part = parts / uuid.uuid4().hex
        part.mkdir()
        try:
            return _extract_into(part, job, video_bytes, ffmpeg=ffmpeg, options=options)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)  # the error is what counts; the next run clears the rest
            raise
    except OSError as error:  # unreadable video, disk full while marking, names too long …: a reason, not a traceback
        return Converted(
            job,
            FAILED,
            f'{error.strerror}: {error.filename or job.video}',
            is_disk_full=error.errno in (errno.ENOSPC, errno.EDQUOT),
        )


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
    return (
        foreign
        and (
            f'the frame folder {folder} is not complete and holds {len(foreign)} files that are not '
            f'frames, such as {foreign[0]}: move them away'
        )
    ) or ''


def _extract_into(part: Path, job: VideoJob, video_bytes: int, *, ffmpeg: Ffmpeg, options: FrameOptions) -> Converted:
    run, header = _frames_written(part, job, ffmpeg=ffmpeg, options=options)
    reason = failure(run, header, time_limit_seconds=ffmpeg.time_limit_seconds)
    num_frames, times = 0, []
    if not reason:
        try:
            num_frames = count_frames(part)
        except ValueError:
            reason = 'no frames in it' + _first_error(run)
    if not reason and (broken := first_broken_frame(part)):
        reason = f'{broken} was not written to its end: is the disk full?'
    if not reason and options.as_stored:
        times = _stored_times(run, header)
        if len(times) != num_frames:
            reason = f'{num_frames} frames, but times of {len(times)}'
    if reason:
        shutil.rmtree(part, ignore_errors=True)  # the next run clears what could not be removed
        return Converted(job, FAILED, reason, is_disk_full=run.has_full_disk())
    if options.as_stored:
        write_times(part, times)
    warning = doubt(run, header, num_frames, times)
    if ffmpeg.loses_mirroring and re.search('^ *display ?matrix: ', run.log.replace('[info] ', ''), re.I | re.M):
        warning = '; '.join(filter(None, [warning, 'turned, but not mirrored if it should be: use ffmpeg 5 or newer']))
    mark_complete(
        part, num_frames=num_frames, video_bytes=video_bytes, warning=warning, frames_per_second=_rate(header, times)
    )
    return Converted(job, WARNING if warning else DONE, warning, part)


def _frames_written(
    part: Path, job: VideoJob, *, ffmpeg: Ffmpeg, options: FrameOptions
) -> tuple[FfmpegRun, VideoHeader]:
    """Write the frames, with their colours converted if the video needs it.

    Asking for the header first would start ffmpeg twice for each video, a tenth of the work for those of UCF-101. Most
    videos of a data set are alike, so what the last one needed is tried, and done again where it is wrong.
    """
    has_jpeg_colours = ffmpeg.last_had_jpeg_colours
    while True:
        arguments = options.arguments(has_jpeg_colours=has_jpeg_colours, passthrough_options=ffmpeg.passthrough_options)
        run = ffmpeg.run(job.video, arguments, folder=part)
        header = read_header(run.log)
        if header.has_jpeg_colours() == has_jpeg_colours:
            return run, header
        has_jpeg_colours = ffmpeg.last_had_jpeg_colours = not has_jpeg_colours
        shutil.rmtree(part)
        part.mkdir()


def _stored_times(run: FfmpegRun, header: VideoHeader) -> list[float]:
    step_seconds = 1 / exact_rate(header.frames_per_second or 25)
    shown = run.frame_times()
    if header.has_times():
        return ascending(shown, step_seconds=step_seconds)
    return [round(index * step_seconds, 6) for index in range(len(shown))]


def _rate(header: VideoHeader, times: Sequence[float]) -> float | None:
    """Frames a second: those that were written at a constant rate, the average of those that are as stored."""
    if len(times) > 1 and times[-1] > times[0]:
        return (len(times) - 1) / (times[-1] - times[0])
    return header.frames_per_second and exact_rate(header.frames_per_second)


def failure(run: FfmpegRun, header: VideoHeader, *, time_limit_seconds: float) -> str:
    """Why a run gave no usable frames, '' if it may have."""
    if run.timed_out:
        return f'not done after {time_limit_seconds:g} s: broken, or longer than --time-limit allows'
    if header.format_names and header.complaint():
        return header.complaint()
    if run.exit_status != 0:
        return f'ffmpeg ended with status {run.exit_status}' + _first_error(run)
    return ''


def doubt(run: FfmpegRun, header: VideoHeader, num_frames: int, times: Sequence[float] = ()) -> str:
    """What a person should know of frames that were written: fewer than announced, far more than stored, or decoded
    past errors. ``times`` are the seconds of frames as stored.
    """
    doubts = []
    if times and header.has_times() and times != run.frame_times():
        doubts.append('not all its times are in the order of its frames: those that are not follow at the average rate')
    if header.duration_seconds and times:
        if times[-1] < 0.9 * header.duration_seconds - 1:
            doubts.append(
                f'the last frame is at {times[-1]:.1f} of {header.duration_seconds:.1f} s: cut off, or the '
                'sound is longer'
            )
    elif header.duration_seconds and header.frames_per_second:
        announced = header.duration_seconds * header.frames_per_second
        if num_frames < 0.9 * announced - 1:
            doubts.append(
                f'{num_frames} frames where the header announces about {announced:.0f}: cut off, or the sound is longer'
            )
    repeated, dropped = run.repeated_and_dropped()
    stored = num_frames - repeated + dropped
    if not times and max(num_frames, stored) > _FAR_MORE * min(num_frames, stored) + 1:
        doubts.append(
            f'{num_frames} files of {stored} stored frames ({repeated} repeated, {dropped} left out): its '
            'rate varies, or the picture starts late; --frames as-stored makes one file of each'
        )
    if run.errors():
        doubts.append('decoded past errors' + _first_error(run))
    return '; '.join(doubts)


def _first_error(run: FfmpegRun) -> str:
    errors = run.errors()
    return f': {"; ".join(errors[:2])}' if errors else ''
