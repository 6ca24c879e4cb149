"""CCSDS Orbit Ephemeris Messages (CCSDS 502.0-B), text (KVN) and XML, read and written through the library ``oem``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import ArrayLike

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import NAIF_IDS
from terraluna.ephemeris.segments import Floats
from terraluna.errors import InputError, OutputError
from terraluna.trajectory.base import Quality, Trajectory
from terraluna.trajectory.interpolate import Method, StateInterpolator

_INERTIAL: Final = {"EME2000", "ICRF", "GCRF", "J2000"}
"""Frames read as J2000: they differ by the frame bias, 0.02 arcsec (40 m at the Moon's distance)."""
_EARTH_FIXED: Final = {
    "ITRF-93",
    "ITRF-97",
    "ITRF93",
    "ITRF97",
    "ITRF2000",
    "ITRF-2000",
    "ITRF2005",
    "ITRF2008",
    "ITRF2014",
}
_CENTERS: Final = {
    "EARTH BARYCENTER": "emb",
    "EARTH-MOON BARYCENTER": "emb",
    "SOLAR SYSTEM BARYCENTER": "ssb",
    "MARS BARYCENTER": "mars",
}
_DEFAULT_METHOD: Final = "lagrange"
_DEFAULT_DEGREE: Final = 5
"""What is used where the file names no interpolation: the default of the library ``oem``."""

FileFormat = Literal["kvn", "xml"]


class _Segment:
    def __init__(self, start: float, stop: float, interpolator: StateInterpolator) -> None:
        self.start, self.stop, self.interpolator = start, stop, interpolator


class OemTrajectory(Trajectory):
    """The object of a CCSDS OEM, interpolated as the file says.

    Several segments are joined; a gap between them is not covered. Frames EME2000, ICRF and GCRF count as J2000;
    ITRF frames are turned sample by sample. Time systems UTC, TDB, TT and TAI.

    Args:
        path: the file; KVN or XML, plain or compressed (gzip, bzip2, xz).
        ephemeris: times and Earth rotation; needed only here.

    Raises:
        InputError: not an OEM, or a frame, centre, time system or interpolation that is not supported; names the key.
    """

    def __init__(
        self, path: str | Path, ephemeris: Ephemeris, *, name: str | None = None, quality: Quality = "navigation"
    ) -> None:
        from oem import OrbitEphemerisMessage

        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such file")
        try:
            message = OrbitEphemerisMessage.open(str(self.path))
            raw = list(message)
            if not raw:
                raise ValueError("it has no segment")
            centers = {str(segment.metadata["CENTER_NAME"]) for segment in raw}
            self.object_name = str(raw[0].metadata["OBJECT_NAME"])
            self.object_id = str(raw[0].metadata["OBJECT_ID"])
        except Exception as error:  # The library raises whatever the parser met; each is a fault of the file.
            raise InputError(f"{self.path}: is not a valid CCSDS OEM: {str(error) or type(error).__name__}") from None
        if len(centers) != 1:
            raise InputError(
                f"{self.path}: CENTER_NAME changes between segments ({', '.join(sorted(centers))}); split the file"
            )
        center = _center(self.path, centers.pop())
        self._segments = [self._read(segment, ephemeris) for segment in raw]
        span = min(s.start for s in self._segments), max(s.stop for s in self._segments)
        super().__init__(name or self.object_name, quality, center, span)

    def _read(self, segment: object, ephemeris: Ephemeris) -> _Segment:
        meta = segment.metadata  # type: ignore[attr-defined]
        rows = segment._state_data  # type: ignore[attr-defined]
        frame = str(meta["REF_FRAME"]).upper()
        # The library keeps six digits of the second: 1 us, 40 mm at 40 km/s.
        ets = np.array([_et(self.path, epoch, ephemeris) for epoch in rows[0]])
        states = np.array(rows[1:7], dtype=np.float64).T
        if frame in _EARTH_FIXED:
            states = np.array(
                [np.linalg.solve(ephemeris.state_rotation("earth", t), s) for t, s in zip(ets, states, strict=True)]
            )
        elif frame not in _INERTIAL:
            raise InputError(
                f"{self.path}: REF_FRAME = {frame} is not supported; convert it to EME2000, ICRF or ITRF2000"
            )
        method, degree = _DEFAULT_METHOD, _DEFAULT_DEGREE
        if "INTERPOLATION" in meta:
            method, degree = str(meta["INTERPOLATION"]).lower(), int(meta["INTERPOLATION_DEGREE"])
        try:
            interpolator = StateInterpolator(ets, states, cast(Method, method), degree, "samples")
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None
        start = _et(self.path, segment.useable_start_time, ephemeris)  # type: ignore[attr-defined]
        stop = _et(self.path, segment.useable_stop_time, ephemeris)  # type: ignore[attr-defined]
        return _Segment(max(start, float(ets[0])), min(stop, float(ets[-1])), interpolator)

    def _states(self, ets: Floats) -> Floats:
        out = np.empty((ets.size, 6))
        todo = np.ones(ets.size, dtype=np.bool_)
        for segment in self._segments:
            chosen = todo & (ets >= segment.start) & (ets <= segment.stop)
            if chosen.any():
                out[chosen] = segment.interpolator(ets[chosen])
                todo &= ~chosen
        if todo.any():
            raise self._coverage_error(float(ets[todo][0]), " (a gap between segments)")
        return out


def write_oem(
    path: str | Path,
    trajectory: Trajectory,
    ets: ArrayLike,
    ephemeris: Ephemeris,
    *,
    file_format: FileFormat = "kvn",
    object_id: str | None = None,
    degree: int = 7,
    originator: str = "TERRALUNA",
    created_utc: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write samples of a trajectory as an OEM: ICRF, time system TDB, Hermite interpolation.

    Times are rounded to the microsecond that the format's writer keeps, before the states are taken.

    Args:
        path: the file; it appears whole or not at all.
        trajectory: where the states come from.
        ets: (n,) increasing times of the samples, TDB seconds past J2000.
        file_format: ``kvn`` or ``xml``.
        object_id: designator, by custom YYYY-NNNP{PP}; the trajectory's name if left out.
        created_utc: creation date; the last sample's if left out, so that the same input gives the same file.

    Raises:
        OutputError: the file exists, or cannot be written.
        InputError: the times, the degree or the format can't be used.
    """
    from oem import OrbitEphemerisMessage
    from oem.components import EphemerisSegment, HeaderSection, MetaDataSection
    from oem.tools import parse_epoch

    target = Path(path)
    if file_format not in ("kvn", "xml"):
        raise InputError(f"OEM format {file_format!r}: use kvn or xml")
    if degree % 2 == 0 or degree < 1:
        raise InputError(f"degree {degree}: Hermite interpolation has an odd degree")
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already; choose another name or allow overwriting")
    times = np.asarray(ets, dtype=np.float64)
    if times.size < 2 or (np.diff(times) <= 0.0).any():
        raise InputError("an OEM needs two or more increasing times")
    texts = [_tdb_text(float(t)) for t in times]
    rounded = np.array([_et_of_tdb(text) for text in texts])
    # Rounding may pass the end of the span by under a microsecond.
    states = trajectory.states(np.clip(rounded, *trajectory.span))
    body = {number: name for name, number in NAIF_IDS.items()}[NAIF_IDS[trajectory.center]]
    header = HeaderSection(
        {
            "CCSDS_OEM_VERS": "2.0",
            "CREATION_DATE": created_utc or ephemeris.utc(float(times[-1]), 6),
            "ORIGINATOR": originator,
        }
    )
    meta = MetaDataSection(
        {
            "OBJECT_NAME": trajectory.name,
            "OBJECT_ID": object_id or trajectory.name,
            "CENTER_NAME": {"ssb": "SOLAR SYSTEM BARYCENTER", "emb": "EARTH BARYCENTER"}.get(body, body.upper()),
            "REF_FRAME": "ICRF",
            "TIME_SYSTEM": "TDB",
            "START_TIME": texts[0],
            "STOP_TIME": texts[-1],
            "INTERPOLATION": "HERMITE",
            "INTERPOLATION_DEGREE": str(degree),
        },
        version="2.0",
    )
    epochs = tuple(parse_epoch(text, meta) for text in texts)
    segment = EphemerisSegment(meta, (epochs, *(tuple(column) for column in states.T)), version="2.0")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent or ".", prefix=".oem-") as folder:
            part = Path(folder) / "part.oem"
            OrbitEphemerisMessage(header, [segment]).save_as(str(part), file_format=file_format)
            os.replace(part, target)  # noqa: PTH105 (the same call, and atomic by name)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error}") from None
    return target


def _center(path: Path, text: str) -> str:
    name = _CENTERS.get(text.upper(), text.lower())
    if name not in NAIF_IDS:
        raise InputError(f"{path}: CENTER_NAME = {text} is not a body of the ephemeris ({', '.join(NAIF_IDS)})")
    return name


def _et(path: Path, epoch: object, ephemeris: Ephemeris) -> float:
    """TDB seconds past J2000 of an astropy time, by SPICE's own leap seconds and TDB - TT."""
    scale = getattr(epoch, "scale", None)
    if scale == "utc":
        return ephemeris.et(str(epoch.isot))  # type: ignore[attr-defined]
    if scale in ("tdb", "tt", "tai"):
        import spiceypy as spice

        seconds = _et_of_tdb(str(epoch.isot))  # type: ignore[attr-defined]
        if scale == "tdb":
            return seconds
        return float(spice.unitim(seconds, {"tt": "TDT", "tai": "TAI"}[scale], "TDB"))
    raise InputError(f"{path}: TIME_SYSTEM is not one of UTC, TDB, TT, TAI; convert the file")


def _et_of_tdb(text: str) -> float:
    """Seconds past 2000-01-01T12:00:00 of a calendar date in a uniform time scale."""
    from datetime import datetime

    delta = datetime.fromisoformat(text) - datetime(2000, 1, 1, 12)
    return delta.days * 86400.0 + delta.seconds + delta.microseconds * 1e-6


def _tdb_text(et: float) -> str:
    from datetime import datetime, timedelta

    return (datetime(2000, 1, 1, 12) + timedelta(seconds=et)).isoformat(timespec="microseconds")
