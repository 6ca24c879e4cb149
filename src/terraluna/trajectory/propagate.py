"""A state vector and an epoch, carried to other times by numerical integration."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import DAY_S, EARTH_RADII_KM, MARS_RADII_KM, MOON_RADII_KM, SUN_RADIUS_KM
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError, InputError
from terraluna.trajectory.base import Quality, Trajectory, check_state, utc_text
from terraluna.trajectory.forces import BODIES, ForceOptions, Forces
from terraluna.trajectory.integrate import DENSE, FAILED, SURFACE, advance, interpolate, tableau

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


_FIRST_STEPS: Final = 128
"""Steps that the first call integrates at most; each later one takes twice as many."""


class _Arm:
    """One direction of integration from the epoch, stepped only as far as has been asked for."""

    def __init__(
        self, forces: Forces, epoch: float, state: Floats, bound: float, rtol: float, surfaces: dict[str, float]
    ) -> None:
        from scipy.integrate import DOP853

        self._epoch = epoch
        self._forces = forces
        self._surfaces = np.array([surfaces.get(body, 0.0) for body in BODIES])
        self._sign = 1.0 if bound >= epoch else -1.0
        self._bound = bound - epoch
        scale = np.array([np.linalg.norm(state[:3])] * 3 + [np.linalg.norm(state[3:])] * 3)
        self._tolerance = rtol, 1e-3 * rtol * scale
        # Time runs from the epoch, so that no digit of it is lost to the large number of seconds since 2000.
        first = DOP853(
            lambda t, y: forces.derivative(epoch + t, y), 0.0, state, self._bound, rtol=rtol, atol=self._tolerance[1]
        )
        self._clock = np.array([0.0, first.h_abs])
        self._state = np.array(state, dtype=np.float64)
        self._slopes = np.zeros((16, 6))
        self._slopes[0] = first.f
        self._tableau = tableau()
        self._times, self._states, self._dense = np.empty((0, 2)), np.empty((0, 6)), np.empty((0, DENSE, 6))
        self._ends = np.empty(0)
        self._running = True
        self.stopped_at: float | None = None
        self.stopped_by = ""

    def states(self, ets: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """States (n, 6) at times (n,) on this arm, and which (n,) lie beyond the place where it meets a surface."""
        ts = ets - self._epoch
        farthest = float(ts[np.argmax(ts * self._sign)])
        while self._running and (not self._ends.size or self._ends[-1] < farthest * self._sign):
            self._extend(farthest)
        out = np.empty((ts.size, 6))
        interpolate(self._ends, self._sign, self._times, self._states, self._dense, ts, out)
        if self.stopped_at is None:
            return out, np.zeros(ts.size, dtype=np.bool_)
        return out, ts * self._sign > (self.stopped_at - self._epoch) * self._sign

    def _extend(self, target: float) -> None:
        """Integrate on toward ``target``, as far as one set of buffers holds."""
        n = max(_FIRST_STEPS, self._ends.size)
        times, states, dense = np.empty((n, 2)), np.empty((n, 6)), np.empty((n, DENSE, 6))
        count, status, body = advance(
            self._epoch, self._clock, self._state, self._slopes, self._forces.arguments, self._tableau,
            *self._tolerance, target, self._bound, self._surfaces, times, states, dense,
        )  # fmt: skip
        self._times = np.concatenate([self._times, times[:count]])
        self._states = np.concatenate([self._states, states[:count]])
        self._dense = np.concatenate([self._dense, dense[:count]])
        self._ends = self._times.sum(axis=1) * self._sign
        if status == FAILED:
            when = utc_text(self._epoch + self._clock[0])
            raise GeometryError(f"the propagation fails at {when} UTC: the step that its tolerance needs is too small")
        if status == SURFACE:
            self._stop(BODIES[body])
        if self._clock[0] == self._bound:
            self._running = False

    def _stop(self, body: str) -> None:
        """End the arm where its last step meets the surface of ``body``."""
        from scipy.optimize import brentq

        radius = self._surfaces[BODIES.index(body)]

        def height(t: float) -> float:
            place = self._forces.positions(self._epoch + t)[body]
            out = np.empty((1, 6))
            interpolate(self._ends, self._sign, self._times, self._states, self._dense, np.array([t]), out)
            return float(np.linalg.norm(out[0, :3] - place) - radius)

        start, length = self._times[-1]
        self.stopped_at = self._epoch + (
            brentq(height, start, start + length, xtol=1e-3) if height(start) > 0.0 else start
        )
        self.stopped_by = body
        self._running = False


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
        out[ets == self.epoch] = self.epoch_state
        for arm, chosen in zip(self._arms, (ets < self.epoch, ets > self.epoch), strict=True):
            if arm is None or not chosen.any():
                continue
            found, beyond = arm.states(ets[chosen])
            if beyond.any():
                when = utc_text(arm.stopped_at) if arm.stopped_at is not None else ""
                bad = float(ets[chosen][beyond][0])
                raise self._coverage_error(bad, f": it meets the surface of {arm.stopped_by} at {when} UTC")
            out[chosen] = found
        return out
