"""The Moon's surface by a simple law: lunar-Lambert reflectance with an albedo map and relief shading."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

from terraluna.render.angles import bilinear
from terraluna.render.compiling import FAST
from terraluna.render.maps import MOON_BANDS_NM
from terraluna.render.materials import Shaded, channel_mix, sun_or_dummy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.maps import MoonMaps
    from terraluna.render.scene_arrays import BodyLayer, RenderBody

MCEWEN_L = (1.0, -0.019, 2.42e-4, -1.46e-6)
"""Weight L(g) of the lunar term, polynomial of the phase in degrees: McEwen 1991, Icarus 92, 298; McEwen 1996, LPSC 27,
841; the values ISIS carries in its LunarLambertMcEwen model. The cubic leaves 0..1 beyond about 120 degrees."""

ROLO_PHASE_DEG = (0.0, 1.55, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 75.0, 90.0, 100.0, 180.0)
ROLO_DISC_566 = (
    0.1560,
    0.13682,
    0.12291,
    0.10978,
    0.10064,
    0.09077,
    0.07898,
    0.06971,
    0.05479,
    0.03814,
    0.02606,
    0.01712,
    0.01056,
    0.00732,
    1.0e-5,
)
"""Disc reflectance of the near side at 566 nm by ROLO (Kieffer & Stone 2005, AJ 129, 2887, eq. 10). The values at 0 and
180 degrees only close the table: ROLO is not defined there."""

PHASE_STEPS = 721
"""Entries of the phase tables, even in sin(g / 2): a root finds the place, no arc cosine."""


def lambert_disc(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the disc mean of mu0 at a phase in rad (2/3 at full phase)."""
    mean: NDArray[np.float64] = (2.0 / 3.0) * (np.sin(phase) + (np.pi - phase) * np.cos(phase)) / np.pi
    return mean


def lunar_disc(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the disc mean of 2 mu0 / (mu0 + mu) at a phase in rad (1 at full phase)."""
    half = np.clip(0.5 * phase, 1e-9, 0.5 * np.pi - 1e-9)
    mean: NDArray[np.float64] = 1.0 - np.sin(half) * np.tan(half) * np.log(1.0 / np.tan(0.5 * half))
    return mean


def mcewen_weight(phase_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return McEwen's weight of the lunar term, held inside 0..1."""
    return np.clip(np.polynomial.polynomial.polyval(phase_deg, MCEWEN_L), 0.0, 1.0)


def phase_tables() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (steps,) tables, even in sin(g / 2) from 0 to 1, of the surface phase function and of L.

    The phase function is what makes a uniform lunar-Lambert sphere follow ROLO's disc reflectance, divided by the
    reflectance of a flat sample at incidence 60, emission 0, phase 60 degrees, which is what the albedo map states.
    """
    phase = 2.0 * np.arcsin(np.linspace(0.0, 1.0, PHASE_STEPS))
    degrees = np.rad2deg(phase)
    weight = mcewen_weight(degrees)
    disc = np.exp(np.interp(degrees, ROLO_PHASE_DEG, np.log(ROLO_DISC_566)))
    mean = weight * lunar_disc(phase) + (1.0 - weight) * np.maximum(lambert_disc(phase), 1e-9)
    surface = disc / np.maximum(mean, 1e-6)
    at_60 = np.interp(np.pi / 3.0, phase, surface)
    weight_60 = float(mcewen_weight(np.array(60.0)))
    flat_60 = weight_60 * 2.0 * 0.5 / 1.5 + (1.0 - weight_60) * 0.5
    return surface / (at_60 * flat_60), weight


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def shade_moon(  # type: ignore[no-untyped-def]
    coverage,
    lat,
    lon,
    mu0,
    mu,
    cos_phase,
    sun,
    albedo,
    slopes,
    relief,
    sun_body,
    observer,
    radius,
    table,
    weights,
    mix,
    radiance,
):
    """Write the Moon's radiance factor; rows in parallel, no reduction.

    Args:
        coverage: (and the five after it) the layer's arrays.
        sun: (h, w, n) visible Sun, or empty.
        albedo: (H, W, c) I/F at incidence 60, emission 0, phase 60 degrees.
        slopes: (H, W, 2) east and north gradients of the height.
        relief: factor on the slopes; 0 for a smooth sphere.
        sun_body: (3,) unit vector to the Sun, body-fixed.
        observer: (3,) body centre to observer, body-fixed, km.
        radius: km.
        table: surface phase function, even in sin(g / 2).
        weights: weight of the lunar term, likewise.
        mix: (bands, c) weights of the map's channels in each band.
        radiance: (h, w, bands), written.
    """
    rows, columns = coverage.shape
    bands = mix.shape[0]
    channels = mix.shape[1]
    last = table.size - 1
    shadowed = sun.size > 0
    for i in prange(rows):
        colour = np.empty(channels)
        slope = np.empty(2)
        for j in range(columns):
            for b in range(bands):
                radiance[i, j, b] = 0.0
            # A slope of 0.2 lights ground up to 11 degrees beyond the terminator at most.
            if coverage[i, j] <= 0.0 or mu0[i, j] <= -0.2:
                continue
            m0 = mu0[i, j]
            m = mu[i, j]
            if relief > 0.0:
                bilinear(slopes, lat[i, j], lon[i, j], slope)
                east = relief * slope[0]
                north = relief * slope[1]
                cos_lat = math.cos(lat[i, j])
                sin_lat = math.sin(lat[i, j])
                cos_lon = math.cos(lon[i, j])
                sin_lon = math.sin(lon[i, j])
                vx = observer[0] - radius * cos_lat * cos_lon
                vy = observer[1] - radius * cos_lat * sin_lon
                vz = observer[2] - radius * sin_lat
                view = 1.0 / math.sqrt(vx * vx + vy * vy + vz * vz)
                norm = 1.0 / math.sqrt(1.0 + east * east + north * north)
                # Components of Sun and view along east (-sin, cos, 0) and north.
                sun_east = sun_body[1] * cos_lon - sun_body[0] * sin_lon
                sun_north = cos_lat * sun_body[2] - sin_lat * (sun_body[0] * cos_lon + sun_body[1] * sin_lon)
                view_east = (vy * cos_lon - vx * sin_lon) * view
                view_north = (cos_lat * vz - sin_lat * (vx * cos_lon + vy * sin_lon)) * view
                m0 = (m0 - east * sun_east - north * sun_north) * norm
                m = max(0.0, (m - east * view_east - north * view_north) * norm)
            if m0 <= 0.0:
                continue
            place = math.sqrt(0.5 * (1.0 - cos_phase[i, j])) * last
            k = min(int(place), last - 1)
            fraction = place - k
            surface = table[k] + fraction * (table[k + 1] - table[k])
            weight = weights[k] + fraction * (weights[k + 1] - weights[k])
            value = coverage[i, j] * surface * (weight * 2.0 * m0 / (m0 + m) + (1.0 - weight) * m0)
            bilinear(albedo, lat[i, j], lon[i, j], colour)
            for b in range(bands):
                reflectance = 0.0
                for c in range(channels):
                    reflectance += mix[b, c] * colour[c]
                light = sun[i, j, b if sun.shape[2] > 1 else 0] if shadowed else 1.0
                radiance[i, j, b] = value * reflectance * light


@dataclass(frozen=True, eq=False)
class MoonMaterial:
    """Lunar-Lambert surface: I/F = A(lat, lon) f(g) [2 L(g) mu0 / (mu0 + mu) + (1 - L(g)) mu0].

    Sources: McEwen 1991 for the law and L; ROLO for f; the albedo map for A.

    Attributes:
        maps: the Moon's maps.
        relief: factor on the slopes of the relief map; 0 draws a smooth sphere.
    """

    maps: MoonMaps
    relief: float = 1.0

    @property
    def shell_km(self) -> float:
        """Height of the atmosphere: none."""
        return 0.0

    def shade(self, layer: BodyLayer, body: RenderBody, bands_nm: NDArray[np.float64]) -> Shaded:
        """Return the light of a layer (see `terraluna.render.materials.Material`)."""
        samples = layer.radius_px * layer.oversample
        table, weights = phase_tables()
        radiance = np.empty((*layer.coverage.shape, len(bands_nm)))
        albedo, slopes = (p.mip_level(p.texels_per_pixel(samples)) for p in (self.maps.albedo, self.maps.slopes))
        shade_moon(
            *layer.samples,
            sun_or_dummy(layer),
            albedo,
            slopes,
            self.relief,
            np.ascontiguousarray(body.sun_body),
            np.ascontiguousarray(body.observer_body_km),
            float(body.radii_km.mean()),
            table,
            weights,
            channel_mix(bands_nm, MOON_BANDS_NM),
            radiance,
        )
        return Shaded(radiance, layer.coverage[..., None])
