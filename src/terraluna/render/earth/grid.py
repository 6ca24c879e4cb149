"""The angles at which everything is tabulated, and how a kernel finds its place among them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from terraluna.render.compiling import FAST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NIGHT: Final = -0.30
"""Cosine of incidence below which no light is drawn: the Sun is 17 degrees down."""

FINE: Final = 0.01
COARSE: Final = 0.04
BEND: Final = 0.16
FINE_STEPS: Final = 46
SUN_NODES: Final = 68
"""Nodes in the cosine of incidence: every 0.01 from `NIGHT` to `BEND`, then every 0.04."""

VIEW_NODES: Final = 25
"""Nodes in the cosine of emission, even in its square root."""

COVER_NODES: Final = 9
"""Nodes in cloud, even in `columns.whiteness` from 0 to 1."""

EARTH_KM: Final = 6371.0
AIR_SCALE_KM: Final = 8.0
OZONE_KM: Final = 22.0
"""Height of the ozone layer's middle."""


def sun_nodes() -> Floats:
    """Return (SUN_NODES,) cosines of incidence."""
    fine = NIGHT + FINE * np.arange(FINE_STEPS)
    return np.concatenate([fine, BEND + COARSE * np.arange(SUN_NODES - FINE_STEPS)])


def view_nodes() -> Floats:
    """Return (VIEW_NODES,) cosines of emission."""
    return np.asarray(np.linspace(0.0, 1.0, VIEW_NODES) ** 2, dtype=np.float64)


@njit(cache=True, inline="always", error_model="numpy", fastmath=FAST)
def sun_place(mu0: float) -> float:
    """Return the place of a cosine of incidence among the nodes, limited to them."""
    x = (mu0 - NIGHT) * (1.0 / FINE)
    if mu0 > BEND:
        x = FINE_STEPS + (mu0 - BEND) * (1.0 / COARSE)
    return min(max(x, 0.0), SUN_NODES - 1.000001)


@njit(cache=True, inline="always", error_model="numpy", fastmath=FAST)
def view_place(mu: float) -> float:
    """Return the place of a cosine of emission among the nodes."""
    return min(math.sqrt(max(mu, 0.0)) * (VIEW_NODES - 1.0), VIEW_NODES - 1.000001)


def slant_cosine(mu: Floats, scale_km: float = AIR_SCALE_KM) -> Floats:
    """Return the cosine whose plane-parallel air mass is that of a spherical shell (Chapman's function), mu >= 0.

    Ch = sqrt(pi X / 2) exp(X mu^2 / 2) erfc(sqrt(X / 2) mu), X = radius / scale height: the usual closed form
    (Smith & Smith 1972, J. Geophys. Res. 77, 3592), 0.2 % off overhead.
    """
    from scipy.special import erfcx

    x = EARTH_KM / scale_km
    mu = np.maximum(np.asarray(mu, dtype=np.float64), 0.0)
    airmass = np.sqrt(np.pi * x / 2.0) * erfcx(np.sqrt(x / 2.0) * mu)
    return np.asarray(np.minimum(1.0 / airmass, 1.0), dtype=np.float64)


def ozone_cosine(mu: Floats) -> Floats:
    """Return the cosine of a ray, |mu| at the ground, where it crosses the ozone layer."""
    ratio = EARTH_KM / (EARTH_KM + OZONE_KM)
    return np.asarray(np.sqrt(1.0 - ratio**2 * (1.0 - np.asarray(mu) ** 2)), dtype=np.float64)
