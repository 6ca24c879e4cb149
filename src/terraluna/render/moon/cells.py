"""One value a square degree: Hapke parameters on the renderer's grid, the lobe for a view, the albedo map's means."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

from terraluna.photometry.band import Band
from terraluna.photometry.discs import moon_disc_integral
from terraluna.photometry.hapke import sharpening_ratio
from terraluna.photometry.moon_surface import MoonSurface
from terraluna.render.compiling import FAST
from terraluna.render.moon.law import lobe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.pyramid import Pyramid

ROWS, COLUMNS = 180, 360

MEANS_LEVEL = 2
"""Halvings of the albedo map before its means a square degree are taken: 1024 columns keep them to 1e-3."""

SURGE_KNOWN_DEG, SURGE_UNKNOWN_DEG = 35.0, 55.0
"""Latitudes up to which the mapped opposition surge is taken as it is, and from which its mean replaces it."""

_RELEVEL_DEG = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0, 65.0, 97.0)

_BEYOND_LIMB_RAD = 0.05
"""Cells this far beyond the limb are still filled: the picture interpolates between cells."""


@lru_cache(maxsize=32)
def surface(band: float | Band) -> MoonSurface:
    """Return the photometric model at a wavelength (nm) or in a band (kept); InputError outside 350-1200 nm."""
    return MoonSurface.for_band(band) if isinstance(band, Band) else MoonSurface.at(band)


@lru_cache(maxsize=8)
def parameter_cells(bands: tuple[float | Band, ...]) -> NDArray[np.float32]:
    """Return (180, 360, 5 bands) parameters w, b, c, Bs0, hs band by band; north first, from -180 degrees (kept)."""
    stacked = np.concatenate([steady_surge(surface(band).maps.parameters) for band in bands], axis=2)
    return np.ascontiguousarray(np.roll(stacked[::-1], COLUMNS // 2, axis=1), dtype=np.float32)


def steady_surge(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return parameters (180, 360, 5) whose opposition surge runs into its mean toward the poles.

    The camera behind the maps never saw small phase angles at high latitude: there the width of the surge falls to half
    and less, differently in each band, which paints colours that are not the Moon's. Amplitude and width therefore
    pass into their means over the lower latitudes; w is changed so that single scattering at 60 degrees of phase,
    where the maps were measured, stays.
    """
    latitude = np.abs(np.arange(ROWS) + 0.5 - 90.0)
    share = np.clip((latitude - SURGE_KNOWN_DEG) / (SURGE_UNKNOWN_DEG - SURGE_KNOWN_DEG), 0.0, 1.0)
    share = (share * share * (3.0 - 2.0 * share))[:, None, None]
    weight = np.cos(np.radians(latitude)) * (latitude < SURGE_KNOWN_DEG)
    mean = np.average(parameters[:, :, 3:].mean(axis=1), axis=0, weights=weight)
    out = parameters.copy()
    out[:, :, 3:] = (1.0 - share) * parameters[:, :, 3:] + share * mean
    half = math.tan(math.radians(30.0))
    old, new = (1.0 + p[:, :, 3] * p[:, :, 4] / (p[:, :, 4] + half) for p in (parameters, out))
    out[:, :, 0] *= old / new
    return np.asarray(out, dtype=np.float64)


@lru_cache(maxsize=32)
def _relevel(band: float | Band) -> NDArray[np.float64]:
    """Return what the steady surge takes from the near side's disc at `_RELEVEL_DEG` of phase (kept)."""
    maps = surface(band).maps
    steady = replace(maps, parameters=steady_surge(maps.parameters))
    before, after = (
        np.array(
            [
                sum(moon_disc_integral(m, (0.0, 0.0), (0.0, s * g), 64).flux for s in (1.0, -1.0))
                for g in np.radians(_RELEVEL_DEG)
            ]
        )
        for m in (maps, steady)
    )
    return np.asarray(before / after, dtype=np.float64)


def disc_factor(band: float | Band, phase_rad: float) -> float:
    """Return the factor that brings the cells to the measured disc at a phase angle of the Moon's centre."""
    again = np.interp(math.degrees(phase_rad), _RELEVEL_DEG, _relevel(band))
    return surface(band).scale(phase_rad) * float(again)


@lru_cache(maxsize=4)
def albedo_means(albedo: Pyramid) -> NDArray[np.float32]:
    """Return (180, 360, channels): what the albedo map is divided by, so that only its detail is left (kept).

    Its mean a square degree up to 70 degrees of latitude; beyond, where the parameters only continue their rim, the
    mean continued likewise (see `terraluna.photometry.hapke.sharpening_ratio`).
    """
    cube = albedo.level(min(MEANS_LEVEL, albedo.count - 1))
    means = []
    for channel in range(cube.shape[2]):
        binned = _bins(_bins(cube[:, :, channel].astype(np.float64), ROWS).T, COLUMNS).T
        means.append(binned / sharpening_ratio(binned))
    return np.ascontiguousarray(np.stack(means, axis=2), dtype=np.float32)


def _bins(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return means of (n, m) over ``count`` equal parts of the first axis; a row on an edge counts by its shares."""
    size = values.shape[0]
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    edges = np.arange(count + 1) * (size / count)
    low = np.minimum(edges.astype(np.int64), size - 1)
    share = (edges - low)[:, None]
    sums: NDArray[np.float64] = np.diff(total[low] + share * (total[low + 1] - total[low]), axis=0)
    return np.asarray(sums * (count / size), dtype=np.float64)


@lru_cache(maxsize=4)
def view_cells(
    albedo: Pyramid,
    bands: tuple[float | Band, ...],
    sun: tuple[float, ...],
    earth: tuple[float, ...],
    observer: tuple[float, ...],
    radius: float,
) -> NDArray[np.float32]:
    """Return the table of `fill_cells` for a view: the strips of a frame share it (kept).

    Args:
        albedo: the albedo map.
        bands: wavelengths or responses.
        sun: (and the three after it) as for `fill_cells`; ``earth`` is empty without earthshine.
    """
    means = albedo_means(albedo)
    # Zeros: a cell beyond the limb may take part in an interpolation with no weight.
    table = np.zeros((ROWS, COLUMNS, (3 if earth else 2) * len(bands) + means.shape[2]), dtype=np.float32)
    to_sun, to_earth, seen_from = (np.array(vector, dtype=np.float64) for vector in (sun, earth, observer))
    fill_cells(parameter_cells(bands), means, to_sun, to_earth, seen_from, radius, table)
    return table


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def fill_cells(parameters, means, sun, earth, observer, radius, table):  # type: ignore[no-untyped-def]
    """Write a view's table; rows in parallel. Cells that the observer cannot see stay as they are.

    Args:
        parameters: (180, 360, 5 bands) from `parameter_cells`.
        means: (180, 360, channels) from `albedo_means`.
        sun: (3,) unit vector to the Sun, body-fixed.
        earth: (3,) unit vector to the Earth, or empty.
        observer: (3,) body centre to observer, body-fixed, km.
        radius: km.
        table: (180, 360, n bands + channels), written: for each band w and the lobe in sunlight, with an Earth also
            the lobe in its light (n = 2 or 3); then the means.
    """
    bands = parameters.shape[2] // 5
    slots = 3 if earth.size else 2
    distance = math.sqrt(observer[0] ** 2 + observer[1] ** 2 + observer[2] ** 2)
    limit = math.cos(min(math.pi, math.acos(radius / distance) + _BEYOND_LIMB_RAD)) * distance
    for i in prange(table.shape[0]):
        lat = 0.5 * math.pi - (i + 0.5) * math.pi / table.shape[0]
        sin_lat = math.sin(lat)
        cos_lat = math.cos(lat)
        for j in range(table.shape[1]):
            lon = -math.pi + (j + 0.5) * 2.0 * math.pi / table.shape[1]
            x = cos_lat * math.cos(lon)
            y = cos_lat * math.sin(lon)
            if x * observer[0] + y * observer[1] + sin_lat * observer[2] < limit:
                continue
            vx = observer[0] - radius * x
            vy = observer[1] - radius * y
            vz = observer[2] - radius * sin_lat
            norm = 1.0 / math.sqrt(vx * vx + vy * vy + vz * vz)
            cos_g = (vx * sun[0] + vy * sun[1] + vz * sun[2]) * norm
            cos_earth = 0.0
            if earth.size:
                cos_earth = (vx * earth[0] + vy * earth[1] + vz * earth[2]) * norm
            for k in range(bands):
                b = parameters[i, j, 5 * k + 1]
                c = parameters[i, j, 5 * k + 2]
                surge = parameters[i, j, 5 * k + 3]
                width = parameters[i, j, 5 * k + 4]
                table[i, j, slots * k] = parameters[i, j, 5 * k]
                table[i, j, slots * k + 1] = lobe(min(1.0, max(-1.0, cos_g)), b, c, surge, width)
                if earth.size:
                    table[i, j, slots * k + 2] = lobe(min(1.0, max(-1.0, cos_earth)), b, c, surge, width)
            for c in range(means.shape[2]):
                table[i, j, slots * bands + c] = means[i, j, c]
