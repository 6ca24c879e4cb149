"""One body as an observer sees it at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from terraluna.ephemeris import Ephemeris, angle_between, unit
from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError
from terraluna.scene.apparent import (
    Observer,
    SurfacePoint,
    apparent_place,
    limb_place,
    seen_from_body,
    sub_observer_point,
    sub_solar_point,
)
from terraluna.scene.limb import limb_cone, limb_points

BodyName = Literal["earth", "moon"]

RADII_KM: dict[BodyName, tuple[float, float, float]] = {"earth": EARTH_RADII_KM, "moon": MOON_RADII_KM}


@dataclass(frozen=True)
class BodyView:
    """A body in the observer's sky: apparent place (CN+S), light, and turn, all at the time its light left.

    Attributes:
        name: ``earth`` or ``moon``.
        radii_km: (3,) semi-axes.
        center_j2000_km: (3,) apparent vector from the observer to the centre.
        limb_center_j2000_km: (3,) the same for the light of the limb: a body at rest there has the outline that is
            seen, so its length differs from the range by v/c; see :func:`terraluna.scene.apparent.limb_place`.
        range_km: distance the light travelled.
        light_time_s: the same in seconds.
        epoch_et: when the light left, TDB seconds past J2000.
        frame: body-fixed frame used (ITRF93 or IAU_*).
        rotation: (3, 3) J2000 to body-fixed at ``epoch_et``.
        sun_direction_j2000: (3,) unit vector from the body to the Sun as seen there.
        sun_range_km: distance of the Sun from the body.
        sub_observer: point of the surface on the line from the observer to the centre.
        sub_solar: point of the surface on the line from the centre to the Sun.
    """

    name: BodyName
    radii_km: Floats
    center_j2000_km: Floats
    limb_center_j2000_km: Floats
    range_km: float
    light_time_s: float
    epoch_et: float
    frame: str
    rotation: Floats
    sun_direction_j2000: Floats
    sun_range_km: float
    sub_observer: SurfacePoint
    sub_solar: SurfacePoint

    @property
    def direction_j2000(self) -> Floats:
        """Unit vector (3,) from the observer to the centre."""
        return unit(self.center_j2000_km)

    @property
    def phase_rad(self) -> float:
        """Angle Sun - body - observer; equals SPICE ``phaseq`` with CN+S."""
        return angle_between(-self.center_j2000_km, self.sun_direction_j2000)

    @property
    def lit_fraction(self) -> float:
        """Part of the disc's area that is lit, for a far sphere: (1 + cos phase) / 2."""
        return float((1.0 + np.cos(self.phase_rad)) / 2.0)

    @property
    def angular_radius_rad(self) -> float:
        """Half the angle that the equatorial radius subtends."""
        return float(np.arcsin(self.radii_km[0] / self.range_km))

    @property
    def ra_dec_rad(self) -> tuple[float, float]:
        """Apparent right ascension (0 to 2 pi) and declination on J2000 axes."""
        x, y, z = self.direction_j2000
        return float(np.arctan2(y, x) % (2.0 * np.pi)), float(np.arcsin(np.clip(z, -1.0, 1.0)))

    @property
    def bright_limb_pa_rad(self) -> float:
        """Position angle of the middle of the lit limb: from J2000 north through east, 0 to 2 pi."""
        return position_angle(self.center_j2000_km, self.sun_direction_j2000)

    @property
    def north_pole_pa_rad(self) -> float:
        """Position angle of the body's north pole: from J2000 north through east, 0 to 2 pi."""
        return position_angle(self.center_j2000_km, self.rotation[2])

    def limb_j2000_km(self, n: int = 360) -> Floats:
        """Tangent points (n, 3) of the ellipsoid as seen by the observer, J2000 km."""
        return limb_points(self.radii_km, self.rotation, self.limb_center_j2000_km, n)

    @property
    def cone(self) -> Floats:
        """Tangent cone (3, 3) of the limb as seen, on J2000 axes, see :func:`terraluna.scene.limb.limb_cone`."""
        return limb_cone(self.radii_km, self.rotation, self.limb_center_j2000_km)


def position_angle(line_of_sight: Floats, direction: Floats) -> float:
    """Angle of ``direction`` (3,) on the sky at ``line_of_sight`` (3,), from J2000 north through east, 0 to 2 pi."""
    los = unit(line_of_sight)
    east = np.cross([0.0, 0.0, 1.0], los)
    north = np.cross(los, east)
    return float(np.arctan2(direction @ east, direction @ north) % (2.0 * np.pi))


def view_body(ephemeris: Ephemeris, name: BodyName, observer: Observer) -> BodyView:
    """The body ``name`` as ``observer`` sees it; GeometryError if the observer is inside it."""
    radii = np.array(RADII_KM[name])
    separation = ephemeris.position(name, observer.et, "ssb") - observer.position_ssb_km
    # Asked before anything is divided by the distance.
    if float(np.linalg.norm(separation)) < 0.5 * float(radii.min()):
        raise GeometryError(
            f"the observer is inside the {name.capitalize()}, near its centre; check the trajectory and the time"
        )
    place = apparent_place(ephemeris, name, observer)
    rotation = ephemeris.rotation(name, place.epoch_et)
    seat = rotation @ place.vector_km / radii
    scaled = float(seat @ seat)
    if scaled <= 1.0:
        raise GeometryError(
            f"the observer is inside the {name.capitalize()} ({place.range_km:.0f} km from its centre); "
            "check the trajectory and the time"
        )
    sun = seen_from_body(ephemeris, "sun", name, place.epoch_et)
    return BodyView(
        name=name,
        radii_km=radii,
        center_j2000_km=place.vector_km,
        limb_center_j2000_km=limb_place(ephemeris, name, observer, place, np.sqrt(1.0 - 1.0 / scaled)),
        range_km=place.range_km,
        light_time_s=place.light_time_s,
        epoch_et=place.epoch_et,
        frame=ephemeris.frame(name, place.epoch_et),
        rotation=rotation,
        sun_direction_j2000=unit(sun),
        sun_range_km=float(np.linalg.norm(sun)),
        sub_observer=sub_observer_point(ephemeris, name, radii, observer),
        sub_solar=sub_solar_point(ephemeris, name, radii, observer),
    )
