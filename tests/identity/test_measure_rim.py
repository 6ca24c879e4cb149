"""The pixels near a limb and quantiles of them against plain numpy over the whole frame."""

from __future__ import annotations

import numpy as np
import pytest

from terraluna.opnav.measure.median import median, quantile
from terraluna.opnav.measure.rim import collect
from terraluna.opnav.measure.shapes import CircleLimb, EllipseLimb, polar_of

INNER, OUTER, WIDTH = 4.0, 6.0, 2.0
TURN = 3e-9 * 2.0 * np.pi
"""Error of the fast polar angle, rad."""


@pytest.mark.parametrize(
    "limb",
    [
        CircleLimb(60.37, 51.71, 30.2),
        EllipseLimb(60.37, 51.71, 30.2, 3.0, -2.0),
        CircleLimb(-41.2, 20.6, 70.4),
        CircleLimb(60.37, 51.71, 2.9),
        EllipseLimb(50.1, 400.6, 340.3, 5.0, 1.0),
    ],
    ids=["circle", "ellipse", "left of the frame", "without a hole", "below the frame"],
)
def test_every_pixel_near_the_limb_is_in_its_stretch(limb: CircleLimb | EllipseLimb) -> None:
    rng = np.random.default_rng(5)
    light = rng.normal(size=(100, 120))
    bad, full = rng.random(light.shape) < 0.05, rng.random(light.shape) < 0.05
    # One before the limb, one that only touches, one far away.
    others = np.array([[90.0, 52.0, 9.0], [20.0, 30.0, 12.5], [-300.0, 0.0, 20.0]])
    polar = polar_of(limb)
    rim = collect(light, bad, full, (polar.x, polar.y), polar.radius, INNER, OUTER, WIDTH, others)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    angle = np.arctan2(y - polar.y, x - polar.x) % (2.0 * np.pi)
    grid = np.arange(len(polar.radius) + 1) * (2.0 * np.pi / len(polar.radius))
    radius = np.interp(angle, grid, np.append(polar.radius, polar.radius[0]))
    closed = np.concatenate((polar.radius[-1:], polar.radius, polar.radius[:1]))
    slope = (closed[2:] - closed[:-2]) / (2.0 * grid[1]) / polar.radius
    slant = 1.0 / np.hypot(1.0, slope)
    depth = (radius - np.hypot(x - polar.x, y - polar.y)) * np.interp(angle, grid, np.append(slant, slant[0]))
    near = (depth <= INNER) & (depth >= -OUTER)
    # No pixel lies so near the edge of the band that the angle's error decides.
    assert min(np.abs(depth - INNER).min(), np.abs(depth + OUTER).min()) > TURN * polar.radius.max()
    covered = (np.hypot(x[..., None] - others[:, 0], y[..., None] - others[:, 1]) < others[:, 2]).any(axis=-1)
    bins = len(rim.angle)
    stretch = (angle / (2.0 * np.pi) * bins).astype(int)
    spoilt = near & (bad | covered)
    assert np.array_equal(rim.spoilt, np.bincount(stretch[spoilt], minlength=bins))
    good = near & ~spoilt
    assert np.array_equal(np.diff(rim.start), np.bincount(stretch[good], minlength=bins))
    order = np.argsort(stretch[good], kind="stable")
    assert np.array_equal(rim.value, light[good][order])
    assert np.array_equal(rim.full, full[good][order])
    # The table's radius changes by less than its own size a radian.
    assert np.abs(rim.depth - depth[good][order]).max() < TURN * polar.radius.max()


@pytest.mark.parametrize("n", [1, 2, 3, 10, 151, 1000])
def test_median_and_quantiles_are_those_of_numpy(n: int) -> None:
    rng = np.random.default_rng(n)
    for values in (rng.normal(size=n), np.floor(3.0 * rng.normal(size=n)), np.zeros(n), np.arange(n) * 1.0):
        # Rounding.
        assert median(values) == pytest.approx(np.median(values), rel=1e-15, abs=1e-15)
        for share in (0.0, 0.3, 0.8, 0.95, 1.0):
            assert quantile(values, share) == pytest.approx(np.quantile(values, share), rel=1e-14, abs=1e-14)


def test_median_of_what_is_no_number_ends() -> None:
    assert np.isnan(median(np.full(7, np.nan)))
    assert np.isnan(median(np.zeros(0)))
