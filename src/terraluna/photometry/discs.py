"""Integrals over the disc of a sphere seen and lit from afar: flux, disc mean, centre of brightness, albedos."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from terraluna.errors import GeometryError
from terraluna.photometry.hapke import HapkeMaps, sample
from terraluna.photometry.laws import Law, evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_NODES: Final = 160
"""Gauss-Legendre nodes per axis: 1-degree maps converge to 0.05 % (tests measure it)."""


@dataclass(frozen=True)
class DiscIntegral:
    """What the disc sends to the observer.

    Attributes:
        mean_radiance_factor: mean I/F over the whole disc, dark part included (the ``A`` of ROLO).
        flux: integral of I/F over the disc of unit radius = pi times the mean.
        offset: centre of brightness in radii, along the projected direction to the Sun.
        offset_across: centre of brightness in radii, right-handed across it about the direction to the observer.
    """

    mean_radiance_factor: float
    flux: float
    offset: float
    offset_across: float


@njit(cache=True)
def _integrate(
    law: int,
    params: NDArray[np.float64],
    grid: NDArray[np.float64],
    basis: NDArray[np.float64],
    g: float,
    gx: NDArray[np.float64],
    gw: NDArray[np.float64],
) -> tuple[float, float, float]:
    # Luminance coordinates: the observer at longitude 0, the Sun at longitude g, the equator through both. The lit
    # and visible part is longitude g - 90 deg (terminator) to 90 deg (limb) at every latitude.
    low = g - 0.5 * math.pi
    half = 0.5 * (0.5 * math.pi - low)
    centre = low + half
    local = params.copy()
    flux = 0.0
    along = 0.0
    across = 0.0
    mapped = grid.shape[0] > 1
    for j in range(gx.size):
        beta = 0.5 * math.pi * gx[j]
        cos_b = math.cos(beta)
        sin_b = math.sin(beta)
        weight_b = gw[j] * 0.5 * math.pi * cos_b
        for i in range(gx.size):
            lon = centre + half * gx[i]
            x = cos_b * math.cos(lon)
            y = cos_b * math.sin(lon)
            mu0 = cos_b * math.cos(lon - g)
            if mapped:
                bx = basis[0, 0] * x + basis[1, 0] * y + basis[2, 0] * sin_b
                by = basis[0, 1] * x + basis[1, 1] * y + basis[2, 1] * sin_b
                bz = basis[0, 2] * x + basis[1, 2] * y + basis[2, 2] * sin_b
                sample(grid, math.asin(min(1.0, max(-1.0, bz))), math.atan2(by, bx), local)
            value = evaluate(law, local, mu0, x, g) * x * weight_b * gw[i] * half
            flux += value
            along += value * y
            across += value * sin_b
    return flux, along, across


def disc_integral(law: Law, params: NDArray[np.float64], phase_rad: float, nodes: int = DEFAULT_NODES) -> DiscIntegral:
    """Integrate a law with one parameter vector over the sphere."""
    return _run(law, np.asarray(params, dtype=np.float64), np.zeros((1, 1, 1)), np.eye(3), phase_rad, nodes)


def moon_disc_integral(
    maps: HapkeMaps,
    sub_observer: tuple[float, float],
    sub_solar: tuple[float, float],
    nodes: int = DEFAULT_NODES,
) -> DiscIntegral:
    """Integrate the mapped Moon (Hapke, unscaled) seen and lit from two selenographic places.

    Args:
        maps: parameters at one wavelength.
        sub_observer: latitude and east longitude of the sub-observer point, rad.
        sub_solar: latitude and east longitude of the subsolar point, rad.
        nodes: Gauss-Legendre nodes per axis.
    """
    to_observer = unit_vector(*sub_observer)
    to_sun = unit_vector(*sub_solar)
    phase = math.atan2(float(np.linalg.norm(np.cross(to_observer, to_sun))), float(to_observer @ to_sun))
    side = to_sun - (to_sun @ to_observer) * to_observer
    if float(np.linalg.norm(side)) < 1e-12:
        side = np.cross(to_observer, [0.0, 0.0, 1.0] if abs(to_observer[2]) < 0.9 else [1.0, 0.0, 0.0])
    side = side / np.linalg.norm(side)
    basis = np.array([to_observer, side, np.cross(to_observer, side)])
    params = np.zeros(6)
    params[5] = maps.theta_rad
    return _run(Law.HAPKE, params, maps.parameters, basis, phase, nodes)


def unit_vector(lat: float, lon: float) -> NDArray[np.float64]:
    """Return the body-fixed unit vector of a place (rad, east positive), (3,)."""
    return np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])


def hemispherical_albedo(law: Law, params: NDArray[np.float64], mu0: float, nodes: int = 48) -> float:
    """Return the share of a beam at incidence cosine ``mu0`` that a flat surface sends back (I/F per mu0, over pi)."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    mu = 0.5 * (x + 1.0)
    psi = 0.5 * math.pi * (x + 1.0)
    total = 0.0
    sines = math.sqrt(1.0 - mu0 * mu0) * np.sqrt(1.0 - mu * mu)
    for a, weight_mu, s in zip(mu, 0.5 * w, sines, strict=True):
        for b, weight_psi in zip(psi, 0.5 * math.pi * w, strict=True):
            g = math.acos(min(1.0, max(-1.0, mu0 * a + s * math.cos(b))))
            total += 2.0 * weight_mu * weight_psi * a * evaluate(int(law), params, mu0, a, g)
    return total / (math.pi * mu0)


def _run(
    law: Law,
    params: NDArray[np.float64],
    grid: NDArray[np.float64],
    basis: NDArray[np.float64],
    phase_rad: float,
    nodes: int,
) -> DiscIntegral:
    if not 0.0 <= phase_rad < math.pi:
        raise GeometryError(f"phase angle {phase_rad:g} rad: a disc integral needs 0 <= phase < pi")
    gx, gw = np.polynomial.legendre.leggauss(nodes)
    flux, along, across = _integrate(int(law), params, grid, basis, float(phase_rad), gx, gw)
    if flux <= 0.0:
        return DiscIntegral(0.0, 0.0, math.nan, math.nan)
    return DiscIntegral(flux / math.pi, flux, along / flux, across / flux)
