"""Apparent places: where light says a body is, as SPICE's ``CN+S`` defines it.

Light time is iterated to convergence with Newtonian light (CN); stellar aberration is the rotation of the line of
sight toward the observer's barycentric velocity (S). Stars must be aberrated with the same function.
Source: NAIF "SPK Required Reading" and the headers of spkltc, stelab, subpnt and subslr.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.ephemeris import Ephemeris, unit
from terraluna.ephemeris.constants import C_KM_S
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError

# Newton's iteration for the light time gains a factor v/c (1e-4) a turn: four turns reach rounding.
_TURNS = 5


@dataclass(frozen=True)
class Observer:
    """Where the camera is: geocentric and barycentric, J2000 axes.

    Attributes:
        et: TDB seconds past J2000.
        position_j2000_km: (3,) from the centre of the Earth.
        velocity_j2000_km_s: (3,) with respect to the Earth.
        position_ssb_km: (3,) from the solar-system barycentre.
        velocity_ssb_km_s: (3,) with respect to it.
    """

    et: float
    position_j2000_km: Floats
    velocity_j2000_km_s: Floats
    position_ssb_km: Floats
    velocity_ssb_km_s: Floats

    @classmethod
    def from_state(cls, ephemeris: Ephemeris, et: float, state: Floats, center: str = "earth") -> Observer:
        """Observer from a J2000 state (6,) km, km/s about ``center``; GeometryError if it is not six finite numbers."""
        s = np.asarray(state, dtype=np.float64)
        if s.shape != (6,) or not np.isfinite(s).all() or not np.isfinite(et):
            raise GeometryError("the observer's state is not six finite numbers (km and km/s); check the trajectory")
        geocentric = s if center == "earth" else s + ephemeris.state(center, et, "earth")
        ssb = s + ephemeris.state(center, et, "ssb")
        return cls(et, geocentric[:3], geocentric[3:], ssb[:3], ssb[3:])


@dataclass(frozen=True)
class ApparentPlace:
    """A body as it appears: ``vector_km`` (3,) J2000 from the observer, aberrated; its light left at ``epoch_et``."""

    vector_km: Floats
    range_km: float
    light_time_s: float
    epoch_et: float


def aberrate(vector: Floats, velocity_km_s: Floats) -> Floats:
    """Turn a vector (3,) toward the observer's barycentric velocity (3,) km/s as SPICE's stelab does."""
    u = unit(vector)
    axis = np.cross(u, velocity_km_s / C_KM_S)
    s = float(np.linalg.norm(axis))
    if s == 0.0:
        return np.array(vector, dtype=np.float64)
    k = axis / s
    angle = np.arcsin(s)
    # Rodrigues; the component along the axis is zero because the axis is normal to the vector.
    return np.asarray(vector * np.cos(angle) + np.cross(k, vector) * s)


def apparent_place(ephemeris: Ephemeris, target: str, observer: Observer) -> ApparentPlace:
    """Apparent place (CN+S) of a body from an observer; equals SPICE ``spkpos(..., 'CN+S', ...)``."""
    lt = 0.0
    vector = np.zeros(3)
    for _ in range(_TURNS):
        vector = ephemeris.position(target, observer.et - lt, "ssb") - observer.position_ssb_km
        lt = float(np.linalg.norm(vector)) / C_KM_S
    apparent = aberrate(vector, observer.velocity_ssb_km_s)
    return ApparentPlace(apparent, float(np.linalg.norm(vector)), lt, observer.et - lt)


def limb_place(ephemeris: Ephemeris, target: str, observer: Observer, place: ApparentPlace, tangent: float) -> Floats:
    """Vector (3,) km J2000 to where a body at rest would have the outline that is seen of a moving one.

    Each ray of the limb has its own light time, shorter than the centre's, and its own aberration. To first order in
    v/c a point whose light took the time T appears where it is now, less T times the observer's velocity relative to
    the body. All limb points of a sphere have one T, so its outline is that of a sphere moved as a whole. The vector's
    length counts too: with the light time of the centre the radius of the disc is wrong by v/c of its tangent, up to 50
    arcsec in a low orbit. Far from a body the direction is that of ``place``. What is left is of second order, 1e-8 of
    the tangent; on a spheroid T varies a little, 0.01 arcsec in a low orbit of the Earth.
    SPICE: limbpt with the locus ELLIPSOID LIMB; its locus CENTER takes one light time and one turn for all rays.

    Args:
        ephemeris: open ephemeris.
        target: the body.
        observer: who sees it.
        place: its apparent place for that observer.
        tangent: length of a ray to the limb as a share of the range, the cosine of the angular radius.
    """
    velocity = observer.velocity_ssb_km_s
    # Aberration of the centre has turned the vector; the part of the motion along it stretches it.
    stretch = 1.0 + float(velocity @ unit(place.vector_km)) / C_KM_S
    later = place.light_time_s * (1.0 - tangent)
    body = ephemeris.state(target, place.epoch_et, "ssb")[3:]
    return np.asarray(stretch * place.vector_km - later * (velocity - body))


def seen_from_body(ephemeris: Ephemeris, target: str, body: str, et: float) -> Floats:
    """Apparent vector (3,) km J2000 of ``target`` from the centre of ``body`` at ``et`` (CN+S)."""
    state = ephemeris.state(body, et, "ssb")
    center = Observer(et, np.zeros(3), np.zeros(3), state[:3], state[3:])
    return apparent_place(ephemeris, target, center).vector_km


def surface_toward(radii_km: Floats, position_km: Floats) -> Floats:
    """Point (3,) where the line from the centre of an ellipsoid to a point (3,) meets its surface, body-fixed km."""
    return np.asarray(position_km / np.linalg.norm(position_km / radii_km))


@dataclass(frozen=True)
class SurfacePoint:
    """A point of a body's ellipsoid, body-fixed (3,) km, with planetocentric latitude and east longitude, rad."""

    vector_km: Floats
    lat: float
    lon: float


def _surface_point(vector: Floats) -> SurfacePoint:
    lat = float(np.arctan2(vector[2], np.hypot(vector[0], vector[1])))
    return SurfacePoint(vector, lat, float(np.arctan2(vector[1], vector[0])))


def sub_observer_point(ephemeris: Ephemeris, body: str, radii_km: Floats, observer: Observer) -> SurfacePoint:
    """Point of the surface on the line from the observer to the centre; SPICE: subpnt, INTERCEPT/ELLIPSOID, CN+S.

    The light time is that of the point itself, not of the centre: 21 ms and 1.5e-6 rad of Earth rotation apart.
    """
    lt = apparent_place(ephemeris, body, observer).light_time_s
    point = np.zeros(3)
    for turn in range(_TURNS + 1):
        epoch = observer.et - lt
        rotation = ephemeris.rotation(body, epoch)
        center = ephemeris.position(body, epoch, "ssb") - observer.position_ssb_km
        # Aberration belongs to the ray from the point; shifting the centre by it moves the whole body along.
        ray = center + rotation.T @ point
        shift = aberrate(ray, observer.velocity_ssb_km_s) - ray
        seat = -rotation @ (center + shift)
        point = surface_toward(radii_km, seat)
        if turn:
            lt = float(np.linalg.norm(seat - point)) / C_KM_S
    return _surface_point(point)


def sub_solar_point(ephemeris: Ephemeris, body: str, radii_km: Floats, observer: Observer) -> SurfacePoint:
    """Point of the surface on the line from the centre to the Sun, as the observer sees it; SPICE: subslr.

    As in SPICE the light time to the observer is that of the point, and the Sun is seen from the point itself, whose
    spin adds to the aberration (1.5e-6 rad at the Earth's equator).
    """
    lt = apparent_place(ephemeris, body, observer).light_time_s
    point = np.zeros(3)
    for _ in range(_TURNS):
        epoch = observer.et - lt
        # A state fixed to the ground has no velocity in the rotating frame; the inverse transform gives it one.
        turn = ephemeris.state_rotation(body, epoch)
        ground = np.asarray(np.linalg.solve(turn, np.r_[point, np.zeros(3)]), dtype=np.float64)
        here = Observer.from_state(ephemeris, epoch, ground, body)
        sun = ground[:3] + apparent_place(ephemeris, "sun", here).vector_km
        rotation = ephemeris.rotation(body, epoch)
        point = surface_toward(radii_km, rotation @ sun)
        center = ephemeris.position(body, epoch, "ssb") - observer.position_ssb_km
        lt = float(np.linalg.norm(center + rotation.T @ point)) / C_KM_S
    return _surface_point(point)
