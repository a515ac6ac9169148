"""Differences between rows of the study, paired by query video, with 95 % intervals."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

NUM_RESAMPLED = 2000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval.

    >>> str(Interval(0.05, 0.01, 0.09))
    '+5.0 (+1.0 to +9.0)'
    """

    value: float
    low: float
    high: float

    @property
    def is_tie(self) -> bool:
        """Whether 0 is in it."""
        return self.low <= 0 <= self.high

    def __str__(self) -> str:
        return f'{100 * self.value:+.1f} ({100 * self.low:+.1f} to {100 * self.high:+.1f})'


def recording_of(name: str) -> str:
    """The recording that a clip of UCF-101 is cut from: its class and group.

    >>> recording_of('Surfing/v_Surfing_g08_c01')
    'v_Surfing_g08'
    """
    return re.sub(r'_c\d+(\.\w+)?$', '', name.rpartition('/')[2])


@cache
def places_of(names: tuple[str, ...]) -> np.ndarray:
    """The number of the recording of each clip."""
    return np.unique([recording_of(name) for name in names], return_inverse=True)[1]


@cache
def drawn_of(sizes: tuple[tuple[int, int], ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """How often the recordings and the runs of each part are drawn: arrays (samples, recordings) and (samples, runs).

    Args:
        sizes: numbers of recordings and of runs of each part.
    """
    numbers = np.random.default_rng(0)
    found = []
    for size in sizes:
        counted = tuple(np.zeros((NUM_RESAMPLED, each)) for each in size)
        for sample in range(NUM_RESAMPLED):
            for counts in counted:
                count = counts.shape[1]
                counts[sample] = np.bincount(numbers.integers(count, size=count), minlength=count)
        found.append(counted)
    return found


def mean_of(values: Sequence[Sequence[float]]) -> float:
    """Over all queries of all runs."""
    return float(np.concatenate([np.asarray(one, float) for one in values]).mean())


def interval_of(values: Mapping[str, Sequence[float]], queries: Mapping[str, Sequence[str]]) -> Interval:
    """The mean of ``values``, often differences of two rows, and its interval.

    Two-way bootstrap: the recordings are drawn, since clips of one recording are alike, and so are the runs of each
    part, since a training depends on its seed.

    Args:
        values: run -> one number a query.
        queries: run -> names of its queries; runs of one part have the same.
    """
    parts: dict[tuple, list[str]] = defaultdict(list)
    for run in values:
        parts[tuple(queries[run])].append(run)
    places = {names: places_of(names) for names in parts}
    draws = drawn_of(tuple((places[names].max() + 1, len(runs)) for names, runs in parts.items()))
    sums, counts = np.zeros(NUM_RESAMPLED), np.zeros(NUM_RESAMPLED)
    for (names, runs), (recordings, chosen) in zip(parts.items(), draws):
        place = places[names]
        of_runs = np.stack([np.bincount(place, np.asarray(values[run], float)) for run in runs])
        sums += ((recordings @ of_runs.T) * chosen).sum(1)
        counts += recordings @ np.bincount(place) * len(runs)
    low, high = np.quantile(sums / counts, [0.025, 0.975])
    return Interval(mean_of(list(values.values())), float(low), float(high))
