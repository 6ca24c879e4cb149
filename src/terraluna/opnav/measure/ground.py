"""What the ground inside a limb is like: how bright a stretch should be from the limb around it, and how patchy.

Clouds and maria let the brightness walk away from that of the limb with depth: a random walk that starts at the limb.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.edges import Edges
from terraluna.opnav.measure.picture import Bools
from terraluna.opnav.measure.profile import TABLE_REACH, TABLE_STEP
from terraluna.opnav.measure.rim import RimPixels
from terraluna.opnav.types import Floats

WALK_STEP = 0.1
"""Spacing of the walk's covariance, px of depth."""

_SMOOTH_RAD = 0.5
_SMOOTH_AT_PX = 20.0
"""Reach of the mean of the light along the limb (standard deviation) on a disc of this radius; it falls with the root
of the radius, so that longer limbs follow more of their brightness with more stretches."""

_TRUNCATED = 2.5
_RIDGE = 1e-3

_MISFIT = 0.03
"""Error of the profile itself over its height: with less the frames of Longjiang-2, which went through a JPEG, agree
less with each other, and rendered ones gain nothing."""

_LEAST = 8


@dataclass(frozen=True, eq=False)
class Ground:
    """What the limb's pixels are made of.

    Attributes:
        sky: level outside.
        noise: standard deviation of a pixel there.
        height: (bins,) of the profile, foretold from the stretches around; 0 where it can't be.
        spread: (bins,) variance of the height about that, over its square.
        rate: (bins,) variance that the ground's brightness gains by px of depth, over the height's square.
    """

    sky: float
    noise: float
    height: Floats
    spread: Floats
    rate: Floats


def reach_of(blur: float) -> tuple[float, float]:
    """Depths inside and outside that tell of the edge, px."""
    return 1.2 + blur, 1.2 + 2.0 * blur


@lru_cache(maxsize=64)
def walk_covariance(blur: float) -> Floats:
    """Covariance of a blurred random walk of 1 per px that starts at depth 0, between depths from -outer to inner."""
    inner, outer = reach_of(blur)
    grid = np.arange(-outer, inner + WALK_STEP, WALK_STEP)
    step = 0.15 * blur
    knots = np.arange(0.5 * step, inner + 3.0 * blur, step)
    lit = _normal((grid[:, None] - knots) / blur)
    out = np.asarray(step * lit @ lit.T)
    out.flags.writeable = False
    return out


@njit(nogil=True, cache=True)
def _normal(z: Floats) -> Floats:
    out = np.empty_like(z)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            out[i, j] = 0.5 * math.erfc(-z[i, j] / math.sqrt(2.0))
    return out


def learn_ground(
    rim: RimPixels,
    edges: Edges,
    use: Bools,
    offset: Floats,
    tables: Floats,
    which: NDArray[np.int64],
    shape: Floats,
    blur: float,
) -> Ground | None:
    """Sky, noise and ground of a limb; None where there is too little of it.

    Args:
        rim: the pixels.
        edges: the stretches fitted alone.
        use: (bins,) stretches of the lit limb.
        offset: (bins,) where their limb lies outside the expected one, px.
        tables: (m, 6, n), see :func:`profile_table`.
        which: (bins,) table of each stretch.
        shape: (3, bins) shares of E, S and L in the profile.
        blur: standard deviation, px.
    """
    outside = edges.outside[use & np.isfinite(edges.outside)]
    if len(outside) < _LEAST:
        return None
    sky = float(np.median(edges.sky[use]))
    pixels = rim.start, rim.depth, rim.value, rim.full, use, offset, tables, which, shape, sky
    sums = _sums(*pixels, 1.2 + 0.5 * blur)
    kernel = _kernel(len(use), _SMOOTH_RAD * math.sqrt(_SMOOTH_AT_PX * math.pi / len(use)))
    height = _heights(sums, edges.good, kernel)
    weight = sums[0]
    known = use & (weight > 0.0) & (height > 0.0)
    if np.count_nonzero(known) < _LEAST:
        return None
    noise = math.sqrt(float(np.median(outside)) + (_MISFIT * float(np.median(height[known]))) ** 2)
    inner, outer = reach_of(blur)
    excess, unit = _excess(*pixels, known, height, noise, walk_covariance(blur), 0.5 * blur, inner, outer)
    size = np.where(known, height, 1.0) ** 2 * np.where(known, weight, 1.0)
    off = np.minimum((sums[3] * np.where(known, height, 0.0) / size - 1.0) ** 2, 1.0) - noise**2 / size
    spread = _filled_in(_around(off, np.ones(len(use)), known, kernel), known)
    rate = _filled_in(_around(excess, unit, known, kernel), known)
    return Ground(sky, noise, height, spread, rate)


def _filled_in(row: Floats, known: Bools) -> Floats:
    """A row (bins,) with the typical value where it isn't known."""
    return np.asarray(np.where(known, row, np.median(row[known])))


def _kernel(bins: int, sigma: float) -> Floats:
    """Weights of a Gaussian of ``sigma`` rad over the stretches from the middle one on."""
    reach = min(int(_TRUNCATED * sigma / (2.0 * np.pi) * bins) + 1, (bins - 1) // 2)
    return np.asarray(np.exp(-0.5 * (np.arange(reach + 1) * (2.0 * np.pi / bins / sigma)) ** 2))


@njit(nogil=True, cache=True, error_model="numpy")
def _around(value: Floats, weight: Floats, use: Bools, kernel: Floats) -> Floats:
    """Sum of values over sum of weights (bins,) round the limb, under a symmetric kernel; at least 0."""
    bins = len(use)
    out = np.zeros(bins)
    for b in range(bins):
        if not use[b]:
            continue
        top = 0.0
        total = 0.0
        for k in range(1 - len(kernel), len(kernel)):
            i = (b + k) % bins
            if use[i]:
                top += kernel[abs(k)] * value[i]
                total += kernel[abs(k)] * weight[i]
        out[b] = max(top / total, 0.0) if total > 0.0 else 0.0
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _heights(sums: Floats, good: Bools, kernel: Floats) -> Floats:
    """Height (bins,) of the profile: local straight lines round the limb under a symmetric kernel; 0 where none is.

    The place of the window's limb is left free beside it: else the heights would hold the limb where it is expected.
    """
    bins = sums.shape[1]
    out = np.zeros(bins)
    reach = len(kernel)
    for b in range(bins):
        if not good[b]:
            continue
        # Normal equations of height, its slope along the limb, and height times offset.
        n00 = n01 = n11 = n02 = n12 = n22 = 0.0
        r0 = r1 = r2 = 0.0
        for k in range(1 - reach, reach):
            i = (b + k) % bins
            w = kernel[abs(k)]
            x = k / reach
            ff, fg, gg, fv, gv = sums[0, i], sums[1, i], sums[2, i], sums[3, i], sums[4, i]
            n00 += w * ff
            n01 += w * x * ff
            n11 += w * x * x * ff
            n02 += w * fg
            n12 += w * x * fg
            n22 += w * gg
            r0 += w * fv
            r1 += w * x * fv
            r2 += w * gv
        # Of a short arc neither slope nor offset is believed without a reason.
        n11 += _RIDGE * n00
        n22 += _RIDGE * n00
        c0 = n11 * n22 - n12 * n12
        c1 = n02 * n12 - n01 * n22
        c2 = n01 * n12 - n02 * n11
        det = n00 * c0 + n01 * c1 + n02 * c2
        if det > 0.0:
            out[b] = (c0 * r0 + c1 * r1 + c2 * r2) / det
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def profile_at(table: Floats, e: float, s: float, c: float, depth: float) -> tuple[float, float]:
    """Profile and its slope at a depth."""
    place = min(max((depth + TABLE_REACH) / TABLE_STEP, 0.0), table.shape[1] - 1.001)
    j = int(place)
    part = place - j
    f0 = e * table[0, j] + s * table[2, j] + c * table[4, j]
    f1 = e * table[0, j + 1] + s * table[2, j + 1] + c * table[4, j + 1]
    g0 = e * table[1, j] + s * table[3, j] + c * table[5, j]
    g1 = e * table[1, j + 1] + s * table[3, j + 1] + c * table[5, j + 1]
    return f0 + part * (f1 - f0), g0 + part * (g1 - g0)


@njit(nogil=True, cache=True, error_model="numpy")
def _sums(
    start: NDArray[np.int64],
    depth: Floats,
    value: Floats,
    full: Bools,
    use: Bools,
    offset: Floats,
    tables: Floats,
    which: NDArray[np.int64],
    shape: Floats,
    sky: float,
    deepest: float,
) -> Floats:
    """Sums (5, bins) over each stretch of f f, f g, g g, f v and g v: profile, slope, light down to ``deepest``."""
    out = np.zeros((5, len(use)))
    for b in range(len(use)):
        if not use[b]:
            continue
        for i in range(start[b], start[b + 1]):
            d = depth[i] + offset[b]
            if d < deepest and not full[i]:
                f, g = profile_at(tables[which[b]], shape[0, b], shape[1, b], shape[2, b], d)
                v = value[i] - sky
                out[0, b] += f * f
                out[1, b] += f * g
                out[2, b] += g * g
                out[3, b] += f * v
                out[4, b] += g * v
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _excess(
    start: NDArray[np.int64],
    depth: Floats,
    value: Floats,
    full: Bools,
    use: Bools,
    offset: Floats,
    tables: Floats,
    which: NDArray[np.int64],
    shape: Floats,
    sky: float,
    known: Bools,
    height: Floats,
    noise: float,
    walk: Floats,
    least: float,
    inner: float,
    outer: float,
) -> tuple[Floats, Floats]:
    """Square of the pixels' misses of the foretold profile beyond the noise, and variance of a walk of 1 per px there,
    summed over each stretch."""
    excess = np.zeros(len(use))
    unit = np.zeros(len(use))
    for b in range(len(use)):
        if not known[b]:
            continue
        for i in range(start[b], start[b + 1]):
            d = depth[i] + offset[b]
            if least < d < inner and not full[i]:
                f, _ = profile_at(tables[which[b]], shape[0, b], shape[1, b], shape[2, b], d)
                miss = (value[i] - sky) / height[b] - f
                k = int((d + outer) / WALK_STEP)
                # Stretches that have nothing to do with the limb around them must not make all of it patchy.
                excess[b] += min(miss * miss, 1.0) - (noise / height[b]) ** 2
                unit[b] += walk[k, k]
    return excess, unit
