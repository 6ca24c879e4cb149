"""The focal length of a camera that is known from a picture's label alone, refined from the discs of both bodies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from terraluna.camera.model import Camera
from terraluna.ephemeris.constants import EARTH_RADII_KM
from terraluna.errors import InputError
from terraluna.opnav.limb_height import limb_height_prior
from terraluna.opnav.measure import MeasuredBody
from terraluna.opnav.setting import Setting
from terraluna.opnav.stars.calibrate import CalibrationFrame, DiscSight, calibrate
from terraluna.opnav.types import Floats
from terraluna.opnav.vectors import two_vector_rotation
from terraluna.scene.bodies import BodyView

_TURNS: Final = 3


@dataclass(frozen=True)
class FocalFit:
    """A refined focal length.

    Attributes:
        camera: with it.
        focal_px, sigma_px: value and standard deviation.
        label_px: what the label said.
        clock_s, clock_sigma_s: by how much the picture was taken later than its time says, within its prior.
        chi_square: of the discs and priors, with ``degrees`` of freedom.
    """

    camera: Camera
    focal_px: float
    sigma_px: float
    label_px: float
    clock_s: float
    clock_sigma_s: float
    chi_square: float
    degrees: int


def visible_limb(body: BodyView) -> Floats:
    """Limb directions (m, 3) J2000, the Earth's raised to where it is seen in visible light."""
    points = body.limb_j2000_km(180)
    if body.name != "earth":
        return points
    height = limb_height_prior("visible").mean_km
    center = body.limb_center_j2000_km
    return np.asarray(center + (points - center) * (1.0 + height / EARTH_RADII_KM[0]))


def refine_focal(
    camera: Camera,
    bodies: Mapping[str, MeasuredBody],
    setting: Setting,
    et: float,
    *,
    focal_sigma: float,
    clock_sigma_s: float,
    systematic_px: float,
) -> FocalFit | None:
    """Focal length from both radii and the separation, where the trajectory says what they should be.

    Args:
        camera: of the label.
        bodies: both measured discs with their limbs.
        setting: with a trajectory.
        et: time of the picture.
        focal_sigma: relative error of the label's focal length.
        clock_sigma_s: error of the picture's time.
        systematic_px: error of centre and radius of each disc.

    Returns:
        The fit; None where a body is missing or the trajectory doesn't cover the time.
    """
    if not {"earth", "moon"} <= set(bodies):
        return None
    fitted, late = camera, 0.0
    seen_px = np.array([[bodies[b].x, bodies[b].y] for b in ("earth", "moon")])
    result = None
    for _ in range(_TURNS):
        # Linear about the last time, so that an offset of minutes is met too.
        now, later = setting.sky(et + late), setting.sky(et + late + 1.0)
        if now is None or later is None:
            return None
        seen = fitted.unproject(seen_px)
        attitude = two_vector_rotation(now.earth.direction_j2000, now.moon.direction_j2000, seen[0], seen[1])
        discs = []
        for name, start, end in (("earth", now.earth, later.earth), ("moon", now.moon, later.moon)):
            ellipse = bodies[name].limb
            assert ellipse is not None
            covariance = bodies[name].covariance + systematic_px**2 * np.eye(3)
            first = visible_limb(start)
            discs.append(
                DiscSight(
                    np.array([ellipse.x, ellipse.y, ellipse.radius]), covariance, first, visible_limb(end) - first
                )
            )
        # The clock's prior is about the label's time; ``late`` has been used up already.
        try:
            result = calibrate(
                camera,
                [CalibrationFrame(attitude, discs=tuple(discs))],
                ("focal", "clock"),
                {"focal": focal_sigma * camera.focal_px_x, "clock": clock_sigma_s},
                clock_mean_s=-late,
            )
        except InputError:
            return None
        step = result.value("clock")
        fitted, late = result.camera, late + step
        if abs(step) < 0.1:
            break
    assert result is not None
    focal, sigma = result.value("focal"), result.sigma("focal")
    return FocalFit(
        dataclasses.replace(fitted, focal_sigma_px=sigma), focal, sigma, camera.focal_px_x, late,
        result.sigma("clock"), result.chi_square, result.degrees,
    )  # fmt: skip
