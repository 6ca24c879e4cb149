"""Developed pictures: replay byte for byte, formats, metadata that others can read, options, refusals."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from terraluna.develop.demosaic import PATTERNS, demosaic
from terraluna.develop.develop import develop, develop_again
from terraluna.develop.developed import Developed
from terraluna.develop.finish import png_bytes
from terraluna.develop.options import DevelopOptions, options_from
from terraluna.develop.provenance import read_provenance
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError

FORMATS = ("png", "tif", "jpg", "fits")


@pytest.fixture(scope="module")
def packets(test_data: Path) -> Path:
    return test_data / "longjiang2" / "ssdv" / "img_176.ssdv"


@pytest.fixture(scope="module")
def made(packets: Path, ephemeris: Ephemeris) -> Developed:
    return develop(
        [packets],
        DevelopOptions(title="Frame 176", mission="longjiang-2", at="2019-02-03T15:06:05"),
        ephemeris=ephemeris,
    )


@pytest.mark.parametrize("ending", FORMATS)
def test_again_gives_the_same_bytes(made: Developed, tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    made.write(first)
    again, stored, changed = develop_again(first, [])
    again.write(second)
    assert changed == []
    assert stored.options == made.options
    assert first.read_bytes() == second.read_bytes()


def test_again_finds_a_moved_input_and_refuses_a_changed_one(
    packets: Path, tmp_path: Path, ephemeris: Ephemeris
) -> None:
    there = tmp_path / "here.ssdv"
    shutil.copy(packets, there)
    picture = tmp_path / "p.png"
    develop([there], DevelopOptions(), ephemeris=ephemeris).write(picture)
    moved = tmp_path / "other" / "name.ssdv"
    moved.parent.mkdir()
    shutil.move(there, moved)
    with pytest.raises(InputError, match="is not there"):
        develop_again(picture, [])
    again, _, _ = develop_again(picture, [moved])
    again.write(tmp_path / "q.png")
    assert (tmp_path / "q.png").read_bytes() == picture.read_bytes()
    there.write_bytes(moved.read_bytes()[:-218])
    with pytest.raises(InputError, match="has changed"):
        develop_again(picture, [])


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_pyavm_reads_the_packet(made: Developed, tmp_path: Path, ending: str) -> None:
    from pyavm import AVM

    made.write(tmp_path / f"a.{ending}")
    avm = AVM.from_image(str(tmp_path / f"a.{ending}"))
    assert avm.Title == "Frame 176"
    assert list(avm.Spectral.ColorAssignment) == ["Red", "Green", "Blue"]
    assert [round(float(v)) for v in avm.Spectral.CentralWavelength] == [600, 535, 460]
    assert sorted(avm.Subject.Name) == ["Earth", "Moon"]


def test_tiff_holds_sixteen_bits_and_the_packet(packets: Path, tmp_path: Path, ephemeris: Ephemeris) -> None:
    import tifffile

    deep = develop([packets], DevelopOptions(bits=16, caption=False, mark=False), ephemeris=ephemeris)
    deep.write(tmp_path / "a.tif")
    deep.write(tmp_path / "a.png")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        pixels = file.asarray()
        packet = file.pages[0].tags[700].value
    assert b"communicatingastronomy" in packet
    assert b"MetadataVersion>1.2<" in packet
    assert pixels.dtype == np.uint16
    assert pixels.shape == (480, 640, 3)
    np.testing.assert_array_equal(pixels, deep.picture)
    # An independent reader of 16-bit PNG: Pillow keeps the high byte of each sample.
    high = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert np.abs(high.astype(int) - (pixels >> 8)).max() <= 1


def test_fits_holds_the_linear_picture(made: Developed, tmp_path: Path) -> None:
    from astropy.io import fits

    made.write(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as file:
        file.verify("exception")
        assert file[0].header["FILTER1"] == "red"
        assert file[0].header["BUNIT"] == "radiance factor"
        np.testing.assert_array_equal(file[0].data[0][::-1], made.image[..., 0].astype(np.float32))
        assert int(file["FILLED"].data.sum()) == int(made.filled.sum()) == made.report["filled_pixels"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_is_lossless(dtype: type) -> None:
    import io

    rng = np.random.default_rng(3)
    picture = rng.integers(0, np.iinfo(dtype).max, (37, 53, 3)).astype(dtype)
    data = png_bytes(picture, {"Title": "noise"}, b"<x/>")
    image = Image.open(io.BytesIO(data))
    image.load()
    if dtype is np.uint8:
        np.testing.assert_array_equal(np.asarray(image), picture)
    assert image.size == (53, 37)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_demosaic_keeps_samples_and_ramps(pattern: str) -> None:
    rows, columns = np.mgrid[:24, :30].astype(float)
    colours = np.stack(
        [5 + 0.3 * rows + 0.1 * columns, 7 + 0.3 * rows + 0.1 * columns, 9 + 0.3 * rows + 0.1 * columns], 2
    )
    mosaic = np.empty((24, 30))
    for k, colour in enumerate(pattern):
        mosaic[k // 2 :: 2, k % 2 :: 2] = colours[k // 2 :: 2, k % 2 :: 2, "RGB".index(colour)]
    out = demosaic(mosaic, pattern)
    # The mirror at the edge bends a ramp: two pixels there are not exact.
    np.testing.assert_allclose(out[2:-2, 2:-2], colours[2:-2, 2:-2], atol=1e-12)
    for k, colour in enumerate(pattern):
        np.testing.assert_array_equal(
            out[k // 2 :: 2, k % 2 :: 2, "RGB".index(colour)], mosaic[k // 2 :: 2, k % 2 :: 2]
        )


def test_demosaic_beats_bilinear_on_a_real_picture(test_data: Path) -> None:
    from scipy.ndimage import convolve

    truth = np.asarray(Image.open(test_data / "longjiang2" / "reference" / "img_176.jpg").convert("RGB")).astype(float)
    part = truth[60:380, 200:540]
    mosaic = np.empty(part.shape[:2])
    for k, channel in enumerate((0, 1, 1, 2)):
        mosaic[k // 2 :: 2, k % 2 :: 2] = part[k // 2 :: 2, k % 2 :: 2, channel]
    ours = demosaic(mosaic, "RGGB")
    plain = np.empty_like(part)
    cross, square = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4.0, np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4.0
    for channel, at, kernel in ((0, [(0, 0)], square), (1, [(0, 1), (1, 0)], cross), (2, [(1, 1)], square)):
        seen = np.zeros_like(mosaic)
        for r, c in at:
            seen[r::2, c::2] = mosaic[r::2, c::2]
        plain[..., channel] = convolve(seen, kernel, mode="mirror")
    error = [float(np.mean((picture - part)[4:-4, 4:-4] ** 2)) for picture in (ours, plain)]
    assert error[0] < error[1]


def test_options_survive_storing_and_refuse_nonsense() -> None:
    options = DevelopOptions(stretch="asinh", white=0.4, moon_factor=3.0, crop="1,2,30,40", bits=16)
    assert options_from(options.as_dict()) == options
    for wrong in (
        {"stretch": "log"}, {"bits": 12}, {"white": -1.0}, {"moon_factor": 0.0}, {"orient": "north-up"},
        {"crop": "1,2"}, {"quality": 0}, {"target": "mars"}, {"bayer": "RGBG"}, {"deconvolve": -1},
    ):  # fmt: skip
        with pytest.raises(InputError, match="--"):
            DevelopOptions(**wrong)  # type: ignore[arg-type]


def test_bad_inputs_are_one_line(tmp_path: Path, packets: Path, ephemeris: Ephemeris) -> None:
    text = tmp_path / "a.txt"
    text.write_text("not a picture")
    for files in (
        [tmp_path / "none.fits"],
        [text],
        [packets, packets],
        [packets, packets.with_name("img_175.ssdv")],
        [],
    ):
        with pytest.raises(InputError) as caught:
            develop(files, ephemeris=ephemeris)
        assert "\n" not in str(caught.value)
    plain = tmp_path / "plain.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(plain)
    with pytest.raises(InputError, match="no provenance"):
        read_provenance(plain)
    with pytest.raises(InputError, match="JPEG holds 8 bits"):
        develop([packets], DevelopOptions(bits=16), ephemeris=ephemeris).write(tmp_path / "x.jpg")
    assert not list(tmp_path.glob("x.*"))


def test_factor_is_written_on_the_picture_even_without_caption(made: Developed, packets: Path) -> None:
    bright = develop([packets], DevelopOptions(moon_factor=2.0, caption=False, mark=False, white=1.0))
    plain = develop([packets], DevelopOptions(moon_factor=2.0, caption=True, mark=False, white=1.0))
    assert "Moon brightened x 2" in plain.description.caption
    corner = (bright.picture[-40:] != plain.picture[440:480]).any(axis=2)
    assert corner.sum() > 100
    moon = made.discs["moon"]
    assert bright.picture[int(moon.y), int(moon.x)].mean() > made.picture[int(moon.y), int(moon.x)].mean() * 0.5
