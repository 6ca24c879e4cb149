"""Mosaic, demosaic and the JPEG of the Longjiang-2 camera."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from terraluna.camera import load_camera
from terraluna.errors import InputError
from terraluna.instrument.bayer import ColourChain, demosaic, develop, mosaic, pattern_index, to_jpeg
from terraluna.instrument.radiance import radiometry
from terraluna.photometry.spectra import moon_spectrum

# Medians of the Moon in 13 received frames scatter about the straight lines that the chain follows.
COLOUR_DN = 12.0


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_demosaic_restores_flat_and_sloping_light(pattern: str) -> None:
    y, x = np.mgrid[:24, :30].astype(float)
    planes = np.stack([100.0 + 2.0 * x, 50.0 + 3.0 * y, 20.0 + x + y], axis=2)
    raw = mosaic(planes, pattern)
    assert raw.shape == (24, 30)
    assert demosaic(raw, pattern)[2:-2, 2:-2] == pytest.approx(planes[2:-2, 2:-2])
    flat = np.broadcast_to([7.0, 8.0, 9.0], (6, 6, 3))
    assert demosaic(mosaic(flat, pattern), pattern) == pytest.approx(flat)
    index = pattern_index(pattern)
    assert (raw[:2, :2] == [[planes[i, j, index[i, j]] for j in (0, 1)] for i in (0, 1)]).all()


def test_the_jpeg_is_the_flown_one(test_data: Path) -> None:
    from PIL import Image

    picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    ours = Image.open(io.BytesIO(to_jpeg(picture, ColourChain())))
    with Image.open(test_data / "longjiang2" / "reference" / "img_141.jpg") as flown:
        assert ours.size == flown.size == (640, 480)
        assert ours.quantization == flown.quantization  # type: ignore[attr-defined]
        assert ours.layer == flown.layer  # type: ignore[attr-defined]
    # 4:2:2: luma sampled 2x1, chroma 1x1.
    assert [(h, v) for _, h, v, _ in ours.layer] == [(2, 1), (1, 1), (1, 1)]  # type: ignore[attr-defined]
    wide = Image.open(io.BytesIO(to_jpeg(picture, ColourChain(subsampling=2))))
    assert [(h, v) for _, h, v, _ in wide.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]


def test_the_moon_is_magenta_as_received(test_data: Path) -> None:
    from PIL import Image

    camera = load_camera("longjiang-2")
    bands = [radiometry(camera, name) for name in ("red", "green", "blue")]
    moon = np.array([b.electrons_s * float(moon_spectrum(b.effective_nm)) for b in bands])
    chain = ColourChain(size=(16, 16))
    for frame in ("141", "172", "226", "204", "097"):
        with Image.open(test_data / "longjiang2" / "reference" / f"img_{frame}.jpg") as image:
            received = np.asarray(image.convert("RGB")).astype(float)
        lost = (np.abs(received - 128.0) < 3.0).all(axis=2)
        median = np.median(received[(received.min(axis=2) > 25) & (received.max(axis=2) < 235) & ~lost], axis=0)
        # Choose the exposure that gives the received red; green and blue must follow.
        level = (median[0] / 255.0) ** 2.2
        raw = mosaic(np.broadcast_to(level * moon / moon[0], (32, 32, 3)), "RGGB")
        picture = develop(raw, "RGGB", 0.0, 1.0, chain)
        assert picture[8, 8].astype(float) == pytest.approx(median, abs=COLOUR_DN)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="RGGB"):
        pattern_index("RRGB")
    with pytest.raises(InputError, match="RGGB"):
        pattern_index("RGBG")
    with pytest.raises(InputError, match="planes"):
        mosaic(np.zeros((4, 4)), "RGGB")
    with pytest.raises(InputError, match="cannot be averaged"):
        develop(np.zeros((100, 100)), "RGGB", 0.0, 255.0, ColourChain())
    with pytest.raises(InputError, match="quality"):
        ColourChain(quality=9)
