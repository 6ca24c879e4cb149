"""The profile of a limb: a lit sphere's edge seen through a blur, as tables over the depth below the limb.

The profile is sky + e E(d) + s S(d) + c L(d), with E the blurred step and S and L the blurred cosine of the emission
angle, sqrt(2 d/R - d^2/R^2), and its square: the first terms of any photometric law near the limb. A plain step there
puts a limb that darkens toward its edge some tenths of a pixel too far in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit

from terraluna.ephemeris.constants import EARTH_RADII_KM
from terraluna.opnav.types import Floats

TABLE_STEP = 0.08
"""Spacing of the profile tables, px."""

TABLE_REACH = 12.0
"""The tables run from -reach to +reach, px; deeper pixels take the last value."""

TABLE_GRID: Floats = np.linspace(-TABLE_REACH, TABLE_REACH, int(2.0 * TABLE_REACH / TABLE_STEP) + 1)
"""Depths (n,) of the tables."""

WIDER = 2.3
"""Deviation of a blur's wider part over that of its core. Pixels and kernels of interpolation make a peak with skirts:
one Gaussian misses the edge of a Gaussian blur seen by square pixels by 0.011 of its height, two of this ratio by
0.003."""


@dataclass(frozen=True)
class Air:
    """The edge of the Earth's air in a kind of light.

    The light falls with height as 1 - exp(-x - square x^2), x proportional to exp(-height/scale): air of exponential
    density, optically thick below; the square stands for what the sunlight loses on its way in, ozone included.

    Attributes:
        scale_km: scale height.
        square: see above.
        ground_km: how far the ground's own limb lies below the half light.
    """

    scale_km: float
    square: float
    ground_km: float


AIRS = (Air(7.5, 1.35, 13.0), Air(9.4, 2.5, 16.0), Air(7.0, 0.15, 23.0))
"""Red, green and blue light: fits to rendered limbs (radiative transfer, U.S. Standard Atmosphere 1976) at 680, 551 and
443 nm, 40 to 90 deg of phase, which they follow within 0.01 of the height from 4 km up."""

_NODES = 80
SIGMA_GRID = 0.01
RADIUS_GRID = 0.02


@njit(nogil=True, cache=True)
def _table(radius: float, sigma: float, reach: float, step: float, nodes: int) -> Floats:
    """Rows: E, dE/dd, S, dS/dd, L, dL/dd on a grid of depths from -reach to reach."""
    n = int(2.0 * reach / step) + 1
    out = np.empty((6, n))
    root = math.sqrt(2.0)
    norm = 1.0 / (sigma * math.sqrt(2.0 * math.pi))
    # With d' = u^2 the square root is smooth and an even sum over u converges fast.
    top = math.sqrt(min(reach + 5.0 * sigma, radius))
    du = top / nodes
    weight = np.empty(nodes)
    place = np.empty(nodes)
    for k in range(nodes):
        u = (k + 0.5) * du
        place[k] = u * u
        weight[k] = math.sqrt(max(2.0 * u * u / radius - (u * u / radius) ** 2, 0.0)) * 2.0 * u * du
    for i in range(n):
        d = -reach + i * step
        out[0, i] = 0.5 * math.erfc(-d / (sigma * root))
        out[1, i] = norm * math.exp(-0.5 * (d / sigma) ** 2)
        s = 0.0
        slope = 0.0
        low = math.sqrt(max(d - 6.0 * sigma, 0.0))
        high = math.sqrt(max(d + 6.0 * sigma, 0.0))
        for k in range(max(0, int(low / du) - 1), min(nodes, int(high / du) + 1)):
            z = (d - place[k]) / sigma
            g = norm * math.exp(-0.5 * z * z) * weight[k]
            s += g
            slope -= g * z / sigma
        out[2, i] = s
        out[3, i] = slope
        # Moments of the Gaussian's part inside: L = (2 d/R - d^2/R^2) for d > 0, blurred.
        first = d * out[0, i] + sigma * sigma * out[1, i]
        second = (d * d + sigma * sigma) * out[0, i] + d * sigma * sigma * out[1, i]
        out[4, i] = 2.0 * first / radius - second / radius**2
        out[5, i] = 2.0 * out[0, i] / radius - 2.0 * first / radius**2
    return out


def core_of(blur: float, tail: float) -> float:
    """Standard deviation of the core of a blur that has a wider part."""
    return blur / math.sqrt(1.0 + tail * (WIDER**2 - 1.0))


def profile_table(radius: float, blur: float, tail: float = 0.0, air: Air | None = None) -> Floats:
    """Tables (6, n) of E, dE/dd, S, dS/dd, L, dL/dd for a disc of a radius seen through a blur.

    Taken at the nearest of a grid of 1 % in the blur and 2 % in radius, so that tables can be kept: both only shape the
    profile, whose height and place are fitted.

    Args:
        radius: px.
        blur: standard deviation, px.
        tail: share of a Gaussian that is :data:`WIDER` times as wide as the core.
        air: the edge is that of the Earth's air: E is its light, depths count from where half of it is left, and S and
            L begin at the ground below.
    """
    core = core_of(blur, tail)
    narrow, wide = grid_step(core, 0.2, SIGMA_GRID), grid_step(WIDER * core, 0.2, SIGMA_GRID)
    return _mixed(grid_step(radius, 1.0, RADIUS_GRID), narrow, wide, tail, air)


@njit(nogil=True, cache=True, error_model="numpy")
def sampled_tables(tables: Floats, depth: Floats) -> Floats:
    """Tables (m, 6, n) between their steps, at depths (k,): (m, 6, k)."""
    count = len(depth)
    left = np.empty(count, np.int64)
    part = np.empty(count)
    for j in range(count):
        place = min(max((depth[j] + TABLE_REACH) / TABLE_STEP, 0.0), tables.shape[2] - 1.001)
        left[j] = int(place)
        part[j] = place - left[j]
    out = np.empty((tables.shape[0], tables.shape[1], count))
    for m in range(tables.shape[0]):
        for k in range(tables.shape[1]):
            row = tables[m, k]
            for j in range(count):
                i = left[j]
                out[m, k, j] = row[i] + part[j] * (row[i + 1] - row[i])
    return out


def grid_step(value: float, least: float, grid: float) -> int:
    """Nearest step of a grid in the logarithm."""
    return round(math.log(max(value, least)) / grid)


@lru_cache(maxsize=1024)
def _mixed(radius: int, core: int, wide: int, tail: float, air: Air | None) -> Floats:
    narrow = _kept_table(radius, core, air)
    if tail == 0.0:
        return narrow
    table = (1.0 - tail) * narrow + tail * _kept_table(radius, wide, air)
    table.flags.writeable = False
    return table


def km_in_px(radius: float) -> float:
    """A kilometre on an Earth of this radius, px."""
    return radius / EARTH_RADII_KM[0]


@lru_cache(maxsize=1024)
def _kept_table(grid_radius: int, grid_sigma: int, air: Air | None) -> Floats:
    radius, sigma = math.exp(grid_radius * RADIUS_GRID), math.exp(grid_sigma * SIGMA_GRID)
    table = np.asarray(_table(radius, sigma, TABLE_REACH, TABLE_STEP, _NODES))
    if air is not None:
        table = _through_air(table, air, km_in_px(radius))
    table.flags.writeable = False
    return table


def _through_air(table: Floats, air: Air, km: float) -> Floats:
    """Tables with E as the air's edge and S and L begun at the ground, for a kilometre of so many px."""
    scale, ground = air.scale_km * km, air.ground_km * km
    half = int(8.0 * scale / TABLE_STEP) + 1
    depth = np.arange(-half - 0.5, half + 1.0) * TABLE_STEP
    # Root of x + square x^2 = ln 2.
    middle = 2.0 * math.log(2.0) / (1.0 + math.sqrt(1.0 + 4.0 * air.square * math.log(2.0)))
    column = middle * np.exp(np.minimum(depth / scale, 10.0))
    kernel = np.diff(-np.exp(-column - air.square * column**2))
    padded = np.pad(table[:2], ((0, 0), (half, half)), mode="edge")
    edge = [np.convolve(row, kernel / kernel.sum(), mode="valid") for row in padded]
    grid = np.arange(table.shape[1]) * TABLE_STEP
    return np.vstack(edge + [np.interp(grid - ground, grid, row) for row in table[2:]])
