"""SPK files written here and read by SPICE, and read here as SPICE reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spiceypy as spice

from terraluna.ephemeris import Ephemeris
from terraluna.errors import CoverageError, InputError, OutputError
from terraluna.trajectory import PropagatedTrajectory
from terraluna.trajectory.spk import SpkTrajectory, write_spk

EPOCH = 502403520.0
STATE = (-1.27280723e03, -2.58666662e04, 3.20529444e04, 1.53750970, 5.19307217, -3.35965130)
STEP = 300.0
INTERPOLATION_KM = 1e-5  # degree 7 at 300 s, 50,000 km and more from the Earth
SAME_KM = 1e-9  # the same evaluator by another door


@pytest.fixture(scope="module")
def probe(ephemeris: Ephemeris) -> PropagatedTrajectory:
    return PropagatedTrajectory(ephemeris, EPOCH, STATE, name="probe")


def _ets() -> np.ndarray:
    return EPOCH - 2 * 86400.0 + STEP * np.arange(500)


@pytest.mark.parametrize("data_type", [13, 9])
def test_round_trip_and_spice(
    ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path, data_type: int
) -> None:
    path = write_spk(tmp_path / "probe.bsp", probe, _ets(), -937, data_type=data_type)
    between = _ets()[:-1] + 0.46 * STEP
    with SpkTrajectory(path, ephemeris) as found:
        assert (found.center, found.target, found.span) == ("earth", -937, (_ets()[0], _ets()[-1]))
        assert np.abs(found.states(between) - probe.states(between))[:, :3].max() < INTERPOLATION_KM
        spice.furnsh(str(path))
        try:
            truth = np.array([spice.spkgeo(-937, et, "J2000", 399)[0] for et in between])
        finally:
            spice.unload(str(path))
        assert np.abs(found.states(between) - truth)[:, :3].max() < SAME_KM
        about_moon = found.states_about("moon", between[:1], ephemeris)[0]
        assert about_moon == pytest.approx(truth[0] - ephemeris.state("moon", between[0]), abs=1e-6)


def test_two_files_with_one_body_do_not_disturb_each_other(
    ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path
) -> None:
    other = PropagatedTrajectory(ephemeris, EPOCH, 2.0 * np.array(STATE), name="other")
    paths = [write_spk(tmp_path / f"{t.name}.bsp", t, _ets(), -937) for t in (probe, other)]
    et = _ets()[100]
    first, second, again = (SpkTrajectory(path, ephemeris) for path in (*paths, paths[0]))
    loaded = spice.ktotal("SPK")
    before = first.state(et)
    assert np.linalg.norm(second.state(et)[:3] - other.state(et)[:3]) < INTERPOLATION_KM
    second.close()
    again.close()
    assert np.array_equal(first.state(et), before)
    assert spice.ktotal("SPK") == loaded
    first.close()
    with pytest.raises(InputError, match="closed"):
        first.state(et)


def test_gap_and_overlap(ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path) -> None:
    path = tmp_path / "gap.bsp"
    handle = spice.spkopn(str(path), "gap", 0)
    for part in (_ets()[:100], _ets()[200:300]):
        spice.spkw13(handle, -937, 399, "J2000", part[0], part[-1], "part", 7, part.size, probe.states(part), part)
    spice.spkcls(handle)
    with SpkTrajectory(path, ephemeris, name="gappy") as found:
        assert np.isfinite(found.states([_ets()[50], _ets()[250]])).all()
        with pytest.raises(CoverageError, match=r"gappy: .* gap"):
            found.state(_ets()[150])
        with pytest.raises(CoverageError, match="gappy"):
            found.state(_ets()[400])


def test_another_frame_is_turned(ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path) -> None:
    path = tmp_path / "ecliptic.bsp"
    ets = _ets()
    turned = probe.states(ets) @ np.array(spice.sxform("J2000", "ECLIPJ2000", 0.0)).T
    handle = spice.spkopn(str(path), "ecliptic", 0)
    spice.spkw13(handle, -937, 399, "ECLIPJ2000", ets[0], ets[-1], "part", 7, ets.size, turned, ets)
    spice.spkcls(handle)
    with SpkTrajectory(path, ephemeris) as found:
        assert np.abs(found.states(ets) - probe.states(ets))[:, :3].max() < INTERPOLATION_KM


def test_bad_files_and_options(ephemeris: Ephemeris, probe: PropagatedTrajectory, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        SpkTrajectory(tmp_path / "none.bsp", ephemeris)
    text = tmp_path / "text.bsp"
    text.write_text("not a kernel\n" * 200)
    with pytest.raises(InputError, match=r"text.bsp: .*SPK"):
        SpkTrajectory(text, ephemeris)
    path = write_spk(tmp_path / "probe.bsp", probe, _ets(), -937)
    with pytest.raises(InputError, match=r"no body -5; it has -937"):
        SpkTrajectory(path, ephemeris, target=-5)
    with pytest.raises(OutputError, match="exists already"):
        write_spk(path, probe, _ets(), -937)
    with pytest.raises(OutputError, match="cannot be written"):
        write_spk(tmp_path / "no" / "folder.bsp", probe, _ets(), -937)
    with pytest.raises(InputError, match="SPK type 5"):
        write_spk(tmp_path / "b.bsp", probe, _ets(), -937, data_type=5)
    with pytest.raises(InputError, match="odd"):
        write_spk(tmp_path / "b.bsp", probe, _ets(), -937, degree=6)
    with pytest.raises(InputError, match="increasing"):
        write_spk(tmp_path / "b.bsp", probe, _ets()[::-1], -937)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["probe.bsp", "text.bsp"]
