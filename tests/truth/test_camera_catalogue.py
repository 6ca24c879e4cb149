"""The packaged cameras against instrument kernels and published values."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from terraluna.camera import camera_names, load_camera
from terraluna.camera.schema import unsourced_keys


@pytest.mark.parametrize(("name", "file"), [("voyager-1-na", "voyager1_na_isd"), ("voyager-1-wa", "voyager1_wa_isd")])
def test_voyager_is_the_model_of_ale(test_data: Path, name: str, file: str) -> None:
    isd = json.loads((test_data / "vectors" / f"{file}.json").read_text())
    camera = load_camera(name)
    focal_mm = isd["focal_length_model"]["focal_length"]
    px_mm = isd["focal2pixel_samples"][1]
    assert camera.focal_px_x == pytest.approx(focal_mm * px_mm, rel=1e-9)
    assert (camera.cx, camera.cy) == (isd["detector_center"]["sample"], isd["detector_center"]["line"])
    assert isd["optical_distortion"]["radial"]["coefficients"] == [0.0, 0.0, 0.0]
    assert camera.distortion.model == "none"
    # A point 1 mm right and 2 mm down in the focal plane, by the model's own transform.
    expected = [camera.cx + px_mm, camera.cy + 2.0 * isd["focal2pixel_lines"][2]]
    assert camera.project([1.0, 2.0, focal_mm]) == pytest.approx(expected, abs=1e-6)


# Published numbers are rounded to three digits.
IFOV_RELATIVE = 0.005


@pytest.mark.parametrize(
    ("name", "ifov_urad"),
    [
        ("voyager-1-na", 7.9),
        ("voyager-1-wa", 59.0),
        ("hirise", 1.0),
        ("mdis-wac", 179.6),
        ("mdis-nac", 25.44),
        ("epic", 0.62 * np.pi / 180 / 2048 * 1e6),
        ("onc-t", 107.3),
        ("onc-w2", 1245.21),
        ("mapcam", 67.7),
    ],
)
def test_ifov(name: str, ifov_urad: float) -> None:
    camera = load_camera(name)
    if name == "voyager-1-na":
        ifov_urad = 7.859  # 1 / (1500.19 mm x 84.8214 px/mm); the rounded 7.9 is 0.52 % off its own kernel
    assert camera.ifov_rad * 1e6 == pytest.approx(ifov_urad, rel=IFOV_RELATIVE)


@pytest.mark.parametrize(
    ("name", "fov_deg", "relative"),
    [
        ("mdis-wac", 10.54, 0.01),  # nominal; the kernel's focal length gives 10.47
        ("mdis-nac", 1.49, 0.005),
        ("epic", 0.62, 0.005),  # epic.gsfc.nasa.gov/about/epic
        ("onc-t", 6.35, 0.01),  # nominal; the kernel's focal length gives 6.29
        ("mapcam", 3.97, 0.005),
    ],
)
def test_field_of_view(name: str, fov_deg: float, relative: float) -> None:
    assert load_camera(name).field_of_view_deg == pytest.approx((fov_deg, fov_deg), rel=relative)


def test_onc_w2_nominal_field() -> None:
    """The kernel's half angle, 32.62 deg, is the one without distortion."""
    camera = load_camera("onc-w2")
    assert 2.0 * np.degrees(np.arctan(512.0 / camera.focal_px_x)) == pytest.approx(65.24, rel=IFOV_RELATIVE)


# Frame 038: Mars and beta Aquarii over 454 px. The published scale is a linear estimate, and the frame's date is not
# logged: 26.500 deg are those of 3 August 2018, and Mars moves by 0.2 deg a day there.
PAIR_RELATIVE = 0.01


def test_longjiang_star_pair() -> None:
    """Published: 26.500 deg, mean scale along y 210 arcsec/px, field 37.4 x 28.0 deg."""
    camera = load_camera("longjiang-2")
    mars, star = camera.unproject([[350.37, 14.92], [388.97, 467.08]])
    assert np.degrees(np.arccos(mars @ star)) == pytest.approx(26.5, rel=PAIR_RELATIVE)
    wide, tall = camera.field_of_view_deg
    assert (wide, tall) == pytest.approx((37.4, 28.0), rel=PAIR_RELATIVE)
    assert tall * 3600.0 / camera.height == pytest.approx(210.0, rel=PAIR_RELATIVE)


def test_longjiang_window_has_the_published_field() -> None:
    """Published for the 2x mode: 18.5 x 14 deg, and about 98 arcsec/px, which don't agree with each other (104)."""
    camera = load_camera("longjiang-2-2x")
    assert camera.field_of_view_deg == pytest.approx((18.5, 14.0), rel=0.02)
    assert camera.focal_sigma_px is not None


@pytest.mark.parametrize(("name", "separation_deg"), [("tianwen-1-nav", 3.75), ("change-5-t1-wide", 21.3)])
def test_assumed_cameras_hold_the_pair(name: str, separation_deg: float) -> None:
    assert min(load_camera(name).field_of_view_deg) > separation_deg + 1.5
    assert "geometry.focal_px" in load_camera(name).assumed


@pytest.mark.parametrize("name", camera_names())
def test_every_number_has_a_source(name: str) -> None:
    text = files("terraluna").joinpath(f"data/cameras/{name}.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    assert raw["id"] == name
    assert unsourced_keys(raw) == []


def test_colour_of_the_portraits() -> None:
    def bands(name: str) -> list[str]:
        chosen = load_camera(name).colour_filters()
        return [chosen[c].name for c in ("r", "g", "b")]  # type: ignore[index]

    assert bands("epic") == ["680", "551", "443"]
    assert bands("voyager-1-na") == ["orange", "green", "blue"]
    assert bands("hirise") == ["IR", "RED", "BG"]
    assert bands("mapcam") == ["w", "v", "b"]


@pytest.mark.parametrize(
    ("name", "band", "centre_nm"),
    [
        ("onc-t", "v", 549.0),
        ("onc-t", "b", 480.0),
        ("onc-t", "Na", 589.9),
        ("onc-t", "ul", 397.5),
        ("mapcam", "v", 550.0),
    ],
)
def test_curves_lie_at_the_published_wavelength(name: str, band: str, centre_nm: float) -> None:
    """Effective wavelength of the packaged curve against the mission's own (Hayabusa2 database; OCAMS)."""
    w, response = load_camera(name).filter(band).band()
    assert np.sum(response * w) / np.sum(response) == pytest.approx(centre_nm, abs=2.5)
    assert response.max() == pytest.approx(1.0)


# Both numbers are the calibration's: counts at reflectance 1 per exposure, see the EPIC calibration factors.
EPIC_COUNTS = {"443": 3357.0, "551": 3303.0, "680": 3548.0}
EPIC_SUN_W_M2_NM = {"443": 1.9536, "551": 1.8953, "680": 1.5031}


@pytest.mark.parametrize("band", ["443", "551", "680"])
def test_epic_counts_at_reflectance_one(band: str) -> None:
    camera = load_camera("epic")
    exposure = camera.filter(band).exposure_s
    assert exposure is not None
    electrons = camera.responsivity_e_s(band) * EPIC_SUN_W_M2_NM[band] / np.pi * exposure
    assert electrons / camera.detector.gain_e_dn == pytest.approx(EPIC_COUNTS[band], rel=1e-3)


def test_focal_length_of_a_filter() -> None:
    camera = load_camera("mapcam")
    assert camera.with_filter("x").focal_px_x == pytest.approx(125.47 / 0.0085)
    assert load_camera("epic").with_filter("443") is load_camera("epic")
