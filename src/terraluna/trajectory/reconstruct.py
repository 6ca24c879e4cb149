"""A state solved from published facts by weighted least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import DAY_S
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError, InputError, RefusedError
from terraluna.trajectory.base import Quality, check_state, utc_text
from terraluna.trajectory.forces import ForceOptions
from terraluna.trajectory.observables import Observable
from terraluna.trajectory.propagate import PropagatedTrajectory
from terraluna.trajectory.view import View

FIT_RTOL: Final = 1e-10
"""Tolerance of the propagations inside a fit: 0.1 m at a million km."""

_DIFFERENCE: Final = 1e-5
"""Step of the central differences, in units of :func:`_scales`: 1e-7 of the state."""

MAX_CONDITION: Final = 1e10
"""Condition number of the scaled normal equations' root beyond which a solution would be made of rounding errors."""


@dataclass(frozen=True)
class FreeTime:
    """A time that is solved for: a first value and how well it is known, s."""

    name: str
    et: float
    sigma_s: float


@dataclass(frozen=True)
class FreeRoll:
    """The roll of a picture that is solved for: position angle of its "up" east of J2000 north, degrees."""

    name: str
    angle_deg: float
    sigma_deg: float


@dataclass(frozen=True)
class Residual:
    """One number of one observable: what was published, what the solution gives.

    Attributes:
        label: which observable; ``component`` counts within it.
        residual: computed minus observed, on the sphere where the observable says so.
        sigma: the weight's standard deviation, in the same unit.
        used: False for a check that did not take part.
        et: its time in the solution.
    """

    label: str
    component: int
    observed: float
    computed: float
    residual: float
    sigma: float
    used: bool
    et: float


@dataclass(frozen=True)
class Reconstruction:
    """What a fit found.

    Attributes:
        epoch: TDB seconds past J2000.
        state: (6,) km and km/s about ``center``, J2000.
        covariance: (6, 6) of the state, from the sigmas given (not scaled by the fit).
        times: solved times by name: (et, sigma in s).
        rolls: solved rolls by name: (degrees, sigma in degrees).
        residuals: a row for each number, used or not.
        chi2: sum of squares of the weighted residuals, priors included; ``dof`` its degrees of freedom.
        condition: condition number of the scaled problem.
        quality: ``reconstructed`` (published facts) or ``fitted`` (samples of an orbit).
    """

    name: str
    epoch: float
    state: Floats
    covariance: Floats
    center: str
    times: dict[str, tuple[float, float]]
    rolls: dict[str, tuple[float, float]]
    residuals: tuple[Residual, ...]
    chi2: float
    dof: int
    condition: float
    quality: Quality
    options: ForceOptions = field(default_factory=ForceOptions)

    def trajectory(self, ephemeris: Ephemeris, span: tuple[float, float] | None = None) -> PropagatedTrajectory:
        """The solution, propagated."""
        return PropagatedTrajectory(
            ephemeris,
            self.epoch,
            self.state,
            self.center,
            name=self.name,
            quality=self.quality,
            span=span,
            options=self.options,
        )


class _Problem:
    """The residual function of a fit."""

    def __init__(
        self,
        observables: Sequence[Observable],
        ephemeris: Ephemeris,
        epoch: float,
        center: str,
        times: Sequence[FreeTime],
        rolls: Sequence[FreeRoll],
        options: ForceOptions,
        name: str,
    ) -> None:
        self.observables, self.ephemeris, self.epoch, self.center = observables, ephemeris, epoch, center
        self.times, self.rolls, self.options, self.name = times, rolls, options, name
        self.fixed = {t: ephemeris.et(t) for t in {o.at for o in observables} - {t.name for t in times}}
        known = {roll.name for roll in rolls}
        for observable in observables:
            roll = getattr(observable, "roll", None)
            if roll is not None and roll not in known:
                raise InputError(
                    f"{name}: {observable.type} names the roll {roll!r}, which is not among the free rolls"
                )
        ets = [epoch, *self.fixed.values()]
        for time in times:
            ets += [time.et - 5.0 * time.sigma_s - DAY_S, time.et + 5.0 * time.sigma_s + DAY_S]
        self.span = min(ets) - 60.0, max(ets) + 60.0

    def propagated(self, state: Floats) -> PropagatedTrajectory:
        return PropagatedTrajectory(
            self.ephemeris,
            self.epoch,
            state,
            self.center,
            name=self.name,
            span=self.span,
            options=self.options,
            rtol=FIT_RTOL,
            stop_at_surface=False,
        )

    def unpack(self, x: Floats) -> tuple[Floats, dict[str, float], dict[str, float]]:
        n = len(self.times)
        times = dict(self.fixed)
        for i, time in enumerate(self.times):
            times[time.name] = time.et + float(x[6 + i])
        rolls = {roll.name: float(np.radians(x[6 + n + i])) for i, roll in enumerate(self.rolls)}
        return x[:6], times, rolls

    def views(self, x: Floats) -> list[View]:
        state, times, rolls = self.unpack(x)
        trajectory = self.propagated(state)
        out = []
        for observable in self.observables:
            et = times[observable.at]
            if not self.span[0] <= et <= self.span[1]:
                raise RefusedError(f"{self.name}: the fit drives the time {observable.at!r} to {utc_text(et)} UTC")
            seen = trajectory.state(et) + self.ephemeris.state(self.center, et, "ssb")
            out.append(View(et, seen, rolls, self.ephemeris))
        return out

    def __call__(self, x: Floats) -> Floats:
        parts = [
            observable.difference(view) / observable.sigma
            for observable, view in zip(self.observables, self.views(x), strict=True)
            if observable.used
        ]
        n = len(self.times)
        parts.append(np.array([x[6 + i] / time.sigma_s for i, time in enumerate(self.times)]))
        parts.append(np.array([(x[6 + n + i] - r.angle_deg) / r.sigma_deg for i, r in enumerate(self.rolls)]))
        return np.concatenate(parts)


def reconstruct(
    observables: Sequence[Observable],
    ephemeris: Ephemeris,
    epoch: float,
    guess: ArrayLike,
    center: str = "earth",
    *,
    name: str = "reconstruction",
    times: Sequence[FreeTime] = (),
    rolls: Sequence[FreeRoll] = (),
    options: ForceOptions | None = None,
    quality: Quality = "reconstructed",
    max_steps: int = 200,
) -> Reconstruction:
    """Solve for a state at ``epoch`` that agrees with published facts.

    Gauss-Newton with a trust region (scipy's ``least_squares``) from ``guess``: the nearest solution, not all of them.

    Args:
        observables: the facts; ``at`` is a UTC date or the name of one of ``times``.
        epoch: TDB seconds past J2000.
        guess: (6,) km and km/s about ``center``, J2000.
        times: free times with their priors; ``rolls`` likewise.
        options: forces of the propagation.
        quality: how the result is to be called.

    Raises:
        InputError: fewer facts than unknowns, an unknown name, a guess that is not finite.
        RefusedError: the facts leave a direction free, or the fit does not converge; the text says which.
    """
    from scipy.optimize import least_squares

    start = np.concatenate([check_state(guess, name), np.zeros(len(times)), [roll.angle_deg for roll in rolls]])
    scale = _scales(start, times, rolls)
    problem = _Problem(observables, ephemeris, epoch, center, times, rolls, options or ForceOptions(), name)
    size = problem(start).size
    if size < start.size:
        raise InputError(f"{name}: {size} numbers cannot fix {start.size} unknowns; add observables or priors")

    def residuals(u: Floats) -> Floats:
        return problem(start + scale * u)

    def jacobian(u: Floats) -> Floats:
        columns = np.empty((size, u.size))
        for k in range(u.size):
            step = np.zeros(u.size)
            step[k] = _DIFFERENCE
            columns[:, k] = (residuals(u + step) - residuals(u - step)) / (2.0 * _DIFFERENCE)
        return columns

    try:
        zero = np.zeros(start.size)
        fit = least_squares(residuals, zero, jacobian, max_nfev=max_steps, xtol=1e-9, ftol=1e-7, gtol=1e-8)
    except (GeometryError, ValueError) as error:
        raise RefusedError(f"{name}: the fit fails: {error}") from None
    if fit.status <= 0:
        raise RefusedError(f"{name}: the fit does not converge in {max_steps} steps; give a better first state")
    x = start + scale * fit.x
    columns = np.linalg.norm(fit.jac, axis=0)
    singular = np.zeros(1)
    if (columns > 0.0).all():
        _, singular, vt = np.linalg.svd(fit.jac / columns, full_matrices=False)
    if singular[-1] * MAX_CONDITION <= singular[0]:
        raise RefusedError(f"{name}: the facts leave the state free in some direction; add observables or priors")
    inverse = np.outer(scale / columns, scale / columns)
    covariance = ((vt.T / singular**2) @ vt) * inverse
    sigmas = np.sqrt(np.diag(covariance))
    _, solved_times, _ = problem.unpack(x)
    n = len(times)
    return Reconstruction(
        name=name,
        epoch=epoch,
        state=x[:6].copy(),
        covariance=covariance[:6, :6],
        center=center,
        times={t.name: (solved_times[t.name], float(sigmas[6 + i])) for i, t in enumerate(times)},
        rolls={r.name: (float(x[6 + n + i]), float(sigmas[6 + n + i])) for i, r in enumerate(rolls)},
        residuals=_rows(problem, x),
        chi2=float(2.0 * fit.cost),
        dof=int(fit.fun.size - x.size),
        condition=float(singular[0] / singular[-1]),
        quality=quality,
        options=problem.options,
    )


def _scales(start: Floats, times: Sequence[FreeTime], rolls: Sequence[FreeRoll]) -> Floats:
    """Size of one unit of each unknown: a hundredth of the position and speed, the priors of times and rolls."""
    place, speed = np.linalg.norm(start[:3]), max(float(np.linalg.norm(start[3:6])), 1e-3)
    own = [time.sigma_s for time in times] + [roll.sigma_deg for roll in rolls]
    return np.concatenate([[1e-2 * place] * 3, [1e-2 * speed] * 3, own])


def _rows(problem: _Problem, x: Floats) -> tuple[Residual, ...]:
    rows = []
    for observable, view in zip(problem.observables, problem.views(x), strict=True):
        label = observable.label or f"{observable.type} {getattr(observable, 'body', '')} at {observable.at}"
        observed, computed, difference = observable.observed, observable.computed(view), observable.difference(view)
        for k in range(observed.size):
            row = float(observed[k]), float(computed[k]), float(difference[k]), observable.sigma
            rows.append(Residual(label, k, *row, observable.used, view.et))
    return tuple(rows)
