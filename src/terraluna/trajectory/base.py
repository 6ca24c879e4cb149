"""The one interface that says where a spacecraft is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, get_args

import numpy as np
import spiceypy as spice
from numpy.typing import ArrayLike
from spiceypy.utils.exceptions import SpiceyError

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import NAIF_IDS
from terraluna.ephemeris.segments import Floats
from terraluna.errors import CoverageError, GeometryError, InputError

Quality = Literal["telemetry", "navigation", "ephemeris", "fitted", "reconstructed"]
"""How a trajectory is known: decoded from the spacecraft, an agency's or a kernel's orbit, the planetary ephemeris
alone, solved from published samples of an orbit, or solved from published facts (weak)."""

QUALITIES: tuple[str, ...] = get_args(Quality)


def utc_text(et: float) -> str:
    """UTC of ``et`` for a message; seconds past J2000 where SPICE has no leap seconds loaded."""
    try:
        return str(spice.et2utc(float(et), "ISOC", 0))
    except SpiceyError:
        return f"{et:.3f} s past J2000 TDB"


def check_center(center: str) -> str:
    """``center`` if it names a body of the ephemeris; InputError that lists the names if it doesn't."""
    if center not in NAIF_IDS:
        raise InputError(f"unknown center {center!r}; the bodies are {', '.join(NAIF_IDS)}")
    return center


def check_state(state: ArrayLike, what: str) -> Floats:
    """A finite state vector (6,) in km and km/s; InputError that says what is wrong with ``what``."""
    vector = np.array(state, dtype=np.float64)
    if vector.shape != (6,):
        raise InputError(f"{what}: a state has 6 numbers (km and km/s), not {vector.size}")
    if not np.isfinite(vector).all():
        raise InputError(f"{what}: the state holds a value that is not a finite number: {vector.tolist()}")
    if not vector[:3].any():
        raise InputError(f"{what}: the position is the centre itself; give the three coordinates in km")
    return vector


class Trajectory(ABC):
    """Where a spacecraft is, as a function of time.

    States are geometric, on J2000 (ICRF) axes, km and km/s, about the body :attr:`center`; times are TDB seconds past
    J2000 (``et``).

    Attributes:
        name: what it is called in messages and reports.
        quality: how it is known, see :data:`Quality`.
        center: body that the states are measured from, a name of ``NAIF_IDS``.
        span: first and last time covered.
    """

    name: str
    quality: Quality
    center: str
    span: tuple[float, float]

    def __init__(self, name: str, quality: Quality, center: str, span: tuple[float, float]) -> None:
        if quality not in QUALITIES:
            raise InputError(f"{name}: unknown quality {quality!r}; use one of {', '.join(QUALITIES)}")
        if not (np.isfinite(span[0]) and np.isfinite(span[1]) and span[0] <= span[1]):
            raise InputError(f"{name}: the span {span[0]} to {span[1]} s is not a span of time; check start and stop")
        self.name = name
        self.quality = quality
        self.center = check_center(center)
        self.span = (float(span[0]), float(span[1]))

    @abstractmethod
    def _states(self, ets: Floats) -> Floats:
        """States at checked times (n,): (n, 6)."""

    def states(self, ets: ArrayLike) -> Floats:
        """States at the times ``ets`` (n,): (n, 6) km and km/s, J2000, about :attr:`center`.

        Raises:
            CoverageError: a time is outside :attr:`span` (or in a gap of the source).
            GeometryError: a time or a resulting state is not a finite number.
        """
        times = np.atleast_1d(np.asarray(ets, dtype=np.float64))
        if times.ndim != 1:
            raise InputError(f"{self.name}: times must be one row of numbers, not an array of shape {times.shape}")
        if not np.isfinite(times).all():
            raise GeometryError(f"{self.name}: the time {times[~np.isfinite(times)][0]} is not a finite number")
        start, stop = self.span
        outside = (times < start) | (times > stop)
        if outside.any():
            raise self._coverage_error(float(times[outside][0]))
        out = self._states(times)
        if not np.isfinite(out).all():
            bad = float(times[~np.isfinite(out).all(axis=1)][0])
            raise GeometryError(f"{self.name}: the state at {utc_text(bad)} UTC is not a finite number")
        return out

    def state(self, et: float) -> Floats:
        """State at one time: (6,) km and km/s, J2000, about :attr:`center`; errors as :meth:`states`."""
        return np.asarray(self.states(np.array([et]))[0])

    def states_about(self, center: str, ets: ArrayLike, ephemeris: Ephemeris) -> Floats:
        """States as :meth:`states` gives, but about the body ``center``: (n, 6) km and km/s."""
        out = self.states(ets)
        if center != self.center:
            out = out + ephemeris.states(self.center, np.atleast_1d(np.asarray(ets, dtype=np.float64)), center)
        return out

    def _coverage_error(self, et: float, why: str = "") -> CoverageError:
        start, stop = self.span
        return CoverageError(
            self.name,
            et,
            self.span,
            f"trajectory {self.name}: {utc_text(et)} UTC is not covered{why}; it covers "
            f"{utc_text(start)} to {utc_text(stop)} UTC",
        )

    def __repr__(self) -> str:
        start, stop = self.span
        return f"<{type(self).__name__} {self.name!r} {self.quality} about {self.center}, {start:.0f}..{stop:.0f} s>"
