"""Real frames of Longjiang-2: positions against the mission's orbit, clocks against the log and published offsets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from terraluna.camera.catalogue import load_camera
from terraluna.cli.navigate import navigate, read_log
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.missions.view import MissionView
from terraluna.opnav.dating import date_frames, locate_along_track
from terraluna.opnav.navigate import NavigateOptions, navigate_files
from terraluna.opnav.navigation import Navigation
from terraluna.opnav.sequential import Unknown, Unknowns
from terraluna.opnav.setting import Setting
from terraluna.trajectory.oem import OemTrajectory
from terraluna.trajectory.spk import SpkTrajectory

SERIES = (172, 173, 174, 175, 176)
# The published orbit against its own propagation with other forces: 30 km (the tolerance of the catalogue's claims).
ORBIT_SIGMA_KM = 30.0 / 3.0
# Chi-square of three degrees of freedom that is exceeded as seldom as 3 sigma (0.27 %).
THREE_SIGMA_3D = 14.16
# The clock of the eclipse frames by another way: the Moon's limb of rendered frames laid on the real one (page
# Radiometry); good to about a pixel, a second.
RENDERED_OFFSETS_S = {"226": 8.9, "229": -7.7}
RENDERED_SIGMA_S = 1.0
# The log gives whole minutes.
LOGGED_S = 60.0
JULY_SCENE = """
mission = "longjiang-2"
camera = "longjiang-2-2x"

[observation]
utc = "2019-07-02T18:57:00"

[trajectory]
kind = "state"
frame = "{frame}"
center = "{center}"
utc = "{utc}"
{state}
span_days = 10.0
"""
# D. Estevez, GMAT scripts: the state of 28 June, and a prediction for 30 June that is 300-440 km off it on 2 July.
STATES = {
    "28 June": {
        "frame": "keplerian", "center": "moon", "utc": "2019-06-28T03:00:00",
        "state": 'anomaly = "true"\nelements = [8704.163, 0.690187, 44.672, 71.711, 68.006, 176.09042928]',
    },
    "30 June": {
        "frame": "earth-fixed", "center": "earth", "utc": "2019-06-30T00:00:00",
        "state": "position = [-283961.5011, 229797.7095, 100322.074]\nvelocity = [15.871743, 19.876136, 0.365277]\n"
        'propagate_about = "moon"',
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def view(ephemeris: Ephemeris) -> MissionView:
    return MissionView.open("longjiang-2", ephemeris)


@pytest.fixture(scope="module")
def series(view: MissionView, test_data: Path) -> Navigation:
    folder = test_data / "longjiang2"
    return navigate_files(
        [folder / "ssdv" / f"img_{n}.ssdv" for n in SERIES],
        Setting.of_mission(view),
        times=read_log(folder / "frames.csv"),
        options=NavigateOptions(fitted_times=True),
    )


def test_ranges_and_directions_agree_with_the_orbit(series: Navigation, view: MissionView) -> None:
    for item in series.fixes:
        assert item.clock is not None
        et = item.frame.et + item.clock.offset_s
        orbit = view.trajectory.states_about("moon", [et], view.ephemeris)[0, :3]
        fix = item.fix.position_moon_j2000_km
        covariance = item.fix.covariance_km2 + ORBIT_SIGMA_KM**2 * np.eye(3)
        error = fix - orbit
        assert error @ np.linalg.solve(covariance, error) < THREE_SIGMA_3D, item.image
        assert item.fix.status == "ok"
        moon = next(s for s in item.frame.sights if s.body == "moon")
        assert abs(moon.range_km - np.linalg.norm(orbit)) < 3.0 * np.hypot(moon.range_sigma_km, ORBIT_SIGMA_KM)


def test_first_logged_time_is_the_wrong_one(series: Navigation) -> None:
    assert series.clock is not None
    assert series.clock.fit.rejected == (series.fixes[0].image,)
    alone = series.fixes[0].clock
    assert alone is not None
    late = alone.offset_s - series.clock.offset_s
    # The camera shot every ten minutes: 14:40 on the clock of the others.
    assert 480.0 < late < 660.0
    assert late > 10.0 * np.hypot(alone.sigma_s, series.clock.sigma_s)
    # The other four share one clock.
    offsets = [item.clock.offset_s for item in series.fixes[1:] if item.clock is not None]
    sigmas = [item.clock.sigma_s for item in series.fixes[1:] if item.clock is not None]
    for offset, sigma in zip(offsets, sigmas, strict=True):
        assert abs(offset - series.clock.offset_s) < 3.0 * sigma


def test_clock_and_along_track_error_look_the_same(series: Navigation, view: MissionView) -> None:
    frames = [item.frame for item in series.fixes[1:]]
    both = date_frames(
        frames, view.trajectory, view.ephemeris, unknowns=Unknowns(along_track=Unknown(600.0, considered=True))
    )
    # What is left of the clock's certainty is the prior of the other.
    assert 500.0 < both.sigma_s < 700.0
    ahead = locate_along_track(frames, view.trajectory, view.ephemeris)
    assert series.clock is not None
    assert ahead.offset_s == pytest.approx(series.clock.offset_s, abs=120.0)


def test_orbit_of_the_series_stays_near_the_published_one(series: Navigation, view: MissionView) -> None:
    orbit = series.orbit
    assert orbit is not None
    published = view.trajectory.states_about("moon", [orbit.epoch], view.ephemeris)[0]
    error = orbit.state - published
    scale = np.sqrt(np.diag(orbit.state_covariance))
    assert (np.abs(error) < 3.0 * scale).all()
    assert scale[:3].max() < 100.0


def _july(state: str, ephemeris: Ephemeris, test_data: Path, folder: Path) -> dict[str, tuple[float, float]]:
    """Clock offsets and sigmas of the eclipse frames by their Earth and their piece of the Moon's limb."""
    scene = folder / "july.toml"
    scene.write_text(JULY_SCENE.format(**STATES[state]), encoding="utf-8")
    result = navigate_files(
        [test_data / "longjiang2" / "ssdv" / f"img_{n}.ssdv" for n in (225, 226, 229)],
        Setting.of_mission(MissionView.open(str(scene), ephemeris)),
        times=read_log(test_data / "longjiang2" / "frames.csv"),
        options=NavigateOptions(search_s=1200.0),
    )
    out = {}
    for item in result.fixes:
        assert item.offset is not None
        assert item.clock is not None
        assert "radius_from_trajectory" in item.clock.reasons
        out[Path(item.image).stem[4:]] = item.offset
    return out


def test_july_frames_yield_their_clock(ephemeris: Ephemeris, test_data: Path, tmp_path: Path) -> None:
    offsets = _july("28 June", ephemeris, test_data, tmp_path)
    for offset, sigma in offsets.values():
        assert sigma < 3.0
        assert abs(offset) < LOGGED_S
    for number, rendered in RENDERED_OFFSETS_S.items():
        offset, sigma = offsets[number]
        assert abs(offset - rendered) < 3.0 * np.hypot(sigma, RENDERED_SIGMA_S)


def test_the_pictures_tell_which_state_is_right(ephemeris: Ephemeris, test_data: Path, tmp_path: Path) -> None:
    # The log would have to be wrong by minutes.
    offsets = _july("30 June", ephemeris, test_data, tmp_path)
    assert min(abs(offset) for offset, _ in offsets.values()) > 2.0 * LOGGED_S


def test_outputs_of_a_series(series: Navigation, ephemeris: Ephemeris, tmp_path: Path, test_data: Path) -> None:
    folder = test_data / "longjiang2"
    oem, spk = tmp_path / "series.oem", tmp_path / "series.bsp"
    names = [str(folder / "ssdv" / f"img_{n}.ssdv") for n in SERIES]
    app = typer.Typer()
    app.command()(navigate)
    outcome = CliRunner().invoke(
        app,
        [
            *names, "--mission", "longjiang-2", "--log", str(folder / "frames.csv"), "--smooth", "--json",
            "--oem", str(oem), "--spk", str(spk), "--spk-id", "-998",
        ],
        catch_exceptions=False,
    )  # fmt: skip
    assert outcome.exit_code == 0
    report = json.loads(outcome.stdout)
    orbit = report["filter"]["orbit"]
    et = ephemeris.et(orbit["epoch_utc"])
    from_oem = OemTrajectory(oem, ephemeris).states_about("moon", [et + 60.0], ephemeris)[0]
    from_spk = SpkTrajectory(spk, ephemeris).states_about("moon", [et + 60.0], ephemeris)[0]
    assert from_oem[:3] == pytest.approx(from_spk[:3], abs=0.01)
    state = np.array(orbit["state_km_km_s"])
    assert np.linalg.norm(from_oem[:3] - state[:3] - 60.0 * state[3:]) < 0.5
    assert "COVARIANCE_START" in oem.read_text(encoding="utf-8")
    # Batch and smoother meet at the last frame.
    steps = report["filter"]["sequential"]
    assert len(steps["smoothed"]) == len(steps["steps"]) == 4
    last = steps["smoothed"][-1]
    assert series.dynamics is not None
    there, _ = series.dynamics.arc(et, state, [ephemeris.et(last["utc"])])
    spread = np.sqrt(np.diag(np.array(last["covariance"])))[:3]
    assert (np.abs(there[0, :3] - np.array(last["state_km_km_s"])[:3]) < spread).all()


def test_wrong_camera_is_refused(ephemeris: Ephemeris, test_data: Path) -> None:
    """The window's lens shows half of the field: no Earth and Moon stand so near to each other."""
    name = "img_176.ssdv"
    setting = Setting(ephemeris, load_camera("longjiang-2-2x"))
    path = test_data / "longjiang2" / "ssdv" / name
    result = navigate_files([path], setting, times={name: "2019-02-03T15:07:27"})
    assert (result.status, result.reasons) == ("refused", ("discs_contradict_camera",))
    # The right one without a law or a trajectory leaves the turn about the line of both.
    result = navigate_files([path], Setting(ephemeris, load_camera("longjiang-2")), times={name: "2019-02-03T15:07:27"})
    assert result.reasons == ("free_rotation_about_earth_moon_line",)


def test_header_contradiction_is_reported(ephemeris: Ephemeris, test_data: Path) -> None:
    path = test_data / "hayabusa2" / "hyb2_onc_20151203_000006_w2f_l2a.fit"
    view = MissionView.open("hayabusa2", ephemeris)
    (item,) = navigate_files([path], Setting.of_mission(view, load_camera("onc-w2"))).fixes
    assert [s.body for s in item.frame.sights] == ["earth"]
    assert any("this is not the place of the spacecraft" in text for text in item.report()["warnings"])
    earth = item.frame.sights[0]
    truth = np.linalg.norm(view.trajectory.states_about("earth", [item.frame.et], ephemeris)[0, :3])
    # Header and trajectory agree on 202,859 km; a saturated disc of 26 px gives it to some per cent.
    assert truth == pytest.approx(202_859, rel=1e-3)
    assert earth.range_km == pytest.approx(truth, rel=0.05)  # type: ignore[union-attr]


def test_times_are_needed(view: MissionView, test_data: Path) -> None:
    with pytest.raises(
        InputError, match=r"img_173\.ssdv: its time is not known; give it with --at, or in the table of --log"
    ):
        navigate_files([test_data / "longjiang2" / "ssdv" / "img_173.ssdv"], Setting.of_mission(view))


def test_log_without_columns_is_named(tmp_path: Path) -> None:
    table = tmp_path / "log.csv"
    table.write_text("frame,when\n1,2019-02-03\n", encoding="utf-8")
    with pytest.raises(InputError, match="needs the columns image and utc; it has frame, when"):
        read_log(table)


def test_report_holds_the_contract(series: Navigation, view: MissionView) -> None:
    report = json.loads(json.dumps(series.report(view.ephemeris)))
    assert {"status", "reasons", "fixes", "filter"} <= set(report)
    keys = {
        "image", "utc", "clock_offset_s", "position_moon_j2000_km", "position_earth_j2000_km", "covariance_km2",
        "attitude_quaternion", "residuals_px", "driven_by",
    }  # fmt: skip
    for entry in report["fixes"]:
        assert keys <= set(entry)
        assert np.array(entry["covariance_km2"]).shape == (3, 3)
        assert np.linalg.norm(entry["attitude_quaternion"]) == pytest.approx(1.0)
    assert report["filter"]["clock"]["rejected"] == [series.fixes[0].image]
