"""The catalogue's cameras of Longjiang-2 against their own calibration: stars, discs, the 2x window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import calibrate_longjiang2 as tool
from terraluna.camera import load_camera
from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.opnav.stars import Calibration, calibrate

# Share of its sigma by which a number of the catalogue may differ from the fit made anew: the measurement of the limbs
# is refined from time to time.
SHARE = 0.5
# The published orbit's sources say that the camera looks away from the Sun, the solar panel toward it.
ANTI_SUN_DEG = 0.5


@pytest.fixture(scope="module")
def both(ephemeris: Ephemeris, test_data: Path) -> tuple[Calibration, Calibration]:
    alone, joint = tool.full_field(test_data / "longjiang2" / "ssdv", ephemeris)
    return alone, joint


def test_catalogue_holds_the_calibration(both: tuple[Calibration, Calibration]) -> None:
    camera = load_camera("longjiang-2")
    held = {
        "focal": camera.focal_px_x, "cx": camera.cx, "cy": camera.cy, "k1": camera.distortion.coefficients[0],
    }  # fmt: skip
    for name, value in held.items():
        assert abs(value - both[1].value(name)) < SHARE * both[1].sigma(name), name
    assert camera.focal_sigma_px == pytest.approx(both[1].sigma("focal"), rel=0.1)
    assert both[1].status == "ok"


def test_stars_and_discs_agree(both: tuple[Calibration, Calibration]) -> None:
    alone, joint = both
    for name in tool.FREE:
        # The joint fit contains the stars: its change from them is smaller than their own sigma.
        assert abs(joint.value(name) - alone.value(name)) < alone.sigma(name)
    # What the stars found fits the discs to their errors.
    assert joint.chi_square - alone.chi_square < 2.0 * (joint.degrees - alone.degrees)
    discs = np.concatenate([r for r in joint.disc_residual_px if len(r)])
    assert np.abs(discs).max() < 2.0 * tool.DISC_SIGMA_PX


def test_the_axis_is_off_the_middle(
    both: tuple[Calibration, Calibration], ephemeris: Ephemeris, test_data: Path
) -> None:
    """With the axis in the middle the stars misfit; where it is, the camera looks away from the Sun as it should."""
    camera = tool.pinhole(load_camera("longjiang-2"))
    folder = test_data / "longjiang2" / "ssdv"
    stars = tool.star_frames(folder, camera, ephemeris)
    centred = calibrate(camera, stars, ("focal", "k1"), systematic_px=tool.STAR_SIGMA_PX)
    assert centred.chi_square > both[0].chi_square + 25.0
    view = MissionView.open("longjiang-2", ephemeris)
    joint = both[1]
    attitudes = joint.attitudes[len(tool.STARS) :]
    for utc, attitude in zip(tool.SERIES.values(), attitudes, strict=True):
        et = ephemeris.et(utc) + tool.FIRST_CLOCK_S + joint.value("clock")
        away = attitude @ -view.scene(et).sun.vector_km
        assert np.degrees(np.arctan2(np.hypot(away[0], away[1]), away[2])) < ANTI_SUN_DEG


def test_the_window_is_the_same_lens(ephemeris: Ephemeris, test_data: Path) -> None:
    full, held = load_camera("longjiang-2"), load_camera("longjiang-2-2x")
    found = tool.window(test_data / "longjiang2" / "ssdv", full, ephemeris)
    assert abs(held.focal_px_x - found.focal_px) < SHARE * found.sigma_px
    assert held.focal_sigma_px == pytest.approx(found.sigma_px, rel=0.1)
    assert np.ptp(found.each_px) < 2.0 * found.sigma_px
    expected = tool.window_camera(full, found.scale)
    assert (held.cx, held.cy) == pytest.approx((expected.cx, expected.cy), abs=1.0)
    assert held.distortion == expected.distortion
