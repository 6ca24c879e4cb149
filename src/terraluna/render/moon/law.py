"""Hapke's law arranged for pictures: what bands share is worked out once a sample, what cells share once a cell.

I/F = w/4 mu0e / (mu0e + mue) [p(g) (1 + B(g)) + H(mu0e) H(mue) - 1] S is `terraluna.photometry.laws.hapke`. Roughness
(mu0e, mue, S) knows no wavelength, so all bands share it. The lobe p (1 + B) depends on the parameters of the place and
on the phase angle only, both of which change slowly over the body, so a table of one value a square degree serves.
"""

from __future__ import annotations

import math

from numba import njit

from terraluna.render.angles import arc_cosine, fast_exp
from terraluna.render.compiling import FAST

LEAST_COSINE = 1e-3
"""Emission cosine of ground that faces away from the observer: it is hidden by ground before it, as at the limb."""


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def slope_shadowing(cosine, sine, tangent):  # type: ignore[no-untyped-def]
    """Return the two exponentials of one zenith angle over a surface of mean slope ``tangent`` (Hapke 1984, eq. 47)."""
    y = cosine / (tangent * max(sine, 1e-9))
    return fast_exp(-2.0 / math.pi * y), fast_exp(-y * y / math.pi)


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def rough_terms(mu0, mu, cos_g, tangent, chi):  # type: ignore[no-untyped-def]
    """Return (mu0e, mue, S): effective cosines and shadowing of rough ground.

    Args:
        mu0: cosine of incidence, above 0.
        mu: cosine of emission, above 0.
        cos_g: cosine of the phase angle.
        tangent: tangent of the mean slope angle, above 0.
        chi: 1 / sqrt(1 + pi tangent^2).

    The law is symmetric: it is written for the higher and the lower of the two directions. Source: Hapke 1984 (Icarus
    59, 41), eqs. 45-58; `terraluna.photometry.laws.roughness` is the reference.
    """
    swapped = mu0 < mu
    high = max(mu0, mu)
    low = min(mu0, mu)
    sin_high = math.sqrt(max(0.0, 1.0 - high * high))
    sin_low = math.sqrt(max(0.0, 1.0 - low * low))
    e1_high, e2_high = slope_shadowing(high, sin_high, tangent)
    e1_low, e2_low = slope_shadowing(low, sin_low, tangent)
    product = sin_high * sin_low
    # A vertical direction has no azimuth, and its sine removes every term that asks for one.
    cos_psi = min(1.0, max(-1.0, (cos_g - high * low) / max(product, 1e-15)))
    psi = arc_cosine(cos_psi)
    sin2_half = 0.5 * (1.0 - cos_psi)
    f = fast_exp(-2.0 * math.sqrt((1.0 - cos_psi) / max(1.0 + cos_psi, 1e-15)))
    eta_high = chi * (high + sin_high * tangent * e2_high / (2.0 - e1_high))
    eta_low = chi * (low + sin_low * tangent * e2_low / (2.0 - e1_low))
    scale = tangent / (2.0 - e1_low - psi * (1.0 / math.pi) * e1_high)
    high_e = chi * (high + sin_high * scale * (cos_psi * e2_low + sin2_half * e2_high))
    low_e = chi * (low + sin_low * scale * (e2_low - sin2_half * e2_high))
    # S = mue/eta_e mu0/eta_i chi / (1 - f + f chi cos/eta of the higher direction).
    seen = high_e / eta_high if swapped else low_e / eta_low
    lit = low / eta_low if swapped else high / eta_high
    shadow = seen * lit * chi / (1.0 - f + f * chi * high / eta_high)
    mu0e = low_e if swapped else high_e
    mue = high_e if swapped else low_e
    return mu0e, mue, shadow


@njit(cache=True, error_model="numpy", fastmath=FAST)
def lobe(cos_g: float, b: float, c: float, surge: float, width: float) -> float:
    """Return p(g) (1 + B(g)): double Henyey-Greenstein lobe times shadow-hiding opposition surge.

    Args:
        cos_g: cosine of the phase angle.
        b: shape of the lobes.
        c: share of the backward lobe.
        surge: amplitude of the surge.
        width: its width.
    """
    b2 = b * b
    back = 1.0 - 2.0 * b * cos_g + b2
    forward = 1.0 + 2.0 * b * cos_g + b2
    p = (1.0 - b2) * (0.5 * (1.0 + c) / (back * math.sqrt(back)) + 0.5 * (1.0 - c) / (forward * math.sqrt(forward)))
    tangent = math.sqrt((1.0 - cos_g) / max(1.0 + cos_g, 1e-15))
    return p * (1.0 + surge * width / max(width + tangent, 1e-15))


@njit(cache=True, error_model="numpy", fastmath=FAST)
def log_term(x: float) -> float:
    """Return x ln((1 + x) / x) for 0 <= x <= 1, the part of the H function that all bands share; error below 1.2e-5.

    A polynomial of the fourth root of x, fitted on Chebyshev nodes: no logarithm, so it runs on vector registers.
    """
    t = math.sqrt(math.sqrt(x))
    p = 1.0672574104642771 - 0.8701833041199362 * t
    p = 4.301566320824634 + t * p
    p = -9.62642326338277 + t * p
    p = 5.091860598576253 + t * p
    p = 0.758965053737114 + t * p
    p = -0.030394321742158656 + t * p
    p = 0.000488096833003937 + t * p
    return -6.251826545899952e-07 + t * p


@njit(cache=True, error_model="numpy", fastmath=FAST)
def multiple(w: float, mu0e: float, mue: float, log_i: float, log_e: float) -> float:
    """Return H(mu0e) H(mue) - 1 (Hapke 2002, eq. 13); ``log_i`` and ``log_e`` are `log_term` of the two cosines."""
    root = math.sqrt(max(0.0, 1.0 - w))
    r0 = (1.0 - root) / (1.0 + root)
    below_i = 1.0 - w * (r0 * mu0e + (0.5 - r0 * mu0e) * log_i)
    below_e = 1.0 - w * (r0 * mue + (0.5 - r0 * mue) * log_e)
    return 1.0 / (below_i * below_e) - 1.0


def roughness_constants(theta_rad: float) -> tuple[float, float]:
    """Return (tangent, chi) of a mean slope angle for `rough_terms`."""
    tangent = math.tan(theta_rad)
    return tangent, 1.0 / math.sqrt(1.0 + math.pi * tangent * tangent)
