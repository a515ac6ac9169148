"""Finding videos that cannot be read, by opening each once as in training."""

from collections.abc import Sequence
from pathlib import Path

from kdtoolbox.preparation.parallel import in_parallel
from kdtoolbox.terminal import Progress
from kdtoolbox.video import DecodeError, VideoReader


def unreadable_videos(videos: Sequence[Path], *, num_workers: int) -> dict[Path, str]:
    """The videos that do not open, or whose first frame does not decode, with the reason, which names the file."""
    progress = Progress(len(videos))
    reasons: dict[Path, str] = {}
    for video, reason in in_parallel(_reason, videos, num_workers=num_workers):
        if reason:
            reasons[video] = reason
        progress.update()
    progress.close()
    return {video: reasons[video] for video in videos if video in reasons}


def _reason(video: Path) -> tuple[Path, str]:
    try:
        reader = VideoReader(video)
        reader.frames([0])
        reader.close()
    except DecodeError as error:
        return video, str(error)
    return video, ''
