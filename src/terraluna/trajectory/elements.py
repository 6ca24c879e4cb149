"""Other people's ways of writing a state, turned into J2000 states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import DAY_S, GM_KM3_S2, J2000_JD
from terraluna.ephemeris.segments import Floats
from terraluna.errors import InputError
from terraluna.trajectory.base import check_state

Anomaly = Literal["mean", "true"]

OBLIQUITY_ARCSEC: Final = 84381.448
"""Obliquity of the ecliptic of J2000 (IAU 1976): the value of SPICE's ECLIPJ2000, JPL Horizons and Celestia."""

_KEPLER_TOLERANCE: Final = 1e-14
_KEPLER_STEPS: Final = 60


@dataclass(frozen=True)
class KeplerianElements:
    """Osculating elements about one body, on J2000 axes.

    Attributes:
        a_km: semi-major axis, km; negative for a hyperbola.
        e: eccentricity.
        i_rad: inclination; so ``raan_rad`` (ascending node), ``argp_rad`` (argument of the pericentre).
        anomaly_rad: mean or true anomaly.
        anomaly: which of the two.
    """

    a_km: float
    e: float
    i_rad: float
    raan_rad: float
    argp_rad: float
    anomaly_rad: float
    anomaly: Anomaly = "mean"

    @classmethod
    def from_degrees(cls, values: ArrayLike, anomaly: Anomaly = "mean") -> KeplerianElements:
        """From (a km, e, i, node, argument of pericentre, anomaly), angles in degrees."""
        numbers = np.asarray(values, dtype=np.float64)
        if numbers.shape != (6,) or not np.isfinite(numbers).all():
            raise InputError(
                "Keplerian elements are six finite numbers: a (km), e, i, node, argument, anomaly (degrees)"
            )
        a, e = float(numbers[0]), float(numbers[1])
        i, raan, argp, m = (float(v) for v in np.radians(numbers[2:]))
        return cls(a, e, i, raan, argp, m, anomaly)

    def state(self, gm: float = GM_KM3_S2["moon"]) -> Floats:
        """State (6,), km and km/s, about the body with ``gm`` (km^3/s^2); InputError if the elements are no orbit."""
        e, a = self.e, self.a_km
        if e < 0.0 or e == 1.0 or a == 0.0 or (a > 0.0) == (e > 1.0):
            raise InputError(f"a = {a} km with e = {e} is no ellipse (a > 0, e < 1) and no hyperbola (a < 0, e > 1)")
        nu = self.anomaly_rad if self.anomaly == "true" else true_anomaly(self.anomaly_rad, e)
        p = a * (1.0 - e * e)
        if 1.0 + e * math.cos(nu) <= 0.0:
            raise InputError(f"the true anomaly {math.degrees(nu):.3f} degrees is beyond the asymptote of e = {e}")
        r = p / (1.0 + e * math.cos(nu))
        v = math.sqrt(gm / p)
        place = np.array([r * math.cos(nu), r * math.sin(nu), 0.0])
        speed = np.array([-v * math.sin(nu), v * (e + math.cos(nu)), 0.0])
        turn = _rz(self.raan_rad) @ _rx(self.i_rad) @ _rz(self.argp_rad)
        return np.concatenate([turn @ place, turn @ speed])


def true_anomaly(mean_rad: float, e: float) -> float:
    """True anomaly of a mean anomaly by Newton's method on Kepler's equation; ellipse and hyperbola."""
    if e < 1.0:
        m = math.remainder(mean_rad, 2.0 * math.pi)
        # Starting at pi for large e keeps Newton's method from overshooting.
        x = m + e * math.sin(m) if e < 0.8 else math.copysign(math.pi, m)
        for _ in range(_KEPLER_STEPS):
            dx = (x - e * math.sin(x) - m) / (1.0 - e * math.cos(x))
            x -= dx
            if abs(dx) < _KEPLER_TOLERANCE:
                break
        return 2.0 * math.atan2(math.sqrt(1.0 + e) * math.sin(x / 2.0), math.sqrt(1.0 - e) * math.cos(x / 2.0))
    x = math.asinh(mean_rad / e)
    for _ in range(_KEPLER_STEPS):
        dx = (e * math.sinh(x) - x - mean_rad) / (e * math.cosh(x) - 1.0)
        x -= dx
        if abs(dx) < _KEPLER_TOLERANCE * max(1.0, abs(x)):
            break
    return 2.0 * math.atan(math.sqrt((e + 1.0) / (e - 1.0)) * math.tanh(x / 2.0))


def _rx(angle: float) -> Floats:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def _rz(angle: float) -> Floats:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def earth_fixed_to_j2000(state: ArrayLike, et: float, ephemeris: Ephemeris) -> Floats:
    """Earth-fixed (ITRF93) state with rotating-frame velocity to a geocentric J2000 state: (6,) km and km/s."""
    fixed = check_state(state, "earth-fixed state")
    return np.asarray(np.linalg.solve(ephemeris.state_rotation("earth", et), fixed), dtype=np.float64)


def ecliptic_to_j2000(state: ArrayLike) -> Floats:
    """State or states (..., 6) on the axes of the ecliptic and equinox of J2000, turned to the axes of J2000."""
    values = np.asarray(state, dtype=np.float64)
    turn = _rx(math.radians(OBLIQUITY_ARCSEC / 3600.0))
    return np.concatenate([values[..., :3] @ turn.T, values[..., 3:] @ turn.T], axis=-1)


def et_of_jd_tdb(jd: float | str) -> float:
    """TDB seconds past J2000 of a Julian date TDB; a string keeps the digits that a float would lose (40 us)."""
    from decimal import Decimal, InvalidOperation

    try:
        days = Decimal(str(jd).strip()) - Decimal(str(J2000_JD))
    except InvalidOperation:
        raise InputError(f"{jd!r} is not a Julian date; write it as 2443402.083333333") from None
    if not days.is_finite():
        raise InputError(f"{jd!r} is not a finite Julian date")
    return float(days * Decimal(str(DAY_S)))
