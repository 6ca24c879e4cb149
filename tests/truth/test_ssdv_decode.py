"""Real packet files against the pictures that other decoders made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.fft import idctn

from terraluna.downlink import DecodeOptions, decode_files, decode_sources
from terraluna.downlink.formats import SAMPLINGS
from terraluna.downlink.jpeg import Coefficients, jpeg_pixels
from terraluna.downlink.jpegtables import ZIGZAG
from terraluna.errors import InputError, RefusedError

# Missing packet ids, from the image log (frames.csv) and, for 132 and 213, its zero-padded numbers.
LONGJIANG2 = {
    "038": [],
    "075": [],
    "076": [],
    "097": [0, 9],
    "132": [13],
    "141": [0],
    "172": [0, 7, 8],
    "173": [0],
    "174": [0],
    "175": [0],
    "176": [0],
    "203": [],
    "204": [],
    "213": [49],
    "219": [0, 10, 14, 22, 25, 34, 41, 42, 43, 47, 57],
    "225": [0, 12, 13],
    "226": [0, 3],
    "229": [],
    "292": [5],
}
# ssdv4j makes pixels with a float64 inverse DCT; sums that land on .5 may round either way.
SSDV4J_TOLERANCE_DN = 1


@pytest.mark.parametrize("number", sorted(LONGJIANG2))
def test_longjiang2_pixels_equal_the_reference(test_data: Path, number: str) -> None:
    (image,) = decode_files([test_data / f"longjiang2/ssdv/img_{number}.ssdv"])
    reference = jpeg_pixels((test_data / f"longjiang2/reference/img_{number}.jpg").read_bytes())
    assert image.image_id == int(number) % 256
    assert image.packets.missing == LONGJIANG2[number]
    assert (image.missing_mcus == 0) == (not LONGJIANG2[number] and image.packets.last_id is not None)
    outside = ~image.missing
    assert np.array_equal(image.pixels[outside], reference[outside])
    # The reference holds the last tone over a gap, as the JPEG that we reassemble does: equal there too.
    assert np.array_equal(image.picture.pixels, reference)
    assert not image.invented.any()
    assert not image.pixels[image.missing].any()


@pytest.mark.parametrize("name", ["art2_moon_earth_1008x320", "dslwp_em_src"])
@pytest.mark.parametrize("kind", ["fec", "nofec"])
def test_standard_pixels_equal_the_reference(test_data: Path, name: str, kind: str) -> None:
    (image,) = decode_files([test_data / f"ssdv-standard/{name}.{kind}.ssdv"])
    reference = jpeg_pixels((test_data / f"ssdv-standard/{name}.{kind}.jpg").read_bytes())
    assert image.packets.first.callsign == "TEST01"
    assert image.packets.first.format.name == f"standard-{kind}"
    assert image.missing_mcus == 0
    assert np.array_equal(image.pixels, reference)


def _ssdv4j_pixels(picture: Coefficients) -> np.ndarray:
    """What ssdv4j does after the coefficients: float inverse DCT, chroma repeated, ITU-R BT.601, cut to bytes."""
    mode = SAMPLINGS[picture.sampling]
    h, v, n = mode.horizontal, mode.vertical, mode.blocks
    rows, columns = picture.height // (8 * v), picture.width // (8 * h)
    natural = np.zeros(picture.values.shape)
    natural[..., ZIGZAG] = picture.values * picture.tables[np.array([0] * (n - 2) + [1, 1])]
    blocks = idctn(natural.reshape(-1, n, 8, 8), axes=(2, 3), norm="ortho")
    blocks = np.clip(np.floor(blocks + 128.5), 0, 255).reshape(rows, columns, n, 8, 8)
    luma = blocks[:, :, :-2].reshape(rows, columns, v, h, 8, 8).transpose(0, 2, 4, 1, 3, 5)
    y = luma.reshape(picture.height, picture.width)
    cb, cr = (
        blocks[:, :, k].transpose(0, 2, 1, 3).reshape(rows * 8, columns * 8).repeat(v, 0).repeat(h, 1) - 128
        for k in (-2, -1)
    )
    return np.clip(np.stack([y + 1.402 * cr, y - 0.34414 * cb - 0.71414 * cr, y + 1.772 * cb], -1), 0, 255).astype(int)


@pytest.mark.parametrize(
    ("file", "image_id", "reference", "choice"),
    [
        ("jy1sat.bin", 9, "jy1sat-9.png", "auto"),
        ("jy1sat.bin", 7, "jy1sat-7.png", "jy1sat"),
        ("1packet.bin", 9, "1packet-9.png", "auto"),
        ("3packets.bin", 9, "outoforder-9.png", "auto"),
        ("duplicate.bin", 9, "jy1sat-9.png", "auto"),
        ("dslwp.bin", 137, "dslwp-137.png", "longjiang2"),
    ],
)
def test_ssdv4j_pictures(test_data: Path, file: str, image_id: int, reference: str, choice: str) -> None:
    folder = test_data / "ssdv-standard/ssdv4j"
    images = {i.image_id: i for i in decode_files([folder / file], DecodeOptions(format=choice))}
    image = images[image_id]
    with Image.open(folder / reference) as opened:
        expected = np.asarray(opened.convert("RGB")).astype(int)
    here = ~image.missing
    assert here.any()
    difference = np.abs(_ssdv4j_pixels(image.picture.coefficients)[here] - expected[here])
    assert difference.max() <= SSDV4J_TOLERANCE_DN


@pytest.mark.parametrize(("file", "image_id", "note"), [("jy1sat.bin", 7, "jy1sat-7"), ("dslwp.bin", 137, "dslwp-137")])
def test_whole_mcus_as_many_as_ssdv4j_found(test_data: Path, file: str, image_id: int, note: str) -> None:
    folder = test_data / "ssdv-standard/ssdv4j"
    expected = json.loads((folder / f"{note}.json").read_text())
    choice = "longjiang2" if file == "dslwp.bin" else "auto"
    images = {i.image_id: i for i in decode_files([folder / file], DecodeOptions(format=choice))}
    assert images[image_id].picture.mcu_received.size == expected["totalMcu"]
    assert np.count_nonzero(images[image_id].picture.mcu_received) == expected["successfulMcu"]


def test_rewrapped_packets_with_wrong_crc_are_refused(test_data: Path) -> None:
    with pytest.raises(
        RefusedError, match=r"dslwp\.bin: refused, the CRC of all 69 packets of format standard-fec is wrong"
    ):
        decode_files([test_data / "ssdv-standard/ssdv4j/dslwp.bin"])


def test_corrupt_packet_without_crc_is_dropped(test_data: Path) -> None:
    folder = test_data / "ssdv-standard/ssdv4j"
    (broken,) = decode_files([folder / "corrupted.bin"])
    (whole,) = decode_files([folder / "3packets.bin"])
    kept = broken.picture.mcu_received
    assert broken.missing_mcus > whole.missing_mcus
    assert kept.any()
    # Pixels at the edge of a gap share their chroma with it, so the coefficients are compared.
    assert np.array_equal(broken.picture.coefficients.values[kept], whole.picture.coefficients.values[kept])


def _pieces(data: bytes, length: int) -> list[bytes]:
    return [data[i : i + length] for i in range(0, len(data), length)]


def _flip(packet: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(packet) * 8))
    damaged = bytearray(packet)
    damaged[place >> 3] ^= 1 << (place & 7)
    return bytes(damaged)


def test_three_stations_shuffled_duplicated_and_partly_damaged(test_data: Path) -> None:
    rng = np.random.default_rng(20190702)
    files = sorted((test_data / "longjiang2/ssdv").glob("*.ssdv"))
    clean = {i.image_id: i for f in files for i in decode_files([f])}
    packets = [p for f in files for p in _pieces(f.read_bytes(), 218)]
    packets += [packets[i] for i in rng.integers(0, len(packets), 200)]
    damaged = [_flip(p, rng) for p in packets if rng.random() < 0.05]
    mixed = packets + damaged
    rng.shuffle(mixed)
    result = decode_sources([(f"station {i}", b"".join(mixed[i::3])) for i in range(3)])
    assert result.bad_crc == len(damaged)
    assert len(result.images) == len(files)
    for image in result.images:
        expected = clean[image.image_id]
        assert np.array_equal(image.pixels, expected.pixels)
        assert np.array_equal(image.missing, expected.missing)
        assert image.packets.missing == expected.packets.missing
        assert len(image.sources) == 3
    # A flipped image id puts the drop on another account, or on none.
    assert sum(i.bad_crc for i in result.images) >= 0.9 * len(damaged)


@pytest.mark.parametrize("name", ["art2_moon_earth_1008x320", "dslwp_em_src"])
def test_sixteen_wrong_bytes_in_each_packet_are_repaired(test_data: Path, name: str) -> None:
    rng = np.random.default_rng(5)
    file = test_data / f"ssdv-standard/{name}.fec.ssdv"
    (clean,) = decode_files([file])
    damaged = bytearray()
    for packet in _pieces(file.read_bytes(), 256):
        piece = np.frombuffer(packet, np.uint8).copy()
        piece[rng.choice(np.arange(1, 256), 16, replace=False)] ^= rng.integers(1, 256, 16, dtype=np.uint8)
        damaged += piece.tobytes()
    (image,) = decode_sources([("damaged", bytes(damaged))]).images
    assert np.array_equal(image.pixels, clean.pixels)
    assert image.repaired_bytes == 16 * len(clean.packets.packets)
    assert image.bad_crc == 0


def test_more_wrong_bytes_than_the_code_corrects_are_dropped(test_data: Path) -> None:
    rng = np.random.default_rng(6)
    data = bytearray((test_data / "ssdv-standard/dslwp_em_src.fec.ssdv").read_bytes())
    for i in rng.choice(np.arange(20, 240), 20, replace=False):
        data[10 * 256 + i] ^= 0x5A
    (image,) = decode_sources([("damaged", bytes(data))]).images
    assert image.packets.missing == [10]
    assert image.bad_crc == 1


@pytest.mark.parametrize(
    ("file", "length"), [("longjiang2/ssdv/img_229.ssdv", 218), ("ssdv-standard/dslwp_em_src.nofec.ssdv", 256)]
)
def test_lost_and_added_bytes_cost_only_their_packets(test_data: Path, file: str, length: int) -> None:
    junk = np.random.default_rng(3).integers(0, 256, 100, dtype=np.uint8).tobytes()
    data = (test_data / file).read_bytes()
    cut = 7 * length + 50
    changed = junk + data[: 5 * length] + junk + data[5 * length : cut] + data[cut + 30 :]
    (image,) = decode_sources([("changed", changed)]).images
    (clean,) = decode_sources([("clean", data)]).images
    lost = parse_id(data, 7, length)
    assert image.packets.missing == sorted([*clean.packets.missing, lost])


def test_megabyte_of_noise_before_the_packets(test_data: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 1_000_001, dtype=np.uint8).tobytes()
    data = (test_data / "longjiang2/ssdv/img_229.ssdv").read_bytes()
    result = decode_sources([("noisy", noise + data)])
    assert result.images[0].missing_mcus == 0
    # By chance a piece of noise has a header that could be one: about one in 30.
    assert result.bad_crc < 500
    assert result.skipped_bytes > 900_000


def parse_id(data: bytes, number: int, length: int) -> int:
    at = number * length + (1 if length == 218 else 7)
    return int.from_bytes(data[at : at + 2], "big")


def test_unreadable_and_empty_inputs_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.ssdv: cannot be read"):
        decode_files([tmp_path / "nothing.ssdv"])
    (tmp_path / "empty.ssdv").write_bytes(b"")
    with pytest.raises(RefusedError, match=r"empty\.ssdv: the input is empty"):
        decode_files([tmp_path / "empty.ssdv"])
    (tmp_path / "noise.ssdv").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(RefusedError, match=r"noise\.ssdv: no SSDV packet with a right CRC in 2048 bytes"):
        decode_files([tmp_path / "noise.ssdv"])
