"""The factor that brings the resolved Moon to the measured disc: k(wavelength, phase) = exp(a + b g).

Spacecraft maps and ground-based disc photometry differ by a few per cent. One smooth factor per wavelength and phase
closes the gap: ln k is linear in the phase angle (so k is monotone in phase) and its two coefficients are linear in
wavelength between the tabulated ones. ``tools/build_moon_scale.py`` fits it so that the near-side disc integral of the
mapped Hapke law meets LIME 2025-10, mean of waxing and waning, from 5 to 90 deg; the fit stays within 2.4 %.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from terraluna.errors import InputError
from terraluna.photometry.hapke import WAVELENGTH_RANGE_NM
from terraluna.photometry.tables import table

PHASE_LIMIT_DEG: Final = 97.0
"""Beyond this phase no disc measurement guides the factor: its value here is kept."""


def scale_coefficients(wavelength_nm: float) -> tuple[float, float]:
    """Return (a, b) of k = exp(a + b g), g in radians.

    Raises:
        InputError: outside 350-1200 nm.
    """
    low, high = WAVELENGTH_RANGE_NM
    if not low <= wavelength_nm <= high:
        raise InputError(
            f"wavelength {wavelength_nm:g} nm lies outside the lunar surface model ({low:g}-{high:g} nm): "
            "choose a band inside that range"
        )
    columns = table("moon_scale.csv")
    return (
        float(np.interp(wavelength_nm, columns["nm"], columns["a"])),
        float(np.interp(wavelength_nm, columns["nm"], columns["b_per_rad"])),
    )


def scale_factor(a: float, b: float, phase_rad: float) -> float:
    """Return k = exp(a + b g) with g limited to 97 deg."""
    return math.exp(a + b * min(abs(phase_rad), math.radians(PHASE_LIMIT_DEG)))


def moon_scale(wavelength_nm: float, phase_rad: float) -> float:
    """Return the factor on the mapped Hapke I/F at a wavelength and phase angle."""
    return scale_factor(*scale_coefficients(wavelength_nm), phase_rad)
