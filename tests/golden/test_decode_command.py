"""The command `decode`: what it prints, writes and returns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from terraluna.cli.decode import decode
from terraluna.errors import InputError, OutputError

CONTRACT = {
    "file",
    "image_id",
    "width",
    "height",
    "packets",
    "missing_packets",
    "duplicates",
    "bad_crc",
    "missing_mcus",
}


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(decode)
    return app


def run(app: typer.Typer, *arguments: object, stdin: bytes | None = None):  # type: ignore[no-untyped-def]
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_json_and_files(app: typer.Typer, test_data: Path, tmp_path: Path) -> None:
    file = test_data / "longjiang2/ssdv/img_219.ssdv"
    result = run(app, file, "-o", tmp_path, "--json", "--conceal", "inpaint", "--jpeg")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    (image,) = report["images"]
    assert image.keys() >= CONTRACT
    assert {k: image[k] for k in CONTRACT - {"file"}} == {
        "image_id": 219,
        "width": 640,
        "height": 480,
        "packets": 51,
        "missing_packets": 11,
        "duplicates": 0,
        "bad_crc": 0,
        "missing_mcus": 415,
    }
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"img_219{s}" for s in (".jpg", ".json", ".png", "_damage.png")
    ]
    assert json.loads((tmp_path / "img_219.json").read_text()) == image
    with Image.open(image["damage_map"]) as opened:
        damage = np.asarray(opened)
    assert np.count_nonzero(damage == 128) == image["invented_pixels"] == 415 * 128
    with Image.open(image["file"]) as opened, Image.open(image["jpeg"]) as jpeg:
        difference = np.asarray(opened) != np.asarray(jpeg.convert("RGB"))
    assert not difference[damage == 0].any()
    lost = sum(b - a + 1 for a, b in image["missing_mcu_ranges"])
    assert lost == 415


def test_lines_for_people(app: typer.Typer, test_data: Path, tmp_path: Path) -> None:
    result = run(app, test_data / "longjiang2/ssdv/img_292.ssdv", "-o", tmp_path)
    assert result.stdout == (
        f"{tmp_path}/img_292.png: image 36, 640x480, 50 packets, 1 missing, 57 of 2400 MCUs missing\n"
    )


def test_refused_input_exits_1_with_one_line(app: typer.Typer, test_data: Path, tmp_path: Path) -> None:
    result = run(app, test_data / "ssdv-standard/ssdv4j/dslwp.bin", "-o", tmp_path, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["images"] == []
    assert result.stderr.count("\n") == 1
    assert "dslwp.bin: refused, the CRC of all 69 packets" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_input_is_named(app: typer.Typer, test_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.ssdv: cannot be read"):
        run(app, tmp_path / "gone.ssdv")
    with pytest.raises(InputError, match="name it once"):
        run(app, "-", "-", stdin=b"")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        run(app, test_data / "longjiang2/ssdv/img_292.ssdv", "-o", tmp_path / "file")


def test_standard_input(app: typer.Typer, test_data: Path, tmp_path: Path) -> None:
    data = (test_data / "longjiang2/ssdv/img_038.ssdv").read_bytes()
    result = run(app, "-", "-o", tmp_path, "--json", stdin=data)
    (image,) = json.loads(result.stdout)["images"]
    assert image["file"] == f"{tmp_path}/image_038.png"
    assert image["sources"] == ["-"]


def test_follow_updates_and_ends(app: typer.Typer, test_data: Path, tmp_path: Path) -> None:
    file = test_data / "longjiang2/ssdv/img_038.ssdv"
    result = run(app, file, "-o", tmp_path, "--follow", "--idle", "0.2", "--json")
    (image,) = json.loads(result.stdout)["images"]
    assert image["missing_mcus"] == 0
    assert Path(image["file"]).name == "image_038.png"
    assert "image 38: 44 packets, 0 of 2400 MCUs missing" in result.stderr
