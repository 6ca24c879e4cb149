"""The planets as points: magnitude, colour, place and size for an observer anywhere.

Source of the magnitudes: Mallama & Hilton 2018, Astronomy and Computing 25, 10 (arXiv:1808.01973), without the terms of
Mars' rotation and season (up to 0.1 mag). Colours: Mallama, Krobusek & Pavlov 2017, Icarus 282, 19.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from terraluna.ephemeris import angle_between, from_angles, unit
from terraluna.ephemeris.constants import AU_KM
from terraluna.errors import GeometryError, InputError
from terraluna.scene.apparent import Observer, apparent_place, seen_from_body

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.ephemeris import Ephemeris

PLANETS: Final = ("mercury", "venus", "mars", "jupiter", "saturn")

RADII_KM: Final = {"mercury": 2439.7, "venus": 6051.8, "mars": 3396.2, "jupiter": 71492.0, "saturn": 60268.0}
"""Equatorial radii (IAU 2015)."""

B_MINUS_V: Final = {"mercury": 0.97, "venus": 0.81, "mars": 1.43, "jupiter": 0.87, "saturn": 1.09}
"""Colours at small phase; Venus' and Saturn's change with phase and rings by a few hundredths."""

LARGEST_PHASE_DEG: Final = {"mercury": 170.0, "venus": 179.0, "mars": 120.0, "jupiter": 130.0, "saturn": 150.0}
"""Phase angles up to which the polynomials hold."""

_SATURN_POLE: Final = (math.radians(40.589), math.radians(83.537))
"""Right ascension and declination of Saturn's north pole, J2000 (IAU 2015)."""


@dataclass(frozen=True, eq=False)
class PlanetView:
    """A planet as an observer sees it.

    Attributes:
        name: see ``PLANETS``.
        direction_j2000: (3,) apparent unit vector (CN+S; of the planet's barycentre).
        range_km: distance.
        v_mag: V magnitude, NaN at phases beyond the validity of the polynomial.
        b_v_mag: colour.
        phase_deg: angle Sun - planet - observer.
        angular_radius_rad: half the angle that the equator subtends.
    """

    name: str
    direction_j2000: NDArray[np.float64]
    range_km: float
    v_mag: float
    b_v_mag: float
    phase_deg: float
    angular_radius_rad: float


def planet_magnitude(
    name: str, sun_au: float, range_au: float, phase_deg: float, ring_tilt_deg: float | None = None
) -> float:
    """Return the V magnitude of a planet; NaN at phases beyond the validity of the formula.

    Args:
        name: see ``PLANETS``.
        sun_au: distance of the planet from the Sun.
        range_au: distance from the observer.
        phase_deg: phase angle.
        ring_tilt_deg: Saturn's effective ring opening, 0 to 27 deg; None leaves the rings out.

    Raises:
        InputError: another name.
    """
    if name not in PLANETS:
        raise InputError(f"no magnitude for {name!r}; the planets are {', '.join(PLANETS)}")
    a = abs(phase_deg)
    if a > LARGEST_PHASE_DEG[name]:
        return math.nan
    return 5.0 * math.log10(sun_au * range_au) + _phase_term(name, a, ring_tilt_deg)


def _phase_term(name: str, a: float, ring_tilt_deg: float | None) -> float:
    """Magnitude at 1 au from both (eqs. 2-4, 6-13 of the source)."""
    if name == "mercury":
        return _poly(a, -0.613, 6.3280e-2, -1.6336e-3, 3.3644e-5, -3.4265e-7, 1.6893e-9, -3.0334e-12)
    if name == "venus":
        if a < 163.7:
            return _poly(a, -4.384, -1.044e-3, 3.687e-4, -2.814e-6, 8.938e-9)
        return _poly(a, 236.05828, -2.81914, 8.39034e-3)
    if name == "mars":
        return _poly(a, -1.601, 2.267e-2, -1.302e-4) if a <= 50.0 else _poly(a, -0.367, -2.573e-2, 3.445e-4)
    if name == "jupiter":
        if a <= 12.0:
            return _poly(a, -9.395, -3.7e-4, 6.16e-4)
        return -9.428 - 2.5 * math.log10(_poly(a / 180.0, 1.0, -1.507, -0.363, -0.062, 2.809, -1.876))
    if ring_tilt_deg is not None and a <= 6.5 and ring_tilt_deg <= 27.0:
        s = math.sin(math.radians(ring_tilt_deg))
        return -8.914 - 1.825 * s + 0.026 * a - 0.378 * s * math.exp(-2.25 * a)
    if a <= 6.5:
        return _poly(a, -8.95, -3.7e-4, 6.16e-4)
    return _poly(a, -8.94, 2.446e-4, 2.672e-4, -1.505e-6, 4.767e-9)


def _poly(x: float, *coefficients: float) -> float:
    value = 0.0
    for c in reversed(coefficients):
        value = value * x + c
    return value


def view_planet(ephemeris: Ephemeris, name: str, observer: Observer) -> PlanetView:
    """Return a planet as an observer sees it.

    Raises:
        InputError: a name that is not in ``PLANETS``.
        GeometryError: the observer is inside the planet.
    """
    if name not in PLANETS:
        raise InputError(f"no planet {name!r}; the planets are {', '.join(PLANETS)}")
    place = apparent_place(ephemeris, name, observer)
    if not place.range_km > RADII_KM[name]:
        raise GeometryError(f"the observer is inside {name.capitalize()}, {place.range_km:.0f} km from its centre")
    sun = seen_from_body(ephemeris, "sun", name, place.epoch_et)
    phase = math.degrees(angle_between(-place.vector_km, sun))
    tilt = _ring_tilt_deg(-place.vector_km, sun) if name == "saturn" else None
    sun_au, range_au = float(np.linalg.norm(sun)) / AU_KM, place.range_km / AU_KM
    return PlanetView(
        name,
        unit(place.vector_km),
        place.range_km,
        planet_magnitude(name, sun_au, range_au, phase, tilt),
        B_MINUS_V[name],
        phase,
        math.asin(min(1.0, RADII_KM[name] / place.range_km)),
    )


def view_planets(ephemeris: Ephemeris, observer: Observer) -> tuple[PlanetView, ...]:
    """Return all planets that are points to an observer: the one that fills more than 1 deg of his sky is left out."""
    far = []
    for name in PLANETS:
        range_km = float(np.linalg.norm(ephemeris.position(name, observer.et, "ssb") - observer.position_ssb_km))
        if range_km > 100.0 * RADII_KM[name]:
            far.append(view_planet(ephemeris, name, observer))
    return tuple(far)


def _ring_tilt_deg(to_observer: NDArray[np.float64], to_sun: NDArray[np.float64]) -> float:
    """Effective opening of the rings: geometric mean of both latitudes, 0 where they are lit from behind."""
    pole = from_angles(*_SATURN_POLE)
    product = math.asin(float(pole @ unit(to_observer))) * math.asin(float(pole @ unit(to_sun)))
    return math.degrees(math.sqrt(max(product, 0.0)))
