"""Slopes of the relief map: the cosines of incidence and emission on tilted ground."""

from __future__ import annotations

import math

from numba import njit

from terraluna.render.compiling import FAST


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _series(x: float) -> float:
    z = x * x
    p = 1.0 - z * (1.0 / 110.0) * (1.0 - z * (1.0 / 156.0))
    p = 1.0 - z * (1.0 / 42.0) * (1.0 - z * (1.0 / 72.0) * p)
    return x * (1.0 - z * (1.0 / 6.0) * (1.0 - z * (1.0 / 20.0) * p))


@njit(cache=True, error_model="numpy", fastmath=FAST)
def sine_cosine(angle: float) -> tuple[float, float]:
    """Return (sin, cos) of an angle within -pi..pi, without branches; error below 1e-9.

    Both are the odd series of the sine to the thirteenth power, folded to -pi/2..pi/2.
    """
    half = 0.5 * math.pi
    a = abs(angle)
    s = half - abs(half - a)
    c = half - a
    sine = _series(s)
    cosine = _series(c)
    return (-sine if angle < 0.0 else sine), cosine


@njit(cache=True, error_model="numpy", fastmath=FAST)
def tilted_cosine(cosine, x, y, z, sin_lat, cos_lat, sin_lon, cos_lon, east, north):  # type: ignore[no-untyped-def]
    """Return the cosine between a unit vector (x, y, z), body-fixed, and the normal of tilted ground.

    Args:
        cosine: between the vector and the sphere's normal.
        x: (and y, z) the vector.
        sin_lat: (and the three after it) of the place.
        east: gradient of the height toward east.
        north: toward north.
    """
    toward_east = y * cos_lon - x * sin_lon
    toward_north = cos_lat * z - sin_lat * (x * cos_lon + y * sin_lon)
    return (cosine - east * toward_east - north * toward_north) / math.sqrt(1.0 + east * east + north * north)
