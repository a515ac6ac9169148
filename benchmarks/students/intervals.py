"""Differences between rows of the study, paired by query video, with 95 % intervals."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    numbers = np.random.default_rng(0)
    sums, counts = np.zeros(NUM_RESAMPLED), np.zeros(NUM_RESAMPLED)
    for names, runs in parts.items():
        recordings = sorted({recording_of(name) for name in names})
        place = np.array([recordings.index(recording_of(name)) for name in names])
        size = np.bincount(place)
        of_runs = np.stack([np.bincount(place, np.asarray(values[run], float)) for run in runs])
        for sample in range(NUM_RESAMPLED):
            drawn = numbers.integers(len(recordings), size=len(recordings))
            chosen = numbers.integers(len(runs), size=len(runs))
            sums[sample] += of_runs[chosen][:, drawn].sum()
            counts[sample] += size[drawn].sum() * len(runs)
    low, high = np.quantile(sums / counts, [0.025, 0.975])
    return Interval(mean_of(list(values.values())), float(low), float(high))
