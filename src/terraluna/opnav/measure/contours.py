"""From pixels to outlines: lit components and the points where they border on the sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
        box: row and column of the first pixel, and beyond the last.
        level: at which the outline was drawn.
        brightness: median of its light.
        saturated: share of full pixels.
        centroid: (3,) light-weighted x, y and the summed light above the sky.
    """

    points: Floats
    area: int
    box: tuple[int, int, int, int]
    level: float
    brightness: float
    saturated: float
    centroid: Floats


def components(picture: Prepared, least_area: int = 12, most: int = 60) -> list[Component]:
    """Lit regions of a picture, largest first; regions that lost packets cut apart count as one."""
    from scipy import ndimage

    floor = picture.sky + max(SEED_SIGMAS * picture.noise, SEED_SHARE * picture.contrast)
    # Grain would roughen the outlines; a limb keeps its place under a symmetric mean.
    smooth = picture.light
    if picture.noise > _GRAINY * picture.contrast:
        smooth = ndimage.uniform_filter(picture.light, 3)
    lit = _lit(smooth, picture.bad, floor if smooth is picture.light else floor - 0.5 * (floor - picture.sky))
    labels, count = ndimage.label(lit)
    if count == 0:
        return []
    area = np.bincount(labels.ravel(), minlength=count + 1)
    area[0] = 0
    boxes = ndimage.find_objects(labels)
    found = []
    for number in np.argsort(-area, kind="stable")[:most]:
        if area[number] < least_area:
            break
        rows, columns = boxes[number - 1]
        found.append(
            _component(picture, smooth, labels, int(number), (rows.start, columns.start, rows.stop, columns.stop))
        )
    return found


@njit(cache=True)
def _lit(light: Floats, bad: Bools, floor: float) -> Bools:
    """Pixels above the floor; a lost pixel counts where the nearest good ones above and below it do."""
    h, w = light.shape
    lit = np.zeros((h, w), np.bool_)
    for y in range(h):
        for x in range(w):
            lit[y, x] = light[y, x] > floor and not bad[y, x]
    for x in range(w):
        y = 0
        while y < h:
            if not bad[y, x]:
                y += 1
                continue
            start = y
            while y < h and bad[y, x]:
                y += 1
            if start > 0 and y < h and lit[start - 1, x] and lit[y, x]:
                for row in range(start, y):
                    lit[row, x] = True
    return lit


def _component(
    picture: Prepared, smooth: Floats, labels: NDArray[np.int32], number: int, box: tuple[int, int, int, int]
) -> Component:
    top, left, bottom, right = box
    part = np.s_[top:bottom, left:right]
    own = (labels[part] == number) & ~picture.bad[part]
    values = picture.light[part][own]
    if not values.size:
        return Component(np.zeros((0, 5)), 0, box, picture.sky, picture.sky, 0.0, np.array([np.nan, np.nan, 0.0]))
    sample = values[:: max(1, values.size // 4000)]
    brightness = float(np.median(sample))
    level = picture.sky + max(EDGE_SHARE * (brightness - picture.sky), 4.0 * picture.noise)
    dark = picture.sky + max(_SKY_SHARE * (level - picture.sky), 4.0 * picture.noise)
    points = _outline(smooth, picture.bad, labels, number, top, left, bottom, right, level, dark)
    if len(points):
        points = points[points[:, 4] >= _STEEP * float(np.percentile(points[:, 4], 90))]
    above = np.where(own, picture.light[part] - picture.sky, 0.0)
    total = float(above.sum())
    x = float(above.sum(axis=0) @ np.arange(left, right)) / total
    y = float(above.sum(axis=1) @ np.arange(top, bottom)) / total
    saturated = float(np.count_nonzero(picture.full[part] & own)) / values.size
    return Component(points, int(values.size), box, level, brightness, saturated, np.array([x, y, total]))


@njit(cache=True)
def _outline(
    light: Floats,
    bad: Bools,
    labels: NDArray[np.int32],
    number: int,
    top: int,
    left: int,
    bottom: int,
    right: int,
    level: float,
    dark: float,
) -> Floats:
    """Crossings of the level between a lit pixel and a neighbour, with the direction of the light."""
    h, w = light.shape
    room = 1024
    out = np.empty((room, 5))
    n = 0
    for y in range(max(top, 2), min(bottom, h - 2)):
        for x in range(max(left, 2), min(right, w - 2)):
            if labels[y, x] != number or bad[y, x] or light[y, x] <= level:
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
