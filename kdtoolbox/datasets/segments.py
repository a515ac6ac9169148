"""Segments: parts of a video, from one second to another."""

import math
from numbers import Real

Segment = tuple[float, float]


def checked_segment(value: object, where: str) -> Segment:
    """(start, end) in seconds as the file has them; numbers in quotes are read.

    Args:
        where: file and video, in messages.

    Raises:
        ValueError: these are not two finite numbers, or the start is negative.

    >>> checked_segment([1.5, '3.25'], 'anet.json')
    (1.5, 3.25)
    """
    try:
        start, end = map(_number, value if isinstance(value, (list, tuple)) else ())
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f'{where}: the segment is {str(value)[:60]!r}, expected [start, end] in seconds, two finite numbers'
        ) from None
    if start < 0:
        raise ValueError(f'{where}: the segment {value!r} starts before the video: expected 0 or more seconds')
    return start, end


def shows_nothing(segment: Segment, duration: object) -> bool:
    """Whether a segment has no length, or starts after the end of the video, if its duration is known.

    >>> shows_nothing((3, 1), None), shows_nothing((6, 9), 4.0), shows_nothing((3, 9), 4.0)
    (True, True, False)
    """
    start, end = segment
    known = float(duration) if isinstance(duration, Real) and float(duration) > 0 else math.inf
    return start >= end or start >= known


def _number(value: object) -> float:
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
        raise TypeError
    return number
