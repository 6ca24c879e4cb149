"""Orbits with their partial derivatives, and trajectories that are known but for a shift along the track."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import DAY_S
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError, InputError
from terraluna.trajectory.base import Trajectory, check_state
from terraluna.trajectory.forces import ForceOptions, Forces

STATE_NAMES: Final = ("x_km", "y_km", "z_km", "vx_km_s", "vy_km_s", "vz_km_s")

_GRADIENT_STEP_KM: Final = 1.0
"""Half step of the gravity gradient's central difference: at 3,000 km its relative error is 1e-7."""

_RTOL: Final = 1e-11
_MARGIN_S: Final = 2.0 * DAY_S
_DIFFERENCE_S: Final = 1.0


class Path(Protocol):
    """Where the spacecraft is for given values of its unknowns.

    Attributes:
        names: of the unknowns.
    """

    names: tuple[str, ...]

    def states(self, ets: Floats, values: Floats) -> tuple[Floats, Floats]:
        """States from the Earth (n, 6) at ``ets`` (n,), J2000 km and km/s, and derivatives (n, 6, unknowns)."""
        ...


class Dynamics:
    """Propagates a state together with its state transition matrix.

    The variational equations use the gradient of :class:`~terraluna.trajectory.forces.Forces` by central differences:
    whatever acts on the orbit acts on its partials.

    Args:
        ephemeris: open ephemeris; must stay open.
        span: times that may be asked for; two days are added to either side.
        center: body that states are about and the integration runs about.
        options: forces.
    """

    def __init__(
        self,
        ephemeris: Ephemeris,
        span: tuple[float, float],
        center: str = "earth",
        options: ForceOptions | None = None,
    ) -> None:
        self.ephemeris = ephemeris
        self.center = center
        self.options = options or ForceOptions()
        self.span = (span[0] - _MARGIN_S, span[1] + _MARGIN_S)
        self._forces = Forces(ephemeris, center, self.span, self.options)

    def rate(self, et: float, state: Floats) -> Floats:
        """Velocity and acceleration (6,) of a state about :attr:`center`."""
        return self._forces.derivative(et, state)

    def _rate(self, epoch: float, t: float, y: Floats) -> Floats:
        state = y[:6]
        out = np.empty(42)
        out[:6] = self._forces.derivative(epoch + t, state)
        gradient = np.empty((3, 3))
        for axis in range(3):
            moved = state.copy()
            moved[axis] += _GRADIENT_STEP_KM
            ahead = self._forces.derivative(epoch + t, moved)[3:]
            moved[axis] -= 2.0 * _GRADIENT_STEP_KM
            gradient[:, axis] = (ahead - self._forces.derivative(epoch + t, moved)[3:]) / (2.0 * _GRADIENT_STEP_KM)
        phi = y[6:].reshape(6, 6)
        rate = out[6:].reshape(6, 6)
        rate[:3] = phi[3:]
        rate[3:] = gradient @ phi[:3]
        return out

    def arc(self, epoch: float, state: ArrayLike, ets: ArrayLike) -> tuple[Floats, Floats]:
        """States (n, 6) about :attr:`center` at ``ets`` (n,) in any order, and transition matrices (n, 6, 6) from
        ``epoch``.

        Raises:
            InputError: a time outside the span or a state that is not finite.
            GeometryError: the integration fails.
        """
        from scipy.integrate import solve_ivp

        start = check_state(state, "state of the orbit")
        times = np.atleast_1d(np.asarray(ets, dtype=np.float64))
        if not np.isfinite(times).all() or times.min() < self.span[0] or times.max() > self.span[1]:
            raise InputError("a time of the series lies over two days outside the span of its frames; check the clock")
        states, phis = np.empty((times.size, 6)), np.empty((times.size, 6, 6))
        y0 = np.concatenate((start, np.eye(6).ravel()))
        # Partials by the velocity are seconds: their absolute tolerance follows the span.
        atol = np.full(42, 1e-9)
        atol[:3], atol[3:6] = 1e-6, 1e-9
        atol[6:] = np.broadcast_to(np.repeat([1e-7, 1e-4], 3), (6, 6)).ravel()
        for sign in (1.0, -1.0):
            chosen = np.flatnonzero(sign * (times - epoch) > 0.0) if sign < 0 else np.flatnonzero(times >= epoch)
            if not chosen.size:
                continue
            order = chosen[np.argsort(sign * times[chosen], kind="stable")]
            wanted = times[order] - epoch
            unique, back = np.unique(sign * wanted, return_inverse=True)
            end = unique[-1]
            if end == 0.0:
                states[order], phis[order] = start, np.eye(6)
                continue
            result = solve_ivp(
                lambda t, y: self._rate(epoch, t, y),
                (0.0, sign * end),
                y0,
                method="DOP853",
                t_eval=sign * unique,
                rtol=_RTOL,
                atol=atol,
            )
            if not result.success or not np.isfinite(result.y).all():
                raise GeometryError(f"the propagation of the orbit fails: {result.message}")
            states[order] = result.y[:6].T[back]
            phis[order] = result.y[6:].T.reshape(-1, 6, 6)[back]
        return states, phis


class OrbitPath:
    """An orbit whose state at an epoch is unknown; the unknowns are corrections of the nominal state.

    Args:
        dynamics: what moves it.
        epoch: TDB seconds past J2000.
        state: (6,) nominal state about the dynamics' centre.
    """

    names = STATE_NAMES

    def __init__(self, dynamics: Dynamics, epoch: float, state: ArrayLike) -> None:
        self.dynamics = dynamics
        self.epoch = float(epoch)
        self.state = check_state(state, "nominal state")

    def states(self, ets: Floats, values: Floats) -> tuple[Floats, Floats]:
        """See :class:`Path`."""
        states, partials = self.dynamics.arc(self.epoch, self.state + values, ets)
        center = self.dynamics.center
        if center != "earth":
            states = states + self.dynamics.ephemeris.states(center, ets, "earth")
        return states, partials


class KnownPath:
    """A known trajectory, early or late along its track by an unknown time where ``along_track`` is set.

    The one unknown, ``along_track_s``, is the time by which the spacecraft is ahead of the trajectory: its state about
    the trajectory's own centre at ``t`` is the trajectory's at ``t + along_track_s``.
    """

    def __init__(self, trajectory: Trajectory, ephemeris: Ephemeris, *, along_track: bool = False) -> None:
        self.trajectory = trajectory
        self.ephemeris = ephemeris
        self.names = ("along_track_s",) if along_track else ()

    def states(self, ets: Floats, values: Floats) -> tuple[Floats, Floats]:
        """See :class:`Path`; CoverageError outside the trajectory's span."""
        times = np.asarray(ets, dtype=np.float64)
        ahead = float(values[0]) if self.names else 0.0
        states = self.trajectory.states(times + ahead)
        partials = np.zeros((times.size, 6, len(self.names)))
        if self.names:
            low, high = self.trajectory.span
            first = np.clip(times + ahead - _DIFFERENCE_S, low, high)
            last = np.clip(times + ahead + _DIFFERENCE_S, low, high)
            rate = (self.trajectory.states(last) - self.trajectory.states(first)) / (last - first)[:, None]
            partials[:, :3, 0] = states[:, 3:]
            partials[:, 3:, 0] = rate[:, 3:]
        if self.trajectory.center != "earth":
            states = states + self.ephemeris.states(self.trajectory.center, times, "earth")
        return states, partials
