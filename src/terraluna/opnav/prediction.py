"""Covariance of a two-body fix before there is a picture: what planning needs."""

from __future__ import annotations

import numpy as np

from terraluna.opnav.baseline import Baseline
from terraluna.opnav.evidence import AttitudePrior
from terraluna.opnav.positionfix import position_fix
from terraluna.opnav.problem import Measurement, build_problem
from terraluna.opnav.solver import Solution, solve
from terraluna.opnav.types import BodyFix, Floats, LineOfSight, PositionFix
from terraluna.opnav.vectors import length


def two_body_covariance(
    position_earth_km: Floats,
    geometry: Baseline,
    attitude: AttitudePrior,
    line_sigmas_rad: tuple[float, float],
    range_sigmas_km: tuple[float | None, float | None] = (None, None),
) -> PositionFix:
    """Covariance of a two-body fix before there is a picture: linearised at a known position.

    Args:
        position_earth_km: (3,) true position from the Earth's centre, J2000.
        geometry: where both bodies stand.
        attitude: true attitude and its prior covariance.
        line_sigmas_rad: standard deviation per axis of the Earth's and the Moon's direction, independent.
        range_sigmas_km: standard deviation of either range; None where it isn't measured.
    """
    measurements: list[Measurement] = []
    for name, anchor, line, distance_sigma in zip(
        ("earth", "moon"), (geometry.earth_km, geometry.moon_km), line_sigmas_rad, range_sigmas_km, strict=True
    ):
        vector = attitude.rotation @ (anchor - position_earth_km)
        distance = length(vector)
        direction = vector / distance
        across = np.eye(3) - np.outer(direction, direction)
        if distance_sigma is None:
            measurements.append(LineOfSight(name, direction, line**2 * across, aberration="removed"))
        else:
            covariance = (line * distance) ** 2 * across + distance_sigma**2 * np.outer(direction, direction)
            measurements.append(BodyFix(name, vector, covariance, aberration="removed"))
    problem = build_problem(measurements[0], measurements[1], geometry, attitude=attitude)
    position = np.asarray(position_earth_km, dtype=np.float64)
    exact = Solution(*solve(problem, position, problem.attitude, problem.height[0], 0))
    return position_fix(problem, exact, geometry, (), (), second_order=False)
