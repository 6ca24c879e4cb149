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
def _polar(table: Floats, slope: Floats, turn: float) -> tuple[float, float]:
    n = len(table)
    place = turn * n
    i = int(place)
    part = place - i
    if i >= n:
        i = 0
    j = i + 1 if i + 1 < n else 0
    return table[i] + part * (table[j] - table[i]), slope[i] + part * (slope[j] - slope[i])


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
    room = 4096
    which = np.empty(room, np.int64)
    depth = np.empty(room)
    value = np.empty(room)
    clipped = np.empty(room, np.bool_)
    spoilt = np.zeros(bins, np.int64)
    n = 0
    y0 = max(0, math.floor(cy - largest))
    y1 = min(h - 1, math.ceil(cy + largest))
    for y in range(y0, y1 + 1):
        dy = y - cy
        far = largest * largest - dy * dy
        if far <= 0.0:
            continue
        far = math.sqrt(far)
        near = smallest * smallest - dy * dy
        near = math.sqrt(near) if near > 0.0 else 0.0
        for side in range(2):
            # The left and the right crossing of this row; one stretch where they meet.
            if near == 0.0:
                if side == 1:
                    continue
                xa, xb = cx - far, cx + far
            elif side == 0:
                xa, xb = cx - far, cx - near
            else:
                xa, xb = cx + near, cx + far
            first = int(max(0.0, math.ceil(max(xa, 0.0))))
            last = int(min(w - 1.0, math.floor(min(xb, w - 1.0))))
            for x in range(first, last + 1):
                dx = x - cx
                r = math.sqrt(dx * dx + dy * dy)
                turn = turn_of(dx, dy)
                rim, lean = _polar(polar, slant, turn)
                d = (rim - r) * lean
                if d > inner or d < -outer:
                    continue
                b = int(turn * bins)
                if b >= bins:
                    b = 0
                lost = bad[y, x]
                if not lost:
                    for k in range(len(others)):
                        ox = x - others[k, 0]
                        oy = y - others[k, 1]
                        if ox * ox + oy * oy < others[k, 2] * others[k, 2]:
                            lost = True
                            break
                if lost:
                    spoilt[b] += 1
                    continue
                if n == room:
                    room *= 2
                    grown_i = np.empty(room, np.int64)
                    grown_i[:n] = which
                    which = grown_i
                    grown = np.empty(room)
                    grown[:n] = depth
                    depth = grown
                    grown = np.empty(room)
                    grown[:n] = value
                    value = grown
                    grown_b = np.empty(room, np.bool_)
                    grown_b[:n] = clipped
                    clipped = grown_b
                which[n] = b
                depth[n] = d
                value[n] = light[y, x]
                clipped[n] = full[y, x]
                n += 1
    start = np.zeros(bins + 1, np.int64)
    for i in range(n):
        start[which[i] + 1] += 1
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
    out = _collect(light, bad, full, center[0], center[1], polar, slant, inner, outer, bins, others)
    start, depth, value, clipped, spoilt = out
    return RimPixels(
        start,
        depth,
        value,
        clipped,
        spoilt,
        np.asarray((np.arange(bins) + 0.5) * (2.0 * np.pi / bins), dtype=np.float64),
    )
