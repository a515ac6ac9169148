"""The frames between two times, for videos and for folders of frames."""

import numpy as np

_ROUNDING_SECONDS = 1e-6
"""Annotations are written with a few digits: 0.56 must be the time of frame 14 at 25 frames a second."""


def frames_between(seconds: np.ndarray, start: float, end: float) -> range:
    """The frames that begin in ``[start, end)``, so that neighbouring segments share no frame.

    Where none begins there, because the picture stands still, it is the one that is shown at ``start``.

    Args:
        seconds: (F,) when each frame begins, ascending.
        start: of the segment, in seconds.
        end: of the segment, in seconds; may be after the end of the video.

    Raises:
        ValueError: the first frame comes after the segment. Whether the video ends before it is the caller's to check.

    >>> frames_between(np.arange(25) / 25, 0, 0.56)
    range(0, 14)
    >>> frames_between(np.array([0, 1, 60]), 4, 7)
    range(1, 2)
    """
    first, stop = np.searchsorted(seconds, [start - _ROUNDING_SECONDS, end - _ROUNDING_SECONDS]).tolist()
    if stop == 0:
        raise ValueError(f'the picture starts at {seconds[0]:g} s')
    return range(first, stop) if first < stop else range(first - 1, first)
