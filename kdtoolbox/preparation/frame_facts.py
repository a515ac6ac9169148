"""The files ``n_frames`` and ``fps`` in each frame folder."""

import os
import re
from functools import partial
from pathlib import Path

from kdtoolbox.preparation.ffmpeg import Ffmpeg
from kdtoolbox.preparation.frame_folders import count_frames, frame_folders, is_complete, read_mark, write_text
from kdtoolbox.preparation.layouts import VideoJob, VideoTree
from kdtoolbox.preparation.parallel import in_parallel
from kdtoolbox.preparation.report import DONE, FAILED, PASSED_OVER, Report
from kdtoolbox.preparation.video_header import exact_rate, read_header
from kdtoolbox.terminal import Progress

# Each frame over the one before, uncompressed and to nowhere.
_ONE_PICTURE = ['-map', '0:v:0', '-c:v', 'rawvideo', '-f', 'image2', '-update', '1', '-y', os.devnull]


def write_frame_counts(jpg_dir: Path, report: Report, *, num_workers: int) -> None:
    """Write ``n_frames`` into each frame folder of a tree; a folder with no frames, or a gap, is a failure.

    Raises:
        ValueError: there are no frame folders.
    """
    folders = list(frame_folders(jpg_dir))
    progress = Progress(len(folders))
    for folder, reason in in_parallel(_write_frame_count, folders, num_workers=num_workers):
        progress.update()
        report.add(FAILED if reason else DONE, folder, reason)
    progress.close()


def write_fps(tree: VideoTree, jpg_dir: Path, report: Report, *, ffmpeg: Ffmpeg, num_workers: int) -> None:
    """Write ``fps``, the rate its frames were written at, into the frame folder of each video: :func:`frame_rate`."""
    for path, reason in tree.refused.items():
        report.add(FAILED, path, reason)
    for path, reason in tree.passed_over.items():
        report.add(PASSED_OVER, path, reason)
    progress = Progress(len(tree.jobs))
    work = partial(_write_video_fps, jpg_dir=jpg_dir, ffmpeg=ffmpeg)
    for video, reason in in_parallel(work, tree.jobs, num_workers=num_workers, stop=ffmpeg.stop):
        progress.update()
        report.add(FAILED if reason else DONE, video, reason)
    progress.close()


def frame_rate(video: Path, folder: Path, ffmpeg: Ffmpeg) -> float:
    """Frames a second of a frame folder: what extraction noted, which is the average where they are as stored.

    Where it noted nothing (frames of other tools, or of another file), the rate at which ffmpeg writes this video if
    that makes so many frames, else their number over the seconds that the picture lasts. The length of the container
    may be that of the sound, so it only saves decoding where it fits.

    Raises:
        ValueError: there are no frames, or the video cannot be read or lasts no time.
    """
    num_frames = count_frames(folder)
    noted = (read_mark(folder) or {}).get('frames_per_second')
    if noted and is_complete(folder, video.stat().st_size):
        return noted
    seconds = duration_seconds(video, ffmpeg)
    # The rate of a picture file is the constant one that frames are written at, and the first frame shows it.
    header = read_header(ffmpeg.run(video, ['-frames:v', '1', *_ONE_PICTURE]).log)
    if not header.frames_per_second:
        return num_frames / seconds
    rate = exact_rate(header.frames_per_second)
    if abs(num_frames - rate * seconds) <= 2 + 0.02 * num_frames:
        return rate
    return rate * num_frames / (ffmpeg.run(video, _ONE_PICTURE).num_frames() or rate * seconds)


def duration_seconds(video: Path, ffmpeg: Ffmpeg) -> float:
    """Duration of a video in seconds.

    Raises:
        ValueError: it cannot be read, or lasts no time; the message is a reason for the report.
    """
    header, run = ffmpeg.header(video)
    if header.complaint():
        raise ValueError(header.complaint() if header.format_names else '; '.join(run.errors()[:2]) or 'no header')
    if header.duration_seconds:
        return header.duration_seconds
    log = ffmpeg.run(video, ['-map', '0:v:0', '-f', 'null', '-']).log
    times = re.findall(r'time=(\d+):(\d+):([\d.]+)', log)
    seconds = sum(float(part) * unit for part, unit in zip(times[-1], (3600, 60, 1), strict=True)) if times else 0
    if not seconds:
        raise ValueError('its length is not in the header, and decoding it did not show it')
    return seconds


def _write_frame_count(folder: Path) -> tuple[Path, str]:
    try:
        write_text(folder / 'n_frames', f'{count_frames(folder)}\n')
    except (ValueError, OSError) as error:
        return folder, str(error)
    return folder, ''


def _write_video_fps(job: VideoJob, jpg_dir: Path, ffmpeg: Ffmpeg) -> tuple[Path, str]:
    folder = jpg_dir / job.target
    if not folder.is_dir():
        return job.video, f'there is no frame folder {folder}: extract this video first'
    try:
        write_text(folder / 'fps', f'{_rounded(frame_rate(job.video, folder, ffmpeg))}\n')
    except (ValueError, OSError) as error:
        return job.video, str(error)
    return job.video, ''


def _rounded(rate: float) -> str:
    """Two decimals; three for NTSC's, as 23.98 is two frames off after ten minutes.

    >>> _rounded(25.0), _rounded(24 / 1.001), _rounded(14 / 3)
    ('25.00', '23.976', '4.67')
    """
    is_ntsc = rate % 1 and abs(rate * 1.001 - round(rate * 1.001)) < 1e-6
    return f'{rate:.3f}' if is_ntsc else f'{rate:.2f}'
