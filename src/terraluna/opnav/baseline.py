"""Where the Earth and the Moon stand for one frame, light time included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import C_KM_S
from terraluna.opnav.types import Floats

_LIGHT_TIME_ITERATIONS = 3
"""Each gains a factor v/c (1e-4): three leave less than a millimetre."""


@dataclass(frozen=True)
class Baseline:
    """The two ends of the triangle, J2000 km from the Earth's geometric place at the time of the frame.

    Attributes:
        earth_km: (3,) where the Earth was when its light left.
        moon_km: (3,) where the Moon was when its light left.
        moon_geometric_km: (3,) where the Moon is at the time of the frame.
        observer_velocity_km_s: (3,) of the observer from the solar system barycentre, for aberration; None: none is
            modelled.
    """

    earth_km: Floats
    moon_km: Floats
    moon_geometric_km: Floats
    observer_velocity_km_s: Floats | None = None

    @staticmethod
    def geometric(moon_km: Floats) -> Baseline:
        """Without light time and aberration: the Earth at the origin, the Moon at ``moon_km`` (3,)."""
        moon = np.asarray(moon_km, dtype=np.float64)
        return Baseline(np.zeros(3), moon, moon)


def baseline(
    ephemeris: Ephemeris, et: float, position_earth_km: Floats, velocity_earth_km_s: Floats | None = None
) -> Baseline:
    """Places of both bodies as seen at ``et`` from about ``position_earth_km``.

    An observer wrong by 1,000 km changes the light times by 3 ms and the result by 100 m: use it again with the fix
    where that matters.

    Args:
        ephemeris: an open ephemeris.
        et: time of the frame, TDB seconds past J2000.
        position_earth_km: (3,) approximate position from the Earth's centre, J2000.
        velocity_earth_km_s: (3,) velocity relative to the Earth, for aberration; None: the Earth's own velocity is
            used.
    """
    earth_now = ephemeris.state("earth", et, "ssb")
    observer = earth_now[:3] + np.asarray(position_earth_km, dtype=np.float64)
    places = []
    for body in ("earth", "moon"):
        place = ephemeris.position(body, et, "ssb")
        for _ in range(_LIGHT_TIME_ITERATIONS):
            place = ephemeris.position(body, et - float(np.linalg.norm(place - observer)) / C_KM_S, "ssb")
        places.append(place - earth_now[:3])
    velocity = earth_now[3:] if velocity_earth_km_s is None else earth_now[3:] + velocity_earth_km_s
    moon_now = ephemeris.position("moon", et, "ssb") - earth_now[:3]
    return Baseline(places[0], places[1], moon_now, velocity)
