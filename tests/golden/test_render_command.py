"""``terraluna render``: FITS with units and coordinates, pictures, repeatability, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from terraluna.camera.catalogue import load_camera

Call = Callable[..., tuple[int, str, str]]

SCENE = """
mission = "hayabusa2"
[simulation]
tile = [860, 480, 64, 64]
filters = ["v"]
seed = 7
"""


def test_fits_repeats_and_changes_with_the_seed(call: Call, tmp_path: Path) -> None:
    scene = tmp_path / "scene.toml"
    scene.write_text(SCENE)
    names = [tmp_path / f"{k}.fits" for k in "abc"]
    for name, seed in zip(names, ("7", "7", "8"), strict=True):
        assert call("render", str(scene), "-o", str(name), "--seed", seed)[0] == 0
    a, b, c = (name.read_bytes() for name in names)
    assert a == b
    assert a != c


def test_fits_header_and_truth(call: Call, tmp_path: Path) -> None:
    scene = tmp_path / "scene.toml"
    scene.write_text(SCENE)
    out = tmp_path / "frame.fits"
    code, _, err = call("render", str(scene), "-o", str(out), "--truth", "--quantity", "radiance")
    assert (code, err) == (0, "")
    with fits.open(out) as hdus:
        header = hdus[0].header
        assert header["BUNIT"] == "W m-2 sr-1 nm-1"
        assert header["FILTER1"] == "v"
        assert header["INSTRUME"] == "onc-t"
        names = {h.name for h in hdus}
        assert {"BODY", "MASK_EARTH", "LATITUDE", "LONGITUDE", "INCIDENCE", "EMISSION", "PHASE", "RANGE"} <= names
        assert {"RADIANCE_EARTH_V", "RADIANCE_MOON_V"} & names
        body = hdus["BODY"]
        # The Earth's centre by the file's own coordinates is where the scene says the Earth is (72.1197, -28.6684).
        x, y = WCS(body.header).world_to_pixel_values(72.119698, -28.668439)
        rows, columns = np.nonzero(hdus["MASK_EARTH"].data > 0.5)
        assert (float(x), float(y)) == pytest.approx((columns.mean(), rows.mean()), abs=0.3)


@pytest.mark.parametrize(("mission", "phase"), [("hayabusa2", None), ("tianwen-1", "103")])
def test_moon_beyond_the_measured_phases_is_flagged(
    call: Call, tmp_path: Path, mission: str, phase: str | None
) -> None:
    """Hayabusa2's Moon is seen at 51 degrees of phase, Tianwen-1's at 103: LIME's data end at 90."""
    scene = tmp_path / "scene.toml"
    scene.write_text(f'mission = "{mission}"\n[simulation]\ntile = [0, 0, 16, 16]\nstars = false\n')
    out = tmp_path / "frame.fits"
    code, text, _ = call("render", str(scene), "-o", str(out), "--json")
    assert code == 0
    notes = json.loads(text)["moon_level"]
    with fits.open(out) as hdus:
        header = hdus[0].header
        assert header["MOONLVL"] == ("measured" if phase is None else "extrapolated")
        comments = " ".join(header.get("COMMENT", []))
    assert (phase is None and not notes) or f"phase {phase}" in notes[0]
    assert phase is None or f"phase {phase}" in comments


@pytest.mark.parametrize("height_km", [8.0, 60.0])
def test_lunar_horizon_from_low_orbit(call: Call, tmp_path: Path, height_km: float) -> None:
    """Ground above, sky below: the limb leaves the frame on both sides, and 8 km is lower than the highest peaks."""
    dip = np.degrees(np.arccos(1737.4 / (1737.4 + height_km)))
    scene = tmp_path / "scene.toml"
    scene.write_text(f"""
name = "low"
camera = "longjiang-2"
quality = "reconstructed"
[observation]
utc = "2019-02-03T15:00:00"
[trajectory]
kind = "state"
center = "moon"
utc = "2019-02-03T15:00:00"
position = [{1737.4 + height_km}, 0.0, 0.0]
velocity = [0.0, 1.6, 0.0]
[pointing]
law = "radec"
ra_deg = {90.0 + dip}
dec_deg = 0.0
celestial_north_angle_deg = 270.0
""")
    out = tmp_path / "frame.png"
    assert call("render", str(scene), "-o", str(out))[0] == 0
    with Image.open(out) as image:
        light = np.asarray(image.convert("L")).astype(float)
    # The boresight looks at the horizon of the sphere, and it falls where the camera has its axis.
    axis = round(load_camera("longjiang-2").cy)
    assert light[: axis - 60].min() > 20.0
    assert light[axis + 60 :].max() < 5.0


@pytest.mark.parametrize("name", ["frame.png", "frame.jpg"])
def test_pictures_from_the_detector(call: Call, tmp_path: Path, name: str) -> None:
    scene = tmp_path / "scene.toml"
    scene.write_text(SCENE)
    out = tmp_path / name
    assert call("render", str(scene), "-o", str(out), "--detector")[0] == 0
    assert out.stat().st_size > 500


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('filters = ["v"]', 'filters = ["u"]'), "'u'"),
        (("seed = 7", "exposure_s = -1.0"), "simulation.exposure_s: Input should be greater than or equal to 0\n"),
        (("seed = 7", "exposure_s = [-1.0]"), "simulation.exposure_s.0: Input should be greater"),
        (("seed = 7", "effects = { shoot = true }"), "effects.shoot"),
        (("seed = 7", "memory_limit_gb = 0.0001"), "limit"),
        (("tile = [860, 480, 64, 64]", "tile = [860, 480, 6400, 64]"), "px"),
        (('mission = "hayabusa2"', 'mission = "hayabusa2"\n[surface]\nclouds = "none.png"'), "none.png"),
    ],
)
def test_bad_simulations_are_one_line(call: Call, tmp_path: Path, change: tuple[str, str], said: str) -> None:
    scene = tmp_path / "scene.toml"
    assert change[0] in SCENE
    scene.write_text(SCENE.replace(*change))
    out = tmp_path / "frame.fits"
    code, _, err = call("render", str(scene), "-o", str(out))
    assert code == 2
    assert err.count("\n") == 1
    assert said in err
    assert not out.exists()


def test_a_fast_scan_shortens_the_picture(call: Call, tmp_path: Path) -> None:
    """Turning 10 % faster than a pixel a line makes the Earth a tenth shorter along the scan, and no narrower."""
    sizes = []
    for factor in (1.0, 1.1):
        scene = tmp_path / f"{factor}.toml"
        scan = f"scan = {{ rate_factor = {factor}, stages = 8, line_time_s = 0.003 }}"
        scene.write_text(f'mission = "mro"\n[simulation]\nfilters = ["RED"]\nquantity = "electrons"\n{scan}\n')
        out = tmp_path / f"{factor}.fits"
        assert call("render", str(scene), "-o", str(out))[0] == 0
        with fits.open(out) as hdus:
            lit = hdus[0].data[400:] > 0.05 * hdus[0].data.max()
        sizes.append((np.count_nonzero(lit.any(axis=1)), np.count_nonzero(lit.any(axis=0))))
    half_pixel_a_side = 2.0
    assert sizes[1][0] == pytest.approx(sizes[0][0] / 1.1, abs=half_pixel_a_side)
    assert sizes[1][1] == pytest.approx(sizes[0][1], abs=half_pixel_a_side)


def test_only_a_pushbroom_scans(call: Call, tmp_path: Path) -> None:
    scene = tmp_path / "scene.toml"
    scene.write_text('mission = "hayabusa2"\n[simulation]\nscan = {}\n')
    code, _, err = call("render", str(scene), "-o", str(tmp_path / "a.fits"))
    assert code == 2
    assert "not a pushbroom" in err
