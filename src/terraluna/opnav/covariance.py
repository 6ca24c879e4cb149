"""Covariance of a horizon fix before there is a picture: what planning needs.

Parametric as in Hikes, Liounis & Christian (2017, JGCD 40(1), 170): only range, apparent size, lit arc, noise and the
number of points. Written for the angle of each point from the body's centre, theta - phi, so that it also holds for
discs tens of degrees wide. With the arc's half width h about the direction of the lit limb, the averages over the arc
are <cos> = sin(h)/h, <cos^2> = 1/2 + sin(2h)/(4h), <sin^2> = 1 - <cos^2>, and the information matrix of (shift toward
the lit limb, shift across, angular radius) is n/sigma^2 [[<cos^2>, 0, <cos>], [0, <sin^2>, 0], [<cos>, 0, 1]].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.errors import InputError
from terraluna.opnav.types import Floats


@dataclass(frozen=True)
class HorizonCovariance:
    """Predicted covariance of a horizon fix.

    Attributes:
        covariance_km2: (3, 3) along (lit limb, across, line of sight): the first points from the disc's centre to the
            middle of the lit arc, the third from the observer to the body.
    """

    covariance_km2: Floats

    @property
    def range_sigma_km(self) -> float:
        """Standard deviation of the range."""
        return float(np.sqrt(self.covariance_km2[2, 2]))

    @property
    def cross_sigma_km(self) -> Floats:
        """Standard deviations (2,) toward the lit limb and across it."""
        result: Floats = np.sqrt(np.diag(self.covariance_km2)[:2])
        return result


def horizon_covariance(
    range_km: float,
    radius_km: float,
    radius_px: float,
    half_arc_rad: float,
    noise_px: float,
    points: int,
    *,
    limb_height_sigma_km: float = 0.0,
) -> HorizonCovariance:
    """Covariance of a horizon fix from the geometry alone, for a pinhole camera that points at the body.

    Args:
        range_km: distance of the body's centre.
        radius_km: radius of the body.
        radius_px: its apparent radius.
        half_arc_rad: half of the lit limb's extent about the body's centre; pi/2 at most by lighting, pi for a full
            disc.
        noise_px: standard deviation of a limb point, across the limb.
        points: number of limb points, evenly spread over the arc.
        limb_height_sigma_km: standard deviation of the limb's height over the surface.

    Raises:
        InputError: a value outside its range.
    """
    if not (range_km > radius_km > 0.0 and radius_px > 0.0 and noise_px > 0.0 and points >= 4):
        raise InputError(
            f"horizon covariance needs range {range_km} > radius {radius_km} > 0 km, radius_px {radius_px} > 0, "
            f"noise_px {noise_px} > 0 and at least 4 points, got {points}"
        )
    if not 0.0 < half_arc_rad <= np.pi:
        raise InputError(f"half_arc_rad must be above 0 and at most pi, got {half_arc_rad}")
    sine = radius_km / range_km
    cosine = np.sqrt(1.0 - sine * sine)
    # r = f tan(theta): a pixel at the limb is sin cos / r radians; along the limb it is 1/f/cos = sin/r, not needed
    # here.
    sigma = noise_px * sine * cosine / radius_px
    h = half_arc_rad
    mean_cos = np.sin(h) / h
    mean_cos2 = 0.5 + np.sin(2.0 * h) / (4.0 * h)
    information = np.array([[mean_cos2, 0.0, mean_cos], [0.0, 1.0 - mean_cos2, 0.0], [mean_cos, 0.0, 1.0]])
    covariance = np.linalg.inv(information) * (sigma**2 / points)
    # Shifts of the centre are angles; range = radius/sin(phi).
    to_km = np.diag([range_km, range_km, -range_km * cosine / sine])
    covariance = to_km @ covariance @ to_km
    covariance[2, 2] += (limb_height_sigma_km * range_km / radius_km) ** 2
    return HorizonCovariance(covariance)


def arc_points(radius_px: float, half_arc_rad: float, spacing_px: float = 1.0) -> int:
    """Number of independent limb points on an arc when one is taken every ``spacing_px`` pixels."""
    return max(int(2.0 * half_arc_rad * radius_px / spacing_px), 0)
