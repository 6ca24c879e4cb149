"""Light from the Earth on the Moon's night side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from terraluna.photometry.tables import table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from terraluna.photometry.band import Band

EARTH_MEAN_RADIUS_KM: Final = 6371.0
PHASE_INTEGRAL: Final = 1.22
"""Phase integral of the Earth (Robinson 2025: 1.22 +0.02/-0.03)."""

ALBEDO_RANGE_NM: Final = (388.0, 779.5)
"""Wavelengths of the albedo table; its end values are held beyond."""

_STRETCH: Final = 1.04892
_LINEAR_MAG_PER_DEG: Final = -1.060e-3
_QUADRATIC_MAG_PER_DEG2: Final = 2.054e-4


def earth_geometric_albedo(wavelength_nm: ArrayLike) -> NDArray[np.float64]:
    """Return the Earth's geometric albedo: 0.277 B, 0.226 V, 0.221 R, linear in wavelength between.

    Source: Robinson 2025 (PSJ; arXiv 2507.22258); ends from EPIC (Marshak et al. 2018). Absorption bands are left out.
    """
    columns = table("earth_albedo.csv")
    wavelength = np.asarray(wavelength_nm, dtype=np.float64)
    return np.asarray(np.interp(wavelength, columns["nm"], columns["geometric_albedo"]), dtype=np.float64)


def earth_phase_function(phase_rad: float) -> float:
    """Return the Earth's brightness at a phase angle over that at zero phase.

    The shape is the Earth polynomial of Mallama & Hilton 2018 (Astronomy and Computing 25, 10), whose level is too
    high but whose fall follows spacecraft photometry; its angle is stretched by one constant so that the phase integral
    is 1.22. Good to some 15 % below 120 deg; the thin crescent is a guess.
    """
    a = _STRETCH * math.degrees(abs(phase_rad))
    return math.exp(-0.4 * math.log(10.0) * (_LINEAR_MAG_PER_DEG * a + _QUADRATIC_MAG_PER_DEG2 * a * a))


def earthshine_ratio(wavelength_nm: float, earth_phase_rad: float, earth_distance_km: float) -> float:
    """Return the Earth's irradiance at the Moon over the Sun's at the Earth, at one wavelength.

    Args:
        wavelength_nm: vacuum nm.
        earth_phase_rad: Sun-Earth-Moon angle (0: full Earth in the lunar sky).
        earth_distance_km: Earth's centre to the place on the Moon.
    """
    return float(
        earth_geometric_albedo(wavelength_nm)
        * earth_phase_function(earth_phase_rad)
        * (EARTH_MEAN_RADIUS_KM / earth_distance_km) ** 2
    )


def earthshine_band_ratio(band: Band, earth_phase_rad: float, earth_distance_km: float) -> float:
    """Return the same ratio for a band, weighted by the electrons of sunlight."""
    return (
        band.mean(earth_geometric_albedo(band.wavelength_nm))
        * earth_phase_function(earth_phase_rad)
        * (EARTH_MEAN_RADIUS_KM / earth_distance_km) ** 2
    )
