"""The stages of a measurement: limb points, lines of sight, a fix on one body, a fix from two bodies.

Every measurement is a value with its covariance, a status and the reasons for that status. A refused measurement holds
NaN, so that nobody can use it by mistake.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Status = Literal["ok", "degraded", "refused"]
Method = Literal["linear", "unbiased"]
Aberration = Literal["removed", "present"]
"""``removed``: directions are geometric (light time only); ``present``: as seen, shifted by the observer's velocity."""

DIRECTIONS = ("along", "in_plane", "out_of_plane")
"""Axes of a two-body fix: along the Earth's line of sight; across it in the plane of both lines; across that plane."""


class Unprojector(Protocol):
    """Anything that turns pixels into directions, such as a camera model."""

    def unproject(self, pixels: Floats) -> Floats:
        """Unit vectors (n, 3) in the camera frame (+Z boresight, +X right, +Y down) of pixels (n, 2)."""
        ...


@dataclass(frozen=True)
class LimbPoints:
    """Points measured on the lit limb of one body.

    Attributes:
        pixels: (n, 2) x right, y down; (0, 0) is the centre of the first pixel.
        covariance_px2: (n, 2, 2) covariance of each point.
        body: name of the body ("earth", "moon", ...).
        band: wavelength band in which the limb was seen ("443", "551", "680", "nir", "visible", ...).
    """

    pixels: Floats
    covariance_px2: Floats
    body: str
    band: str = "visible"


@dataclass(frozen=True)
class LimbDirections:
    """Limb points as directions in the camera frame.

    Attributes:
        directions: (n, 3) unit vectors.
        covariance_rad2: (n, 3, 3) covariance of each unit vector (rank 2: nothing along the vector itself).
        aberration: whether the observer's velocity still shifts the directions.
    """

    directions: Floats
    covariance_rad2: Floats
    body: str
    band: str = "visible"
    aberration: Aberration = "present"


@dataclass(frozen=True)
class LineOfSight:
    """Direction to the centre of a body, without its distance.

    Attributes:
        direction: (3,) unit vector in the camera frame.
        covariance_rad2: (3, 3) covariance of the unit vector (rank 2).
    """

    body: str
    direction: Floats
    covariance_rad2: Floats
    aberration: Aberration = "present"
    status: Status = "ok"
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class BodyFix:
    """Where a body is in the camera frame, from its limb.

    Attributes:
        position_camera_km: (3,) observer -> body centre, camera frame.
        covariance_km2: (3, 3), everything included (point noise and limb height).
        limb_height_km: height of the apparent limb over the ellipsoid that was assumed.
        limb_height_sigma_km: its prior standard deviation; 0 where none was assumed.
        limb_height_partial: (3,) derivative of the position by the limb height, km/km.
        bias_removed_km: what the second-order correction took off the range (0 with the linear method).
        points: number of limb points used.
        arc_rad: extent of the limb arc about the body's centre.
        rms_rad: root mean square of the points' distance from the fitted limb.
        chi_square: sum of the squared whitened residuals, with ``points - 3`` degrees of freedom.
    """

    body: str
    position_camera_km: Floats
    covariance_km2: Floats
    method: Method = "unbiased"
    aberration: Aberration = "present"
    limb_height_km: float = 0.0
    limb_height_sigma_km: float = 0.0
    limb_height_partial: Floats = field(default_factory=lambda: np.zeros(3))
    bias_removed_km: float = 0.0
    points: int = 0
    arc_rad: float = float("nan")
    rms_rad: float = float("nan")
    chi_square: float = float("nan")
    status: Status = "ok"
    reasons: tuple[str, ...] = ()

    @property
    def range_km(self) -> float:
        """Distance of the body's centre."""
        return math.sqrt(self.position_camera_km @ self.position_camera_km)

    @property
    def direction(self) -> Floats:
        """Unit vector (3,) to the body's centre, camera frame."""
        result: Floats = self.position_camera_km / self.range_km
        return result

    @property
    def range_sigma_km(self) -> float:
        """Standard deviation of the range."""
        d = self.direction
        return math.sqrt(d @ self.covariance_km2 @ d)

    def line_of_sight(self) -> LineOfSight:
        """The direction alone, with the covariance that remains when the range is ignored."""
        d = self.direction
        across = (np.eye(3) - np.outer(d, d)) / self.range_km
        return LineOfSight(
            self.body, d, across @ self.covariance_km2 @ across.T, self.aberration, self.status, self.reasons
        )


@dataclass(frozen=True)
class FreeRotation:
    """The circle of positions that one frame without attitude or Sun cannot tell apart.

    Attributes:
        axis_j2000: (3,) unit vector Earth -> Moon; camera and spacecraft turn together about it.
        center_earth_j2000_km: (3,) centre of the circle, from the Earth's anchor.
        radius_km: radius of the circle.
        ranges_km: (2,) distance of the Earth and of the Moon.
        ranges_covariance_km2: (2, 2).
    """

    axis_j2000: Floats
    center_earth_j2000_km: Floats
    radius_km: float
    ranges_km: Floats
    ranges_covariance_km2: Floats


@dataclass(frozen=True)
class PositionFix:
    """Where the spacecraft is, from both bodies in one frame.

    Attributes:
        position_earth_j2000_km: (3,) spacecraft from the Earth's centre, geometric at the time of the frame.
        position_moon_j2000_km: (3,) spacecraft from the Moon's centre.
        covariance_km2: (3, 3) of either position, J2000.
        attitude: (3, 3) J2000 -> camera.
        state_covariance: (7, 7) of position (km, J2000), attitude error (rad, rotation about the camera axes) and the
            Earth's limb height (km).
        limb_height_km: the Earth's limb height after the fix (its prior where nothing was assumed).
        sigma_km: standard deviation along each of :data:`DIRECTIONS`.
        axes_j2000: (3, 3) rows: unit vectors of :data:`DIRECTIONS`.
        driven_by: per direction, "earth_range", "moon_range" or "position_prior" where the variance would more than
            double without it; else "lines_of_sight" (triangulation).
        limited_by: per direction, the source whose error is the largest part of sigma ("attitude" among others).
        information_split: per direction, each source's share of the variance; shares add up to 1. A body's range counts
            as what it adds to its direction.
        evidence: how the second Moon distance and the rotation about the Earth-Moon line were settled.
        chi_square: sum of squared whitened residuals; ``degrees_of_freedom`` counts residuals less unknowns.
        alternatives: other positions that the measurements allow.
        freedom: the circle left free; position and covariance are then NaN and the status is ``refused``.
    """

    position_earth_j2000_km: Floats
    position_moon_j2000_km: Floats
    covariance_km2: Floats
    attitude: Floats
    state_covariance: Floats
    limb_height_km: float
    sigma_km: Mapping[str, float]
    axes_j2000: Floats
    driven_by: Mapping[str, str]
    limited_by: Mapping[str, str]
    information_split: Mapping[str, Mapping[str, float]]
    evidence: tuple[str, ...]
    chi_square: float
    degrees_of_freedom: int
    alternatives: tuple[PositionFix, ...] = ()
    freedom: FreeRotation | None = None
    status: Status = "ok"
    reasons: tuple[str, ...] = ()
