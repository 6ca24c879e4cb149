"""The geometry pass against SPICE: surface point, normal, angles, range."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import spiceypy as spice

import render_scenes as scenes
from terraluna.camera.distortion import Distortion
from terraluna.render.angles import fast_atan2, fast_exp, map_cells
from terraluna.render.frame import render_frame
from terraluna.render.kernels import half_plane_area
from terraluna.render.pyramid import sample_bilinear

EARTH_KM = (6378.1366, 6378.1366, 6356.7519)
EXP_TOL = 1e-12  # absolute: remainder of the series at its worst place, x = -7
ANGLE_TOL = 1e-9  # rad; 6 mm on the Earth; arc cosines near 0 lose half of the digits
SMALL_ANGLE_TOL = 1e-6  # rad, for incidence, emission and phase, which are arc cosines


@pytest.mark.parametrize("distortion", [Distortion(), Distortion("brown-conrady", (-0.2, 0.03, 1e-3, -5e-4, 0.0))])
@pytest.mark.parametrize(
    ("center", "focal"),
    [((3000.0, -2000.0, 36000.0), 700.0), ((-400.0, 900.0, 7900.0), 130.0), ((9e3, 0.0, 9e4), 250.0)],
)
def test_truth_layers_against_spice(center, focal, distortion):
    camera = dataclasses.replace(scenes.pinhole(160, 120, focal), distortion=distortion)
    rotation = scenes.rotation(7)
    earth = scenes.body("earth", center, radii=EARTH_KM, rotation=rotation, phase_rad=0.9)
    layers = render_frame(camera, [earth], layers=True).layers
    observer = -rotation @ np.asarray(center)
    sun = rotation @ earth.sun_direction
    checked = 0
    for row, column in np.argwhere(layers.coverage == 1.0)[::23]:
        ray = rotation @ camera.unproject((float(column), float(row)))
        try:
            point = spice.surfpt(observer, ray, *EARTH_KM)
        except spice.utils.exceptions.NotFoundError:  # within a thousandth of a pixel of the limb
            continue
        normal = spice.surfnm(*EARTH_KM, point)
        distance, lon, lat = spice.reclat(point)
        emission = spice.vsep(normal, observer - point)
        if emission > 1.35:  # samples within two pixels of the limb look at the mean of the root, not at the centre
            continue
        assert distance > 6300.0
        assert layers.lat_rad[row, column] == pytest.approx(lat, abs=ANGLE_TOL)
        assert layers.lon_rad[row, column] == pytest.approx(lon, abs=ANGLE_TOL)
        assert layers.emission_rad[row, column] == pytest.approx(emission, abs=SMALL_ANGLE_TOL)
        assert layers.incidence_rad[row, column] == pytest.approx(spice.vsep(normal, sun), abs=SMALL_ANGLE_TOL)
        assert layers.phase_rad[row, column] == pytest.approx(spice.vsep(sun, observer - point), abs=SMALL_ANGLE_TOL)
        assert layers.range_km[row, column] == pytest.approx(np.linalg.norm(observer - point), rel=1e-9)
        checked += 1
    assert checked > 20


def test_half_plane_area_against_counting():
    """10^6 points a square: counting is good to 1e-3."""
    grid = (np.arange(1000) + 0.5) / 1000 - 0.5
    x, y = np.meshgrid(grid, grid)
    for angle in (0.0, 0.3, math.pi / 4, 1.9, 4.0):
        nx, ny = math.cos(angle), math.sin(angle)
        for distance in (-0.8, -0.6, -0.2, 0.0, 0.1, 0.45, 0.69):
            counted = float(np.mean(x * nx + y * ny + distance > 0.0))
            assert half_plane_area(distance, nx, ny) == pytest.approx(counted, abs=1e-3)


def test_angles_against_numpy():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 2000)) * 10.0 ** rng.uniform(-6, 6, 2000)
    x[:4], y[:4] = (0.0, 0.0, 1.0, -1.0), (1.0, -1.0, 0.0, 0.0)
    ours = np.array([fast_atan2(b, a) for a, b in zip(x, y, strict=True)])
    assert np.abs(ours - np.arctan2(y, x)).max() < 2e-14
    assert fast_atan2(0.0, 0.0) == 0.0
    z = -np.linspace(0.0, 60.0, 3001)
    ours = np.array([fast_exp(a) for a in z])
    assert np.abs(ours - np.exp(z)).max() < EXP_TOL


def test_map_cells_agree_with_the_maps_own_sampler():
    grid = np.random.default_rng(5).random((90, 180), dtype=np.float32)
    for lat, lon in [(0.1, 0.2), (1.57, 3.14), (-1.57, -3.14159), (0.0, math.pi), (0.3, -math.pi), (math.pi / 2, 0.0)]:
        i0, i1, j0, j1, fy, fx = map_cells(90, 180, lat, lon)
        upper = (1 - fx) * grid[i0, j0] + fx * grid[i0, j1]
        lower = (1 - fx) * grid[i1, j0] + fx * grid[i1, j1]
        assert (1 - fy) * upper + fy * lower == pytest.approx(sample_bilinear(grid, lat, lon), abs=1e-6)
