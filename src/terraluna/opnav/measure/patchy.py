"""Edges of a disc whose ground is patchy, measured against the limb around them.

A fit of one stretch alone takes a slope of the ground's brightness for a shift of the edge. Here the height of the
profile comes from the neighbours, and the ground's walk is a covariance of the pixels, of which the offset is the one
unknown (generalised least squares).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.edges import Edges
from terraluna.opnav.measure.ground import WALK_STEP, learn_ground, profile_at, reach_of, walk_covariance
from terraluna.opnav.measure.picture import Bools
from terraluna.opnav.measure.rim import RimPixels
from terraluna.opnav.types import Floats

_UNALIKE = 0.2
"""Pixels of one stretch share their ground but for this part of its variance."""

_BELIEF = 10.0
"""The covariance is believed like so many pixels beside a stretch's own scatter."""

_PASSES = 2
_MOST_PIXELS = 200


def fit_patchy(
    rim: RimPixels, edges: Edges, use: Bools, tables: Floats, which: NDArray[np.int64], shape: Floats, blur: float
) -> tuple[Edges, float] | None:
    """The edges with offsets and variances from the ground around each, and how patchy that ground is.

    None where there is too little of it. Patchiness is the median of :attr:`Ground.rate`, 1/px.

    Args:
        rim: the pixels.
        edges: fits of the stretches alone; those that failed stay so.
        use: (bins,) stretches of the lit limb.
        tables: (m, 6, n), see :func:`profile_table`.
        which: (bins,) table of each stretch.
        shape: (3, bins) shares of E, S and L in the profile.
        blur: standard deviation, px.
    """
    # Tables of the walk are kept for every hundredth of a pixel.
    blur = round(blur, 2)
    walk = walk_covariance(blur)
    inner, outer = reach_of(blur)
    offset = np.zeros(len(use))
    variance = offset
    patchiness = 0.0
    # The fits alone take the ground's slopes for relief: the first heights are those of the expected limb, the second
    # those of the mountains' tops and feet.
    for _ in range(_PASSES):
        ground = learn_ground(rim, edges, use & np.isfinite(offset), offset, tables, which, shape, blur)
        if ground is None:
            return None
        patchiness = float(np.median(ground.rate[use]))
        offset, variance = _fit(
            rim.start, rim.depth, rim.value, rim.full, edges.good, tables, which, shape, ground.sky, ground.height,
            ground.noise, ground.spread, ground.rate, walk, inner, outer,
        )  # fmt: skip
    return replace(edges, offset=offset, variance=variance, good=edges.good & np.isfinite(offset)), patchiness


@njit(nogil=True, cache=True, error_model="numpy")
def _fit(
    start: NDArray[np.int64],
    depth: Floats,
    value: Floats,
    full: Bools,
    use: Bools,
    tables: Floats,
    which: NDArray[np.int64],
    shape: Floats,
    sky: float,
    height: Floats,
    noise: float,
    spread: Floats,
    rate: Floats,
    walk: Floats,
    inner: float,
    outer: float,
) -> tuple[Floats, Floats]:
    bins = len(use)
    offset = np.full(bins, np.nan)
    variance = np.full(bins, np.nan)
    pixel = np.empty(_MOST_PIXELS, np.int64)
    level = np.empty(_MOST_PIXELS)
    slope = np.empty(_MOST_PIXELS)
    root = np.empty((_MOST_PIXELS, _MOST_PIXELS))
    for b in range(bins):
        if not use[b] or not height[b] > noise:
            continue
        e, s, c = shape[0, b], shape[1, b], shape[2, b]
        table = tables[which[b]]
        n = 0
        for i in range(start[b], start[b + 1]):
            if -outer < depth[i] < inner and not full[i] and n < _MOST_PIXELS:
                pixel[n] = i
                level[n], _ = profile_at(table, e, s, c, depth[i])
                n += 1
        if n < 5:
            continue
        # Cholesky root of the pixels' covariance, in units of the height.
        white = (noise / height[b]) ** 2
        for i in range(n):
            place = (depth[pixel[i]] + outer) / WALK_STEP
            ki = int(place)
            pi = place - ki
            for j in range(i + 1):
                place = (depth[pixel[j]] + outer) / WALK_STEP
                kj = int(place)
                pj = place - kj
                w0 = walk[ki, kj] + pj * (walk[ki, kj + 1] - walk[ki, kj])
                w1 = walk[ki + 1, kj] + pj * (walk[ki + 1, kj + 1] - walk[ki + 1, kj])
                w = rate[b] * (w0 + pi * (w1 - w0))
                total = spread[b] * level[i] * level[j] + w
                if i == j:
                    total += white + _UNALIKE * w
                for k in range(j):
                    total -= root[i, k] * root[j, k]
                root[i, j] = math.sqrt(total) if i == j else total / root[j, j]
        at = 0.0
        done = False
        size = 0.0
        for _turn in range(8):
            gg = 0.0
            gr = 0.0
            for i in range(n):
                f, g = profile_at(table, e, s, c, depth[pixel[i]] + at)
                r = (value[pixel[i]] - sky) / height[b] - f
                for k in range(i):
                    r -= root[i, k] * level[k]
                    g -= root[i, k] * slope[k]
                level[i] = r / root[i, i]
                slope[i] = g / root[i, i]
                gg += slope[i] * slope[i]
                gr += slope[i] * level[i]
            if not gg > 0.0:
                break
            move = gr / gg
            at += min(max(move, -0.7), 0.7)
            if abs(at) > 5.0:
                break
            if abs(move) < 1e-3:
                done = True
                size = 0.0
                for i in range(n):
                    size += level[i] * level[i]
                size -= gr * gr / gg
                break
        if done:
            offset[b] = at
            variance[b] = (size + _BELIEF) / (n - 1 + _BELIEF) / gg
    return offset, variance
