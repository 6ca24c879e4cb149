"""Packet bytes against those of the reference encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from terraluna.downlink import decode_files, encode_jpeg
from terraluna.downlink.jpeg import read_jpeg, requantise

CASES = [("fec", 7), ("nofec", 8)]


@pytest.mark.parametrize(("kind", "image_id"), CASES)
def test_packets_are_those_of_the_reference_encoder(test_data: Path, kind: str, image_id: int) -> None:
    source = (test_data / "ssdv-standard/dslwp_em_src.jpg").read_bytes()
    expected = (test_data / f"ssdv-standard/dslwp_em_src.{kind}.ssdv").read_bytes()
    packets = encode_jpeg(source, f"standard-{kind}", 4, image_id, "TEST01")
    assert [len(p) for p in packets] == [256] * (len(expected) // 256)
    assert b"".join(packets) == expected


@pytest.mark.parametrize("kind", ["fec", "nofec"])
@pytest.mark.parametrize("name", ["art2_moon_earth_1008x320", "dslwp_em_src"])
def test_requantised_coefficients_are_those_of_the_reference_encoder(test_data: Path, name: str, kind: str) -> None:
    """The second picture's packets differ: the reference writes longer codes for runs that requantising made zero."""
    source = read_jpeg((test_data / f"ssdv-standard/{name}.jpg").read_bytes())
    (image,) = decode_files([test_data / f"ssdv-standard/{name}.{kind}.ssdv"])
    assert np.array_equal(requantise(source, 4).values, image.picture.coefficients.values)
