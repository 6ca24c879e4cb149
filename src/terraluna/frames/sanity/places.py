"""Where everything is at the time of a frame, how well that is known, and how a warning writes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import NAIF_IDS
from terraluna.frames.observation import Claim, Observation

Vector = NDArray[np.float64]

APPARENT: Final = 4e-4
"""Share of a distance by which an apparent place may differ from the geometric one: light time and stellar aberration
are v/c each, and no body here moves faster than 60 km/s."""

PRINTED: Final = 1e-5
"""Share of a value lost by printing six significant digits (Hayabusa2 ONC keyword dictionary)."""

MOONS: Final = {
    "io": "jupiter", "europa": "jupiter", "ganymede": "jupiter", "callisto": "jupiter", "amalthea": "jupiter",
    "j rings": "jupiter", "enceladus": "saturn", "titan": "saturn", "rhea": "saturn", "phobos": "mars",
    "deimos": "mars",
}  # fmt: skip

ORBIT_KM: Final = {"jupiter": 1.9e6, "saturn": 1.3e6, "mars": 2.4e4}
"""Distance of the outermost moon listed above from its planet, km."""


class Places:
    """Where everything is at the time of the frame, from the ephemeris and from the header's own positions."""

    def __init__(self, observation: Observation, ephemeris: Ephemeris, et: float) -> None:
        self.ephemeris = ephemeris
        self.et = et
        self.slack_s = observation.epoch_slack_s
        self._states: dict[str, Vector] = {}
        self._claimed: dict[str, tuple[Vector, Claim]] = {}
        for claim in observation.claims:
            if claim.quantity != "position" or self.known(claim.body):
                continue
            origin = self.place(claim.origin)
            if origin is not None and np.isfinite(claim.value).all():
                self._claimed.setdefault(claim.body, (origin[:3] + np.asarray(claim.value), claim))

    def known(self, body: str) -> bool:
        """Whether the ephemeris itself has the body."""
        return body in NAIF_IDS or body in MOONS

    def place(self, body: str) -> Vector | None:
        """Barycentric state (6,) of a body of the ephemeris, km and km/s; position alone (3,) if the header gave it."""
        if body in NAIF_IDS:
            if body not in self._states:
                self._states[body] = self.ephemeris.state(body, self.et, "ssb")
            return self._states[body]
        if body in MOONS:
            return self.place(MOONS[body])
        return self._claimed[body][0] if body in self._claimed else None

    def slack_km(self, *bodies: str) -> float:
        """How far the line between bodies can be off: motion in the epoch slack, and orbits of unlisted moons."""
        total = 0.0
        for body in bodies:
            total += ORBIT_KM.get(MOONS.get(body, ""), 0.0)
        states = [p for b in bodies if (p := self.place(b)) is not None and p.size == 6]
        if len(states) >= 2:
            return total + self.slack_s * float(np.linalg.norm(states[0][3:] - states[1][3:]))
        origin = self.place("sun")
        if states and origin is not None:
            # One end is the header's: how that end was tied to the ephemeris decides; allow the body's own motion.
            return total + self.slack_s * float(np.linalg.norm(states[0][3:] - origin[3:]))
        return total


def km_text(value: float) -> str:
    """A length, to the kilometre where it is long."""
    return f"{value:,.0f} km" if abs(value) >= 1000 else f"{value:.4g} km"


def name_text(body: str) -> str:
    """A body with its article."""
    return {"spacecraft": "the spacecraft", "sun": "the Sun", "earth": "the Earth", "moon": "the Moon"}.get(
        body, body.capitalize()
    )


def vector_text(value: Iterable[float]) -> str:
    """A vector (3,), to the kilometre."""
    return "(" + ", ".join(f"{v:,.0f}" for v in value) + ") km"
