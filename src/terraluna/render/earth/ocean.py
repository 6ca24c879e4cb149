"""The sea's surface: Fresnel's mirror on Cox & Munk's slopes, what it does to direct and to diffuse light."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from terraluna.render.angles import fast_exp
from terraluna.render.compiling import FAST
from terraluna.render.earth import tables
from terraluna.render.earth.grid import slant_cosine, sun_nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEEPEST: Final = 12.0
"""Squared slopes beyond this many variances carry 6e-6 of the facets and are left out."""


def slope_variance(wind_m_s: float) -> float:
    """Return the mean square slope of the sea: 0.003 + 0.00512 W (Cox & Munk 1954, clean surface, all directions)."""
    return 0.003 + 0.00512 * wind_m_s


@njit(cache=True, error_model="numpy", fastmath=FAST)
def fresnel(cosine: float, index: float) -> float:
    """Return the reflectance of a dielectric mirror for unpolarised light at an incidence of given cosine."""
    inner = math.sqrt(index * index - 1.0 + cosine * cosine)
    across = (cosine - inner) / (cosine + inner)
    along = (index * index * cosine - inner) / (index * index * cosine + inner)
    return 0.5 * (across * across + along * along)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def hidden(cosine: float, variance: float) -> float:
    """Return Smith's Lambda: the wave crests' shadow for Gaussian slopes (Smith 1967, IEEE Trans. AP-15, 668)."""
    cosine = max(cosine, 1e-4)
    if cosine * cosine > 6.25 * variance * (1.0 - cosine * cosine):
        # Fewer than 2e-5 of the facets are hidden.
        return 0.0
    a = cosine / math.sqrt(max(1e-12, 1.0 - cosine * cosine) * variance)
    return 0.5 * (math.exp(-a * a) / (a * 1.7724538509055159) - math.erfc(a))


@njit(cache=True, error_model="numpy", fastmath=FAST)
def facet_light(mu0: float, mu: float, cos_phase: float, variance: float) -> float:
    """Return `glint_shape` without the wave crests' shadow; no branch, for vector registers."""
    half = math.sqrt(max(1e-12, 2.0 + 2.0 * cos_phase))
    tilt = min(1.0, max(1e-6, (mu0 + mu) / half))
    square = tilt * tilt
    slope = (1.0 - square) / square
    density = fast_exp(-slope / variance) / (math.pi * variance)
    light = math.pi * density / (4.0 * max(mu, 1e-4) * square * square)
    steep = slope > STEEPEST * variance
    return 0.0 if steep or mu0 <= 0.0 else light


@njit(cache=True, error_model="numpy", fastmath=FAST)
def crest_shadow(mu0: float, mu: float, variance: float) -> float:
    """Return the part of the facets that the wave crests leave in the Sun and in sight (Smith 1967)."""
    return 1.0 / (1.0 + hidden(mu0, variance) + hidden(mu, variance))


@njit(cache=True, error_model="numpy", fastmath=FAST)
def glint_shape(mu0: float, mu: float, cos_phase: float, variance: float) -> float:
    """Return I/F of the Sun's image in a wind-roughened sea over Fresnel's reflectance; 0 away from the glint.

    Args:
        mu0, mu: cosines of incidence and emission.
        cos_phase: cosine of the phase angle; the facets that shine are met at half that angle.
        variance: mean square slope. Isotropic Gaussian slopes with Smith's shadowing both ways.
    """
    light = facet_light(mu0, mu, cos_phase, variance)
    return light * crest_shadow(mu0, mu, variance) if light > 0.0 else 0.0


@njit(cache=True, error_model="numpy", fastmath=FAST)
def fill_mirror(cosines, index, variance, steps, out):  # type: ignore[no-untyped-def]
    """Write the part of a beam that the surface sends up, by integration over the facets that face the beam."""
    for i in range(cosines.size):
        mu0 = cosines[i]
        sine = math.sqrt(max(0.0, 1.0 - mu0 * mu0))
        total = 0.0
        for a in range(steps):
            # Facets in equal parts of the Gaussian distribution of squared slope.
            steep = math.sqrt(-variance * math.log(1.0 - (a + 0.5) / steps))
            for b in range(steps):
                toward = steep * math.cos(2.0 * math.pi * (b + 0.5) / steps)
                up = 1.0 / math.sqrt(1.0 + steep * steep)
                meet = (mu0 - sine * toward) * up
                if meet <= 0.0:
                    continue
                mu = 2.0 * meet * up - mu0
                if mu <= 0.0:
                    continue
                total += fresnel(meet, index) * meet / (up * mu0) * crest_shadow(mu0, mu, variance)
        out[i] = total / (steps * steps)


@lru_cache(maxsize=8)
def mirror(wind_m_s: float) -> tuple[Floats, float]:
    """Return the surface's albedo for a beam at each Sun node, and for diffuse light.

    Light that meets a second wave is counted as lost (below 1 % of the beam above 15 degrees).
    """
    variance = slope_variance(wind_m_s)
    index = float(tables.sea_index(np.array([550.0]))[0])
    nodes, weights = np.polynomial.legendre.leggauss(16)
    diffuse_mu = 0.5 * (nodes + 1.0)
    cosines = np.concatenate([slant_cosine(sun_nodes()), diffuse_mu])
    out = np.empty(cosines.size)
    fill_mirror(cosines, index, variance, 48, out)
    count = cosines.size - nodes.size
    return np.minimum(out[:count], 1.0), float(np.sum(weights * diffuse_mu * out[count:]))


def body_reflectance(bands_nm: Floats, wind_m_s: float, chlorophyll: float) -> Floats:
    """Return the sea's diffuse reflectance without the mirror: water-leaving light and whitecaps."""
    foam = tables.foam_fraction(wind_m_s)
    water = tables.water_leaving(bands_nm, chlorophyll)
    return np.asarray((1.0 - foam) * water + foam * tables.foam_reflectance(bands_nm), dtype=np.float64)
