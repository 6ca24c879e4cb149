"""Batch least squares over a series: Gauss-Newton on the state at an epoch and all biases, with editing.

A frame is judged by its chi-square given all the others, which needs no second fit: with whitened residuals r and the
hat matrix H of the frame's rows, it is r'(I - H)^-1 r (the deletion formula of linear regression, e.g. Cook & Weisberg
1982). The worst frame goes first and the fit is repeated, until all pass or too many would be lost.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.opnav.evidence import whitener
from terraluna.opnav.sequential.dynamics import KnownPath, OrbitPath
from terraluna.opnav.sequential.model import FrameModel, Rows
from terraluna.opnav.sequential.types import Editing, FrameResult, SeriesFit, SeriesFrame, Unknown, Unknowns
from terraluna.opnav.types import Floats, Status

log = logging.getLogger(__name__)

_CONVERGED = 1e-4
"""A step below this many sigma ends the iteration."""

_REDUNDANT = 1e-6
"""Smallest eigenvalue of I - H of a frame that the others can judge."""

_LEAST_DEGREES_STATUS = 1


@dataclass(frozen=True, eq=False)
class _Problem:
    frames: tuple[SeriesFrame, ...]
    models: tuple[FrameModel, ...]
    path: OrbitPath | KnownPath
    names: tuple[str, ...]
    mean: Floats
    free: NDArray[np.bool_]
    prior: Floats
    """(m, k) whitened rows of the prior of the estimated unknowns."""
    considered: Floats
    """(k,) sigma of the considered ones, else 0."""

    def evaluate(self, values: Floats, used: Sequence[int]) -> tuple[list[Rows | None], Floats, Floats]:
        """Rows of the used frames, and states (n, 6) and partials of all."""
        clock = values[self.names.index("clock_s")] if "clock_s" in self.names else 0.0
        ets = np.array([f.et for f in self.frames]) + clock
        count = len(self.path.names)
        states, partials = self.path.states(ets, values[:count])
        rows = [
            model.rows(states[i], partials[i], values) if i in used else None for i, model in enumerate(self.models)
        ]
        return rows, states, partials

    def stack(self, rows: Sequence[Rows | None], values: Floats) -> tuple[Floats, Floats]:
        """All residuals with the prior's, and their derivatives."""
        parts = [r for r in rows if r is not None]
        residual = np.concatenate([*(r.residual for r in parts), self.prior @ (values - self.mean)])
        jacobian = np.vstack([*(r.jacobian for r in parts), self.prior])
        return residual, jacobian


def fit_series(
    frames: Sequence[SeriesFrame],
    ephemeris: Ephemeris,
    path: OrbitPath | KnownPath,
    *,
    state_covariance: Floats | None = None,
    unknowns: Unknowns | None = None,
    editing: Editing | None = None,
    iterations: int = 30,
    start: Mapping[str, float] | None = None,
) -> SeriesFit:
    """Fit an orbit, or the clock against a known trajectory, to a series of frames.

    Args:
        frames: the measurements.
        ephemeris: open ephemeris.
        path: nominal orbit whose state is corrected, or a known trajectory.
        state_covariance: (6, 6) prior of the nominal state; None: no prior (the frames must determine it).
        unknowns: clock, boresight, scale and limb biases; nothing beside the path if None.
        editing: rejection of bad frames.
        iterations: most Gauss-Newton steps.
        start: where to start from, by name; the prior means elsewhere.

    Returns:
        The fit; ``refused`` with reasons where the frames do not determine the unknowns, the iteration does not end or
        too many frames contradict the rest; ``degraded`` where frames were dropped or the residuals exceed the noise.
    """
    chosen = unknowns or Unknowns()
    problem = _problem(tuple(frames), ephemeris, path, state_covariance, chosen)
    edit = editing or Editing()
    used = [i for i, m in enumerate(problem.models) if m.sights]
    if not used:
        return _refused(problem, "no_usable_frame")
    most = int(np.floor(edit.most * len(used)))
    rejected: list[int] = []
    reasons: list[str] = []
    values = problem.mean.copy()
    for name, value in (start or {}).items():
        values[problem.names.index(name)] = value
    total = 0
    while True:
        found = _gauss_newton(problem, values, used, iterations)
        if isinstance(found, str):
            return _refused(problem, found)
        values, rows, states, partials, covariance, cost, turns = found
        total += turns
        worst = _worst(problem, rows, covariance, edit)
        if worst is None:
            break
        if len(rejected) >= most:
            reasons.append("too_many_frames_contradict" if most else "residuals_exceed_noise")
            break
        used.remove(worst)
        rejected.append(worst)
        log.info("series: frame %s rejected", problem.frames[worst].name)
    return _result(problem, values, rows, states, partials, covariance, cost, total, rejected, reasons)


def _problem(
    frames: tuple[SeriesFrame, ...],
    ephemeris: Ephemeris,
    path: OrbitPath | KnownPath,
    state_covariance: Floats | None,
    unknowns: Unknowns,
) -> _Problem:
    if not frames:
        raise InputError("a series needs at least one frame")
    table = unknowns.table()
    names = (*path.names, *table)
    if not names:
        raise InputError("nothing is unknown: give a clock, an along-track error or another unknown to be fitted")
    count = len(path.names)
    mean = np.zeros(len(names))
    mean[count:] = [u.mean for u in table.values()]
    priors: list[Unknown | None] = [None] * count + list(table.values())
    if path.names == ("along_track_s",):
        priors[0] = unknowns.along_track
        mean[0] = 0.0 if unknowns.along_track is None else unknowns.along_track.mean
    free = np.array([p is None or not p.considered for p in priors])
    considered = np.array([p.sigma if p is not None and p.considered else 0.0 for p in priors])
    rows = [np.eye(len(names))[i] / p.sigma for i, p in enumerate(priors) if p is not None and not p.considered]
    prior = np.array(rows).reshape(-1, len(names))
    if state_covariance is not None:
        if count != 6:
            raise InputError("a known trajectory has no state to be corrected: leave state_covariance out")
        block = np.zeros((6, len(names)))
        scale = np.sqrt(np.diag(state_covariance))
        block[:, :6] = whitener(state_covariance / np.outer(scale, scale), "the state prior") / scale
        prior = np.vstack((prior, block))
    models = tuple(FrameModel(f, ephemeris, names, count, unknowns.limb_km) for f in frames)
    return _Problem(frames, models, path, names, mean, free, prior, considered)


_Found = tuple[Floats, list[Rows | None], Floats, Floats, Floats, float, int]


def _gauss_newton(problem: _Problem, start: Floats, used: Sequence[int], iterations: int) -> _Found | str:
    """Minimise; (values, rows, states, partials, covariance of the free ones, cost, steps), or why not."""
    values = start.copy()
    free = problem.free
    rows, states, partials = problem.evaluate(values, used)
    residual, jacobian = problem.stack(rows, values)
    cost = float(residual @ residual)
    for turn in range(iterations):
        inverse = _pseudo(jacobian[:, free])
        if inverse is None:
            return "unknowns_not_determined"
        half, u = inverse
        step = np.zeros(len(values))
        step[free] = -half @ (u.T @ residual)
        expected = jacobian @ step
        size = float(expected @ expected)
        share = 1.0
        while True:
            trial = values + share * step
            new_rows, new_states, new_partials = problem.evaluate(trial, used)
            new_residual, new_jacobian = problem.stack(new_rows, trial)
            new_cost = float(new_residual @ new_residual)
            if new_cost <= cost * (1.0 + 1e-9) + 1e-9 or share < 1e-3:
                break
            share *= 0.5
        if share < 1e-3:
            if size > 1e-2:
                return "no_convergence"
            covariance = half @ half.T
            return values, rows, states, partials, covariance, cost, turn + 1
        values, rows, states, partials = trial, new_rows, new_states, new_partials
        residual, jacobian, cost = new_residual, new_jacobian, new_cost
        if size < _CONVERGED**2 * max(1, int(free.sum())):
            inverse = _pseudo(jacobian[:, free])
            if inverse is None:
                return "unknowns_not_determined"
            return values, rows, states, partials, inverse[0] @ inverse[0].T, cost, turn + 1
    return "no_convergence"


def _pseudo(jacobian: Floats) -> tuple[Floats, Floats] | None:
    """Matrices (V S^-1, U) of column-scaled rows, or None where a column is not determined."""
    scale = np.sqrt(np.einsum("ij,ij->j", jacobian, jacobian))
    if not (scale > 0.0).all() or jacobian.shape[0] < jacobian.shape[1]:
        return None
    u, s, vt = np.linalg.svd(jacobian / scale, full_matrices=False)
    if s[-1] < 1e-11 * s[0]:
        return None
    return (vt.T / s) / scale[:, None], u


def _worst(problem: _Problem, rows: Sequence[Rows | None], covariance: Floats, edit: Editing) -> int | None:
    """The frame that fits the others worst, if its chi-square is beyond the gate."""
    from scipy.stats import chi2

    if edit.gate <= 0.0:
        return None
    worst, least = None, edit.gate
    sensitivity = _sensitivity(problem, rows, covariance)
    considered = problem.considered > 0.0
    for i, row in enumerate(rows):
        if row is None or not row.residual.size:
            continue
        by_free = row.jacobian[:, problem.free]
        # What is only considered moves the frame and the fit: only the difference shows.
        by_considered = row.jacobian[:, considered] + by_free @ sensitivity
        remaining = np.eye(row.residual.size) - by_free @ covariance @ by_free.T
        if np.linalg.eigvalsh(remaining)[0] < _REDUNDANT:
            continue
        spread = np.linalg.inv(remaining)
        deleted = spread @ row.residual
        by_considered = spread @ by_considered * problem.considered[considered]
        value = float(deleted @ np.linalg.solve(spread + by_considered @ by_considered.T, deleted))
        probability = float(chi2.sf(value, row.residual.size))
        if probability < least:
            worst, least = i, probability
    return worst


def _sensitivity(problem: _Problem, rows: Sequence[Rows | None], covariance: Floats) -> Floats:
    """Derivatives (free, considered) of the estimates by the considered unknowns."""
    jacobian = np.vstack([*(r.jacobian for r in rows if r is not None), problem.prior])
    return np.asarray(-covariance @ jacobian[:, problem.free].T @ jacobian[:, problem.considered > 0.0])


def _full_covariance(problem: _Problem, rows: Sequence[Rows | None], covariance: Floats) -> tuple[Floats, Floats]:
    """Formal and total covariance (k, k): the considered unknowns move the estimates by their sensitivity."""
    k = len(problem.names)
    free = problem.free
    formal = np.zeros((k, k))
    chosen = np.flatnonzero(free)
    formal[np.ix_(chosen, chosen)] = covariance
    considered = problem.considered > 0.0
    if not considered.any():
        return formal, formal
    sensitivity = _sensitivity(problem, rows, covariance)
    change = np.zeros((k, int(considered.sum())))
    change[free] = sensitivity
    change[np.flatnonzero(considered), np.arange(change.shape[1])] = 1.0
    return formal, formal + (change * problem.considered[considered] ** 2) @ change.T


def _result(
    problem: _Problem,
    values: Floats,
    rows: Sequence[Rows | None],
    states: Floats,
    partials: Floats,
    covariance: Floats,
    cost: float,
    turns: int,
    rejected: Sequence[int],
    reasons: list[str],
) -> SeriesFit:
    from scipy.stats import chi2

    formal, total = _full_covariance(problem, rows, covariance)
    measured = sum(r.residual.size for r in rows if r is not None)
    degrees = measured + len(problem.prior) - int(problem.free.sum())
    if degrees > 0 and chi2.sf(cost, degrees) < 1e-6 and "residuals_exceed_noise" not in reasons:
        reasons.append("residuals_exceed_noise")
    if rejected:
        reasons.append("frames_rejected")
    if degrees < _LEAST_DEGREES_STATUS:
        reasons.append("no_redundancy")
    clock = problem.names.index("clock_s") if "clock_s" in problem.names else None
    results = []
    for i, frame in enumerate(problem.frames):
        et = frame.et + (0.0 if clock is None else float(values[clock]))
        by = np.zeros((3, len(problem.names)))
        by[:, : partials.shape[2]] = partials[i, :3]
        if clock is not None:
            by[:, clock] += states[i, 3:]
        row = rows[i]
        ephemeris = problem.models[i].ephemeris
        why = ["rejected_by_editing"] if i in rejected else []
        why += [f"{s.body}_{r}" for s in frame.sights if s.status == "refused" for r in s.reasons]
        results.append(
            FrameResult(
                frame.name,
                et,
                states[i, :3],
                states[i, 3:],
                states[i, :3] - ephemeris.position("moon", et, "earth"),
                by @ total @ by.T,
                np.full((3, 3), np.nan) if row is None or row.free_attitude else row.attitude,
                float("nan") if row is None else float(row.residual @ row.residual),
                0 if row is None else int(row.residual.size),
                () if row is None else tuple(s.body for s in problem.models[i].sights),
                tuple(why),
            )
        )
    path = problem.path
    state = path.state + values[:6] if isinstance(path, OrbitPath) else np.full(6, np.nan)
    refused = "too_many_frames_contradict" in reasons
    status: Status = "refused" if refused else "degraded" if reasons else "ok"
    return SeriesFit(
        problem.names,
        values,
        total,
        formal,
        path.epoch if isinstance(path, OrbitPath) else float("nan"),
        state,
        path.dynamics.center if isinstance(path, OrbitPath) else path.trajectory.center,
        cost,
        degrees,
        tuple(results),
        tuple(problem.frames[i].name for i in rejected),
        turns,
        status,
        tuple(reasons),
    )


def _refused(problem: _Problem, *reasons: str) -> SeriesFit:
    k = len(problem.names)
    nothing = np.full((k, k), np.nan)
    return SeriesFit(
        problem.names, np.full(k, np.nan), nothing, nothing, float("nan"), np.full(6, np.nan), "", float("nan"),
        0, (), (), 0, "refused", reasons,
    )  # fmt: skip
