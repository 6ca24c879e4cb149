"""Facts that were published of an orbit: ranges, sub-spacecraft points, planes and limits, all geometric."""

from __future__ import annotations

from typing import Literal

import numpy as np

from terraluna.ephemeris import from_angles, unit
from terraluna.ephemeris.segments import Floats
from terraluna.trajectory.fact import Fact, ZeroFact, wrap
from terraluna.trajectory.view import View


class Range(Fact):
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


class RangeRate(Fact):
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


class SubPoint(Fact):
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
        return np.array([lat - self.lat_deg, wrap(lon - self.lon_deg) * np.cos(np.radians(self.lat_deg))])


class Position(Fact):
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


class Velocity(Fact):
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


class RangeBound(ZeroFact):
    """Distance from a body between two limits, km; costs nothing inside them."""

    type: Literal["range_bound"] = "range_bound"
    body: str
    min_km: float = 0.0
    max_km: float = np.inf

    def computed(self, view: View) -> Floats:
        """Excess over the nearer limit, km."""
        r = float(np.linalg.norm(view.state_about(self.body)[:3]))
        return np.array([min(r - self.min_km, 0.0) + max(r - self.max_km, 0.0)])


class SpeedBound(ZeroFact):
    """Speed relative to a body between two limits, km/s; costs nothing inside them."""

    type: Literal["speed_bound"] = "speed_bound"
    body: str
    min_km_s: float = 0.0
    max_km_s: float = np.inf

    def computed(self, view: View) -> Floats:
        """Excess over the nearer limit, km/s."""
        v = float(np.linalg.norm(view.state_about(self.body)[3:]))
        return np.array([min(v - self.min_km_s, 0.0) + max(v - self.max_km_s, 0.0)])


class PlaneThrough(ZeroFact):
    """A place on a body lies in the orbit's plane: its angle from the plane, degrees (a launch or a landing site)."""

    type: Literal["plane_through"] = "plane_through"
    body: str
    lat_deg: float
    lon_deg: float

    def computed(self, view: View) -> Floats:
        """Angle above the orbit's plane, degrees."""
        state = view.state_about(self.body)
        normal = unit(np.cross(state[:3], state[3:]))
        fixed = from_angles(*np.radians([self.lon_deg, self.lat_deg]))
        site = view.ephemeris.rotation(self.body, view.et).T @ fixed
        return np.array([np.degrees(np.arcsin(np.clip(site @ normal, -1.0, 1.0)))])
