"""One position from the Earth and the Moon in one frame.

Both directions triangulate, both apparent sizes range, and one attitude error is common to all: a single least squares
takes each as far as its covariance allows and tells which of them fixed each direction. Far from both bodies and wide
apart, triangulation wins; close to alignment, the apparent sizes do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from terraluna.opnav.attribution import cost_split, information_split
from terraluna.opnav.baseline import Baseline
from terraluna.opnav.evidence import AttitudePrior, DirectionLaw, PositionPrior, SunEvidence
from terraluna.opnav.positionfix import free_fix, position_fix, refused_fix, rotation_spread
from terraluna.opnav.problem import Measurement, build_problem
from terraluna.opnav.solver import (
    Problem,
    Solution,
    solve,
)
from terraluna.opnav.starts import Start, circle_starts, direct_start, range_roots, root_start
from terraluna.opnav.types import (
    BodyFix,
    Floats,
    PositionFix,
)
from terraluna.opnav.vectors import cross, length, unit

EXCLUDED_CHI_SQUARE = 16.0
"""A second solution whose chi-square is this much higher (4 sigma) is excluded."""


FREE_TURN_RAD = 1.0
"""Less certain than this it is free: aberration alone ties it down to some radians."""

SAME_SOLUTION = 9.0
"""Solutions closer than 3 sigma are one."""


_ITERATIONS = 60
_RIVAL_ITERATIONS = 12
"""A second root starts on the measured directions and one range: a minimum near there takes fewer than ten steps."""
_ROTATION_SOURCES = ("attitude", "bright_limb", "phase", "direction_law", "position_prior")


def fix_two_bodies(
    earth: Measurement,
    moon: Measurement,
    geometry: Baseline,
    *,
    attitude: AttitudePrior | None = None,
    sun: Sequence[SunEvidence] = (),
    laws: Sequence[DirectionLaw] = (),
    prior: PositionPrior | None = None,
) -> PositionFix:
    """Position of the spacecraft, and of the camera's attitude, from both bodies in one frame.

    Args:
        earth: limb fix (direction and range) or line of sight (direction alone) of the Earth, camera frame.
        moon: the same of the Moon.
        geometry: where both bodies stand.
        attitude: attitude with its covariance, common to both directions; None where there is none.
        sun: direction of the bright limb and phase of either body.
        laws: directions known in camera and in J2000 (Sun sensor, anti-Sun pointing).
        prior: expected position.

    Returns:
        The fix. ``refused`` with :attr:`PositionFix.freedom` where nothing settles the rotation about the Earth-Moon
        line; ``degraded`` with :attr:`PositionFix.alternatives` where a second Moon distance or rotation also fits.

    Raises:
        InputError: a covariance that is not positive definite, or evidence for another body.
    """
    for measurement in (earth, moon):
        if measurement.status == "refused":
            return refused_fix(f"{measurement.body}_refused", *measurement.reasons)
    problem = build_problem(earth, moon, geometry, attitude=attitude, sun=sun, laws=laws, prior=prior)
    ranges, sigmas, lines = _ranges(earth, moon)
    starts: list[Start] = []
    if attitude is not None:
        first = direct_start(problem, ranges, sigmas, lines)
        if first is None:
            return refused_fix("lines_of_sight_do_not_meet")
        starts.append(first)
    solutions = [_solve(problem, start) for start in starts]
    body = int(np.argmin(sigmas))
    if np.isfinite(sigmas[body]):
        known = float(ranges[body])
    elif solutions:
        known = length(problem.anchors[body] - solutions[0].position)
    else:
        return refused_fix("no_range_and_no_attitude")
    roots = range_roots(problem, body, known)
    if solutions and len(roots) == 2:
        # The attitude has chosen a root already: try the other one.
        found = length(problem.anchors[1 - body] - solutions[0].position)
        number = int(np.argmax([abs(pair[1 - body] - found) for pair in roots]))
        starts.append(root_start(problem, number, roots[number], solutions[0].position))
    elif not solutions:
        for number, pair in enumerate(roots):
            starts.extend(circle_starts(problem, number, pair, 4))
    most = _RIVAL_ITERATIONS if solutions else _ITERATIONS
    solutions.extend(_solve(problem, start, most) for start in starts[len(solutions) :])
    if not solutions:
        return refused_fix("separation_does_not_fit_range")
    order = sorted(range(len(starts)), key=lambda k: solutions[k].cost)
    best = solutions[order[0]]
    if not best.converged:
        return refused_fix("no_convergence")
    if (
        best.rank_deficient
        or rotation_spread(best.position, best.covariance[:3, :3], problem.anchors)[2] > FREE_TURN_RAD
    ):
        return free_fix(problem, best, geometry)
    others: list[Solution] = []
    for k in order[1:]:
        rival = solutions[k]
        plausible = rival.converged and rival.cost < best.cost + EXCLUDED_CHI_SQUARE
        if plausible and all(_distinct(rival, kept) for kept in (best, *others)):
            others.append(rival)
    notes = [f"{m.body}_{reason}" for m in (earth, moon) if m.status == "degraded" for reason in m.reasons]
    if others:
        notes.append("second_solution_possible")
    evidence = (
        _rotation_evidence(problem, best, attitude, sun, laws),
        _root_evidence(problem, best, starts, others, len(roots)),
    )
    fix = position_fix(problem, best, geometry, evidence, notes)
    return replace(fix, alternatives=tuple(position_fix(problem, s, geometry, evidence, notes) for s in others))


def _ranges(earth: Measurement, moon: Measurement) -> tuple[Floats, Floats, Floats]:
    """Ranges, their sigmas and the lines' sigmas (2,) of both bodies."""
    ranges, sigmas, lines = np.full(2, np.nan), np.full(2, np.inf), np.empty(2)
    for k, m in enumerate((earth, moon)):
        if isinstance(m, BodyFix):
            ranges[k], sigmas[k] = m.range_km, m.range_sigma_km
            lines[k] = np.sqrt(0.5 * np.trace(m.line_of_sight().covariance_rad2))
        else:
            lines[k] = np.sqrt(0.5 * np.trace(m.covariance_rad2))
    return ranges, sigmas, lines


def _solve(problem: Problem, start: Start, iterations: int = _ITERATIONS) -> Solution:
    return Solution(*solve(problem, start.position_km, start.attitude, problem.height[0], iterations))


def _distinct(a: Solution, b: Solution) -> bool:
    """Whether two solutions differ by more than their errors, in position and attitude."""
    difference = a.position - b.position
    scale = np.sqrt(np.diag(b.covariance)[:3])
    correlation = b.covariance[:3, :3] / np.outer(scale, scale)
    weighted = np.linalg.lstsq(correlation, difference / scale, rcond=None)[0]
    return bool((difference / scale) @ weighted > SAME_SOLUTION)


def _rotation_evidence(
    problem: Problem,
    best: Solution,
    attitude: AttitudePrior | None,
    sun: Sequence[SunEvidence],
    laws: Sequence[DirectionLaw],
) -> str:
    """What fixed the rotation about the Earth-Moon line."""
    line = problem.anchors[1] - problem.anchors[0]
    turn = cross(unit(line), best.position - problem.anchors[0])
    shares = information_split(best.jacobian, best.covariance, unit(turn)[None])[0]
    source = max(_ROTATION_SOURCES, key=lambda s: shares.get(s, 0.0))
    names = {
        "direction_law": [law.name for law in laws],
        "attitude": [] if attitude is None else [attitude.source],
        "bright_limb": list(dict.fromkeys(item.source for item in sun)),
    }
    return "rotation_settled_by:" + "+".join(names.get(source, [source]))


def _root_evidence(
    problem: Problem, best: Solution, starts: Sequence[Start], others: Sequence[Solution], roots: int
) -> str:
    """What became of the second distance."""
    if roots < 2:
        return "second_distance:none"
    line = problem.anchors[1] - problem.anchors[0]

    def nearer(position: Floats) -> bool:
        # The roots lie on either side of the point where the line of sight to the far end is closest to it.
        return bool((position - problem.anchors[1]) @ line > 0.0)

    def other_root(position: Floats) -> bool:
        ranges = np.linalg.norm(problem.anchors - position, axis=1)
        mine = np.linalg.norm(problem.anchors - best.position, axis=1)
        apart = bool(np.abs(ranges - mine).max() > 0.02 * length(line))
        return apart or nearer(position) != nearer(best.position)

    if any(other_root(solution.position) for solution in others):
        return "second_distance:possible"
    rivals = [start for start in starts if start.root >= 0 and other_root(start.position_km)]
    if not rivals:
        return "second_distance:merged"
    split = cost_split(min(rivals, key=lambda start: start.cost).residuals)
    return "second_distance:excluded_by:" + max(split, key=lambda source: split[source])
