"""Published pictures of unknown scale: DSCOVR's place and Voyager 1's time, against the reconstructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.missions.catalogue import mission_folder
from terraluna.missions.dating import date_picture
from terraluna.missions.view import MissionView
from terraluna.opnav.measure import measure_file
from terraluna.opnav.navigate import NavigateOptions, navigate_files
from terraluna.opnav.navigation import ImageFix
from terraluna.opnav.scalefree import scale_free_fix
from terraluna.opnav.setting import Setting
from terraluna.trajectory.solution import kept_solution, read_facts

STILL = "dscovr_transit_20150716_still.jpg"
# The caption: north is up and to the left.
NORTH_DEG = 30.0
# Quoted with the picture: one million miles, a round number.
MILLION_MILES_KM, ROUND = 1.609e6, 0.1


def navigate(ephemeris: Ephemeris, path: Path, mission: str, **options: float) -> ImageFix:
    setting = Setting.of_mission(MissionView.open(mission, ephemeris))
    (item,) = navigate_files([path], setting, options=NavigateOptions(scale_free=True, **options)).fixes
    return item


def test_dscovr_place(ephemeris: Ephemeris, test_data: Path) -> None:
    view = MissionView.open("dscovr", ephemeris)
    item = navigate(ephemeris, test_data / "published" / STILL, "dscovr", north_deg=NORTH_DEG)
    assert item.scale is not None
    assert item.scale.found is not None
    found = item.scale.found
    assert found.ranges_km[0] == pytest.approx(MILLION_MILES_KM, rel=ROUND)
    assert found.ranges_sigma_km[0] < 0.05 * found.ranges_km[0]
    # The reconstruction uses times of the whole series too; its own covariance counts.
    truth = view.trajectory.states_about("earth", [view.portrait_et], ephemeris)[0, :3]
    facts = mission_folder().parent / "reconstructions" / "dscovr.toml"
    solution = kept_solution(facts, read_facts(facts)[1])
    assert solution is not None
    error = item.fix.position_earth_j2000_km - truth
    covariance = item.fix.covariance_km2 + solution.covariance[:3, :3]
    assert error @ np.linalg.solve(covariance, error) < chi2.ppf(0.9973, 3)
    # Across the line of sight the place is known to some thousand km, along it to 3 %.
    assert item.fix.sigma_km["in_plane"] < 1000.0
    assert item.fix.sigma_km["out_of_plane"] < 10_000.0
    assert "rotation_settled_by:north" in item.fix.evidence


def test_without_north_the_circle_is_reported(ephemeris: Ephemeris, test_data: Path) -> None:
    item = navigate(ephemeris, test_data / "published" / STILL, "dscovr")
    assert item.fix.status == "refused"
    assert item.fix.freedom is not None
    assert item.scale is not None
    assert item.scale.found is not None


def test_sigma_of_the_range_is_that_of_the_discs(ephemeris: Ephemeris, test_data: Path) -> None:
    """Errors of the discs drawn anew scatter the range by what is stated."""
    bodies = {b.name: b for b in measure_file(test_data / "published" / STILL)[0].measurement.bodies}
    et = MissionView.open("dscovr", ephemeris).portrait_et
    stated = scale_free_fix(bodies, ephemeris, et, systematic_px=0.5)  # type: ignore[arg-type]
    # By hand: r_e = d/(1 - q) with q = (R_m/R_e)(rho_e/rho_m) near the line, so sigma(r_e)/r_e = sigma(q)/(1 - q).
    earth, moon = bodies["earth"], bodies["moon"]  # type: ignore[index]
    assert moon.reasons == ("in_front_of_other",)
    q = stated.ranges_km[1] / stated.ranges_km[0]
    share = np.hypot(0.5 / moon.radius, 0.5 / earth.radius) * q / (1.0 - q)
    assert stated.ranges_sigma_km[0] / stated.ranges_km[0] == pytest.approx(share, rel=0.1)


def test_voyager_time(ephemeris: Ephemeris, test_data: Path) -> None:
    item = navigate(ephemeris, test_data / "published" / "voyager1_PIA00013.jpg", "voyager-1")
    assert item.scale is not None
    date = item.scale.date
    assert date is not None
    by_hand = date_picture(MissionView.open("voyager-1", ephemeris))
    assert abs(date.et - by_hand.et) < 3.0 * np.hypot(date.sigma_s, by_hand.sigma_s)
    # The caption's longitude is that of 22:46, its range that of 19:24: the picture decides.
    assert abs(date.et - ephemeris.et("1977-09-18T22:46:00")) < 3.0 * date.sigma_s
    assert abs(date.et - ephemeris.et("1977-09-18T19:24:00")) > 3.0 * date.sigma_s
    # Discs of 69 and 18 px can't tell how far both are: no range is given.
    assert item.fix.status == "refused"
    assert item.fix.reasons == ("scale_not_determined",)
    report = item.report()
    assert report["clock_sigma_s"] == pytest.approx(date.sigma_s)


def test_a_picture_of_something_else(ephemeris: Ephemeris, tmp_path: Path) -> None:
    from PIL import Image

    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    result = navigate_files(
        [tmp_path / "noise.png"],
        Setting(ephemeris),
        times={"noise": "2015-07-16T21:34:47"},
        options=NavigateOptions(scale_free=True),
    )
    assert (result.status, result.reasons) == ("refused", ("scale_not_determined",))
    with pytest.raises(InputError, match=r"noise\.png: its time is not known; give it with --at or --log"):
        navigate_files([tmp_path / "noise.png"], Setting(ephemeris), options=NavigateOptions(scale_free=True))
