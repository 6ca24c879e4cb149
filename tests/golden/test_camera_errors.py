"""What a wrong camera file or name says: one line, the file, the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from terraluna.camera import load_camera
from terraluna.errors import CatalogueError

GOOD = """
id = "mine"
name = "My camera"
[geometry]
width_px = 640
height_px = 480
focal_px = 900.0
[detector]
gain_e_dn = 2.0
full_well_e = 9000.0
read_noise_e = 5
bits = 12
"""


def text_of(tmp_path: Path, content: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load_camera(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_a_users_file_works(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    camera = load_camera(path)
    assert (camera.id, camera.width, camera.cx, camera.cy) == ("mine", 640, 319.5, 239.5)
    assert camera.detector.saturation_dn == 4095.0
    assert camera == load_camera(str(path))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("width_px = 640\n", "", ["'geometry.width_px'", "missing"]),
        ("focal_px = 900.0", "focal_px = -1.0", ["'geometry.focal_px'", "greater than 0", "-1.0"]),
        ("focal_px = 900.0", "focal_px = nan", ["'geometry.focal_px'", "finite"]),
        ("focal_px = 900.0", "focal_length_mm = 10.0", ["'geometry'", "pixel_um"]),
        ("focal_px = 900.0", "", ["'geometry'", "focal_px"]),
        ("width_px = 640", 'width_px = "640"', ["'geometry.width_px'", "integer", "'640'"]),
        ("bits = 12", "bits = 12\nbit = 3", ["'detector.bit'", "not known"]),
        ("[detector]", '[distortion]\nmodel = "odd"\n[detector]', ["'distortion.model'", "isis-radial"]),
        ("[detector]", '[distortion]\nmodel = "onc-radial"\n[detector]', ["'distortion'", "1 to 3 coefficients"]),
        (
            "[detector]",
            '[distortion]\nmodel = "isis-radial"\ncoefficients = [0.1]\n[detector]',
            ["isis-radial", "pixel_um"],
        ),
        ("name = ", "name : ", ["not valid TOML"]),
        ("bits = 12", 'bits = 12\n[[filters]]\nname = "v"\ncentre_nm = 1\nfwhm_nm = 1\ncurve = "no"', ["'no'"]),
    ],
)
def test_wrong_files(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    assert old in GOOD
    text = text_of(tmp_path, GOOD.replace(old, new))
    for word in words:
        assert word in text


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"none\.toml: cannot be read \(No such file or directory\)"):
        load_camera(tmp_path / "none.toml")


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogueError, match="not UTF-8"):
        load_camera(path)


@pytest.mark.parametrize(("name", "near"), [("onc-w", "onc-w2"), ("EPIC", "epic"), ("longjiang2", "longjiang-2")])
def test_unknown_name_proposes_the_nearest(name: str, near: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        load_camera(name)
    text = str(caught.value)
    assert text.startswith(f"no camera {name!r}; did you mean {near}")
    assert "\n" not in text


def test_unknown_filter() -> None:
    from terraluna.errors import InputError

    with pytest.raises(InputError, match="camera 'epic' has no filter 'red'; its filters: 317"):
        load_camera("epic").filter("red")
