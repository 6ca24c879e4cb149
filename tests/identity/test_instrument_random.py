"""The counter-based draws against the distributions of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit, prange
from scipy import special, stats

from terraluna.errors import InputError
from terraluna.instrument.random import (
    SMALL_MEAN,
    child,
    key_of,
    normal,
    pixel_draws,
    poisson,
    poisson_steps,
    seed_sequence,
)

N = 200_000
# Kolmogorov-Smirnov at a chance of 1e-4 for the fixed seed: 2.2 / sqrt(N).
KS_LIMIT = 2.2 / np.sqrt(N)
# Published error of the quantile expansion, and the KS limit of the sample.
POISSON_LIMIT = 1e-4 + KS_LIMIT
# Stated error of the quantile.
QUANTILE_LIMIT = 8e-7


@njit
def _normals(key, n, half):  # type: ignore[no-untyped-def]
    out = np.empty(n)
    for i in range(n):
        out[i] = normal(pixel_draws(key, i // 500, i % 500)[half])
    return out


@njit
def _quantiles(q):  # type: ignore[no-untyped-def]
    out = np.empty(q.size)
    for i in range(q.size):
        out[i] = normal(q[i])
    return out


@njit(parallel=True)
def _beyond(key, n, limit):  # type: ignore[no-untyped-def]
    count = 0
    for i in prange(n // 1000):
        for j in range(1000):
            count += abs(normal(pixel_draws(key, i, j)[0])) > limit
    return count


@njit
def _poissons(key, n, mean):  # type: ignore[no-untyped-def]
    out = np.empty(n)
    for i in range(n):
        out[i] = poisson(mean, pixel_draws(key, i // 500, i % 500)[0])
    return out


def test_normal_quantile() -> None:
    # Both tails to the outermost number that a draw can be, and the middle.
    tail = 2.0 ** -np.linspace(1.0, 33.0, 20_001)
    for sign in (-1.0, 1.0):
        assert np.abs(_quantiles(sign * (0.5 - tail)) + sign * special.ndtri(tail)).max() < QUANTILE_LIMIT
    middle = np.linspace(-0.49, 0.49, 20_001)
    assert np.abs(_quantiles(middle) - special.ndtri(middle + 0.5)).max() < QUANTILE_LIMIT


@pytest.mark.parametrize("half", [0, 1])
def test_normal_distribution_to_the_tails(half: int) -> None:
    z = _normals(key_of(seed_sequence(5)), N, half)
    assert stats.kstest(z, "norm").statistic < KS_LIMIT
    # Moments of a normal sample (4 sigma).
    assert abs(z.mean()) < 4.0 / np.sqrt(N)
    assert abs(z.std() - 1.0) < 4.0 / np.sqrt(2.0 * N)
    assert abs(stats.skew(z)) < 4.0 * np.sqrt(6.0 / N)
    assert abs(stats.kurtosis(z)) < 4.0 * np.sqrt(24.0 / N)
    # Count the draws of the tail (Poisson, 4 sigma).
    expected = N * 2.0 * stats.norm.sf(3.6)
    assert abs(np.count_nonzero(np.abs(z) > 3.6) - expected) < 4.0 * np.sqrt(expected)
    # Neighbours along rows and columns do not know of each other (4 sigma of a correlation).
    grid = z.reshape(-1, 500)
    for a, b in ((grid[:, 1:], grid[:, :-1]), (grid[1:], grid[:-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.0 / np.sqrt(N)


def test_far_tail() -> None:
    # 57 draws of 1e8 lie beyond 5 sigma (Poisson, 4 sigma).
    count = 100_000_000
    expected = count * 2.0 * stats.norm.sf(5.0)
    assert abs(_beyond(key_of(seed_sequence(6)), count, 5.0) - expected) < 4.0 * np.sqrt(expected)


def test_the_two_draws_of_a_pixel_are_independent() -> None:
    a, b = (_normals(key_of(seed_sequence(8)), N, half) for half in (0, 1))
    # 4 sigma of a correlation; the squares as well: shot noise and read noise must not grow together.
    for first, second in ((a, b), (a**2, b**2), (a, b**2), (a**2, b)):
        assert abs(np.corrcoef(first, second)[0, 1]) < 4.0 / np.sqrt(N)


@pytest.mark.parametrize("mean", [0.02, 0.7, 6.0, 29.9, 30.1, 100.0, 4000.0])
def test_poisson_distribution(mean: float) -> None:
    values = _poissons(key_of(seed_sequence(7)), N, mean)
    assert (values == np.floor(values)).all()
    k = np.arange(values.min(), values.max() + 1)
    have = np.searchsorted(np.sort(values), k, side="right") / N
    assert np.abs(have - stats.poisson.cdf(k, mean)).max() < POISSON_LIMIT
    assert values.var() == pytest.approx(mean, rel=5.0 * np.sqrt((2.0 + 1.0 / mean) / N))


@pytest.mark.parametrize("mean", [0.02, 0.7, 6.0, 29.9])
def test_poisson_steps(mean: float) -> None:
    steps = poisson_steps(mean)
    # Round-off of a sum of chances below 1.
    assert np.abs(steps + 0.5 - stats.poisson.cdf(np.arange(steps.size), mean)).max() < 1e-13
    # What is left above the last step cannot be drawn.
    assert stats.poisson.sf(steps.size, mean) < 2.0**-32
    assert mean < SMALL_MEAN
    assert poisson_steps(0.0).size == 0


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
