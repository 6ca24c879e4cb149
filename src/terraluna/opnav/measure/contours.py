"""From pixels to outlines: lit components and the points where they border on the sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.median import median, quantile
from terraluna.opnav.measure.picture import Bools, Prepared
from terraluna.opnav.types import Floats

SEED_SIGMAS = 6.0
"""Lit is what exceeds the sky by so many standard deviations ..."""

SEED_SHARE = 0.04
"""... and by this share of the frame's contrast: a Moon beside an Earth exposed for its clouds still passes."""

EDGE_SHARE = 0.35
"""Outlines are drawn at this share of a component's own median brightness: near half the limb's step."""

_SKY_SHARE = 0.6
"""What lies 6 px outside of an outline has less than this share of its level."""

_GRAINY = 0.015
"""Noise over contrast from which outlines are drawn on a smoothed copy."""

_STEEP = 0.3
"""Outline points where the light rises less than this share of the steepest tenth belong to a soft terminator."""


@dataclass(frozen=True, eq=False)
class Component:
    """A lit region.

    Attributes:
        points: (n, 5) outline points: x, y, the unit vector toward the light, and the steepness.
        area: lit pixels.
        brightness: median of its light.
        saturated: share of full pixels.
        centroid: (3,) light-weighted x, y and the summed light above the sky.
    """

    points: Floats
    area: int
    brightness: float
    saturated: float
    centroid: Floats


def components(picture: Prepared, least_area: int = 12, most: int = 60) -> list[Component]:
    """Lit regions of a picture, largest first; regions that lost packets cut apart count as one."""
    floor = picture.sky + max(SEED_SIGMAS * picture.noise, SEED_SHARE * picture.contrast)
    # Grain would roughen the outlines; a limb keeps its place under a symmetric mean.
    smooth = picture.light
    if picture.noise > _GRAINY * picture.contrast:
        from scipy import ndimage

        smooth = ndimage.uniform_filter(picture.light, 3)
    lit = _lit(smooth, picture.bad, floor if smooth is picture.light else floor - 0.5 * (floor - picture.sky))
    runs = _runs(lit)
    region, area = _regions(runs)
    order = np.argsort(-area, kind="stable")[:most]
    return [_component(picture, smooth, runs[region == k]) for k in order if area[k] >= least_area]


@njit(nogil=True, cache=True)
def _lit(light: Floats, bad: Bools, floor: float) -> Bools:
    """Pixels above the floor; a lost pixel counts where the nearest good ones above and below it do."""
    h, w = light.shape
    lit = np.zeros((h, w), np.bool_)
    # First row of the lost stretch that each column is in.
    start = np.full(w, -1)
    for y in range(h):
        for x in range(w):
            if bad[y, x]:
                if start[x] < 0:
                    start[x] = y
                continue
            lit[y, x] = light[y, x] > floor
            if start[x] >= 0:
                if start[x] > 0 and lit[y, x] and lit[start[x] - 1, x]:
                    lit[start[x] : y, x] = True
                start[x] = -1
    return lit


@njit(nogil=True, cache=True)
def _root(parent: NDArray[np.int64], k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


def _runs(lit: Bools) -> NDArray[np.int64]:
    """Runs (n, 3) of lit pixels in reading order: row, first column, column beyond the last.

    The frame's border counts as lost, so that no run goes on in the next row.
    """
    flat = lit.ravel()
    start, stop = (np.flatnonzero(flat[1:] != flat[:-1]) + 1).reshape(-1, 2).T
    row, first = np.divmod(start, lit.shape[1])
    return np.column_stack((row, first, first + stop - start))


@njit(nogil=True, cache=True)
def _regions(runs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Region (n,) of each run, numbered by their first pixels, and areas (regions,).

    Runs of neighbouring rows that share a column are one region.
    """
    n = len(runs)
    parent = np.arange(n)
    above = 0
    for i in range(n):
        y, left, right = runs[i, 0], runs[i, 1], runs[i, 2]
        while runs[above, 0] < y - 1 or (runs[above, 0] == y - 1 and runs[above, 2] <= left):
            above += 1
        j = above
        while runs[j, 0] == y - 1 and runs[j, 1] < right:
            a, b = _root(parent, i), _root(parent, j)
            parent[max(a, b)] = min(a, b)
            j += 1
    region = np.empty(n, np.int64)
    area = np.zeros(n, np.int64)
    count = 0
    for i in range(n):
        # A root is the first run of its region.
        root = _root(parent, i)
        if root == i:
            region[i] = count
            count += 1
        else:
            region[i] = region[root]
        area[region[i]] += runs[i, 2] - runs[i, 1]
    return region, area[:count].copy()


@njit(nogil=True, cache=True)
def _light_of(
    light: Floats, bad: Bools, full: Bools, runs: NDArray[np.int64], sky: float
) -> tuple[Floats, float, Floats]:
    """Light (n,) of a region's good pixels, the share of full ones, and the centroid (3,) as in `Component`."""
    values = np.empty(np.sum(runs[:, 2] - runs[:, 1]))
    n = 0
    saturated = 0
    x_sum = y_sum = total = 0.0
    for k in range(len(runs)):
        y = runs[k, 0]
        for x in range(runs[k, 1], runs[k, 2]):
            if bad[y, x]:
                continue
            values[n] = light[y, x]
            n += 1
            saturated += full[y, x]
            above = light[y, x] - sky
            total += above
            x_sum += above * x
            y_sum += above * y
    if n == 0:
        return values[:0], 0.0, np.array([np.nan, np.nan, 0.0])
    return values[:n], saturated / n, np.array([x_sum / total, y_sum / total, total])


def _component(picture: Prepared, smooth: Floats, runs: NDArray[np.int64]) -> Component:
    values, saturated, centroid = _light_of(picture.light, picture.bad, picture.full, runs, picture.sky)
    if not values.size:
        return Component(np.zeros((0, 5)), 0, picture.sky, 0.0, centroid)
    brightness = median(values[:: max(1, values.size // 4000)].copy())
    level = picture.sky + max(EDGE_SHARE * (brightness - picture.sky), 4.0 * picture.noise)
    dark = picture.sky + max(_SKY_SHARE * (level - picture.sky), 4.0 * picture.noise)
    points = _outline(smooth, picture.bad, runs, level, dark)
    if len(points):
        points = points[points[:, 4] >= _STEEP * quantile(np.ascontiguousarray(points[:, 4]), 0.9)]
    return Component(points, values.size, brightness, saturated, centroid)


@njit(nogil=True, cache=True)
def _outline(
    light: Floats,
    bad: Bools,
    runs: NDArray[np.int64],
    level: float,
    dark: float,
) -> Floats:
    """Crossings of the level between a lit pixel and a neighbour, with the direction of the light."""
    h, w = light.shape
    room = 1024
    out = np.empty((room, 5))
    n = 0
    for k in range(len(runs)):
        y = runs[k, 0]
        if y < 2 or y >= h - 2:
            continue
        for x in range(max(runs[k, 1], 2), min(runs[k, 2], w - 2)):
            if bad[y, x] or light[y, x] <= level:
                continue
            if min(light[y, x - 1], light[y, x + 1], light[y - 1, x], light[y + 1, x]) > level:
                continue
            for side in range(4):
                dx = 1 if side == 0 else (-1 if side == 1 else 0)
                dy = 1 if side == 2 else (-1 if side == 3 else 0)
                value = light[y + dy, x + dx]
                if value > level or bad[y + dy, x + dx]:
                    continue
                gx = 0.0
                gy = 0.0
                clean = True
                for j in range(-2, 3):
                    for i in range(-2, 3):
                        if bad[y + j, x + i]:
                            clean = False
                        gx += i * light[y + j, x + i]
                        gy += j * light[y + j, x + i]
                size = np.sqrt(gx * gx + gy * gy)
                if not clean or size == 0.0:
                    continue
                part = (light[y, x] - level) / (light[y, x] - value)
                px = x + dx * part
                py = y + dy * part
                ux = gx / size
                uy = gy / size
                # A dark sea within a disc isn't as dark as the sky.
                sky = True
                for distance in (3.0, 6.0):
                    sx = int(np.rint(px - ux * distance))
                    sy = int(np.rint(py - uy * distance))
                    most = level if distance < 4.0 else dark
                    if 0 <= sx < w and 0 <= sy < h and not bad[sy, sx] and light[sy, sx] > most:
                        sky = False
                if not sky:
                    continue
                if n == room:
                    room *= 2
                    grown = np.empty((room, 5))
                    grown[:n] = out
                    out = grown
                out[n, 0] = px
                out[n, 1] = py
                out[n, 2] = ux
                out[n, 3] = uy
                out[n, 4] = size
                n += 1
    return out[:n].copy()
