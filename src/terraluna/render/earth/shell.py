"""Air in spherical shells: profiles, columns toward the Sun, light scattered once, and the limb above the ellipsoid."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit, prange

from terraluna.render.earth.grid import EARTH_KM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TOP_KM: Final = 90.0
HEIGHT_STEP_KM: Final = 0.5
HEIGHTS: Final = int(TOP_KM / HEIGHT_STEP_KM) + 1

AIR, OZONE, AEROSOL = range(3)
AEROSOL_SCALE_KM: Final = 1.5
"""Scale height of aerosol (1.2 km in Bruneton & Neyret 2008, 2 km in many retrievals)."""

MEAN_COSINE: Final = 0.5
"""Cosine of the mean direction of diffuse light that leaves upward."""

COLUMN_HEIGHTS: Final = 46
COLUMN_STEP_KM: Final = 2.0
COLUMN_LOW: Final = -0.32
COLUMN_SUNS: Final = 133
COLUMN_SUN_STEP: Final = 0.01

_US76: Final = (
    (0.0, 288.15, -6.5),
    (11.0, 216.65, 0.0),
    (20.0, 216.65, 1.0),
    (32.0, 228.65, 2.8),
    (47.0, 270.65, 0.0),
    (51.0, 270.65, -2.8),
    (71.0, 214.65, -2.0),
)
"""U.S. Standard Atmosphere 1976: base of layer (geopotential km), its temperature K, lapse rate K/km."""

_GMR: Final = 34.163195
"""g M / R, K per geopotential km (U.S. Standard Atmosphere 1976)."""


def pressure_hpa(height_km: float) -> float:
    """Return the pressure of the U.S. Standard Atmosphere 1976 (top layer continued)."""
    geopotential = 6356.766 * height_km / (6356.766 + height_km)
    pressure = 1013.25
    for k, (base, temperature, lapse) in enumerate(_US76):
        last = k + 1 == len(_US76)
        top = geopotential if last else min(geopotential, _US76[k + 1][0])
        if top <= base:
            break
        if lapse == 0.0:
            pressure *= math.exp(-_GMR * (top - base) / temperature)
        else:
            pressure *= (max(temperature + lapse * (top - base), 1.0) / temperature) ** (-_GMR / lapse)
    return pressure


def height_of_pressure_km(hpa: float) -> float:
    """Return the height at which the pressure is ``hpa``."""
    low, high = 0.0, TOP_KM
    for _ in range(60):
        middle = 0.5 * (low + high)
        if pressure_hpa(middle) > hpa:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@cache
def profiles() -> Floats:
    """Return (3, HEIGHTS) air, ozone and aerosol per km, each with unit vertical column, every `HEIGHT_STEP_KM`.

    Air: differences of pressure. Ozone: a tent from 10 to 40 km, peak at 25 (Bruneton 2017). Aerosol: exponential.
    """
    z = np.arange(HEIGHTS) * HEIGHT_STEP_KM
    edges = np.concatenate([[0.0], z[:-1] + 0.5 * HEIGHT_STEP_KM, [TOP_KM]])
    pressure = np.array([pressure_hpa(float(h)) for h in edges])
    air = -np.diff(pressure) / np.diff(edges)
    ozone = np.clip(1.0 - np.abs(z - 25.0) / 15.0, 0.0, None)
    aerosol = np.exp(-z / AEROSOL_SCALE_KM)
    out = np.stack([air, ozone, aerosol])
    out /= np.trapezoid(out, z, axis=1)[:, None]
    out.setflags(write=False)
    return out


@njit(cache=True, inline="always", error_model="numpy")
def at_height(table, species, height):  # type: ignore[no-untyped-def]
    """Return a profile's value at a height, 0 above the top."""
    x = max(height, 0.0) / HEIGHT_STEP_KM
    if x >= HEIGHTS - 1.0:
        return 0.0
    k = int(x)
    f = x - k
    return (1.0 - f) * table[species, k] + f * table[species, k + 1]


@njit(cache=True, error_model="numpy")
def fill_sun_columns(table, out):  # type: ignore[no-untyped-def]
    """Write (heights, suns, 3) columns from a height toward a Sun of given cosine; 1e9 where the Earth hides it."""
    for a in range(out.shape[0]):
        radius = EARTH_KM + a * COLUMN_STEP_KM
        for b in range(out.shape[1]):
            cosine = COLUMN_LOW + b * COLUMN_SUN_STEP
            total = np.zeros(3)
            lowest = radius if cosine >= 0.0 else radius * math.sqrt(1.0 - cosine * cosine)
            if lowest < EARTH_KM - 2.0:
                out[a, b] = 1.0e9
                continue
            reach = -radius * cosine + math.sqrt((EARTH_KM + TOP_KM) ** 2 - radius**2 * (1.0 - cosine * cosine))
            start = max(0.0, -radius * cosine)
            # Steps grow with the distance from the lowest point.
            for part in range(2):
                length = start if part == 0 else reach - start
                if length <= 0.0:
                    continue
                steps = 160
                for k in range(steps):
                    u = (k + 0.5) / steps
                    s = length * u * u
                    ds = length * 2.0 * u / steps
                    place = start - s if part == 0 else start + s
                    height = math.sqrt(radius**2 + 2.0 * radius * cosine * place + place * place) - EARTH_KM
                    for q in range(3):
                        total[q] += at_height(table, q, height) * ds
            out[a, b] = total


@cache
def sun_columns() -> Floats:
    """Return the columns toward the Sun in units of the vertical column, (COLUMN_HEIGHTS, COLUMN_SUNS, 3)."""
    out = np.empty((COLUMN_HEIGHTS, COLUMN_SUNS, 3))
    fill_sun_columns(np.array(profiles()), out)
    return out


@njit(cache=True, error_model="numpy")
def sun_column(columns, height, cosine, out):  # type: ignore[no-untyped-def]
    """Interpolate `sun_columns`; bilinear, in the logarithm along height where the Sun is seen."""
    x = min(max(height / COLUMN_STEP_KM, 0.0), COLUMN_HEIGHTS - 1.000001)
    y = min(max((cosine - COLUMN_LOW) / COLUMN_SUN_STEP, 0.0), COLUMN_SUNS - 1.000001)
    i = int(x)
    j = int(y)
    f = x - i
    g = y - j
    for q in range(3):
        lower = (1.0 - g) * columns[i, j, q] + g * columns[i, j + 1, q]
        upper = (1.0 - g) * columns[i + 1, j, q] + g * columns[i + 1, j + 1, q]
        out[q] = lower ** (1.0 - f) * max(upper, 1e-12) ** f if lower > 0.0 else 0.0


@njit(cache=True, error_model="numpy")
def add_light(  # type: ignore[no-untyped-def]
    table, columns, depth, aerosol_albedo, phases, glow, height, cosine, length, work, passed, light
):
    """Add one stretch of a line of sight, met coming from the observer.

    Args:
        table: `profiles`.
        columns: `sun_columns`.
        depth: (3, bands) vertical depth of air, ozone, aerosol.
        aerosol_albedo: single-scattering albedo.
        phases: (2, bands) phase function over 4 of air and aerosol.
        glow: (bands,) I/F of the light from below, averaged over all directions.
        height: of the stretch, km.
        cosine: of the Sun's zenith angle there.
        length: km.
        work: (3,) scratch.
        passed: (bands,) depth up to here, updated.
        light: (bands,) updated.
    """
    sun_column(columns, height, cosine, work)
    air = at_height(table, AIR, height) * length
    ozone = at_height(table, OZONE, height) * length
    dust = at_height(table, AEROSOL, height) * length
    for b in range(depth.shape[1]):
        scattered_air = air * depth[AIR, b]
        scattered_dust = dust * depth[AEROSOL, b] * aerosol_albedo
        total = scattered_air + ozone * depth[OZONE, b] + dust * depth[AEROSOL, b]
        toward = work[0] * depth[AIR, b] + work[1] * depth[OZONE, b] + work[2] * depth[AEROSOL, b]
        source = (scattered_air * phases[0, b] + scattered_dust * phases[1, b]) * math.exp(-min(toward, 700.0))
        source += (scattered_air + scattered_dust) * glow[b]
        mean = (1.0 - math.exp(-total)) / total if total > 1e-6 else 1.0 - 0.5 * total
        light[b] += source * mean * math.exp(-passed[b])
        passed[b] += total


VIEW_STEPS: Final = 28


@njit(cache=True, parallel=True, error_model="numpy")
def disc_light(  # type: ignore[no-untyped-def]
    table, columns, depth, aerosol_albedo, phases, cosines, suns, views, floor, out
):
    """Write the light scattered once between a floor and space, (phases, suns, views, bands).

    Args:
        table, columns, depth, aerosol_albedo: as in `add_light`.
        phases: (k, 2, bands) phase functions over 4.
        cosines: (k,) cosine of the phase angle.
        suns: (n,) cosine of incidence at the floor.
        views: (m,) cosine of emission there.
        floor: height of the floor, km.
        out: written.
    """
    bands = depth.shape[1]
    radius = EARTH_KM + floor
    dark = np.zeros(bands)
    for i in prange(suns.size):
        work = np.zeros(3)
        for k in range(cosines.size):
            for j in range(views.size):
                mu = views[j]
                reach = -radius * mu + math.sqrt((EARTH_KM + TOP_KM) ** 2 - radius**2 * (1.0 - mu * mu))
                passed = np.zeros(bands)
                light = np.zeros(bands)
                for step in range(VIEW_STEPS):
                    u = (VIEW_STEPS - step - 0.5) / VIEW_STEPS
                    s = reach * u * u
                    length = reach * 2.0 * u / VIEW_STEPS
                    here = math.sqrt(radius**2 + 2.0 * radius * mu * s + s * s)
                    cosine = (radius * suns[i] + s * cosines[k]) / here
                    add_light(
                        table, columns, depth, aerosol_albedo, phases[k], dark,
                        here - EARTH_KM, cosine, length, work, passed, light,
                    )  # fmt: skip
                for b in range(bands):
                    out[k, i, j, b] = light[b]


LIMB_STEP_KM: Final = 1.0
LIMB_NODES: Final = 81
LIMB_STEPS: Final = 48


@njit(cache=True, parallel=True, error_model="numpy")
def limb_light(  # type: ignore[no-untyped-def]
    table, columns, depth, aerosol_albedo, phases, cosines, suns, glow, light_out, depth_out
):
    """Write the light of rays that pass above the ellipsoid, and their optical depth.

    Args:
        table, columns, depth, aerosol_albedo, phases, cosines: as in `disc_light`.
        suns: (n,) cosine of the Sun's zenith angle at the tangent point.
        glow: (n, bands) light from below, see `add_light`.
        light_out: (k, n, LIMB_NODES, bands), written.
        depth_out: (LIMB_NODES, bands), written.
    """
    bands = depth.shape[1]
    for a in prange(LIMB_NODES):
        work = np.zeros(3)
        radius = EARTH_KM + a * LIMB_STEP_KM
        reach = math.sqrt((EARTH_KM + TOP_KM) ** 2 - radius**2)
        for k in range(cosines.size):
            for i in range(suns.size):
                passed = np.zeros(bands)
                light = np.zeros(bands)
                for step in range(2 * LIMB_STEPS):
                    u = 1.0 - (step + 0.5) / LIMB_STEPS
                    s = reach * u * abs(u)
                    length = reach * 2.0 * abs(u) / LIMB_STEPS
                    here = math.sqrt(radius**2 + s * s)
                    cosine = (radius * suns[i] + s * cosines[k]) / here
                    add_light(
                        table, columns, depth, aerosol_albedo, phases[k], glow[i],
                        here - EARTH_KM, cosine, length, work, passed, light,
                    )  # fmt: skip
                for b in range(bands):
                    light_out[k, i, a, b] = light[b]
                    depth_out[a, b] = passed[b]


def twilight_share(depth: Floats, suns: Floats) -> Floats:
    """Return (suns, bands): light that the air scatters over what it scatters with the Sun on the horizon, at most 1.

    Args:
        depth: (3, bands) vertical depths.
        suns: (n,) cosines of incidence at the ground.
    """
    columns = sun_columns()
    z = np.arange(COLUMN_HEIGHTS) * COLUMN_STEP_KM
    air = np.interp(z, np.arange(HEIGHTS) * HEIGHT_STEP_KM, profiles()[AIR])
    low = np.minimum(suns, 0.0)
    places = (np.append(low, 0.0) - COLUMN_LOW) / COLUMN_SUN_STEP
    j = np.clip(places.astype(int), 0, COLUMN_SUNS - 2)
    f = (places - j)[None, :, None]
    column = (1.0 - f) * columns[:, j] + f * columns[:, j + 1]
    lit = np.einsum("z,zsb->sb", air, np.exp(-np.minimum(column @ depth, 700.0)))
    return np.asarray(lit[:-1] / lit[-1], dtype=np.float64)
