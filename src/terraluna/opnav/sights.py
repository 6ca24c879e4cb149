"""Measured discs as sights: positions in the camera frame, what their light says of the Sun, residuals of a fix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.opnav.baseline import baseline
from terraluna.opnav.evidence import SunEvidence, bright_limb_angle_from_pixels
from terraluna.opnav.horizon_tls import horizon_fix
from terraluna.opnav.limb_height import limb_height_prior
from terraluna.opnav.limb_terrain import MEAN_HEIGHT_KM, RELIEF_SIGMA_KM, leveled, roughened
from terraluna.opnav.measure import FileMeasurement, MeasuredBody
from terraluna.opnav.sequential import SeriesFrame
from terraluna.opnav.types import BodyFix, Floats, LimbDirections, LimbPoints, PositionFix
from terraluna.opnav.vectors import aberrate, limb_directions, unit

PHASE_DEG: Final = 25.0
"""Nearer to full phase the middle of the lit limb says little about the Sun."""

DIRECTION_SIGMA_DEG: Final = 3.0
"""Error of the direction of a lit area: what a threshold twice as high changes on a clouded crescent."""

_LIT: Final = 0.1
"""What is brighter than this share of the disc's bright parts is lit: low, so that the clouds don't decide."""

_TERRAIN: Final = 5.0
"""Outline points of a rough limb move together: so many count as one."""


def body_fix(
    body: MeasuredBody,
    camera: Camera,
    orientation: Floats | None,
    systematic_px: float,
    band: str = "visible",
) -> BodyFix:
    """Position of a measured body in the camera frame, with the systematic error of its centre and radius.

    Args:
        body: with a limb.
        camera: that took it.
        orientation: (3, 3) camera frame -> frame fixed to the body, for the Earth's flattening and the Moon's relief;
            None: spheres, and the relief as an error.
        systematic_px: standard deviation of centre (per axis) and radius.
        band: of the picture, for the height of the Earth's limb.
    """
    limb: LimbPoints = body.as_limb(band)
    if "outline_only" in body.reasons:
        limb = replace(limb, covariance_px2=limb.covariance_px2 * _TERRAIN)
    directions = limb_directions(limb, camera)
    if body.name == "earth":
        radius = (2.0 * EARTH_RADII_KM[0] + EARTH_RADII_KM[2]) / 3.0
        radii = (radius, radius, radius) if orientation is None else EARTH_RADII_KM
        fix = horizon_fix(directions, np.asarray(radii), orientation, limb_height=limb_height_prior(limb.band))
        relief_km = 0.0
    else:
        radius = MOON_RADII_KM[0]
        fix, relief_km = _moon_fix(directions, orientation)
    error_km = math.hypot(systematic_px * camera.ifov_rad * fix.range_km, relief_km)
    if fix.status == "refused" or error_km == 0.0:
        return fix
    # The points scatter more than their noise where such errors exist: that is what is added here.
    d = fix.direction
    added = (np.eye(3) - np.outer(d, d)) * error_km**2 + np.outer(d, d) * (error_km * fix.range_km / radius) ** 2
    reasons = tuple(x for x in fix.reasons if x != "residuals_exceed_noise")
    return replace(
        fix,
        covariance_km2=fix.covariance_km2 + added,
        reasons=reasons,
        status="degraded" if reasons else "ok",
    )


def _moon_fix(directions: LimbDirections, orientation: Floats | None) -> tuple[BodyFix, float]:
    """The Moon by its limb, and what the known relief leaves of error in the limb's place, km."""
    fix = horizon_fix(directions, np.asarray(MOON_RADII_KM))
    if fix.status == "refused":
        return fix, 0.0
    if orientation is None:
        rough = roughened(directions, fix.position_camera_km)
        return horizon_fix(rough, np.asarray(MOON_RADII_KM) + MEAN_HEIGHT_KM), 0.0
    level = leveled(directions, fix.position_camera_km, orientation)
    return horizon_fix(level, np.asarray(MOON_RADII_KM)), RELIEF_SIGMA_KM


def sun_angles(found: FileMeasurement) -> dict[str, float]:
    """Direction of the Sun in the picture, rad from +x toward +y, by body: from its centre to that of its lit area.

    By symmetry the lit area of a sphere lies on that axis. Bodies near full phase are left out.
    """
    pixels = found.pixels.astype(np.float64)
    light = pixels.mean(axis=2) if pixels.ndim == 3 else pixels
    light = light - found.measurement.background
    rows, columns = np.indices(light.shape)
    out: dict[str, float] = {}
    for body in found.measurement.bodies:
        if body.name == "unknown" or not body.phase_deg > PHASE_DEG:
            continue
        dx, dy = columns - body.x, rows - body.y
        inside = np.hypot(dx, dy) < body.radius
        level = max(_LIT * float(np.percentile(light[inside], 95.0)), 4.0 * found.measurement.noise)
        lit = inside & (light > level)
        if lit.any():
            out[body.name] = math.atan2(float(dy[lit].mean()), float(dx[lit].mean()))
    return out


def sun_evidence(
    sun_rad: Mapping[str, float], bodies: Mapping[str, MeasuredBody], camera: Camera, ephemeris: Ephemeris, et: float
) -> list[SunEvidence]:
    """Directions of the lit sides as :func:`sun_angles` gives them, as evidence for the attitude."""
    out = []
    for name, body in bodies.items():
        if name not in sun_rad:
            continue
        toward = sun_rad[name]
        bright = np.array([body.x + body.radius * np.cos(toward), body.y + body.radius * np.sin(toward)])
        angle = bright_limb_angle_from_pixels(camera, np.array([body.x, body.y]), bright)
        direction = unit(ephemeris.position("sun", et, name))
        sigma = float(np.radians(DIRECTION_SIGMA_DEG))
        out.append(SunEvidence(name, direction, bright_limb_rad=angle, bright_limb_sigma_rad=sigma))
    return out


def fix_residuals(
    fix: PositionFix, frame: SeriesFrame, camera: Camera, ephemeris: Ephemeris
) -> dict[str, tuple[float, float, float]]:
    """Per body x, y and radius, px: measured less what the fix predicts."""
    place = baseline(ephemeris, frame.et, fix.position_earth_j2000_km)
    assert place.observer_velocity_km_s is not None
    out = {}
    for sight in frame.sights:
        anchor = place.earth_km if sight.body == "earth" else place.moon_km
        vector = anchor - fix.position_earth_j2000_km
        expected = camera.project(fix.attitude @ aberrate(unit(vector), place.observer_velocity_km_s))
        seen = camera.project(sight.direction)
        assert isinstance(sight, BodyFix)
        radius = EARTH_RADII_KM[0] if sight.body == "earth" else MOON_RADII_KM[0]
        size = np.arcsin(radius / sight.range_km) - np.arcsin(radius / np.linalg.norm(vector))
        out[sight.body] = (
            float(seen[0] - expected[0]),
            float(seen[1] - expected[1]),
            float(size / camera.ifov_rad),
        )
    return out
