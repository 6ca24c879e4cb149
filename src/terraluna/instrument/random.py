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

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_ROW_SHIFT = np.uint64(26)
_UNIT, _HALF_UNIT = 2.0**-32, 2.0**-33
_SIXTH, _HALF_36TH = 1.0 / 6.0, 1.0 / 72.0

# The bits of a float64: its exponent stands above bit 52.
_EXPONENT, _BIAS = np.int64(52), np.int32(1023)
_MANTISSA, _ONE = np.int64((1 << 52) - 1), np.int64(1023 << 52)

SMALL_MEAN: Final = 30.0
"""Below this mean a Poisson number is found by summing probabilities, above by an expansion of its quantile."""


@njit(cache=True, inline="always")
def mix(z):  # type: ignore[no-untyped-def]
    """Return the SplitMix64 hash of a 64-bit state."""
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@njit(cache=True, inline="always", error_model="numpy")
def pixel_draws(key, row, column):  # type: ignore[no-untyped-def]
    """Return the two draws of a pixel: numbers of (-1/2, 1/2), even in 2^32 steps, of the halves of its hash.

    The outermost lie 2^-33 from the edge, 6.3 deviations of a normal number.
    """
    bits = mix(key + ((np.uint64(row) << _ROW_SHIFT) + np.uint64(column)) * _STEP)
    return (
        np.float64(np.int32(bits >> _S32)) * _UNIT + _HALF_UNIT,
        np.float64(np.int32(bits)) * _UNIT + _HALF_UNIT,
    )


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def normal(q):  # type: ignore[no-untyped-def]
    """Return the normal number of mean 0 and deviation 1 whose distribution function is 1/2 + ``q``.

    z / q as a ratio of two polynomials of v = -log2(1 - 4 q^2), which knows the center and both tails (the variable of
    Giles 2010, "Approximating the erfinv function"); largest error 8e-7 for |q| up to 1/2 - 2^-33. No branch and no
    table, so that a loop over it runs on vector registers.
    """
    # log2 from exponent and mantissa: an interpolation on Chebyshev nodes, error 6e-8.
    bits = np.float64((1.0 - 2.0 * q) * (1.0 + 2.0 * q)).view(np.int64)
    f = np.int64((bits & _MANTISSA) | _ONE).view(np.float64) - 1.0
    p = 0.04943336843736993 + f * -0.008665699320087797
    p = -0.13314692748387624 + f * p
    p = 0.2380419836756127 + f * p
    p = -0.34542933660333985 + f * p
    p = 0.4781764415123899 + f * p
    p = -0.7210957682030537 + f * p
    p = 1.442685851294528 + f * p
    v = -(np.float64(np.int32(bits >> _EXPONENT) - _BIAS) + f * p)
    # Least largest relative error of z / q for v up to 31, 1.1e-7 (iterated linear least squares).
    n = 0.0004613930987001194 + v * 9.372494627849668e-06
    n = 0.007909252015184302 + v * n
    n = 0.08631759905450408 + v * n
    n = 0.6271487449744457 + v * n
    n = 2.5066285527442123 + v * n
    d = 3.919240946787111e-05 + v * 1.6135107032527763e-07
    d = 0.0007592198554620003 + v * d
    d = 0.015696690399727008 + v * d
    d = 0.06873256018035984 + v * d
    return q * n / (1.0 + v * d)


@njit(cache=True, inline="always", error_model="numpy")
def large_poisson(mean, z):  # type: ignore[no-untyped-def]
    """Return the Poisson number of a mean of 30 or more at the place of the normal number ``z``.

    The quantile is expanded about the normal one (Giles 2016, ACM TOMS 42(1) 7, eq. for Q_N2); the distribution
    function of the result differs from Poisson's by less than 1e-4.
    """
    root = math.sqrt(mean)
    square = 2.0 + z * z
    return max(np.floor(mean + root * z + square * (_SIXTH - z * _HALF_36TH / root)), 0.0)


@njit(cache=True, error_model="numpy")
def small_poisson(mean, q):  # type: ignore[no-untyped-def]
    """Return the Poisson number of a mean below 30 at the distribution function 1/2 + ``q``."""
    u = q + 0.5
    count = 0.0
    chance = math.exp(-mean)
    # 200 is 30 deviations above the largest mean: a guard against rounding, not a cut.
    while u >= chance and count < 200.0:
        u -= chance
        count += 1.0
        chance *= mean / count
    return count


@njit(cache=True, inline="always", error_model="numpy")
def poisson(mean, q):  # type: ignore[no-untyped-def]
    """Return the Poisson number of a mean at the distribution function 1/2 + ``q``."""
    return small_poisson(mean, q) if mean < SMALL_MEAN else large_poisson(mean, normal(q))


def poisson_steps(mean: float) -> NDArray[np.float64]:
    """Return (n,) where the distribution function of a mean below 30 rises, less 1/2: see `stepped_poisson`."""
    if mean <= 0.0:
        return np.empty(0)
    count = np.arange(200.0)
    logs = count * math.log(mean) - mean - np.concatenate([[0.0], np.cumsum(np.log(count[1:]))])
    steps = np.cumsum(np.exp(logs)) - 0.5
    return steps[steps < 0.5 - _HALF_UNIT]


@njit(cache=True, inline="always", error_model="numpy")
def stepped_poisson(steps, q):  # type: ignore[no-untyped-def]
    """Return the Poisson number at the distribution function 1/2 + ``q`` from `poisson_steps` of its mean."""
    count = 0.0
    for step in steps:
        count += 1.0 if q >= step else 0.0
    return count


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
