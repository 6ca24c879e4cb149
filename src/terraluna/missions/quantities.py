"""The quantities that published claims are about, each a function of a mission and a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from terraluna.ephemeris import angle_between, from_angles
from terraluna.ephemeris.constants import EARTH_RADII_KM
from terraluna.ephemeris.segments import Floats
from terraluna.errors import CatalogueError, GeometryError
from terraluna.missions.view import MissionView
from terraluna.scene.bodies import BodyName, position_angle
from terraluna.scene.scene import BodyPixels, Scene

Value = float | str
Quantity = Callable[..., Value]

_BEIJING = timedelta(hours=8)

QUANTITIES: dict[str, Quantity] = {}


def _quantity(function: Quantity) -> Quantity:
    QUANTITIES[function.__name__] = function
    return function


def compute(name: str, mission: MissionView, et: float, arguments: dict[str, Any]) -> Value:
    """Value of the quantity ``name`` at ``et``; CatalogueError for an unknown name or argument."""
    try:
        function = QUANTITIES[name]
    except KeyError:
        raise CatalogueError(f"unknown quantity {name!r}; the quantities are {', '.join(sorted(QUANTITIES))}") from None
    try:
        return function(mission, et, **arguments)
    except TypeError as error:
        raise CatalogueError(f"quantity {name!r}: {error}") from error


def _pixels(mission: MissionView, et: float, body: BodyName) -> BodyPixels:
    pixels = mission.scene(et).pixels(body)
    if pixels is None:
        raise GeometryError(f"{mission.spec.id}: the camera cannot see the whole {body} at {mission.ephemeris.utc(et)}")
    return pixels


@_quantity
def earth_range_km(mission: MissionView, et: float) -> Value:
    """Distance of the Earth's centre, km."""
    return mission.scene(et).earth.range_km


@_quantity
def moon_range_km(mission: MissionView, et: float) -> Value:
    """Distance of the Moon's centre, km."""
    return mission.scene(et).moon.range_km


@_quantity
def separation_deg(mission: MissionView, et: float) -> Value:
    """Angle between the two centres."""
    return math.degrees(mission.scene(et).separation_rad)


@_quantity
def separation_px(mission: MissionView, et: float) -> Value:
    """Distance of the two centres in the image."""
    e, m = _pixels(mission, et, "earth"), _pixels(mission, et, "moon")
    return math.hypot(e.x - m.x, e.y - m.y)


@_quantity
def phase_deg(mission: MissionView, et: float, body: BodyName) -> Value:
    """Phase angle of a body."""
    return math.degrees(mission.scene(et).body(body).phase_rad)


@_quantity
def shape(mission: MissionView, et: float) -> Value:
    """What both discs look like: ``crescents``, ``gibbous``, or ``mixed``."""
    lit = [b.lit_fraction < 0.5 for b in mission.scene(et).bodies]
    return "crescents" if all(lit) else "mixed" if any(lit) else "gibbous"


@_quantity
def diameter_px(mission: MissionView, et: float, body: BodyName) -> Value:
    """Diameter of a disc in camera pixels."""
    return 2.0 * _pixels(mission, et, body).limb.radius


@_quantity
def km_per_px(mission: MissionView, et: float) -> Value:
    """Scale at the Earth's distance."""
    return 2.0 * EARTH_RADII_KM[0] / (2.0 * _pixels(mission, et, "earth").limb.semi_major)


@_quantity
def disc_ratio(mission: MissionView, et: float) -> Value:
    """Diameter of the Earth's disc over the Moon's."""
    scene = mission.scene(et)
    return scene.earth.angular_radius_rad / scene.moon.angular_radius_rad


@_quantity
def separation_over_earth_diameter(mission: MissionView, et: float) -> Value:
    """Distance of the centres in diameters of the Earth's disc."""
    scene = mission.scene(et)
    return scene.separation_rad / (2.0 * scene.earth.angular_radius_rad)


@_quantity
def bright_limb_minus_pair_deg(mission: MissionView, et: float, body: BodyName) -> Value:
    """Direction of a lit limb from the direction Earth to Moon, counter-clockwise in the sky, -180..180."""
    return bright_limb_from_pair_deg(mission.scene(et), body)


def bright_limb_from_pair_deg(scene: Scene, body: BodyName) -> float:
    """Direction of a lit limb from the direction Earth to Moon, counter-clockwise in the sky, -180..180."""
    pair = position_angle(scene.earth.center_j2000_km, scene.moon.direction_j2000 - scene.earth.direction_j2000)
    return (math.degrees(scene.body(body).bright_limb_pa_rad - pair) + 180.0) % 360.0 - 180.0


@_quantity
def sub_latitude_deg(mission: MissionView, et: float, body: BodyName = "earth") -> Value:
    """Planetocentric latitude under the spacecraft."""
    return math.degrees(mission.scene(et).body(body).sub_observer.lat)


@_quantity
def sub_longitude_deg(mission: MissionView, et: float, body: BodyName = "earth") -> Value:
    """East longitude under the spacecraft, -180..180."""
    return math.degrees(mission.scene(et).body(body).sub_observer.lon)


@_quantity
def moon_side(mission: MissionView, et: float) -> Value:
    """Which side of the Moon the spacecraft faces: ``near`` or ``far``."""
    return "near" if abs(mission.scene(et).moon.sub_observer.lon) < math.pi / 2.0 else "far"


@_quantity
def event(mission: MissionView, et: float) -> Value:
    """Transit, occultation, or neither."""
    return mission.scene(et).event


@_quantity
def framing(mission: MissionView, et: float) -> Value:
    """Whether both discs lie wholly in the frame: ``both``, ``earth``, ``moon`` or ``none``."""
    scene = mission.scene(et)
    seen = [b for b in ("earth", "moon") if (p := scene.pixels(b)) is not None and p.in_frame]
    return "both" if len(seen) == 2 else seen[0] if seen else "none"


def _over(scene: Scene, lat_deg: float, lon_deg: float) -> Floats:
    """Direction (3,) J2000 of a place from the centre of the Earth."""
    return np.asarray(scene.earth.rotation.T @ from_angles(math.radians(lon_deg), math.radians(lat_deg)))


@_quantity
def place(mission: MissionView, et: float, lat_deg: float, lon_deg: float) -> Value:
    """How a place on the Earth is seen: ``lit``, ``dark``, or ``out of view``; sphere of the local normal."""
    scene = mission.scene(et)
    up = _over(scene, lat_deg, lon_deg)
    point = scene.earth.center_j2000_km + up * EARTH_RADII_KM[0]
    if float(up @ point) >= 0.0:
        return "out of view"
    return "lit" if float(up @ scene.earth.sun_direction_j2000) > 0.0 else "dark"


@_quantity
def place_quadrant(mission: MissionView, et: float, lat_deg: float, lon_deg: float) -> Value:
    """Where a place on the Earth lies on the disc in the image: ``upper left``, ``lower right`` ..."""
    scene = mission.scene(et)
    point = scene.earth.center_j2000_km + _over(scene, lat_deg, lon_deg) * EARTH_RADII_KM[0]
    if scene.camera is None or scene.attitude is None:
        raise GeometryError(f"{mission.spec.id}: no camera")
    a, b = scene.camera.project(np.stack([scene.earth.center_j2000_km, point]) @ scene.attitude.T)
    return f"{'lower' if b[1] > a[1] else 'upper'} {'right' if b[0] > a[0] else 'left'}"


@_quantity
def moon_quadrant(mission: MissionView, et: float) -> Value:
    """Where the Moon lies from the Earth in the image: ``left``, ``right``, ``above`` or ``below``."""
    e, m = _pixels(mission, et, "earth"), _pixels(mission, et, "moon")
    dx, dy = m.x - e.x, m.y - e.y
    if abs(dx) > abs(dy):
        return "right" if dx > 0.0 else "left"
    return "below" if dy > 0.0 else "above"


@_quantity
def north_quadrant(mission: MissionView, et: float) -> Value:
    """Quarter of the picture toward which the Earth's north pole points: ``upper left``, ``lower right`` ..."""
    angle = _pixels(mission, et, "earth").north_angle_rad
    return f"{'upper' if math.cos(angle) > 0.0 else 'lower'} {'left' if math.sin(angle) > 0.0 else 'right'}"


@_quantity
def beijing_date(mission: MissionView, et: float) -> Value:
    """Calendar date in China (UTC + 8 h)."""
    return (datetime.fromisoformat(mission.ephemeris.utc(et)) + _BEIJING).date().isoformat()


@_quantity
def utc_date(mission: MissionView, et: float) -> Value:
    """Calendar date, UTC."""
    return mission.ephemeris.utc(et)[:10]


@_quantity
def sun_from_boresight_deg(mission: MissionView, et: float) -> Value:
    """Angle between the camera's boresight and the Sun."""
    elongation = mission.scene(et).sun_elongation_rad
    if elongation is None:
        raise GeometryError(f"{mission.spec.id}: no attitude")
    return math.degrees(elongation)


@_quantity
def picture_date_minus_utc_min(mission: MissionView, et: float, utc: str) -> Value:
    """Time at which the trajectory fits the published picture, minus a published time, minutes."""
    from terraluna.missions.dating import date_picture

    return (date_picture(mission).et - mission.ephemeris.et(utc)) / 60.0


@_quantity
def moon_range_at_earth_range_km(
    mission: MissionView, et: float, start: str, stop: str, earth_range_km: float
) -> Value:
    """Distance of the Moon at the moment, between two UTC times, at which the Earth's distance is the one given."""
    a, b = mission.ephemeris.et(start), mission.ephemeris.et(stop)
    moment = float(brentq(lambda t: mission.scene(t).earth.range_km - earth_range_km, a, b, xtol=1e-3))
    return mission.scene(moment).moon.range_km


def _closest(mission: MissionView, body: str, start: str, stop: str) -> tuple[float, float]:
    """Time (et) and distance (km) of the geometric closest approach to a body's centre between two UTC times."""
    eph = mission.ephemeris
    a, b = eph.et(start), eph.et(stop)

    def distance(et: float) -> float:
        state = mission.trajectory.state(et)[:3] - eph.position(body, et, mission.trajectory.center)
        return float(np.linalg.norm(state))

    ets = np.linspace(a, b, 200)
    i = int(np.argmin([distance(t) for t in ets]))
    low, high = ets[max(i - 1, 0)], ets[min(i + 1, len(ets) - 1)]
    # Seconds from the middle: the search's own tolerance is relative to the size of its variable.
    middle = (low + high) / 2.0
    best = minimize_scalar(
        lambda s: distance(middle + s), bounds=(low - middle, high - middle), method="bounded", options={"xatol": 1e-4}
    )
    return middle + float(best.x), float(best.fun)


@_quantity
def closest_altitude_km(mission: MissionView, et: float, body: str, start: str, stop: str, radius_km: float) -> Value:
    """Height above a sphere of ``radius_km`` at the closest approach between two UTC times."""
    return _closest(mission, body, start, stop)[1] - radius_km


@_quantity
def closest_range_km(mission: MissionView, et: float, body: str, start: str, stop: str) -> Value:
    """Distance from a body's centre at the closest approach between two UTC times."""
    return _closest(mission, body, start, stop)[1]


@_quantity
def closest_minus_utc_s(mission: MissionView, et: float, body: str, start: str, stop: str, utc: str) -> Value:
    """Time of the closest approach minus a published time, s."""
    return _closest(mission, body, start, stop)[0] - mission.ephemeris.et(utc)


@_quantity
def geocentric_range_km(mission: MissionView, et: float) -> Value:
    """Geometric distance from the centre of the Earth."""
    return float(np.linalg.norm(mission.observer(et).position_j2000_km))


@_quantity
def direction_from_state_deg(mission: MissionView, et: float, position_km: list[float]) -> Value:
    """Angle at the Earth between the trajectory and a published geocentric J2000 position."""
    return math.degrees(angle_between(mission.observer(et).position_j2000_km, np.asarray(position_km)))


@_quantity
def distance_from_state_km(mission: MissionView, et: float, position_km: list[float]) -> Value:
    """Distance between the trajectory and a published geocentric J2000 position."""
    return float(np.linalg.norm(mission.observer(et).position_j2000_km - np.asarray(position_km)))
