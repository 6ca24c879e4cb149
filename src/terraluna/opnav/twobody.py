"""One position from the Earth and the Moon in one frame.

Both directions triangulate, both apparent sizes range, and one attitude error is common to all: a single least squares
takes each as far as its covariance allows and tells which of them fixed each direction. Far from both bodies and wide
apart, triangulation wins; close to alignment, the apparent sizes do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from terraluna.ephemeris.constants import C_KM_S
from terraluna.errors import InputError
from terraluna.opnav.attribution import cost_split, drivers, information_split
from terraluna.opnav.baseline import Baseline
from terraluna.opnav.evidence import AttitudePrior, DirectionLaw, PositionPrior, SunEvidence, whitener
from terraluna.opnav.solver import (
    UNKNOWNS,
    Problem,
    Solution,
    solve,
)
from terraluna.opnav.starts import Start, circle, circle_starts, direct_start, range_roots, root_start
from terraluna.opnav.types import (
    DIRECTIONS,
    BodyFix,
    Floats,
    FreeRotation,
    LineOfSight,
    PositionFix,
    Status,
)
from terraluna.opnav.vectors import chi_square_limit, cross, length, skew, tangent_basis, unit

Measurement = BodyFix | LineOfSight

EXCLUDED_CHI_SQUARE = 16.0
"""A second solution whose chi-square is this much higher (4 sigma) is excluded."""

MAX_TURN_RAD = 0.3
"""A rotation about the Earth-Moon line less certain than this is an arc that no covariance describes."""

FREE_TURN_RAD = 1.0
"""Less certain than this it is free: aberration alone ties it down to some radians."""

SAME_SOLUTION = 9.0
"""Solutions closer than 3 sigma are one."""

CHI_SQUARE_SIGMAS = 5.0
"""A fix whose chi-square is as unlikely as 5 sigma is marked degraded."""

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
    if best.rank_deficient or _second_order(best.position, best.covariance[:3, :3], problem.anchors)[2] > FREE_TURN_RAD:
        return _free(problem, best, geometry)
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


def build_problem(
    earth: Measurement,
    moon: Measurement,
    geometry: Baseline,
    *,
    attitude: AttitudePrior | None = None,
    sun: Sequence[SunEvidence] = (),
    laws: Sequence[DirectionLaw] = (),
    prior: PositionPrior | None = None,
) -> Problem:
    """Measurements of one frame as plain arrays; arguments as for :func:`fix_two_bodies`."""
    basis = np.zeros((2, 3, 3))
    inverse_range = np.zeros(2)
    whiten = np.zeros((2, 3, 3))
    partial = np.zeros((2, 3))
    beta = np.zeros((2, 3))
    height = np.array([0.0, 1.0])
    for k, m in enumerate((earth, moon)):
        direction = m.direction
        e1, e2 = tangent_basis(direction)
        basis[k] = e1, e2, direction
        if m.aberration == "present" and geometry.observer_velocity_km_s is not None:
            beta[k] = geometry.observer_velocity_km_s / C_KM_S
        if isinstance(m, LineOfSight):
            across = basis[k, :2]
            whiten[k, :2, :2] = whitener(across @ m.covariance_rad2 @ across.T, f"the {m.body} line of sight")
            continue
        distance = m.range_km
        inverse_range[k] = 1.0 / distance
        to_z = np.vstack((e1 / distance, e2 / distance, -direction / distance**2))
        g = m.limb_height_partial
        noise = m.covariance_km2
        if k == 0 and m.limb_height_sigma_km > 0.0:
            # The Earth's limb height is an unknown of its own here: take its share out of the covariance.
            noise = noise - m.limb_height_sigma_km**2 * np.outer(g, g)
            partial[k] = to_z @ g
            height[:] = m.limb_height_km, 1.0 / m.limb_height_sigma_km
        covariance = to_z @ noise @ to_z.T
        # 1/range is many decades below an angle: factor the correlation matrix to keep the digits.
        if not (np.diag(covariance) > 0.0).all():
            raise InputError(f"covariance of the {m.body} fix is not positive definite")
        scale = np.sqrt(np.diag(covariance))
        whiten[k] = whitener(covariance / np.outer(scale, scale), f"the {m.body} fix") / scale
    suns = np.zeros((2, 3))
    suns[:, 2] = 1.0
    bright = np.zeros((2, 2))
    phase = np.zeros((2, 2))
    for item in sun:
        if item.body not in ("earth", "moon"):
            raise InputError(f"Sun evidence is for {item.body!r}; it must be earth or moon")
        k = 0 if item.body == "earth" else 1
        suns[k] = unit(item.sun_direction_j2000)
        bright[k] = item.bright_limb_rad, 1.0 / item.bright_limb_sigma_rad
        phase[k] = item.phase_rad, 1.0 / item.phase_sigma_rad
    law_basis = np.zeros((len(laws), 3, 3))
    for i, law in enumerate(laws):
        direction = unit(law.camera_direction)
        law_basis[i] = (*tangent_basis(direction), direction)
    zero = np.zeros((3, 3))
    return Problem(
        np.vstack((geometry.earth_km, geometry.moon_km)),
        basis,
        inverse_range,
        whiten,
        partial,
        beta,
        np.eye(3) if attitude is None else np.ascontiguousarray(attitude.rotation, dtype=np.float64),
        zero if attitude is None else whitener(attitude.covariance_rad2, "the attitude prior"),
        np.zeros(3) if prior is None else np.ascontiguousarray(prior.position_earth_j2000_km, dtype=np.float64),
        zero if prior is None else whitener(prior.covariance_km2, "the position prior"),
        height,
        suns,
        bright,
        phase,
        law_basis,
        np.array([unit(law.j2000_direction) for law in laws]).reshape(-1, 3),
        np.array([1.0 / law.sigma_rad for law in laws]),
    )


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


def fix_axes(position: Floats, anchors: Floats) -> Floats:
    """Rows (3, 3): unit vectors along the Earth's line of sight, across it in plane, out of plane."""
    along = unit(anchors[0] - position)
    out = unit(cross(along, anchors[1] - position))
    return np.vstack((along, cross(out, along), out))


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


def _second_order(position: Floats, covariance: Floats, anchors: Floats) -> tuple[Floats, Floats, float]:
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
    """A solution with its axes, shares and status; arguments as :func:`fix_two_bodies` made them."""
    axes = fix_axes(solution.position, problem.anchors)
    position, state_covariance = solution.position, solution.covariance.copy()
    reasons = list(notes)
    if second_order:
        shift, added, turn = _second_order(position, state_covariance[:3, :3], problem.anchors)
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


def _free(problem: Problem, best: Solution, geometry: Baseline) -> PositionFix:
    """Refuse, and say what is known: both ranges and the circle."""
    vectors = best.position - problem.anchors
    ranges = np.linalg.norm(vectors, axis=1)
    partial = vectors / ranges[:, None]
    axis, center, radius = circle(problem, ranges)
    covariance = partial @ best.covariance[:3, :3] @ partial.T
    result = refused_fix("free_rotation_about_earth_moon_line")
    return replace(result, freedom=FreeRotation(axis, center, radius, ranges, covariance))
