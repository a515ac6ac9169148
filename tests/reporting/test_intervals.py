"""Intervals and tests against scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from kdtoolbox.reporting.intervals import difference, mcnemar_p, share


@pytest.mark.parametrize('num_right, num', [(0, 7), (7, 7), (45, 60), (1, 1000)])
def test_the_interval_of_a_share_is_wilsons(num_right, num):
    found, expected = share(num_right, num), binomtest(num_right, num).proportion_ci(method='wilson')
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.value == num_right / num


@pytest.mark.parametrize('one, other', [(0, 0), (0, 5), (3, 9), (120, 80), (2000, 2100)])
def test_mcnemars_p_is_that_of_the_binomial_test(one, other):
    expected = binomtest(one, one + other).pvalue if one + other else 1
    assert mcnemar_p(one, other) == mcnemar_p(other, one) == pytest.approx(expected)


def test_a_difference_that_noise_explains_is_not_beyond_noise_and_a_large_one_is():
    first = np.arange(60) % 10 < 8
    alike = first.copy()
    alike[:3] = ~alike[:3]
    assert not difference(first, alike).is_beyond_noise
    found = difference(first, np.arange(60) % 10 < 4)
    assert found.is_beyond_noise and found.value == pytest.approx(0.4) and found.low > 0.25 and found.high < 0.55
    assert (found.only_first, found.only_second, found.num) == (24, 0, 60)


def test_the_paired_interval_is_that_of_drawing_videos():
    random = np.random.default_rng(1)
    first, second = random.random(80) < 0.8, random.random(80) < 0.6
    draws = random.integers(0, 80, (4000, 80))
    low, high = np.quantile(first[draws].mean(1) - second[draws].mean(1), [0.025, 0.975])
    found = difference(first, second)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)


def test_networks_that_were_tested_on_other_videos_are_not_compared():
    with pytest.raises(ValueError, match='expected the same ones'):
        difference(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match='1 or more'):
        share(0, 0)
