"""What else is known beside both bodies: attitude, Sun, laws of pointing, an expected position.

Two lines of sight and a horizon range leave one freedom: camera and spacecraft may turn together about the Earth-Moon
line. Any of these settles it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.errors import InputError
from terraluna.opnav.types import Floats, Unprojector
from terraluna.opnav.vectors import tangent_basis


@dataclass(frozen=True)
class AttitudePrior:
    """Attitude from stars or telemetry.

    Attributes:
        rotation: (3, 3) J2000 -> camera.
        covariance_rad2: (3, 3) of the small rotation about the camera axes.
        source: what is reported as evidence, e.g. "stars".
    """

    rotation: Floats
    covariance_rad2: Floats
    source: str = "attitude"

    @staticmethod
    def from_sigmas(rotation: Floats, cross_rad: float, roll_rad: float) -> AttitudePrior:
        """Prior with ``cross_rad`` about the image axes and ``roll_rad`` about the boresight (+Z)."""
        return AttitudePrior(rotation, np.diag([cross_rad**2, cross_rad**2, roll_rad**2]))


@dataclass(frozen=True)
class SunEvidence:
    """What a body's lighting says, or the direction of its north pole in the picture in the place of the Sun's.

    Attributes:
        body: "earth" or "moon".
        sun_direction_j2000: (3,) unit vector body -> Sun.
        bright_limb_rad: angle of the lit limb about the body's direction, as :func:`bright_limb_angle` gives it.
        bright_limb_sigma_rad: its standard deviation; infinite where it wasn't measured.
        phase_rad: phase angle from the shape of the lit part.
        phase_sigma_rad: its standard deviation; infinite where it wasn't measured.
        source: what is reported as evidence for the angle.
    """

    body: str
    sun_direction_j2000: Floats
    bright_limb_rad: float = 0.0
    bright_limb_sigma_rad: float = float("inf")
    phase_rad: float = 0.0
    phase_sigma_rad: float = float("inf")
    source: str = "bright_limb"


@dataclass(frozen=True)
class DirectionLaw:
    """A direction known both in the camera and in J2000: a Sun sensor, an anti-Sun pointing, an antenna to the Earth.

    Attributes:
        camera_direction: (3,) unit vector in the camera frame.
        j2000_direction: (3,) unit vector.
        sigma_rad: standard deviation per axis.
        name: what is reported as evidence, e.g. "anti-Sun pointing".
    """

    camera_direction: Floats
    j2000_direction: Floats
    sigma_rad: float
    name: str


@dataclass(frozen=True)
class PositionPrior:
    """An expected position, e.g. from a trajectory.

    Attributes:
        position_earth_j2000_km: (3,) spacecraft from the Earth's centre.
        covariance_km2: (3, 3).
    """

    position_earth_j2000_km: Floats
    covariance_km2: Floats


def bright_limb_angle(direction: Floats, sun_camera: Floats) -> float:
    """Angle of the Sun's direction about a line of sight, rad, from the image's right (+X) toward down (+Y).

    Args:
        direction: (3,) unit vector to the body, camera frame.
        sun_camera: (3,) vector to the Sun (or to any point on the bright side of the disc), camera frame.
    """
    e1, e2 = tangent_basis(direction)
    return float(np.arctan2(sun_camera @ e2, sun_camera @ e1))


def bright_limb_angle_from_pixels(camera: Unprojector, center_px: Floats, bright_px: Floats) -> float:
    """The same angle from two pixels: the disc's centre and a point on its axis of symmetry on the bright side."""
    center, bright = camera.unproject(np.vstack((center_px, bright_px)))
    return bright_limb_angle(center, bright)


def whitener(covariance: Floats, what: str) -> Floats:
    """Inverse lower Cholesky factor of a covariance; InputError naming ``what`` if it is not positive definite."""
    try:
        factor = np.linalg.cholesky(np.asarray(covariance, dtype=np.float64))
    except np.linalg.LinAlgError:
        raise InputError(f"covariance of {what} is not positive definite") from None
    return np.asarray(np.linalg.inv(factor), dtype=np.float64)
