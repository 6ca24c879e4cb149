"""Maps of the Hapke parameters over the whole Moon at any wavelength.

The maps of Sato et al. 2014 hold one value per square degree between 70 S and 70 N at 415, 566 and 643 nm. Here they
are extended in two ways, both documented because no data stand behind them:

* to the poles: each parameter is continued harmonically (Laplace's equation on the cap, its outermost row the rim), so
  the map is continuous, free of spokes, and takes the row's mean at the pole;
* to other wavelengths: between the bands every parameter is linear in wavelength. Outside 415-643 nm the shape
  parameters b, c, Bs0, hs stay at the nearest band and w follows the mean lunar spectrum (Velikodsky et al. 2011,
  where mare and highland keep their ratio within 1 % from 650 to 900 nm).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from terraluna.errors import InputError
from terraluna.photometry.laws import hapke
from terraluna.photometry.spectra import moon_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAP_BANDS_NM: Final = (415.0, 566.0, 643.0)
"""Wavelengths of the packaged maps, nm."""

WAVELENGTH_RANGE_NM: Final = (350.0, 1200.0)
"""Wavelengths that :func:`moon_parameters` accepts, nm."""

TRUSTED_RANGE_NM: Final = (400.0, 900.0)
"""Wavelengths inside which the result is not flagged as extrapolated, nm."""

PARAMETERS: Final = ("w", "b", "c", "Bs0", "hs")
"""Order of the last axis of the maps."""

_W_LIMIT: Final = 0.95
_SHARPEN_MIN: Final = 0.25
_SHARPEN_MAX: Final = 4.0


@dataclass(frozen=True, eq=False)
class HapkeMaps:
    """Hapke parameters of the Moon at one wavelength.

    Attributes:
        wavelength_nm: where they hold.
        parameters: (180, 360, 5) float64, C order; row 0 is latitude -89.5 deg, column 0 longitude 0.5 deg east; last
            axis w, b, c, Bs0, hs.
        theta_rad: mean slope angle, one value for the Moon.
        extrapolated: the wavelength lies outside 400-900 nm.
        shape_held: the wavelength lies outside 415-643 nm, so only w follows it.
    """

    wavelength_nm: float
    parameters: NDArray[np.float64] = field(repr=False)
    theta_rad: float
    extrapolated: bool
    shape_held: bool


@cache
def _packed() -> tuple[NDArray[np.float64], float]:
    """Return the stored maps, south first, (3, 140, 360, 5), and the mean slope angle in radians."""
    path = files("terraluna").joinpath("data", "photometry", "moon_hapke_sato2014.npz")
    with path.open("rb") as stream, np.load(stream) as packed:
        bands = [int(value) for value in packed["bands_nm"]]
        maps = np.empty((len(bands), 140, 360, len(PARAMETERS)))
        for i, band in enumerate(bands):
            for j, name in enumerate(PARAMETERS):
                low, high, levels = packed[f"{name}{band}_range"]
                delta = packed[f"{name}{band}_low"].astype(np.int64)
                if f"{name}{band}_high" in packed:
                    delta += 256 * packed[f"{name}{band}_high"].astype(np.int64)
                # The packer stores differences modulo 2^8 or 2^16; sums modulo the same give the levels back.
                steps = np.cumsum(delta, axis=1) % (65536 if levels > 255 else 256)
                maps[i, :, :, j] = (low + steps / levels * (high - low))[::-1]
        return maps, math.radians(float(packed["theta_deg"]))


@lru_cache(maxsize=32)
def moon_parameters(wavelength_nm: float) -> HapkeMaps:
    """Return the parameter maps of the whole Moon at a wavelength (cached).

    Raises:
        InputError: outside 350-1200 nm.

    Source: Sato et al. 2014 (JGR Planets 119, 1775), LROC WAC parameter maps SDWHAP.
    """
    low, high = WAVELENGTH_RANGE_NM
    if not low <= wavelength_nm <= high:
        raise InputError(
            f"wavelength {wavelength_nm:g} nm lies outside the lunar surface model ({low:g}-{high:g} nm): "
            "choose a band inside that range"
        )
    stored, theta = _packed()
    first, last = MAP_BANDS_NM[0], MAP_BANDS_NM[-1]
    inside = min(max(wavelength_nm, first), last)
    index = 0 if inside <= MAP_BANDS_NM[1] else 1
    share = (inside - MAP_BANDS_NM[index]) / (MAP_BANDS_NM[index + 1] - MAP_BANDS_NM[index])
    band = (1.0 - share) * stored[index] + share * stored[index + 1]
    if inside != wavelength_nm:
        band[:, :, 0] *= float(moon_spectrum(wavelength_nm)) / float(moon_spectrum(inside))
        np.minimum(band[:, :, 0], _W_LIMIT, out=band[:, :, 0])
    full = np.empty((180, 360, len(PARAMETERS)))
    full[20:160] = band
    full[160:] = _polar_cap(band[-1])
    full[:20] = _polar_cap(band[0])[::-1]
    full.setflags(write=False)
    return HapkeMaps(
        wavelength_nm=float(wavelength_nm),
        parameters=full,
        theta_rad=theta,
        extrapolated=not TRUSTED_RANGE_NM[0] <= wavelength_nm <= TRUSTED_RANGE_NM[1],
        shape_held=inside != wavelength_nm,
    )


def _polar_cap(rim: NDArray[np.float64]) -> NDArray[np.float64]:
    """Continue a row at latitude 69.5 deg, (360, n), to the rows 70.5 ... 89.5, (20, 360, n).

    On the cap the harmonic function with m waves along its rim falls as (tan(colatitude / 2))^m.
    """
    waves = np.fft.rfft(rim, axis=0)
    reach = np.tan(np.radians(90.0 - (70.5 + np.arange(20.0))) / 2.0) / math.tan(math.radians(20.5) / 2.0)
    damping = reach[:, None] ** np.arange(waves.shape[0])[None, :]
    return np.asarray(np.fft.irfft(damping[:, :, None] * waves[None], n=rim.shape[0], axis=1), dtype=np.float64)


@njit(cache=True)
def sample(grid: NDArray[np.float64], lat: float, lon: float, out: NDArray[np.float64]) -> None:
    """Interpolate a (180, 360, n) cell-centred map bilinearly at a place (rad, east positive) into ``out[:n]``.

    Row 0 is latitude -89.5 deg, column 0 longitude 0.5 deg. Longitude wraps; beyond the last row the row is kept.
    """
    y = math.degrees(lat) + 89.5
    y = min(179.0, max(0.0, y))
    j = min(178, int(y))
    fy = y - j
    x = (math.degrees(lon) - 0.5) % 360.0
    i = int(x)
    fx = x - i
    if i >= 360:
        i = 0
    k = i + 1
    if k == 360:
        k = 0
    for n in range(grid.shape[2]):
        south = grid[j, i, n] * (1.0 - fx) + grid[j, k, n] * fx
        north = grid[j + 1, i, n] * (1.0 - fx) + grid[j + 1, k, n] * fx
        out[n] = south * (1.0 - fy) + north * fy


@njit(cache=True)
def moon_radiance_factor(
    grid: NDArray[np.float64],
    theta: float,
    scale: float,
    lat: float,
    lon: float,
    mu0: float,
    mu: float,
    g: float,
    ratio: float,
) -> float:
    """Return I/F of the Moon at one place: the kernel a renderer calls for each pixel.

    Args:
        grid: ``HapkeMaps.parameters``.
        theta: ``HapkeMaps.theta_rad``.
        scale: factor for this band and phase (``moon_scale.moon_scale``).
        lat: selenographic latitude, rad.
        lon: selenographic east longitude, rad.
        mu0: cosine of incidence on the surface (relief included if the caller has it).
        mu: cosine of emission.
        g: phase angle, rad.
        ratio: albedo of a finer map over its 1-degree mean (:func:`sharpening_ratio`), 1 for none.
    """
    if mu0 <= 0.0 or mu <= 0.0:
        return 0.0
    params = np.empty(6)
    sample(grid, lat, lon, params)
    params[5] = theta
    return float(scale * ratio * hapke(params, mu0, mu, g))


def sharpening_ratio(albedo: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return a fine albedo map over its own 1-degree version: detail to multiply onto the 1-degree model.

    Args:
        albedo: (h, w) reflectance of the whole Moon in simple cylindrical projection, h >= 180, w >= 360, rows along
            latitude (either pole first). Values that are not positive or not finite count as missing.

    Returns:
        (h, w) float64, 1 where data are missing, limited to 0.25-4. The map is averaged over square degrees and
        interpolated as the model is, so that their product keeps the model's level. Beyond 70 deg of latitude, where
        the model only continues its rim, the map's own features come through whole.

    Raises:
        InputError: the map is coarser than one degree or nothing in it is positive.
    """
    if albedo.ndim != 2 or albedo.shape[0] < 180 or albedo.shape[1] < 360:
        raise InputError(
            f"albedo map of shape {albedo.shape} is coarser than 1 degree: give at least 180 rows and 360 columns"
        )
    missing = ~(np.isfinite(albedo) & (albedo > 0.0))
    if missing.all():
        raise InputError("albedo map has no positive value: check its units (reflectance expected)")
    values = np.asarray(albedo, dtype=np.float64)
    filled = np.where(missing, values[~missing].mean(), values)
    coarse = _bin_mean(_bin_mean(filled, 180).T, 360).T
    # Beyond 70 deg the model knows only its rim: the fine map is compared with the like, so it gives all it has there.
    coarse[160:] = _polar_cap(coarse[159][:, None])[:, :, 0]
    coarse[:20] = _polar_cap(coarse[20][:, None])[::-1, :, 0]
    smooth = _enlarge(coarse, *filled.shape)
    ratio = np.where(missing, 1.0, filled / smooth)
    return np.asarray(np.clip(ratio, _SHARPEN_MIN, _SHARPEN_MAX), dtype=np.float64)


def _bin_mean(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Return the mean of the rows in equal bins of the first axis; a row on an edge counts by its share."""
    count = values.shape[0]
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    edges = np.arange(bins + 1) * (count / bins)
    low = np.minimum(edges.astype(np.int64), count - 1)
    share = (edges - low)[:, None]
    at_edges = total[low] * (1.0 - share) + total[low + 1] * share
    return np.asarray(np.diff(at_edges, axis=0) * (bins / count), dtype=np.float64)


def _enlarge(coarse: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Interpolate a cell-centred (180, 360) map to a size: bilinear, wrapping in longitude, holding the end rows."""
    y = np.clip((np.arange(height) + 0.5) * (180.0 / height) - 0.5, 0.0, 179.0)
    j = np.minimum(y.astype(np.int64), 178)
    fy = (y - j)[:, None]
    x = ((np.arange(width) + 0.5) * (360.0 / width) - 0.5) % 360.0
    i = x.astype(np.int64) % 360
    fx = (x - np.floor(x))[None, :]
    rows = coarse[j] * (1.0 - fy) + coarse[j + 1] * fy
    return np.asarray(rows[:, i] * (1.0 - fx) + rows[:, (i + 1) % 360] * fx, dtype=np.float64)
