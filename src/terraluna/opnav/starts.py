"""Where a two-body fix may lie: starting states for the least squares, every root of the geometry included.

Both ranges put the observer on a circle about the Earth-Moon line; a range of one body and the separation give up to
two ranges of the other. For each root the circle is scanned and the attitude at each point follows from both
directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from terraluna.errors import GeometryError
from terraluna.opnav.los import second_range_roots, triangulate
from terraluna.opnav.solver import Problem, _cross, linearise
from terraluna.opnav.types import Floats
from terraluna.opnav.vectors import cross, length

_STEPS = 48
"""Points on the circle: 7.5 deg apart, well inside the pull of the bright limb's direction (tens of degrees)."""


@dataclass(frozen=True)
class Start:
    """One starting state.

    Attributes:
        root: number of the range root it belongs to; -1 for a start that assumes none.
        position_km: (3,) observer, same origin as the anchors.
        attitude: (3, 3) J2000 -> camera.
        residuals: whitened residuals there.
    """

    root: int
    position_km: Floats
    attitude: Floats
    residuals: Floats

    @property
    def cost(self) -> float:
        """Chi-square at the start."""
        return float(self.residuals @ self.residuals)


@njit(cache=True)
def _triad(a: Floats, b: Floats) -> Any:
    n = _cross(a, b)
    n = n / np.sqrt(n @ n)
    m = _cross(a, n)
    out = np.empty((3, 3))
    out[:, 0] = a
    out[:, 1] = n
    out[:, 2] = m
    return out


@njit(cache=True)
def _scan(problem: Any, center: Floats, across: Floats, third: Floats, radius: float, steps: int) -> Any:
    """Chi-square, position and attitude at ``steps`` points of the circle."""
    costs = np.empty(steps)
    positions = np.empty((steps, 3))
    attitudes = np.empty((steps, 3, 3))
    camera = _triad(problem.basis[0, 2], problem.basis[1, 2])
    for k in range(steps):
        angle = 2.0 * np.pi * k / steps
        position = center + radius * (np.cos(angle) * across + np.sin(angle) * third)
        to_earth = problem.anchors[0] - position
        to_moon = problem.anchors[1] - position
        inertial = _triad(to_earth / np.sqrt(to_earth @ to_earth), to_moon / np.sqrt(to_moon @ to_moon))
        attitude = camera @ inertial.T
        residual, _ = linearise(problem, position, attitude, problem.height[0])
        costs[k] = residual @ residual
        positions[k] = position
        attitudes[k] = attitude
    return costs, positions, attitudes


def direct_start(problem: Problem, ranges: Floats, range_sigmas: Floats, line_sigmas: Floats) -> Start | None:
    """Start from a known attitude: the better body's vector, or triangulation where no range is known.

    Args:
        problem: the frame.
        ranges: (2,) measured ranges of Earth and Moon; NaN where there is none.
        range_sigmas: (2,) their standard deviations, infinite where there is none.
        line_sigmas: (2,) standard deviation of each direction.
    """
    inertial = problem.basis[:, 2] @ problem.attitude
    if np.isfinite(range_sigmas).any():
        best = int(np.argmin(range_sigmas))
        position = problem.anchors[best] - ranges[best] * inertial[best]
    else:
        try:
            position = triangulate(inertial, problem.anchors, line_sigmas).position_km
        except GeometryError:
            return None
    residual, _ = linearise(problem, position, problem.attitude, problem.height[0])
    return Start(-1, position, problem.attitude, residual)


def range_roots(problem: Problem, body: int, range_km: float) -> list[Floats]:
    """Pairs (Earth range, Moon range) that fit one body's range and the measured separation."""
    separation = float(
        np.arctan2(length(cross(problem.basis[0, 2], problem.basis[1, 2])), problem.basis[0, 2] @ problem.basis[1, 2])
    )
    side = length(problem.anchors[1] - problem.anchors[0])
    roots = second_range_roots(range_km, side, separation)
    return [np.array([range_km, other] if body == 0 else [other, range_km]) for other in roots]


def circle(problem: Problem, ranges: Floats) -> tuple[Floats, Floats, float]:
    """Axis (3,), centre (3,) and radius of the positions at given ranges of both bodies."""
    line = problem.anchors[1] - problem.anchors[0]
    side = length(line)
    axis = line / side
    along = (ranges[0] ** 2 + side**2 - ranges[1] ** 2) / (2.0 * side)
    radius = float(np.sqrt(max(ranges[0] ** 2 - along**2, 0.0)))
    return axis, problem.anchors[0] + along * axis, radius


def root_start(problem: Problem, root: int, ranges: Floats, near: Floats) -> Start:
    """The point of one root's circle on the same side of the Earth-Moon line as ``near`` (3,)."""
    axis, center, radius = circle(problem, ranges)
    across = near - center
    across = across - axis * (axis @ across)
    across /= length(across)
    third = cross(axis, across)
    _, positions, attitudes = _scan(problem, center, across, third, max(radius, 1e-6 * float(ranges.min())), 1)
    residual, _ = linearise(problem, positions[0], attitudes[0], problem.height[0])
    return Start(root, positions[0], attitudes[0], residual)


def circle_starts(problem: Problem, root: int, ranges: Floats, most: int) -> list[Start]:
    """The lowest local minima of the chi-square on one root's circle, best first."""
    axis, center, radius = circle(problem, ranges)
    # Observer on the Earth-Moon line: any small offset will do, the least squares finds the rest.
    radius = max(radius, 1e-6 * float(ranges.min()))
    seed = np.eye(3)[int(np.argmin(np.abs(axis)))]
    across = seed - axis * (axis @ seed)
    across /= length(across)
    costs, positions, attitudes = _scan(problem, center, across, cross(axis, across), radius, _STEPS)
    lowest = np.flatnonzero((costs <= np.roll(costs, 1)) & (costs < np.roll(costs, -1)))
    if lowest.size == 0:
        lowest = np.array([int(np.argmin(costs))])
    lowest = lowest[np.argsort(costs[lowest])][:most]
    return [
        Start(root, positions[k], attitudes[k], linearise(problem, positions[k], attitudes[k], problem.height[0])[0])
        for k in lowest
    ]
