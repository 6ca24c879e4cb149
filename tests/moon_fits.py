"""Fits of small rendered Moons with their truth: errors of centre and radius in units of the stated covariance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import render_scenes as scenes
from sensor_views import GRAIN, exposed
from terraluna.camera.psf import Psf
from terraluna.opnav.measure import MeasureOptions, measure_image
from terraluna.render.frame import render_frame
from terraluna.render.maps import load_moon_maps
from terraluna.render.moon import RadiometricMoon

PHASES_DEG = (50.0, 90.0, 120.0, 140.0)
RADII_PX = (15.0, 40.0)
FOCAL_PX = 2000.0
BLUR_PX = 0.8
OVERSAMPLE = 3


@dataclass(frozen=True)
class MoonFit:
    """One measured frame.

    Attributes:
        phase_deg, radius_px: of the rendered disc.
        status: ok, degraded, or refused where nothing, or not one body, was found.
        error: x, y, radius less the truth, px; NaN where refused.
        nees: its squared size over the stated covariance, 3 on average.
    """

    phase_deg: float
    radius_px: float
    status: str
    reasons: tuple[str, ...]
    error: np.ndarray
    nees: float


@cache
def _surface() -> Any:
    return RadiometricMoon(load_moon_maps())


def moon_frame(phase_deg: float, seed: int, k: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """Camera, picture and true x, y, radius of a Moon of random size, orientation, Sun direction, place and noise."""
    rng = np.random.default_rng([seed, int(phase_deg), k])
    radius = float(rng.uniform(*RADII_PX))
    size = 2 * int(1.3 * radius + 25.0)
    camera = scenes.pinhole(size, size, FOCAL_PX)
    direction = camera.unproject([[camera.cx + rng.uniform(-5.0, 5.0), camera.cy + rng.uniform(-5.0, 5.0)]])[0]
    distance = scenes.MOON_KM / np.sin(np.arctan(radius / FOCAL_PX))
    body = scenes.body(
        "moon",
        direction * distance,
        phase_rad=np.radians(phase_deg),
        material=_surface(),
        rotation=scenes.rotation(int(rng.integers(1_000_000))),
        roll=float(rng.uniform(0.0, 2.0 * np.pi)),
    )
    frame = render_frame(camera, [body], psf=Psf(sigma_px=BLUR_PX), oversample=OVERSAMPLE, bands_nm=(550.0,))
    image = frame.image.mean(axis=2)
    image = exposed(image) + rng.normal(0.0, 100.0 * GRAIN, image.shape)
    return camera, image, np.array([*camera.project(direction[None, :])[0], radius])


def moon_fit(camera: Any, image: np.ndarray, truth: np.ndarray, phase_deg: float) -> MoonFit:
    """One frame, measured with the optics' blur known."""
    found = measure_image(image, camera=camera, options=MeasureOptions(psf_sigma_px=BLUR_PX))
    if len(found.bodies) != 1 or found.bodies[0].shape == "centroid":
        return MoonFit(phase_deg, float(truth[2]), "refused", found.reasons, np.full(3, np.nan), np.nan)
    (moon,) = found.bodies
    error = np.array([moon.x, moon.y, moon.radius]) - truth
    nees = float(error @ np.linalg.solve(moon.covariance, error))
    return MoonFit(phase_deg, float(truth[2]), moon.status, moon.reasons, error, nees)


def moon_fits(phase_deg: float, count: int, seed: int) -> Iterator[MoonFit]:
    """Fits of ``count`` frames."""
    for k in range(count):
        yield moon_fit(*moon_frame(phase_deg, seed, k), phase_deg)
