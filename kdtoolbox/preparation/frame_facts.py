"""The two small files beside the frames of a video: how many there are, and how many a second."""

import re
from functools import partial
from pathlib import Path

from kdtoolbox.preparation.ffmpeg import Ffmpeg
from kdtoolbox.preparation.frame_folders import count_frames, frame_folders, write_text
from kdtoolbox.preparation.layouts import VideoJob, VideoTree
from kdtoolbox.preparation.parallel import in_parallel
from kdtoolbox.preparation.report import DONE, FAILED, PASSED_OVER, Progress, Report


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
    """Write ``fps``, frames over seconds with two decimals, into the frame folder of each video.

    The length is the container's; a video whose container does not say is decoded once to find out.
    """
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


def duration_seconds(video: Path, ffmpeg: Ffmpeg) -> float:
    """How long a video is.

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
        write_text(folder / 'fps', f'{count_frames(folder) / duration_seconds(job.video, ffmpeg):.2f}\n')
    except (ValueError, OSError) as error:
        return job.video, str(error)
    return job.video, ''
