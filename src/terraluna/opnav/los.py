"""Lines of sight: optimal linear triangulation with the attitude error common to all of them.

Source: LOST, Henry & Christian 2023, JGCD 46(7), doi 10.2514/1.G006989: rows of the cross-product equation
[l_i]x T (r - p_i) = 0 weighted by 1/(sigma_i rho_i), the ranges rho_i by the law of sines from a second line of sight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.errors import GeometryError, InputError
from terraluna.opnav.types import Floats
from terraluna.opnav.vectors import skew, unit

MIN_SINE = 1e-9
"""Lines closer to parallel than this cannot be intersected in double precision."""


@dataclass(frozen=True)
class Triangulation:
    """A position from lines of sight.

    Attributes:
        position_km: (3,) of the observer, in the frame and from the origin of the bodies' positions.
        covariance_km2: (3, 3) with the attitude's share.
        noise_covariance_km2: (3, 3) from the lines' own noise alone.
    """

    position_km: Floats
    covariance_km2: Floats
    noise_covariance_km2: Floats


def triangulate(
    directions: Floats,
    bodies_km: Floats,
    sigmas_rad: Floats,
    attitude_covariance_rad2: Floats | None = None,
) -> Triangulation:
    """Position of an observer who sees bodies at known places in measured directions (LOST).

    Args:
        directions: (n, 3) unit vectors observer -> body, inertial frame, n >= 2.
        bodies_km: (n, 3) places of the bodies, same frame.
        sigmas_rad: (n,) standard deviation of each direction per axis.
        attitude_covariance_rad2: (3, 3) covariance of the rotation common to all directions, same frame.

    Raises:
        InputError: fewer than two lines.
        GeometryError: lines that are parallel, or that meet behind the observer.
    """
    directions = unit(np.asarray(directions, dtype=np.float64))
    bodies = np.asarray(bodies_km, dtype=np.float64)
    n = len(directions)
    if n < 2:
        raise InputError("triangulation needs at least two lines of sight")
    ranges = np.empty(n)
    for i in range(n):
        # The partner that makes the largest angle gives the best range.
        sines = np.linalg.norm(np.cross(directions[i], directions), axis=1)
        j = int(np.argmax(sines))
        if sines[j] < MIN_SINE:
            raise GeometryError("lines of sight are parallel: no position follows from them alone")
        baseline = bodies[j] - bodies[i]
        ranges[i] = np.linalg.norm(np.cross(baseline, directions[j])) / sines[j]
    weights = 1.0 / (np.asarray(sigmas_rad, dtype=np.float64) * ranges)
    rows = np.vstack([w * skew(d) for w, d in zip(weights, directions, strict=True)])
    right = np.concatenate([w * np.cross(d, b) for w, d, b in zip(weights, directions, bodies, strict=True)])
    position = np.linalg.lstsq(rows, right, rcond=None)[0]
    toward = np.einsum("ij,ij->i", bodies - position, directions)
    if not (toward > 0.0).all():
        raise GeometryError("lines of sight meet behind the observer: check the attitude and which body is which")
    covariance = np.linalg.inv(rows.T @ rows)
    noise = covariance.copy()
    if attitude_covariance_rad2 is not None:
        # A rotation delta moves each direction by delta x d, which shifts the right-hand side by w^2 rho [d]x'[d]x
        # delta.
        gain = covariance @ sum(
            w * w * rho * skew(d).T @ skew(d) @ skew(d) for w, rho, d in zip(weights, ranges, directions, strict=True)
        )
        covariance = covariance + gain @ attitude_covariance_rad2 @ gain.T
    return Triangulation(position, covariance, noise)


def second_range_roots(known_range_km: float, baseline_km: float, separation_rad: float) -> tuple[float, ...]:
    """Distances of the second body that fit a known distance of the first, their separation and their baseline.

    Law of cosines: none, one or two positive roots, nearest first. A separation slightly too large for the baseline
    (noise) gives the single touching root.
    """
    along = known_range_km * np.cos(separation_rad)
    across = known_range_km * np.sin(separation_rad)
    half = np.sqrt(max(baseline_km**2 - across**2, 0.0))
    return tuple(float(root) for root in sorted({along - half, along + half}) if root > 0.0)
