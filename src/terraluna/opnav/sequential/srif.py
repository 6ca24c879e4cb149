"""Square-root information filter over a series, with process noise, editing and a smoother.

State and biases are carried as R and z with |R dx - z|^2 the information about corrections of the nominal (Bierman
1977, "Factorization Methods for Discrete Sequential Estimation", chapters V and VI). Updates are QR factorisations:
the covariance never loses symmetry or definiteness to rounding. Measurements are linearised again about the updated
state until it stands.

The state carried is that at the true time of the frame, logged time plus clock offset, wherever that is: what a frame
measures then hardly depends on the clock, which enters through the motion of the bodies alone, and a clock uncertain
by a minute is no curved valley in which a filter that can't look back would settle too early. What one frame leaves
nearly free (the turn about the Earth-Moon line without stars) is found from small differences between frames, so that
partials taken at early, poor estimates would claim too much: the series is therefore run again about the smoothed
states (those of the batch fit first), until they stand. The smoother is that of Rauch, Tung & Striebel (1965).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.segments import Floats
from terraluna.errors import InputError
from terraluna.opnav.evidence import whitener
from terraluna.opnav.sequential.batch import fit_series
from terraluna.opnav.sequential.dynamics import STATE_NAMES, Dynamics, OrbitPath
from terraluna.opnav.sequential.model import FrameModel, Rows
from terraluna.opnav.sequential.types import (
    Editing,
    FilterResult,
    FilterStep,
    SeriesFrame,
    Unknowns,
)
from terraluna.opnav.types import Status

_TURNS = 6
_SETTLED = 1e-3
"""A repeated measurement update ends when it moves the state by less than this share of its sigma."""


_STANDS = 0.01
"""Runs end when no smoothed value moves by more than this many sigma."""

_Link = tuple[Floats, Floats, Floats]
"""Transition to a frame, predicted mean and covariance there."""


def filter_series(
    frames: Sequence[SeriesFrame],
    ephemeris: Ephemeris,
    dynamics: Dynamics,
    epoch: float,
    state: Floats,
    state_covariance: Floats,
    *,
    unknowns: Unknowns | None = None,
    acceleration_noise: float = 0.0,
    editing: Editing | None = None,
    smooth: bool = False,
    passes: int = 8,
) -> FilterResult:
    """Run a series through the filter in time order.

    Args:
        frames: the measurements, in any order.
        ephemeris: open ephemeris.
        dynamics: what moves the spacecraft; states are about its centre.
        epoch: of the first state, not after the first frame's logged time.
        state: (6,) km and km/s.
        state_covariance: (6, 6).
        unknowns: biases; the clock too. None of them may be only considered: that is the batch fit's.
        acceleration_noise: square root of the spectral density of unmodelled acceleration per axis, km s^-1.5.
        editing: gate on each frame's innovation.
        smooth: also give states with all frames known at each.
        passes: most runs; 1 takes partials only from what was known at each frame.

    Returns:
        The result; ``refused`` where more frames than allowed are rejected, ``degraded`` where some are.

    Raises:
        InputError: a covariance is not positive definite, or a bias is only considered.
    """
    chosen = unknowns or Unknowns()
    edit = editing or Editing()
    table = chosen.table()
    if any(u.considered for u in table.values()):
        raise InputError("the filter estimates all its biases: use the batch fit for considered ones")
    ordered = sorted(frames, key=lambda f: f.et)
    if not ordered:
        raise InputError("a series needs at least one frame")
    if ordered[0].et < epoch:
        raise InputError("the filter's epoch lies after the first frame; give an earlier state")
    names = (*STATE_NAMES, *table)
    sigma = np.array([u.sigma for u in table.values()])
    biases = np.array([u.mean for u in table.values()])
    root = np.zeros((len(names), len(names)))
    scale = np.sqrt(np.diag(state_covariance))
    root[:6, :6] = whitener(state_covariance / np.outer(scale, scale), "the filter's first state") / scale
    root[6:, 6:] = np.diag(1.0 / sigma)
    clock = names.index("clock_s") if "clock_s" in names else None
    run = _Run(
        tuple(ordered), ephemeris, dynamics, epoch, state, biases, root, names, chosen, clock, acceleration_noise
    )
    steps, links = run.forward(edit, None)
    smoothed = _smooth(steps, links, clock)
    if passes > 1:
        smoothed = _batch_states(run, steps, state_covariance) or smoothed
    for _ in range(passes - 1):
        previous = smoothed
        steps, links = run.forward(edit, smoothed)
        smoothed = _smooth(steps, links, clock)
        if _moved(previous, smoothed) < _STANDS:
            break
    measured = sum(any(s.status != "refused" for s in f.sights) for f in ordered)
    rejected = sum("by_editing" in " ".join(step.reasons) for step in steps)
    reasons: tuple[str, ...] = ()
    status: Status = "ok"
    if not measured:
        status, reasons = "refused", ("no_usable_frame",)
    elif rejected > edit.most * measured:
        status, reasons = "refused", ("too_many_frames_contradict",)
    elif rejected:
        status, reasons = "degraded", ("frames_rejected",)
    return FilterResult(names, tuple(steps), smoothed if smooth else (), dynamics.center, status, reasons)


@dataclass(frozen=True, eq=False)
class _Run:
    """What a run through the series starts from."""

    frames: tuple[SeriesFrame, ...]
    ephemeris: Ephemeris
    dynamics: Dynamics
    epoch: float
    state: Floats
    biases: Floats
    root: Floats
    names: tuple[str, ...]
    unknowns: Unknowns
    clock: int | None
    density: float

    def forward(self, edit: Editing, about: Sequence[FilterStep] | None) -> tuple[list[FilterStep], list[_Link]]:
        """One run, with partials at its own estimates or at the states ``about``, whose choice of sights it keeps."""
        biases, root = self.biases.copy(), self.root.copy()
        at = self.biases if about is None else about[0].biases
        nominal = np.array(self.state, dtype=np.float64)
        if self.clock is not None:
            # From the state at the epoch to that at epoch + clock: it moves with the clock.
            late = float(at[self.clock - 6])
            states, _ = self.dynamics.arc(self.epoch, nominal, np.array([self.epoch + late]))
            rate = self.dynamics.rate(self.epoch + late, states[0])
            nominal = states[0] + rate * (biases[self.clock - 6] - late)
            root[:6, self.clock] = -root[:6, :6] @ rate
        mean = np.concatenate((nominal, biases))
        point = mean
        if about is not None:
            late = 0.0 if self.clock is None else float(at[self.clock - 6])
            states, _ = self.dynamics.arc(self.frames[0].et + late, about[0].state, np.array([self.epoch + late]))
            point = np.concatenate((states[0], at))
        now = self.epoch
        steps: list[FilterStep] = []
        links: list[_Link] = []
        for i, frame in enumerate(self.frames):
            mean, root, phi = _advance(self.dynamics, now, mean, point, root, frame.et, self.clock, self.density)
            now = frame.et
            links.append((phi, mean, _covariance(root)))
            model = FrameModel(frame, self.ephemeris, self.names, 6, self.unknowns.limb_km)
            step, root = _measure(
                model, self.dynamics, mean, root, self.names, edit, None if about is None else about[i]
            )
            mean = np.concatenate((step.state, step.biases))
            point = mean if about is None else np.concatenate((about[i].state, about[i].biases))
            steps.append(step)
        return steps, links


def _batch_states(run: _Run, steps: Sequence[FilterStep], covariance: Floats) -> tuple[FilterStep, ...] | None:
    """States of the batch fit to the sights that the filter used: its steps are halved where they would not help."""
    kept = [
        replace(f, sights=tuple(s for s in f.sights if s.body in step.used))
        for f, step in zip(run.frames, steps, strict=True)
    ]
    path = OrbitPath(run.dynamics, run.epoch, run.state)
    fit = fit_series(
        kept, run.ephemeris, path, state_covariance=covariance, unknowns=run.unknowns, editing=Editing(0.0)
    )
    if fit.status == "refused":
        return None
    out = []
    for step, frame in zip(steps, fit.frames, strict=True):
        state = np.concatenate((frame.position_earth_km, frame.velocity_earth_km_s))
        if run.dynamics.center != "earth":
            state -= run.ephemeris.state(run.dynamics.center, frame.et, "earth")
        out.append(replace(step, et=frame.et, state=state, biases=fit.values[6:]))
    return tuple(out)


def _moved(before: Sequence[FilterStep], after: Sequence[FilterStep]) -> float:
    """Largest change in sigma between two smoothed runs."""
    change = 0.0
    for a, b in zip(before, after, strict=True):
        difference = np.concatenate((b.state - a.state, b.biases - a.biases))
        change = max(change, float(np.abs(difference / np.sqrt(np.diag(b.covariance))).max()))
    return change


def process_noise(seconds: float, density: float) -> Floats:
    """Covariance (6, 6) of white acceleration of spectral density ``density``^2 over ``seconds`` (free motion)."""
    t = abs(seconds)
    eye = np.eye(3) * density**2
    return np.block([[eye * t**3 / 3.0, eye * t**2 / 2.0], [eye * t**2 / 2.0, eye * t]])


def _advance(
    dynamics: Dynamics,
    start: float,
    mean: Floats,
    point: Floats,
    root: Floats,
    end: float,
    clock: int | None,
    density: float,
) -> tuple[Floats, Floats, Floats]:
    """Mean, information root and transition (k, k) from one logged time to another, linear about ``point``."""
    k = len(root)
    whole = np.eye(k)
    if end == start:
        return mean, root, whole
    late = 0.0 if clock is None else float(point[clock])
    states, phis = dynamics.arc(start + late, point[:6], np.array([end + late]))
    whole[:6, :6] = phis[0]
    if clock is not None:
        # Both ends move with the clock; what remains is the change of the forces with time.
        whole[:6, clock] = dynamics.rate(end + late, states[0]) - phis[0] @ dynamics.rate(start + late, point[:6])
    moved = np.asarray(np.linalg.solve(whole.T, root.T).T, dtype=np.float64)
    if density > 0.0:
        noise = process_noise(end - start, density)
        spread = np.sqrt(np.diag(noise))
        factor = np.zeros((k, 6))
        factor[:6] = np.linalg.cholesky(noise / np.outer(spread, spread)) * spread[:, None]
        stacked = np.block([[np.eye(6), np.zeros((6, k))], [-moved @ factor, moved]])
        moved = _triangle(stacked)[6:, 6:]
    arrived = np.concatenate((states[0], point[6:])) + whole @ (mean - point)
    return arrived, moved, whole


def _measure(
    model: FrameModel,
    dynamics: Dynamics,
    mean: Floats,
    root: Floats,
    names: Sequence[str],
    edit: Editing,
    about: FilterStep | None,
) -> tuple[FilterStep, Floats]:
    """The measurement update of one frame, linear about the estimate itself or about ``about``."""
    if about is None:
        used, reasons, chi, degrees = _edit(model, dynamics, mean, root, names, edit)
        point = mean
    else:
        used, reasons, chi, degrees = about.used, about.reasons, about.chi_square, about.degrees
        point = np.concatenate((about.state, about.biases))
    frame, new, values = model.frame, root, mean
    if used:
        for _ in range(_TURNS if about is None else 1):
            rows = _rows(model, dynamics, point[:6], point[6:], names, used)
            if rows is None:
                break
            stacked = np.vstack(
                (
                    np.column_stack((root, -root @ (point - mean))),
                    np.column_stack((rows.jacobian, -rows.residual)),
                )
            )
            r = _triangle(stacked)
            k = len(root)
            new = r[:k, :k]
            step = np.linalg.solve(new, r[:k, k])
            values = point = point + step
            if float(np.sum((new @ step) ** 2)) < _SETTLED**2:
                break
    late = float(values[names.index("clock_s")]) if "clock_s" in names else 0.0
    step_result = FilterStep(
        frame.name, frame.et + late, values[:6], values[6:], _covariance(new), chi, degrees, used, reasons
    )
    return step_result, new


def _edit(
    model: FrameModel, dynamics: Dynamics, mean: Floats, root: Floats, names: Sequence[str], edit: Editing
) -> tuple[tuple[str, ...], tuple[str, ...], float, int]:
    """Bodies to use, why others are not, chi-square of the whole frame's innovation and its degrees of freedom.

    All sights where they agree with the prediction, else the one that agrees alone, else none.
    """
    from scipy.stats import chi2

    bodies = tuple(s.body for s in model.sights)
    reasons = [f"{s.body}_refused" for s in model.frame.sights if s.status == "refused"]
    first = _rows(model, dynamics, mean[:6], mean[6:], names, bodies) if bodies else None
    if first is None:
        return (), tuple(reasons), float("nan"), 0
    chi, degrees = _innovation(first, root)
    if not (edit.gate > 0.0 and degrees and chi2.sf(chi, degrees) < edit.gate):
        return bodies, tuple(reasons), chi, degrees
    good = []
    for body in bodies if len(bodies) > 1 else ():
        alone = _rows(model, dynamics, mean[:6], mean[6:], names, (body,))
        if alone is not None and alone.residual.size:
            value, count = _innovation(alone, root)
            if chi2.sf(value, count) >= edit.gate:
                good.append(body)
    # Where both agree alone but not together nothing says which is wrong.
    used = tuple(good) if len(good) == 1 else ()
    reasons += [f"{b}_rejected_by_editing" for b in bodies if b not in used]
    return used, tuple(reasons), chi, degrees


def _rows(
    model: FrameModel,
    dynamics: Dynamics,
    nominal: Floats,
    biases: Floats,
    names: Sequence[str],
    bodies: Sequence[str],
) -> Rows | None:
    """Rows at a nominal that belongs to the frame's true time."""
    values = np.concatenate((np.zeros(6), biases))
    clock = float(values[names.index("clock_s")]) if "clock_s" in names else 0.0
    if dynamics.center == "earth":
        return model.rows(nominal, np.eye(6), values, bodies, by_clock=np.zeros(3))
    center = dynamics.ephemeris.state(dynamics.center, model.frame.et + clock, "earth")
    return model.rows(nominal + center, np.eye(6), values, bodies, by_clock=center[3:])


def _innovation(rows: Rows, root: Floats) -> tuple[float, int]:
    """Chi-square of the rows against the prediction, and their number."""
    half = np.linalg.solve(root.T, rows.jacobian.T)
    return float(rows.residual @ np.linalg.solve(np.eye(rows.residual.size) + half.T @ half, rows.residual)), (
        rows.residual.size
    )


def _triangle(rows: Floats) -> Floats:
    """The upper triangle R of a QR factorisation."""
    return np.asarray(np.linalg.qr(rows, mode="r"), dtype=np.float64)


def _covariance(root: Floats) -> Floats:
    half = np.linalg.inv(root)
    return np.asarray(half @ half.T)


def _smooth(
    steps: Sequence[FilterStep], links: Sequence[tuple[Floats, Floats, Floats]], clock: int | None
) -> tuple[FilterStep, ...]:
    """Rauch-Tung-Striebel, backward; ``links[i]`` holds transition, predicted mean and covariance at step i."""
    out = [steps[-1]]
    for i in range(len(steps) - 2, -1, -1):
        later = out[0]
        phi, mean, covariance = links[i + 1]
        here = steps[i]
        # Positions and rates differ by many decades: solve with the correlation matrix.
        scale = np.sqrt(np.diag(covariance))
        gain = np.linalg.solve(covariance / np.outer(scale, scale), (phi @ here.covariance) / scale[:, None]).T / scale
        moved = gain @ (np.concatenate((later.state, later.biases)) - mean)
        spread = here.covariance + gain @ (later.covariance - covariance) @ gain.T
        out.insert(
            0,
            replace(
                here,
                et=here.et + (0.0 if clock is None else float(moved[clock])),
                state=here.state + moved[:6],
                biases=here.biases + moved[6:],
                covariance=0.5 * (spread + spread.T),
            ),
        )
    return tuple(out)
