"""Display: codes, stretches, brightening of one body."""

from __future__ import annotations

import numpy as np
import pytest

import render_scenes as scenes
from terraluna.errors import InputError
from terraluna.render.frame import render_frame
from terraluna.render.stretch import brighten, srgb, to_picture, white_level


def test_srgb_code_points():
    # IEC 61966-2-1: 18 % grey is code 118, half light is 188.
    codes = np.rint(255.0 * srgb(np.array([0.0, 0.18, 0.5, 1.0, 2.0])))
    assert codes.tolist() == [0, 118, 188, 255, 255]


def test_linear_and_asinh():
    image = np.zeros((2, 2, 3))
    image[0, 0] = (0.2, 0.1, 0.05)
    image[1, 1] = (0.004, 0.002, 0.001)
    linear = to_picture(image, white=0.2)
    assert linear.dtype == np.uint8
    assert linear[0, 0, 0] == 255
    asinh = to_picture(image, white=0.2, curve="asinh", bits=16)
    assert asinh.dtype == np.uint16
    # The faint is lifted, black stays black, hue stays.
    assert asinh[1, 1, 0] / 65535 > linear[1, 1, 0] / 255
    assert asinh[0, 1].max() == 0


def test_monochrome():
    image = np.random.default_rng(1).random((4, 4, 3))
    grey = to_picture(image, white=1.0, monochrome=True)
    assert np.array_equal(grey[..., 0], grey[..., 2])
    assert to_picture(image[..., :1], white=1.0).shape == (4, 4, 3)


def test_brighten_scales_one_body_only():
    camera = scenes.pinhole(128, 128, 1200.0)
    earth = scenes.body("earth", (-2000.0, 0.0, 1.6e5), 6378.0)
    moon = scenes.body("moon", (6000.0, 0.0, 1.5e5), 1737.0)
    frame = render_frame(camera, [earth, moon], layers=True)
    alone = render_frame(camera, [moon], layers=True)
    bright = brighten(frame.image, frame.layers, {"moon": 3.0})
    moon_only = frame.layers.mask("earth") == 0.0
    whole = frame.layers.mask("moon") == 1.0
    assert np.allclose(bright[whole], 3.0 * alone.image[whole], rtol=1e-12)
    assert np.array_equal(bright[~(frame.layers.mask("moon") > 0)], frame.image[~(frame.layers.mask("moon") > 0)])
    assert moon_only.any()


def test_white_level():
    image = np.zeros((10, 10, 3))
    assert white_level(image) == 1.0
    image[:5] = 0.3
    assert white_level(image) == pytest.approx(0.3)


def test_errors():
    image = np.zeros((2, 2, 3))
    with pytest.raises(InputError, match="white"):
        to_picture(image, white=0.0)
    with pytest.raises(InputError, match="curve"):
        to_picture(image, white=1.0, curve="gamma")
    with pytest.raises(InputError, match="bits"):
        to_picture(image, white=1.0, bits=12)
    with pytest.raises(InputError, match=r"\(H, W"):
        to_picture(np.zeros((2, 2)), white=1.0)
    frame = render_frame(scenes.pinhole(8, 8, 10.0), [scenes.body("moon", (0.0, 0.0, 9e4))], layers=True)
    with pytest.raises(InputError, match="no body"):
        brighten(frame.image, frame.layers, {"mars": 2.0})
    with pytest.raises(InputError, match="at least 0"):
        brighten(frame.image, frame.layers, {"moon": -2.0})
