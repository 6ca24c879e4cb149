"""The chance of a match: against scipy's binomial distribution and counting by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom

from terraluna.errors import InputError
from terraluna.opnav.stars.falsematch import chance_of_match, false_match_probability, poisson_binomial_tail

ROUNDING = 1e-12
"""Relative; sums of positive products in double precision."""


@pytest.mark.parametrize(("n", "p", "least"), [(20, 1e-3, 4), (60, 2e-3, 12), (5, 0.4, 2)])
def test_equal_chances_are_binomial(n: int, p: float, least: int) -> None:
    assert poisson_binomial_tail(np.full(n, p), least) == pytest.approx(binom.sf(least - 1, n, p), rel=1e-9)


def test_unequal_chances_by_enumeration() -> None:
    p = np.array([0.1, 0.25, 0.4, 0.05, 0.7])
    for least in range(7):
        total = 0.0
        for outcome in itertools.product((0, 1), repeat=5):
            if sum(outcome) >= least:
                total += math.prod(q if hit else 1.0 - q for q, hit in zip(p, outcome, strict=True))
        assert poisson_binomial_tail(p, least) == pytest.approx(total, rel=ROUNDING, abs=1e-300)


def test_chance_of_one_match() -> None:
    # 41,253 square degrees: one star each, a circle of half a degree.
    density = (180.0 / math.pi) ** 2
    assert chance_of_match(np.radians([0.5]), density)[0] == pytest.approx(1.0 - math.exp(-math.pi / 4.0), rel=1e-12)


def test_bound_grows_with_trials_and_falls_with_matches() -> None:
    radius = np.full(20, 1e-3)
    values = [false_match_probability(radius, 500.0, m, 2, 1000) for m in (3, 5, 8, 12)]
    assert all(a > b for a, b in itertools.pairwise(values))
    assert false_match_probability(radius, 500.0, 8, 2, 2000) == pytest.approx(2.0 * values[2])
    # The stars of the trial itself prove nothing, and no number of trials makes more than certainty.
    assert false_match_probability(radius, 500.0, 2, 2, 1) == 1.0
    assert false_match_probability(radius, 500.0, 3, 2, 1e12) == 1.0


def test_refuses_what_is_no_probability() -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        poisson_binomial_tail(np.array([0.5, 1.2]), 1)
