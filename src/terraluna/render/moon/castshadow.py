"""Low Sun over relief: how much of the solar disc stands above the skyline, and the soft terminator of a finite Sun."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

from terraluna.render.angles import fast_atan2, map_cells
from terraluna.render.compiling import FAST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.pyramid import Pyramid

SUN_RADIUS_RAD = 0.00466
"""Angular radius of the Sun from 1 au, 0.267 degrees."""

LOW_SUN = 0.35
"""Sine of the Sun's height below which the skyline is looked at: no skyline of the map stands above 20 degrees."""

FIRST_STEP = 0.75
"""First and shortest step of the march toward the Sun, cells of the relief map."""

NEAR_RAD = 0.035
"""Radius of the near surroundings of a place, 61 km."""

FAR_RAD = 0.26
"""Radius beyond which no ground can hide the Sun: from 10.5 km the horizon is 0.11 rad away, and beyond it a peak of
10.5 km can stand 0.15 rad behind the lowest ground, -8.7 km."""

STEP_GROWTH = 1.06
"""Each step is longer by this factor: far ground has to be wider to reach the same height."""


@njit(cache=True, error_model="numpy", fastmath=FAST)
def disc_above(x: float) -> float:
    """Return the part of a uniform disc above a straight edge; ``x``: its centre's height in radii."""
    if x >= 1.0:
        return 1.0
    if x <= -1.0:
        return 0.0
    root = math.sqrt(1.0 - x * x)
    return 0.5 + (fast_atan2(x, root) + x * root) / math.pi


@njit(cache=True, error_model="numpy", fastmath=FAST)
def soft_cosine(mu0: float, sun_radius: float) -> float:
    """Return the mean of max(0, cosine of incidence) over a solar disc of angular radius ``sun_radius``."""
    if mu0 >= sun_radius:
        return mu0
    if mu0 <= -sun_radius:
        return 0.0
    x = mu0 / sun_radius
    root = math.sqrt(1.0 - x * x)
    part = 0.5 + (fast_atan2(x, root) + x * root) / math.pi
    return sun_radius * (x * part + 2.0 / (3.0 * math.pi) * root * root * root)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def height_at(relief_m, lat, lon):  # type: ignore[no-untyped-def]
    """Return the height in km of a relief map (h, w) in metres at a point; longitude within -pi..pi."""
    i0, i1, j0, j1, fy, fx = map_cells(relief_m.shape[0], relief_m.shape[1], lat, lon)
    upper = relief_m[i0, j0] + fx * (relief_m[i0, j1] - relief_m[i0, j0])
    lower = relief_m[i1, j0] + fx * (relief_m[i1, j1] - relief_m[i1, j0])
    return 1e-3 * (upper + fy * (lower - upper))


@njit(cache=True, error_model="numpy", fastmath=FAST)
def sun_above_skyline(  # type: ignore[no-untyped-def]
    relief_m, near_top_km, far_top_km, exaggeration, radius_km, px, py, pz, mu0, sun, sun_radius, own_km
):
    """Return the part of the solar disc that the relief leaves visible from a place, 0..1.

    The march follows the great circle toward the Sun and keeps the steepest angle to the ground; it ends where the
    disc is hidden or where not even the highest ground around could reach it.

    Args:
        relief_m: (h, w) heights above the sphere, m.
        near_top_km: largest height within `NEAR_RAD` of the place, km.
        far_top_km: largest height within `FAR_RAD`, km.
        exaggeration: factor on all heights.
        radius_km: of the sphere.
        px: (and py, pz) unit vector of the place, body-fixed.
        mu0: sine of the Sun's height over the sphere there.
        sun: (3,) unit vector to the Sun, body-fixed.
        sun_radius: angular radius of the Sun, rad.
        own_km: height of the place, km.
    """
    horizontal = math.sqrt(max(1e-12, 1.0 - mu0 * mu0))
    # Over the small angles that matter a height above the horizon and its tangent differ by a constant factor.
    tangent = mu0 / horizontal
    reach = sun_radius * (1.0 + tangent * tangent)
    lower = tangent - reach
    upper = tangent + reach
    own = radius_km + exaggeration * own_km
    top = radius_km + exaggeration * far_top_km
    end = FAR_RAD
    if top * math.cos(NEAR_RAD) - own < lower * top * math.sin(NEAR_RAD):
        top = radius_km + exaggeration * near_top_km
        end = NEAR_RAD
    angle = FIRST_STEP * math.pi / relief_m.shape[0]
    if top - own < lower * radius_km * angle:
        return 1.0
    tx = (sun[0] - mu0 * px) / horizontal
    ty = (sun[1] - mu0 * py) / horizontal
    tz = (sun[2] - mu0 * pz) / horizontal
    steepest = -1.0
    step = angle
    while angle < end:
        square = angle * angle
        sine = angle * (1.0 - square * (1.0 / 6.0) * (1.0 - square * 0.05))
        cosine = 1.0 - 0.5 * square * (1.0 - square * (1.0 / 12.0) * (1.0 - square * (1.0 / 30.0)))
        if top * cosine - own < lower * top * sine:
            break
        qx = px * cosine + tx * sine
        qy = py * cosine + ty * sine
        qz = pz * cosine + tz * sine
        lat = fast_atan2(qz, math.sqrt(qx * qx + qy * qy))
        there = radius_km + exaggeration * height_at(relief_m, lat, fast_atan2(qy, qx))
        slope = (there * cosine - own) / (there * sine)
        if slope > steepest:
            steepest = slope
            if steepest >= upper:
                return 0.0
        step *= STEP_GROWTH
        angle += step
    return disc_above((tangent - steepest) / reach)


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def _tops(cells, reach, out):  # type: ignore[no-untyped-def]
    """Write for each cell of a map (h, w) the largest value of any cell whose centre lies within ``reach`` rad."""
    rows, columns = cells.shape
    step = math.pi / rows
    span = math.ceil(reach / step)
    for i in prange(rows):
        lat = 0.5 * math.pi - (i + 0.5) * step
        for j in range(columns):
            out[i, j] = cells[i, j]
        for k in range(max(0, i - span), min(rows, i + span + 1)):
            other = 0.5 * math.pi - (k + 0.5) * step
            # cos(reach) = sin sin + cos cos cos(dlon) gives the widest difference of longitude in that row.
            cosine = (math.cos(reach) - math.sin(lat) * math.sin(other)) / (math.cos(lat) * math.cos(other))
            if cosine > 1.0:
                continue
            wide = columns // 2 if cosine <= -1.0 else min(columns // 2, int(math.acos(cosine) / step) + 1)
            if wide >= columns // 2:
                best = cells[k].max()
                for j in range(columns):
                    out[i, j] = max(out[i, j], best)
                continue
            for j in range(columns):
                best = out[i, j]
                for d in range(-wide, wide + 1):
                    value = cells[k, (j + d) % columns]
                    if value > best:
                        best = value
                out[i, j] = best


@lru_cache(maxsize=4)
def skyline_tops_km(relief_m: Pyramid) -> NDArray[np.float32]:
    """Return (h, w, 2): the largest heights within `NEAR_RAD` and `FAR_RAD` of each cell of a coarse grid (kept).

    Cells count whole, so that every place of a cell is covered.
    """
    base = relief_m.base
    factor = max(1, base.shape[0] // 180)
    rows, columns = base.shape[0] // factor, base.shape[1] // factor
    blocks = base[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor).max(axis=(1, 3))
    blocks = np.ascontiguousarray(blocks, dtype=np.float64) * 1e-3
    cell = math.pi / rows
    out = np.empty((rows, columns, 2), dtype=np.float32)
    for index, reach in enumerate((NEAR_RAD, FAR_RAD)):
        top = np.empty_like(blocks)
        # The place and the ground may each lie half a diagonal from their cells' centres.
        _tops(blocks, reach + math.sqrt(2.0) * cell, top)
        out[..., index] = top
    return out
