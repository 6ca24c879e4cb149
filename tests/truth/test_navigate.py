"""Real frames of Longjiang-2: positions against the mission's orbit, clocks against the log and published offsets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from terraluna.camera.catalogue import load_camera
from terraluna.cli.navigate import read_log
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.missions.view import MissionView
from terraluna.opnav import limb_directions
from terraluna.opnav.dating import date_by_limb, date_frames, locate_along_track
from terraluna.opnav.measure import measure_file
from terraluna.opnav.navigate import NavigateOptions, body_fix, navigate_files
from terraluna.opnav.navigation import Navigation
from terraluna.opnav.sequential import SeriesFrame, Unknown, Unknowns
from terraluna.opnav.setting import Setting
from terraluna.opnav.types import LimbPoints
from terraluna.trajectory import trajectory_from_spec

SERIES = (172, 173, 174, 175, 176)
# The published orbit against its own propagation with other forces: 30 km (the tolerance of the catalogue's claims).
ORBIT_SIGMA_KM = 30.0 / 3.0
# Chi-square of three degrees of freedom that is exceeded as seldom as 3 sigma (0.27 %).
THREE_SIGMA_3D = 14.16
# D. Estevez and T. J. Dijkema dated two series of Longjiang-2: 10.82, 12.91 and 13.15 s in one (which frames is not
# said), 77 to 120 s in the other. One frame alone tells the time to a few seconds.
PUBLISHED_OFFSETS_S = (10.82, 13.15)
# Half the pixel scale that is published for the 2x readout, 98 and 106 arcsec/px, over its mean.
SCALE_SIGMA_2X = 0.03
TERRAIN_PX = 0.5


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
    # Circle fits by hand gave 14:22:56 and 14:34:02 at an even pace of 10.8 min: 14:39 on the others' clock.
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


def _july(test_data: Path, number: int, ephemeris: Ephemeris) -> tuple[SeriesFrame, LimbPoints]:
    camera = load_camera("longjiang-2-2x")
    log = read_log(test_data / "longjiang2" / "frames.csv")
    found = measure_file(test_data / "longjiang2" / "ssdv" / f"img_{number}.ssdv", camera=camera)[0].measurement
    earth, moon = found.body("earth"), found.body("moon")
    assert earth is not None
    assert moon is not None
    frame = SeriesFrame(str(number), ephemeris.et(log[str(number)]), (body_fix(earth, camera, None, 0.3),), camera.id)
    return frame, moon.as_limb()


@pytest.mark.parametrize("number", [225, 226])
def test_july_frames_yield_the_published_clock(number: int, test_data: Path, ephemeris: Ephemeris) -> None:
    camera = load_camera("longjiang-2-2x")
    frame, limb = _july(test_data, number, ephemeris)
    # Published state of 28 June 2019, four days before.
    orbit = trajectory_from_spec(
        {
            "kind": "state", "frame": "keplerian", "center": "moon", "utc": "2019-06-28T03:00:00", "anomaly": "true",
            "elements": [8704.163, 0.690187, 44.672, 71.711, 68.006, 176.09042928], "span_days": 10.0,
        },
        ephemeris,
    )  # fmt: skip
    result = date_by_limb(
        frame, limb_directions(limb, camera), orbit, ephemeris,
        systematic_rad=TERRAIN_PX * camera.ifov_rad, scale_sigma=SCALE_SIGMA_2X, search_s=1200.0,
    )  # fmt: skip
    assert result.reasons == ("radius_from_trajectory",)
    assert result.sigma_s < 6.0
    low, high = PUBLISHED_OFFSETS_S
    assert low - 3.0 * result.sigma_s < result.offset_s < high + 3.0 * result.sigma_s


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
