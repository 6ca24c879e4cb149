"""Relief near the limb: the outline is that of mountains and valleys, and what they hide is not seen.

Elsewhere the ground of a sphere is drawn and only its slopes are those of the relief; a height of 5 km then is 5 km
tan(emission) out of place, less than its own size. Toward the limb that grows without bound and ground hides other
ground, so there each ray is followed to the first ground that it meets.
"""

from __future__ import annotations

import math
from typing import Final

from numba import njit, prange

from terraluna.render.angles import fast_atan2
from terraluna.render.kernels import half_plane_area, impact, scaled_ray
from terraluna.render.moon.castshadow import height_at

FADE: Final = (0.96, 0.985)
"""Rays that pass the centre at these distances, in radii, see none and all of the heights (emission 74 and 80 degrees):
a sudden change would show as a ring."""

DARK: Final = -0.2
"""Sine of the Sun's height below which no sunlight comes near: there only the outline matters."""

STEEPEST: Final = 0.65
"""Slope that a ray and the ground close on each other with at most; the march may step by the clearance over it. Slopes
of the packaged map (7.6 km cells) stay below 0.6, 99.9 % of them below 0.4."""

MOST_STEPS: Final = 400
"""A guard: the longest way through the relief takes some 150 steps of half a cell."""

_STEP: Final = 0.25
"""Step of the central difference for the gradient at the silhouette, samples."""


@njit(cache=True, error_model="numpy")
def _above(params, matrix, center, axes, heights, u, v):  # type: ignore[no-untyped-def]
    """Return by how much the ray of a pixel passes above the silhouette, in radii."""
    dx, dy, dz = scaled_ray(params, matrix, u, v)
    b = impact(dx, dy, dz, center)
    # The point of the ray that is nearest to the centre tells the direction around the disc.
    t = (dx * center[0] + dy * center[1] + dz * center[2]) / (dx * dx + dy * dy + dz * dz)
    x = t * dx - center[0]
    y = t * dy - center[1]
    z = t * dz - center[2]
    across = axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z
    up = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
    count = heights.size
    place = (fast_atan2(up, across) / (2.0 * math.pi) + 0.5) * count
    i = int(place)
    part = place - i
    i %= count
    return b - 1.0 - (heights[i] + part * (heights[(i + 1) % count] - heights[i]))


@njit(cache=True, error_model="numpy")
def first_ground(ux, uy, uz, center, along, b, relief_m, scale, top, least_step):  # type: ignore[no-untyped-def]
    """Return the point (x, y, z), in radii, where a ray meets the ground, or where it comes nearest to it.

    Args:
        ux: (and uy, uz) unit vector of the ray, body-fixed.
        center: (3,) observer to centre, radii.
        along: way from the observer to the point nearest to the centre, radii.
        b: distance of the ray from the centre, radii.
        relief_m: (h, w) heights, m.
        scale: radii a metre of relief.
        top: largest height, radii.
        least_step: shortest step, radii.
    """
    half = math.sqrt(max((1.0 + top) ** 2 - b * b, 0.0))
    way = along - half
    end = along + half
    best = way
    least = 1.0e9
    last_way = way
    last_clear = -1.0
    for _ in range(MOST_STEPS):
        x = way * ux - center[0]
        y = way * uy - center[1]
        z = way * uz - center[2]
        equatorial = math.sqrt(x * x + y * y)
        r = math.sqrt(equatorial * equatorial + z * z)
        ground = 1.0e3 * height_at(relief_m, fast_atan2(z, equatorial), fast_atan2(y, x)) * scale
        clear = r - 1.0 - ground
        if clear <= 0.0:
            best = way
            if last_clear > 0.0:
                best = last_way + (way - last_way) * last_clear / (last_clear - clear)
            break
        if clear < least:
            least = clear
            best = way
        if way >= end:
            break
        last_way = way
        last_clear = clear
        way += max(clear / STEEPEST, least_step)
    return best * ux - center[0], best * uy - center[1], best * uz - center[2]


@njit(cache=True, parallel=True, error_model="numpy")
def displace_limb(  # type: ignore[no-untyped-def]
    params,
    matrix,
    center,
    radius_km,
    sun,
    axes,
    heights,
    relief_m,
    exaggeration,
    edge,
    fine_row,
    fine_column,
    oversample,
    coverage,
    lat,
    lon,
    mu0,
    mu,
    cos_phase,
):
    """Rewrite the samples of a layer near the limb of a sphere with relief; rows in parallel, each sample by itself.

    Args:
        params: the camera's parameter vector.
        matrix: (3, 3) camera frame to the frame in which the body is a unit sphere.
        center: (3,) observer to centre in that frame.
        radius_km: of the sphere.
        sun: (3,) unit vector to the Sun, body-fixed.
        axes: (3, 3) and ``heights`` (n,): the `Silhouette`.
        relief_m: (h, w) heights above the sphere, m.
        exaggeration: factor on them.
        edge: distance from the silhouette, in radii, within which a sample may be covered in part.
        fine_row: (and the two after it) place and sampling of the layer.
        coverage: (and the five after it) the layer's arrays, updated.
    """
    rows, columns = coverage.shape
    step = 1.0 / oversample
    h = _STEP * step
    low = 1.0 + heights.min() - edge
    high = 1.0 + heights.max() + edge
    scale = exaggeration * 1.0e-3 / radius_km
    top = scale * relief_m.max()
    least_step = 0.5 * math.pi / relief_m.shape[0]
    for i in prange(rows):
        v = (fine_row + i + 0.5) * step - 0.5
        for j in range(columns):
            u = (fine_column + j + 0.5) * step - 0.5
            dx, dy, dz = scaled_ray(params, matrix, u, v)
            b = impact(dx, dy, dz, center)
            if not (b > FADE[0] and b < high):
                continue
            if b > low:
                gx = _above(params, matrix, center, axes, heights, u + h, v) - _above(
                    params, matrix, center, axes, heights, u - h, v
                )
                gy = _above(params, matrix, center, axes, heights, u, v + h) - _above(
                    params, matrix, center, axes, heights, u, v - h
                )
                norm = math.sqrt(gx * gx + gy * gy)
                distance = -_above(params, matrix, center, axes, heights, u, v) * (2.0 * _STEP) / norm
                area = half_plane_area(distance, gx / norm, gy / norm)
                coverage[i, j] = area
                if area <= 0.0:
                    lat[i, j] = 0.0
                    lon[i, j] = 0.0
                    mu0[i, j] = -1.0
                    mu[i, j] = 0.0
                    cos_phase[i, j] = 1.0
                    continue
            if b < 1.0 and mu0[i, j] < DARK and mu0[i, j] > -1.0:
                continue
            fade = min(1.0, (b - FADE[0]) / (FADE[1] - FADE[0]))
            fade *= fade * (3.0 - 2.0 * fade)
            length = math.sqrt(dx * dx + dy * dy + dz * dz)
            ux = dx / length
            uy = dy / length
            uz = dz / length
            along = ux * center[0] + uy * center[1] + uz * center[2]
            x, y, z = first_ground(
                ux, uy, uz, center, along, b, relief_m, fade * scale, max(fade * top, 0.0), least_step
            )
            equatorial = math.sqrt(x * x + y * y)
            norm = 1.0 / math.sqrt(equatorial * equatorial + z * z)
            lat[i, j] = fast_atan2(z, equatorial)
            lon[i, j] = fast_atan2(y, x)
            mu0[i, j] = (x * sun[0] + y * sun[1] + z * sun[2]) * norm
            mu[i, j] = -(x * ux + y * uy + z * uz) * norm
            cos_phase[i, j] = min(1.0, max(-1.0, -(sun[0] * ux + sun[1] * uy + sun[2] * uz)))
