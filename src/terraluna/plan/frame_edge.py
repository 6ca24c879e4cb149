"""How far a body's limb is from the edge of the picture, for compiled code."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from terraluna.camera.kernels import project_kernel

LIMB_POINTS: Final = 64
"""Samples of the limb; a parabola through the nearest to the edge finds the contact to about 1e-5 of the radius."""


@njit(cache=True)
def limb_pixels(cam, attitude, center, radius, polar, pole, work, out):  # type: ignore[no-untyped-def]
    """Write the outline of a spheroid, (n, 2) px, to ``out``; False if it isn't all in front of the camera.

    Args:
        cam: parameters of the projection.
        attitude: (3, 3) J2000 to camera.
        center: (3,) apparent vector, km, J2000.
        radius, polar: equatorial and polar radius, km.
        pole: (3,) direction of the axis, J2000.
        work: (2, 3, 3), overwritten.
    """
    body, t = work[0], work[1]
    body[2, :] = pole
    j = int(np.argmin(np.abs(pole)))
    d = math.sqrt(1.0 - pole[j] * pole[j])
    for i in range(3):
        body[0, i] = ((1.0 if i == j else 0.0) - pole[j] * pole[i]) / d
    body[1, 0] = pole[1] * body[0, 2] - pole[2] * body[0, 1]
    body[1, 1] = pole[2] * body[0, 0] - pole[0] * body[0, 2]
    body[1, 2] = pole[0] * body[0, 1] - pole[1] * body[0, 0]
    # In the space where the spheroid is the unit sphere the limb is a circle about the eye's direction.
    q, e1, e2 = t[0], t[1], t[2]
    k = 0.0
    for i in range(3):
        r = polar if i == 2 else radius
        q[i] = -(body[i, 0] * center[0] + body[i, 1] * center[1] + body[i, 2] * center[2]) / r
        k += q[i] * q[i]
    if k <= 1.0:
        return False
    for i in range(3):
        q[i] /= math.sqrt(k)
    j = int(np.argmin(np.abs(q)))
    d = math.sqrt(1.0 - q[j] * q[j])
    for i in range(3):
        e1[i] = ((1.0 if i == j else 0.0) - q[j] * q[i]) / d
    e2[0] = q[1] * e1[2] - q[2] * e1[1]
    e2[1] = q[2] * e1[0] - q[0] * e1[2]
    e2[2] = q[0] * e1[1] - q[1] * e1[0]
    low, ring = 1.0 / math.sqrt(k), math.sqrt(1.0 - 1.0 / k)
    n = out.shape[0]
    for p in range(n):
        c, s = ring * math.cos(2.0 * math.pi * p / n), ring * math.sin(2.0 * math.pi * p / n)
        a0 = radius * (low * q[0] + c * e1[0] + s * e2[0])
        a1 = radius * (low * q[1] + c * e1[1] + s * e2[1])
        a2 = polar * (low * q[2] + c * e1[2] + s * e2[2])
        x = center[0] + body[0, 0] * a0 + body[1, 0] * a1 + body[2, 0] * a2
        y = center[1] + body[0, 1] * a0 + body[1, 1] * a1 + body[2, 1] * a2
        z = center[2] + body[0, 2] * a0 + body[1, 2] * a1 + body[2, 2] * a2
        u, v = project_kernel(
            cam,
            attitude[0, 0] * x + attitude[0, 1] * y + attitude[0, 2] * z,
            attitude[1, 0] * x + attitude[1, 1] * y + attitude[1, 2] * z,
            attitude[2, 0] * x + attitude[2, 1] * y + attitude[2, 2] * z,
        )
        if not (math.isfinite(u) and math.isfinite(v)):
            return False
        out[p, 0], out[p, 1] = u, v
    return True


@njit(cache=True)
def edge_margin(pixels, width, height):  # type: ignore[no-untyped-def]
    """Least distance (px) of an outline (n, 2) from the frame's edge, positive inside.

    The frame's edges lie at -0.5 and at width - 0.5 and height - 0.5.
    """
    n = pixels.shape[0]
    best = math.inf
    for side in range(4):
        axis, sign, offset = side % 2, 1.0, 0.5
        if side >= 2:
            sign, offset = -1.0, (width if axis == 0 else height) - 0.5
        at = 0
        for p in range(1, n):
            if sign * pixels[p, axis] < sign * pixels[at, axis]:
                at = p
        a, b, c = sign * pixels[at - 1, axis], sign * pixels[at, axis], sign * pixels[(at + 1) % n, axis]
        curve = a - 2.0 * b + c
        if curve > 0.0:
            b -= (c - a) ** 2 / (8.0 * curve)
        best = min(best, b + offset)
    return best
