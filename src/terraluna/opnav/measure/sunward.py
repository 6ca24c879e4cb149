"""Where the Sun stands, so that the far side's terminator isn't taken for limb.

A nearly full disc hardly shows its terminator, which then lies a pixel or less inside the far limb and would pass for
it. What betrays the Sun is how much the light falls off toward the rim: little on the sunward side, where the ground is
lit at a slant as it is seen at a slant, and to nothing on the far side. The ratio of a narrow outer ring to a ring
further in tells this without the albedo, which both share: maria and clouds turn the brightness of a disc to any side.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from terraluna.opnav.measure.median import median
from terraluna.opnav.measure.picture import Bools, Prepared
from terraluna.opnav.measure.rim import ring_row, touching
from terraluna.opnav.measure.shapes import Polar
from terraluna.opnav.types import Floats

_WIDE_RAD = float(np.radians(76.0))
_NARROW_RAD = float(np.radians(80.0))
"""Half width of the arc about the sunward point that is surely limb, where the Sun is known to 15 and to 35
degrees. At the cusps the light dies away."""

_CLEAR = 0.5
_LEAST_HARMONIC = 0.15
_LEAST_SIGMAS = 2.0
"""First harmonic of the ratio over its mean from which its direction is good to 15 deg and to 35 deg; it must also
exceed the scatter about it by this factor. Simulated Earths and Moons of 5 to 30 deg of phase, 15 to 800 px."""

_RINGS = (0.008, 0.013, 0.04)
"""Depth over the radius at which the outer ring ends, the inner one starts and ends. Farther apart they lie on
different ground: at 7 deg of phase a large disc's clouds then turned the direction by up to 95 deg."""

_SECTORS = 24
_MOST_PIXELS = 30_000.0
_LEAST_COVERED = 0.75
_HUBER = 1.5
_TURNS = 5


def sunward(picture: Prepared, polar: Polar, blur: float, others: Floats) -> tuple[float, float]:
    """Direction of the Sun in the image (rad from +x toward +y) and half width of the arc that is surely lit limb.

    NaN and pi where the disc is cut, too small, or doesn't tell.
    """
    nothing = float("nan"), math.pi
    radius = polar.mean
    near = max(1.0, 1.2 * blur)
    far = max(near + 1.5, _RINGS[0] * radius)
    deep = max(far + 0.5, _RINGS[1] * radius)
    deepest = max(far + 3.5, _RINGS[2] * radius)
    if deepest > 0.6 * radius:
        return nothing
    step = max(1, int(math.sqrt(2.0 * math.pi * radius * deepest / _MOST_PIXELS)))
    depths = near, far, deep, deepest
    others = touching(others, polar.x, polar.y, float(polar.radius.max()))
    sums, counts, whole = _rings(
        picture.light, picture.bad, polar.x, polar.y, polar.radius, depths, step, _SECTORS, others
    )
    known = (counts > 0.5 * whole).all(axis=0) & (counts > 0).all(axis=0)
    if np.count_nonzero(known) < _LEAST_COVERED * _SECTORS:
        return nothing
    outer, inner = sums[:, known] / counts[:, known] - picture.sky
    ratio = outer / np.maximum(inner, picture.noise)
    angle = np.asarray((np.arange(_SECTORS)[known] + 0.5) * (2.0 * np.pi / _SECTORS), dtype=np.float64)
    mean, x, y, scatter = _harmonic(angle, ratio)
    size = math.hypot(x, y)
    if not (size > _LEAST_HARMONIC * mean > 0.0 and size > _LEAST_SIGMAS * scatter):
        return nothing
    return math.atan2(y, x), _WIDE_RAD if size > _CLEAR * mean else _NARROW_RAD


@njit(nogil=True, cache=True)
def _harmonic(angle: Floats, ratio: Floats) -> tuple[float, float, float, float]:
    """Mean, cosine and sine part of a ratio over angle (n,) by robust least squares, and the scatter about them."""
    design = np.column_stack((np.ones(len(angle)), np.cos(angle), np.sin(angle)))
    across = np.ascontiguousarray(design.T)
    weight = np.ones(len(angle))
    solution = np.zeros(3)
    residual = ratio
    for _ in range(_TURNS):
        solution = np.linalg.solve((across * weight) @ design, across @ (weight * ratio))
        residual = ratio - design @ solution
        scale = max(1.4826 * median(np.abs(residual)), 1e-9)
        weight = 1.0 / np.maximum(np.abs(residual) / (_HUBER * scale), 1.0)
    scatter = math.sqrt(np.sum(weight * residual**2) / np.sum(weight))
    return solution[0], solution[1], solution[2], scatter


def within(angle: Floats, middle: float, half: float) -> Bools:
    """Which angles (n,) lie within ``half`` of a direction; all where it is NaN."""
    if not np.isfinite(middle):
        return np.ones(len(angle), np.bool_)
    return np.asarray(np.abs((angle - middle + np.pi) % (2.0 * np.pi) - np.pi) < half)


@njit(nogil=True, cache=True, error_model="numpy")
def _rings(
    light: Floats,
    bad: Bools,
    cx: float,
    cy: float,
    polar: Floats,
    depths: tuple[float, float, float, float],
    step: int,
    sectors: int,
    others: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Summed light (2, sectors) of an outer and an inner ring, pixels in them, and pixels there would be at best."""
    h, w = light.shape
    total = np.zeros((2, sectors))
    count = np.zeros((2, sectors))
    whole = np.zeros((2, sectors))
    largest = polar.max() - depths[0]
    smallest = polar.min() - depths[3]
    n = len(polar)
    columns = math.floor(cx - largest), math.ceil(cx + largest), step
    column = np.empty(columns[1] - columns[0] + 1, np.int32)
    radius = np.empty(len(column))
    turn = np.empty(len(column))
    for y in range(math.floor(cy - largest), math.ceil(cy + largest) + 1, step):
        for i in range(ring_row(y - cy, cx, smallest, largest, columns, column, radius, turn)):
            depth = polar[min(int(turn[i] * n), n - 1)] - radius[i]
            if depths[0] < depth < depths[1]:
                ring = 0
            elif depths[2] < depth < depths[3]:
                ring = 1
            else:
                continue
            k = min(int(turn[i] * sectors), sectors - 1)
            whole[ring, k] += 1.0
            x = column[i]
            if not (0 <= x < w and 0 <= y < h) or bad[y, x]:
                continue
            covered = False
            for m in range(len(others)):
                covered |= (x - others[m, 0]) ** 2 + (y - others[m, 1]) ** 2 < others[m, 2] ** 2
            if not covered:
                total[ring, k] += light[y, x]
                count[ring, k] += 1.0
    return total, count, whole
