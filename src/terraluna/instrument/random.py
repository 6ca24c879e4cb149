"""Random numbers that belong to a pixel, not to a thread: normal and Poisson draws from a counter.

The state of a draw is a hash (SplitMix64; Steele, Lea & Flood 2014, OOPSLA) of a key, taken from numpy's SeedSequence,
and of the pixel's place on the whole detector. So the noise of a pixel depends neither on the number of threads nor on
whether the frame is made whole or in tiles.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.errors import InputError

Seed = int | np.random.SeedSequence | np.random.Generator
"""What the functions of this room accept as a seed."""

_LAYERS: Final = 128
_EDGE: Final = 3.442619855899
"""Start of the tail of a ziggurat of 128 layers (Marsaglia & Tsang 2000, J. Stat. Softw. 5(8))."""


def _ziggurat() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right edges of the layers (129,) and the ratio of each to the next (128,): Doornik 2005, "ZIGNOR"."""
    area = _EDGE * math.exp(-0.5 * _EDGE**2) + math.sqrt(0.5 * math.pi) * math.erfc(_EDGE / math.sqrt(2.0))
    edges = np.zeros(_LAYERS + 1)
    height = math.exp(-0.5 * _EDGE**2)
    edges[0], edges[1] = area / height, _EDGE
    for i in range(2, _LAYERS):
        edges[i] = math.sqrt(-2.0 * math.log(area / edges[i - 1] + height))
        height = math.exp(-0.5 * edges[i] ** 2)
    return edges, edges[1:] / edges[:-1]


_EDGES, _RATIOS = _ziggurat()

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_LOW = np.uint64(_LAYERS - 1)
_ROW_SHIFT = np.uint64(26)
_DRAWS_SHIFT = np.uint64(6)
_UNIT = 2.0**-53
_SIXTH, _HALF_36TH = 1.0 / 6.0, 1.0 / 72.0

SMALL_MEAN: Final = 30.0
"""Below this mean a Poisson number is found by summing probabilities, above by an expansion of its quantile."""


@njit(cache=True, inline="always")
def mix(z):  # type: ignore[no-untyped-def]
    """Return the SplitMix64 hash of a 64-bit state."""
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@njit(cache=True, inline="always")
def pixel_state(key, row, column):  # type: ignore[no-untyped-def]
    """Return the state of the first draw of a pixel; 64 draws a pixel never meet those of another."""
    place = (np.uint64(row) << _ROW_SHIFT) | np.uint64(column)
    return key + (place << _DRAWS_SHIFT) * _STEP


@njit(cache=True, inline="always")
def uniform(state):  # type: ignore[no-untyped-def]
    """Return a number of [0, 1) of a state."""
    return np.float64(mix(state) >> _S11) * _UNIT


@njit(cache=True)
def _slow_normal(state, bits):  # type: ignore[no-untyped-def]
    """Finish a draw that fell outside its layer's box: wedge, tail, or another try; returns also the state."""
    while True:
        layer = np.int64(bits & _LOW)
        u = 2.0 * np.float64(bits >> _S11) * _UNIT - 1.0
        if abs(u) < _RATIOS[layer]:
            return u * _EDGES[layer], state
        if layer == 0:
            while True:
                state += _STEP
                x = math.log(1.0 - uniform(state)) / _EDGE
                state += _STEP
                y = math.log(1.0 - uniform(state))
                if -2.0 * y >= x * x:
                    return (x - _EDGE if u < 0.0 else _EDGE - x), state
        x = u * _EDGES[layer]
        low = math.exp(-0.5 * (_EDGES[layer] ** 2 - x * x))
        high = math.exp(-0.5 * (_EDGES[layer + 1] ** 2 - x * x))
        state += _STEP
        if high + uniform(state) * (low - high) < 1.0:
            return x, state
        state += _STEP
        bits = mix(state)


@njit(cache=True, inline="always")
def normal(state):  # type: ignore[no-untyped-def]
    """Return a normal number of mean 0 and deviation 1, and the state after it."""
    state += _STEP
    bits = mix(state)
    layer = np.int64(bits & _LOW)
    u = 2.0 * np.float64(bits >> _S11) * _UNIT - 1.0
    if abs(u) < _RATIOS[layer]:
        return u * _EDGES[layer], state
    return _slow_normal(state, bits)


@njit(cache=True, inline="always")
def small_poisson(state, mean, none):  # type: ignore[no-untyped-def]
    """Return a Poisson number of a mean below 30; ``none`` is exp(-mean)."""
    u = uniform(state + _STEP)
    count = 0.0
    chance = none
    # 200 is 30 deviations above the largest mean: a guard against rounding, not a cut.
    while u >= chance and count < 200.0:
        u -= chance
        count += 1.0
        chance *= mean / count
    return count


@njit(cache=True, inline="always")
def poisson(state, mean):  # type: ignore[no-untyped-def]
    """Return a Poisson number of a mean.

    Above a mean of 30 the quantile is expanded about the normal one (Giles 2016, ACM TOMS 42(1) 7, eq. for Q_N2),
    whose distribution function differs from Poisson's by less than 1e-4.
    """
    if mean < SMALL_MEAN:
        return small_poisson(state, mean, math.exp(-mean))
    z, _ = normal(state)
    root = math.sqrt(mean)
    square = 2.0 + z * z
    return max(np.floor(mean + root * z + square * (_SIXTH - z * _HALF_36TH / root)), 0.0)


def seed_sequence(seed: Seed) -> np.random.SeedSequence:
    """Return the SeedSequence of a seed; a Generator gives (and moves on by) one draw.

    Raises:
        InputError: a negative integer.
    """
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, np.random.Generator):
        return np.random.SeedSequence(int(seed.integers(2**63)))
    if seed < 0:
        raise InputError(f"the seed must not be negative (got {seed})")
    return np.random.SeedSequence(int(seed))


def child(sequence: np.random.SeedSequence, *path: int) -> np.random.SeedSequence:
    """Return the stream of a purpose: the same for the same path, whatever was drawn before (unlike ``spawn``)."""
    return np.random.SeedSequence(sequence.entropy, spawn_key=(*sequence.spawn_key, *path))


def key_of(sequence: np.random.SeedSequence) -> np.uint64:
    """Return the 64-bit key of a stream, for the kernels."""
    return np.uint64(sequence.generate_state(1, np.uint64)[0])
