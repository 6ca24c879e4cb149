"""Horizon fix without the small-disc bias: errors in all coordinates of the limb points.

The linear method of :mod:`terraluna.opnav.horizon` treats s' as exact; noise in s' itself then shrinks the cone on
short arcs (the +1,557 km of a Moon of 14.5 px). Total least squares (Deng et al. 2023, Aerospace 10(4), 371) and
renormalisation (Krause, Price & Christian 2023) remove this in the linear equation. The same is done here in a form
that needs no choice of normalisation: in the space where the body is the unit sphere its limb is a circle on the
sphere of directions, so the distance of a point from the limb is exactly |theta - phi|, with theta its angle from the
centre and phi the angular radius. Maximum likelihood on these distances is total least squares with each point's own
covariance. What is left of the bias is of second order and removed in closed form:

1. noise along the limb lengthens theta: by var_t cot(theta)/2 on average (the essential bias of circle fits,
   Al-Sharadqah & Chernov 2009, EJS 3, 886);
2. the fit's own uncertainty acts on the curvature of theta (Box 1971, JRSS B 33, 171);
3. range = 1/sin(phi) is convex: its mean lies above the range of the mean.
"""

from __future__ import annotations

import numpy as np

from terraluna.opnav.horizon import (
    SphereLimb,
    arc_extent,
    body_axes,
    check_points,
    linear_horizon_fix,
    local_coordinates,
    refused,
    solve_linear,
    to_sphere,
)
from terraluna.opnav.limb_height import LimbHeight
from terraluna.opnav.types import BodyFix, Floats, LimbDirections, Method, Status
from terraluna.opnav.vectors import chi_square_limit, unit

_ITERATIONS = 20
_CONVERGED = 1e-13
"""Steps below this fraction of the angular radius are rounding."""

CHI_SQUARE_SIGMAS = 5.0
"""A fit whose chi-square is as unlikely as 5 sigma is marked degraded."""

MAX_RELATIVE_RANGE_SIGMA = 0.1
"""Beyond a tenth of the range the covariance no longer describes the error (range = 1/sin is not linear there)."""

SHORT_ARC_RAD = np.radians(40.0)
"""Centre and radius are so correlated on shorter arcs (over 0.99) that unmodelled limb errors dominate."""


def horizon_fix(
    limb: LimbDirections,
    radii_km: Floats | tuple[float, float, float],
    camera_to_body: Floats | None = None,
    *,
    method: Method = "unbiased",
    limb_height: LimbHeight | None = None,
) -> BodyFix:
    """Position of a body from its limb, with the covariance and without the small-disc bias.

    Args:
        limb: directions with covariances, camera frame.
        radii_km: (3,) semi-axes of the body's surface.
        camera_to_body: (3, 3) camera frame -> body-fixed frame; None only for a sphere.
        method: ``unbiased``, or ``linear`` for the published least squares alone.
        limb_height: height of the apparent limb over the surface with its prior; its uncertainty enters the covariance
            and :attr:`BodyFix.limb_height_partial` lets a later fix estimate it.

    Returns:
        The fix; ``degraded`` where points scatter more than their noise, the arc is short or the range is hardly
        determined; ``refused`` (NaN) where no cone passes through the points.
    """
    height = 0.0 if limb_height is None else limb_height.mean_km
    radii = np.asarray(radii_km, dtype=np.float64) + height
    if method == "linear":
        fix = linear_horizon_fix(limb, radii, camera_to_body)
    else:
        fix = _unbiased(limb, radii, camera_to_body)
    if limb_height is None or fix.status == "refused":
        return fix
    return _with_height(fix, limb_height, radii, camera_to_body)


def _with_height(fix: BodyFix, height: LimbHeight, radii: Floats, camera_to_body: Floats | None) -> BodyFix:
    """Add the limb height's share to the covariance.

    The limb fixes c' = Bc, so a change of B moves c = B^-1 c' (the change of the points' mapping is smaller by the
    flattening): along each body axis by c_axis/radius per km of height.
    """
    to_body = np.eye(3) if camera_to_body is None else np.asarray(camera_to_body, dtype=np.float64)
    partial = to_body.T @ ((to_body @ fix.position_camera_km) / radii)
    # Only the component along the line of sight is a consequence of the size; the axes' flattening is kept fixed.
    direction = fix.direction
    partial = direction * (direction @ partial)
    return BodyFix(
        fix.body,
        fix.position_camera_km,
        fix.covariance_km2 + height.sigma_km**2 * np.outer(partial, partial),
        fix.method,
        fix.aberration,
        height.mean_km,
        height.sigma_km,
        partial,
        fix.bias_removed_km,
        fix.points,
        fix.arc_rad,
        fix.rms_rad,
        fix.chi_square,
        fix.status,
        fix.reasons,
    )


def _unbiased(limb: LimbDirections, radii: Floats, camera_to_body: Floats | None) -> BodyFix:
    reasons = check_points(limb)
    if reasons:
        return refused(limb, *reasons)
    axes = body_axes(radii, camera_to_body)
    sphere = to_sphere(limb, axes)
    start = solve_linear(sphere)
    if start is None:
        return refused(limb, "no_cone_through_points")
    fitted = _fit_circle(sphere, start[0])
    if fitted is None:
        return refused(limb, "no_convergence")
    pole, phi, covariance, bias, frame, local, residual, weight = fitted
    # Second-order corrections 1 and 2 to the pole and the angular radius, then 3 to the range.
    pole_corrected = unit(pole - frame[:2].T @ bias[:2])
    phi_corrected = phi - bias[2]
    if not 0.0 < phi_corrected < 0.5 * np.pi:
        return refused(limb, "bias_exceeds_disc")
    sine, cosine = np.sin(phi_corrected), np.cos(phi_corrected)
    convexity = 0.5 * covariance[2, 2] * (1.0 + cosine**2) / sine**3
    distance = 1.0 / sine - convexity
    to_center = np.column_stack((frame[:2].T / sine, pole_corrected * (-cosine / sine**2)))
    back = np.linalg.inv(axes)
    covariance_km2 = back @ to_center @ covariance @ to_center.T @ back.T
    position = back @ (pole_corrected * distance)
    chi_square = float(np.sum(residual**2 * weight))
    freedom = len(residual) - 3
    arc = arc_extent(local)
    notes = []
    if chi_square > chi_square_limit(freedom, CHI_SQUARE_SIGMAS):
        notes.append("residuals_exceed_noise")
    if arc < SHORT_ARC_RAD:
        notes.append("short_arc")
    range_km = np.linalg.norm(position)
    if np.sqrt(position @ covariance_km2 @ position) > MAX_RELATIVE_RANGE_SIGMA * range_km**2:
        notes.append("range_hardly_determined")
    status: Status = "degraded" if notes else "ok"
    uncorrected = np.linalg.norm(back @ (pole / np.sin(phi)))
    return BodyFix(
        limb.body,
        position,
        covariance_km2,
        aberration=limb.aberration,
        bias_removed_km=float(uncorrected - range_km),
        points=len(residual),
        arc_rad=arc,
        rms_rad=float(np.sqrt(np.mean(residual**2))),
        chi_square=chi_square,
        status=status,
        reasons=tuple(notes),
    )


def _fit_circle(
    sphere: SphereLimb, center: Floats
) -> tuple[Floats, float, Floats, Floats, Floats, Floats, Floats, Floats] | None:
    """Gauss-Newton on theta - phi from a starting centre.

    Returns:
        Pole (3,) and angular radius; covariance (3, 3) and second-order bias (3,) of (pole along e1, along e2, phi);
        frame (3, 3) of rows e1, e2, pole; local coordinates, residuals and weights of the points. None without
        convergence.
    """
    pole = unit(center)
    phi = float(np.arcsin(1.0 / np.linalg.norm(center)))
    weight = None
    for _ in range(_ITERATIONS):
        frame, local = local_coordinates(sphere, pole)
        sine = np.hypot(local[:, 0], local[:, 1])
        theta = np.arctan2(sine, 1.0 - local[:, 2])
        radial = local[:, :2] / sine[:, None]
        if weight is None:
            # The radial directions hardly move after the linear solution, and fixed weights add no bias of their own.
            outward = radial @ frame[:2] * np.cos(theta)[:, None] - np.outer(sine, pole)
            weight = 1.0 / sphere.variance(outward)
        design = np.column_stack((radial, np.ones(len(theta))))
        weighted = design * weight[:, None]
        covariance = np.asarray(np.linalg.inv(weighted.T @ design), dtype=np.float64)
        residual = theta - phi
        step = covariance @ (weighted.T @ residual)
        pole = unit(pole + step[0] * frame[0] + step[1] * frame[1])
        phi += step[2]
        if not 0.0 < phi < 0.5 * np.pi:
            return None
        if np.abs(step).max() < _CONVERGED * phi or np.abs(step).max() < 1e-16:
            break
        if step @ weighted.T @ design @ step < 1e-10:  # a step of 1e-5 sigma
            break
    else:
        return None
    along = np.column_stack((-radial[:, 1], radial[:, 0]))
    curvature = 1.0 / np.tan(theta)
    tangential = sphere.variance(along @ frame[:2])
    # Mean of theta over the noise along the limb, less the curvature that the fit's own covariance P feels:
    # residual(x + dx) has the mean  var_t cot/2 + t'Pt cot/2  (Hessian of theta by the pole: cot(theta) t t').
    own = np.einsum("ni,ij,nj->n", along, covariance[:2, :2], along)
    bias = covariance @ (weighted.T @ (0.5 * curvature * (tangential + own)))
    return pole, phi, covariance, bias, frame, local, residual, weight
