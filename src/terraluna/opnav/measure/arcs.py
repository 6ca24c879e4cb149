"""Which part of the outline is the lit limb: the terminator lies inside the circle that the sunward half defines."""

from __future__ import annotations

import numpy as np
from numba import njit

from terraluna.opnav.measure.median import median, quantile
from terraluna.opnav.measure.picture import Bools
from terraluna.opnav.types import Floats

_DIRECTIONS = 24
_HALF_RAD = float(np.radians(82.0))
"""Half width of the arc that is tried as sunward."""

_LEAST_HARMONIC = 0.08
_WINDOW_RAD = float(np.radians(8.0))
_LEAST_STEP = 0.12
"""Stretches with a smaller share of the brightest limb's step are too near the terminator."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _robust(cos: Floats, sin: Floats, offset: Floats, variance: Floats, use: Bools, turns: int) -> tuple[Floats, float]:
    """Shift and growth (3,) of a circle by re-weighted least squares over the used points, and the scatter."""
    # Side by side, so that the compiler can do several points at a time.
    c, s, d = cos[use], sin[use], offset[use]
    base = 1.0 / variance[use]
    weight = base.copy()
    size = np.empty(len(d))
    x: Floats = np.zeros(3)
    scale = 1.0
    normal = np.zeros((3, 3))
    right = np.zeros(3)
    for _ in range(turns):
        cc = cs = c1 = ss = s1 = total = dc = ds = d1 = 0.0
        for i in range(len(d)):
            w = weight[i]
            cc += w * c[i] * c[i]
            cs += w * c[i] * s[i]
            c1 += w * c[i]
            ss += w * s[i] * s[i]
            s1 += w * s[i]
            total += w
            dc += w * c[i] * d[i]
            ds += w * s[i] * d[i]
            d1 += w * d[i]
        ridge = 1e-10 * total
        normal[0, 0], normal[1, 1], normal[2, 2] = cc + ridge, ss + ridge, total + ridge
        normal[0, 1] = normal[1, 0] = cs
        normal[0, 2] = normal[2, 0] = c1
        normal[1, 2] = normal[2, 1] = s1
        right[0], right[1], right[2] = dc, ds, d1
        x[:] = np.linalg.solve(normal, right)
        for i in range(len(d)):
            size[i] = abs(d[i] - x[0] * c[i] - x[1] * s[i] - x[2])
        scale = max(1.4826 * median(size), 1e-4)
        for i in range(len(d)):
            z = size[i] / (2.5 * scale)
            weight[i] = base[i] / ((1.0 + z * z) * (1.0 + z * z))
    return x, scale


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _scan(
    angle: Floats, offset: Floats, variance: Floats, directions: int, half: float, floor: float
) -> tuple[float, Floats]:
    """Best score of the sunward halves tried, and its circle's shift and growth."""
    n = len(angle)
    cos = np.cos(angle)
    sin = np.sin(angle)
    best = -np.inf
    start = np.zeros(3)
    for k in range(directions):
        middle = 2.0 * np.pi * k / directions
        near = cos * np.cos(middle) + sin * np.sin(middle) > np.cos(half)
        if np.count_nonzero(near) < 6:
            continue
        x, scale = _robust(cos, sin, offset, variance, near, 4)
        width = max(0.2, floor, 2.5 * scale)
        score = 0.0
        for i in range(n):
            residual = offset[i] - x[0] * cos[i] - x[1] * sin[i] - x[2]
            score += max(1.0 - (residual / width) ** 2, 0.0)
            if residual > 2.0 * width:
                score -= 2.0
        # A tighter circle is better: otherwise a loose one would win by its own width.
        score /= 1.0 + scale
        if score > best:
            best = score
            start = x
    return best, start


@njit(nogil=True, cache=True)
def lit_arc(
    angle: Floats, offset: Floats, variance: Floats, step: Floats, usable: Bools, floor_px: float = 0.05
) -> Bools:
    """Choose the stretches (n,) of an outline that are lit limb.

    Args:
        angle: (n,) polar angle of each stretch, rising.
        offset: (n,) distance of its edge outside an approximate circle, px.
        variance: (n,) px^2.
        step: (n,) height of its edge.
        usable: (n,) whether it was measured at all; the others' values may be NaN.
        floor_px: mean departure from the circle that is allowed even where the edges scatter less: coarse while the
            profile of the limb isn't known yet.

    Returns:
        (n,) True for the lit limb. The sunward half is the one whose circle explains most edges and leaves none
        outside; from there the arc grows for as long as the edges stay on the circle.
    """
    chosen = np.zeros(len(angle), np.bool_)
    if np.count_nonzero(usable) < 8:
        return chosen
    high = quantile(step[usable], 0.8)
    index = np.flatnonzero(usable & (step > _LEAST_STEP * high) & (variance < 1.0))
    if len(index) < 8:
        return chosen
    a, d, v = angle[index], offset[index], np.maximum(variance[index], 1e-4)
    thin = max(1, len(a) // 250)
    best, start = _scan(a[::thin].copy(), d[::thin].copy(), v[::thin].copy(), _DIRECTIONS, _HALF_RAD, floor_px)
    if not np.isfinite(best):
        start, _ = _robust(np.cos(a), np.sin(a), d, v, np.ones(len(a), np.bool_), 5)
    keep = _grow(a, d, v, start, floor_px)
    chosen[index[keep]] = True
    return chosen


@njit(nogil=True, cache=True)
def _grow(a: Floats, d: Floats, v: Floats, start: Floats, floor: float) -> Bools:
    """Points (n,) that stay on the circle as it is fitted anew to them; none where there are too few."""
    n = len(a)
    cos = np.cos(a)
    sin = np.sin(a)
    residual = d - start[0] * cos - start[1] * sin - start[2]
    keep = np.zeros(n, np.bool_)
    for _ in range(6):
        size = np.abs(residual)
        near = size[size < 3.0]
        scatter = 1.4826 * median(near) if len(near) else 1.0
        mean, number = _windows(a, residual)
        most = max(4.5 * scatter, 0.3, 2.0 * floor)
        count = 0
        same = True
        for i in range(n):
            limit = max(floor, 0.6 * scatter, 2.5 * scatter / np.sqrt(number[i]))
            good = abs(mean[i]) < limit and size[i] < most
            if good != keep[i]:
                same = False
            keep[i] = good
            count += good
        if count < 8:
            return np.zeros(n, np.bool_)
        if same:
            break
        x, _ = _robust(cos, sin, d, v, keep, 4)
        residual = d - x[0] * cos - x[1] * sin - x[2]
    return keep


@njit(nogil=True, cache=True)
def _windows(angle: Floats, residual: Floats) -> tuple[Floats, Floats]:
    """Running mean of the clipped residuals over a window of angle, and the number in it; ``angle`` rises."""
    n = len(angle)
    half = max(_WINDOW_RAD, 6.0 * np.pi / max(n, 1))
    mean = np.zeros(n)
    number = np.zeros(n)
    low = -n
    high = -n
    total = 0.0
    for i in range(n):
        # Places -n .. 2 n - 1 are the points of the turn before, this one and the next.
        while high < 2 * n and angle[high % n] + 2.0 * np.pi * (high // n) <= angle[i] + half:
            total += min(max(residual[high % n], -3.0), 3.0)
            high += 1
        while angle[low % n] + 2.0 * np.pi * (low // n) < angle[i] - half:
            total -= min(max(residual[low % n], -3.0), 3.0)
            low += 1
        number[i] = max(high - low, 1)
        mean[i] = total / number[i]
    return mean, number


def sun_direction(angle: Floats, step: Floats, seen: Bools, chosen: Bools) -> float:
    """Direction of the middle of the lit limb, rad from +x toward +y; NaN where the arc is too short to tell.

    The step's first harmonic over the whole rim where it can be seen, else nothing: a frame-cut arc's middle is the
    frame's doing.
    """
    covered = np.count_nonzero(seen) / len(angle)
    if covered < 0.8 or not chosen.any():
        return float("nan")
    weight = np.where(seen, np.abs(np.nan_to_num(step)), 0.0)
    x, y = float(weight @ np.cos(angle)), float(weight @ np.sin(angle))
    if np.hypot(x, y) < _LEAST_HARMONIC * weight.sum():
        return float("nan")
    return float(np.arctan2(y, x))
