"""The same interface with decord, for files that it reads correctly."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import decord
import numpy as np

from kdtoolbox.video.errors import DecodeError


class DecordReader:
    """Frames of a video file as decord 0.6.0, the last release, indexes them.

    Right where every frame is stored in the order in which it is shown (no B-frames), as in UCF-101; of other files
    many frames are not the ones asked for (docs/right_frames.md). ``kdtoolbox prepare check --videos`` tells.

    Args:
        path: the file.
        on_frame: called for each frame that is decoded.

    Raises:
        DecodeError: decord cannot open the file.
    """

    damage = None

    def __init__(self, path: str | Path, *, on_frame: Callable[[], object] = lambda: None) -> None:
        self.path = str(path)
        self._on_frame = on_frame
        try:
            self._reader = decord.VideoReader(self.path, num_threads=1)
        except (decord.DECORDError, RuntimeError, AssertionError) as error:  # decord asserts that there are frames
            raise DecodeError(f'{self.path} cannot be opened by decord: {_first_line(error)}') from error

    def __len__(self) -> int:
        return len(self._reader)

    @property
    def seconds(self) -> np.ndarray:
        """(F,) when each frame begins."""
        return self._reader.get_frame_timestamp(list(range(len(self))))[:, 0]

    @property
    def frames_per_second(self) -> float:
        """The average rate."""
        return self._reader.get_avg_fps()

    def frames(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """(H, W, 3) RGB uint8 for each of ``numbers``, in their order; a repeated one is a copy.

        Raises:
            DecodeError: a frame cannot be decoded.
        """
        numbers = [int(number) for number in numbers]
        frames: dict[int, np.ndarray] = {}
        for number in sorted(set(numbers)):
            try:
                # One by one: get_batch can hang for ever (https://github.com/dmlc/decord/issues/375).
                frames[number] = without_padding(self._reader[number].asnumpy())
                self._on_frame()
            except (decord.DECORDError, StopIteration, IndexError) as error:
                raise DecodeError(
                    f'{self.path}: frame {number} of {len(self)} cannot be decoded: {_first_line(error)}'
                ) from error
        return [
            frames[number].copy() if number in numbers[:place] else frames[number]
            for place, number in enumerate(numbers)
        ]

    def close(self) -> None:
        """Close the file."""
        del self._reader


def without_padding(frame: np.ndarray) -> np.ndarray:
    """(H, W, 3) of a frame as decord gives it.

    Of some narrow videos, widths 16, 24, 48 and 72 among them, it takes the bytes that fill up a row for more channels.

    >>> without_padding(np.array([[[1, 2, 3, 4], [5, 6, 0, 0]]], np.uint8)).tolist()
    [[[1, 2, 3], [4, 5, 6]]]
    """
    height, width, channels = frame.shape
    if channels == 3:
        return frame
    rows = frame.reshape(height, width * channels)
    return rows[:, : width * 3].reshape(height, width, 3)


def _first_line(error: Exception) -> str:
    """The first line of a decord error, without its source position and stack of addresses."""
    lines = re.sub(r'\[[\d:]+\] \S+:\d+: ', '', str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__
