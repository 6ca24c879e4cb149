"""A spacecraft that orbits a planet closely enough to stand for it."""

from __future__ import annotations

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.segments import Floats
from terraluna.trajectory.base import Quality, Trajectory


class PlanetTrajectory(Trajectory):
    """At the centre of a body, or at a fixed J2000 offset from it.

    For MRO at Mars the error is its distance from the planet, at most 3,700 km; the centre of ``mars`` is the
    barycentre of its system (DE440 has no 499), under 1 m from the planet's own.

    Args:
        body: name of the body.
        ephemeris: gives the span covered; needed only here.
        offset_km: (3,) constant place from the body's centre, J2000.
    """

    def __init__(
        self,
        body: str,
        ephemeris: Ephemeris,
        *,
        name: str | None = None,
        quality: Quality = "ephemeris",
        offset_km: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        super().__init__(name or f"at {body}", quality, body, ephemeris.span)
        self.offset_km = offset_km

    def _states(self, ets: Floats) -> Floats:
        out = np.zeros((ets.size, 6))
        out[:, :3] = self.offset_km
        return out
