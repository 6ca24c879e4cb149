"""Acceleration of a spacecraft among the bodies of DE440, without a SPICE call.

Point masses of the Sun, Mercury, Venus, Earth, Moon, Mars, Jupiter and Saturn; the Earth's J2; the Moon's field;
solar pressure. Relative to a moving centre, so each third body brings its indirect term (Montenbruck & Gill 2000,
"Satellite Orbits", section 3.3). Left out: relativity (Sun's term 2e-13 km/s^2 at 1 au, 20 m in five days),
tides of the Moon (k2 = 0.024), drag.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import (
    AU_KM,
    EARTH_J2,
    EARTH_RADII_KM,
    GM_KM3_S2,
    MOON_RADII_KM,
    SOLAR_PRESSURE_1AU_N_M2,
    SUN_RADIUS_KM,
)
from terraluna.ephemeris.segments import Floats, chebyshev_place
from terraluna.errors import CoverageError, InputError
from terraluna.trajectory.lunar_gravity import LunarRotation, gravity_field, lunar_rotation, spherical_harmonics

BODIES: Final = ("sun", "mercury", "venus", "earth", "moon", "mars", "jupiter", "saturn")
"""The attracting bodies, in the order of the arrays below."""

_SEGMENT_IDS: Final = (3, 10, 1, 2, 399, 301, 4, 5, 6)
_SUN, _EARTH, _MOON = 0, 3, 4

EARTH_J2_RADIUS_KM: Final = 6378.1363
"""Reference radius of :data:`EARTH_J2` (EGM2008)."""

LUNAR_FIELD_KM: Final = 60000.0
"""Distance from the Moon beyond which its field is left out: J2 is then under 4e-13 km/s^2, 2 m after a day."""

EARTH_J2_KM: Final = 1.5e6
"""Distance from the Earth beyond which its J2 is left out (under 3e-14 km/s^2)."""


@njit(cache=True)
def _body_positions(et, records, init, intlen, buffer, out):  # type: ignore[no-untyped-def]
    """Positions of :data:`BODIES` from the Earth-Moon barycentre, km: out (8, 3)."""
    emb_x = emb_y = emb_z = 0.0
    for s in range(9):
        chebyshev_place(records[s], init[s], intlen[s], et, buffer)
        if s == 0:
            emb_x, emb_y, emb_z = buffer[0], buffer[1], buffer[2]
        elif s == 4 or s == 5:
            # These two are measured from the barycentre in the file: nothing is lost to a subtraction.
            out[s - 1, 0], out[s - 1, 1], out[s - 1, 2] = buffer[0], buffer[1], buffer[2]
        else:
            out[s - 1, 0] = buffer[0] - emb_x
            out[s - 1, 1] = buffer[1] - emb_y
            out[s - 1, 2] = buffer[2] - emb_z


@njit(cache=True)
def _j2_acceleration(x, y, z, pole, gm, radius, j2):  # type: ignore[no-untyped-def]
    """Acceleration of the J2 term at (x, y, z) from the body's centre (Vallado 2013, section 8.6)."""
    r2 = x * x + y * y + z * z
    r = math.sqrt(r2)
    h = x * pole[0] + y * pole[1] + z * pole[2]
    k = -1.5 * j2 * gm * radius * radius / (r2 * r2 * r)
    a = k * (1.0 - 5.0 * h * h / r2)
    b = 2.0 * k * h
    return a * x + b * pole[0], a * y + b * pole[1], a * z + b * pole[2]


@njit(cache=True)
def sunlit_fraction(sun, body, radius):  # type: ignore[no-untyped-def]
    """Part of the Sun's disc that a body leaves free, 0 to 1.

    Args:
        sun: (3,) vector from the spacecraft to the Sun's centre, km.
        body: (3,) vector from the spacecraft to the body's centre, km.
        radius: radius of the body, km.
    """
    ds = math.sqrt(sun[0] ** 2 + sun[1] ** 2 + sun[2] ** 2)
    db = math.sqrt(body[0] ** 2 + body[1] ** 2 + body[2] ** 2)
    if db >= ds:
        return 1.0
    a = math.asin(min(1.0, SUN_RADIUS_KM / ds))
    b = math.asin(min(1.0, radius / db))
    cosine = (sun[0] * body[0] + sun[1] * body[1] + sun[2] * body[2]) / (ds * db)
    c = math.acos(min(1.0, max(-1.0, cosine)))
    if c >= a + b:
        return 1.0
    if c <= abs(a - b):
        return 0.0 if b >= a else 1.0 - (b / a) ** 2
    x = (c * c + a * a - b * b) / (2.0 * c)
    y = math.sqrt(max(0.0, a * a - x * x))
    u = min(1.0, max(-1.0, x / a))
    v = min(1.0, max(-1.0, (c - x) / b))
    return 1.0 - (a * a * math.acos(u) + b * b * math.acos(v) - c * y) / (math.pi * a * a)


@njit(cache=True)
def _derivative(et, y, center, records, init, intlen, gm, pole, pressure, shadow, rotation, field, work, out):  # type: ignore[no-untyped-def]
    bodies, buffer, c, s = work[0], work[1], field[0], field[1]
    _body_positions(et, records, init, intlen, buffer, bodies)
    ox, oy, oz = bodies[center, 0], bodies[center, 1], bodies[center, 2]
    for b in range(8):
        bodies[b, 0] -= ox
        bodies[b, 1] -= oy
        bodies[b, 2] -= oz
    rx, ry, rz = y[0], y[1], y[2]
    ax = ay = az = 0.0
    for b in range(8):
        dx, dy, dz = bodies[b, 0] - rx, bodies[b, 1] - ry, bodies[b, 2] - rz
        d2 = dx * dx + dy * dy + dz * dz
        k = gm[b] / (d2 * math.sqrt(d2))
        ax += k * dx
        ay += k * dy
        az += k * dz
        if b != center:
            px, py, pz = bodies[b, 0], bodies[b, 1], bodies[b, 2]
            p2 = px * px + py * py + pz * pz
            k = gm[b] / (p2 * math.sqrt(p2))
            ax -= k * px
            ay -= k * py
            az -= k * pz

    ex, ey, ez = rx - bodies[_EARTH, 0], ry - bodies[_EARTH, 1], rz - bodies[_EARTH, 2]
    if ex * ex + ey * ey + ez * ez < EARTH_J2_KM**2:
        jx, jy, jz = _j2_acceleration(ex, ey, ez, pole, gm[_EARTH], EARTH_J2_RADIUS_KM, EARTH_J2)
        ax, ay, az = ax + jx, ay + jy, az + jz
        if center == _MOON:
            # The Earth's bulge pulls the Moon too: only the difference moves the spacecraft about the Moon.
            jx, jy, jz = _j2_acceleration(
                -bodies[_EARTH, 0],
                -bodies[_EARTH, 1],
                -bodies[_EARTH, 2],
                pole,
                gm[_EARTH],
                EARTH_J2_RADIUS_KM,
                EARTH_J2,
            )
            ax, ay, az = ax - jx, ay - jy, az - jz

    mx, my, mz = rx - bodies[_MOON, 0], ry - bodies[_MOON, 1], rz - bodies[_MOON, 2]
    if c.shape[0] > 1 and mx * mx + my * my + mz * mz < LUNAR_FIELD_KM**2:
        m = work[2]
        lunar_rotation(et, rotation[0], rotation[1], rotation[2], rotation[3], m)
        u = m[0, 0] * mx + m[0, 1] * my + m[0, 2] * mz
        v = m[1, 0] * mx + m[1, 1] * my + m[1, 2] * mz
        w = m[2, 0] * mx + m[2, 1] * my + m[2, 2] * mz
        bu, bv, bw = spherical_harmonics(u, v, w, gm[_MOON], field[2], c, s, work[3], work[4])
        ax += m[0, 0] * bu + m[1, 0] * bv + m[2, 0] * bw
        ay += m[0, 1] * bu + m[1, 1] * bv + m[2, 1] * bw
        az += m[0, 2] * bu + m[1, 2] * bv + m[2, 2] * bw

    if pressure > 0.0:
        to_sun, to_body = work[5], work[6]
        for i in range(3):
            to_sun[i] = bodies[_SUN, i] - y[i]
        lit = 1.0
        if shadow:
            for i in range(3):
                to_body[i] = bodies[_EARTH, i] - y[i]
            lit = sunlit_fraction(to_sun, to_body, EARTH_RADII_KM[0])
            for i in range(3):
                to_body[i] = bodies[_MOON, i] - y[i]
            lit = min(lit, sunlit_fraction(to_sun, to_body, MOON_RADII_KM[0]))
        d2 = to_sun[0] ** 2 + to_sun[1] ** 2 + to_sun[2] ** 2
        k = -lit * pressure * AU_KM * AU_KM / (d2 * math.sqrt(d2))
        ax += k * to_sun[0]
        ay += k * to_sun[1]
        az += k * to_sun[2]

    out[0], out[1], out[2] = y[3], y[4], y[5]
    out[3], out[4], out[5] = ax, ay, az


@njit(cache=True)
def motion(et, y, forces, out):  # type: ignore[no-untyped-def]
    """Velocity and acceleration (6,) at ``et`` for the state ``y``; ``forces``: :attr:`Forces.arguments`."""
    center, records, init, intlen, gm, pole, pressure, shadow, rotation, field, work = forces
    _derivative(et, y, center, records, init, intlen, gm, pole, pressure, shadow, rotation, field, work, out)


@dataclass(frozen=True)
class ForceOptions:
    """What acts on the spacecraft besides the point masses and the Earth's J2.

    Attributes:
        lunar_degree: degree and order of the Moon's field, 0 (a point) to 10; it acts within :data:`LUNAR_FIELD_KM`.
        lunar_model: ``GRGM900C`` or ``LP165P``.
        cr_a_over_m: solar pressure coefficient times area over mass, m^2/kg; 0 for none.
        shadow: whether the Earth's and the Moon's shadows (penumbra included) stop the solar pressure.
    """

    lunar_degree: int = 10
    lunar_model: str = "GRGM900C"
    cr_a_over_m: float = 0.0
    shadow: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cr_a_over_m) and self.cr_a_over_m >= 0.0):
            raise InputError(f"cr_a_over_m = {self.cr_a_over_m}: must be a number of m^2/kg, zero or more")


class Forces:
    """The right-hand side of the equations of motion about one body over one span of time.

    Holds its own copy of the few ephemeris records that the span needs, so that it outlives the ephemeris and can be
    sent to another process.
    """

    def __init__(self, ephemeris: Ephemeris, center: str, span: tuple[float, float], options: ForceOptions) -> None:
        if center not in BODIES:
            raise InputError(f"center {center!r}: propagation is about one of {', '.join(BODIES)}")
        first, last = ephemeris.span
        if span[0] < first or span[1] > last:
            bad = span[0] if span[0] < first else span[1]
            raise CoverageError("DE440", bad, (first, last), "the span of the propagation leaves the ephemeris DE440")
        self.center = center
        self.options = options
        cut = [_cut(ephemeris, body, span) for body in _SEGMENT_IDS]
        self._records = tuple(records for records, _, _ in cut)
        self._init = np.array([init for _, init, _ in cut])
        self._intlen = np.array([intlen for _, _, intlen in cut])
        self._gm = np.array([GM_KM3_S2[body] for body in BODIES])
        # The pole moves 1e-4 rad in a year: far below what J2 can show. Its direction at mid-span serves.
        self._pole = ephemeris.rotation("earth", 0.5 * (span[0] + span[1]))[2].copy()
        self._pressure = options.cr_a_over_m * SOLAR_PRESSURE_1AU_N_M2 * 1e-3
        rotation = LunarRotation.from_pool()
        self._rotation = (rotation.pole, rotation.angles, rotation.terms, rotation.body)
        field = gravity_field(options.lunar_model, options.lunar_degree)
        self._field = (field.c, field.s, field.radius_km)
        n = field.c.shape[0] + 1
        shapes = ((8, 3), (6,), (3, 3), (n, n), (n, n), (3,), (3,))
        self._work = tuple(np.zeros(shape) for shape in shapes)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the kernels take between the state and the result; the last holds work arrays, so not for threads."""
        return (
            BODIES.index(self.center), self._records, self._init, self._intlen, self._gm, self._pole, self._pressure,
            self.options.shadow, self._rotation, self._field, self._work,
        )  # fmt: skip

    def derivative(self, et: float, state: Floats) -> Floats:
        """Velocity and acceleration (6,) in km/s and km/s^2 at ``et`` for a state about the centre, J2000."""
        out = np.empty(6)
        motion(et, state, self.arguments, out)
        return out

    def positions(self, et: float) -> dict[str, NDArray[np.float64]]:
        """Positions of the attracting bodies from the centre, km."""
        _body_positions(et, self._records, self._init, self._intlen, self._work[1], self._work[0])
        bodies = self._work[0]
        origin = bodies[BODIES.index(self.center)].copy()
        return {name: bodies[i] - origin for i, name in enumerate(BODIES)}


def _cut(ephemeris: Ephemeris, body: int, span: tuple[float, float]) -> tuple[Floats, float, float]:
    """Copy of the records of a segment that cover ``span``, with their start and length."""
    segment = ephemeris.planets.segment(body)
    n = segment.records.shape[0]
    i = min(max(int((span[0] - segment.init) // segment.intlen) - 1, 0), n - 1)
    j = min(max(int((span[1] - segment.init) // segment.intlen) + 2, i + 1), n)
    return (
        np.array(segment.records[i:j], dtype=np.float64, order="C"),
        segment.init + i * segment.intlen,
        segment.intlen,
    )
