"""Meridians and parallels on a measured disc, and frames of more discs than there are bodies."""

from __future__ import annotations

import numpy as np
import pytest

from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.missions.view import MissionView
from terraluna.opnav.measure import MeasuredBody, MeasureOptions, measure_image
from terraluna.opnav.measure.graticule import graticule

# Chords of 5 degrees lie within a curve on the sphere by less than this share of the radius.
CHORD_SHARE = 1e-3


def _body(x: float, y: float, radius: float) -> MeasuredBody:
    nan, none = float("nan"), np.zeros(0)
    return MeasuredBody(
        "earth", x, y, radius, np.eye(3), np.zeros((0, 2)), np.zeros((0, 2, 2)), none, None, nan, 0.0, nan, nan, nan,
        "circle",
    )  # fmt: skip


def test_lines_stay_on_the_disc_and_cross_where_they_should() -> None:
    with Ephemeris() as ephemeris:
        scene = MissionView.open("dscovr", ephemeris).scene()
    predicted = scene.pixels("earth")
    assert predicted is not None
    # Moved and enlarged: the lines follow the measured disc.
    radius = 2.0 * predicted.limb.radius
    lines = graticule(scene, _body(predicted.x + 30.0, predicted.y - 10.0, radius))
    points = np.vstack(lines)
    distance = np.hypot(points[:, 0] - predicted.x - 30.0, points[:, 1] - predicted.y + 10.0)
    # The Earth's flattening: the equator reaches 0.2 % beyond the mean radius.
    assert distance.max() < radius * (1.002 + CHORD_SHARE)
    # From 1.5e6 km just under half of the sphere is seen: of five parallels and twelve meridians about half.
    assert 9 <= len(lines) <= 24
    assert distance.min() < 0.3 * radius


def test_nameless_bodies_have_no_lines() -> None:
    from dataclasses import replace

    with Ephemeris() as ephemeris:
        scene = MissionView.open("dscovr", ephemeris).scene()
    assert graticule(scene, replace(_body(0.0, 0.0, 50.0), name="unknown")) == []


def test_four_discs_are_refused() -> None:
    y, x = np.mgrid[:400, :600]
    image = np.full((400, 600), 10.0)
    for cx, cy in ((100.3, 100.1), (300.6, 120.4), (480.2, 90.7), (250.5, 300.2)):
        image += 150.0 * np.clip(40.5 - np.hypot(x - cx, y - cy), 0.0, 1.0)
    result = measure_image(image + np.random.default_rng(0).normal(0.0, 1.0, image.shape))
    assert result.status == "refused"
    assert "too_many_discs" in result.reasons


def test_an_impossible_blur_is_an_error() -> None:
    with pytest.raises(InputError, match="psf_sigma_px"):
        MeasureOptions(psf_sigma_px=-1.0)
