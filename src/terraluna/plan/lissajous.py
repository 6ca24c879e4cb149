"""A spacecraft on a Lissajous orbit about the Sun-Earth point L1 or L2, for plans years ahead.

An orbit there is unstable: no state carried for a year stays. Operators keep it on a path that is, to first order, two
independent oscillations; this is that path (linear theory of the collinear points, e.g. Szebehely 1967, section 5.5).
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import GM_KM3_S2
from terraluna.ephemeris.segments import Floats
from terraluna.trajectory.base import Trajectory

_STEP_S: Final = 60.0


class LissajousSpec(BaseModel):
    """Keys of a table of kind ``lissajous``; phases are those of ``utc``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["lissajous"]
    name: str = "lissajous"
    source: str = ""
    point: Literal["L1", "L2"] = "L1"
    utc: str
    amplitude_y_km: float = Field(ge=0.0, le=1.5e6)
    amplitude_z_km: float = Field(ge=0.0, le=1.5e6)
    phase_y_deg: float = 0.0
    phase_z_deg: float = 0.0


class LissajousTrajectory(Trajectory):
    """Two oscillations about L1 or L2 in the frame that turns with the Sun-Earth line.

    x points from the Sun to the Earth, z along the Earth's orbital momentum. y = Ay sin(a), x = Ay/k cos(a) with
    a = w t + phase; z = Az sin(v t + phase).
    """

    def __init__(self, spec: LissajousSpec, ephemeris: Ephemeris) -> None:
        first, last = ephemeris.span
        super().__init__(spec.name, "reconstructed", "earth", (first + 1e6, last - 1e6))
        self._spec = spec
        self._epoch = ephemeris.et(spec.utc)
        self._planets = ephemeris.planets
        mu = (GM_KM3_S2["earth"] + GM_KM3_S2["moon"]) / (GM_KM3_S2["sun"] + GM_KM3_S2["earth"] + GM_KM3_S2["moon"])
        side = -1.0 if spec.point == "L1" else 1.0
        g = _distance(mu, side)
        c2 = (mu + (1.0 - mu) * (g / (1.0 + side * g)) ** 3) / g**3
        w = math.sqrt((2.0 - c2 + math.sqrt(9.0 * c2 * c2 - 8.0 * c2)) / 2.0)
        self._ratio = (w * w + 1.0 + 2.0 * c2) / (2.0 * w)
        year = 2.0 * math.pi / (365.256363 * 86400.0)
        self._rates = w * year, math.sqrt(c2) * year
        self._offset = side * g

    @property
    def periods_days(self) -> tuple[float, float]:
        """Periods in the plane and across it."""
        a, b = (2.0 * math.pi / rate / 86400.0 for rate in self._rates)
        return a, b

    def _places(self, ets: Floats) -> Floats:
        line = self._planets.relative_states(3, 10, ets)
        r = np.linalg.norm(line[:, :3], axis=1)[:, None]
        x = line[:, :3] / r
        z = np.cross(line[:, :3], line[:, 3:])
        z /= np.linalg.norm(z, axis=1)[:, None]
        y = np.cross(z, x)
        t = ets - self._epoch
        a = self._rates[0] * t + math.radians(self._spec.phase_y_deg)
        b = self._rates[1] * t + math.radians(self._spec.phase_z_deg)
        ay = self._spec.amplitude_y_km
        seat = (
            (self._offset * r + (ay / self._ratio * np.cos(a))[:, None]) * x
            - (ay * np.sin(a))[:, None] * y
            + (self._spec.amplitude_z_km * np.sin(b))[:, None] * z
        )
        return np.asarray(seat + self._planets.relative_states(3, 399, ets)[:, :3])

    def _states(self, ets: Floats) -> Floats:
        before, after = self._places(ets - _STEP_S), self._places(ets + _STEP_S)
        return np.concatenate([self._places(ets), (after - before) / (2.0 * _STEP_S)], axis=1)


def _distance(mu: float, side: float) -> float:
    """Distance of the point from the Earth over that of the Sun, by Newton's method."""
    g = (mu / 3.0) ** (1.0 / 3.0)
    for _ in range(50):
        # Forces in the turning frame at x = 1 - mu + side g, per unit of the Sun's.
        f = (1.0 - mu + side * g) - (1.0 - mu) / (1.0 + side * g) ** 2 - side * mu / g**2
        df = side + 2.0 * side * (1.0 - mu) / (1.0 + side * g) ** 3 + 2.0 * side * mu / g**3
        g -= f / df
    return float(g)
