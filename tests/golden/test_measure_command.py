"""``terraluna measure``: its JSON, exit codes and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from terraluna.camera import load_camera
from terraluna.cli.measure import measure
from terraluna.errors import InputError, TerralunaError
from terraluna.opnav.measure import measure_image

app = typer.Typer()
app.command()(measure)


def _disc(path: Path, size: tuple[int, int] = (320, 240), radius: float = 40.0) -> Path:
    y, x = np.mgrid[: size[1], : size[0]]
    cover = np.clip(radius - np.hypot(x - 150.25, y - 110.5) + 0.5, 0.0, 1.0)
    Image.fromarray(np.rint(20.0 + 150.0 * cover).astype(np.uint8)).save(path)
    return path


def test_json_of_a_disc(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(_disc(tmp_path / "disc.png")), "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert set(report) == {"image", "status", "reasons", "bodies"}
    (body,) = report["bodies"]
    assert set(body) == {
        "name", "x", "y", "radius", "covariance", "limb_points", "rms_px", "arc_deg", "status", "reasons",
    }  # fmt: skip
    # A hard-edged disc, known exactly.
    assert body["x"] == pytest.approx(150.25, abs=0.02)
    assert body["y"] == pytest.approx(110.5, abs=0.02)
    assert body["radius"] == pytest.approx(40.0, abs=0.05)
    assert np.shape(body["covariance"]) == (3, 3)


def test_overlay(tmp_path: Path) -> None:
    out = tmp_path / "overlay.png"
    result = CliRunner().invoke(app, [str(_disc(tmp_path / "disc.png")), "--overlay", str(out)])
    assert result.exit_code == 0
    assert "ok" in result.stdout
    with Image.open(out) as drawn:
        assert drawn.size[0] >= 320


def test_refused_frame_exits_with_1(tmp_path: Path) -> None:
    path = tmp_path / "dark.png"
    noise = np.random.default_rng(1).normal(10.0, 2.0, (200, 300))
    Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(path)
    result = CliRunner().invoke(app, [str(path), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == "refused"


def test_bad_input(tmp_path: Path) -> None:
    for args in (["none.png"], ["a.png", "--camera", "epic", "--mission", "dscovr"], ["a.png", "--at", "2015-07-16"]):
        result = CliRunner().invoke(app, args)
        assert isinstance(result.exception, TerralunaError)
    wrong = CliRunner().invoke(app, [str(_disc(tmp_path / "disc.png")), "--camera", "epic"])
    assert isinstance(wrong.exception, InputError)
    assert "2048x2048" in str(wrong.exception)


def _texture(seed: int) -> np.ndarray:
    """A field without sky: smooth hills with grain, as of a surface or a landscape."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    hills = gaussian_filter(rng.normal(size=(300, 400)), 12.0)
    fine = gaussian_filter(rng.normal(size=(300, 400)), 2.0)
    return 120.0 + 400.0 * hills + 60.0 * fine


def test_no_disc_in_other_pictures(test_data: Path) -> None:
    surface = np.asarray(Image.open(test_data / "longjiang2/reference/img_141.jpg"))[250:470, 10:240]
    colour = np.clip(np.stack([_texture(1), _texture(2), _texture(3)], axis=2), 0, 255).astype(np.uint8)
    for picture in (surface, colour, np.zeros((100, 100)), np.full((64, 64), np.nan)):
        found = measure_image(picture)
        assert found.status == "refused"
        assert found.reasons


def test_straight_edge_is_no_disc() -> None:
    picture = np.full((200, 300), 10.0)
    picture[120:] = 150.0
    picture += np.random.default_rng(2).normal(0.0, 1.0, picture.shape)
    assert measure_image(picture).status == "refused"


def test_a_camera_may_see_a_wide_disc() -> None:
    camera = load_camera("longjiang-2")
    y, x = np.mgrid[:480, :640]
    wide = np.clip(200.0 - np.hypot(x - camera.cx, y - camera.cy) + 0.5, 0.0, 1.0) * 150.0 + 10.0
    (body,) = measure_image(wide, camera=camera).bodies
    # A circle about the axis stays one under radial distortion: its cone opens to the direction of a point on it.
    edge = camera.unproject([camera.cx + 200.0, camera.cy])
    assert body.half_angle_rad == pytest.approx(np.arccos(edge[2]), abs=2e-4)


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.zeros((20, 20, 7)), np.zeros((20, 20), complex), np.zeros(9)])
def test_not_a_picture(bad: np.ndarray) -> None:
    with pytest.raises(InputError):
        measure_image(bad)
