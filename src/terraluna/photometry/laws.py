"""Reflectance laws as kernels with one signature: ``law(params, mu0, mu, g) -> I/F``.

``params`` is a float64 vector whose meaning belongs to the law, ``mu0`` and ``mu`` the cosines of incidence and
emission, ``g`` the phase angle in radians. Every law returns 0 where the surface is unlit or faces away.
``evaluate`` picks a law by number, so that one compiled renderer serves all of them.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Law(IntEnum):
    """Numbers of the laws for :func:`evaluate`."""

    LAMBERT = 0
    LOMMEL_SEELIGER = 1
    LUNAR_LAMBERT = 2
    HAPKE = 3


N_PARAMS: Final[dict[Law, int]] = {Law.LAMBERT: 1, Law.LOMMEL_SEELIGER: 1, Law.LUNAR_LAMBERT: 1, Law.HAPKE: 6}
"""Length of the parameter vector of each law."""


@njit(cache=True)
def lambert(params: NDArray[np.float64], mu0: float, mu: float, g: float) -> float:
    """Return I/F of a Lambert surface: ``params = [albedo]``; I/F = albedo mu0."""
    if mu0 <= 0.0 or mu <= 0.0:
        return 0.0
    return float(params[0] * mu0)


@njit(cache=True)
def lommel_seeliger(params: NDArray[np.float64], mu0: float, mu: float, g: float) -> float:
    """Return I/F of a Lommel-Seeliger surface: ``params = [scale]``; I/F = scale 2 mu0 / (mu0 + mu)."""
    if mu0 <= 0.0 or mu <= 0.0:
        return 0.0
    return float(params[0] * 2.0 * mu0 / (mu0 + mu))


@njit(cache=True)
def lunar_lambert_weight(g: float) -> float:
    """Return McEwen's Lommel-Seeliger weight L(g), limited to 0..1 (the cubic leaves it beyond about 130 deg).

    Source: McEwen 1991 and 1996 (LPSC 27, 841), coefficients as in the USGS ISIS program (public domain).
    """
    a = math.degrees(g)
    return min(1.0, max(0.0, 1.0 - 0.019 * a + 0.242e-3 * a * a - 1.46e-6 * a * a * a))


@njit(cache=True)
def lunar_lambert(params: NDArray[np.float64], mu0: float, mu: float, g: float) -> float:
    """Return I/F of McEwen's lunar-Lambert law: ``params = [A]``; A [2 L mu0/(mu0+mu) + (1-L) mu0].

    A may depend on phase: the caller holds that. Do not use beyond about 120 deg.
    """
    if mu0 <= 0.0 or mu <= 0.0:
        return 0.0
    weight = lunar_lambert_weight(g)
    return float(params[0] * (2.0 * weight * mu0 / (mu0 + mu) + (1.0 - weight) * mu0))


@njit(cache=True)
def _h_function(x: float, w: float, r0: float) -> float:
    # Hapke 2002 (Icarus 157, 523), eq. 13: within 1 % of Chandrasekhar's H.
    if x <= 0.0:
        return 1.0
    return 1.0 / (1.0 - w * x * (r0 + 0.5 * (1.0 - 2.0 * r0 * x) * math.log((1.0 + x) / x)))


@njit(cache=True)
def roughness(mu0: float, mu: float, g: float, theta: float) -> tuple[float, float, float]:
    """Return (mu0e, mue, S): effective cosines and shadowing of a surface with mean slope angle ``theta`` (rad).

    Source: Hapke 1984 (Icarus 59, 41), eqs. 45-58; Hapke 2012, section 12.4. ``theta = 0`` gives (mu0, mu, 1).
    """
    if theta <= 0.0:
        return mu0, mu, 1.0
    sin_i = math.sqrt(max(0.0, 1.0 - mu0 * mu0))
    sin_e = math.sqrt(max(0.0, 1.0 - mu * mu))
    tan_t = math.tan(theta)
    cot_t = 1.0 / tan_t
    chi = 1.0 / math.sqrt(1.0 + math.pi * tan_t * tan_t)
    # Exponentials of the two zenith angles; a vertical direction sees no slopes (cot -> infinity).
    e1_i = 0.0
    e2_i = 0.0
    if sin_i > 1e-9:
        y = cot_t * mu0 / sin_i
        e1_i = math.exp(-2.0 / math.pi * y)
        e2_i = math.exp(-y * y / math.pi)
    e1_e = 0.0
    e2_e = 0.0
    if sin_e > 1e-9:
        y = cot_t * mu / sin_e
        e1_e = math.exp(-2.0 / math.pi * y)
        e2_e = math.exp(-y * y / math.pi)
    cos_psi = 1.0
    if sin_i > 1e-9 and sin_e > 1e-9:
        cos_psi = min(1.0, max(-1.0, (math.cos(g) - mu0 * mu) / (sin_i * sin_e)))
    psi = math.acos(cos_psi)
    sin2_half = 0.5 * (1.0 - cos_psi)
    f = 0.0
    if cos_psi > -1.0 + 1e-14:
        f = math.exp(-2.0 * math.sqrt((1.0 - cos_psi) / (1.0 + cos_psi)))
    eta_i = chi * (mu0 + sin_i * tan_t * e2_i / (2.0 - e1_i))
    eta_e = chi * (mu + sin_e * tan_t * e2_e / (2.0 - e1_e))
    if mu0 >= mu:  # i <= e
        below = 2.0 - e1_e - psi / math.pi * e1_i
        mu0e = chi * (mu0 + sin_i * tan_t * (cos_psi * e2_e + sin2_half * e2_i) / below)
        mue = chi * (mu + sin_e * tan_t * (e2_e - sin2_half * e2_i) / below)
        shadow = mue / eta_e * mu0 / eta_i * chi / (1.0 - f + f * chi * mu0 / eta_i)
    else:
        below = 2.0 - e1_i - psi / math.pi * e1_e
        mu0e = chi * (mu0 + sin_i * tan_t * (e2_i - sin2_half * e2_e) / below)
        mue = chi * (mu + sin_e * tan_t * (cos_psi * e2_i + sin2_half * e2_e) / below)
        shadow = mue / eta_e * mu0 / eta_i * chi / (1.0 - f + f * chi * mu / eta_e)
    return mu0e, mue, shadow


@njit(cache=True)
def hapke(params: NDArray[np.float64], mu0: float, mu: float, g: float) -> float:
    """Return I/F by Hapke's law in the form of the LROC WAC parameter maps.

    ``params = [w, b, c, Bs0, hs, theta]``: single-scattering albedo; double Henyey-Greenstein shape b and backward
    share c in p = (1+c)/2 (back lobe) + (1-c)/2 (forward lobe); amplitude and width of the shadow-hiding surge; mean
    slope angle in radians. I/F = w/4 mu0e/(mu0e+mue) [p (1 + Bs0 Bs) + H(mu0e) H(mue) - 1] S.

    Source: Sato et al. 2014 (JGR Planets 119, 1775), eqs. 1-8; Hapke 2012.
    """
    if mu0 <= 0.0 or mu <= 0.0:
        return 0.0
    w = params[0]
    b = params[1]
    c = params[2]
    mu0e, mue, shadow = roughness(mu0, mu, g, params[5])
    if mu0e <= 0.0 or mue <= 0.0:
        return 0.0
    cos_g = math.cos(g)
    b2 = b * b
    back = (1.0 - b2) / (1.0 - 2.0 * b * cos_g + b2) ** 1.5
    forward = (1.0 - b2) / (1.0 + 2.0 * b * cos_g + b2) ** 1.5
    p = 0.5 * (1.0 + c) * back + 0.5 * (1.0 - c) * forward
    surge = 0.0
    if params[4] > 0.0:
        surge = params[3] * params[4] / (params[4] + math.tan(0.5 * min(g, math.pi - 1e-9)))
    root = math.sqrt(max(0.0, 1.0 - w))
    r0 = (1.0 - root) / (1.0 + root)
    multiple = _h_function(mu0e, w, r0) * _h_function(mue, w, r0) - 1.0
    return float(0.25 * w * mu0e / (mu0e + mue) * (p * (1.0 + surge) + multiple) * shadow)


@njit(cache=True)
def evaluate(law: int, params: NDArray[np.float64], mu0: float, mu: float, g: float) -> float:
    """Return I/F by the law with number ``law`` (see :class:`Law`); NaN for an unknown number."""
    if law == 0:
        return float(lambert(params, mu0, mu, g))
    if law == 1:
        return float(lommel_seeliger(params, mu0, mu, g))
    if law == 2:
        return float(lunar_lambert(params, mu0, mu, g))
    if law == 3:
        return float(hapke(params, mu0, mu, g))
    return math.nan
