"""What is encoded comes back: coefficients, pixels, packets, erasures."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from terraluna.downlink import (
    FORMATS,
    DecodeOptions,
    build_packet,
    decode_sources,
    encode_array,
    encode_jpeg,
    erasure_packets,
    packets_from_coefficients,
    parse_packet,
)
from terraluna.downlink.encode import coefficients_from_array
from terraluna.downlink.fec import recover_packets, rs_correct, rs_parity
from terraluna.downlink.formats import decode_callsign, encode_callsign
from terraluna.downlink.jpeg import jpeg_pixels, read_jpeg, write_jpeg
from terraluna.errors import InputError

# Quality 7 quantises by 1; what is left is the DCT's and the colour conversion's rounding to bytes (measured 0.36 RMS).
FINEST_RMS_DN = 0.5


@pytest.fixture(scope="module")
def scene() -> NDArray[np.uint8]:
    """A lit ball with a coloured gradient and noise on black: smooth, sharp and busy parts."""
    y, x = np.mgrid[:96, :112]
    ball = np.hypot(x - 60, y - 40) < 30
    pixels = np.stack([2 * x, 255 - 2 * y, x + y], -1) * ball[..., None]
    noise = np.random.default_rng(8).integers(0, 60, pixels.shape)
    return np.clip(pixels + noise * (y[..., None] > 60), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("format_name", sorted(FORMATS))
@pytest.mark.parametrize("sampling", range(4))
def test_coefficients_and_pixels_come_back(scene: NDArray[np.uint8], format_name: str, sampling: int) -> None:
    callsign = "" if format_name == "longjiang2" else "AB1CD"
    for quality in range(8):
        picture = coefficients_from_array(scene, quality, sampling)
        jpeg = write_jpeg(picture)
        packets = encode_jpeg(jpeg, format_name, quality, 200, callsign)
        assert packets == encode_array(scene, format_name, quality, sampling, 200, callsign)
        (image,) = decode_sources([("x", b"".join(packets))]).images
        assert (image.image_id, image.width, image.height, image.missing_mcus) == (200, 112, 96, 0)
        assert image.packets.first.callsign == callsign
        assert np.array_equal(image.picture.coefficients.values, picture.values)
        assert np.array_equal(image.pixels, jpeg_pixels(jpeg))


def test_finest_quality_is_close_to_the_source(scene: NDArray[np.uint8]) -> None:
    (image,) = decode_sources([("x", b"".join(encode_array(scene, quality=7, sampling=3)))]).images
    inner = image.pixels[:56].astype(float) - scene[:56]
    assert np.sqrt((inner**2).mean()) < FINEST_RMS_DN + 0.5  # the ball's edge clips in RGB
    (grey,) = decode_sources([("g", b"".join(encode_array(scene[..., 1], quality=7, sampling=0)))]).images
    difference = grey.pixels.astype(float) - scene[..., 1][..., None]
    assert np.sqrt((difference**2).mean()) < FINEST_RMS_DN


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_other_writers_jpeg_is_read_without_loss(scene: NDArray[np.uint8], subsampling: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(scene).save(
        buffer, "JPEG", quality=85, subsampling=subsampling, optimize=True, restart_marker_blocks=5
    )
    data = buffer.getvalue()
    assert np.array_equal(jpeg_pixels(write_jpeg(read_jpeg(data))), jpeg_pixels(data))


def test_unusable_input_is_refused_in_one_line(scene: NDArray[np.uint8]) -> None:
    progressive = io.BytesIO()
    Image.fromarray(scene).save(progressive, "JPEG", progressive=True)
    grey = io.BytesIO()
    Image.fromarray(scene[..., 0]).save(grey, "JPEG")
    odd = io.BytesIO()
    Image.fromarray(scene[:90]).save(odd, "JPEG")
    whole = write_jpeg(coefficients_from_array(scene, 4, 2))
    for data, reason in (
        (progressive.getvalue(), "SOF2"),
        (grey.getvalue(), "1 component"),
        (odd.getvalue(), "multiples of 16"),
        (b"GIF89a", "not a JPEG"),
        (whole[:300], "not a whole baseline JPEG"),
        (whole[:-200], "ends in MCU"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            encode_jpeg(data)
        assert "\n" not in str(caught.value)
    for change, reason in (
        ({"quality": 8}, "quality 8"),
        ({"sampling": 4}, "sampling 4"),
        ({"format_name": "cd"}, "format 'cd'"),
        ({"image_id": 256}, "image id 256"),
        ({"format_name": "jy1sat", "callsign": "TOOLONG"}, "TOOLONG"),
    ):
        with pytest.raises(InputError, match=reason):
            encode_array(scene, **change)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="multiples of 16"):
        encode_array(scene[:50])
    with pytest.raises(InputError, match="MCUs"):
        encode_array(np.zeros((4080, 4080), np.uint8), sampling=3)


@pytest.mark.parametrize("format_name", ["longjiang2", "standard-fec", "standard-nofec"])
def test_any_k_packets_give_the_image(scene: NDArray[np.uint8], format_name: str) -> None:
    picture = coefficients_from_array(scene, 5, 2)
    packets = packets_from_coefficients(picture, FORMATS[format_name], 3, "", 5)
    k = len(packets)
    both = packets + erasure_packets(packets, k)
    rng = np.random.default_rng(12)
    for _ in range(3):
        chosen = rng.permutation(2 * k)[:k]
        data = [build_packet(both[i]) for i in chosen]
        (image,) = decode_sources([("x", b"".join(data))]).images
        assert image.packets.recovered
        assert np.array_equal(image.picture.coefficients.values, picture.values)
        off = decode_sources([("x", b"".join(data))], DecodeOptions(erasure=False))
        assert off.images[0].missing_mcus > 0
        short = decode_sources([("x", b"".join(data[:-1]))])
        assert short.images[0].packets.recovered == ()
    only = decode_sources([("x", b"".join(build_packet(p) for p in both[k:]))])
    assert only.images == ()
    assert "only erasure packets" in only.refused[0]


def test_erasure_field_by_hand(scene: NDArray[np.uint8]) -> None:
    """With two packets the value at id n is y0 + n (y1 - y0), so chosen data show products in GF(2^16)."""
    first, second, *_ = packets_from_coefficients(coefficients_from_array(scene, 5, 2), FORMATS["longjiang2"])
    words = np.zeros(104, np.uint16)
    words[:3] = 0x0001, 0x0080, 0x0100
    pair = [replace(first, data=bytes(208)), replace(second, data=words.astype(">u2").tobytes())]
    extra = {p.packet_id: np.frombuffer(p.data, ">u2")[:3].tolist() for p in erasure_packets(pair, 255)}
    # 2 * 0x80 = x^8 = x^4 + x^3 + x^2 + 1 = 0x1d; 0x100 is y, and y * y = x^3 y + 1 = 0x0801.
    assert extra[2] == [0x0002, 0x001D, 0x0200]
    assert extra[3] == [0x0003, 0x009D, 0x0300]
    assert extra[256] == [0x0100, 0x8000, 0x0801]


def test_erasure_input_is_checked(scene: NDArray[np.uint8]) -> None:
    packets = packets_from_coefficients(coefficients_from_array(scene, 5, 2), FORMATS["longjiang2"])
    with pytest.raises(InputError, match="packets 0 to n-1"):
        erasure_packets(packets[1:], 2)
    with pytest.raises(InputError, match="no CRC"):
        erasure_packets([replace(p, format=FORMATS["jy1sat"]) for p in packets], 2)
    extra = erasure_packets(packets, 2)
    disagreeing = [extra[0], replace(extra[1], systematic_count=len(packets) + 1)]
    assert recover_packets(packets[1:], disagreeing) == []
    assert [p.data for p in recover_packets(packets[1:], extra)] == [packets[0].data]


def test_packet_bytes_come_back(scene: NDArray[np.uint8]) -> None:
    for name, fmt in FORMATS.items():
        for packet in packets_from_coefficients(coefficients_from_array(scene, 5, 2), fmt, 77, "", 5):
            data = build_packet(packet)
            assert len(data) == fmt.length
            assert fmt.valid(data)
            assert parse_packet(fmt, data) == packet, name


def test_reed_solomon_corrects_sixteen_and_no_more() -> None:
    rng = np.random.default_rng(9)
    message = rng.integers(0, 256, 223, dtype=np.uint8).tobytes()
    codeword = message + rs_parity(message)
    for wrong in (0, 1, 16):
        damaged = np.frombuffer(codeword, np.uint8).copy()
        damaged[rng.choice(255, wrong, replace=False)] ^= rng.integers(1, 256, wrong, dtype=np.uint8)
        assert rs_correct(damaged.tobytes()) == (codeword, wrong)
    damaged[rng.choice(255, 40, replace=False)] ^= 0xFF
    assert rs_correct(damaged.tobytes()) is None


def test_callsigns() -> None:
    for text in ("", "A", "TEST01", "VK5QI", "0", "ZZZZZZ"):
        assert decode_callsign(encode_callsign(text)) == text
    # From a packet that the reference encoder wrote for TEST01.
    assert encode_callsign("test01") == 0x0C7D14F1


def test_absurd_size_is_refused_until_the_limit_is_raised() -> None:
    (packet,) = packets_from_coefficients(
        coefficients_from_array(np.zeros((16, 16), np.uint8), 4, 0), FORMATS["longjiang2"]
    )
    data = build_packet(replace(packet, width=4080, height=1040))
    result = decode_sources([("big.ssdv", data)])
    assert result.images == ()
    assert result.refused == (
        "big.ssdv: image 0 refused: the header says 4080x1040 = 4243200 pixels, more than the limit of 4194304: "
        "raise --max-pixels if that is right",
    )
    (image,) = decode_sources([("big.ssdv", data)], DecodeOptions(max_pixels=4_243_200)).images
    assert (image.width, image.height) == (4080, 1040)


def test_more_mcus_than_the_index_counts_are_refused() -> None:
    (packet,) = packets_from_coefficients(
        coefficients_from_array(np.zeros((16, 16), np.uint8), 0, 3), FORMATS["longjiang2"]
    )
    data = build_packet(replace(packet, width=4080, height=4080))
    result = decode_sources([("big", data)], DecodeOptions(max_pixels=20_000_000))
    assert "260100 MCUs, more than SSDV can count" in result.refused[0]
