"""A state vector and an epoch, carried to other times by numerical integration."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import DAY_S, EARTH_RADII_KM, MARS_RADII_KM, MOON_RADII_KM, SUN_RADIUS_KM
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError, InputError
from terraluna.trajectory.base import Quality, Trajectory, check_state, utc_text
from terraluna.trajectory.forces import ForceOptions, Forces

DEFAULT_DAYS: Final = 30.0
"""Half length of the span that a propagation covers unless told otherwise, days."""

RTOL: Final = 1e-12
_SURFACES_KM: Final = {
    "earth": EARTH_RADII_KM[2],
    "moon": MOON_RADII_KM[0] - 10.0,
    "mars": MARS_RADII_KM[2],
    "sun": SUN_RADIUS_KM,
}
"""Radii below which a trajectory is in the ground (the Moon's lowest ground is 9 km below the sphere)."""


class _Arm:
    """One direction of integration from the epoch, stepped only as far as has been asked for."""

    def __init__(
        self, forces: Forces, epoch: float, state: Floats, bound: float, rtol: float, surfaces: dict[str, float]
    ) -> None:
        from scipy.integrate import DOP853

        self._epoch = epoch
        self._forces = forces
        self._surfaces = surfaces
        self._sign = 1.0 if bound >= epoch else -1.0
        scale = np.array([np.linalg.norm(state[:3])] * 3 + [np.linalg.norm(state[3:])] * 3)
        # Time runs from the epoch, so that no digit of it is lost to the large number of seconds since 2000.
        self._solver: Any = DOP853(
            lambda t, y: forces.derivative(epoch + t, y), 0.0, state, bound - epoch, rtol=rtol, atol=1e-3 * rtol * scale
        )
        self._ends: list[float] = []
        self._pieces: list[Callable[[float], Floats]] = []
        self.stopped_at: float | None = None
        self.stopped_by = ""

    def state(self, et: float) -> Floats | None:
        """State at ``et`` on this arm, or None beyond the place where the arm meets a surface."""
        t = et - self._epoch
        key = t * self._sign
        while (not self._ends or self._ends[-1] < key) and self._solver.status == "running":
            self._step()
        if self.stopped_at is not None and key > (self.stopped_at - self._epoch) * self._sign:
            return None
        i = min(bisect.bisect_left(self._ends, key), len(self._ends) - 1)
        return np.asarray(self._pieces[i](t), dtype=np.float64)

    def _step(self) -> None:
        message = self._solver.step()
        if self._solver.status == "failed":
            raise GeometryError(f"the propagation fails at {utc_text(self._epoch + self._solver.t)} UTC: {message}")
        piece = self._solver.dense_output()
        self._ends.append(self._solver.t * self._sign)
        self._pieces.append(piece)
        if not self._surfaces:
            return
        places = self._forces.positions(self._epoch + self._solver.t)
        for body, radius in self._surfaces.items():
            if np.linalg.norm(self._solver.y[:3] - places[body]) < radius:
                self._stop(piece, body, radius)
                return

    def _stop(self, piece: Any, body: str, radius: float) -> None:
        """End the arm where it meets the surface of ``body``."""
        from scipy.optimize import brentq

        def height(t: float) -> float:
            place = self._forces.positions(self._epoch + t)[body]
            return float(np.linalg.norm(piece(t)[:3] - place)) - radius

        start, stop = piece.t_old, piece.t
        self.stopped_at = self._epoch + (brentq(height, start, stop, xtol=1e-3) if height(start) > 0.0 else start)
        self.stopped_by = body
        self._solver.status = "finished"


class PropagatedTrajectory(Trajectory):
    """N-body propagation of one state, both ways from its epoch, integrated as far as it is asked.

    Dormand-Prince of order 8(5,3) with dense output. Gravity terms follow from where the spacecraft is: point masses
    always, the Earth's J2 within 1.5 million km, the Moon's field within 60,000 km; see
    :mod:`terraluna.trajectory.forces`.

    Args:
        ephemeris: open ephemeris; needed only here.
        epoch: time of the state, TDB seconds past J2000.
        state: (6,) km and km/s about ``center``, J2000 axes.
        center: body the state is about and the integration runs about.
        span: times that may be asked; 30 days to either side by default.
        options: further forces.
        rtol: relative tolerance of one step.
        stop_at_surface: whether the trajectory ends where it meets the Earth, the Moon, Mars or the Sun.

    Raises:
        InputError: the state is not finite or the epoch is outside the span.
        CoverageError: (from :meth:`states`) outside the span, or beyond the place where it meets a body's surface.
    """

    def __init__(
        self,
        ephemeris: Ephemeris,
        epoch: float,
        state: ArrayLike,
        center: str = "earth",
        *,
        name: str = "propagated",
        quality: Quality = "navigation",
        span: tuple[float, float] | None = None,
        options: ForceOptions | None = None,
        rtol: float = RTOL,
        stop_at_surface: bool = True,
    ) -> None:
        self.epoch_state = check_state(state, name)
        if not np.isfinite(epoch):
            raise InputError(f"{name}: the epoch {epoch} is not a number of seconds")
        self.epoch = float(epoch)
        half = DEFAULT_DAYS * DAY_S
        span = (self.epoch - half, self.epoch + half) if span is None else span
        super().__init__(name, quality, center, span)
        if not self.span[0] <= self.epoch <= self.span[1]:
            raise InputError(f"{name}: the epoch {utc_text(self.epoch)} UTC is outside the span asked for")
        self.options = options or ForceOptions()
        self.forces = Forces(ephemeris, center, self.span, self.options)
        surfaces = _SURFACES_KM if stop_at_surface else {}
        self._arms = [
            _Arm(self.forces, self.epoch, self.epoch_state, bound, rtol, surfaces) if bound != self.epoch else None
            for bound in self.span
        ]

    def _states(self, ets: Floats) -> Floats:
        out = np.empty((ets.size, 6))
        for i, et in enumerate(ets):
            arm = self._arms[0] if et < self.epoch else self._arms[1]
            if et == self.epoch or arm is None:
                out[i] = self.epoch_state
                continue
            state = arm.state(float(et))
            if state is None:
                when = utc_text(arm.stopped_at) if arm.stopped_at is not None else ""
                raise self._coverage_error(float(et), f": it meets the surface of {arm.stopped_by} at {when} UTC")
            out[i] = state
        return out
