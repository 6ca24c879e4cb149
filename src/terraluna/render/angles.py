"""Arctangent, exponential and map cells for kernels: without branches or library calls, for vector registers."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from terraluna.render.compiling import FAST

EIGHTH_TURN_TANGENT = math.sqrt(2.0) - 1.0
"""tan(pi / 8): the series is used up to here."""


@njit(cache=True, error_model="numpy", fastmath=FAST)
def fast_atan2(y: float, x: float) -> float:
    """Return the angle of the point (x, y), -pi..pi; 0 for the origin.

    The smaller of |x| and |y| over the larger, or its distance from 45 degrees, goes into an odd polynomial fitted on
    Chebyshev nodes over 0..tan(pi/8); largest error 1.0e-14 rad.
    """
    ax = abs(x)
    ay = abs(y)
    small = min(ax, ay)
    large = max(ax, ay)
    # Selections instead of branches, so that a loop over this can use vector registers.
    turned = small > EIGHTH_TURN_TANGENT * large
    above = small - large if turned else small
    below = small + large if turned else large
    t = above / (below if below > 0.0 else 1.0)
    angle = 0.25 * math.pi if turned else 0.0
    z = t * t
    p = -0.058771889464281434 + z * 0.030701475361739408
    p = 0.07564453119922708 + z * p
    p = -0.09078501142100467 + z * p
    p = 0.1111039384208782 + z * p
    p = -0.1428569080925099 + z * p
    p = 0.19999999613189334 + z * p
    p = -0.333333333308715 + z * p
    angle += t * (0.9999999999999744 + z * p)
    angle = 0.5 * math.pi - angle if ay > ax else angle
    angle = math.pi - angle if x < 0.0 else angle
    return -angle if y < 0.0 else angle


@njit(cache=True, error_model="numpy", fastmath=FAST)
def arc_cosine(cosine: float) -> float:
    """Return the angle 0..pi of a cosine, which is held inside -1..1."""
    c = min(1.0, max(-1.0, cosine))
    return fast_atan2(math.sqrt((1.0 - c) * (1.0 + c)), c)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def fast_exp(x: float) -> float:
    """Return exp(x) for x <= 0, absolute error below 1e-12; arguments below -40 count as -40 (4e-18).

    The Taylor series of exp(x / 128) to the sixth power, squared seven times.
    """
    y = max(x, -40.0) * (1.0 / 128.0)
    p = 1.0 + y * (1.0 / 6.0)
    p = 1.0 + y * 0.2 * p
    p = 1.0 + y * 0.25 * p
    p = 1.0 + y * (1.0 / 3.0) * p
    p = 1.0 + y * 0.5 * p
    p = 1.0 + y * p
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    return p * p


@njit(cache=True, error_model="numpy", fastmath=FAST)
def map_cells(height, width, lat, lon):  # type: ignore[no-untyped-def]
    """Return rows i0, i1, columns j0, j1 and weights fy, fx of the four map cells around a point.

    The cells of `terraluna.render.pyramid.sample_bilinear`, for longitudes within -pi..pi only: no integer division.
    """
    x = (lon * (0.5 / math.pi) + 0.5) * width - 0.5
    y = (0.5 - lat * (1.0 / math.pi)) * height - 0.5
    y = min(max(y, 0.0), height - 1.0)
    j0 = math.floor(x)
    i0 = min(int(y), height - 2)
    fx = x - j0
    fy = y - i0
    j1 = j0 + 1
    j0 = j0 + width if j0 < 0 else j0
    j1 = j1 - width if j1 >= width else j1
    return i0, i0 + 1, j0, j1, fy, fx


@njit(cache=True, error_model="numpy", fastmath=FAST)
def bilinear(grid, lat, lon, out):  # type: ignore[no-untyped-def]
    """Write the values of a map (h, w, c) at a point to ``out`` (c,); longitude within -pi..pi."""
    i0, i1, j0, j1, fy, fx = map_cells(grid.shape[0], grid.shape[1], lat, lon)
    for c in range(grid.shape[2]):
        upper = grid[i0, j0, c] + fx * (grid[i0, j1, c] - grid[i0, j0, c])
        lower = grid[i1, j0, c] + fx * (grid[i1, j1, c] - grid[i1, j0, c])
        out[c] = upper + fy * (lower - upper)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def find_cells(lat, lon, height, width, cells, fx, fy):  # type: ignore[no-untyped-def]
    """Write the flat, unsigned map cells (4, n) around points (n,) and the weights (n,) along rows and columns."""
    upper_left = cells[0]
    upper_right = cells[1]
    lower_left = cells[2]
    lower_right = cells[3]
    for j in range(lat.size):
        i0, i1, j0, j1, fy[j], fx[j] = map_cells(height, width, lat[j], lon[j])
        upper_left[j] = i0 * width + j0
        upper_right[j] = i0 * width + j1
        lower_left[j] = i1 * width + j0
        lower_right[j] = i1 * width + j1


@njit(cache=True, inline="always", error_model="numpy", fastmath=FAST)
def four_values(cells, fx, fy, flat, channels, channel, j):  # type: ignore[no-untyped-def]
    """Return point j's bilinear value of one channel of a flat map (cells channels,) at cells found before."""
    # Unsigned, so that no index has to be tested for counting from the end.
    of = np.uint64(channels)
    at = np.uint64(channel)
    a = np.float64(flat[cells[0, j] * of + at])
    b = np.float64(flat[cells[1, j] * of + at])
    c = np.float64(flat[cells[2, j] * of + at])
    d = np.float64(flat[cells[3, j] * of + at])
    upper = a + fx[j] * (b - a)
    lower = c + fx[j] * (d - c)
    return upper + fy[j] * (lower - upper)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def read_channel(cells, fx, fy, flat, channels, channel, out):  # type: ignore[no-untyped-def]
    """Write the bilinear values (n,) of one channel of a flat map of any type at cells found before."""
    for j in range(out.size):
        out[j] = four_values(cells, fx, fy, flat, channels, channel, j)
