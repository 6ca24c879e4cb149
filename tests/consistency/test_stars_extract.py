"""Centroids of drawn stars: as good as their covariance says, and none where there is no star."""

from __future__ import annotations

import numpy as np
import pytest

from terraluna.errors import InputError
from terraluna.opnav.stars import ExtractOptions, extract

NOISE = 3.0
MEAN_BAND = (0.75, 1.25)
"""Mean of chi-square over its degrees for 144 stars: one sigma is 0.083, three of them."""


def draw(rng: np.random.Generator, places: np.ndarray, flux: float, size: int = 400) -> np.ndarray:
    image = 100.0 + rng.normal(0.0, NOISE, (size, size))
    y, x = np.mgrid[:size, :size]
    for px, py in places:
        box = (slice(max(0, int(py) - 8), int(py) + 9), slice(max(0, int(px) - 8), int(px) + 9))
        image[box] += flux / (2.0 * np.pi) * np.exp(-0.5 * ((x[box] - px) ** 2 + (y[box] - py) ** 2))
    return image


def grid(rng: np.random.Generator, size: int = 400) -> np.ndarray:
    a = np.arange(20.0, size - 20.0, 30.0)
    return np.stack(np.meshgrid(a, a), -1).reshape(-1, 2) + rng.uniform(-0.5, 0.5, (a.size**2, 2))


def pair_up(found: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.array([np.argmin(np.linalg.norm(places - f, axis=1)) for f in found])


@pytest.mark.parametrize("flux", [600.0, 4000.0])
def test_errors_match_their_covariance(flux: float) -> None:
    rng = np.random.default_rng(7)
    places = grid(rng)
    options = ExtractOptions(gain_e_dn=1e9, centroid_floor_px=1e-6, most=1000)
    found = extract(draw(rng, places, flux), options=options)
    assert len(found.pixels) == len(places)
    error = found.pixels - places[pair_up(found.pixels, places)]
    chi = np.einsum("ni,nij,nj->n", error, np.linalg.inv(found.covariance_px2), error)
    assert MEAN_BAND[0] < chi.mean() / 2.0 < MEAN_BAND[1]
    assert found.flux_dn.mean() == pytest.approx(flux, rel=0.03)


def test_no_stars_in_noise_hot_pixels_or_edges() -> None:
    rng = np.random.default_rng(8)
    image = draw(rng, np.zeros((0, 2)), 0.0)
    for x, y in rng.integers(10, 390, (30, 2)):
        image[y, x] += 3000.0
    image[:, 200:] += 400.0
    found = extract(image)
    # Six sigma of nine pixels at 160,000 places: a millionth; the step's side is no star either.
    assert len(found.pixels) == 0


def test_masked_pixels_give_nothing_and_hide_nothing_else() -> None:
    rng = np.random.default_rng(9)
    places = grid(rng)
    mask = np.zeros((400, 400), np.bool_)
    mask[:, :200] = True
    image = draw(rng, places, 2000.0)
    found = extract(image, mask)
    assert (found.pixels[:, 0] >= 200.0).all()
    assert len(found.pixels) == int((places[:, 0] > 203.0).sum())
    assert found.free_share == 0.5
    holes = np.where(mask, np.nan, image)
    assert np.array_equal(extract(holes).pixels, found.pixels)


def test_glare_raises_the_threshold() -> None:
    rng = np.random.default_rng(10)
    places = grid(rng)
    image = draw(rng, places, 1500.0)
    y, x = np.mgrid[:400, :400]
    glare = 4e5 / (20.0 + np.hypot(x + 30.0, y + 30.0)) ** 1.5
    image += glare + rng.normal(0.0, 1.0, image.shape) * np.sqrt(glare)
    found = extract(image, options=ExtractOptions(most=1000))
    near = np.linalg.norm(places[pair_up(found.pixels, places)] - found.pixels, axis=1)
    assert len(found.pixels) > 0.5 * len(places)
    assert (near < 1.0).mean() > 0.98


def test_ringing_and_trails_are_dropped() -> None:
    rng = np.random.default_rng(11)
    image = draw(rng, np.array([[100.0, 100.0]]), 2e5)
    image += draw(rng, np.array([[108.0, 100.0], [300.0, 300.0]]), 1500.0) - 100.0
    image[250, 50:150] += 200.0
    found = extract(image)
    assert np.round(found.pixels).tolist() == [[100.0, 100.0], [300.0, 300.0]]


def test_input_is_not_changed_and_shapes_are_checked() -> None:
    image = np.zeros((64, 80, 3), np.uint8)
    image[30:33, 40:43] = 200
    before = image.copy()
    found = extract(image)
    assert np.array_equal(image, before)
    # A square of 3x3 px is symmetric about its middle; the iteration stops at steps of 1e-4 px.
    assert found.pixels[0] == pytest.approx([41.0, 31.0], abs=2e-4)
    assert len(found.pixels) == 1
    with pytest.raises(InputError, match="shape"):
        extract(np.zeros((3, 4, 5, 6)))
    with pytest.raises(InputError, match="mask"):
        extract(image, np.zeros((10, 10), np.bool_))
    assert len(extract(image, np.ones((64, 80), np.bool_)).pixels) == 0
