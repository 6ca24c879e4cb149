"""Photographs and drawings of other things are no Earth and no Moon, and neither is a disc of the wrong size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import skimage
import typer
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from terraluna.cli.measure import measure
from terraluna.opnav.measure import measure_image

app = typer.Typer()
app.command()(measure)

# Pictures inside scikit-image's package: nothing is downloaded.
PICTURES = Path(skimage.__file__).parent / "data"
OTHER_THINGS = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png", "color.png",
    "horse.png", "hubble_deep_field.jpg", "ihc.png", "logo.png", "motorcycle_left.png", "motorcycle_right.png",
    "page.png", "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip


def _drawn_disc(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (640, 480), radius: int = 50) -> Path:
    drawing = Image.new("RGB", (size[0] * 4, size[1] * 4))
    x, y, r = 4 * 300, 4 * 220, 4 * radius
    ImageDraw.Draw(drawing).ellipse((x - r, y - r, x + r, y + r), fill=colour)
    drawing.resize(size, Image.Resampling.BOX).save(path)
    return path


def _measure(path: Path, *options: str) -> tuple[int, dict[str, object]]:
    result = CliRunner().invoke(app, [str(path), "--json", *options])
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize("name", OTHER_THINGS)
def test_photographs_of_other_things(name: str) -> None:
    code, report = _measure(PICTURES / name)
    assert code == 1
    assert report["status"] == "refused"
    assert report["reasons"]


def test_bare_lunar_surface() -> None:
    code, report = _measure(PICTURES / "moon.png")
    assert code == 1
    assert {"no_dark_sky_around", "too_many_sources"} & set(report["reasons"])  # type: ignore[call-overload]


def test_a_phantom_of_ellipses_is_never_trusted() -> None:
    # Shepp and Logan's head: a bright ellipse of sharp outline on black is not told from a rough crescent.
    _, report = _measure(PICTURES / "phantom.png")
    assert report["status"] != "ok"


@pytest.mark.parametrize("colour", [(220, 30, 30), (255, 165, 0), (30, 160, 40), (255, 220, 0), (180, 40, 200)])
def test_discs_of_impossible_colours(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    code, report = _measure(_drawn_disc(tmp_path / "ball.png", colour))
    assert code == 1
    assert "colour_of_neither" in report["reasons"]  # type: ignore[operator]


def test_a_disc_of_another_size_than_the_mission_saw(tmp_path: Path) -> None:
    # On that day the Moon had a radius of 172 px in this camera and the Earth one of 15: no body gives 50.
    options = ("--mission", "longjiang-2", "--at", "2019-02-03T15:06:09")
    code, report = _measure(_drawn_disc(tmp_path / "disc.png", (150, 150, 150)), *options)
    assert code == 1
    assert report["reasons"] == ["not_the_size_expected"]
    code, report = _measure(_drawn_disc(tmp_path / "moon.png", (150, 150, 150), radius=172), *options)
    assert code == 0


def test_a_disc_without_sky_around_it() -> None:
    y, x = np.mgrid[:300, :400]
    away = np.hypot(x - 200.0, y - 150.0)
    picture = 10.0 + 120.0 * np.clip(60.0 - away + 0.5, 0.0, 1.0)
    assert measure_image(picture).bodies
    # A wall behind the lower half, that leaves the disc its dark seam.
    picture[(y > 150) & (away > 66.0)] = 90.0
    found = measure_image(picture)
    assert found.status == "refused"
    assert "no_dark_sky_around" in found.reasons


def test_an_unknown_disc_is_not_ok() -> None:
    # A grainy ball between the Moon's smoothness and the clouds' contrast.
    y, x = np.mgrid[:300, :400]
    rng = np.random.default_rng(4)
    cover = np.clip(60.0 - np.hypot(x - 200.0, y - 150.0) + 0.5, 0.0, 1.0)
    found = measure_image(10.0 + cover * (120.0 + 18.0 * rng.normal(size=x.shape)))
    (body,) = found.bodies
    assert body.name == "unknown"
    assert found.status == "degraded"
    assert "unknown_body" in body.reasons
