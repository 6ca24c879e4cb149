"""The sky of a spacecraft for compiled code: where Earth, Moon and Sun appear, without a SPICE call.

Apparent places are SPICE's ``CN+S`` (converged light time, stellar aberration) or ``CN``; see
:mod:`terraluna.scene.apparent`, which this must equal. Chebyshev records come from DE440 itself.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import spiceypy as spice
from numba import njit

from terraluna.ephemeris import Ephemeris, from_angles
from terraluna.ephemeris.constants import C_KM_S, EARTH_RADII_KM, MOON_RADII_KM, NAIF_IDS, SUN_RADIUS_KM
from terraluna.ephemeris.segments import Floats, chebyshev_place, chebyshev_state
from terraluna.plan.track import Track, track_state

EARTH: Final = 0
MOON: Final = 1
SUN: Final = 2
CENTER: Final = 3
"""The body that the trajectory is about."""

PHYSICAL_IDS: Final = {"mercury": 199, "venus": 299, "mars": 499, "jupiter": 599, "saturn": 699}
"""Numbers under which SPICE keeps shape and axis of a body that DE440 has as the barycentre of its system."""

BODY_CODES: Final = {"earth": EARTH, "moon": MOON, "sun": SUN, "center": CENTER}

POLE_STEP_S: Final = 86400.0
TURN_STEP_S: Final = 3600.0
"""Step of the orientation tables: polar motion, a daily wobble of 1.5e-6 rad, is followed to 1e-9 rad."""

EARTH_SPIN: Final = 7.2921151467e-5
MOON_SPIN: Final = 2.6616995e-6
"""Spins, rad/s: they aberrate the Sun as seen from a place, and bound how fast a place turns."""

SPIN_RAD_S: Final = (EARTH_SPIN, 0.0)
"""Spin taken out of the Earth's and the Moon's tables, so that what is interpolated is slow."""

_LIGHT_TURNS: Final = 4


class Sky(NamedTuple):
    """Arrays that the kernels need; made by :func:`make_sky`."""

    track_edges: Floats
    track_coefficients: Floats
    center: int
    emb: Floats
    emb_init: float
    emb_len: float
    earth: Floats
    earth_init: float
    earth_len: float
    moon: Floats
    moon_init: float
    moon_len: float
    sun: Floats
    sun_init: float
    sun_len: float
    other: Floats
    other_init: float
    other_len: float
    pole_start: float
    poles: Floats
    turn_start: float
    turns: Floats
    radii: Floats
    polar: Floats
    center_pole: Floats


def make_sky(track: Track, ephemeris: Ephemeris, *, turning: bool = False, sun_radius_km: float = SUN_RADIUS_KM) -> Sky:
    """Gather what the kernels need over a track's span.

    Args:
        track: the spacecraft.
        ephemeris: open ephemeris; needed only here.
        turning: also tabulate the full orientation of Earth and Moon (places on the ground need it).
        sun_radius_km: older kernels have 696000.
    """
    start, stop = track.span
    center = BODY_CODES.get(track.center, CENTER)
    parts: list[tuple[Floats, float, float]] = []
    for body in (3, 399, 301, 10, NAIF_IDS[track.center] if center == CENTER else 10):
        if body == 0:
            # The barycentre itself: a record of zeros.
            parts.append((np.array([[start, stop - start + 1.0, 0.0, 0.0, 0.0]]), start, stop - start + 1.0))
            continue
        segment = ephemeris.planets.segment(body)
        count = segment.records.shape[0]
        # Light that arrives at the start left earlier: up to a few hours from the outer planets.
        i = min(max(int((start - 86400.0 - segment.init) // segment.intlen), 0), count - 1)
        j = min(max(int((stop - segment.init) // segment.intlen) + 2, i + 1), count)
        records = np.array(segment.records[i:j], dtype=np.float64, order="C")
        parts.append((records, segment.init + i * segment.intlen, segment.intlen))
    flat = [value for part in parts for value in part]
    pole_start = start - POLE_STEP_S
    days = pole_start + POLE_STEP_S * np.arange(int((stop - pole_start) / POLE_STEP_S) + 3)
    poles = np.array([ephemeris.rotation("earth", t)[2] for t in days])
    size, flat_size, axis = center_shape(track.center, 0.5 * (start + stop))
    radii = np.array([EARTH_RADII_KM[0], MOON_RADII_KM[0], sun_radius_km, size])
    polar = np.array([EARTH_RADII_KM[2], MOON_RADII_KM[0], sun_radius_km, flat_size])
    turn_start = start - 86400.0
    turns = np.zeros((2, 0, 3, 3))
    if turning:
        hours = turn_start + TURN_STEP_S * np.arange(int((stop - turn_start) / TURN_STEP_S) + 4, dtype=np.float64)
        turns = np.array([_slow_turns(ephemeris, k, b, hours, turn_start) for k, b in enumerate(("earth", "moon"))])
    return Sky(  # type: ignore[call-arg]
        track.edges, track.coefficients, center, *flat, pole_start, poles, turn_start, turns, radii, polar, axis,  # type: ignore[arg-type]
    )  # fmt: skip


def center_shape(center: str, et: float) -> tuple[float, float, Floats]:
    """Equatorial and polar radius (km) and axis (3,), J2000, of the body that an orbit is about; zeros if unknown.

    The axis of Mars turns by 8 arcsec a year, which moves its limb by less than a metre: one direction serves a span.
    """
    if center in PHYSICAL_IDS:
        body = PHYSICAL_IDS[center]
        _, sizes = spice.bodvcd(body, "RADII", 3)
        if spice.bodfnd(body, "POLE_RA"):
            ra, dec, _, _ = spice.bodeul(body, et)
            return float(sizes[0]), float(sizes[2]), from_angles(ra, dec)
        return float(sizes[0]), float(sizes[0]), np.array([0.0, 0.0, 1.0])
    known = {"earth": EARTH_RADII_KM, "moon": MOON_RADII_KM, "sun": (SUN_RADIUS_KM,) * 3}
    a, _, c = known.get(center, (0.0, 0.0, 0.0))
    return a, c, np.array([0.0, 0.0, 1.0])


def _slow_turns(ephemeris: Ephemeris, k: int, body: str, ets: Floats, start: float) -> Floats:
    out = np.empty((len(ets), 3, 3))
    for i, et in enumerate(ets):
        a = SPIN_RAD_S[k] * (et - start)
        c, s = math.cos(a), math.sin(a)
        out[i] = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ ephemeris.rotation(body, float(et))
    return out


@njit(cache=True)
def body_state(sky, body, et, work, out):  # type: ignore[no-untyped-def]
    """State (6,) of a body from the solar-system barycentre, km and km/s; ``work`` (6,) is overwritten."""
    code = body
    if body == CENTER:
        code = sky.center
    if code in (EARTH, MOON):
        chebyshev_state(sky.emb, sky.emb_init, sky.emb_len, et, out)
        if code == EARTH:
            chebyshev_state(sky.earth, sky.earth_init, sky.earth_len, et, work)
        else:
            chebyshev_state(sky.moon, sky.moon_init, sky.moon_len, et, work)
        for k in range(6):
            out[k] += work[k]
    elif code == SUN:
        chebyshev_state(sky.sun, sky.sun_init, sky.sun_len, et, out)
    else:
        chebyshev_state(sky.other, sky.other_init, sky.other_len, et, out)


@njit(cache=True)
def body_place(sky, body, et, work, out):  # type: ignore[no-untyped-def]
    """Position alone, (3,) of ``out``, as :func:`body_state`; most of a search is this."""
    code = body
    if body == CENTER:
        code = sky.center
    if code in (EARTH, MOON):
        chebyshev_place(sky.emb, sky.emb_init, sky.emb_len, et, out)
        if code == EARTH:
            chebyshev_place(sky.earth, sky.earth_init, sky.earth_len, et, work)
        else:
            chebyshev_place(sky.moon, sky.moon_init, sky.moon_len, et, work)
        for k in range(3):
            out[k] += work[k]
    elif code == SUN:
        chebyshev_place(sky.sun, sky.sun_init, sky.sun_len, et, out)
    else:
        chebyshev_place(sky.other, sky.other_init, sky.other_len, et, out)


@njit(cache=True)
def craft_state(sky, et, work, out):  # type: ignore[no-untyped-def]
    """State (6,) of the spacecraft from the solar-system barycentre; ``work`` (2, 6) is overwritten."""
    body_state(sky, CENTER, et, work[0], out)
    track_state(sky.track_edges, sky.track_coefficients, et, work[0])
    for k in range(6):
        out[k] += work[0, k]


@njit(cache=True)
def light_vector(sky, body, et, origin, work, out):  # type: ignore[no-untyped-def]
    """Vector (3,) from ``origin`` (barycentric state) to a body as its light left (CN); returns the light time, s."""
    lt = 0.0
    for turn in range(_LIGHT_TURNS):
        body_place(sky, body, et - lt, work[0], work[1])
        d2 = 0.0
        for k in range(3):
            out[k] = work[1, k] - origin[k]
            d2 += out[k] * out[k]
        new = math.sqrt(d2) / C_KM_S
        close = abs(new - lt) < 1e-9
        lt = new
        if close and turn > 0:
            break
    return lt


@njit(cache=True)
def aberrate(vector, velocity):  # type: ignore[no-untyped-def]
    """Turn ``vector`` (3,) in place toward ``velocity`` (3,) km/s as SPICE's stelab does."""
    x, y, z = vector[0], vector[1], vector[2]
    r = math.sqrt(x * x + y * y + z * z)
    if r == 0.0:
        return
    ax = (y * velocity[2] - z * velocity[1]) / (r * C_KM_S)
    ay = (z * velocity[0] - x * velocity[2]) / (r * C_KM_S)
    az = (x * velocity[1] - y * velocity[0]) / (r * C_KM_S)
    s = math.sqrt(ax * ax + ay * ay + az * az)
    if s == 0.0:
        return
    c = math.sqrt(1.0 - s * s)
    vector[0] = x * c + (ay * z - az * y)
    vector[1] = y * c + (az * x - ax * z)
    vector[2] = z * c + (ax * y - ay * x)


@njit(cache=True)
def apparent(sky, body, et, craft, work, out):  # type: ignore[no-untyped-def]
    """Apparent vector (3,) CN+S from the spacecraft (state ``craft``) to a body, km; returns the light time."""
    lt = light_vector(sky, body, et, craft, work, out)
    aberrate(out, craft[3:])
    return lt


@njit(cache=True)
def to_limb(sky, body, et, craft, work, vector):  # type: ignore[no-untyped-def]
    """Turn an apparent vector (3,) in place into that to where a body at rest would have the outline that is seen.

    As :func:`terraluna.scene.apparent.limb_place`, with the equatorial radius; ``work`` (2, 6) is overwritten.
    """
    far = math.sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2])
    lt = far / C_KM_S
    stretch = 1.0 + (vector[0] * craft[3] + vector[1] * craft[4] + vector[2] * craft[5]) / (far * C_KM_S)
    later = lt * (1.0 - math.sqrt(max(0.0, 1.0 - (sky.radii[body] / far) ** 2)))
    body_state(sky, body, et - lt, work[0], work[1])
    for k in range(3):
        vector[k] = stretch * vector[k] - later * (craft[3 + k] - work[1, 3 + k])


@njit(cache=True)
def disc_radius(sky, body, vector):  # type: ignore[no-untyped-def]
    """Angular radius (rad) of a body of its equatorial size at ``vector`` (3,) km; 90 degrees from inside."""
    far = math.sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2])
    return math.asin(sky.radii[body] / far) if far > sky.radii[body] else 0.5 * math.pi


@njit(cache=True)
def sun_from(sky, body, epoch, work, out):  # type: ignore[no-untyped-def]
    """Apparent vector (3,) CN+S of the Sun from the centre of a body at ``epoch``; ``work`` (4, 6)."""
    body_state(sky, body, epoch, work[2], work[3])
    light_vector(sky, SUN, epoch, work[3], work, out)
    aberrate(out, work[3, 3:])


@njit(cache=True)
def earth_pole(sky, et, out):  # type: ignore[no-untyped-def]
    """Direction (3,) of the Earth's pole, J2000; linear between days (0.1 arcsec)."""
    x = (et - sky.pole_start) / POLE_STEP_S
    i = min(max(int(x), 0), sky.poles.shape[0] - 2)
    f = x - i
    for k in range(3):
        out[k] = (1.0 - f) * sky.poles[i, k] + f * sky.poles[i + 1, k]


@njit(cache=True)
def rotation(sky, body, et, out):  # type: ignore[no-untyped-def]
    """Matrix (3, 3) J2000 to body-fixed of Earth or Moon by cubic interpolation of the slow part."""
    x = (et - sky.turn_start) / TURN_STEP_S
    n = sky.turns.shape[1]
    i = min(max(int(x) - 1, 0), n - 4)
    f = x - i
    w0 = -(f - 1.0) * (f - 2.0) * (f - 3.0) / 6.0
    w1 = f * (f - 2.0) * (f - 3.0) / 2.0
    w2 = -f * (f - 1.0) * (f - 3.0) / 2.0
    w3 = f * (f - 1.0) * (f - 2.0) / 6.0
    a = -(SPIN_RAD_S[0] if body == EARTH else SPIN_RAD_S[1]) * (et - sky.turn_start)
    c, s = math.cos(a), math.sin(a)
    t = sky.turns[body]
    for k in range(3):
        u = w0 * t[i, 0, k] + w1 * t[i + 1, 0, k] + w2 * t[i + 2, 0, k] + w3 * t[i + 3, 0, k]
        v = w0 * t[i, 1, k] + w1 * t[i + 1, 1, k] + w2 * t[i + 2, 1, k] + w3 * t[i + 3, 1, k]
        w = w0 * t[i, 2, k] + w1 * t[i + 1, 2, k] + w2 * t[i + 2, 2, k] + w3 * t[i + 3, 2, k]
        out[0, k] = c * u - s * v
        out[1, k] = s * u + c * v
        out[2, k] = w
