"""How the Sun stands to a disc, and the profile of its limb where the terminator is near.

Near the cusps of a crescent the light falls from the limb to nothing within pixels. No sum of step, root and depth does
that: such a profile puts the edge up to 0.4 px too far out. So they are multiplied by the fall-off of a rough sphere,
for which the direction of the Sun and the phase are read off the lit part of the disc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from terraluna.opnav.measure.picture import Prepared
from terraluna.opnav.measure.profile import TABLE_REACH, WIDER
from terraluna.opnav.measure.shapes import Polar
from terraluna.opnav.types import Floats
from terraluna.photometry.laws import roughness

_SLOPE_RAD = math.radians(23.4)
"""Mean slope of the Moon's ground below the resolution of a picture (Sato et al. 2014, JGR Planets 119, 1775)."""

_NODES = 80
_LEAST_PHASE_RAD = math.radians(35.0)
"""On fuller discs the lit part doesn't tell where the Sun stands, and no terminator is near the limb in use."""

_MOST_PIXELS = 20_000.0
_LEAST_PIXELS = 30
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

    def near(self) -> list[Light]:
        """The same direction with phases as likely."""
        return [replace(self, phase_rad=self.phase_rad + float(more)) for more in _PHASES_RAD]


def lit_part(picture: Prepared, polar: Polar) -> tuple[float, float, float] | None:
    """Phase (rad) by the area of the lit part of a disc, (1 + cos phase)/2 of it, and the mean x, y of that part.

    x and y count from the disc's centre. None where too little of the disc is in the frame.
    """
    h, w = picture.light.shape
    reach = float(polar.radius.max())
    x0, x1 = max(0, int(polar.x - reach)), min(w, int(polar.x + reach) + 2)
    y0, y1 = max(0, int(polar.y - reach)), min(h, int(polar.y + reach) + 2)
    step = max(1, int(np.sqrt(max(x1 - x0, 0) * max(y1 - y0, 0) / _MOST_PIXELS)))
    gy, gx = np.mgrid[y0:y1:step, x0:x1:step]
    part = np.s_[y0:y1:step, x0:x1:step]
    dx, dy = gx - polar.x, gy - polar.y
    inside = (dx**2 + dy**2 < polar.mean**2) & ~picture.bad[part]
    total = int(np.count_nonzero(inside))
    if total < _LEAST_PIXELS:
        return None
    light = picture.light[part][inside] - picture.sky
    bright = light[light >= 0.2 * np.percentile(light, 95)]
    lit = light > max(_DARK * float(np.median(bright)), 4.0 * picture.noise)
    if not lit.any():
        return None
    phase = float(np.arccos(2.0 * np.count_nonzero(lit) / total - 1.0))
    return phase, float(dx[inside][lit].mean()), float(dy[inside][lit].mean())


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


@njit(cache=True, error_model="numpy")
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


def lit_tables(radius: float, blur: float, tail: float, light: Light, angle: Floats, depth: Floats) -> Floats:
    """Tables (m, 6, n) of E, dE/dd, S, dS/dd, L, dL/dd times the fall-off of the light, at polar angles and depths.

    Args:
        radius: see :func:`profile_table`, as are ``blur`` and ``tail``.
        blur: see above.
        tail: see above.
        light: how the Sun stands.
        angle: (m,) polar angles in the picture.
        depth: (n,) px.

    Returns:
        The tables, each normalised to an unblurred E of 1 at its brightest within 3 px of the limb, or 0 at night.
    """
    core = blur / math.sqrt(1.0 + tail * (WIDER**2 - 1.0))
    # Even in the root of the depth, see the profile's own tables.
    du = math.sqrt(min(TABLE_REACH + 5.0 * core, radius)) / _NODES
    u = np.asarray((np.arange(_NODES) + 0.5) * du, dtype=np.float64)
    place, weight = np.square(u), 2.0 * u * du
    cosine = np.sqrt(np.maximum(2.0 * place / radius - (place / radius) ** 2, 0.0))
    across = math.sin(light.phase_rad) * np.cos(angle - light.sun_rad)
    shape = _falloff(across, cosine, light.phase_rad, _SLOPE_RAD)
    top = shape[:, place < 3.0].max(axis=1)
    # Night and sky stay dark without being worked out.
    day = np.flatnonzero(top > 0.0)
    near = np.flatnonzero(depth > -6.0 * WIDER * core)
    powers = (shape[day] / top[day, None])[:, None, :] * cosine ** np.arange(3)[:, None]
    tables = np.zeros((len(angle), 3, 2, len(depth)))
    smear = (1.0 - tail) * _smear(depth[near], place, weight, core)
    if tail > 0.0:
        smear += tail * _smear(depth[near], place, weight, WIDER * core)
    lit = (powers.reshape(-1, _NODES) @ smear).reshape(len(day), 3, 2, len(near))
    tables[day[:, None], ..., near] = lit.transpose(0, 3, 1, 2)
    return tables.reshape(len(angle), 6, len(depth))


def _smear(depth: Floats, place: Floats, weight: Floats, sigma: float) -> Floats:
    """Matrix (nodes, 2 n) from light at some places to the blurred profile and its slope at the depths (n,)."""
    z = (depth - place[:, None]) / sigma
    g = np.exp(-0.5 * z**2) * (weight / (sigma * math.sqrt(2.0 * math.pi)))[:, None]
    return np.hstack((g, -g * z / sigma))
