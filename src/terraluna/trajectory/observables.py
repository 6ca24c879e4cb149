"""Published facts that say something about where a spacecraft was.

Each is a small frozen record: what was published, at which time, how well (``sigma``). A record computes the same
quantity from a trial state; :mod:`terraluna.trajectory.reconstruct` makes the two agree. All can be written in TOML.

Places are apparent (light time and stellar aberration, CN+S) where a picture saw them, geometric where an orbit
was published (ranges, sub-spacecraft points, planes).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from terraluna.ephemeris import unit
from terraluna.ephemeris.segments import Floats
from terraluna.trajectory.view import DISC_RADII_KM, View


class _Observable(BaseModel, ABC):
    """Shared by all: ``at`` is a UTC date or the name of a free time; ``used = false`` makes it a mere check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    sigma: float = Field(gt=0)
    used: bool = True
    label: str = ""
    source: str = ""

    @property
    @abstractmethod
    def observed(self) -> Floats:
        """Published values (k,), in the unit of ``sigma``."""

    @abstractmethod
    def computed(self, view: View) -> Floats:
        """The same quantities for a trial state (k,)."""

    def difference(self, view: View) -> Floats:
        """Computed minus observed (k,), in the unit of ``sigma``."""
        return self.computed(view) - self.observed


def _angle(a: Floats, b: Floats) -> float:
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def _wrap(degrees: float) -> float:
    return float((degrees + 180.0) % 360.0 - 180.0)


class Range(_Observable):
    """Distance from a body's centre, km."""

    type: Literal["range"] = "range"
    body: str
    range_km: float

    @property
    def observed(self) -> Floats:
        """Range, km."""
        return np.array([self.range_km])

    def computed(self, view: View) -> Floats:
        """Range, km."""
        return np.array([np.linalg.norm(view.state_about(self.body)[:3])])


class RangeRate(_Observable):
    """Change of the distance from a body, km/s; 0 marks a closest or farthest point."""

    type: Literal["range_rate"] = "range_rate"
    body: str
    range_rate_km_s: float = 0.0

    @property
    def observed(self) -> Floats:
        """Range rate, km/s."""
        return np.array([self.range_rate_km_s])

    def computed(self, view: View) -> Floats:
        """Range rate, km/s."""
        state = view.state_about(self.body)
        return np.array([state[3:] @ unit(state[:3])])


class SubPoint(_Observable):
    """Point of a body under the spacecraft: planetocentric latitude and east longitude, degrees."""

    type: Literal["sub_point"] = "sub_point"
    body: str
    lat_deg: float
    lon_deg: float

    @property
    def observed(self) -> Floats:
        """Latitude and longitude, degrees."""
        return np.array([self.lat_deg, self.lon_deg])

    def computed(self, view: View) -> Floats:
        """Latitude and longitude, degrees."""
        x, y, z = view.ephemeris.rotation(self.body, view.et) @ view.state_about(self.body)[:3]
        return np.degrees([np.arctan2(z, np.hypot(x, y)), np.arctan2(y, x)])

    def difference(self, view: View) -> Floats:
        """Differences on the sphere, degrees."""
        lat, lon = self.computed(view)
        return np.array([lat - self.lat_deg, _wrap(lon - self.lon_deg) * np.cos(np.radians(self.lat_deg))])


class Separation(_Observable):
    """Angle between two bodies' centres, degrees."""

    type: Literal["separation"] = "separation"
    body: str
    other: str
    separation_deg: float

    @property
    def observed(self) -> Floats:
        """Angle, degrees."""
        return np.array([self.separation_deg])

    def computed(self, view: View) -> Floats:
        """Angle, degrees."""
        return np.array([_angle(view.toward(self.body), view.toward(self.other))])


class SeparationRatio(_Observable):
    """Angle between two bodies' centres in diameters of the first: what a picture of unknown scale tells."""

    type: Literal["separation_ratio"] = "separation_ratio"
    body: str
    other: str
    diameters: float

    @property
    def observed(self) -> Floats:
        """Diameters of ``body``."""
        return np.array([self.diameters])

    def computed(self, view: View) -> Floats:
        """Diameters of ``body``."""
        angle = np.radians(_angle(view.toward(self.body), view.toward(self.other)))
        return np.array([angle / (2.0 * view.disc_radius(self.body))])


class Phase(_Observable):
    """Angle Sun, body, spacecraft, degrees."""

    type: Literal["phase"] = "phase"
    body: str
    phase_deg: float

    @property
    def observed(self) -> Floats:
        """Phase angle, degrees."""
        return np.array([self.phase_deg])

    def computed(self, view: View) -> Floats:
        """Phase angle, degrees."""
        vector, tau = view.light_time(self.body)
        return np.array([_angle(-vector, view.ephemeris.position("sun", view.et - tau, self.body))])


class DiscRatio(_Observable):
    """Apparent radius of ``other`` over that of ``body``."""

    type: Literal["disc_ratio"] = "disc_ratio"
    body: str
    other: str
    ratio: float

    @property
    def observed(self) -> Floats:
        """Ratio of radii."""
        return np.array([self.ratio])

    def computed(self, view: View) -> Floats:
        """Ratio of radii."""
        return np.array([view.disc_radius(self.other) / view.disc_radius(self.body)])


class DiscOffset(_Observable):
    """Place of ``other``'s centre from ``body``'s in a picture, in radii of ``body``'s disc: x right, y down."""

    type: Literal["disc_offset"] = "disc_offset"
    body: str
    other: str
    x: float
    y: float
    roll: str | None = None

    @property
    def observed(self) -> Floats:
        """Offset, disc radii."""
        return np.array([self.x, self.y])

    def computed(self, view: View) -> Floats:
        """Offset, disc radii."""
        center = view.toward(self.body)
        return np.asarray(view.place(view.toward(self.other), center, self.roll) / np.tan(view.disc_radius(self.body)))


class Landmark(_Observable):
    """Place of a point of a body's surface in a picture, in radii of its disc from its centre: x right, y down."""

    type: Literal["landmark"] = "landmark"
    body: str
    lat_deg: float
    lon_deg: float
    x: float
    y: float
    roll: str | None = None

    @property
    def observed(self) -> Floats:
        """Offset, disc radii."""
        return np.array([self.x, self.y])

    def computed(self, view: View) -> Floats:
        """Offset, disc radii."""
        vector, tau = view.light_time(self.body)
        lat, lon = np.radians([self.lat_deg, self.lon_deg])
        fixed = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        point = DISC_RADII_KM[self.body] * (view.ephemeris.rotation(self.body, view.et - tau).T @ fixed)
        center = view.aberrate(vector)
        place = view.place(view.aberrate(vector + point), center, self.roll)
        return np.asarray(place / np.tan(view.disc_radius(self.body)))


class MotionAngle(_Observable):
    """Direction in which ``other`` moves past ``body`` in a picture, degrees from image right toward image down."""

    type: Literal["motion_angle"] = "motion_angle"
    body: str
    other: str
    angle_deg: float
    roll: str | None = None

    @property
    def observed(self) -> Floats:
        """Angle, degrees."""
        return np.array([self.angle_deg])

    def computed(self, view: View) -> Floats:
        """Angle, degrees."""
        center, other = view.toward(self.body), view.toward(self.other)
        eph = view.ephemeris
        step = 60.0
        moved = [
            v + step * (eph.state(b, view.et, "ssb")[3:] - view.state_from_ssb[3:])
            for b, v in ((self.body, center), (self.other, other))
        ]
        shift = view.place(moved[1], moved[0], self.roll) - view.place(other, center, self.roll)
        return np.array([np.degrees(np.arctan2(shift[1], shift[0]))])

    def difference(self, view: View) -> Floats:
        """Difference, degrees, -180 to 180."""
        return np.array([_wrap(float(self.computed(view)[0]) - self.angle_deg)])


class LimbAngle(_Observable):
    """Angle from the line ``body`` to ``other`` to the direction of ``lit``'s bright limb, degrees clockwise.

    Needs neither scale nor roll of the picture: what the crescents of a published picture tell.
    """

    type: Literal["limb_angle"] = "limb_angle"
    body: str
    other: str
    lit: str
    angle_deg: float

    @property
    def observed(self) -> Floats:
        """Angle, degrees."""
        return np.array([self.angle_deg])

    def computed(self, view: View) -> Floats:
        """Angle, degrees."""
        center = view.toward(self.body)
        line = view.place(view.toward(self.other), center, None)
        vector, tau = view.light_time(self.lit)
        sun = view.ephemeris.position("sun", view.et - tau, self.lit)
        lit = view.aberrate(vector)
        # A short step toward the Sun: its direction on the sky, whatever the Sun's side.
        step = lit + unit(sun) * 1e-3 * float(np.linalg.norm(vector))
        limb = view.place(step, lit, None)
        return np.array([np.degrees(np.arctan2(limb[1], limb[0]) - np.arctan2(line[1], line[0]))])

    def difference(self, view: View) -> Floats:
        """Difference, degrees, -180 to 180."""
        return np.array([_wrap(float(self.computed(view)[0]) - self.angle_deg)])


class Contact(_Observable):
    """Outer contact of two discs: distance of the centres over the sum of the radii, less 1."""

    type: Literal["contact"] = "contact"
    body: str
    other: str

    @property
    def observed(self) -> Floats:
        """Zero: the discs touch."""
        return np.zeros(1)

    def computed(self, view: View) -> Floats:
        """Gap (positive) or overlap (negative) over the sum of the radii."""
        angle = np.radians(_angle(view.toward(self.body), view.toward(self.other)))
        return np.array([angle / (view.disc_radius(self.body) + view.disc_radius(self.other)) - 1.0])


class Direction(_Observable):
    """Apparent right ascension and declination of a body, degrees (right ascension times cos declination)."""

    type: Literal["direction"] = "direction"
    body: str
    ra_deg: float
    dec_deg: float

    @property
    def observed(self) -> Floats:
        """Right ascension and declination, degrees."""
        return np.array([self.ra_deg, self.dec_deg])

    def computed(self, view: View) -> Floats:
        """Right ascension and declination, degrees."""
        x, y, z = view.toward(self.body)
        return np.degrees([np.arctan2(y, x) % (2.0 * np.pi), np.arctan2(z, np.hypot(x, y))])

    def difference(self, view: View) -> Floats:
        """Differences on the sphere, degrees."""
        ra, dec = self.computed(view)
        return np.array([_wrap(ra - self.ra_deg) * np.cos(np.radians(self.dec_deg)), dec - self.dec_deg])


class Position(_Observable):
    """Position from a body, km, J2000; with a large sigma, a prior."""

    type: Literal["position"] = "position"
    body: str
    position_km: tuple[float, float, float]

    @property
    def observed(self) -> Floats:
        """Position, km."""
        return np.array(self.position_km)

    def computed(self, view: View) -> Floats:
        """Position, km."""
        return view.state_about(self.body)[:3]


class Velocity(_Observable):
    """Velocity relative to a body, km/s, J2000; with a large sigma, a prior."""

    type: Literal["velocity"] = "velocity"
    body: str
    velocity_km_s: tuple[float, float, float]

    @property
    def observed(self) -> Floats:
        """Velocity, km/s."""
        return np.array(self.velocity_km_s)

    def computed(self, view: View) -> Floats:
        """Velocity, km/s."""
        return view.state_about(self.body)[3:]


class RangeBound(_Observable):
    """Distance from a body between two limits, km; costs nothing inside them."""

    type: Literal["range_bound"] = "range_bound"
    body: str
    min_km: float = 0.0
    max_km: float = np.inf

    @property
    def observed(self) -> Floats:
        """Zero: inside the limits."""
        return np.zeros(1)

    def computed(self, view: View) -> Floats:
        """Excess over the nearer limit, km."""
        r = float(np.linalg.norm(view.state_about(self.body)[:3]))
        return np.array([min(r - self.min_km, 0.0) + max(r - self.max_km, 0.0)])


class SpeedBound(_Observable):
    """Speed relative to a body between two limits, km/s; costs nothing inside them."""

    type: Literal["speed_bound"] = "speed_bound"
    body: str
    min_km_s: float = 0.0
    max_km_s: float = np.inf

    @property
    def observed(self) -> Floats:
        """Zero: inside the limits."""
        return np.zeros(1)

    def computed(self, view: View) -> Floats:
        """Excess over the nearer limit, km/s."""
        v = float(np.linalg.norm(view.state_about(self.body)[3:]))
        return np.array([min(v - self.min_km_s, 0.0) + max(v - self.max_km_s, 0.0)])


class PlaneThrough(_Observable):
    """A place on a body lies in the orbit's plane: its angle from the plane, degrees (a launch or a landing site)."""

    type: Literal["plane_through"] = "plane_through"
    body: str
    lat_deg: float
    lon_deg: float

    @property
    def observed(self) -> Floats:
        """Zero: in the plane."""
        return np.zeros(1)

    def computed(self, view: View) -> Floats:
        """Angle above the orbit's plane, degrees."""
        state = view.state_about(self.body)
        normal = unit(np.cross(state[:3], state[3:]))
        lat, lon = np.radians([self.lat_deg, self.lon_deg])
        fixed = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        site = view.ephemeris.rotation(self.body, view.et).T @ fixed
        return np.array([np.degrees(np.arcsin(np.clip(site @ normal, -1.0, 1.0)))])


Observable = Annotated[
    Range
    | RangeRate
    | SubPoint
    | Separation
    | SeparationRatio
    | Phase
    | DiscRatio
    | DiscOffset
    | Landmark
    | MotionAngle
    | LimbAngle
    | Contact
    | Direction
    | Position
    | Velocity
    | RangeBound
    | SpeedBound
    | PlaneThrough,
    Field(discriminator="type"),
]
"""Any of the records; in a file the key ``type`` says which."""

OBSERVABLES: Final[TypeAdapter[list[Observable]]] = TypeAdapter(list[Observable])
"""Reads a list of tables into records."""
