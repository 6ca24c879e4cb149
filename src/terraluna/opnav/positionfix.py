"""From a solution to a fix: axes, second order, shares and status; and the fix that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from terraluna.opnav.attribution import drivers, information_split
from terraluna.opnav.baseline import Baseline
from terraluna.opnav.solver import UNKNOWNS, Problem, Solution
from terraluna.opnav.starts import circle
from terraluna.opnav.types import DIRECTIONS, Floats, FreeRotation, PositionFix, Status
from terraluna.opnav.vectors import chi_square_limit, cross, skew, unit

MAX_TURN_RAD = 0.3
"""A rotation about the Earth-Moon line less certain than this is an arc that no covariance describes."""

CHI_SQUARE_SIGMAS = 5.0
"""A fix whose chi-square is as unlikely as 5 sigma is marked degraded."""


def fix_axes(position: Floats, anchors: Floats) -> Floats:
    """Rows (3, 3): unit vectors along the Earth's line of sight, across it in plane, out of plane."""
    along = unit(anchors[0] - position)
    out = unit(cross(along, anchors[1] - position))
    return np.vstack((along, cross(out, along), out))


def rotation_spread(position: Floats, covariance: Floats, anchors: Floats) -> tuple[Floats, Floats, float]:
    """Shift (3,), added covariance (3, 3) and sigma (rad) of the rotation about the Earth-Moon line.

    Turned by w about that line from the estimate, the truth lies w x arm - w^2/2 arm away, and the other errors turn
    too: the mean over w is not the estimate. Without stars (a degree) this is as large as the thinnest axis of the
    covariance; with stars it is nothing.
    """
    axis = unit(anchors[1] - anchors[0])
    arm = position - anchors[0]
    arm = arm - axis * (axis @ arm)
    tangent = cross(axis, arm)
    square = tangent @ tangent
    if square == 0.0:
        return np.zeros(3), np.zeros((3, 3)), 0.0
    variance = tangent @ covariance @ tangent / square**2
    others = np.eye(3) - np.outer(tangent, tangent) / square
    turned = skew(axis) @ others
    added = 0.5 * variance**2 * np.outer(arm, arm) + variance * turned @ covariance @ turned.T
    return -0.5 * variance * arm, added, float(np.sqrt(variance))


def position_fix(
    problem: Problem,
    solution: Solution,
    geometry: Baseline,
    evidence: tuple[str, ...],
    notes: Sequence[str],
    *,
    second_order: bool = True,
) -> PositionFix:
    """A solution with its axes, shares and status; arguments as ``fix_two_bodies`` made them."""
    axes = fix_axes(solution.position, problem.anchors)
    position, state_covariance = solution.position, solution.covariance.copy()
    reasons = list(notes)
    if second_order:
        shift, added, turn = rotation_spread(position, state_covariance[:3, :3], problem.anchors)
        if turn > MAX_TURN_RAD:
            reasons.append("rotation_hardly_determined")
        position = position + shift
        state_covariance[:3, :3] += added
    covariance = state_covariance[:3, :3]
    split = dict(zip(DIRECTIONS, information_split(solution.jacobian, solution.covariance, axes), strict=True))
    active = int(np.count_nonzero(np.any(solution.jacobian != 0.0, axis=1)))
    freedom = active - UNKNOWNS
    if freedom > 0 and solution.cost > chi_square_limit(freedom, CHI_SQUARE_SIGMAS):
        reasons.append("residuals_exceed_noise")
    status: Status = "degraded" if reasons else "ok"
    return PositionFix(
        position,
        position - geometry.moon_geometric_km,
        covariance,
        solution.attitude,
        state_covariance,
        solution.height,
        {name: float(np.sqrt(axis @ covariance @ axis)) for name, axis in zip(DIRECTIONS, axes, strict=True)},
        axes,
        dict(zip(DIRECTIONS, drivers(solution.jacobian, axes), strict=True)),
        {name: max(shares, key=lambda s: shares[s]) for name, shares in split.items()},
        split,
        evidence,
        solution.cost,
        freedom,
        status=status,
        reasons=tuple(reasons),
    )


def refused_fix(*reasons: str) -> PositionFix:
    """A fix that holds nothing but the reasons why."""
    nothing = np.full((3, 3), np.nan)
    return PositionFix(
        nothing[0],
        nothing[0],
        nothing,
        nothing,
        np.full((UNKNOWNS, UNKNOWNS), np.nan),
        float("nan"),
        {},
        nothing,
        {},
        {},
        {},
        (),
        float("nan"),
        0,
        status="refused",
        reasons=reasons,
    )


def free_fix(problem: Problem, best: Solution, geometry: Baseline) -> PositionFix:
    """Refuse, and say what is known: both ranges and the circle."""
    vectors = best.position - problem.anchors
    ranges = np.linalg.norm(vectors, axis=1)
    partial = vectors / ranges[:, None]
    axis, center, radius = circle(problem, ranges)
    covariance = partial @ best.covariance[:3, :3] @ partial.T
    result = refused_fix("free_rotation_about_earth_moon_line")
    return replace(result, freedom=FreeRotation(axis, center, radius, ranges, covariance))
