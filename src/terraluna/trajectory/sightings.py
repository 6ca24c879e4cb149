"""Facts that a picture tells: apparent places (light time and stellar aberration, CN+S), sizes and phases of discs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from terraluna.ephemeris import angle_between, from_angles, unit
from terraluna.ephemeris.segments import Floats
from terraluna.trajectory.fact import Fact, ZeroFact, wrap
from terraluna.trajectory.view import DISC_RADII_KM, View


class Separation(Fact):
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
        return np.degrees([angle_between(view.toward(self.body), view.toward(self.other))])


class SeparationRatio(Fact):
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
        angle = angle_between(view.toward(self.body), view.toward(self.other))
        return np.array([angle / (2.0 * view.disc_radius(self.body))])


class Phase(Fact):
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
        return np.degrees([angle_between(-vector, view.ephemeris.position("sun", view.et - tau, self.body))])


class DiscRatio(Fact):
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


class DiscOffset(Fact):
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


class Landmark(Fact):
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
        fixed = from_angles(*np.radians([self.lon_deg, self.lat_deg]))
        point = DISC_RADII_KM[self.body] * (view.ephemeris.rotation(self.body, view.et - tau).T @ fixed)
        center = view.aberrate(vector)
        place = view.place(view.aberrate(vector + point), center, self.roll)
        return np.asarray(place / np.tan(view.disc_radius(self.body)))


class MotionAngle(Fact):
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
        return np.array([wrap(float(self.computed(view)[0]) - self.angle_deg)])


class LimbAngle(Fact):
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
        return np.array([wrap(float(self.computed(view)[0]) - self.angle_deg)])


class Contact(ZeroFact):
    """Outer contact of two discs: distance of the centres over the sum of the radii, less 1."""

    type: Literal["contact"] = "contact"
    body: str
    other: str

    def computed(self, view: View) -> Floats:
        """Gap (positive) or overlap (negative) over the sum of the radii."""
        angle = angle_between(view.toward(self.body), view.toward(self.other))
        return np.array([angle / (view.disc_radius(self.body) + view.disc_radius(self.other)) - 1.0])


class Direction(Fact):
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
        return np.array([wrap(ra - self.ra_deg) * np.cos(np.radians(self.dec_deg)), dec - self.dec_deg])
