"""Spectral irradiance of the Sun at 1 au and the mean reflectance spectrum of the Moon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from terraluna.errors import InputError
from terraluna.photometry.tables import table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SOLAR_RANGE_NM: Final = (250.0, 1200.0)
"""Wavelengths that the packaged solar spectrum covers, nm."""

MOON_SPECTRUM_RANGE_NM: Final = (350.0, 2500.0)
"""Wavelengths that the packaged lunar spectrum covers, nm."""


def solar_spectrum() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the TSIS-1 HSRS solar spectrum at 1 au in 1 nm means.

    Returns:
        Bin centres in nm (vacuum) and irradiance in W m-2 nm-1, each (951,), read-only.

    Source: TSIS-1 Hybrid Solar Reference Spectrum v2 (Coddington et al. 2021, GRL 48, e2020GL091709).
    """
    columns = table("solar_tsis1_hsrs.csv")
    return columns["nm"], columns["irradiance_w_m2_nm"]


def solar_irradiance(wavelength_nm: ArrayLike) -> NDArray[np.float64]:
    """Return the solar spectral irradiance at 1 au, W m-2 nm-1, linear between the 1 nm means.

    Raises:
        InputError: a wavelength lies outside 250-1200 nm.
    """
    wavelength = np.asarray(wavelength_nm, dtype=np.float64)
    check_range(wavelength, SOLAR_RANGE_NM, "the solar spectrum")
    nm, irradiance = solar_spectrum()
    return np.asarray(np.interp(wavelength, nm, irradiance), dtype=np.float64)


def moon_spectrum(wavelength_nm: ArrayLike) -> NDArray[np.float64]:
    """Return the mean near-side reflectance (equigonal albedo at 6 deg phase) as a smooth function of wavelength.

    It serves as the shape between and beyond the bands of the disc and surface models, never as a level.

    Raises:
        InputError: a wavelength lies outside 350-2500 nm.

    Source: Velikodsky et al. 2011, Icarus 214, 30, table 2 (average Moon).
    """
    wavelength = np.asarray(wavelength_nm, dtype=np.float64)
    check_range(wavelength, MOON_SPECTRUM_RANGE_NM, "the lunar spectrum")
    columns = table("moon_spectrum_velikodsky2011.csv")
    return np.asarray(np.interp(wavelength, columns["nm"], columns["average"]), dtype=np.float64)


def check_range(wavelength_nm: NDArray[np.float64], span_nm: tuple[float, float], what: str) -> None:
    """Raise InputError unless every wavelength is finite and inside ``span_nm``."""
    if wavelength_nm.size and not bool(np.all((wavelength_nm >= span_nm[0]) & (wavelength_nm <= span_nm[1]))):
        bad = wavelength_nm[~((wavelength_nm >= span_nm[0]) & (wavelength_nm <= span_nm[1]))].flat[0]
        raise InputError(
            f"wavelength {bad:g} nm lies outside {what} ({span_nm[0]:g}-{span_nm[1]:g} nm): "
            "choose a band inside that range"
        )
