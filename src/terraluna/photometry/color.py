"""Star light from V and B-V: temperature, spectral irradiance, electrons in a band."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from terraluna.photometry.band import LIGHT_M_S, PLANCK_J_S, Band
from terraluna.photometry.tables import table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BOLTZMANN_J_K: Final = 1.380649e-23
"""Boltzmann constant, J/K (exact, SI 2019)."""

V_ZERO_W_M2_NM: Final = 3.631e-11
"""Mean spectral irradiance in the V band of a star of V = 0 (Bessell, Castelli & Plez 1998, table A2)."""

COLOUR_LIMITS: Final = (-0.4, 2.0)
"""B-V is limited to this range: beyond it the temperature formula has no data behind it."""


def temperature_k(b_minus_v: ArrayLike) -> NDArray[np.float64]:
    """Return the blackbody-equivalent temperature of a star, K; B-V is limited to -0.4..2.0.

    Source: Ballesteros 2012 (EPL 97, 34008), eq. 14.
    """
    c = 0.92 * np.clip(np.asarray(b_minus_v, dtype=np.float64), *COLOUR_LIMITS)
    return np.asarray(4600.0 * (1.0 / (c + 1.7) + 1.0 / (c + 0.62)), dtype=np.float64)


def star_irradiance(v: ArrayLike, b_minus_v: ArrayLike, wavelength_nm: ArrayLike) -> NDArray[np.float64]:
    """Return the spectral irradiance of stars, W m-2 nm-1: a Planck curve whose V-band mean meets the magnitude.

    Args:
        v: Johnson V magnitudes, (n,) or scalar.
        b_minus_v: colours, same shape; NaN is taken as 0.65 (Sun-like).
        wavelength_nm: (m,).

    Returns:
        (n, m), or (m,) for scalar magnitudes. Within some 10 % of Sun-like stars from 425 to 900 nm. Cool stars have
        less blue light than a Planck curve: B comes out 0.11 mag too bright at B-V = 1.0 and 0.23 mag at 1.4.
    """
    magnitude = np.asarray(v, dtype=np.float64)
    colour = np.asarray(b_minus_v, dtype=np.float64)
    temperature = temperature_k(np.where(np.isnan(colour), 0.65, colour))[..., None]
    shape = _planck(np.asarray(wavelength_nm, dtype=np.float64), temperature)
    band = _v_band()
    weight = band.energy_response
    in_v = np.trapezoid(_planck(band.wavelength_nm, temperature) * weight, band.wavelength_nm, axis=-1)
    mean = in_v / np.trapezoid(weight, band.wavelength_nm)
    level = V_ZERO_W_M2_NM * 10.0 ** (-0.4 * magnitude) / mean
    return np.asarray(level[..., None] * shape, dtype=np.float64)


def star_electrons(
    band: Band,
    v: ArrayLike,
    b_minus_v: ArrayLike,
    aperture_m2: float,
    peak_transmission: float = 1.0,
    peak_qe: float = 1.0,
) -> NDArray[np.float64]:
    """Return electrons s-1 that stars make in a band, shape of ``v``.

    Args:
        band: filter.
        v: Johnson V magnitudes.
        b_minus_v: colours, same shape.
        aperture_m2: clear collecting area.
        peak_transmission: optics and filter at the peak of the band.
        peak_qe: electrons per photon at the peak of the band.
    """
    irradiance = star_irradiance(v, b_minus_v, band.wavelength_nm)
    photons = irradiance * band.wavelength_nm * 1e-9 / (PLANCK_J_S * LIGHT_M_S)
    rate = np.trapezoid(photons * band.photon_response, band.wavelength_nm, axis=-1)
    return np.asarray(rate * aperture_m2 * peak_transmission * peak_qe, dtype=np.float64)


@cache
def _v_band() -> Band:
    columns = table("bessell_v.csv")
    return Band.curve("Johnson V", columns["nm"], columns["response"], "energy")


def _planck(wavelength_nm: NDArray[np.float64], temperature: NDArray[np.float64]) -> NDArray[np.float64]:
    """Planck's law per wavelength in arbitrary units, broadcast."""
    x = PLANCK_J_S * LIGHT_M_S / (wavelength_nm * 1e-9 * BOLTZMANN_J_K * temperature)
    return np.asarray((wavelength_nm / 550.0) ** -5.0 / np.expm1(x), dtype=np.float64)
