"""How much of the Sun each surface point sees past the other bodies: umbra and penumbra of a finite, darkened disc."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

from terraluna.ephemeris.constants import SUN_RADIUS_KM
from terraluna.render.compiling import FAST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from terraluna.render.scene_arrays import BodyLayer, RenderBody

RINGS = 32
"""Rings of the solar disc for a darkened limb: the hidden fraction then holds to about 1e-3."""

NECKEL_LABS_1994: dict[float, tuple[float, float, float, float, float, float]] = {
    443.885: (0.16220, 1.24893, -0.92165, 0.89978, -0.50148, 0.11220),
    559.950: (0.26892, 1.34319, -1.58427, 1.91271, -1.31350, 0.37295),
    669.400: (0.34685, 1.37539, -2.04425, 2.70493, -1.94290, 0.55999),
}
"""Wavelength (nm) -> A0..A5 of I(mu)/I(1) = sum A_k mu^k: Neckel & Labs 1994, Solar Physics 153, 91, table 1."""


@lru_cache(maxsize=4)
def _gauss(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights


def sun_rings(coefficients: NDArray[np.float64], rings: int = RINGS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the solar disc as rings for `shade_layer`.

    Args:
        coefficients: (bands, n) of I(mu) = sum A_k mu^k, mu the cosine of the heliocentric angle.
        rings: number of rings (Gauss-Legendre in mu^2, that is in area).

    Returns:
        (rings,) radii in solar radii, and (rings, bands) weights that sum to 1 over the rings.
    """
    nodes, weights = _gauss(rings)
    square = 0.5 * (nodes + 1.0)
    mu = np.sqrt(square)
    intensity = np.stack([np.polynomial.polynomial.polyval(mu, c) for c in np.atleast_2d(coefficients)], axis=1)
    ring_weights = intensity * weights[:, None]
    return np.sqrt(1.0 - square), np.ascontiguousarray(ring_weights / ring_weights.sum(axis=0))


LEAST_SUN = -0.12
"""Sine of the Sun's height below which no place is lit: the horizon of the Moon's highest peak dips by 0.11."""


@njit(cache=True, error_model="numpy", fastmath=FAST)
def uniform_visible(separation: float, sun: float, occulter: float) -> float:
    """Return the visible fraction of a uniform disc of radius ``sun`` behind one of radius ``occulter`` (same unit)."""
    if separation >= sun + occulter:
        return 1.0
    if separation <= occulter - sun:
        return 0.0
    if separation <= sun - occulter:
        return 1.0 - (occulter / sun) ** 2
    a = (separation**2 + sun**2 - occulter**2) / (2.0 * separation * sun)
    b = (separation**2 + occulter**2 - sun**2) / (2.0 * separation * occulter)
    a = min(1.0, max(-1.0, a))
    b = min(1.0, max(-1.0, b))
    lens = sun**2 * (math.acos(a) - a * math.sqrt(1.0 - a * a)) + occulter**2 * (
        math.acos(b) - b * math.sqrt(1.0 - b * b)
    )
    return 1.0 - lens / (math.pi * sun**2)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def ring_hidden(ring: float, separation: float, occulter: float) -> float:
    """Return the part of a circle of radius ``ring`` that a disc at ``separation`` hides."""
    if separation >= ring + occulter:
        return 0.0
    if separation + ring <= occulter:
        return 1.0
    if ring >= separation + occulter:
        return 0.0
    cosine = (ring**2 + separation**2 - occulter**2) / (2.0 * ring * separation)
    return math.acos(min(1.0, max(-1.0, cosine))) / math.pi


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def shade_layer(  # type: ignore[no-untyped-def]
    lat, lon, coverage, mu0, radii, sun_position, occulter, scaled, sun_radius, rings, weights, visible
):
    """Multiply ``visible`` by the part of the Sun that one occulter leaves; rows in parallel, no reduction.

    Args:
        lat: (h, w) planetographic latitude.
        lon: (h, w) longitude.
        coverage: (h, w); samples without coverage keep their value.
        mu0: (h, w) cosine of incidence; the night side keeps its value.
        radii: (3,) km of the body that receives the shadow.
        sun_position: (3,) body centre to Sun, body-fixed, km.
        occulter: (3,) body centre to the occulter's centre, body-fixed, km.
        scaled: (3, 3) body-fixed frame to the frame in which the occulter is a unit sphere.
        sun_radius: km.
        rings: (n,) radii of the solar rings in solar radii; empty for a uniform disc.
        weights: (n, bands).
        visible: (h, w, bands), updated; bands = 1 for a uniform disc.
    """
    rows, columns = lat.shape
    bands = visible.shape[2]
    ratio = (radii[2] / radii[0]) ** 2
    for i in prange(rows):
        hidden = np.empty(bands)
        for j in range(columns):
            if coverage[i, j] <= 0.0 or mu0[i, j] < LEAST_SUN:
                continue
            sin_lat = math.sin(lat[i, j])
            cos_lat = math.cos(lat[i, j])
            normal = radii[0] / math.sqrt(cos_lat * cos_lat + ratio * sin_lat * sin_lat)
            x = normal * cos_lat * math.cos(lon[i, j])
            y = normal * cos_lat * math.sin(lon[i, j])
            z = normal * ratio * sin_lat
            sx = sun_position[0] - x
            sy = sun_position[1] - y
            sz = sun_position[2] - z
            sun_range = math.sqrt(sx * sx + sy * sy + sz * sz)
            sx /= sun_range
            sy /= sun_range
            sz /= sun_range
            qx = occulter[0] - x
            qy = occulter[1] - y
            qz = occulter[2] - z
            along = sx * qx + sy * qy + sz * qz
            if along <= 0.0:
                continue
            # The foot of the perpendicular from the occulter's centre on the line to the Sun.
            wx = qx - along * sx
            wy = qy - along * sy
            wz = qz - along * sz
            miss = math.sqrt(wx * wx + wy * wy + wz * wz)
            distance = math.sqrt(qx * qx + qy * qy + qz * qz)
            # Radius of the occulter's outline toward that foot: the same vector measured in its own radii.
            if miss > 1e-6:
                ax = (scaled[0, 0] * wx + scaled[0, 1] * wy + scaled[0, 2] * wz) / miss
                ay = (scaled[1, 0] * wx + scaled[1, 1] * wy + scaled[1, 2] * wz) / miss
                az = (scaled[2, 0] * wx + scaled[2, 1] * wy + scaled[2, 2] * wz) / miss
                radius = 1.0 / math.sqrt(ax * ax + ay * ay + az * az)
            else:
                radius = 1.0 / math.sqrt(scaled[0, 0] ** 2 + scaled[1, 0] ** 2 + scaled[2, 0] ** 2)
            if radius >= distance:
                continue
            size = math.asin(radius / distance)
            sun_size = math.asin(sun_radius / sun_range)
            separation = math.atan2(miss, along)
            if separation >= size + sun_size:
                continue
            if rings.size == 0:
                fraction = uniform_visible(separation, sun_size, size)
                for band in range(bands):
                    visible[i, j, band] *= fraction
            elif separation + sun_size <= size:
                for band in range(bands):
                    visible[i, j, band] = 0.0
            else:
                hidden[:] = 0.0
                for ring in range(rings.size):
                    part = ring_hidden(rings[ring] * sun_size, separation, size)
                    for band in range(bands):
                        hidden[band] += weights[ring, band] * part
                for band in range(bands):
                    visible[i, j, band] *= max(0.0, 1.0 - hidden[band])


def can_shade(body: RenderBody, occulter: RenderBody) -> bool:
    """Tell whether the occulter's penumbra can reach the body at all."""
    offset = occulter.center_km - body.center_km
    along = float(offset @ body.sun_direction)
    if along <= 0.0:
        return False
    miss = math.sqrt(max(0.0, float(offset @ offset) - along * along))
    spread = (SUN_RADIUS_KM + float(occulter.radii_km.max())) / body.sun_range_km * along
    return miss < 1.1 * (float(body.radii_km.max()) + float(occulter.radii_km.max()) + spread)


def with_shadows(
    layer: BodyLayer,
    body: RenderBody,
    others: Sequence[RenderBody],
    rings: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> BodyLayer:
    """Return the layer with the visible fraction of the Sun at each sample.

    Args:
        layer: the layer of ``body``.
        body: the body that receives shadows.
        others: the bodies that may cast them.
        rings: darkened solar disc from `sun_rings`; None is a uniform disc.

    Returns:
        The same layer where no shadow can fall, else one with ``sun`` set: (h, w, 1) or (h, w, bands).
    """
    casting = [other for other in others if other is not body and can_shade(body, other)]
    if not casting:
        return layer
    radii, weights = (np.empty(0), np.empty((0, 1))) if rings is None else rings
    visible = np.ones((*layer.lat_rad.shape, weights.shape[1]))
    for other in casting:
        scaled = other.scaled_from_camera @ body.body_from_camera.T
        shade_layer(
            layer.lat_rad,
            layer.lon_rad,
            layer.coverage,
            layer.mu0,
            body.radii_km,
            np.ascontiguousarray(body.sun_body * body.sun_range_km),
            np.ascontiguousarray(body.body_from_camera @ (other.center_km - body.center_km)),
            np.ascontiguousarray(scaled),
            SUN_RADIUS_KM,
            radii,
            weights,
            visible,
        )
    return replace(layer, sun=visible)
