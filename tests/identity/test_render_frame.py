"""Limb, flux, depth and determinism of whole frames, with uniform spheres."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

import render_scenes as scenes
from terraluna.camera.psf import Psf
from terraluna.errors import GeometryError, InputError
from terraluna.render.frame import render_frame
from terraluna.render.materials_basic import UniformMaterial

AREA_RTOL = 1e-3  # the renderer's specification; 2e-6 is measured
CENTRE_PX = 0.01  # the renderer's specification
JUMP = 0.01  # flux between the point and the disc regime: specification; 2e-4 is measured
DOUBLING = 1e-3  # change of the disc integral with twice the samples: specification


def conic(center, radius, camera):
    """Area and centre (px) of a sphere's image in a pinhole: the ellipse cut from its cone, in closed form."""
    x, y, z = center
    d = z * z - radius * radius
    f = camera.focal_px_x
    area = math.pi * (f * radius) ** 2 * math.sqrt(x * x + y * y + d) / d**1.5
    return area, camera.cx + f * x * z / d, camera.cy + f * y * z / d


def moments(mask):
    v, u = np.mgrid[: mask.shape[0], : mask.shape[1]]
    total = mask.sum()
    return total, (mask * u).sum() / total, (mask * v).sum() / total


@pytest.mark.parametrize("radius_px", [1.5, 5.2, 20.0, 63.0, 65.0, 250.0])
@pytest.mark.parametrize("offset", [(0.3, -0.2), (0.5, 0.0)])
def test_area_and_centre_of_far_disc(radius_px, offset):
    distance = 1e6
    focal = radius_px / math.tan(math.asin(scenes.MOON_KM / distance))
    size = int(2 * radius_px) + 24
    camera = scenes.pinhole(size, size, focal)
    center = np.array([offset[0] / focal, offset[1] / focal, 1.0]) * distance
    # The truth mask for the area; the PSF takes the aliasing of whole pixels out of the smallest discs' centres.
    frame = render_frame(camera, [scenes.body("moon", center, phase_rad=0.0)], layers=True)
    total, u, v = moments(frame.layers.mask("moon"))
    area, cu, cv = conic(center, scenes.MOON_KM, camera)
    assert total == pytest.approx(area, rel=AREA_RTOL)
    if radius_px > 3.0:  # the moments of a box-sampled edge are not those of the edge below this
        assert abs(u - cu) < CENTRE_PX
        assert abs(v - cv) < CENTRE_PX
    frame = render_frame(camera, [scenes.body("moon", center, phase_rad=0.0)], psf=Psf(0.8), bands_nm=[550.0])
    _, u, v = moments(frame.image[..., 0])
    assert abs(u - cu) < CENTRE_PX
    assert abs(v - cv) < CENTRE_PX


@pytest.mark.parametrize(("distance", "off_axis"), [(9000.0, 0.2), (4000.0, 0.35), (2500.0, 0.0)])
def test_area_and_centre_near_the_body(distance, off_axis):
    camera = scenes.pinhole(900, 900, 300.0)
    center = distance * np.array([math.sin(off_axis), 0.3 * math.sin(off_axis), math.cos(off_axis)])
    frame = render_frame(camera, [scenes.body("moon", center)], layers=True)
    total, u, v = moments(frame.layers.mask("moon"))
    area, cu, cv = conic(center, scenes.MOON_KM, camera)
    assert total == pytest.approx(area, rel=AREA_RTOL)
    assert abs(u - cu) < CENTRE_PX
    assert abs(v - cv) < CENTRE_PX


def test_flux_is_continuous_from_point_to_disc():
    """Flux over apparent area stays the same from 0.1 px to 100 px, through deposit, oversampling and plain pixels."""
    ratios = []
    for radius_px in (0.1, 0.5, 1.4, 3.0, 7.9, 8.1, 20.0, 63.0, 65.0, 100.0):
        camera = scenes.pinhole(256, 256, radius_px * 1e5)
        center = np.array([0.37 / camera.focal_px_x, 0.11 / camera.focal_px_x, 1.0]) * 1e5
        moon = scenes.body("moon", center, radius_km=1.0, phase_rad=1.0)
        image = render_frame(camera, [moon], psf=Psf(0.9), bands_nm=[550.0]).image
        ratios.append(image.sum() / radius_px**2)
    assert max(ratios) / min(ratios) - 1.0 < JUMP


@pytest.mark.parametrize("phase_deg", [20, 90, 130])
@pytest.mark.parametrize("law", ["lambert", "lommel-seeliger"])
@pytest.mark.parametrize("radius_px", [0.7, 30.0, 150.0])
def test_twice_the_samples_change_little(phase_deg, law, radius_px):
    camera = scenes.pinhole(340, 340, radius_px * 1e5)
    center = np.array([0.2 / camera.focal_px_x, 0.0, 1.0]) * 1e5
    moon = scenes.body("moon", center, 1.0, math.radians(phase_deg), UniformMaterial(1.0, law))
    once, twice = (render_frame(camera, [moon], bands_nm=[550.0], oversample=k).image.sum() for k in (1, 2))
    assert twice == pytest.approx(once, rel=DOUBLING)


def test_depth_order():
    camera = scenes.pinhole(200, 200, 8000.0)
    dark, white = UniformMaterial(0.1, "lommel-seeliger"), UniformMaterial(0.9, "lommel-seeliger")

    def frame(moon_z, moon_x=0.0):
        earth = scenes.body("earth", (0.0, 0.0, 1e6), 6378.0, 0.0, white)
        moon = scenes.body("moon", (moon_x, 0.0, moon_z), 1737.0, 0.0, dark)
        return render_frame(camera, [moon, earth], layers=True, bands_nm=[550.0])

    before = frame(6e5)
    assert before.layers.body_id[100, 100] == 0
    assert before.image[100, 100, 0] == pytest.approx(0.1, rel=1e-3)
    assert before.metadata["near_to_far"] == ["moon", "earth"]
    behind = frame(1.4e6)
    assert behind.layers.mask("moon").max() == 0.0
    assert behind.image[100, 100, 0] == pytest.approx(0.9, rel=1e-3)
    # Over the limb: the two masks add up to what is covered; the hidden part is not counted twice.
    limb = frame(6e5, 6e5 * 6378.0 / 1e6)
    masks = limb.layers.masks
    assert np.abs(masks.sum(axis=0) - limb.layers.coverage).max() < 1e-12
    assert masks[0].sum() == pytest.approx(conic((6e5 * 6378.0 / 1e6, 0.0, 6e5), 1737.0, camera)[0], rel=AREA_RTOL)
    assert masks[1].sum() < conic((0.0, 0.0, 1e6), 6378.0, camera)[0] - 0.4 * masks[0].sum()


@pytest.mark.parametrize("psf", [None, Psf(1.2), Psf(0.7, wing_fraction=0.05)])
def test_part_of_a_frame_equals_the_crop_of_a_larger_one(psf):
    large = scenes.pinhole(240, 200, 900.0, 119.5, 99.5)
    small = scenes.pinhole(110, 90, 900.0, 119.5 - 20, 99.5 - 55)
    bodies = [
        scenes.body("earth", (-100.0, 300.0, 80000.0), 6378.0, 0.8),
        scenes.body("moon", (-7000.0, 2500.0, 90000.0), 1737.0, 0.8),
    ]
    whole = render_frame(large, bodies, psf=psf).image[55:145, 20:130]
    part = render_frame(small, bodies, psf=psf).image
    # The wings of the PSF end after 96 px and go through an FFT; everything else differs by rounding only.
    assert np.abs(whole - part).max() < 1e-9


def test_same_bits_on_one_and_two_threads():
    camera = scenes.pinhole(300, 280, 3000.0)
    bodies = [
        scenes.body("earth", (200.0, 0.0, 90000.0), 6378.0, 1.0, rotation=scenes.rotation(1)),
        scenes.body("moon", (1500.0, 900.0, 70000.0), 1737.0, 1.0),
    ]
    before = numba.get_num_threads()
    try:
        images = []
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            frame = render_frame(camera, bodies, psf=Psf(0.8), layers=True)
            images.append((frame.image, frame.layers.lat_rad))
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(images[0][0], images[1][0])
    assert np.array_equal(images[0][1], images[1][1], equal_nan=True)


def test_body_behind_or_beside_the_camera_leaves_the_sky():
    camera = scenes.pinhole(64, 64, 100.0)
    for center in ((0.0, 0.0, -50000.0), (90000.0, 0.0, 100.0), (40000.0, 0.0, 30000.0)):
        frame = render_frame(camera, [scenes.body("moon", center)], layers=True, psf=Psf(0.8))
        assert frame.image.max() == 0.0
        assert (frame.layers.body_id == -1).all()
        assert np.isnan(frame.layers.range_km).all()


def test_body_that_fills_the_frame():
    camera = scenes.pinhole(64, 64, 400.0)
    frame = render_frame(camera, [scenes.body("moon", (0.0, 0.0, 1900.0), phase_rad=0.0)], layers=True)
    assert (frame.layers.coverage == 1.0).all()
    assert frame.layers.range_km.min() == pytest.approx(1900.0 - scenes.MOON_KM, rel=1e-4)


def test_wide_view_past_the_horizon():
    """From 100 km above the ground the limb runs out of the frame and behind the camera's validity: half stays sky."""
    camera = scenes.pinhole(101, 101, 50.0)
    dip = math.acos(scenes.MOON_KM / (scenes.MOON_KM + 100.0))
    center = (scenes.MOON_KM + 100.0) * np.array([0.0, math.cos(dip), math.sin(dip)])
    frame = render_frame(camera, [scenes.body("moon", center)], layers=True)
    # The boresight grazes the limb, which dips away to both sides.
    assert frame.layers.coverage[:50].max() == 0.0
    assert frame.layers.coverage[50, 50] == pytest.approx(0.5, abs=0.02)
    assert (frame.layers.coverage[60:, 50] == 1.0).all()


def test_common_distance_from_the_sun():
    camera = scenes.pinhole(64, 64, 800.0)
    moon = scenes.body("moon", (0.0, 0.0, 90000.0))
    own = render_frame(camera, [moon]).image
    twice = render_frame(camera, [moon], reference_sun_range_km=2.0 * scenes.AU_KM).image
    assert np.allclose(twice, 4.0 * own, rtol=1e-12)


def test_errors():
    camera = scenes.pinhole(8, 8, 10.0)
    moon = scenes.body("moon", (0.0, 0.0, 90000.0))
    with pytest.raises(GeometryError, match="inside"):
        scenes.body("moon", (0.0, 0.0, 1000.0))
    with pytest.raises(InputError, match="same name"):
        render_frame(camera, [moon, moon])
    with pytest.raises(InputError, match="wavelength"):
        render_frame(camera, [moon], bands_nm=[])
    with pytest.raises(InputError, match="oversample"):
        render_frame(camera, [moon], oversample=0)
    with pytest.raises(InputError, match="rotation"):
        scenes.body("moon", (0.0, 0.0, 90000.0), rotation=2.0 * np.eye(3))
    with pytest.raises(InputError, match="equal equatorial"):
        scenes.body("moon", (0.0, 0.0, 90000.0), radii=(3.0, 2.0, 1.0))
    with pytest.raises(InputError, match="3 bands"):
        render_frame(camera, [scenes.body("moon", (0.0, 0.0, 9e4), material=UniformMaterial((1.0, 2.0)))])
