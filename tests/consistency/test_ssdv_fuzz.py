"""Mutated packets: never a crash, always pictures or one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from terraluna.downlink import FORMATS, DecodeOptions, decode_sources
from terraluna.downlink.crc import crc32

FILES = {
    "longjiang2": "longjiang2/ssdv/img_226.ssdv",
    "standard-fec": "ssdv-standard/dslwp_em_src.fec.ssdv",
    "standard-nofec": "ssdv-standard/dslwp_em_src.nofec.ssdv",
    "jy1sat": "ssdv-standard/ssdv4j/jy1sat.bin",
}


def mutate(name: str, packet: bytes, rng: np.random.Generator) -> bytes:
    """One to five changes: a bit, a byte, a burst, a header byte; often with the CRC put right to get further."""
    fmt = FORMATS[name]
    data = np.frombuffer(packet, np.uint8).copy()
    for kind in rng.integers(4, size=rng.integers(1, 6)):
        place = int(rng.integers(data.size))
        if kind == 0:
            data[place] ^= 1 << rng.integers(8)
        elif kind == 1:
            data[place] = rng.integers(256)
        elif kind == 2:
            data[place : place + 8] = rng.integers(256)
        else:
            data[fmt.prefix + rng.integers(9)] = rng.integers(256)
    out = bytearray(data.tobytes())
    if fmt.crc_initial is not None and rng.random() < 0.6:
        check = crc32(bytes(out[fmt.crc_start : fmt.crc_end]), fmt.crc_initial)
        out[fmt.crc_end : fmt.crc_end + 4] = check.to_bytes(4, "big")
    return bytes(out)


@pytest.mark.parametrize("name", sorted(FILES))
def test_mutated_packets(test_data: Path, name: str) -> None:
    rng = np.random.default_rng(len(name))
    data = (test_data / FILES[name]).read_bytes()
    length = FORMATS[name].length
    packets = [data[i : i + length] for i in range(0, len(data), length)]
    pictures = refusals = 0
    for round_number in range(16):
        first = int(rng.integers(len(packets) - 8))
        stream = [mutate(name, p, rng) if rng.random() < 0.7 else p for p in packets[first : first + 8]]
        if round_number % 4 == 0:
            stream = [p[: rng.integers(len(p))] for p in stream]
        conceal = ("none", "fill", "inpaint")[round_number % 3]
        result = decode_sources([("f", b"".join(stream))], DecodeOptions(conceal=conceal, max_pixels=400_000))  # type: ignore[arg-type]
        assert result.images or result.refused
        for line in result.refused:
            assert line.startswith("f: ")
            assert "\n" not in line
        for image in result.images:
            assert image.pixels.shape == (image.height, image.width, 3)
            assert image.missing_mcus < image.picture.mcu_received.size
        pictures += len(result.images)
        refusals += len(result.refused)
    assert pictures > 5
    assert refusals > 1


@pytest.mark.parametrize("name", ["auto", "longjiang2", "standard", "jy1sat"])
def test_noise_and_repeated_headers_take_bounded_time(name: str) -> None:
    """Half of 40 kB of sync bytes would cost minutes if each were worth an attempt at correction."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, 20_000, dtype=np.uint8).tobytes()
    headers = bytes.fromhex("5566") * 10_000
    result = decode_sources(
        [("noise", noise), ("headers", headers), ("zeros", bytes(10_000))], DecodeOptions(format=name)
    )
    assert result.images == ()
    assert len(result.refused) == 3
