"""Compiled projection: a flat vector of parameters, a direction in, a pixel out, and back.

Layout of the parameter vector (float64, length ``SIZE``):

==========  ====================================================================================
0           model: ``PINHOLE``, ``RADIAL_UNDISTORT``, ``RADIAL_DISTORT``, ``BROWN``, ``FISHEYE``
1, 2        focal length along x and y, px
3, 4        principal point, px
5, 6        centre of distortion, px (used by the two radial models)
7, 8        validity: largest radius that the polynomial may be given, and its value there
9 ...       coefficients
==========  ====================================================================================

Models. ``g`` is a polynomial c0 + c1 r + c2 r^2 ... about the centre of distortion, r in px:

- ``RADIAL_UNDISTORT``: undistorted = distorted * g(r of the distorted point). Used by the kernels of HiRISE and ONC.
- ``RADIAL_DISTORT``: distorted = undistorted * g(r of the undistorted point). Used by the kernels of OCAMS.
- ``BROWN``: coefficients k1, k2, p1, p2, k3 on normalised coordinates, as OpenCV writes them.
- ``FISHEYE``: radius = theta * g(theta), the equidistant model (OpenCV's fisheye).

The inverse of each is Newton's method with the analytic derivative; the radial ones keep a bracket, so that they
can't leave the branch on which the polynomial rises. Outside that branch, and behind the camera, the answer is NaN.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PINHOLE: Final = 0
RADIAL_UNDISTORT: Final = 1
RADIAL_DISTORT: Final = 2
BROWN: Final = 3
FISHEYE: Final = 4

COEFFICIENTS: Final = 9
FIRST: Final = 9
SIZE: Final = FIRST + COEFFICIENTS

_TURNS = 80
_PRECISION = 4e-16


@njit(cache=True)
def _radius_and_slope(params: Floats, r: float) -> tuple[float, float]:
    """Value of r g(r) and its derivative."""
    value = 0.0
    slope = 0.0
    for i in range(COEFFICIENTS - 1, -1, -1):
        c = params[FIRST + i]
        value = value * r + c
        slope = slope * r + (i + 1) * c
    return value * r, slope


@njit(cache=True)
def _solve_radius(params: Floats, target: float) -> float:
    """The r in [0, params[7]] with r g(r) = target; NaN where there is none."""
    if not target <= params[8]:
        return np.nan
    low = 0.0
    high = float(params[7])
    r = float(min(target / params[FIRST], high))
    for _ in range(_TURNS):
        value, slope = _radius_and_slope(params, r)
        if value > target:
            high = r
        else:
            low = r
        step = (target - value) / slope if slope > 0.0 else 0.0
        new = r + step
        # <= keeps a root that sits exactly on the end of the bracket.
        if slope <= 0.0 or not (low <= new <= high):
            new = 0.5 * (low + high)
        if abs(new - r) <= _PRECISION * (abs(r) + _PRECISION):
            return new
        r = new
    return r


@njit(cache=True)
def _brown(params: Floats, x: float, y: float) -> tuple[float, float, float, float, float]:
    """Distorted point and the derivatives dxd/dx, dxd/dy (= dyd/dx), dyd/dy."""
    k1, k2, p1, p2, k3 = params[FIRST], params[FIRST + 1], params[FIRST + 2], params[FIRST + 3], params[FIRST + 4]
    r2 = x * x + y * y
    g = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    dg = k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3)
    xd = x * g + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x)
    yd = y * g + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y
    xx = g + 2.0 * x * x * dg + 2.0 * p1 * y + 6.0 * p2 * x
    xy = 2.0 * x * y * dg + 2.0 * p1 * x + 2.0 * p2 * y
    yy = g + 2.0 * y * y * dg + 6.0 * p1 * y + 2.0 * p2 * x
    return xd, yd, xx, xy, yy


@njit(cache=True)
def _solve_brown(params: Floats, xd: float, yd: float) -> tuple[float, float]:
    """Undistorted normalised point of a distorted one; NaN outside the validity."""
    x = xd
    y = yd
    limit = params[7]
    # The tangential terms shift a point little: start from the radius that the radial terms alone give.
    for _ in range(_TURNS):
        fx, fy, xx, xy, yy = _brown(params, x, y)
        det = xx * yy - xy * xy
        if not det > 0.0:
            x *= 0.5
            y *= 0.5
            if x * x + y * y < 1e-24:
                return np.nan, np.nan
            continue
        ex = xd - fx
        ey = yd - fy
        dx = (yy * ex - xy * ey) / det
        dy = (xx * ey - xy * ex) / det
        x += dx
        y += dy
        r = np.hypot(x, y)
        if r > limit:
            # Newton overshot the branch: step back onto it.
            x *= 0.999 * limit / r
            y *= 0.999 * limit / r
        elif abs(dx) + abs(dy) <= 1e-15 * (1.0 + r):
            return x, y
    # Rounding can keep the last step just above the bound: accept what reproduces the point.
    fx, fy, xx, xy, yy = _brown(params, x, y)
    if abs(fx - xd) + abs(fy - yd) <= 1e-13 and xx * yy - xy * xy > 0.0:
        return x, y
    return np.nan, np.nan


@njit(cache=True)
def project_kernel(params: Floats, x: float, y: float, z: float) -> tuple[float, float]:
    """Pixel (u, v) of a direction in the camera frame.

    Args:
        params: (SIZE,) from ``Camera.kernel_parameters()``.
        x: component to the right in the image; the length of the vector doesn't matter.
        y: component down.
        z: component along the boresight.

    Returns:
        u to the right, v down, (0, 0) the centre of the first pixel; NaN behind the camera or outside the validity.
    """
    model = int(params[0])
    if model == FISHEYE:
        s = np.hypot(x, y)
        theta = np.arctan2(s, z)
        if not theta <= params[7]:
            return np.nan, np.nan
        r, _ = _radius_and_slope(params, theta)
        # For s = 0 the direction around the axis doesn't exist; the image is the principal point.
        k = r / s if s > 0.0 else 0.0
        return params[3] + params[1] * k * x, params[4] + params[2] * k * y
    if not z > 0.0:
        return np.nan, np.nan
    tx = x / z
    ty = y / z
    if model == PINHOLE:
        return params[3] + params[1] * tx, params[4] + params[2] * ty
    if model == BROWN:
        if not tx * tx + ty * ty <= params[7] * params[7]:
            return np.nan, np.nan
        xd, yd, xx, xy, yy = _brown(params, tx, ty)
        if not xx * yy - xy * xy > 0.0:
            return np.nan, np.nan
        return params[3] + params[1] * xd, params[4] + params[2] * yd
    ux = params[3] + params[1] * tx - params[5]
    uy = params[4] + params[2] * ty - params[6]
    r = np.hypot(ux, uy)
    if model == RADIAL_UNDISTORT:
        d = _solve_radius(params, r)
        k = d / r if r > 0.0 else 1.0 / params[FIRST]
    else:
        if not r <= params[7]:
            return np.nan, np.nan
        d, _ = _radius_and_slope(params, r)
        k = d / r if r > 0.0 else params[FIRST]
    return params[5] + k * ux, params[6] + k * uy


@njit(cache=True)
def unproject_kernel(params: Floats, u: float, v: float) -> tuple[float, float, float]:
    """Unit direction (x, y, z) in the camera frame of a pixel; NaN outside the validity. See :func:`project_kernel`."""
    model = int(params[0])
    if model == FISHEYE:
        px = (u - params[3]) / params[1]
        py = (v - params[4]) / params[2]
        r = np.hypot(px, py)
        theta = _solve_radius(params, r)
        k = np.sin(theta) / r if r > 0.0 else 1.0
        return k * px, k * py, np.cos(theta)
    if model == PINHOLE:
        tx = (u - params[3]) / params[1]
        ty = (v - params[4]) / params[2]
    elif model == BROWN:
        tx, ty = _solve_brown(params, (u - params[3]) / params[1], (v - params[4]) / params[2])
    else:
        dx = u - params[5]
        dy = v - params[6]
        r = np.hypot(dx, dy)
        if model == RADIAL_UNDISTORT:
            s, _ = _radius_and_slope(params, r)
            k = s / r if r > 0.0 else params[FIRST]
            if not r <= params[7]:
                k = np.nan
        else:
            s = _solve_radius(params, r)
            k = s / r if r > 0.0 else 1.0 / params[FIRST]
        tx = (params[5] + k * dx - params[3]) / params[1]
        ty = (params[6] + k * dy - params[4]) / params[2]
    n = 1.0 / np.sqrt(1.0 + tx * tx + ty * ty)
    return tx * n, ty * n, n


@njit(cache=True)
def project_array(params: Floats, directions: Floats) -> Floats:
    """Pixels (n, 2) of directions (n, 3)."""
    out = np.empty((directions.shape[0], 2))
    for i in range(directions.shape[0]):
        u, v = project_kernel(params, directions[i, 0], directions[i, 1], directions[i, 2])
        out[i, 0] = u
        out[i, 1] = v
    return out


@njit(cache=True)
def unproject_array(params: Floats, pixels: Floats) -> Floats:
    """Unit directions (n, 3) of pixels (n, 2)."""
    out = np.empty((pixels.shape[0], 3))
    for i in range(pixels.shape[0]):
        x, y, z = unproject_kernel(params, pixels[i, 0], pixels[i, 1])
        out[i, 0] = x
        out[i, 1] = y
        out[i, 2] = z
    return out
