"""SPK files: reading one apart from every other kernel, and writing a trajectory as one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import spiceypy as spice
from numpy.typing import ArrayLike
from spiceypy.utils.exceptions import SpiceyError

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import NAIF_IDS
from terraluna.ephemeris.segments import Floats
from terraluna.errors import InputError, OutputError
from terraluna.trajectory.base import Quality, Trajectory

_NAMES: Final = {number: name for name, number in NAIF_IDS.items()}
_SEGMENT_NAME_LENGTH: Final = 40
WRITE_DEGREE: Final = 7
"""Degree of the Hermite polynomials of a written segment: four samples."""


class _Part:
    """One segment: its descriptor and what it says."""

    def __init__(self, descriptor: Floats) -> None:
        self.descriptor = descriptor
        times, numbers = spice.dafus(descriptor, 2, 6)
        self.start, self.stop = float(times[0]), float(times[1])
        self.target, self.center, self.frame = (int(n) for n in numbers[:3])


class SpkTrajectory(Trajectory):
    """One body of an SPK file.

    The file is opened by itself and its segments are evaluated by handle: nothing enters SPICE's pool of loaded
    kernels, so two of these, or a user's own kernels, can't disturb each other. Close it, or use ``with``.

    Args:
        path: the SPK file; any segment type that SPICE evaluates.
        ephemeris: chains a segment's centre to ``center``, and gives leap seconds for messages; must stay open.
        target: NAIF number of the spacecraft; may be left out if the file holds just one.
        center: body to measure from; the segment's own centre by default.

    Raises:
        InputError: no SPK file, no such target, or a frame that is not inertial.
        CoverageError: (from ``states``) outside the span or in a gap between segments.
    """

    def __init__(
        self,
        path: str | Path,
        ephemeris: Ephemeris,
        *,
        target: int | None = None,
        center: str | None = None,
        name: str | None = None,
        quality: Quality = "navigation",
    ) -> None:
        self.path = Path(path)
        self._ephemeris = ephemeris
        self._handle: int | None = None
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such file")
        try:
            if spice.getfat(str(self.path)) != ("DAF", "SPK"):
                raise InputError(f"{self.path}: is not an SPK file")
            self._handle = int(spice.dafopr(str(self.path)))
            parts = self._read_parts()
        except SpiceyError as error:
            self.close()
            raise InputError(f"{self.path}: cannot be read as an SPK file: {_first_line(error)}") from None
        try:
            self.target = self._choose(parts, target)
            self._parts = [part for part in parts if part.target == self.target][::-1]
            self._chain = parts[::-1]
            base = self._base_center(self._parts[0].center)
            span = min(p.start for p in self._parts), max(p.stop for p in self._parts)
            super().__init__(name or self.path.stem, quality, center or base, span)
        except InputError:
            self.close()
            raise

    def __enter__(self) -> SpkTrajectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        handle, self._handle = getattr(self, "_handle", None), None
        if handle is not None:
            spice.dafcls(handle)

    def _read_parts(self) -> list[_Part]:
        parts: list[_Part] = []
        spice.dafbfs(self._handle)
        while spice.daffna():
            parts.append(_Part(np.array(spice.dafgs(5), dtype=np.float64)))
        return parts

    def _choose(self, parts: list[_Part], target: int | None) -> int:
        targets = sorted({part.target for part in parts})
        if target is not None:
            if target not in targets:
                raise InputError(f"{self.path}: has no body {target}; it has {', '.join(map(str, targets))}")
            return target
        own = [t for t in targets if t < 0 or t > 1000] or targets
        if len(own) != 1:
            raise InputError(f"{self.path}: holds the bodies {', '.join(map(str, targets))}; say which with 'target'")
        return own[0]

    def _base_center(self, center: int) -> str:
        """The first body on the way from the target that the planetary ephemeris knows."""
        seen: set[int] = set()
        while center not in _NAMES:
            above = next((part.center for part in self._chain if part.target == center), None)
            if above is None or center in seen:
                raise InputError(f"{self.path}: states are about body {center}, which neither the file nor DE440 has")
            seen.add(center)
            center = above
        return _NAMES[center]

    def _states(self, ets: Floats) -> Floats:
        if self._handle is None:
            raise InputError(f"{self.path}: the trajectory has been closed")
        out = np.empty((ets.size, 6))
        for i, et in enumerate(ets):
            base, state = self._evaluate(self.target, float(et))
            if base != self.center:
                state = state + self._ephemeris.state(base, float(et), self.center)
            out[i] = state
        return out

    def _evaluate(self, target: int, et: float) -> tuple[str, Floats]:
        # The last segment of a file that covers the time wins, as in SPICE.
        part = next((p for p in self._chain if p.target == target and p.start <= et <= p.stop), None)
        if part is None:
            raise self._coverage_error(et, f" (a gap of body {target})")
        try:
            frame, raw, center = spice.spkpvn(self._handle, part.descriptor, et)
            state = np.asarray(raw, dtype=np.float64)
            if frame != 1:
                turn = np.asarray(spice.sxform(spice.frmnam(frame), "J2000", et))
                state = turn @ state
        except SpiceyError as error:
            raise InputError(
                f"{self.path}: the state of body {target} can't be evaluated: {_first_line(error)}"
            ) from None
        if center in _NAMES:
            return _NAMES[center], state
        base, above = self._evaluate(center, et)
        return base, state + above


def write_spk(
    path: str | Path,
    trajectory: Trajectory,
    ets: ArrayLike,
    naif_id: int,
    *,
    data_type: int = 13,
    degree: int = WRITE_DEGREE,
    overwrite: bool = False,
) -> Path:
    """Write samples of a trajectory as an SPK file of one segment, J2000 axes, about the trajectory's centre.

    Args:
        path: the file; it appears whole or not at all.
        trajectory: where the states come from.
        ets: (n,) increasing times of the samples, TDB seconds past J2000; n > degree.
        naif_id: number of the spacecraft (negative by custom).
        data_type: 13, Hermite; or 9, Lagrange.
        degree: of the polynomials; odd (SPICE wants so), at most 27 for type 13.

    Raises:
        OutputError: the file exists, or cannot be written.
        InputError: the type, the degree or the times can't be used.
    """
    target = Path(path)
    times = np.asarray(ets, dtype=np.float64)
    if data_type not in (9, 13):
        raise InputError(f"SPK type {data_type} is not written here; use 13 (Hermite) or 9 (Lagrange)")
    if degree % 2 == 0 or not 1 <= degree <= 27:
        raise InputError(f"degree {degree}: use an odd number from 1 to 27")
    needed = (degree + 1) // 2 if data_type == 13 else degree + 1
    if times.size < needed or (np.diff(times) <= 0.0).any():
        raise InputError(f"an SPK of type {data_type} and degree {degree} needs {needed} or more increasing times")
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already; choose another name or allow overwriting")
    states = trajectory.states(times)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent or ".", prefix=".spk-") as folder:
            part = Path(folder) / "part.bsp"
            _write(part, trajectory, times, states, naif_id, data_type, degree)
            os.replace(part, target)  # noqa: PTH105 (the same call, and atomic by name)
    except (OSError, SpiceyError) as error:
        raise OutputError(f"{target}: cannot be written: {_first_line(error)}") from None
    return target


def _write(
    part: Path, trajectory: Trajectory, times: Floats, states: Floats, naif_id: int, data_type: int, degree: int
) -> None:
    handle = spice.spkopn(str(part), "terraluna", 2000)
    try:
        note = [f"Trajectory: {trajectory.name}", f"Quality: {trajectory.quality}", "Written by terraluna."]
        spice.dafac(handle, [line[:80] for line in note])
        writer = spice.spkw13 if data_type == 13 else spice.spkw09
        label = trajectory.name.encode("ascii", "replace").decode("ascii")[:_SEGMENT_NAME_LENGTH]
        center = NAIF_IDS[trajectory.center]
        writer(handle, naif_id, center, "J2000", times[0], times[-1], label, degree, times.size, states, times)
    finally:
        spice.spkcls(handle)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip().strip("=- ")]
    return next(
        (line for line in lines if "SPICE" in line and "(" in line and "Toolkit" not in line),
        lines[0] if lines else "unknown",
    )
