"""Disc integrals and centres of brightness against published and analytic values."""

from __future__ import annotations

import math

import numpy as np
import pytest

import render_scenes as scenes
from terraluna.camera.psf import Psf
from terraluna.render.frame import render_frame
from terraluna.render.materials_basic import UniformMaterial
from terraluna.render.materials_moon import MCEWEN_L, MoonMaterial, lambert_disc, lunar_disc, mcewen_weight

# Phase (deg): centre of brightness over the radius and flux of a unit disc (orthographic), Lambert and Lommel-Seeliger
# (mu0 / (mu0 + mu)); integrated numerically in plane coordinates, see docs/algorithms.
DISC = {
    10: (0.06558, 0.05887, 2.06375, 1.53329),
    30: (0.19861, 0.18308, 1.84483, 1.34992),
    60: (0.39995, 0.37817, 1.27548, 0.97362),
    90: (0.58905, 0.56321, 0.66667, 0.59184),
    120: (0.74488, 0.71492, 0.22828, 0.27652),
    150: (0.84766, 0.81417, 0.03103, 0.07112),
}
CENTRE_TOL = 0.002  # radii: the renderer's specification
FLUX_RTOL = 0.005  # measured: 0.0026 for the thinnest Lommel-Seeliger crescent, 0.001 up to 120 degrees


@pytest.mark.parametrize("phase_deg", DISC)
@pytest.mark.parametrize("radius_px", [0.3, 12.0, 200.0])
def test_flux_and_centre_of_brightness(phase_deg, radius_px):
    lambert, lunar, lambert_flux, lunar_flux = DISC[phase_deg]
    size = int(2 * radius_px) + 22
    camera = scenes.pinhole(size, size, radius_px * 1e6)
    center = np.array([0.31 / camera.focal_px_x, -0.2 / camera.focal_px_x, 1.0]) * 1e6
    psf = Psf(0.8) if radius_px < 5 else None
    for law, offset, flux, scale in (
        ("lambert", lambert, lambert_flux, 1.0),
        ("lommel-seeliger", lunar, lunar_flux, 2.0),
    ):
        moon = scenes.body("moon", center, 1.0, math.radians(phase_deg), UniformMaterial(1.0, law))
        image = render_frame(camera, [moon], psf=psf, bands_nm=[550.0]).image[..., 0]
        v, u = np.mgrid[:size, :size]
        total = image.sum()
        du = (image * u).sum() / total - camera.cx - 0.31
        dv = (image * v).sum() / total - camera.cy + 0.2
        assert math.hypot(du, dv) / radius_px == pytest.approx(offset, abs=CENTRE_TOL)
        assert total / radius_px**2 == pytest.approx(scale * flux, rel=FLUX_RTOL)
        # Toward the Sun.
        sun = moon.sun_direction[:2] / np.linalg.norm(moon.sun_direction[:2])
        assert (du * sun[0] + dv * sun[1]) / math.hypot(du, dv) > 0.9999


def test_disc_means_against_table():
    phase = np.deg2rad(list(DISC))
    assert np.allclose(lambert_disc(phase) * np.pi, [v[2] for v in DISC.values()], atol=2e-5)
    assert np.allclose(lunar_disc(phase) * np.pi / 2, [v[3] for v in DISC.values()], atol=2e-5)


def test_mcewen_weight():
    # ISIS, LunarLambertMcEwen: 1 - 0.019 g + 2.42e-4 g^2 - 1.46e-6 g^3, g in degrees.
    assert MCEWEN_L[1:] == (-0.019, 2.42e-4, -1.46e-6)
    assert mcewen_weight(np.array([0.0, 60.0, 170.0])) == pytest.approx([1.0, 0.41584, 0.0], abs=1e-9)


class FlatMaps:
    """A Moon of one albedo without relief, for the law alone."""

    class _Map:
        def __init__(self, values):
            self.values = values

        def mip_level(self, texels):
            return self.values

        def texels_per_pixel(self, radius):
            return 1.0

    def __init__(self, iof):
        self.albedo = self._Map(np.full((90, 180, 3), iof, np.float32))
        self.slopes = self._Map(np.zeros((90, 180, 2), np.float32))
        self.relief_m = self._Map(np.zeros((90, 180), np.float32))


def test_moon_law_returns_the_maps_value_at_the_maps_geometry():
    """Incidence 60, emission 0, phase 60 degrees: the middle of a disc at phase 60."""
    camera = scenes.pinhole(101, 101, 40e5)
    moon = scenes.body("moon", (0.0, 0.0, 1e5), 1.0, math.radians(60.0), MoonMaterial(FlatMaps(0.05)))
    image = render_frame(camera, [moon]).image
    assert image[50, 50] == pytest.approx([0.05] * 3, rel=2e-3)


def test_uniform_moon_follows_rolo():
    """Disc reflectance over phase: Kieffer & Stone 2005 at 566 nm (30 and 75 degrees: 0.05479, 0.01712)."""
    camera = scenes.pinhole(170, 170, 70e5)
    means = []
    for phase in (30.0, 75.0):
        moon = scenes.body("moon", (0.0, 0.0, 1e5), 1.0, math.radians(phase), MoonMaterial(FlatMaps(0.05)))
        means.append(render_frame(camera, [moon]).image[..., 1].sum())
    assert means[1] / means[0] == pytest.approx(0.01712 / 0.05479, rel=3e-3)
