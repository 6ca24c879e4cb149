"""Colour of the Longjiang-2 frames against physics: the Moon as grey card, the Earth as the check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from terraluna.camera.catalogue import load_camera
from terraluna.develop.balance import lunar_card
from terraluna.develop.develop import develop
from terraluna.develop.developed import Developed
from terraluna.develop.load import colour_filters
from terraluna.develop.options import DevelopOptions
from terraluna.ephemeris import Ephemeris

NEUTRAL = 0.03
"""The requirement: 3 % a channel."""

LIME_MODEL = 0.03
"""LIME and the mean lunar spectrum of Velikodsky et al. 2011 are different data at slightly different phases."""

# Velikodsky et al. 2011, Icarus 214, 30, table 2, average Moon, at 460, 535 and 600 nm.
VELIKODSKY = np.array([0.1353, 0.1214, 0.1031])

EARTH = np.array([0.208, 0.219, 0.256])
"""EPIC full-disc pi I/F of the Earth, 0.205, 0.211 and 0.268 at 680, 551 and 443 nm, read at 600, 536 and 466 nm."""

EARTH_TOLERANCE = 0.2
"""Clouds move the Earth's disc by a fifth from day to day."""

FRAMES = (173, 174, 175, 176)


def _linear(code: np.ndarray) -> np.ndarray:
    v = code.astype(float) / 255.0
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


@pytest.fixture(scope="module", params=FRAMES)
def frame(request: pytest.FixtureRequest, test_data: Path, ephemeris: Ephemeris, tmp_path_factory) -> tuple:  # type: ignore[no-untyped-def,type-arg]
    source = test_data / "longjiang2" / "ssdv" / f"img_{request.param}.ssdv"
    made = develop([source], DevelopOptions(white_point="sun"), ephemeris=ephemeris)
    place = tmp_path_factory.mktemp("lj") / f"{request.param}.png"
    made.write(place)
    return made, np.asarray(Image.open(place))[: made.image.shape[0]], source


def _disc(made: Developed, name: str, share: float) -> np.ndarray:
    d = made.discs[name]
    return np.asarray(d.mask(made.image.shape[:2], (share - 1.0) * d.radius))


def test_card_agrees_with_another_spectrum() -> None:
    card = lunar_card(colour_filters(load_camera("longjiang-2")))
    ratio = np.array(card.reflectance) / VELIKODSKY
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, atol=LIME_MODEL)


def test_the_moon_has_its_own_colour_in_the_file(frame: tuple) -> None:  # type: ignore[type-arg]
    made, coded, _ = frame
    # The written picture, decoded: the disc over what the grey card says, channel by channel.
    disc = _linear(coded)[_disc(made, "moon", 0.97)].mean(axis=0) / np.array(made.balance.card.reflectance)
    np.testing.assert_allclose(disc / disc.mean(), 1.0, atol=NEUTRAL)


def test_the_moon_is_grey_unless_told_otherwise(test_data: Path, tmp_path: Path) -> None:
    made = develop([test_data / "longjiang2" / "ssdv" / "img_176.ssdv"], DevelopOptions())
    made.write(tmp_path / "a.png")
    coded = np.asarray(Image.open(tmp_path / "a.png"))[: made.image.shape[0]]
    disc = _linear(coded)[_disc(made, "moon", 0.97)].mean(axis=0)
    np.testing.assert_allclose(disc / disc.mean(), 1.0, atol=NEUTRAL)


def test_the_earth_comes_out_as_the_earth(test_data: Path, ephemeris: Ephemeris) -> None:
    """The Earth took no part in the balance: its colour, and its level over the Moon's, are free to be wrong.

    The median over the series: in frame 173 alone, exposed differently, the red of the Earth is a fifth too strong.
    """
    colours, levels = [], []
    for number in FRAMES:
        source = test_data / "longjiang2" / "ssdv" / f"img_{number}.ssdv"
        made = develop([source], DevelopOptions(caption=False, white_point="sun"), ephemeris=ephemeris)
        earth = made.image[_disc(made, "earth", 1.0)].mean(axis=0)
        moon = made.image[_disc(made, "moon", 1.0)].mean(axis=0)
        colours.append(earth / earth[1])
        levels.append(earth / moon)
        assert made.balance is not None
        card = np.array(made.balance.card.reflectance)
    np.testing.assert_allclose(np.median(colours, axis=0), EARTH / EARTH[1], rtol=EARTH_TOLERANCE)
    np.testing.assert_allclose(np.median(levels, axis=0), EARTH / card, rtol=EARTH_TOLERANCE)


def test_damage_is_concealed_and_marked(frame: tuple, test_data: Path) -> None:  # type: ignore[type-arg]
    made, coded, source = frame
    from terraluna.downlink import decode_files

    lost = decode_files([source])[0].missing
    np.testing.assert_array_equal(made.filled, lost)
    amber = (coded == (255, 176, 0)).all(axis=2)
    assert amber.any()
    # The outline runs along the damage, outside it.
    from scipy.ndimage import binary_dilation

    assert not (amber & lost).any()
    assert (amber & binary_dilation(lost)).sum() == amber.sum()
    assert "blocks lost, filled in and outlined" in made.description.caption


def test_saturated_frame_is_not_balanced(test_data: Path) -> None:
    source = test_data / "longjiang2" / "ssdv" / "img_225.ssdv"
    made = develop([source], DevelopOptions())
    assert made.balance is None
    assert any("not balanced" in note for note in made.report["notes"])
