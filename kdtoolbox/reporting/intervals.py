"""Intervals and tests for shares of a limited number of videos, so that noise is not read as gain."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.959963984540054  # of the normal distribution, for 95 %
NUM_RESAMPLED = 2000


@dataclass(frozen=True)
class Share:
    """A share of n videos with its 95 % interval.

    >>> str(share(45, 60))
    '75.0 % (62.8–84.2)'
    """

    value: float
    low: float
    high: float
    num: int

    def __str__(self) -> str:
        return f'{100 * self.value:.1f} % ({100 * self.low:.1f}–{100 * self.high:.1f})'


def share(num_right: int, num: int) -> Share:
    """The share of right ones with the interval of Wilson (JASA 22, 1927), which also fits small numbers and 0 or 1.

    Raises:
        ValueError: there are no videos.
    """
    if num < 1:
        raise ValueError(f'a share of {num} videos: expected 1 or more')
    p, z2 = num_right / num, Z * Z
    centre = (p + z2 / (2 * num)) / (1 + z2 / num)
    half = Z / (1 + z2 / num) * math.sqrt(p * (1 - p) / num + z2 / (4 * num * num))
    return Share(p, max(0.0, min(centre - half, p)), min(1.0, max(centre + half, p)), num)


def share_of(is_right: Sequence[bool] | np.ndarray) -> Share:
    """As :func:`share`, of one truth value a video."""
    return share(int(np.sum(is_right)), len(is_right))


@dataclass(frozen=True)
class Difference:
    """Two networks on the same videos.

    Args:
        value: share of the first less that of the second.
        low: of its 95 % interval, by a paired bootstrap.
        high: likewise.
        p: of McNemar's exact test that both are right equally often.
        only_first: videos that only the first gets right.
        only_second: videos that only the second gets right.
        num: all videos.
    """

    value: float
    low: float
    high: float
    p: float
    only_first: int
    only_second: int
    num: int

    @property
    def is_beyond_noise(self) -> bool:
        """Whether McNemar's test finds a difference at the level of 5 %."""
        return self.p < 0.05

    def __str__(self) -> str:
        return f'{100 * self.value:+.1f} points ({100 * self.low:+.1f} to {100 * self.high:+.1f})'


def difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Compare two networks by which videos each gets right, (N,) truth values in the same order.

    The bootstrap draws videos, both networks' answers together (Efron, 1979), with a fixed seed.

    Raises:
        ValueError: they are not of the same videos, or there are none.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape or not len(first):
        raise ValueError(f'{len(first)} and {len(second)} videos: expected the same ones, at least one')
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    num = len(first)
    # The resampled difference depends on the counts of the four outcomes alone.
    shares = [only_first / num, only_second / num, 1 - (only_first + only_second) / num]
    counts = np.random.default_rng(0).multinomial(num, shares, NUM_RESAMPLED)
    low, high = np.quantile((counts[:, 0] - counts[:, 1]) / num, [0.025, 0.975])
    return Difference(
        (only_first - only_second) / num,
        float(low),
        float(high),
        mcnemar_p(only_first, only_second),
        only_first,
        only_second,
        num,
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Two-sided p of McNemar's test, exact by the binomial distribution (Psychometrika 12, 1947).

    >>> mcnemar_p(1, 9), mcnemar_p(4, 4)
    (0.021484375, 1.0)
    """
    num, least = only_first + only_second, min(only_first, only_second)
    if num == 0:
        return 1.0
    tail = sum(math.comb(num, k) for k in range(least + 1))
    return min(1.0, 2 * tail / 2**num)
