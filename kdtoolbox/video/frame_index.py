"""Frame index: the time stamps and key frames of a video file."""

import itertools
import json
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from kdtoolbox.plain_files import read_json
from kdtoolbox.safe_files import refuse_link_out, write_aside

INDEX_FOLDER = '.kdtoolbox/frame_index'
"""Below the folder of the videos: a file ``<video>.json`` each."""

_VERSION = 1
_MAX_FRAMES = 10**8


@dataclass(frozen=True)
class FrameIndex:
    """The frames of a video file in the order in which they are shown.

    Args:
        time_stamps: (F,) int64, strictly ascending, in units of ``time_base``.
        time_base: seconds of one unit.
        start_seconds: time stamp of the start of the container; times are relative to it.
        key_frames: indices of the frames at which decoding can begin, ascending; empty where the time stamps of the
            packets cannot be trusted, so that the file must be decoded in order from its start.
        frames_per_second: the average rate.
    """

    time_stamps: np.ndarray
    time_base: Fraction
    start_seconds: float
    key_frames: np.ndarray
    frames_per_second: float

    def __len__(self) -> int:
        return len(self.time_stamps)

    @property
    def seconds(self) -> np.ndarray:
        """(F,) when each frame begins, in seconds on the container's time line."""
        return self.time_stamps * float(self.time_base) - self.start_seconds

    @property
    def end_seconds(self) -> float:
        """End of the last frame, assumed to be shown as long as the average frame."""
        return float(self.seconds[-1]) + 1 / self.frames_per_second


def index_file(video: str | Path) -> Path:
    """Path of the stored index of a video."""
    video = Path(video)
    return video.parent / INDEX_FOLDER / f'{video.name}.json'


def save_index(index: FrameIndex, video: str | Path) -> None:
    """Store the index next to the video, with the size and modification time of the video.

    Raises:
        ValueError: it cannot be written there, or a link leads out of the video's folder.
    """
    refuse_link_out(index_file(video).parent, of=Path(video).parent)
    status = os.stat(video)
    steps = [(step, len(list(group))) for step, group in itertools.groupby(np.diff(index.time_stamps).tolist())]
    content = {
        'version': _VERSION,
        'bytes': status.st_size,
        'modified_ns': status.st_mtime_ns,
        'time_base': [index.time_base.numerator, index.time_base.denominator],
        'start_seconds': index.start_seconds,
        'frames_per_second': index.frames_per_second,
        'first_time_stamp': int(index.time_stamps[0]),
        'steps': steps,
        'key_frames': index.key_frames.tolist(),
    }
    write_aside(index_file(video), json.dumps(content, separators=(',', ':')))


def load_index(video: str | Path) -> FrameIndex | None:
    """Load the stored index of a video; None if there is none, or the video was changed since."""
    try:
        content = read_json(index_file(video))
        if not isinstance(content, dict):
            return None
        status = os.stat(video)
        if (content['version'], content['bytes'], content['modified_ns']) != (
            _VERSION,
            status.st_size,
            status.st_mtime_ns,
        ):
            return None
        return _index_of(content)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, ZeroDivisionError, RecursionError):
        return None  # it is only a saving of time: what cannot be read is found out again


def _index_of(content: dict) -> FrameIndex:
    steps = np.array(content['steps'], np.int64).reshape(-1, 2)
    if (steps < 1).any() or steps[:, 1].sum() >= _MAX_FRAMES:
        raise ValueError('time stamps must ascend')
    ascents = np.repeat(steps[:, 0], steps[:, 1])
    stamps = np.concatenate([[content['first_time_stamp']], content['first_time_stamp'] + np.cumsum(ascents)])
    key_frames = np.array(content['key_frames'], np.int64).reshape(-1)
    index = FrameIndex(
        stamps.astype(np.int64),
        Fraction(*content['time_base']),
        float(content['start_seconds']),
        key_frames,
        float(content['frames_per_second']),
    )
    if (np.diff(key_frames) < 1).any() or ((key_frames < 0) | (key_frames >= len(stamps))).any():
        raise ValueError('key frames must be frames')
    if not (index.time_base > 0 and index.frames_per_second > 0 and np.isfinite(index.start_seconds)):
        raise ValueError('rates must be positive')
    return index
