"""Shadows between the bodies against the analytic cones, and the darkened solar disc."""

from __future__ import annotations

import math

import numpy as np
import pytest

import render_scenes as scenes
from terraluna.ephemeris.constants import SUN_RADIUS_KM
from terraluna.render.frame import darkened_sun, render_frame
from terraluna.render.materials_basic import UniformMaterial
from terraluna.render.shadows import NECKEL_LABS_1994, ring_hidden, sun_rings, uniform_visible


def eclipse(sun="uniform", moon_z=384400.0):
    """The Moon in the Earth's shadow, seen from between the two near the axis; the Sun behind the observer."""
    camera = scenes.pinhole(601, 601, 1200.0)
    direction = (0.0, 0.0, -1.0)
    screen = scenes.body("moon", (0.0, 0.0, 80000.0), 20000.0, material=UniformMaterial(1.0), sun=direction)
    earth = scenes.body("earth", (0.0, 0.0, 80000.0 - moon_z), 6378.0, sun=direction)
    return camera, render_frame(camera, [screen, earth], layers=True, sun=sun)


def test_umbra_and_penumbra_radii():
    """On a large screen sphere: the cones' radii at the depth of each point, by the similar triangles of textbooks."""
    _, frame = eclipse()
    sun = frame.layers.sun_visible[300]
    columns = np.arange(601)
    lat_range = frame.layers.range_km[300]
    radius = lat_range * np.sin(np.arctan(np.abs(columns - 300) / 1200.0))
    depth = lat_range * np.cos(np.arctan((columns - 300) / 1200.0)) - (80000.0 - 384400.0)
    sun_from_earth = scenes.AU_KM - 384400.0
    umbra = 6378.0 - depth * (SUN_RADIUS_KM - 6378.0) / sun_from_earth
    penumbra = 6378.0 + depth * (SUN_RADIUS_KM + 6378.0) / sun_from_earth
    right = columns > 300
    dark = radius[right][np.flatnonzero(sun[right] > 0.0)[0]]
    expected = umbra[right][np.flatnonzero(sun[right] > 0.0)[0]]
    pixel = lat_range[300] / 1200.0  # radii are read to one pixel: 50 km of 4,600 and 9,200
    assert dark == pytest.approx(expected, abs=pixel)
    lit = np.flatnonzero(sun[right] >= 1.0)[0]
    assert radius[right][lit] == pytest.approx(penumbra[right][lit], abs=pixel)
    assert sun[300] == 0.0
    # Symmetric, and rising outward.
    assert np.allclose(sun[right], sun[:300][::-1], atol=1e-9)
    inside = sun[right][: lit + 1]
    assert (np.diff(inside) >= -1e-12).all()


def test_moons_shadow_on_the_earth():
    """Umbra of the Moon at perigee reaches the Earth; its penumbra is about 3,500 km in radius (Meeus, Astronomical
    Algorithms: 0.5332 to 0.5666 Earth radii in the fundamental plane, about 3,470 km)."""
    direction = np.array([0.0, 0.0, -1.0])
    camera = scenes.pinhole(401, 401, 3000.0)
    earth = scenes.body("earth", (0.0, 0.0, 120000.0), 6371.0, sun=direction)
    moon = scenes.body("moon", (0.0, 0.0, 120000.0 - 360000.0), 1737.4, sun=direction)
    layers = render_frame(camera, [earth, moon], layers=True, sun="uniform").layers
    shaded = (layers.sun_visible < 1.0) & (layers.coverage > 0)
    v, u = np.mgrid[:401, :401]
    offset = layers.range_km * np.sin(np.arctan(np.hypot(u - 200, v - 200) / 3000.0))
    radius = offset[shaded].max()
    assert 3300.0 < radius < 3600.0
    assert layers.sun_visible[200, 200] == 0.0
    # Everything beyond the penumbra is free.
    assert (layers.sun_visible[(offset > radius + 50.0) & (layers.coverage > 0)] == 1.0).all()


def test_no_shadow_without_alignment():
    camera = scenes.pinhole(64, 64, 300.0)
    earth = scenes.body("earth", (0.0, 0.0, 1e5), 6378.0)
    moon = scenes.body("moon", (20000.0, 0.0, 9e4), 1737.0)
    frame = render_frame(camera, [earth, moon])
    assert not frame.metadata["bodies"]["earth"]["shadowed"]


def test_uniform_overlap():
    # Two equal discs a radius apart share 2/3 - sqrt(3)/(2 pi) of their area.
    assert uniform_visible(1.0, 1.0, 1.0) == pytest.approx(
        1.0 - (2.0 / 3.0 - math.sqrt(3.0) / (2.0 * math.pi)), abs=1e-12
    )
    assert uniform_visible(0.0, 1.0, 0.5) == pytest.approx(0.75)
    assert uniform_visible(0.0, 1.0, 2.0) == 0.0
    assert uniform_visible(3.1, 1.0, 2.0) == 1.0


def test_rings_of_a_flat_sun_match_the_closed_form():
    radii, weights = sun_rings(np.array([[1.0]]))
    for separation in (0.2, 0.8, 1.3, 1.9):
        hidden = sum(w * ring_hidden(r, separation, 0.9) for r, w in zip(radii, weights[:, 0], strict=True))
        assert 1.0 - hidden == pytest.approx(uniform_visible(separation, 1.0, 0.9), abs=2e-3)


def test_darkened_sun():
    # Neckel & Labs 1994: mean over central intensity at 559.95 nm is 0.8061; coefficients sum to 1 at the centre.
    for coefficients in NECKEL_LABS_1994.values():
        assert sum(coefficients) == pytest.approx(1.0, abs=2e-4)
    mean = sum(2.0 * a / (k + 2.0) for k, a in enumerate(NECKEL_LABS_1994[559.950]))
    assert mean == pytest.approx(0.8061, abs=2e-4)
    radii, weights = darkened_sun(np.array([680.0, 443.0]))
    # The limb is redder: half hidden from outside leaves less blue than red in the rim.
    rim = radii > 0.9
    assert weights[rim, 0].sum() > weights[rim, 1].sum()
    assert weights.sum(axis=0) == pytest.approx([1.0, 1.0])


def test_penumbra_is_redder_near_the_umbra():
    _, frame = eclipse("darkened")
    row = frame.image[300, 301:]
    sun = frame.layers.sun_visible[300, 301:]
    edge = np.flatnonzero((sun > 0.005) & (sun < 0.1))
    assert edge.size > 0
    assert (row[edge, 0] > row[edge, 2]).all()
