"""How the Sun stands to a disc, and the profile of its limb where the terminator is near.

Near the cusps of a crescent the light falls from the limb to nothing within pixels. No sum of step, root and depth does
that: such a profile puts the edge up to 0.4 px too far out. So they are multiplied by the fall-off of a rough sphere,
for which the direction of the Sun and the phase are read off the lit part of the disc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.median import median, quantile
from terraluna.opnav.measure.picture import Prepared, good_within
from terraluna.opnav.measure.profile import RADIUS_GRID, SIGMA_GRID, TABLE_GRID, TABLE_REACH, WIDER, core_of, grid_step
from terraluna.opnav.measure.shapes import Polar
from terraluna.opnav.types import Floats
from terraluna.photometry.laws import roughness

_SLOPE_RAD = math.radians(23.4)
"""Mean slope of the Moon's ground below the resolution of a picture (Sato et al. 2014, JGR Planets 119, 1775)."""

_TOP_PX = 3.0
_DEEPEST = 2.5
_DEEPEST_PX = 4.0
"""Depth within which a profile is normalised, and that beyond which none is needed: in blurs and px."""

KNOTS = 91
"""Tables around half of a disc, from the Sun's direction to the opposite one: 2 degrees apart."""

_PHASE_GRID = math.radians(0.5)
_NODES = 80
_LEAST_PHASE_RAD = math.radians(75.0)
"""On fuller discs no terminator is near the limb in use, and clouds make the direction and the phase worse."""

_MOST_PIXELS = 20_000.0
_LEVEL_PIXELS = 5_000
_LEAST_PIXELS = 30
"""Pixels, some, that tell the lit share of a disc and the level of its light, and how few are too few."""

_DARK = 0.12
"""Share of the median light of the lit part below which a pixel counts as night."""

_PHASES_RAD = np.radians([-4.5, -2.0, 0.5])
"""Phases to try about that of the lit area, which shadows near the terminator make up to 5 deg too large."""


@dataclass(frozen=True)
class Light:
    """How the Sun stands to a disc.

    Attributes:
        sun_rad: its direction in the picture, from +x toward +y.
        phase_rad: phase angle.
    """

    sun_rad: float
    phase_rad: float

    def which(self, angle: Floats) -> NDArray[np.int64]:
        """The table of :func:`lit_tables` for each polar angle (n,), rad: the nearest."""
        away = np.abs((angle - self.sun_rad + np.pi) % (2.0 * np.pi) - np.pi)
        return np.asarray(np.rint(away * ((KNOTS - 1) / np.pi)), dtype=np.int64)

    def near(self) -> list[Light]:
        """The same direction with phases as likely."""
        return [replace(self, phase_rad=self.phase_rad + float(more)) for more in _PHASES_RAD]


def lit_part(picture: Prepared, polar: Polar) -> tuple[float, float, float] | None:
    """Phase (rad) by the area of the lit part of a disc, (1 + cos phase)/2 of it, and the mean x, y of that part.

    x and y count from the disc's centre. None where too little of the disc is in the frame.
    """
    column, row, light = good_within(picture, polar.x, polar.y, polar.mean, _MOST_PIXELS)
    total = len(light)
    if total < _LEAST_PIXELS:
        return None
    some = light[:: max(1, total // _LEVEL_PIXELS)].copy()
    bright = some[some >= 0.2 * quantile(some, 0.95)]
    lit = light > max(_DARK * median(bright), 4.0 * picture.noise)
    if not lit.any():
        return None
    phase = float(np.arccos(2.0 * np.count_nonzero(lit) / total - 1.0))
    return phase, float(column[lit].mean()) - polar.x, float(row[lit].mean()) - polar.y


def light_of(picture: Prepared, polar: Polar) -> Light | None:
    """Direction of the Sun and phase from the lit part of a disc; None where the disc is cut or too full to tell.

    On rendered Moons of 15 to 40 px at 50 to 140 deg of phase the direction is good to 2 deg; the phase comes out 0 to
    5 deg too large, with a scatter of 2 deg.
    """
    h, w = picture.light.shape
    reach = float(polar.radius.max())
    if not (reach <= polar.x <= w - 1.0 - reach and reach <= polar.y <= h - 1.0 - reach):
        return None
    part = lit_part(picture, polar)
    if part is None or part[0] < _LEAST_PHASE_RAD:
        return None
    return Light(math.atan2(part[2], part[1]), part[0])


@njit(nogil=True, cache=True, error_model="numpy")
def _falloff(across: Floats, cosine: Floats, phase: float, slope: float) -> Floats:
    """Light (m, n) of a sphere of rough ground: Lommel and Seeliger's law with Hapke's roughness.

    Args:
        across: (m,) cosine of the incidence at the limb.
        cosine: (n,) of the emission angle.
        phase: rad.
        slope: mean slope angle, rad.
    """
    out = np.zeros((len(across), len(cosine)))
    toward = math.cos(phase)
    for i in range(len(across)):
        for j in range(len(cosine)):
            mu = max(cosine[j], 1e-3)
            mu0 = across[i] * math.sqrt(1.0 - mu * mu) + toward * mu
            if mu0 > 1e-6:
                incident, emergent, shadow = roughness(mu0, mu, phase, slope)
                out[i, j] = shadow * incident / (incident + emergent)
    return out


def lit_tables(radius: float, blur: float, tail: float, phase_rad: float) -> Floats:
    """Tables (KNOTS, 6, n) of E, dE/dd, S, dS/dd, L, dL/dd times the fall-off of the light, see :meth:`Light.which`.

    Taken at the nearest of grids like those of :func:`profile_table`, with 0.5 deg in the phase.

    Args:
        radius: see :func:`profile_table`, as are ``blur`` and ``tail``.
        blur: see above.
        tail: see above.
        phase_rad: phase angle.

    Returns:
        The tables, each normalised to an unblurred E of 1 at its brightest within 3 px of the limb, or 0 at night.
    """
    core = core_of(blur, tail)
    steps = grid_step(radius, 1.0, RADIUS_GRID), grid_step(core, 0.2, SIGMA_GRID), round(phase_rad / _PHASE_GRID)
    return _kept_tables(*steps, tail)


@lru_cache(maxsize=32)
def _kept_tables(grid_radius: int, grid_core: int, grid_phase: int, tail: float) -> Floats:
    radius, core = math.exp(grid_radius * RADIUS_GRID), math.exp(grid_core * SIGMA_GRID)
    phase = grid_phase * _PHASE_GRID
    # Even in the root of the depth, see the profile's own tables.
    du = math.sqrt(min(TABLE_REACH + 5.0 * core, radius)) / _NODES
    u = np.asarray((np.arange(_NODES) + 0.5) * du, dtype=np.float64)
    place, weight = np.square(u), 2.0 * u * du
    cosine = np.sqrt(np.maximum(2.0 * place / radius - (place / radius) ** 2, 0.0))
    around = np.cos(np.asarray(np.arange(KNOTS) * (np.pi / (KNOTS - 1)), dtype=np.float64))
    shape = _falloff(math.sin(phase) * around, cosine, phase, _SLOPE_RAD)
    top = shape[:, place < _TOP_PX].max(axis=1)
    # Night and sky stay dark without being worked out, and no pixels lie deeper than a rim reaches.
    day = np.flatnonzero(top > 0.0)
    near = np.flatnonzero((-6.0 * WIDER * core < TABLE_GRID) & (_DEEPEST * WIDER * core + _DEEPEST_PX > TABLE_GRID))
    powers = (shape[day] / top[day, None])[:, None, :] * cosine ** np.arange(3)[:, None]
    smear = (1.0 - tail) * _smear(TABLE_GRID[near], place, weight, core)
    if tail > 0.0:
        smear += tail * _smear(TABLE_GRID[near], place, weight, WIDER * core)
    lit = (powers.reshape(-1, _NODES) @ smear).reshape(len(day), 3, 2, len(near))
    tables = np.zeros((KNOTS, 6, len(TABLE_GRID)))
    tables[: len(day), :, near[0] : near[-1] + 1] = lit.reshape(len(day), 6, len(near))
    # Deeper pixels take the last values, without slope.
    tables[: len(day), ::2, near[-1] + 1 :] = lit[:, :, 0, -1:]
    tables.flags.writeable = False
    return tables


def _smear(depth: Floats, place: Floats, weight: Floats, sigma: float) -> Floats:
    """Matrix (nodes, 2 n) from light at some places to the blurred profile and its slope at the depths (n,)."""
    z = (depth - place[:, None]) / sigma
    g = np.exp(-0.5 * z**2) * (weight / (sigma * math.sqrt(2.0 * math.pi)))[:, None]
    return np.hstack((g, -g * z / sigma))
