"""Weights that change in the course of the training."""

import itertools
from collections.abc import Sequence


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
