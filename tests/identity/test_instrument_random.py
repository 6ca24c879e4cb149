"""The counter-based draws against the distributions of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from scipy import stats

from terraluna.errors import InputError
from terraluna.instrument.random import child, key_of, normal, pixel_state, poisson, seed_sequence

N = 200_000
# Kolmogorov-Smirnov at a chance of 1e-4 for the fixed seed: 2.2 / sqrt(N).
KS_LIMIT = 2.2 / np.sqrt(N)
# Published error of the quantile expansion, and the KS limit of the sample.
POISSON_LIMIT = 1e-4 + KS_LIMIT


@njit
def _normals(key, n):  # type: ignore[no-untyped-def]
    out = np.empty(n)
    for i in range(n):
        out[i], _ = normal(pixel_state(key, i // 500, i % 500))
    return out


@njit
def _poissons(key, n, mean):  # type: ignore[no-untyped-def]
    out = np.empty(n)
    for i in range(n):
        out[i] = poisson(pixel_state(key, i // 500, i % 500), mean)
    return out


def test_normal_distribution_to_the_tails() -> None:
    z = _normals(key_of(seed_sequence(5)), N)
    assert stats.kstest(z, "norm").statistic < KS_LIMIT
    # Beyond the ziggurat's edge at 3.44 the draws come from its tail: count them (Poisson, 4 sigma).
    expected = N * 2.0 * stats.norm.sf(3.6)
    assert abs(np.count_nonzero(np.abs(z) > 3.6) - expected) < 4.0 * np.sqrt(expected)
    # Neighbours along rows and columns do not know of each other (4 sigma of a correlation).
    grid = z.reshape(-1, 500)
    for a, b in ((grid[:, 1:], grid[:, :-1]), (grid[1:], grid[:-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.0 / np.sqrt(N)


@pytest.mark.parametrize("mean", [0.02, 0.7, 6.0, 29.9, 30.1, 100.0, 4000.0])
def test_poisson_distribution(mean: float) -> None:
    values = _poissons(key_of(seed_sequence(7)), N, mean)
    assert (values == np.floor(values)).all()
    k = np.arange(values.min(), values.max() + 1)
    have = np.searchsorted(np.sort(values), k, side="right") / N
    assert np.abs(have - stats.poisson.cdf(k, mean)).max() < POISSON_LIMIT
    assert values.var() == pytest.approx(mean, rel=5.0 * np.sqrt((2.0 + 1.0 / mean) / N))


def test_streams() -> None:
    base = seed_sequence(3)
    assert key_of(child(base, 1)) == key_of(child(base, 1))
    assert len({int(key_of(child(base, a, b))) for a in range(20) for b in range(20)}) == 400
    # A stream does not depend on what was spawned before; a Generator as seed is reproducible too.
    base.spawn(3)
    assert key_of(child(base, 1)) == key_of(child(seed_sequence(3), 1))
    assert key_of(seed_sequence(np.random.default_rng(1))) == key_of(seed_sequence(np.random.default_rng(1)))
    with pytest.raises(InputError, match="negative"):
        seed_sequence(-1)
