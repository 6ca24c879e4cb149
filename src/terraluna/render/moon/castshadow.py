"""Low Sun over relief: how much of the solar disc stands above the skyline, and the soft terminator of a finite Sun."""

from __future__ import annotations

import math

from numba import njit

from terraluna.render.angles import fast_atan2, map_cells

SUN_RADIUS_RAD = 0.00466
"""Angular radius of the Sun from 1 au, 0.267 degrees."""

LOW_SUN = 0.35
"""Sine of the Sun's height below which the skyline is looked at: no skyline of the map stands above 20 degrees."""

FIRST_STEP = 0.75
"""First and shortest step of the march toward the Sun, cells of the relief map."""

STEP_GROWTH = 1.06
"""Each step is longer by this factor: far ground has to be wider to reach the same height."""


@njit(cache=True, error_model="numpy")
def disc_above(x: float) -> float:
    """Return the part of a uniform disc above a straight edge; ``x``: its centre's height in radii."""
    if x >= 1.0:
        return 1.0
    if x <= -1.0:
        return 0.0
    root = math.sqrt(1.0 - x * x)
    return 0.5 + (fast_atan2(x, root) + x * root) / math.pi


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def height_at(relief_m, lat, lon):  # type: ignore[no-untyped-def]
    """Return the height in km of a relief map (h, w) in metres at a point; longitude within -pi..pi."""
    i0, i1, j0, j1, fy, fx = map_cells(relief_m.shape[0], relief_m.shape[1], lat, lon)
    upper = relief_m[i0, j0] + fx * (relief_m[i0, j1] - relief_m[i0, j0])
    lower = relief_m[i1, j0] + fx * (relief_m[i1, j1] - relief_m[i1, j0])
    return 1e-3 * (upper + fy * (lower - upper))


@njit(cache=True, error_model="numpy")
def sun_above_skyline(  # type: ignore[no-untyped-def]
    relief_m, highest_km, exaggeration, radius_km, px, py, pz, mu0, sun, sun_radius, own_km
):
    """Return the part of the solar disc that the relief leaves visible from a place, 0..1.

    The march follows the great circle toward the Sun and keeps the steepest angle to the ground; it ends where the
    disc is hidden or where not even the highest mountain could reach it.

    Args:
        relief_m: (h, w) heights above the sphere, m.
        highest_km: largest height of the map, km.
        exaggeration: factor on all heights.
        radius_km: of the sphere.
        px: (and py, pz) unit vector of the place, body-fixed.
        mu0: sine of the Sun's height over the sphere there.
        sun: (3,) unit vector to the Sun, body-fixed.
        sun_radius: angular radius of the Sun, rad.
        own_km: height of the place, km.
    """
    horizontal = math.sqrt(max(1e-12, 1.0 - mu0 * mu0))
    tx = (sun[0] - mu0 * px) / horizontal
    ty = (sun[1] - mu0 * py) / horizontal
    tz = (sun[2] - mu0 * pz) / horizontal
    # Over the small angles that matter a height above the horizon and its tangent differ by a constant factor.
    tangent = mu0 / horizontal
    reach = sun_radius * (1.0 + tangent * tangent)
    lower = tangent - reach
    upper = tangent + reach
    own = radius_km + exaggeration * own_km
    top = radius_km + exaggeration * highest_km
    steepest = -1.0
    step = FIRST_STEP * math.pi / relief_m.shape[0]
    angle = step
    while angle < 0.5:
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
