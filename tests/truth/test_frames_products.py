"""Products written in the archives' exact formats and read back: MDIS, OCAMS, EPIC, photographs, IMQ, VICAR."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import products
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.frames import Limits, camera_of, read_frame
from terraluna.frames.hdf5 import bands
from terraluna.frames.vicar import vax_real


@pytest.fixture
def scene() -> Any:
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:64, :96]
    disc = 3000.0 * (np.hypot(x - 50, y - 30) < 20)
    return np.clip(disc + rng.normal(200.0, 5.0, disc.shape), 0, 4000)


def test_mdis_image(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    data = scene.astype(np.uint16)
    products.write_mdis(tmp_path / "EN1072174528M.IMG", data)
    frame = read_frame(tmp_path / "EN1072174528M.IMG", ephemeris=ephemeris)
    np.testing.assert_array_equal(frame.data, data)
    o = frame.observation
    assert (o.instrument, o.target, o.exposure_s, o.filter) == ("mdis-nac", "mercury", 0.001, "748 BP 53")
    assert o.utc == "2015-04-24T04:42:19.666963"
    assert o.pointing is not None
    assert o.pointing.ra_deg == 166.36588
    assert o.pointing.quaternion == (-0.21372859, 0.89161116, 0.18185951, -0.35535437)
    assert o.label["INSTRUMENT_NAME"] == "MERCURY DUAL IMAGING SYSTEM NARROW ANGLE CAMERA"
    # The label's real vectors agree with DE440's Mercury, so nothing is to be said.
    assert frame.warnings == ()


@pytest.mark.parametrize(
    ("change", "keyword"),
    [
        ({"sun_x": 11803272.08016}, "SC_SUN_POSITION_VECTOR"),
        ({"solar": 66897845.7}, "SOLAR_DISTANCE"),
        ({"exposure": 500}, "EXPOSURE_DURATION"),
        ({"mean": 9999.0}, "MEAN"),
        ({"distance": 24666.3}, "TARGET_CENTER_DISTANCE"),
    ],
)
def test_mdis_contradictions_are_named(
    tmp_path: Path, scene: Any, ephemeris: Ephemeris, change: dict[str, Any], keyword: str
) -> None:
    products.write_mdis(tmp_path / "a.IMG", scene.astype(np.uint16), **change)
    warnings = read_frame(tmp_path / "a.IMG", ephemeris=ephemeris).warnings
    assert any(keyword in w.keyword for w in warnings), warnings


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
@pytest.mark.parametrize("order", ["MSB", "LSB"])
def test_pds3_sample_types(tmp_path: Path, scene: Any, ephemeris: Ephemeris, dtype: str, order: str) -> None:
    data = (scene / 20).astype(dtype)
    name = {"u": "UNSIGNED_INTEGER", "i": "INTEGER", "f": "REAL"}[dtype[0]]
    real = "IEEE_REAL" if order == "MSB" else "PC_REAL"
    kind = real if dtype[0] == "f" else f"{order}_{name}"
    stored = data.astype(f"{'>' if order == 'MSB' else '<'}{dtype}")
    products.write_mdis(tmp_path / "a.IMG", data, kind=kind)
    whole = (tmp_path / "a.IMG").read_bytes()[: 14 * 512] + stored.tobytes()
    (tmp_path / "a.IMG").write_bytes(whole)
    frame = read_frame(tmp_path / "a.IMG", ephemeris=ephemeris)
    np.testing.assert_array_equal(frame.data, data)
    assert frame.data.dtype == np.dtype(dtype)


def test_a_file_cut_short_keeps_what_is_there(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    data = scene.astype(np.uint16)
    products.write_mdis(tmp_path / "a.IMG", data)
    whole = (tmp_path / "a.IMG").read_bytes()
    (tmp_path / "a.IMG").write_bytes(whole[: 14 * 512 + 40 * 96 * 2 + 17])
    frame = read_frame(tmp_path / "a.IMG", ephemeris=ephemeris)
    np.testing.assert_array_equal(frame.data[:40], data[:40])
    assert frame.mask[40:].all()
    assert not frame.mask[:40].any()
    assert "40 of 64 rows" in frame.warnings[0].text


def test_a_damaged_keyword_loses_nothing_else(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    products.write_mdis(tmp_path / "a.IMG", scene.astype(np.uint16))
    raw = (
        (tmp_path / "a.IMG")
        .read_bytes()
        .replace(b"FILTER_NAME                  =", b'FILTER\xff\xfeNAME "       $$  ?', 1)
    )
    (tmp_path / "a.IMG").write_bytes(raw)
    o = read_frame(tmp_path / "a.IMG", ephemeris=ephemeris).observation
    assert (o.target, o.utc) == ("mercury", "2015-04-24T04:42:19.666963")


def test_ocams_frame(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    data = scene.astype(np.uint16)
    products.write_ocams(tmp_path / "a.fits", data)
    frame = read_frame(tmp_path / "a.fits", ephemeris=ephemeris)
    np.testing.assert_array_equal(frame.data, data)  # stored as int16 with BZERO 32768
    assert frame.data.dtype == np.uint16
    o = frame.observation
    assert (o.instrument, o.target, o.filter, o.exposure_s) == ("mapcam", "earth", "V", 0.02)
    assert o.utc_start == "2017-10-02T00:10:00.000"
    assert o.utc == "2017-10-02T00:10:00.010"
    np.testing.assert_array_equal(frame.upright(), data[::-1])


def test_scaled_blank_and_compressed_fits(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    from astropy.io import fits

    stored = (scene / 2).astype(np.int16)
    stored[3, 4] = -999
    hdu = fits.PrimaryHDU(stored)
    hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.5, 10.0, -999
    hdu.writeto(tmp_path / "scaled.fits")
    frame = read_frame(tmp_path / "scaled.fits", ephemeris=ephemeris)
    assert frame.mask[3, 4]
    assert frame.mask.sum() == 1
    np.testing.assert_allclose(frame.data[~frame.mask], (stored * 0.5 + 10.0)[~frame.mask])
    fits.CompImageHDU(scene.astype(np.int16), compression_type="RICE_1").writeto(tmp_path / "tiles.fits")
    np.testing.assert_array_equal(read_frame(tmp_path / "tiles.fits", ephemeris=ephemeris).data, scene.astype(np.int16))


def test_epic_l1b(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    red, blue = (scene * 2).astype(np.float32), scene.astype(np.float32)
    blue[5, 5] = np.inf
    path = tmp_path / "epic_1b_20151031003633_03.h5"
    products.write_epic(path, {"443": blue, "680": red})
    assert bands(path) == ["443", "680"]
    frame = read_frame(path, band="680", ephemeris=ephemeris)
    np.testing.assert_array_equal(frame.data, red)
    o = frame.observation
    assert (o.instrument, o.filter, o.unit, o.utc) == ("epic", "680", "DN/s", "2015-10-31T00:31:45.000")
    assert frame.warnings == ()
    first = read_frame(path, ephemeris=ephemeris)
    assert first.observation.filter == "443"
    assert first.mask[5, 5]
    with pytest.raises(InputError, match="no band 551; its bands are 443, 680"):
        read_frame(path, band="551", ephemeris=ephemeris)


def test_epic_l1a_and_a_wrong_moon(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    path = tmp_path / "epic_1a_20151031003633_03.h5"
    moon = (33466.895832, -354549.449169, 116876.96183)
    products.write_epic(path, {"551": scene.astype(np.uint16)}, geolocation=False, lunar_j2000_position=moon)
    frame = read_frame(path, ephemeris=ephemeris)
    assert frame.observation.unit == "DN"
    assert [w.keyword for w in frame.warnings] == ["lunar_j2000_position"]


def test_hdf5_links_to_other_files_are_not_followed(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    import h5py

    products.write_epic(tmp_path / "secret.h5", {"443": scene})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Band443nm"] = h5py.ExternalLink("secret.h5", "/Band443nm")
        file.create_group("Band551nm")["Image"] = h5py.SoftLink("/nowhere")
    with pytest.raises(InputError, match="no band image"):
        read_frame(tmp_path / "a.h5", ephemeris=ephemeris)
    (tmp_path / "raw.bin").write_bytes(bytes(64 * 64))
    with h5py.File(tmp_path / "b.h5", "w") as file:
        group = file.create_group("Band443nm")
        group.create_dataset("Image", shape=(64, 64), dtype="u1", external=[(str(tmp_path / "raw.bin"), 0, 4096)])
    with pytest.raises(InputError, match="another file"):
        read_frame(tmp_path / "b.h5", ephemeris=ephemeris)


PHOTO_TAGS = {271: "Canon", 272: "EOS R", 274: 1}
PHOTO_EXIF = {
    36867: "2024:02:24 22:14:05", 36881: "+09:00", 33434: (1, 50), 37386: (200, 1), 41486: 4000.0 / 0.9,
    41488: 2, 40962: 4000, 40963: 3000,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
def test_photograph(tmp_path: Path, scene: Any, ephemeris: Ephemeris, kind: str) -> None:
    data = np.repeat((scene / 16).astype(np.uint8)[..., None], 3, axis=2)
    path = tmp_path / "no_extension"
    exif = {**PHOTO_EXIF, 33434: 0.02, 37386: 200.0, 40962: 96, 40963: 64, 41486: 4000.0}
    products.write_photo(path, data, PHOTO_TAGS, exif, kind)
    frame = read_frame(path, ephemeris=ephemeris)
    if kind == "JPEG":
        assert np.abs(frame.data.astype(int) - data).mean() < 3.0  # quality 95 of a noisy picture
    else:
        np.testing.assert_array_equal(frame.data, data)
    o = frame.observation
    assert o.format == kind.lower()
    assert o.utc_start == "2024-02-24T13:14:05.000"  # nine hours east of Greenwich
    assert o.utc == "2024-02-24T13:14:05.010"
    assert frame.warnings == ()
    # 4000 px an inch: 6.35 um; 200 mm over that is 31,496 px.
    camera = camera_of(o)
    assert camera.focal_px_x == pytest.approx(200.0 / 6.35e-3, rel=1e-6)
    assert camera.field_of_view_deg[0] == pytest.approx(np.degrees(2 * np.arctan(96 * 6.35e-3 / 2 / 200.0)), rel=1e-6)
    assert camera.name == "Canon EOS R"
    assert "distortion" in camera.assumed


def test_photograph_of_a_telephone(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    data = np.repeat((scene / 16).astype(np.uint8)[..., None], 3, axis=2)
    exif = {36867: "2023:07:01 21:00:00", 37386: 5.1, 41989: 26}
    products.write_photo(tmp_path / "a.jpg", data, {271: "Maker", 274: 6}, exif)
    frame = read_frame(tmp_path / "a.jpg", ephemeris=ephemeris)
    assert frame.data.shape == (96, 64, 3)  # turned by the orientation tag
    # 26 mm on a 43.27 mm diagonal: the diagonal field is 2 atan(43.27 / 52) = 79.5 degrees.
    camera = camera_of(frame.observation)
    diagonal = 2 * np.degrees(np.arctan(np.hypot(96, 64) / 2 / camera.focal_px_x))
    assert diagonal == pytest.approx(79.5, abs=0.1)
    assert [w.keyword for w in frame.warnings] == ["DateTimeOriginal"]
    assert "time zone" in frame.warnings[0].text


def test_a_picture_without_a_focal_length_gives_no_camera(test_data: Path, ephemeris: Ephemeris) -> None:
    frame = read_frame(test_data / "published/dscovr_transit_20150716_still.jpg", ephemeris=ephemeris)
    with pytest.raises(InputError, match="no focal length"):
        camera_of(frame.observation)


def test_cameras_of_the_catalogue(test_data: Path, ephemeris: Ephemeris) -> None:
    onc = camera_of(
        read_frame(test_data / "hayabusa2/hyb2_onc_20151203_000006_w2f_l2a.fit", ephemeris=ephemeris).observation
    )
    assert onc.id == "onc-w2"
    epic = read_frame(test_data / "epic/epic_1b_20190613184124.png", ephemeris=ephemeris).observation
    assert camera_of(epic).id == "epic"
    assert epic.camera is not None
    small = camera_of(replace(epic, camera=replace(epic.camera, width=512, height=512)))
    full = camera_of(epic)
    assert small.field_of_view_deg == pytest.approx(full.field_of_view_deg, rel=1e-6)
    with pytest.raises(InputError, match="window"):
        camera_of(replace(epic, camera=replace(epic.camera, width=512, height=100)))


def test_a_jpeg_cut_short_keeps_its_top(tmp_path: Path, test_data: Path, ephemeris: Ephemeris) -> None:
    from PIL import Image

    whole = read_frame(test_data / "published/dscovr_transit_20150716_still.jpg", ephemeris=ephemeris).data
    Image.fromarray(whole).save(tmp_path / "whole.jpg", quality=90)
    raw = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(raw[: len(raw) * 2 // 3])
    frame = read_frame(tmp_path / "a.jpg", ephemeris=ephemeris)
    intact = read_frame(tmp_path / "whole.jpg", ephemeris=ephemeris)
    np.testing.assert_array_equal(frame.data[:300], intact.data[:300])
    assert frame.mask[-100:].all()
    assert not frame.mask[:300].any()
    assert "damaged" in frame.warnings[0].text


def test_imq_round_trip_with_an_independent_encoder(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    data = (scene / 16).astype(np.uint8)
    products.write_imq(tmp_path / "a.imq", data)
    frame = read_frame(tmp_path / "a.imq", ephemeris=ephemeris)
    np.testing.assert_array_equal(frame.data, data)
    assert (frame.observation.instrument, frame.observation.utc) == ("voyager-1-na", "1977-09-18T19:24:00.000")
    assert frame.warnings == ()


def test_imq_cut_short_masks_the_missing_lines(test_data: Path, tmp_path: Path, ephemeris: Ephemeris) -> None:
    raw = (test_data / "formats/c4400436.imq").read_bytes()
    (tmp_path / "a.imq").write_bytes(raw[:120_000])
    whole = read_frame(test_data / "formats/c4400436.imq", ephemeris=ephemeris)
    frame = read_frame(tmp_path / "a.imq", ephemeris=ephemeris)
    missing = np.flatnonzero(frame.mask.all(axis=1))
    assert missing[-1] == 799
    assert 300 < missing[0] < 500
    np.testing.assert_array_equal(frame.data[: missing[0] - 1], whole.data[: missing[0] - 1])
    assert [w.keyword for w in frame.warnings] == ["IMAGE", "IMAGE_HISTOGRAM"]


def test_imq_with_a_flipped_bit_is_found_by_the_histogram(
    test_data: Path, tmp_path: Path, ephemeris: Ephemeris
) -> None:
    raw = bytearray((test_data / "formats/c4400436.imq").read_bytes())
    raw[100_000] ^= 0x10
    (tmp_path / "a.imq").write_bytes(raw)
    frame = read_frame(tmp_path / "a.imq", ephemeris=ephemeris)
    assert "IMAGE_HISTOGRAM" in [w.keyword for w in frame.warnings]


def test_vicar_types_prefix_and_header(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    for kind, dtype in (("BYTE", "u1"), ("HALF", "<i2"), ("FULL", "<i4")):
        data = (scene / 20).astype(dtype)
        products.write_vicar(tmp_path / "a.vic", data, kind, prefix=200, header_lines=3)
        np.testing.assert_array_equal(read_frame(tmp_path / "a.vic", ephemeris=ephemeris).data, data)


def test_vax_real_values() -> None:
    # Examples of F_floating in the VAX Architecture Reference Manual: 1.0 is 4080 hex in the first word.
    words = np.array([0x00004080, 0x0000C080, 0x00000000, 0x00004149, 0x0FD04149], dtype="<u4")
    np.testing.assert_array_equal(vax_real(words)[:3], [1.0, -1.0, 0.0])
    assert vax_real(words)[4] == pytest.approx(3.14159, abs=1e-4)  # 4149 0FDB is pi
    assert np.isnan(vax_real(np.array([0x00008000], dtype="<u4"))[0])  # the reserved operand


def _png_bomb(path: Path, side: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    squeezer = zlib.compressobj(9)
    body = b"".join(squeezer.compress(bytes(side * 3 + 1)) for _ in range(50)) + squeezer.flush()
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def test_absurd_sizes_are_refused_by_limits_that_can_be_raised(
    tmp_path: Path, scene: Any, ephemeris: Ephemeris
) -> None:
    _png_bomb(tmp_path / "bomb.png", 60_000)
    with pytest.raises(InputError, match=r"limit of 128000000; raise Limits\.pixels"):
        read_frame(tmp_path / "bomb.png", ephemeris=ephemeris)
    products.write_mdis(tmp_path / "a.IMG", scene.astype(np.uint16), lines=10**9)
    with pytest.raises(InputError, match=r"raise Limits\.side"):
        read_frame(tmp_path / "a.IMG", ephemeris=ephemeris)
    products.write_ocams(tmp_path / "a.fits", scene.astype(np.int16))
    small = replace(Limits(), pixels=1000)
    with pytest.raises(InputError, match="limit of 1000"):
        read_frame(tmp_path / "a.fits", limits=small, ephemeris=ephemeris)
    with pytest.raises(InputError, match=r"raise Limits\.file_bytes"):
        read_frame(tmp_path / "a.fits", limits=replace(Limits(), file_bytes=10), ephemeris=ephemeris)
    assert read_frame(tmp_path / "a.fits", limits=replace(Limits(), pixels=64 * 96), ephemeris=ephemeris).data.size
    import h5py

    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_group("Band443nm").create_dataset(
            "Image", shape=(60_000, 60_000), dtype="f4", chunks=(100, 100), compression="gzip"
        )
    with pytest.raises(InputError, match=r"raise Limits\.pixels"):
        read_frame(tmp_path / "bomb.h5", ephemeris=ephemeris)


def test_labels_cannot_reach_outside_their_folder_or_define_entities(
    tmp_path: Path, test_data: Path, ephemeris: Ephemeris
) -> None:
    label = (test_data / "formats/6300r.lbl").read_bytes()
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "6300R.IMG").write_bytes((test_data / "formats/6300r.img").read_bytes())
    (inner / "a.lbl").write_bytes(label.replace(b'("6300R.IMG",14)', b'("../6300R.IMG",14)'))
    with pytest.raises(InputError, match="not beside the label"):
        read_frame(inner / "a.lbl", ephemeris=ephemeris)
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><Product_Observational>&a;</Product_Observational>'
    (inner / "a.xml").write_bytes(bomb)
    with pytest.raises(InputError, match="entities"):
        read_frame(inner / "a.xml", ephemeris=ephemeris)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello world, this is no picture", "not a picture in a known format"),
        (b"\x1f\x8b\x08\x00rest", "unpack it first"),
        (b"\x89PNG\r\n\x1a\nrest", "can't be opened"),
        (b"\x89HDF\r\n\x1a\nrest", "can't be opened"),
        (b"SIMPLE  =                    T", "no image"),
        (b"LBLSIZE=0   ", "LBLSIZE"),
        (b"PDS_VERSION_ID = PDS3\r\nEND\r\n", "no object IMAGE"),
        (b"<?xml version='1.0'?><a>", "not valid XML"),
    ],
)
def test_unusable_files_are_one_clear_line(tmp_path: Path, ephemeris: Ephemeris, content: bytes, words: str) -> None:
    (tmp_path / "a.img").write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_frame(tmp_path / "a.img", ephemeris=ephemeris)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "a.img") in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path, ephemeris: Ephemeris) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_frame(tmp_path / "nothing.fits", ephemeris=ephemeris)
    with pytest.raises(InputError, match="not a file"):
        read_frame(tmp_path, ephemeris=ephemeris)


def test_the_hdf5_library_is_stopped_when_it_takes_too_long(tmp_path: Path, scene: Any, ephemeris: Ephemeris) -> None:
    products.write_epic(tmp_path / "a.h5", {"443": scene})
    with pytest.raises(InputError, match=r"took over 1e-06 s.*raise Limits\.seconds"):
        read_frame(tmp_path / "a.h5", limits=replace(Limits(), seconds=1e-6), ephemeris=ephemeris)
