"""How two discs on the sky stand to each other: gap, and how deep one lies inside the other.

Both ellipsoids are seen as ellipses in the plane that touches the sky at the nearer one. Two convex outlines are apart
exactly if a line parts them, so the gap is the largest over all directions n of n'(c2 - c1) - s1(n) - s2(n), where
s(n) = sqrt(n' P n) is the reach of an ellipse from its centre; one holds the other if s1(n) - s2(n) +- n'(c1 - c2) is
positive for all n.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

_DIRECTIONS: Final = 12
_NEWTON: Final = 12


@njit(cache=True)
def outline(center, radius, polar, pole, frame, out):  # type: ignore[no-untyped-def]
    """Ellipse of a spheroid in the gnomonic plane: out (5,) = centre x, y, and P = xx, xy, yy; False if it has none.

    Args:
        center: (3,) vector to the body.
        radius: equatorial radius.
        polar: polar radius.
        pole: (3,) direction of the axis.
        frame: (3, 3) rows: axes of the plane's picture; the third is its normal.
    """
    c = frame @ center
    p = frame @ pole
    a = 1.0 / (radius * radius)
    b = 1.0 / (polar * polar) - a
    # A c with A = a I + b p p'
    cp = c[0] * p[0] + c[1] * p[1] + c[2] * p[2]
    ac0, ac1, ac2 = a * c[0] + b * cp * p[0], a * c[1] + b * cp * p[1], a * c[2] + b * cp * p[2]
    k = c[0] * ac0 + c[1] * ac1 + c[2] * ac2 - 1.0
    if k <= 0.0 or c[2] <= 0.0:
        return False
    # Q = k A - (A c)(A c)'; inside the cone s'Qs < 0.
    qxx = k * (a + b * p[0] * p[0]) - ac0 * ac0
    qxy = k * (b * p[0] * p[1]) - ac0 * ac1
    qyy = k * (a + b * p[1] * p[1]) - ac1 * ac1
    qxz = k * (b * p[0] * p[2]) - ac0 * ac2
    qyz = k * (b * p[1] * p[2]) - ac1 * ac2
    qzz = k * (a + b * p[2] * p[2]) - ac2 * ac2
    det = qxx * qyy - qxy * qxy
    if not (det > 0.0 and qxx > 0.0):
        return False
    x = -(qyy * qxz - qxy * qyz) / det
    y = -(qxx * qyz - qxy * qxz) / det
    level = -(qzz + qxz * x + qyz * y)
    if level <= 0.0:
        return False
    out[0], out[1] = x, y
    out[2], out[3], out[4] = level * qyy / det, -level * qxy / det, level * qxx / det
    return True


@njit(cache=True)
def _reach(e, c, s):  # type: ignore[no-untyped-def]
    return math.sqrt(max(e[2] * c * c + 2.0 * e[3] * c * s + e[4] * s * s, 0.0))


@njit(cache=True)
def _score(mode, first, second, dx, dy, t):  # type: ignore[no-untyped-def]
    c, s = math.cos(t), math.sin(t)
    if mode == 0:
        return dx * c + dy * s - _reach(first, c, s) - _reach(second, c, s)
    # Least room of the second inside the first, with its sign turned so that both modes look for a maximum.
    return dx * c + dy * s + _reach(second, c, s) - _reach(first, c, s)


@njit(cache=True)
def _extreme(mode, first, second):  # type: ignore[no-untyped-def]
    dx, dy = second[0] - first[0], second[1] - first[1]
    best, at = -1e300, 0.0
    start = math.atan2(dy, dx)
    for i in range(_DIRECTIONS):
        t = start + 2.0 * math.pi * i / _DIRECTIONS
        v = _score(mode, first, second, dx, dy, t)
        if v > best:
            best, at = v, t
    h = 2.0 * math.pi / _DIRECTIONS
    for _ in range(_NEWTON):
        # A parabola through three points that close in: no derivative needed, and the curve is smooth.
        low, high = _score(mode, first, second, dx, dy, at - h), _score(mode, first, second, dx, dy, at + h)
        curve = low - 2.0 * best + high
        shift = 0.0 if curve >= 0.0 else 0.5 * h * (low - high) / curve
        shift = min(max(shift, -h), h)
        v = _score(mode, first, second, dx, dy, at + shift)
        if v > best:
            best, at = v, at + shift
        if h < 1e-4:
            break
        h *= 0.3
    return best


@njit(cache=True)
def limb_gap(first, second):  # type: ignore[no-untyped-def]
    """Gap (> 0) or overlap (< 0) of two outlines, in the plane's units."""
    return _extreme(0, first, second)


@njit(cache=True)
def depth_inside(outer, inner):  # type: ignore[no-untyped-def]
    """Least room of ``inner`` within ``outer``: positive if it lies wholly inside."""
    return -_extreme(1, outer, inner)


@njit(cache=True)
def plane_frame(axis, out):  # type: ignore[no-untyped-def]
    """Rows of ``out`` (3, 3): two axes across the direction ``axis`` (3,), and its unit vector."""
    r = math.sqrt(axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2)
    out[2, :] = axis / r
    k = int(np.argmin(np.abs(out[2])))
    up = np.zeros(3)
    up[k] = 1.0
    out[0, :] = np.cross(up, out[2])
    out[0, :] /= math.sqrt(out[0, 0] ** 2 + out[0, 1] ** 2 + out[0, 2] ** 2)
    out[1, :] = np.cross(out[2], out[0])
