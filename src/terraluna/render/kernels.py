"""The geometry pass: where each pixel's ray meets a body, under which angles, and how much of the pixel it covers.

Every ray comes from the camera's own kernel. In the frame in which the spheroid is a unit sphere, a ray from the
observer passes the centre at the distance ``b`` (its impact parameter); ``b = 1`` is the limb conic. ``b`` grows almost
linearly across the limb, so that ``(1 - b) / |grad b|`` is the signed distance to the limb in pixels to second order
(the discriminant itself, 1 - b^2, would only be good to first order); its gradient is taken through the camera.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from terraluna.camera.kernels import PINHOLE, unproject_kernel
from terraluna.render.angles import fast_atan2
from terraluna.render.compiling import FAST

GRADIENT_STEP = 0.05
"""Step of the central difference for the gradient at the limb, in samples: far above round-off, far below curvature."""

NO_HEIGHT_KM = 1.0e9
"""Tangent height that stands for a ray far from the body."""


@njit(cache=True, error_model="numpy", fastmath=FAST)
def half_plane_area(distance: float, nx: float, ny: float) -> float:
    """Return the part of a unit square on the inner side of a straight edge.

    ``distance`` is that of the square's centre from the edge, positive inside; (nx, ny) is the unit normal.
    """
    a = abs(nx)
    b = abs(ny)
    if a < b:
        a, b = b, a
    s = abs(distance)
    if s >= 0.5 * (a + b):
        area = 1.0
    elif s <= 0.5 * (a - b):
        area = 0.5 + s / a
    else:
        gap = 0.5 * (a + b) - s
        area = 1.0 - gap * gap / (2.0 * a * b)
    return area if distance >= 0.0 else 1.0 - area


@njit(cache=True, error_model="numpy", fastmath=FAST)
def scaled_ray(params, matrix, u, v):  # type: ignore[no-untyped-def]
    """Return the ray of pixel (u, v) in the frame in which the body is a unit sphere (not normalised)."""
    x, y, z = unproject_kernel(params, u, v)
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z,
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z,
        matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z,
    )


@njit(cache=True, error_model="numpy", fastmath=FAST)
def impact(dx, dy, dz, center):  # type: ignore[no-untyped-def]
    """Return the impact parameter of a scaled ray, in radii; large where the body is behind the observer, or NaN."""
    if dx * center[0] + dy * center[1] + dz * center[2] <= 0.0:
        return 1.0e9
    # The cross product keeps its digits for a far body, where |c|^2 - (d.c)^2 cancels.
    x = dy * center[2] - dz * center[1]
    y = dz * center[0] - dx * center[2]
    z = dx * center[1] - dy * center[0]
    return math.sqrt((x * x + y * y + z * z) / (dx * dx + dy * dy + dz * dz))


@njit(cache=True, error_model="numpy", fastmath=FAST)
def impact_at(params, matrix, center, u, v):  # type: ignore[no-untyped-def]
    """Return the impact parameter of pixel (u, v), in radii."""
    dx, dy, dz = scaled_ray(params, matrix, u, v)
    return impact(dx, dy, dz, center)


CHUNK = 128
"""Samples worked on at a time: a constant, so that the compiler can prove the slots apart and use vector arithmetic."""

IMPACT, AREA, LAT, LON, MU0, MU, COS_PHASE, SLOTS = 3, 4, 5, 6, 7, 8, 9, 10
"""Slots of the work array: 0 to 2 hold the ray; IMPACT the squared impact parameter, NaN behind the observer."""


@njit(cache=True, error_model="numpy", fastmath=FAST)
def unproject_chunk(params, work, first, count, step, v):  # type: ignore[no-untyped-def]
    """Write the rays of one chunk of a row; past the row's end the last one is repeated."""
    if int(params[0]) == PINHOLE:
        # The camera's own formula, written out: without its choice of models it runs on vector registers.
        ty = (v - params[4]) / params[2]
        focal = 1.0 / params[1]
        for j in range(CHUNK):
            tx = ((first + j + 0.5) * step - 0.5 - params[3]) * focal
            n = 1.0 / math.sqrt(1.0 + tx * tx + ty * ty)
            work[j] = tx * n
            work[CHUNK + j] = ty * n
            work[2 * CHUNK + j] = n
        return
    for j in range(CHUNK):
        u = (first + min(j, count - 1) + 0.5) * step - 0.5
        work[j], work[CHUNK + j], work[2 * CHUNK + j] = unproject_kernel(params, u, v)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def meet_chunk(work, matrix, center, radii, sun):  # type: ignore[no-untyped-def]
    """Meet one chunk of rays with the body; no branch, so that it runs on vector registers.

    Rays that miss are taken at their point nearest to the body.
    """
    m00, m01, m02 = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    m10, m11, m12 = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    m20, m21, m22 = matrix[2, 0], matrix[2, 1], matrix[2, 2]
    c0, c1, c2 = center[0], center[1], center[2]
    r0, r1, r2 = radii[0], radii[1], radii[2]
    a0, a1, a2 = 1.0 / r0, 1.0 / r1, 1.0 / r2
    s0, s1, s2 = sun[0], sun[1], sun[2]
    for j in range(CHUNK):
        x = work[j]
        y = work[CHUNK + j]
        z = work[2 * CHUNK + j]
        dx = m00 * x + m01 * y + m02 * z
        dy = m10 * x + m11 * y + m12 * z
        dz = m20 * x + m21 * y + m22 * z
        dd = dx * dx + dy * dy + dz * dz
        dc = dx * c0 + dy * c1 + dz * c2
        # The cross product keeps its digits for a far body, where |c|^2 - (d.c)^2 cancels.
        x = dy * c2 - dz * c1
        y = dz * c0 - dx * c2
        z = dx * c1 - dy * c0
        cross = x * x + y * y + z * z
        work[IMPACT * CHUNK + j] = cross / dd if dc > 0.0 else math.nan
        work[AREA * CHUNK + j] = 1.0 if cross < dd else 0.0
        t = (dc - math.sqrt(max(dd - cross, 0.0))) / dd
        # Outward normal, and the ray (a unit vector there), in the body-fixed frame.
        nx = (t * dx - c0) * a0
        ny = (t * dy - c1) * a1
        nz = (t * dz - c2) * a2
        equatorial = nx * nx + ny * ny
        norm = 1.0 / math.sqrt(equatorial + nz * nz)
        rx = dx * r0
        ry = dy * r1
        rz = dz * r2
        work[LAT * CHUNK + j] = fast_atan2(nz, math.sqrt(equatorial))
        work[LON * CHUNK + j] = fast_atan2(ny, nx)
        work[MU0 * CHUNK + j] = (nx * s0 + ny * s1 + nz * s2) * norm
        work[MU * CHUNK + j] = min(1.0, max(0.0, -(nx * rx + ny * ry + nz * rz) * norm))
        work[COS_PHASE * CHUNK + j] = min(1.0, max(-1.0, -(s0 * rx + s1 * ry + s2 * rz)))


@njit(cache=True, error_model="numpy", fastmath=FAST)
def clear_sample(work, j):  # type: ignore[no-untyped-def]
    """Write a sample of empty sky."""
    work[AREA * CHUNK + j] = 0.0
    work[LAT * CHUNK + j] = 0.0
    work[LON * CHUNK + j] = 0.0
    work[MU0 * CHUNK + j] = -1.0
    work[MU * CHUNK + j] = 0.0
    work[COS_PHASE * CHUNK + j] = 1.0


@njit(cache=True, error_model="numpy", fastmath=FAST)
def edge_sample(params, matrix, center, radii, sun, u, v, step, edge, work, j):  # type: ignore[no-untyped-def]
    """Rewrite a sample near the limb: the exact part covered, seen at the middle of that part."""
    b = math.sqrt(work[IMPACT * CHUNK + j])
    if abs(b - 1.0) >= edge:
        return
    h = GRADIENT_STEP * step
    gx = impact_at(params, matrix, center, u + h, v) - impact_at(params, matrix, center, u - h, v)
    gy = impact_at(params, matrix, center, u, v + h) - impact_at(params, matrix, center, u, v - h)
    norm = math.sqrt(gx * gx + gy * gy)
    nx = gx / norm
    ny = gy / norm
    slope = norm / (2.0 * h) * step
    # The limb bends away from its tangent by x^2 / 2R: on average 1 / 24R over one sample.
    distance = (1.0 - b) / slope - slope / 24.0
    area = half_plane_area(distance, nx, ny)
    work[AREA * CHUNK + j] = area
    if area <= 0.0:
        return
    # Angles change with the root of the distance from the limb: look where that root has its mean over the covered
    # part, not at the middle, nor at a centre that may lie in the sky.
    reach = 0.5 * (abs(nx) + abs(ny))
    near = max(0.0, distance - reach)
    span = distance + reach - near
    root = (2.0 / 3.0) * ((distance + reach) ** 1.5 - near**1.5) / span
    shift = (root * root - distance) * step
    dx, dy, dz = scaled_ray(params, matrix, u - shift * nx, v - shift * ny)
    dd = dx * dx + dy * dy + dz * dz
    dc = dx * center[0] + dy * center[1] + dz * center[2]
    x = dy * center[2] - dz * center[1]
    y = dz * center[0] - dx * center[2]
    z = dx * center[1] - dy * center[0]
    t = (dc - math.sqrt(max(dd - (x * x + y * y + z * z), 0.0))) / dd
    nx = (t * dx - center[0]) / radii[0]
    ny = (t * dy - center[1]) / radii[1]
    nz = (t * dz - center[2]) / radii[2]
    norm = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz)
    rx = dx * radii[0]
    ry = dy * radii[1]
    rz = dz * radii[2]
    work[LAT * CHUNK + j] = fast_atan2(nz, math.sqrt(nx * nx + ny * ny))
    work[LON * CHUNK + j] = fast_atan2(ny, nx)
    work[MU0 * CHUNK + j] = (nx * sun[0] + ny * sun[1] + nz * sun[2]) * norm
    work[MU * CHUNK + j] = min(1.0, max(0.0, -(nx * rx + ny * ry + nz * rz) * norm))
    work[COS_PHASE * CHUNK + j] = min(1.0, max(-1.0, -(sun[0] * rx + sun[1] * ry + sun[2] * rz)))


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def geometry_pass(  # type: ignore[no-untyped-def]
    params,
    matrix,
    center,
    radii,
    sun,
    fine_row,
    fine_column,
    oversample,
    edge,
    shell,
    coverage,
    lat,
    lon,
    mu0,
    mu,
    cos_phase,
    height,
):
    """Fill one body's layer; rows in parallel, no reduction, so that the number of threads changes nothing.

    Args:
        params: the camera's parameter vector.
        matrix: (3, 3) camera frame to the frame in which the body is a unit sphere.
        center: (3,) observer to centre in that frame.
        radii: (3,) semi-axes, km.
        sun: (3,) unit vector to the Sun, body-fixed.
        fine_row: first row of the box, counted in samples from the top edge of pixel row 0.
        fine_column: first column, counted likewise.
        oversample: samples a pixel along each axis.
        edge: rays with |b - 1| below it are worked out with the limb in view.
        shell: largest b at which the atmosphere is drawn; 1 for none.
        coverage: (and the six after it) the layer's arrays, written.
    """
    rows, columns = coverage.shape
    step = 1.0 / oversample
    mean_radius = (radii[0] + radii[1] + radii[2]) / 3.0
    with_shell = shell > 1.0
    outer = max(shell, 1.0 + edge) ** 2
    inner = max(0.0, 1.0 - edge) ** 2
    chunks = (columns + CHUNK - 1) // CHUNK
    for i in prange(rows):
        v = (fine_row + i + 0.5) * step - 0.5
        work = np.empty(SLOTS * CHUNK)
        for chunk in range(chunks):
            start = chunk * CHUNK
            count = min(CHUNK, columns - start)
            unproject_chunk(params, work, fine_column + start, count, step, v)
            meet_chunk(work, matrix, center, radii, sun)
            for j in range(count):
                ratio = work[IMPACT * CHUNK + j]
                if not ratio < outer:
                    clear_sample(work, j)
                elif ratio > inner:
                    u = (fine_column + start + j + 0.5) * step - 0.5
                    edge_sample(params, matrix, center, radii, sun, u, v, step, edge, work, j)
            for j in range(count):
                coverage[i, start + j] = work[AREA * CHUNK + j]
            for j in range(count):
                lat[i, start + j] = work[LAT * CHUNK + j]
            for j in range(count):
                lon[i, start + j] = work[LON * CHUNK + j]
            for j in range(count):
                mu0[i, start + j] = work[MU0 * CHUNK + j]
            for j in range(count):
                mu[i, start + j] = work[MU * CHUNK + j]
            for j in range(count):
                cos_phase[i, start + j] = work[COS_PHASE * CHUNK + j]
            if with_shell:
                for j in range(count):
                    ratio = work[IMPACT * CHUNK + j]
                    if not ratio < outer:
                        height[i, start + j] = NO_HEIGHT_KM
                    elif ratio > inner:
                        height[i, start + j] = (math.sqrt(ratio) - 1.0) * mean_radius
                    else:
                        height[i, start + j] = -mean_radius


@njit(cache=True, error_model="numpy", fastmath=FAST)
def box_scale(params, matrix, center, row0, column0, rows, columns):  # type: ignore[no-untyped-def]
    """Return the steepest change of the impact parameter, radii a pixel, over a 9 x 9 net of a pixel box."""
    steepest = 0.0
    h = 0.5
    for i in range(9):
        v = row0 + rows * i / 8.0 - 0.5
        for j in range(9):
            u = column0 + columns * j / 8.0 - 0.5
            x0, y0, z0 = unproject_kernel(params, u - h, v)
            x1, y1, z1 = unproject_kernel(params, u + h, v)
            x2, y2, z2 = unproject_kernel(params, u, v - h)
            x3, y3, z3 = unproject_kernel(params, u, v + h)
            across = math.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2 + (z1 - z0) ** 2)
            down = math.sqrt((x3 - x2) ** 2 + (y3 - y2) ** 2 + (z3 - z2) ** 2)
            turn = max(across, down)
            if turn > steepest:
                steepest = turn
    distance = math.sqrt(center[0] ** 2 + center[1] ** 2 + center[2] ** 2)
    # Turning the ray by a small angle moves it by at most that angle times the distance, in the scaled frame
    # up to the ratio of the axes.
    longest = 0.0
    shortest = 1.0e300
    for i in range(3):
        row = math.sqrt(matrix[i, 0] ** 2 + matrix[i, 1] ** 2 + matrix[i, 2] ** 2)
        longest = max(longest, row)
        shortest = min(shortest, row)
    return steepest * distance * longest / shortest


@njit(cache=True, error_model="numpy", fastmath=FAST)
def any_hit(params, matrix, center, row0, column0, rows, columns, limit):  # type: ignore[no-untyped-def]
    """Tell whether a ray of a 65 x 65 net over a pixel box passes the body within ``limit`` radii."""
    for i in range(65):
        for j in range(65):
            b = impact_at(params, matrix, center, column0 + columns * j / 64.0, row0 + rows * i / 64.0)
            if b < limit:
                return True
    return False


def empty_layer_arrays(shape: tuple[int, int], with_shell: bool) -> tuple[NDArray[np.float64], ...]:
    """Return the seven uninitialised arrays that `geometry_pass` writes, in its order."""
    arrays = [np.empty(shape) for _ in range(6)]
    arrays.append(np.empty(shape if with_shell else (1, 1)))
    return tuple(arrays)
