"""Maps of the Hapke parameters over the whole Moon at any wavelength.

The maps of Sato et al. 2014 hold one value per square degree between 70 S and 70 N at 415, 566 and 643 nm. Here they
are extended in two ways, both documented because no data stand behind them:

* to the poles: each parameter goes from its outermost row linearly in latitude to the zonal mean of 60-70 deg at the
  pole, so the map is continuous and single-valued there;
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

_EDGE_ROWS: Final = 10
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
    # share of the edge row that is left at latitudes 70.5 ... 89.5
    left = ((90.0 - (70.5 + np.arange(20.0))) / 20.5)[:, None, None]
    for rows, edge, zone in (
        (slice(160, 180), band[-1], band[-_EDGE_ROWS:]),
        (slice(19, None, -1), band[0], band[:_EDGE_ROWS]),
    ):
        mean = zone.mean(axis=(0, 1))
        full[rows] = mean + left * (edge[None] - mean)
    full.setflags(write=False)
    return HapkeMaps(
        wavelength_nm=float(wavelength_nm),
        parameters=full,
        theta_rad=theta,
        extrapolated=not TRUSTED_RANGE_NM[0] <= wavelength_nm <= TRUSTED_RANGE_NM[1],
        shape_held=inside != wavelength_nm,
    )


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


def sharpening_ratio(albedo: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a fine albedo map over its own 1-degree version: detail to multiply onto the 1-degree model.

    Args:
        albedo: (h, w) reflectance in simple cylindrical projection over the whole Moon, north first; h and w multiples
            of 180 and 360. Values that are not positive or not finite count as missing.

    Returns:
        (h, w) float64, 1 where data are missing, limited to 0.25-4. Its 1-degree version is interpolated as the model
        is, so that their product keeps the model's level.

    Raises:
        InputError: the shape does not fit whole degrees, or nothing in the map is positive.
    """
    height, width = albedo.shape
    if height % 180 or width % 360 or height // 180 != width // 360:
        raise InputError(
            f"albedo map of {width} x {height} px does not hold whole degrees: resample it to a multiple of 360 x 180"
        )
    values = np.where(np.isfinite(albedo) & (albedo > 0.0), albedo, np.nan).astype(np.float64)
    missing = np.isnan(values)
    if missing.all():
        raise InputError("albedo map has no positive value: check its units (reflectance expected)")
    filled = np.where(missing, np.nanmean(values), values)
    n = height // 180
    coarse = filled.reshape(180, n, 360, n).mean(axis=(1, 3))
    smooth = _enlarge(coarse, n)
    ratio = np.where(missing, 1.0, filled / smooth)
    return np.asarray(np.clip(ratio, _SHARPEN_MIN, _SHARPEN_MAX), dtype=np.float64)


def _enlarge(coarse: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Enlarge a cell-centred (180, 360) map n times, bilinear, wrapping in longitude, holding the polar rows."""
    offset = (np.arange(n) + 0.5) / n - 0.5
    y = np.clip((np.arange(180)[:, None] + offset).ravel(), 0.0, 179.0)
    j = np.minimum(y.astype(np.int64), 178)
    fy = (y - j)[:, None]
    x = (np.arange(360)[:, None] + offset).ravel() % 360.0
    i = x.astype(np.int64) % 360
    fx = (x - np.floor(x))[None, :]
    rows = coarse[j] * (1.0 - fy) + coarse[j + 1] * fy
    return np.asarray(rows[:, i] * (1.0 - fx) + rows[:, (i + 1) % 360] * fx, dtype=np.float64)
