"""Limbs and outlines to measured bodies: covariance of centre and radius, phase, status and reasons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from terraluna.errors import GeometryError
from terraluna.opnav.measure.candidates import Candidate
from terraluna.opnav.measure.circles import arc_of
from terraluna.opnav.measure.limb import MeasuredLimb
from terraluna.opnav.measure.lit import lit_part
from terraluna.opnav.measure.picture import Prepared
from terraluna.opnav.measure.shapes import CircleLimb, ConeLimb, EllipseLimb, LimbFit, Projector, fit_limb, polar_of
from terraluna.opnav.measure.shared import common_covariance
from terraluna.opnav.measure.types import MeasuredBody, Shape
from terraluna.opnav.types import Floats, Status
from terraluna.scene.limb import Ellipse, fit_ellipse

ROUGH_PX = 0.5
"""A limb whose points scatter more is degraded: terrain, terminator or glare, not a clean edge."""

SHORT_ARC_DEG = 40.0
_FRONT_ARC_DEG = 120.0
"""Against another body's clouds a shorter arc isn't trusted."""

_CLIPPED_SHARE = 0.3
_SOFT_BLUR_PX = 4.5
_SOFT_LIMB_PX = 3.5
_SOFT_SHARE = 0.3
"""A blur of this share of the radius leaves no limb."""

_LEAST_OUTLINE_PX = 10.0
"""Smaller outlines are round whatever they show."""

_OUTLINE_STEP_PX = 3.0
_TERRAIN_LENGTH = 5.0
"""Mountains and craters move neighbouring outline points together: so many points tell as much as one."""

_OUTLINE_SHARED_PX = 1.6
"""Error that long stretches of an outline share, from the same Moons as that of the limb: it lies where the light
passes a threshold, which half of the limb's need not be, and may hold some of the terminator."""

_THIN_PX = 2.2
"""Error, px, that a limb shares whose crescent is as thick as its blur; it falls with the square of the thickness. From
the same Moons: the nearer the night behind the edge, the more does an error of the phase or of the profile move it."""

_LEAST_CONTRAST = 3.0
"""Least height of the edge over the scatter about it."""


def assemble(
    picture: Prepared, limb: MeasuredLimb, *, in_front: bool = False, thin: bool = False
) -> MeasuredBody | None:
    """A measured limb as a body; None where it is no edge (too soft, too weak)."""
    radius = limb.polar.mean
    if limb.blur_px > min(_SOFT_BLUR_PX, max(_SOFT_SHARE * radius, 1.5)):
        return None
    if not in_front and limb.step < _LEAST_CONTRAST * limb.step_noise:
        return None
    reasons: list[str] = []
    rms = float(np.sqrt(np.mean(limb.fit.residuals**2)))
    if rms > ROUGH_PX:
        reasons.append("rough_limb")
    if np.degrees(limb.arc_rad) < SHORT_ARC_DEG:
        reasons.append("short_arc")
    if in_front and np.degrees(limb.arc_rad) < _FRONT_ARC_DEG:
        reasons.append("short_arc")
    if limb.clipped > _CLIPPED_SHARE:
        reasons.append("overexposed")
    if thin:
        reasons.append("thin_crescent")
    if limb.blur_px > _SOFT_LIMB_PX:
        reasons.append("soft_limb")
    status: Status = "degraded" if reasons else "ok"
    if limb.cut > 0.02:
        reasons.append("partly_outside")
    if in_front:
        reasons.append("in_front_of_other")
    phase = _phase(picture, limb)
    fit = limb.fit
    if np.isfinite(phase):
        thickness = max(radius * (1.0 + np.cos(np.radians(phase))), limb.blur_px)
        offset = limb.points - [limb.polar.x, limb.polar.y]
        thin_px = _THIN_PX * (limb.blur_px / thickness) ** 2
        extra = common_covariance(fit.gain, np.arctan2(offset[:, 1], offset[:, 0]), thin_px)
        fit = replace(fit, covariance=fit.covariance + extra)
    center, covariance, ellipse, shape = _center(fit)
    return MeasuredBody(
        "unknown",
        center[0],
        center[1],
        center[2],
        covariance,
        limb.points,
        limb.covariance,
        limb.fit.residuals,
        ellipse,
        rms,
        float(np.degrees(limb.arc_rad)),
        float(np.degrees(limb.sun_rad)),
        phase,
        limb.blur_px,
        shape,
        status,
        tuple(reasons),
        _half_angle(limb.fit),
    )


def from_outline(picture: Prepared, candidate: Candidate, camera: Projector | None) -> MeasuredBody | None:
    """A body from its outline alone, ``degraded``: for limbs so rough that no edge profile follows them."""
    x, y, r = candidate.circle
    rim = candidate.rim
    order = np.argsort(np.arctan2(rim[:, 1] - y, rim[:, 0] - x), kind="stable")
    # Each pixel of the outline gives up to two crossings.
    points = rim[order][:: int(2 * _OUTLINE_STEP_PX), :2] if len(rim) > 80 else rim[order][::2, :2]
    if len(points) < 8 or r < _LEAST_OUTLINE_PX:
        return None
    first: CircleLimb | ConeLimb = CircleLimb(x, y, r)
    if camera is not None:
        from terraluna.opnav.measure.limb import cone_through

        directions = camera.unproject(points)
        if np.isfinite(directions).all():
            first = cone_through(camera, directions)
    scatter = max(1.4826 * float(np.median(np.abs(CircleLimb(x, y, r).residuals(points)))), 0.3)
    variance = np.full(len(points), scatter**2)
    fit = fit_limb(first, points, variance)
    if fit is None:
        return None
    angle = np.arctan2(points[:, 1] - y, points[:, 0] - x)
    stated = fit.covariance * _TERRAIN_LENGTH + common_covariance(fit.gain, angle, _OUTLINE_SHARED_PX)
    center, covariance, ellipse, shape = _center(replace(fit, covariance=stated))
    if not (0.3 * r < center[2] < 3.0 * r):
        return None
    angle = np.arctan2(points[:, 1] - center[1], points[:, 0] - center[0])
    arc = float(np.degrees(arc_of(angle)))
    reasons = ["rough_limb", "outline_only"]
    if arc < SHORT_ARC_DEG:
        reasons.append("short_arc")
    nan = float("nan")
    return MeasuredBody(
        "unknown",
        center[0],
        center[1],
        center[2],
        covariance,
        points,
        variance[:, None, None] * np.eye(2),
        fit.residuals,
        ellipse,
        float(np.sqrt(np.mean(fit.residuals**2))),
        arc,
        nan,
        nan,
        nan,
        shape,
        "degraded",
        tuple(reasons),
        _half_angle(fit),
    )


def camera_allows(body: MeasuredBody, camera: Projector) -> str:
    """Why a camera can't have taken a disc; empty if it can.

    No body fills more than 170 deg of an observer's sky outside its atmosphere.
    """
    angle = body.half_angle_rad
    if not np.isfinite([body.x, body.y, body.radius]).all():
        return "outside_camera_model"
    if angle is None:
        point = camera.unproject(np.array([[body.x, body.y]]))
        return "" if np.isfinite(point).all() else "outside_camera_model"
    if not np.isfinite(angle) or not 0.0 < np.degrees(angle) < 85.0:
        return "wider_than_any_body"
    return ""


def _center(fit: LimbFit) -> tuple[Floats, Floats, Ellipse | None, Shape]:
    """Centre and radius (3,), covariance (3, 3), the limb in the image and what was fitted."""
    limb = fit.limb
    center = _place(limb)
    steps = limb.steps()
    columns = []
    for k, h in enumerate(steps):
        step = np.zeros(len(steps))
        step[k] = h
        columns.append((_place(limb.moved(step)) - _place(limb.moved(-step))) / (2.0 * h))
    jacobian = np.column_stack(columns)
    covariance = jacobian @ fit.covariance @ jacobian.T
    if isinstance(limb, CircleLimb):
        return center, covariance, Ellipse(limb.x, limb.y, limb.radius, limb.radius, 0.0), "circle"
    if isinstance(limb, EllipseLimb):
        return center, covariance, limb.ellipse(), "ellipse"
    return center, covariance, _outline_ellipse(limb), "cone"


def _half_angle(fit: LimbFit) -> float | None:
    return fit.limb.half_angle if isinstance(fit.limb, ConeLimb) else None


def _outline_ellipse(limb: ConeLimb) -> Ellipse | None:
    outline = limb.outline(72)
    seen = np.isfinite(outline).all(axis=1)
    if np.count_nonzero(seen) < 12:
        return None
    try:
        return fit_ellipse(outline[seen])
    except (GeometryError, np.linalg.LinAlgError):
        return None


def _place(limb: CircleLimb | EllipseLimb | ConeLimb) -> Floats:
    if isinstance(limb, CircleLimb):
        return limb.parameters
    if isinstance(limb, EllipseLimb):
        e = limb.ellipse()
        return np.array([e.x, e.y, np.sqrt(max(e.semi_major * e.semi_minor, 0.0))])
    x, y = limb.camera.project(limb.axis[None, :])[0]
    ellipse = _outline_ellipse(limb)
    radius = polar_of(limb).mean if ellipse is None else ellipse.radius
    return np.array([x, y, radius])


def _phase(picture: Prepared, limb: MeasuredLimb) -> float:
    """Phase, deg, from the lit share of the disc (1 + cos g)/2; NaN where not all of the disc is in the frame."""
    if limb.cut > 0.02:
        return float("nan")
    part = lit_part(picture, limb.polar)
    return float("nan") if part is None else float(np.degrees(part[0]))
