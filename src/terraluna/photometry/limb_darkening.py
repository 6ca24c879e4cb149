"""The limb-darkened Sun and how much of its light a round occulter hides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from terraluna.photometry.spectra import check_range
from terraluna.photometry.tables import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMB_DARKENING_RANGE_NM: Final = (303.327, 1098.95)
"""Wavelengths of the Neckel & Labs table, nm."""

# Gauss-Legendre nodes in an angle phi with rho = centre + half width * sin(phi): the sine removes the square-root
# ends of the integrand, so 24 nodes reach 1e-9 on each piece.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def limb_darkening(wavelength_nm: float) -> NDArray[np.float64]:
    """Return A0..A5 of I(mu)/I(1) = sum A_k mu^k at a wavelength, (6,).

    Linear in wavelength between the 30 tabulated wavelengths; scaled so that the sum is exactly 1.

    Raises:
        InputError: outside 303-1099 nm.

    Source: Neckel & Labs 1994, Solar Physics 153, 91.
    """
    check_range(np.asarray(float(wavelength_nm)), LIMB_DARKENING_RANGE_NM, "the solar limb darkening table")
    columns = table("limb_darkening_neckel_labs_1994.csv")
    coefficients = np.array([np.interp(wavelength_nm, columns["nm"], columns[f"A{k}"]) for k in range(6)])
    return np.asarray(coefficients / coefficients.sum(), dtype=np.float64)


def mean_over_central(coefficients: NDArray[np.float64]) -> float:
    """Return the disc-mean intensity over the intensity at the disc centre."""
    return float(sum(2.0 * a / (k + 2.0) for k, a in enumerate(coefficients)))


@njit(cache=True)
def _intensity(coefficients: NDArray[np.float64], mu: float) -> float:
    value = 0.0
    for k in range(coefficients.size - 1, -1, -1):
        value = value * mu + coefficients[k]
    return value


@njit(cache=True)
def _enclosed(coefficients: NDArray[np.float64], rho: float) -> float:
    """Flux inside the circle of radius rho (solar radii), over pi."""
    mu = math.sqrt(max(0.0, 1.0 - rho * rho))
    total = 0.0
    power = mu * mu
    for k in range(coefficients.size):
        total += 2.0 * coefficients[k] / (k + 2.0) * (1.0 - power)
        power *= mu
    return total


@njit(cache=True)
def obscuration(sep: float, r_sun: float, r_occ: float, coefficients: NDArray[np.float64]) -> float:
    """Return the fraction of the Sun's light that a dark round occulter hides, 0 to 1.

    Args:
        sep: angle between the centres, any unit.
        r_sun: angular radius of the Sun, same unit, > 0.
        r_occ: angular radius of the occulter, same unit, >= 0.
        coefficients: limb darkening A0..A5, or ``[1.0]`` for a uniform disc.

    Plane geometry (the angles are small); accurate to 1e-7 of the solar flux.
    """
    d = abs(sep) / r_sun
    r = r_occ / r_sun
    if r <= 0.0 or d >= 1.0 + r:
        return 0.0
    if r >= 1.0 + d:
        return 1.0
    hidden = 0.0
    if r > d:
        hidden += _enclosed(coefficients, min(1.0, r - d))
    low = abs(d - r)
    high = min(1.0, d + r)
    if high > low:
        centre = 0.5 * (low + high)
        half = 0.5 * (high - low)
        partial = 0.0
        for j in range(_NODES.size):
            phi = 0.5 * math.pi * _NODES[j]
            rho = centre + half * math.sin(phi)
            if rho <= 0.0:
                continue
            if d > 0.0:
                cosine = (rho * rho + d * d - r * r) / (2.0 * rho * d)
                covered = math.acos(min(1.0, max(-1.0, cosine))) / math.pi
            else:
                covered = 1.0 if rho < r else 0.0
            mu = math.sqrt(max(0.0, 1.0 - rho * rho))
            partial += _WEIGHTS[j] * _intensity(coefficients, mu) * 2.0 * rho * covered * math.cos(phi)
        hidden += partial * half * 0.5 * math.pi
    return min(1.0, max(0.0, hidden / _enclosed(coefficients, 1.0)))
