"""The Moon's outline by its relief: silhouettes of simple bodies, and what the renderer makes of them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from terraluna.camera.model import Camera, Detector
from terraluna.render.frame import render_frame
from terraluna.render.maps import load_moon_maps
from terraluna.render.moon import RadiometricMoon
from terraluna.render.moon.silhouette import even_angles, limb_frame, limb_heights_km
from terraluna.render.pyramid import Pyramid
from terraluna.render.scene_arrays import RenderBody

R = 1737.4
FAR = np.array([4e5, 0.0, 0.0])
AXES = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Camera to body-fixed: the observer on the body's +x axis, north up."""

CELL_KM = 1e-3
"""Half a cell's step past the tangent point of a level sphere lowers it by R (step)^2 / 8: 1.0 m for 720 rows."""
STEP_KM = 0.15
"""Half a step of half a cell, 1.1 mrad, where the ground falls away from the line of sight by 4.4 degrees."""
SAMPLE = 0.05
"""Samples between what the outline encloses and the silhouette: the gradient is that of a curve bent within one."""


def level(height_m: float, rows: int = 720) -> NDArray[np.float32]:
    return np.full((rows, 2 * rows), height_m, np.float32)


@pytest.mark.parametrize("height_m", [-3000.0, 0.0, 5000.0])
@pytest.mark.parametrize("distance_km", [1900.0, 9000.0, 4e5])
def test_level_ground_is_a_larger_sphere(height_m: float, distance_km: float) -> None:
    observer = distance_km * np.array([0.6, -0.64, 0.48])
    heights = limb_heights_km(level(height_m), observer, R, even_angles(90))
    assert heights == pytest.approx(1e-3 * height_m, abs=CELL_KM)


def test_a_mountain_stands_where_it_is() -> None:
    """A mountain at the limb at 30 degrees north, seen from far away on the equator at longitude 0."""
    relief = level(0.0)
    row = int((90.0 - 30.0) / 0.25)
    relief[row - 4 : row + 4, int(270.0 / 0.25) - 4 : int(270.0 / 0.25) + 4] = 6000.0
    heights = limb_heights_km(relief, FAR, R, even_angles(720))
    frame = limb_frame(FAR)
    angles = even_angles(720)
    directions = np.cos(angles)[:, None] * frame[1] + np.sin(angles)[:, None] * frame[2]
    top = directions[np.argmax(heights)]
    assert heights.max() == pytest.approx(6.0, abs=0.02)
    assert top @ [0.0, math.cos(math.radians(30.0)), math.sin(math.radians(30.0))] > math.cos(math.radians(1.1))
    assert np.count_nonzero(heights > 0.1) < 12


def test_ground_behind_the_limb_is_seen_from_its_height_only() -> None:
    """A plateau that starts d beyond the limb shows above it by what a tangent over the sphere leaves of it."""
    beyond, height = math.radians(4.0), 8.0
    relief = level(0.0)
    longitude = np.radians((np.arange(1440) + 0.5) * 0.25 - 180.0)
    relief[:, (longitude > 0.5 * math.pi + beyond) | (longitude < -0.5 * math.pi - beyond)] = 1e3 * height
    east = limb_heights_km(relief, FAR, R, even_angles(360))
    frame = limb_frame(FAR)
    angles = even_angles(360)
    along = np.cos(angles) * frame[1, 1] + np.sin(angles) * frame[2, 1]
    # The sphere's limb lies R/D before 90 degrees; the edge rises from cell to cell, so its top is half a cell on.
    expected = (R + height) * math.cos(beyond + R / FAR[0] + math.radians(0.125)) - R
    assert east[np.argmax(along)] == pytest.approx(expected, abs=STEP_KM)


def frame_of(relief: float, phase_deg: float, size: int = 300) -> tuple[NDArray[np.float64], float]:
    """Coverage of the Moon in a frame and its radius in px."""
    focal = 0.46 * size * 4e5 / R
    middle = 0.5 * (size - 1)
    camera = Camera("t", "t", size, size, focal, focal, middle, middle, Detector(1.0, 1e5, 1.0, 0.0, 0.0, 16, 65535.0))
    phase = math.radians(phase_deg)
    sun = np.array([math.sin(phase), 0.0, -math.cos(phase)])
    moon = RenderBody(
        "moon",
        np.array([0.0, 0.0, 4e5]),
        np.full(3, R),
        AXES,
        sun,
        1.5e8,
        RadiometricMoon(load_moon_maps(), relief=relief),
    )
    layers = render_frame(camera, [moon], layers=True).layers
    assert layers is not None
    return layers.mask("moon"), focal * R / 4e5


def test_outline_encloses_the_silhouette() -> None:
    """The covered area is that inside the silhouette, and the smooth Moon keeps its circle."""
    smooth, radius = frame_of(0.0, 30.0)
    rough, _ = frame_of(1.0, 30.0)
    heights = limb_heights_km(load_moon_maps().relief_m.base, FAR, R, even_angles(5760))
    inside = math.pi * radius**2 * float(np.mean((1.0 + heights / R) ** 2))
    assert smooth.sum() == pytest.approx(math.pi * radius**2, rel=1e-4)
    assert abs(rough.sum() - inside) < SAMPLE * 2.0 * math.pi * radius
    # Mountains of 4 km are a third of a pixel here: both more and less than the circle are there.
    assert (rough - smooth).max() > 0.2
    assert (rough - smooth).min() < -0.2


def test_smooth_moon_is_left_alone() -> None:
    maps = load_moon_maps()
    flat = dataclasses.replace(
        maps, relief_m=Pyramid("flat", level(0.0)), slopes=Pyramid("flat", np.zeros((720, 1440, 2)))
    )
    assert RadiometricMoon(maps, relief=0.0).top_km == 0.0
    assert RadiometricMoon(flat).top_km == 0.0
    assert RadiometricMoon(maps).top_km == pytest.approx(10.48, abs=0.5)
