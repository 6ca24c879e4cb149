"""Plane-parallel multiple scattering by doubling and adding, one Fourier mode of azimuth at a time.

Reflection and transmission are those of de Haan, Bosma & Hovenier 1987 (A&A 183, 371), without polarisation: light of
I/F = 1 from everywhere comes back as I/F = the sum over angles of R(mu, mu') 2 mu' w'. A Lambert surface of
reflectance 1 has R = 1. R(mu, mu0) mu0 is the radiance factor for a beam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STREAMS = 16
"""Gauss-Legendre angles per hemisphere."""

MODES = 7
"""Fourier modes of multiple scattering; single scattering is added exactly."""

DEGREES = 2 * STREAMS
"""Legendre moments of a phase function that the streams resolve."""

_FIRST_DEPTH = 1e-6


def gauss_half() -> tuple[Floats, Floats]:
    """Return the nodes and weights on 0..1 (`STREAMS` of them)."""
    x, w = np.polynomial.legendre.leggauss(STREAMS)
    return 0.5 * (x + 1.0), 0.5 * w


def phase_modes(moments: Floats) -> tuple[Floats, Floats]:
    """Return the Fourier modes of a phase function between the streams.

    Args:
        moments: (DEGREES,) Legendre moments, the first 1.

    Returns:
        Reflected (up from down) and transmitted, (MODES, STREAMS, STREAMS) each.
    """
    mu, w = gauss_half()
    sine = np.sqrt(1.0 - mu * mu)
    reflected = np.zeros((MODES, STREAMS, STREAMS))
    transmitted = np.zeros_like(reflected)
    start = np.ones(STREAMS)
    for m in range(MODES):
        if m > 0:
            start = start * sine * np.sqrt((2.0 * m - 1.0) / (2.0 * m))
        below, here = np.zeros(STREAMS), start.copy()
        for degree in range(m, DEGREES):
            part = (2.0 * degree + 1.0) * moments[degree] * np.outer(here, here)
            transmitted[m] += part
            reflected[m] += part if (degree + m) % 2 == 0 else -part
            scale = np.sqrt((degree + 1.0) ** 2 - m * m)
            following = ((2.0 * degree + 1.0) * mu * here - np.sqrt(float(degree * degree - m * m)) * below) / scale
            below, here = here, following
    # Exact energy: the mean of mode 0 over all directions must be 1 for every incoming stream.
    mean = 0.5 * ((reflected[0] + transmitted[0]) @ w)
    fix = 1.0 / np.sqrt(np.outer(mean, mean))
    reflected[0] *= fix
    transmitted[0] *= fix
    return reflected, transmitted


@dataclass(frozen=True, eq=False)
class Slab:
    """A scattering layer.

    Attributes:
        reflection, transmission: (MODES, STREAMS, STREAMS) for light from above; diffuse part only.
        reflection_below: for light from below. (Transmission from below is the transpose.)
        direct: (STREAMS,) transmission of unscattered light.
        depth: optical depth.
    """

    reflection: Floats
    transmission: Floats
    reflection_below: Floats
    direct: Floats
    depth: float


def make_slab(depth: float, albedo: float, moments: Floats) -> Slab:
    """Return a homogeneous layer by doubling a thin one.

    Args:
        depth: optical depth.
        albedo: single-scattering albedo.
        moments: Legendre moments of the phase function.
    """
    mu, w = gauss_half()
    doublings = max(0, int(np.ceil(np.log2(max(depth, _FIRST_DEPTH) / _FIRST_DEPTH))))
    thin = depth / 2.0**doublings
    reflected, transmitted = phase_modes(moments)
    total = 1.0 / mu[:, None] + 1.0 / mu[None, :]
    reflection = albedo * reflected / 4.0 * -np.expm1(-thin * total) / (mu[:, None] + mu[None, :])
    transmission = albedo * transmitted / 4.0 * thin / (mu[:, None] * mu[None, :])
    transmission *= np.exp(-0.5 * thin * total)
    if albedo == 1.0 and thin > 0.0:
        # The first layer loses nothing: what the second order of its thickness leaves out goes back into the streams.
        out = np.exp(-thin / mu) + (reflection[0] + transmission[0]).T @ (2.0 * mu * w)
        transmission[0][np.diag_indices(STREAMS)] += (1.0 - out) / (2.0 * mu * w)
    slab = Slab(reflection, transmission, reflection.copy(), np.exp(-thin / mu), thin)
    for _ in range(doublings):
        slab = add(slab, slab)
    return slab


def add(upper: Slab, lower: Slab) -> Slab:
    """Return two layers on top of each other."""
    mu, w = gauss_half()
    weight = 2.0 * mu * w
    e1, e2 = upper.direct, lower.direct
    t1, t2 = upper.transmission, lower.transmission
    s1, s2 = np.swapaxes(t1, 1, 2), np.swapaxes(t2, 1, 2)
    unit = np.eye(STREAMS)
    bounce = (upper.reflection_below * weight) @ lower.reflection
    many = np.linalg.solve(unit - bounce * weight, bounce)
    down = t1 + many * e1 + (many * weight) @ t1
    up = lower.reflection * e1 + (lower.reflection * weight) @ down
    reflection = upper.reflection + e1[:, None] * up + (s1 * weight) @ up
    transmission = e2[:, None] * down + t2 * e1 + (t2 * weight) @ down
    bounce = (lower.reflection * weight) @ upper.reflection_below
    many = np.linalg.solve(unit - bounce * weight, bounce)
    rise = s2 + many * e2 + (many * weight) @ s2
    back = upper.reflection_below * e2 + (upper.reflection_below * weight) @ rise
    below = lower.reflection_below + e2[:, None] * back + (t2 * weight) @ back
    return Slab(reflection, transmission, below, e1 * e2, upper.depth + lower.depth)


def flux_transmission(slab: Slab) -> Floats:
    """Return (STREAMS,) the part of a beam that gets through as diffuse light."""
    mu, w = gauss_half()
    return np.asarray((2.0 * mu * w) @ slab.transmission[0], dtype=np.float64)


def plane_albedo(slab: Slab) -> Floats:
    """Return (STREAMS,) the part of a beam that comes back."""
    mu, w = gauss_half()
    return np.asarray((2.0 * mu * w) @ slab.reflection[0], dtype=np.float64)


def spherical_albedo_below(slab: Slab) -> float:
    """Return the part of diffuse light from below that comes back down."""
    mu, w = gauss_half()
    weight = 2.0 * mu * w
    return float(weight @ slab.reflection_below[0] @ weight)
