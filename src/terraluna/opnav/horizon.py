"""Position of an ellipsoid from its limb in one linear least squares (Christian & Robinson 2016).

A body with shape matrix A (x'Ax = 1 on its surface, camera frame) is turned into the unit sphere by B, where A = B'B.
A limb direction s becomes s' = Bs/|Bs|, and with the body's centre c, c' = Bc, every limb point fulfils
s'.n = 1 for n = c'/sqrt(c'.c' - 1). The published form solves Hn = 1 and takes the range from n.n - 1, which is
1/(c'.c' - 1): 2e-5 for the Earth at 1.5e6 km, so that eleven digits are lost twice. Here the equation is written about
the mean direction, where 1 - s'z is computed without cancellation: the same least squares, at full precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.errors import InputError
from terraluna.opnav.types import BodyFix, Floats, LimbDirections
from terraluna.opnav.vectors import tangent_basis, unit

MIN_POINTS = 4
"""Three unknowns and one residual to judge them by."""


@dataclass(frozen=True)
class SphereLimb:
    """Limb directions in the space where the body is the unit sphere.

    Attributes:
        directions: (n, 3) unit vectors s'.
        pull: (n,) 1/|Bs|, the scale of tangent vectors on the way there.
        axes: (3, 3) the matrix B.
        covariance: (n, 3, 3) of the camera-frame directions.
    """

    directions: Floats
    pull: Floats
    axes: Floats
    covariance: Floats

    def variance(self, tangents: Floats) -> Floats:
        """Variance (n,) of each s' along unit tangents (n, 3)."""
        pulled = (tangents @ self.axes) * self.pull[:, None]
        result: Floats = np.einsum("ni,nij,nj->n", pulled, self.covariance, pulled)
        return result


def body_axes(radii_km: Floats | tuple[float, float, float], camera_to_body: Floats | None = None) -> Floats:
    """Matrix B (3, 3), 1/km, that turns the ellipsoid into the unit sphere.

    Args:
        radii_km: (3,) semi-axes.
        camera_to_body: (3, 3) camera frame -> body-fixed frame; None only for a sphere.

    Raises:
        InputError: an ellipsoid without its orientation, or a radius that is not positive.
    """
    radii = np.asarray(radii_km, dtype=np.float64)
    if radii.shape != (3,) or not (radii > 0.0).all():
        raise InputError(f"radii_km must be three positive numbers, got {radii_km}")
    if camera_to_body is None:
        if np.ptp(radii) > 0.0:
            raise InputError(f"an ellipsoid of radii {radii_km} km needs camera_to_body; give it or a sphere's radii")
        return np.diag(1.0 / radii)
    return np.asarray(camera_to_body, dtype=np.float64) / radii[:, None]


def to_sphere(limb: LimbDirections, axes: Floats) -> SphereLimb:
    """Map limb directions to the space where the body is the unit sphere."""
    mapped = limb.directions @ axes.T
    pull = 1.0 / np.sqrt(np.einsum("ni,ni->n", mapped, mapped))
    return SphereLimb(mapped * pull[:, None], pull, axes, limb.covariance_rad2)


def local_coordinates(sphere: SphereLimb, pole: Floats) -> tuple[Floats, Floats]:
    """Rows e1, e2, pole (3, 3) and the directions (n, 3) along them, with the third as 1 - cos computed exactly."""
    e1, e2 = tangent_basis(pole)
    frame = np.vstack((e1, e2, pole))
    local = sphere.directions @ frame.T
    sine2 = local[:, 0] ** 2 + local[:, 1] ** 2
    # 1 - z = (x^2 + y^2)/(1 + z): no cancellation, which the range at 1e6 km lives on.
    local[:, 2] = sine2 / (1.0 + np.sqrt(np.maximum(1.0 - sine2, 0.0)))
    return frame, local


def refused(limb: LimbDirections, *reasons: str) -> BodyFix:
    """A body fix that says why there is none."""
    nothing = np.full((3, 3), np.nan)
    return BodyFix(
        limb.body,
        nothing[0],
        nothing,
        aberration=limb.aberration,
        points=len(limb.directions),
        status="refused",
        reasons=reasons,
    )


def check_points(limb: LimbDirections) -> tuple[str, ...]:
    """Reasons why a set of limb points cannot be fitted at all."""
    if len(limb.directions) < MIN_POINTS:
        return ("too_few_points",)
    if not (np.isfinite(limb.directions).all() and np.isfinite(limb.covariance_rad2).all()):
        return ("points_not_finite",)
    return ()


def arc_extent(local: Floats) -> float:
    """Extent in radians of points about the pole: the full circle less the widest gap."""
    azimuth = np.sort(np.arctan2(local[:, 1], local[:, 0]))
    gaps = np.diff(azimuth, append=azimuth[0] + 2.0 * np.pi)
    return float(2.0 * np.pi - gaps.max())


def solve_linear(sphere: SphereLimb) -> tuple[Floats, Floats] | None:
    """The least squares for n: centre c' (3,) of the body in units of its radius, and its covariance (3, 3).

    None where the points lie on no cone (n.n <= 1). Covariance: first order, through n, each row weighted alike as in
    the original method.
    """
    pole = unit(sphere.directions.mean(axis=0))
    frame, local = local_coordinates(sphere, pole)
    # Rows: x n1 + y n2 + z m = 1 - z with n = (n1, n2, 1 + m); x and y are scaled by the disc's size for conditioning.
    scale = np.sqrt(np.mean(local[:, 0] ** 2 + local[:, 1] ** 2))
    design = np.column_stack((local[:, 0] / scale, local[:, 1] / scale, 1.0 - local[:, 2]))
    q, r = np.linalg.qr(design)
    inverse = np.linalg.inv(r)
    solution = inverse @ (q.T @ local[:, 2])
    n1, n2, m = solution[0] / scale, solution[1] / scale, solution[2]
    excess = n1 * n1 + n2 * n2 + m * (2.0 + m)
    if not excess > 0.0:
        return None
    n_local = np.array([n1, n2, 1.0 + m])
    center = frame.T @ n_local / np.sqrt(excess)
    # Row noise: n.ds' for ds' across s'; its square is |n_t|^2 times the variance along n's part across s'.
    n = frame.T @ n_local
    across = n - sphere.directions * (sphere.directions @ n)[:, None]
    variance = sphere.variance(across)
    gain = inverse @ q.T
    covariance_n = (gain * variance) @ gain.T
    to_n = np.diag([1.0 / scale, 1.0 / scale, 1.0])
    covariance_n = frame.T @ to_n @ covariance_n @ to_n @ frame
    jacobian = np.eye(3) / np.sqrt(excess) - np.outer(n, n) / excess**1.5
    return center, jacobian @ covariance_n @ jacobian.T


def linear_horizon_fix(
    limb: LimbDirections,
    radii_km: Floats | tuple[float, float, float],
    camera_to_body: Floats | None = None,
) -> BodyFix:
    """Position of a body from its limb by the non-iterative method of Christian & Robinson.

    Args:
        limb: directions with covariances, camera frame.
        radii_km: (3,) semi-axes of the body.
        camera_to_body: (3, 3) camera frame -> body-fixed frame; None only for a sphere.

    Returns:
        The fix with first-order covariance. Small discs on short arcs come out too far (27 % of sigma for the Moon of
        14.5 px radius): :func:`terraluna.opnav.horizon_tls.horizon_fix` removes that.

    Source: Christian & Robinson 2016, JGCD 39(12), doi 10.2514/1.G000708.
    """
    reasons = check_points(limb)
    if reasons:
        return refused(limb, *reasons)
    axes = body_axes(radii_km, camera_to_body)
    sphere = to_sphere(limb, axes)
    solution = solve_linear(sphere)
    if solution is None:
        return refused(limb, "no_cone_through_points")
    center, covariance = solution
    pole = unit(center)
    _, local = local_coordinates(sphere, pole)
    angle = np.arctan2(np.hypot(local[:, 0], local[:, 1]), 1.0 - local[:, 2])
    residual = angle - np.arcsin(1.0 / np.linalg.norm(center))
    back = np.linalg.inv(axes)
    return BodyFix(
        limb.body,
        back @ center,
        back @ covariance @ back.T,
        method="linear",
        aberration=limb.aberration,
        points=len(angle),
        arc_rad=arc_extent(local),
        rms_rad=float(np.sqrt(np.mean(residual**2))),
    )
