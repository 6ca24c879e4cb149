"""CCSDS OEM: both syntaxes there and back, frames, time systems, gaps, and faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spiceypy as spice

from terraluna.ephemeris import Ephemeris
from terraluna.errors import CoverageError, InputError, OutputError
from terraluna.trajectory import PropagatedTrajectory
from terraluna.trajectory.oem import FileFormat, OemTrajectory, write_oem

EPOCH = 502403520.0
STATE = (-1.27280723e03, -2.58666662e04, 3.20529444e04, 1.53750970, 5.19307217, -3.35965130)
INTERPOLATION_KM = 1e-5  # degree 7 at 300 s, 50,000 km and more from the Earth; 14 decimals in the file
CLOCK_KM = 2e-4  # SPICE's TDB - TT is good to 30 us, at 5 km/s

HEAD = """CCSDS_OEM_VERS = 2.0
CREATION_DATE = 2020-01-01T00:00:00
ORIGINATOR = TEST

"""
META = """META_START
OBJECT_NAME = PROBE
OBJECT_ID = 2020-001A
CENTER_NAME = {center}
REF_FRAME = {frame}
TIME_SYSTEM = {scale}
START_TIME = {start}
STOP_TIME = {stop}
{more}META_STOP

"""


@pytest.fixture(scope="module")
def probe(ephemeris: Ephemeris) -> PropagatedTrajectory:
    return PropagatedTrajectory(ephemeris, EPOCH, STATE, name="PROBE")


def _ets() -> np.ndarray:
    return EPOCH - 2 * 86400.0 + 300.0 * np.arange(300)


def _segment(
    rows: list[tuple[str, np.ndarray]], center: str = "EARTH", frame: str = "ICRF", scale: str = "UTC", more: str = ""
) -> str:
    text = META.format(center=center, frame=frame, scale=scale, start=rows[0][0], stop=rows[-1][0], more=more)
    return text + "".join(f"{time} {' '.join(f'{x:.9f}' for x in state)}\n" for time, state in rows) + "\n"


@pytest.mark.parametrize("file_format", ["kvn", "xml"])
def test_round_trip(ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path, file_format: FileFormat) -> None:
    path = write_oem(tmp_path / "probe.oem", probe, _ets(), ephemeris, file_format=file_format)
    found = OemTrajectory(path, ephemeris)
    assert (found.name, found.center) == ("PROBE", "earth")
    between = _ets()[:-1] + 137.0
    assert np.abs(found.states(between) - probe.states(between))[:, :3].max() < INTERPOLATION_KM
    again = write_oem(tmp_path / "again.oem", probe, _ets(), ephemeris, file_format=file_format)
    assert again.read_bytes() == path.read_bytes()


def test_the_other_library_agrees(ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path) -> None:
    from astropy.time import Time
    from oem import OrbitEphemerisMessage

    path = write_oem(tmp_path / "probe.oem", probe, _ets(), ephemeris)
    state = OrbitEphemerisMessage.open(str(path))(Time("2015-12-02T00:00:00", scale="tdb"))
    et = spice.str2et("2015-DEC-02 00:00:00.000 TDB")
    assert np.asarray(state.position) == pytest.approx(OemTrajectory(path, ephemeris).state(et)[:3], abs=1e-3)


@pytest.mark.parametrize("scale", ["UTC", "TT", "TAI", "TDB"])
def test_time_systems(ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path, scale: str) -> None:
    from astropy.time import Time

    ets = ephemeris.et("2015-12-02T00:00:00") + 60.0 * np.arange(10)
    # The marks come from astropy's own leap seconds and TDB - TT.
    marks = [getattr(Time(ephemeris.utc(et, 6), scale="utc", precision=6), scale.lower()).isot for et in ets]
    rows = list(zip(marks, probe.states(ets), strict=True))
    path = tmp_path / "probe.oem"
    path.write_text(HEAD + _segment(rows, scale=scale))
    assert np.abs(OemTrajectory(path, ephemeris).states(ets[1:-1]) - probe.states(ets[1:-1]))[:, :3].max() < CLOCK_KM


def test_earth_fixed_frame_is_turned(ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path) -> None:
    ets = EPOCH - 7200.0 + 60.0 * np.arange(20)
    rows = [(ephemeris.utc(et, 6), spice.sxform("J2000", "ITRF93", et) @ probe.state(et)) for et in ets]
    path = tmp_path / "probe.oem"
    path.write_text(HEAD + _segment(rows, frame="ITRF2000", more="INTERPOLATION = HERMITE\nINTERPOLATION_DEGREE = 7\n"))
    found = OemTrajectory(path, ephemeris)
    assert np.abs(found.states(ets[2:-2] + 30.0) - probe.states(ets[2:-2] + 30.0))[:, :3].max() < CLOCK_KM


def test_gap_between_segments(ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path) -> None:
    ets = EPOCH - 7200.0 + 60.0 * np.arange(30)
    rows = [(ephemeris.utc(et, 6), probe.state(et)) for et in ets]
    path = tmp_path / "probe.oem"
    path.write_text(HEAD + _segment(rows[:10]) + _segment(rows[20:]))
    found = OemTrajectory(path, ephemeris)
    assert np.isfinite(found.states([ets[5], ets[25]])).all()
    with pytest.raises(CoverageError, match="gap between segments"):
        found.state(ets[15])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"frame": "TEME"}, "REF_FRAME = TEME"),
        ({"center": "PLUTO"}, "CENTER_NAME = PLUTO"),
        ({"more": "INTERPOLATION = CHEBYSHEV\nINTERPOLATION_DEGREE = 7\n"}, "chebyshev"),
        ({"more": "NONSENSE = 1\n"}, "not a valid CCSDS OEM"),
    ],
)
def test_unsupported_values_are_named(
    ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path, change: dict[str, str], text: str
) -> None:
    rows = [(ephemeris.utc(et, 6), probe.state(et)) for et in EPOCH - 60.0 * np.arange(8, 0, -1)]
    path = tmp_path / "probe.oem"
    path.write_text(HEAD + _segment(rows, **change))
    with pytest.raises(InputError, match=f"probe.oem: .*{text}"):
        OemTrajectory(path, ephemeris)


def test_bad_files(ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        OemTrajectory(tmp_path / "none.oem", ephemeris)
    path = tmp_path / "bad.oem"
    for content in ("", "hello\n", "<?xml version='1.0'?><oem/>", HEAD + "META_START\n"):
        path.write_text(content)
        with pytest.raises(InputError, match="not a valid CCSDS OEM"):
            OemTrajectory(path, ephemeris)
    with pytest.raises(OutputError, match="exists already"):
        write_oem(path, probe, _ets(), ephemeris)
    with pytest.raises(InputError, match="kvn or xml"):
        write_oem(tmp_path / "a.oem", probe, _ets(), ephemeris, file_format="json")  # type: ignore[arg-type]
