"""Flux and width of the optics."""

from __future__ import annotations

import numpy as np
import pytest

import render_scenes as scenes
from terraluna.camera.psf import Psf
from terraluna.render.frame import render_frame
from terraluna.render.psf import discrete_gaussian, merge_boxes, reach_px, spread_core, spread_kernel

CUT = 1e-6  # light that the truncated kernels may lose or gain before renormalisation


@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0, 2.7])
def test_discrete_gaussian_has_its_variance(sigma):
    kernel = discrete_gaussian(sigma)
    x = np.arange(kernel.size) - kernel.size // 2
    assert kernel.sum() == pytest.approx(1.0, abs=1e-14)
    assert (kernel * x**2).sum() == pytest.approx(sigma**2, rel=1e-4)


def test_separable_and_fft_agree_with_scipy():
    from scipy.ndimage import convolve

    image = np.zeros((40, 50, 2))
    image[12:20, 15:30] = np.random.default_rng(2).random((8, 15, 2))
    kernel = discrete_gaussian(1.1)
    plane = np.outer(kernel, kernel)
    ours = spread_core(image, kernel, [(12, 15, 20, 30)])
    general = spread_kernel(image, plane)
    for b in range(2):
        reference = convolve(image[..., b], plane, mode="constant")
        assert np.abs(ours[..., b] - reference).max() < 1e-13
        assert np.abs(general[..., b] - reference).max() < 1e-13
    assert ours.sum() == pytest.approx(image.sum(), rel=1e-12)


def test_merge_boxes():
    assert merge_boxes([(0, 0, 4, 4), (10, 10, 12, 12), (3, 3, 5, 5)]) == [(10, 10, 12, 12), (0, 0, 5, 5)]
    assert merge_boxes([(0, 0, 2, 2), (4, 4, 6, 6), (1, 1, 5, 5)]) == [(0, 0, 6, 6)]


@pytest.mark.parametrize("radius_px", [0.2, 4.0, 30.0])
@pytest.mark.parametrize(
    "psf",
    [
        Psf(0.5),
        Psf(1.5),
        Psf(0.0),
        Psf(0.8, measured=((0.0, 0.1, 0.0), (0.1, 0.5, 0.1), (0.0, 0.1, 0.1))),
    ],
)
def test_flux_is_kept(radius_px, psf):
    camera = scenes.pinhole(101, 101, radius_px * 1e5)
    center = np.array([0.27 / camera.focal_px_x, 0.44 / camera.focal_px_x, 1.0]) * 1e5
    moon = scenes.body("moon", center, 1.0, 0.4)
    sharp = render_frame(camera, [moon]).image.sum()
    assert render_frame(camera, [moon], psf=psf).image.sum() == pytest.approx(sharp, rel=CUT)


def test_wings_keep_flux_inside_their_reach():
    camera = scenes.pinhole(301, 301, 5e5)
    moon = scenes.body("moon", (0.0, 0.0, 1e5), 1.0, 0.4)
    sharp = render_frame(camera, [moon]).image.sum()
    image = render_frame(camera, [moon], psf=Psf(0.8, wing_fraction=0.1)).image
    assert image.sum() == pytest.approx(sharp, rel=1e-6)
    assert image[150, 190, 0] > 0.0


def test_reach():
    assert reach_px(None) == 0
    assert reach_px(Psf(0.0)) == 0
    assert reach_px(Psf(1.0)) >= 4
