"""What a spacecraft sees at one instant: apparent directions, discs, and places in a picture of unknown roll."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from terraluna.ephemeris import Ephemeris, unit
from terraluna.ephemeris.constants import C_KM_S, MARS_RADII_KM, MOON_RADII_KM, SUN_RADIUS_KM
from terraluna.ephemeris.segments import Floats

DISC_RADII_KM: Final = {"earth": 6371.0, "moon": MOON_RADII_KM[0], "mars": MARS_RADII_KM[0], "sun": SUN_RADIUS_KM}
"""Radii of the discs. The Earth's is its mean radius: ellipse and atmosphere add up to 0.4 %: see sigma."""

_LIGHT_TIME_STEPS: Final = 3


@dataclass(frozen=True)
class View:
    """What a spacecraft sees at one instant.

    Attributes:
        et: time, TDB seconds past J2000.
        state_from_ssb: (6,) geometric state of the spacecraft from the solar-system barycentre, km and km/s, J2000.
        rolls: position angle of each picture's "up", east of J2000 north, radians, by name.
        ephemeris: where the bodies are.
    """

    et: float
    state_from_ssb: Floats
    rolls: Mapping[str, float]
    ephemeris: Ephemeris

    def state_about(self, body: str) -> Floats:
        """Geometric state (6,) of the spacecraft from ``body``, km and km/s, J2000."""
        return self.state_from_ssb - self.ephemeris.state(body, self.et, "ssb")

    def light_time(self, body: str) -> tuple[Floats, float]:
        """Vector (3,) to ``body`` as it was when the light left (CN), km, and the light time, s."""
        tau = 0.0
        vector = np.zeros(3)
        for _ in range(_LIGHT_TIME_STEPS):
            vector = self.ephemeris.position(body, self.et - tau, "ssb") - self.state_from_ssb[:3]
            tau = float(np.linalg.norm(vector)) / C_KM_S
        return vector, tau

    def toward(self, body: str) -> Floats:
        """Apparent vector (3,) to ``body`` (CN+S), km."""
        return self.aberrate(self.light_time(body)[0])

    def aberrate(self, vector: Floats) -> Floats:
        """``vector`` (3,) turned toward the spacecraft's motion by stellar aberration (first order in v/c)."""
        u = unit(vector)
        across = np.cross(u, self.state_from_ssb[3:] / C_KM_S)
        sine = float(np.linalg.norm(across))
        if sine == 0.0:
            return vector
        axis, angle = across / sine, np.arcsin(sine)
        return np.asarray(vector * np.cos(angle) + np.cross(axis, vector) * np.sin(angle))

    def disc_radius(self, body: str) -> float:
        """Apparent angular radius of ``body``, radians."""
        distance = float(np.linalg.norm(self.toward(body)))
        return float(np.arcsin(min(1.0, DISC_RADII_KM[body] / distance)))

    def place(self, vector: Floats, center: Floats, roll: str | None) -> Floats:
        """Place (x right, y down) of ``vector`` in a picture whose axis points to ``center``, tangent units."""
        c = unit(center)
        east = unit(np.cross([0.0, 0.0, 1.0], c))
        north = np.cross(c, east)
        angle = self.rolls[roll] if roll is not None else 0.0
        up = north * np.cos(angle) + east * np.sin(angle)
        right = -east * np.cos(angle) + north * np.sin(angle)
        return np.array([vector @ right, -(vector @ up)]) / float(vector @ c)
