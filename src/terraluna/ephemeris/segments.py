"""Chebyshev segments of a planetary SPK file, evaluated for many times at once.

Reads the double precision array file (DAF) by memory map, without the process-wide SPICE pool, so that no other
kernel in the process can change an answer, and without a SPICE call in any loop.
Source of the layout: NAIF "SPK Required Reading" and "DAF Required Reading", type 2 segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.errors import CoverageError, InputError

Floats = NDArray[np.float64]

_RECORD_BYTES = 1024
_DOUBLES_PER_RECORD = _RECORD_BYTES // 8


@njit(cache=True)
def chebyshev_state(records: Floats, init: float, intlen: float, et: float, out: Floats) -> None:
    """Position and velocity at one time from the records of a type 2 segment.

    Args:
        records: (n, 2 + 3 k) rows of midpoint, half length, and k coefficients for x, y and z (km).
        init: start of the first record, TDB seconds past J2000.
        intlen: length of a record, s.
        et: time, TDB seconds past J2000; the caller has checked that it is covered.
        out: (6,) receives km and km/s.
    """
    n = records.shape[0]
    i = int((et - init) / intlen)
    i = min(max(i, 0), n - 1)
    half = records[i, 1]
    s = (et - records[i, 0]) / half
    k = (records.shape[1] - 2) // 3
    for axis in range(3):
        base = 2 + axis * k
        # Clenshaw's recurrence for the value and for its derivative.
        b1 = 0.0
        b2 = 0.0
        d1 = 0.0
        d2 = 0.0
        for j in range(k - 1, 0, -1):
            d = 2.0 * b1 + 2.0 * s * d1 - d2
            b = records[i, base + j] + 2.0 * s * b1 - b2
            d2 = d1
            d1 = d
            b2 = b1
            b1 = b
        out[axis] = records[i, base] + s * b1 - b2
        out[3 + axis] = (b1 + s * d1 - d2) / half


@njit(cache=True)
def chebyshev_place(records: Floats, init: float, intlen: float, et: float, out: Floats) -> None:
    """Position alone, in half the time; arguments as :func:`chebyshev_state`, ``out`` (3,) km."""
    n = records.shape[0]
    i = int((et - init) / intlen)
    i = min(max(i, 0), n - 1)
    s = (et - records[i, 0]) / records[i, 1]
    k = (records.shape[1] - 2) // 3
    for axis in range(3):
        base = 2 + axis * k
        b1 = 0.0
        b2 = 0.0
        for j in range(k - 1, 0, -1):
            b = records[i, base + j] + 2.0 * s * b1 - b2
            b2 = b1
            b1 = b
        out[axis] = records[i, base] + s * b1 - b2


@njit(cache=True)
def _chebyshev_states(records: Floats, init: float, intlen: float, ets: Floats, out: Floats) -> None:
    for i in range(ets.shape[0]):
        chebyshev_state(records, init, intlen, ets[i], out[i])


@dataclass(frozen=True)
class Segment:
    """One type 2 segment: where ``target`` is from ``center``, in the frame J2000."""

    target: int
    center: int
    start: float
    stop: float
    init: float
    intlen: float
    records: Floats

    def states(self, ets: Floats) -> Floats:
        """States at the times ``ets`` (n,), TDB seconds past J2000: (n, 6) in km and km/s."""
        out = np.empty((ets.shape[0], 6))
        _chebyshev_states(self.records, self.init, self.intlen, ets, out)
        return out


class PlanetaryFile:
    """The segments of a planetary ephemeris (an SPK of type 2 segments in J2000), chained as needed."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            raw = np.memmap(self.path, dtype=np.uint8, mode="r")
        except (OSError, ValueError) as error:
            raise InputError(f"{self.path}: cannot be read as an ephemeris file: {error}") from error
        if bytes(raw[:7]) != b"DAF/SPK" or bytes(raw[88:96]) != b"LTL-IEEE":
            raise InputError(f"{self.path}: is not a little-endian SPK file; convert it with NAIF's bingo")
        # View, not copy: the operating system pages in the few records that are used.
        doubles = raw[: len(raw) // 8 * 8].view("<f8")
        self._segments: dict[int, Segment] = {}
        record = int(raw[76:80].view("<i4")[0])
        while record:
            base = (record - 1) * _DOUBLES_PER_RECORD
            nxt, _, count = (int(v) for v in doubles[base : base + 3])
            for s in range(count):
                summary = doubles[base + 3 + 5 * s : base + 8 + 5 * s]
                start, stop = float(summary[0]), float(summary[1])
                target, center, frame, kind, first, last = (int(v) for v in summary[2:5].view("<i4"))
                if kind != 2 or frame != 1:
                    continue
                init, intlen, size, n = (float(v) for v in doubles[last - 4 : last])
                rows = doubles[first - 1 : first - 1 + int(size) * int(n)].reshape(int(n), int(size))
                self._segments[target] = Segment(target, center, start, stop, init, intlen, np.asarray(rows))
            record = nxt
        if not self._segments:
            raise InputError(f"{self.path}: holds no type 2 segment in J2000; use a JPL planetary ephemeris")

    @property
    def span(self) -> tuple[float, float]:
        """First and last time that every segment covers, TDB seconds past J2000."""
        return max(s.start for s in self._segments.values()), min(s.stop for s in self._segments.values())

    def segment(self, target: int) -> Segment:
        """The segment that ends in ``target``; InputError if the file has none."""
        try:
            return self._segments[target]
        except KeyError:
            known = ", ".join(str(t) for t in sorted(self._segments))
            raise InputError(f"{self.path.name}: has no body {target}; it has {known}") from None

    def chain(self, target: int) -> list[Segment]:
        """Segments from ``target`` up to the solar-system barycentre."""
        out: list[Segment] = []
        while target != 0:
            out.append(self.segment(target))
            target = out[-1].center
        return out

    def states(self, target: int, ets: Floats) -> Floats:
        """States of ``target`` from the solar-system barycentre, J2000: (n, 6) in km and km/s."""
        self._check(ets)
        out = np.zeros((ets.shape[0], 6))
        for segment in self.chain(target):
            out += segment.states(ets)
        return out

    def relative_states(self, target: int, center: int, ets: Floats) -> Floats:
        """States of ``target`` from ``center``, J2000: (n, 6) in km and km/s.

        Segments that both share (the Earth-Moon barycentre, say) are left out, so that nothing is lost to the
        subtraction of two large numbers.
        """
        self._check(ets)
        up = {s.target: s for s in self.chain(target)}
        down = {s.target: s for s in self.chain(center)}
        out = np.zeros((ets.shape[0], 6))
        for key, segment in up.items():
            if key not in down:
                out += segment.states(ets)
        for key, segment in down.items():
            if key not in up:
                out -= segment.states(ets)
        return out

    def _check(self, ets: Floats) -> None:
        start, stop = self.span
        bad = ~((ets >= start) & (ets <= stop))
        if bad.any():
            et = float(ets[bad][0])
            raise CoverageError(
                self.path.name,
                et,
                (start, stop),
                f"{self.path.name}: the time {et:.3f} s past J2000 TDB is outside the span {start:.0f} to {stop:.0f} s",
            )
