"""Storing the frame index of each video of a folder, so that training does not make it again."""

from pathlib import Path

from kdtoolbox.preparation.parallel import in_parallel
from kdtoolbox.preparation.report import DONE, FAILED, THERE, WARNING, Report
from kdtoolbox.terminal import Progress
from kdtoolbox.video import DecodeError
from kdtoolbox.video.frame_index import load_index, save_index
from kdtoolbox.video.indexing import verified_index
from kdtoolbox.video_files import videos_below


def write_frame_indexes(folder: Path, report: Report, *, num_workers: int) -> None:
    """Write ``.kdtoolbox/frame_index/<video>.json`` beside each video below ``folder``, by decoding it once.

    A video whose index is there and newer than its last change is passed by. A damaged video gets the index of the
    frames before the damage, and a warning; one that cannot be read at all is a failure.

    Raises:
        ValueError: there is no video.
    """
    videos = videos_below(folder)
    progress = Progress(len(videos))
    for video, status, reason in in_parallel(_write_index, videos, num_workers=num_workers):
        progress.update()
        report.add(status, video, reason)
    progress.close()


def _write_index(video: Path) -> tuple[Path, str, str]:
    if load_index(video) is not None:
        return video, THERE, ''
    try:
        index, damage = verified_index(str(video))
        save_index(index, video)
    except (DecodeError, OSError, ValueError) as error:
        return video, FAILED, str(error)
    return video, WARNING if damage else DONE, str(damage) if damage else ''
