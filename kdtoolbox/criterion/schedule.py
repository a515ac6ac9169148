"""Weights that change in the course of the training."""

import itertools
from collections.abc import Iterable, Sequence


def scheduled_weight(weight: float, schedule: Sequence[tuple[float, float]], progress: float) -> float:
    """The weight of a term at a point of the training.

    Args:
        weight: the full weight.
        schedule: points (progress, factor) in rising order of progress; straight lines between them, constant before
            the first and after the last.
        progress: share of the training that is done, [0, 1].

    >>> scheduled_weight(2.0, [(0.0, 0.0), (0.5, 1.0)], 0.25)
    1.0
    >>> scheduled_weight(2.0, [], 0.25)
    2.0
    """
    if not schedule:
        return weight
    if progress <= schedule[0][0]:
        return weight * schedule[0][1]
    for (start, factor), (stop, next_factor) in itertools.pairwise(schedule):
        if progress < stop:
            return weight * (factor + (next_factor - factor) * (progress - start) / (stop - start))
    return weight * schedule[-1][1]


def points_of(schedule: Iterable[Iterable[float]]) -> list[tuple[float, float]]:
    """The points of a schedule, as a config has them.

    Raises:
        ValueError: these are no points, or they do not rise in progress from 0 to 1.

    >>> points_of([[0, 0], [0.5, 1]])
    [(0.0, 0.0), (0.5, 1.0)]
    """
    try:
        points = [(float(progress), float(factor)) for progress, factor in schedule]
    except (TypeError, ValueError):
        raise ValueError(
            f'weight_schedule {schedule!r}: expected points (progress, factor), such as [(0.0, 0.0), (0.1, 1.0)]'
        ) from None
    rising = [progress for progress, _ in points]
    if rising != sorted(set(rising)) or any(not 0 <= point <= 1 for point in rising):
        raise ValueError(f'weight_schedule {schedule} must rise in progress from 0 to 1')
    return points
