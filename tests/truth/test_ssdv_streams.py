"""KISS and hexadecimal containers, the wrap of the image id, following a stream: real packets in other wrappings."""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from terraluna.downlink import DecodeOptions, decode_files, decode_sources, encode_array
from terraluna.downlink.follow import follow
from terraluna.errors import InputError

T0 = datetime(2019, 7, 2, 19, 33, tzinfo=UTC).timestamp()
YEAR_S = 365.25 * 86400


def pieces(data: bytes, length: int = 218) -> list[bytes]:
    return [data[i : i + length] for i in range(0, len(data), length)]


def kiss(frames: list[bytes], times: list[float] | None = None) -> bytes:
    """A KISS stream as gr-satellites writes it."""

    def frame(body: bytes) -> bytes:
        return b"\xc0" + body.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"

    out = b""
    for i, body in enumerate(frames):
        if times is not None:
            out += frame(b"\x09" + int(times[i] * 1000).to_bytes(8, "big"))
        out += frame(b"\x00" + body)
    return out


def csv_line(unix_s: float, packet: bytes) -> bytes:
    return f"{datetime.fromtimestamp(unix_s, UTC).isoformat()},dwingeloo,{packet.hex()}".encode()


@pytest.fixture(scope="module")
def eclipse(test_data: Path) -> bytes:
    return (test_data / "longjiang2/ssdv/img_229.ssdv").read_bytes()


@pytest.mark.parametrize("wrapping", ["kiss", "timed kiss", "framed kiss", "hex", "spaced hex", "csv", "log"])
def test_containers_give_the_same_picture(eclipse: bytes, wrapping: str) -> None:
    packets = pieces(eclipse)
    times = [T0 + i for i in range(len(packets))]
    data = {
        "kiss": lambda: kiss(packets),
        "timed kiss": lambda: kiss(packets, times),
        "framed kiss": lambda: kiss([b"HEADER" + p + b"TAIL" for p in packets]),
        "hex": lambda: "\n".join(p.hex() for p in packets).encode(),
        "spaced hex": lambda: "\r\n".join(p.hex(" ").upper() for p in packets).encode(),
        "log": lambda: b"\n".join(csv_line(t, p).replace(b",dwingeloo,", b" ") for t, p in zip(times, packets, strict=True)),  # noqa: E501
        "csv": lambda: b"time,station,frame\n" + b"\n".join(map(csv_line, times, packets)),
    }[wrapping]()  # fmt: skip
    (plain,) = decode_sources([("plain", eclipse)]).images
    result = decode_sources([("wrapped", data)])
    assert np.array_equal(result.images[0].pixels, plain.pixels)
    assert result.bad_crc == 0
    if wrapping in ("timed kiss", "csv", "log"):
        seen = [s.time for s in result.images[0].packets.sightings]
        assert seen == times


def test_raw_packets_of_image_192_are_not_taken_for_kiss() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    packets = encode_array(pixels, image_id=192)
    assert packets[0][:2] == b"\xc0\x00"
    (image,) = decode_sources([("raw", b"".join(packets))]).images
    assert image.missing_mcus == 0
    # With its first packet damaged the file starts like KISS; the fallback still finds the rest.
    damaged = packets[0][:100] + b"\x00\x01" + packets[0][102:]
    (rest,) = decode_sources([("raw", damaged + b"".join(packets[1:]))]).images
    assert rest.packets.missing == [0]


@pytest.fixture(scope="module")
def late(test_data: Path) -> list[bytes]:
    """Image 292 of Longjiang-2, which says 36."""
    return pieces((test_data / "longjiang2/ssdv/img_292.ssdv").read_bytes())


@pytest.fixture(scope="module")
def early() -> list[bytes]:
    """A picture as it might have come 256 images before, with the same id, size, quality and sampling."""
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[100:300, 200:500] = np.random.default_rng(2).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    return encode_array(pixels, quality=5, sampling=2, image_id=36)


def check_wrap(early: list[bytes], late: list[bytes], sources: list[tuple[str, bytes]]) -> None:
    (one,) = decode_sources([("one", b"".join(early))]).images
    (two,) = decode_sources([("two", b"".join(late))]).images
    mine = [i for i in decode_sources(sources).images if i.image_id == 36]
    assert len(mine) == 2
    assert len({i.name for i in mine}) == 2
    assert sorted(i.packets.missing for i in mine) == sorted([one.packets.missing, two.packets.missing])
    for expected in (one.pixels, two.pixels):
        assert any(np.array_equal(expected, i.pixels) for i in mine)


def test_wrap_with_another_image_between(early: list[bytes], late: list[bytes], eclipse: bytes) -> None:
    check_wrap(early, late, [("station", b"".join(early) + eclipse + b"".join(late))])


def test_wrap_between_two_files(early: list[bytes], late: list[bytes]) -> None:
    check_wrap(early, late, [("a", b"".join(early)), ("b", b"".join(late))])


def test_wrap_with_two_stations_of_each(early: list[bytes], late: list[bytes]) -> None:
    halves = [p[::2] + p[1:9:2] for p in (early, late)] + [p[1::2] + p[:9:2] for p in (early, late)]
    check_wrap(early, late, [(f"station {i}", b"".join(p)) for i, p in enumerate(halves)])


def test_wrap_shuffled_with_times(early: list[bytes], late: list[bytes]) -> None:
    timed = [(p, T0 - YEAR_S + i) for i, p in enumerate(early)] + [(p, T0 + i) for i, p in enumerate(late)]
    order = np.random.default_rng(4).permutation(len(timed))
    check_wrap(early, late, [("log", kiss([timed[i][0] for i in order], [timed[i][1] for i in order]))])


def test_wrap_without_a_common_packet_needs_times(early: list[bytes], late: list[bytes]) -> None:
    half = len(late) // 2
    frames, times = early[:20] + late[half:], [T0 - YEAR_S] * 20 + [T0] * (len(late) - half)
    assert len(decode_sources([("log", kiss(frames, times))]).images) == 2


def test_repeated_downlink_of_one_image_stays_one_image(eclipse: bytes) -> None:
    packets = pieces(eclipse)
    first, second = packets[:60], packets[30:]
    times = [T0 + i for i in range(len(first))] + [T0 + 30 * 86400 + i for i in range(len(second))]
    (image,) = decode_sources([("log", kiss(first + second, times))]).images
    assert image.missing_mcus == 0
    assert image.packets.duplicates == 30


def test_follow_standard_input(eclipse: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()

    def send() -> None:
        for packet in pieces(eclipse):
            os.write(write_end, packet[:100])
            os.write(write_end, packet[100:])
            time.sleep(0.004)
        os.close(write_end)

    with os.fdopen(read_end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        sender = threading.Thread(target=send)
        sender.start()
        results = list(follow(["-"], DecodeOptions(), interval_s=0.05, poll_s=0.02))
        sender.join()
    received = [len(r.images[0].packets.packets) for r in results if r.images]
    assert len(received) > 2
    assert received == sorted(received)
    assert received[-1] == 90
    (whole,) = decode_sources([("whole", eclipse)]).images
    assert np.array_equal(results[-1].images[0].pixels, whole.pixels)


def test_follow_growing_file_ends_when_idle(eclipse: bytes, tmp_path: Path) -> None:
    file = tmp_path / "live.ssdv"
    file.write_bytes(eclipse[: 218 * 30])
    results = follow([str(file)], DecodeOptions(), idle_s=0.3, interval_s=0.01, poll_s=0.02)
    assert len(next(results).images[0].packets.packets) == 30
    with file.open("ab") as stream:
        stream.write(eclipse[218 * 30 :])
    *_, last = results
    assert last.images[0].missing_mcus == 0


def test_follow_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.ssdv: cannot be read"):
        next(follow([str(tmp_path / "gone.ssdv")], DecodeOptions()))


@pytest.mark.parametrize(
    ("option", "value"), [("format", "jpeg"), ("container", "zip"), ("conceal", "magic"), ("max_pixels", 1)]
)
def test_unknown_options_are_named(eclipse: bytes, option: str, value: object) -> None:
    with pytest.raises(InputError, match=str(value)):
        decode_sources([("x", eclipse)], DecodeOptions(**{option: value}))  # type: ignore[arg-type]


def test_damage_is_marked_and_nothing_else_is_touched(test_data: Path) -> None:
    file = test_data / "longjiang2/ssdv/img_219.ssdv"
    (plain,) = decode_files([file])
    for how in ("fill", "inpaint"):
        (image,) = decode_files([file], DecodeOptions(conceal=how))  # type: ignore[arg-type]
        assert np.array_equal(image.invented, image.missing)
        assert np.array_equal(image.pixels[~image.invented], plain.pixels[~plain.missing])
        assert np.count_nonzero(image.invented) == image.missing_mcus * 16 * 8
    # An inpainted gap in the lit Moon continues the Moon: it lies within the values of the rows around it.
    rows = image.pixels[80:100, 600:636].astype(int)
    assert rows[..., 0].min() > 20
