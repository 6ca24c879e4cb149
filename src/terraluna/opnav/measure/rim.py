"""The pixels near an expected limb, each with its depth below it, sorted into short stretches along the limb."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.picture import Bools
from terraluna.opnav.types import Floats


@dataclass(frozen=True, eq=False)
class RimPixels:
    """The pixels near an expected limb, sorted by stretch.

    Attributes:
        start: (bins + 1,) first pixel of each stretch.
        depth: (n,) depth below the limb, px, positive inside.
        value: (n,) light.
        full: (n,) saturated.
        spoilt: (bins,) pixels of the stretch that were lost, beyond the frame's edge or another body's.
        angle: (bins,) polar angle of the middle of each stretch about the centre.
    """

    start: NDArray[np.int64]
    depth: Floats
    value: Floats
    full: Bools
    spoilt: NDArray[np.int64]
    angle: Floats


@njit(cache=True, error_model="numpy")
def turn_of(dx: float, dy: float) -> float:
    """Polar angle of a direction in turns, 0 to 1, to 3e-9: Abramowitz and Stegun 4.4.49, faster than atan2."""
    ax, ay = abs(dx), abs(dy)
    x = min(ax, ay) / max(ax, ay, 1e-300)
    s = x * x
    # Written out: a loop over the terms costs as much as atan2.
    angle = ((0.0028662257 * s - 0.0161657367) * s + 0.0429096138) * s - 0.0752896400
    angle = ((angle * s + 0.1065626393) * s - 0.1420889944) * s + 0.1999355085
    angle = ((angle * s - 0.3333314528) * s + 1.0) * x
    turn = angle / (2.0 * math.pi)
    if ay > ax:
        turn = 0.25 - turn
    if dx < 0.0:
        turn = 0.5 - turn
    return 1.0 - turn if dy < 0.0 else turn


@njit(cache=True, error_model="numpy")
def crossings(dy: float, smallest: float, largest: float) -> tuple[float, float]:
    """How far from the centre a row at ``dy`` enters a ring and leaves it; 0 where it misses the ring's hole.

    The second is negative where the row misses the ring.
    """
    far = largest * largest - dy * dy
    if far <= 0.0:
        return 0.0, -1.0
    near = smallest * smallest - dy * dy if smallest > 0.0 else 0.0
    return math.sqrt(max(near, 0.0)), math.sqrt(far)


def touching(others: Floats, x: float, y: float, reach: float) -> Floats:
    """Those of some discs (m, 3) that come within ``reach`` of a place: the rest need no test pixel by pixel."""
    return np.asarray(others[np.hypot(others[:, 0] - x, others[:, 1] - y) < others[:, 2] + reach])


@njit(cache=True, error_model="numpy")
def _collect(
    light: Floats,
    bad: Bools,
    full: Bools,
    cx: float,
    cy: float,
    polar: Floats,
    slant: Floats,
    inner: float,
    outer: float,
    bins: int,
    others: Floats,
) -> tuple[NDArray[np.int64], Floats, Floats, Bools, NDArray[np.int64]]:
    h, w = light.shape
    largest = polar.max() + outer + 1.0
    smallest = max(polar.min() - inner - 1.0, 0.0)
    y0 = max(0, math.floor(cy - largest))
    y1 = min(h - 1, math.ceil(cy + largest))
    # First and last column of the left and the right part of each row; one part where they meet.
    parts = np.zeros((y1 - y0 + 1, 4), np.int64)
    room = 0
    for y in range(y0, y1 + 1):
        near, far = crossings(y - cy, smallest, largest)
        part = parts[y - y0]
        part[0] = math.ceil(max(cx - far, 0.0))
        part[1] = math.floor(min(cx + far if near == 0.0 else cx - near, w - 1.0))
        part[2] = math.ceil(max(cx + near, 0.0)) if near > 0.0 else w
        part[3] = math.floor(min(cx + far, w - 1.0))
        room += max(part[1] - part[0] + 1, 0) + max(part[3] - part[2] + 1, 0)
    row = np.empty(room, np.int32)
    column = np.empty(room, np.int32)
    n = 0
    for y in range(y0, y1 + 1):
        for side in (0, 2):
            for x in range(parts[y - y0, side], parts[y - y0, side + 1] + 1):
                row[n] = y
                column[n] = x
                n += 1
    # Apart from what follows, so that the compiler can do several pixels at a time.
    radius = np.empty(room)
    turn = np.empty(room)
    for i in range(room):
        dx = column[i] - cx
        dy = row[i] - cy
        radius[i] = math.sqrt(dx * dx + dy * dy)
        turn[i] = turn_of(dx, dy)
    which = np.empty(room, np.int32)
    depth = radius
    spoilt = np.zeros(bins, np.int64)
    start = np.zeros(bins + 1, np.int64)
    nodes = len(polar)
    n = 0
    for i in range(room):
        at = turn[i] * nodes
        j = int(at)
        part = at - j
        if j >= nodes:
            j = 0
        k = j + 1 if j + 1 < nodes else 0
        rim = polar[j] + part * (polar[k] - polar[j])
        lean = slant[j] + part * (slant[k] - slant[j])
        d = (rim - radius[i]) * lean
        if d > inner or d < -outer:
            continue
        b = int(turn[i] * bins)
        if b >= bins:
            b = 0
        y, x = row[i], column[i]
        lost = bad[y, x]
        for m in range(len(others)):
            ox = x - others[m, 0]
            oy = y - others[m, 1]
            lost |= ox * ox + oy * oy < others[m, 2] * others[m, 2]
        if lost:
            spoilt[b] += 1
            continue
        row[n] = y
        column[n] = x
        which[n] = b
        depth[n] = d
        start[b + 1] += 1
        n += 1
    for b in range(bins):
        start[b + 1] += start[b]
    fill = start[:-1].copy()
    d_out = np.empty(n)
    v_out = np.empty(n)
    c_out = np.empty(n, np.bool_)
    for i in range(n):
        k = fill[which[i]]
        fill[which[i]] += 1
        d_out[k] = depth[i]
        v_out[k] = light[row[i], column[i]]
        c_out[k] = full[row[i], column[i]]
    return start, d_out, v_out, c_out, spoilt


def slope_of(polar: Floats) -> Floats:
    """Change (n,) of a polar table's radius with the angle, px/rad."""
    closed = np.concatenate((polar[-1:], polar, polar[:1]))
    return np.asarray((closed[2:] - closed[:-2]) * (len(polar) / (4.0 * np.pi)))


def collect(
    light: Floats,
    bad: Bools,
    full: Bools,
    center: tuple[float, float],
    polar: Floats,
    inner: float,
    outer: float,
    width: float,
    others: Floats,
) -> RimPixels:
    """The pixels within ``inner`` px inside and ``outer`` px outside of a limb.

    Args:
        light: the picture; ``bad`` and ``full`` mark unusable and saturated pixels.
        bad: see above.
        full: see above.
        center: x, y about which the limb is star-shaped.
        polar: (n,) radius of the limb at the angles 2 pi k/n.
        inner: px.
        outer: px.
        width: length of a stretch along the limb, px.
        others: (m, 3) discs x, y, radius whose pixels are left out.
    """
    slope = slope_of(polar) / polar
    slant = 1.0 / np.sqrt(1.0 + slope * slope)
    bins = max(16, round(2.0 * np.pi * float(np.mean(polar)) / width))
    near = touching(others, *center, float(polar.max()) + outer)
    out = _collect(light, bad, full, center[0], center[1], polar, slant, inner, outer, bins, near)
    start, depth, value, clipped, spoilt = out
    return RimPixels(
        start,
        depth,
        value,
        clipped,
        spoilt,
        np.asarray((np.arange(bins) + 0.5) * (2.0 * np.pi / bins), dtype=np.float64),
    )
