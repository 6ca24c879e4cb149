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


@njit(nogil=True, cache=True, error_model="numpy")
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


@njit(nogil=True, cache=True, error_model="numpy")
def ring_row(
    dy: float,
    cx: float,
    smallest: float,
    largest: float,
    columns: tuple[int, int, int],
    column: NDArray[np.int32],
    radius: Floats,
    turn: Floats,
) -> int:
    """Find the pixels of one row that lie within a ring about a centre; how many there are.

    Args:
        dy: the row's y less the centre's.
        cx: the centre's x.
        smallest: the ring's inner radius.
        largest: and outer radius.
        columns: first and last column that count, and the step between them.
        column: (n,) takes the pixels' columns.
        radius: (n,) takes their distances from the centre.
        turn: (n,) takes their directions, see :func:`turn_of`.
    """
    first, last, step = columns
    far = largest * largest - dy * dy
    if far <= 0.0:
        return 0
    far = math.sqrt(far)
    near = smallest * smallest - dy * dy
    near = math.sqrt(near) if smallest > 0.0 and near > 0.0 else 0.0
    n = 0
    for side in range(2):
        # The left and the right crossing of this row; one stretch where they meet.
        if near == 0.0 and side == 1:
            break
        left = cx + near if side == 1 else cx - far
        right = cx - near if side == 0 and near > 0.0 else cx + far
        start = first + step * math.ceil(max(left - first, 0.0) / step)
        for x in range(start, math.floor(min(right, last)) + 1, step):
            column[n] = x
            n += 1
    # Apart from what uses them, so that the compiler can do several pixels at a time.
    for i in range(n):
        dx = column[i] - cx
        radius[i] = math.sqrt(dx * dx + dy * dy)
        turn[i] = turn_of(dx, dy)
    return n


def touching(others: Floats, x: float, y: float, reach: float) -> Floats:
    """Those of some discs (m, 3) that come within ``reach`` of a place: the rest need no test pixel by pixel."""
    return np.asarray(others[np.hypot(others[:, 0] - x, others[:, 1] - y) < others[:, 2] + reach])


@njit(nogil=True, cache=True, error_model="numpy")
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
    steepest = slant.min()
    largest = polar.max() + outer / steepest
    smallest = max(polar.min() - inner / steepest, 0.0)
    # No ring holds more pixels than its area with half a pixel's diagonal on each side.
    room = min(h * w, int(math.pi * ((largest + 0.71) ** 2 - max(smallest - 0.71, 0.0) ** 2)) + 1)
    which = np.empty(room, np.int32)
    depth = np.empty(room)
    value = np.empty(room)
    clipped = np.empty(room, np.bool_)
    spoilt = np.zeros(bins, np.int64)
    start = np.zeros(bins + 1, np.int64)
    column = np.empty(w, np.int32)
    radius = np.empty(w)
    turn = np.empty(w)
    nodes = len(polar)
    n = 0
    for y in range(max(0, math.floor(cy - largest)), min(h - 1, math.ceil(cy + largest)) + 1):
        for i in range(ring_row(y - cy, cx, smallest, largest, (0, w - 1, 1), column, radius, turn)):
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
            x = column[i]
            lost = bad[y, x]
            for m in range(len(others)):
                ox = x - others[m, 0]
                oy = y - others[m, 1]
                lost |= ox * ox + oy * oy < others[m, 2] * others[m, 2]
            if lost:
                spoilt[b] += 1
                continue
            which[n] = b
            depth[n] = d
            value[n] = light[y, x]
            clipped[n] = full[y, x]
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
        v_out[k] = value[i]
        c_out[k] = clipped[i]
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
    near = touching(others, *center, float(polar.max() + outer / slant.min()))
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
