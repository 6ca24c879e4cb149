"""From I/F to spectral radiance and to electrons: sunlight times reflectance through optics, filter and detector."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit, prange

from terraluna.ephemeris.constants import AU_KM
from terraluna.errors import InputError
from terraluna.photometry.band import Band

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.camera.model import Camera, Filter

BROAD_NM: Final = 100.0
"""From this width on a band's I/F is the mean of three wavelengths: colour changes inside such a filter."""

_THIRDS: Final = (1.0 / 6.0, 0.5, 5.0 / 6.0)


def find_filter(camera: Camera, name: str) -> Filter:
    """Return a camera's filter by name.

    Raises:
        InputError: no such filter; the text suggests the nearest and lists all.
    """
    names = [item.name for item in camera.filters]
    if name in names:
        return camera.filter(name)
    near = difflib.get_close_matches(name.lower(), names, n=2, cutoff=0.4) or [
        n for n in names if n.lower() == name.lower() or n.startswith(name[:1].lower())
    ]
    hint = f"; did you mean {' or '.join(near[:2])}?" if near else ";"
    raise InputError(f"camera {camera.id!r} has no filter {name!r}{hint} Its filters are {', '.join(names) or 'none'}")


def filter_band(item: Filter) -> Band:
    """Return the response of a filter: its packaged curve, or a Gaussian of its centre and width.

    Raises:
        InputError: the filter reaches outside the spectra (250-1200 nm).
    """
    if item.curve is None:
        return Band.gaussian(item.name, item.centre_nm, item.fwhm_nm)
    from terraluna.camera.curves import filter_curve

    grid, response = filter_curve(item.curve)
    # A digitised curve may hold a wavelength twice.
    keep = np.concatenate([[True], np.diff(grid) > 0.0])
    return Band.curve(item.name, grid[keep], response[keep])


@dataclass(frozen=True)
class Radiometry:
    """How one filter of one camera turns I/F into electrons, for a body at 1 au from the Sun.

    Attributes:
        filter: name.
        effective_nm: mean wavelength of the electrons that sunlight makes.
        samples_nm: wavelengths whose mean I/F stands for the band: one, or three in a broad band.
        solar_w_m2_nm: band-mean solar irradiance at 1 au.
        electrons_s: electrons s-1 in a pixel that sees I/F = 1.
        photons_s: photons s-1 on the pixel before losses, weighted with the relative response; None where the camera
            states neither focal ratio nor pixel size.
        responsivity_e_s: electrons s-1 for a band-mean radiance of 1 W m-2 sr-1 nm-1.
    """

    filter: str
    effective_nm: float
    samples_nm: tuple[float, ...]
    solar_w_m2_nm: float
    electrons_s: float
    photons_s: float | None
    responsivity_e_s: float


@lru_cache(maxsize=256)
def radiometry(camera: Camera, name: str) -> Radiometry:
    """Return the radiometry of a filter.

    Raises:
        InputError: unknown filter, a band outside the spectra, or a camera that states no sensitivity.
    """
    item = find_filter(camera, name)
    try:
        band = filter_band(item)
    except InputError as error:
        raise InputError(f"camera {camera.id!r}: {error}") from None
    solar = band.solar_irradiance_w_m2_nm()
    responsivity = camera.responsivity_e_s(name)
    photons = None
    if camera.optics is not None and camera.pixel_um is not None:
        # Etendue of a pixel: its area times the solid angle of the lens, pi / (4 N^2).
        etendue = (camera.pixel_um * 1e-6) ** 2 * np.pi / (4.0 * camera.optics.f_number**2)
        photons = float(etendue / np.pi * band.solar_photon_rate())
    samples = (
        tuple(float(nm) for nm in band.quantiles_nm(_THIRDS)) if band.fwhm_nm >= BROAD_NM else (band.effective_nm,)
    )
    return Radiometry(name, band.effective_nm, samples, solar, responsivity * solar / np.pi, photons, responsivity)


def spectral_radiance(iof: NDArray[np.float64], band: Radiometry, sun_range_km: float = AU_KM) -> NDArray[np.float64]:
    """Return the band-mean radiance, W m-2 sr-1 nm-1, of a picture of I/F stated for ``sun_range_km``."""
    return np.asarray(iof * (band.solar_w_m2_nm / np.pi * (AU_KM / _distance(sun_range_km)) ** 2))


def electron_rate(iof: NDArray[np.float64], band: Radiometry, sun_range_km: float = AU_KM) -> NDArray[np.float64]:
    """Return electrons s-1 a pixel of a picture of I/F stated for ``sun_range_km``."""
    return np.asarray(iof * (band.electrons_s * (AU_KM / _distance(sun_range_km)) ** 2))


@njit(cache=True, parallel=True, error_model="numpy")
def fill_rates(image, edges, electrons_s, members, rate):  # type: ignore[no-untyped-def]
    """Write the electrons s-1 of some bands: the mean I/F of each band's wavelengths; rows in parallel.

    Args:
        image: (h, w, wavelengths) I/F at 1 au.
        edges: (n + 1,) the wavelengths from edges[k] to edges[k + 1] belong to the band members[k].
        electrons_s: (n,) electrons s-1 of I/F 1.
        members: (n,) bands.
        rate: (h, w, bands), written in these bands.
    """
    for i in prange(image.shape[0]):
        for n in range(members.size):
            target = rate[i, :, members[n]]
            gain = electrons_s[n] / (edges[n + 1] - edges[n])
            source = image[i, :, edges[n]]
            for j in range(target.size):
                target[j] = gain * source[j]
            for k in range(edges[n] + 1, edges[n + 1]):
                source = image[i, :, k]
                for j in range(target.size):
                    target[j] += gain * source[j]
            # The FFT of wide wings leaves rounding noise below zero.
            for j in range(target.size):
                target[j] = max(target[j], 0.0)


def radiance_factor(
    electrons: NDArray[np.float64], exposure_s: float, band: Radiometry, sun_range_km: float = AU_KM
) -> NDArray[np.float64]:
    """Return the I/F that gives ``electrons`` (dark and bias removed) in an exposure: the calibration."""
    if not exposure_s > 0.0:
        raise InputError(f"an I/F needs an exposure above 0 s (got {exposure_s:g} s)")
    return np.asarray(electrons / (exposure_s * band.electrons_s * (AU_KM / _distance(sun_range_km)) ** 2))


def _distance(sun_range_km: float) -> float:
    if not (np.isfinite(sun_range_km) and sun_range_km > 0.0):
        raise InputError(f"the distance from the Sun must be positive (got {sun_range_km} km)")
    return sun_range_km
