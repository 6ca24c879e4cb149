"""From a body to its layer: the limb in pixels, the box around it, the sampling, and the geometry pass."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from terraluna.camera.kernels import project_kernel
from terraluna.render.compiling import FAST
from terraluna.render.kernels import any_hit, box_scale, empty_layer_arrays, geometry_pass
from terraluna.render.materials import Rugged, Sampling
from terraluna.render.scene_arrays import BodyLayer, RenderBody

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMB_POINTS = 256
"""Points of the limb polygon that gives the pixel box: its sagitta is 8e-5 of the radius."""

TARGET_RADIUS = 64.0
"""Samples a radius that small discs are oversampled to: disc integrals then hold to about 1e-3 up to 90 degrees."""

CRESCENT_GAIN = 4.0
"""Largest factor on the samples of a crescent, whose lit width is the radius times 1 + cos(phase)."""

EDGE_REACH = 2.0
"""Samples from the limb within which the limb is taken into account: 0.75 for partial cover (half the diagonal and
curvature), more because angles change with the root of the distance, which one look at the centre overestimates."""


@njit(cache=True, error_model="numpy", fastmath=FAST)
def limb_pixels(params, camera_from_scaled, center, points):  # type: ignore[no-untyped-def]
    """Return (points, 2) pixels of the limb as the camera projects it; NaN where it cannot.

    The limb of the unit sphere seen from distance D is a circle of radius sqrt(1 - 1/D^2) about the point at
    1 - 1/D^2 of the way to the centre.
    """
    out = np.empty((points, 2))
    distance = math.sqrt(center[0] ** 2 + center[1] ** 2 + center[2] ** 2)
    axis = center / distance
    k = np.argmin(np.abs(axis))
    helper = np.zeros(3)
    helper[k] = 1.0
    first = np.cross(axis, helper)
    first /= math.sqrt(first[0] ** 2 + first[1] ** 2 + first[2] ** 2)
    second = np.cross(axis, first)
    near = 1.0 - 1.0 / distance**2
    radius = math.sqrt(near)
    for i in range(points):
        angle = 2.0 * math.pi * i / points
        scaled = center * near + radius * (math.cos(angle) * first + math.sin(angle) * second)
        x = (
            camera_from_scaled[0, 0] * scaled[0]
            + camera_from_scaled[0, 1] * scaled[1]
            + camera_from_scaled[0, 2] * scaled[2]
        )
        y = (
            camera_from_scaled[1, 0] * scaled[0]
            + camera_from_scaled[1, 1] * scaled[1]
            + camera_from_scaled[1, 2] * scaled[2]
        )
        z = (
            camera_from_scaled[2, 0] * scaled[0]
            + camera_from_scaled[2, 1] * scaled[1]
            + camera_from_scaled[2, 2] * scaled[2]
        )
        u, v = project_kernel(params, x, y, z)
        out[i, 0] = u
        out[i, 1] = v
    return out


def limb_polygon(params: NDArray[np.float64], body: RenderBody, shell_km: float = 0.0) -> NDArray[np.float64]:
    """Return the limb as (n, 2) pixels, NaN where the camera cannot see that direction.

    Args:
        params: the camera's parameter vector.
        body: the body.
        shell_km: height of the surface whose limb is wanted above the ellipsoid.
    """
    radii = body.radii_km + shell_km
    matrix = body.body_from_camera / radii[:, None]
    inverse = np.ascontiguousarray(body.body_from_camera.T * radii)
    center = matrix @ body.center_km
    if float(center @ center) <= 1.0:
        return np.full((LIMB_POINTS, 2), np.nan)
    polygon: NDArray[np.float64] = limb_pixels(params, inverse, center, LIMB_POINTS)
    return polygon


def polygon_area(polygon: NDArray[np.float64]) -> float:
    """Return the area of a closed polygon of (n, 2) pixels, px^2."""
    x, y = polygon[:, 0] - polygon[0, 0], polygon[:, 1] - polygon[0, 1]
    return 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))


def build_layer(
    params: NDArray[np.float64],
    body: RenderBody,
    canvas: tuple[int, int, int, int],
    oversample: int = 1,
) -> BodyLayer | None:
    """Run the geometry pass for one body.

    Args:
        params: the camera's parameter vector.
        body: the body.
        canvas: row, column, rows, columns of the pixels that may be drawn; the origin may be negative.
        oversample: least number of samples a pixel along each axis; small discs get more.

    Returns:
        The layer, or None where the body is not on the canvas.
    """
    shell_km = body.material.shell_km
    rugged = body.material if isinstance(body.material, Rugged) and body.material.top_km > 0.0 else None
    outer_km = max(shell_km, rugged.top_km if rugged else 0.0)
    center = np.ascontiguousarray(body.scaled_center)
    matrix = np.ascontiguousarray(body.scaled_from_camera)
    mean_radius = float(body.radii_km.mean())
    shell, outer = 1.0 + shell_km / mean_radius, 1.0 + outer_km / mean_radius
    top, left, canvas_rows, canvas_columns = canvas
    polygon = limb_polygon(params, body, outer_km)
    valid = np.isfinite(polygon).all(axis=1)
    whole = bool(valid.all())
    if whole:
        # The polygon lies inside the curve by its sagitta.
        low, high = polygon.min(axis=0), polygon.max(axis=0)
        margin = 1e-4 * float((high - low).max())
        low, high = low - margin, high + margin
        radius_px = math.sqrt(polygon_area(polygon) / math.pi) / outer
    else:
        if not any_hit(params, matrix, center, top, left, canvas_rows, canvas_columns, outer):
            return None
        low = np.array([left, top], dtype=np.float64)
        high = np.array([left + canvas_columns, top + canvas_rows], dtype=np.float64)
        per_pixel = box_scale(params, matrix, center, top, left, canvas_rows, canvas_columns)
        radius_px = 1.0 / per_pixel
    lit_width = max(1.0 - float(body.sun_direction @ body.center_km) / body.range_km, 1.0 / CRESCENT_GAIN)
    target = TARGET_RADIUS / min(lit_width, 1.0)
    k = oversample * max(1, math.ceil(target / max(radius_px, 1e-6)))
    # Odd, so that one sample looks at the pixel's centre: the one that truth layers report.
    k += 1 - k % 2
    first = np.floor((low + 0.5) * k).astype(np.int64) - 1
    last = np.ceil((high + 0.5) * k).astype(np.int64) + 1
    fine_column = max(int(first[0]), left * k)
    fine_row = max(int(first[1]), top * k)
    fine_columns = min(int(last[0]), (left + canvas_columns) * k) - fine_column
    fine_rows = min(int(last[1]), (top + canvas_rows) * k) - fine_row
    if fine_columns <= 0 or fine_rows <= 0:
        return None
    row, column = fine_row // k, fine_column // k
    rows = (fine_row + fine_rows - 1) // k + 1 - row
    columns = (fine_column + fine_columns - 1) // k + 1 - column
    edge = EDGE_REACH / k * box_scale(params, matrix, center, row, column, rows, columns)
    if not edge > 0.0:
        return None
    arrays = empty_layer_arrays((fine_rows, fine_columns), shell_km > 0.0)
    geometry_pass(
        params,
        matrix,
        center,
        body.radii_km,
        np.ascontiguousarray(body.sun_body),
        fine_row,
        fine_column,
        k,
        edge,
        shell,
        *arrays,
    )
    if rugged:
        rugged.displace(body, params, Sampling(fine_row, fine_column, k, radius_px * k, edge), arrays[:6])
    coverage, lat, lon, mu0, mu, cos_phase, height = arrays
    return BodyLayer(
        row=row,
        column=column,
        rows=rows,
        columns=columns,
        fine_row=fine_row,
        fine_column=fine_column,
        oversample=k,
        coverage=coverage,
        lat_rad=lat,
        lon_rad=lon,
        mu0=mu0,
        mu=mu,
        cos_phase=cos_phase,
        height_km=height,
        sun=None,
        pixel_km=mean_radius / (radius_px * k),
        radius_px=radius_px,
    )
