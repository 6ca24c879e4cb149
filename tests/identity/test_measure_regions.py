"""Lit regions and polar angles against the general tools that they stand in for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from terraluna.opnav.measure.contours import _lit, _regions, _runs
from terraluna.opnav.measure.rim import slope_of, turn_of

TURN = 5e-9
"""Abramowitz and Stegun give 2e-8 rad for their 4.4.49: 3.2e-9 of a turn."""
DIFFERENCE = 1e-4
"""Second-order differences at 720 points: a sixth of the square of the step times the third derivative, 4e-5 here."""


@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 0.55, 0.8, 1.0])
def test_regions_are_those_of_a_general_labelling(density: float) -> None:
    lit = np.zeros((120, 90), np.bool_)
    lit[3:-3, 3:-3] = np.random.default_rng(5).random((114, 84)) < density
    labels, count = ndimage.label(lit)
    runs = _runs(lit)
    region, area = _regions(runs)
    ours = np.zeros(lit.shape, int)
    for (row, first, beyond), k in zip(runs, region, strict=True):
        ours[row, first:beyond] = k + 1
    np.testing.assert_array_equal(ours, labels)
    np.testing.assert_array_equal(area, np.bincount(labels.ravel(), minlength=count + 1)[1:])


def test_lost_rows_within_a_disc_join_its_halves_and_those_beside_it_stay_dark() -> None:
    y, x = np.mgrid[:60, :80]
    light = np.where(np.hypot(x - 40, y - 30) < 20.0, 100.0, 0.0)
    bad = np.zeros(light.shape, np.bool_)
    bad[28:33] = True
    bad[:2] = bad[-2:] = True
    lit = _lit(light, bad, 50.0)
    assert len(_regions(_runs(lit))[1]) == 1
    assert lit[28:33, 40].all()
    assert not lit[28:33, :18].any()
    light[33:] = 0.0
    assert not _lit(light, bad, 50.0)[28:33].any()


def test_polar_angles() -> None:
    directions = np.random.default_rng(1).normal(size=(2000, 2)).tolist()
    for dx, dy in [*directions, (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0), (-2.0, -2.0), (3.0, -3.0)]:
        turn = turn_of(dx, dy)
        off = abs(turn - math.atan2(dy, dx) / (2.0 * math.pi)) % 1.0
        assert 0.0 <= turn <= 1.0
        assert min(off, 1.0 - off) < TURN


def test_slope_of_a_polar_table() -> None:
    angle = np.arange(720) * (2.0 * np.pi / 720)
    slope = slope_of(50.0 + 3.0 * np.cos(angle - 0.4))
    np.testing.assert_allclose(slope, -3.0 * np.sin(angle - 0.4), atol=DIFFERENCE)
