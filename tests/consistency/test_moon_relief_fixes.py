"""Places of the rendered Moon by its limb, with and without the relief that stands at it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from sensor_views import grained, sensor_view
from terraluna.ephemeris.constants import MOON_RADII_KM
from terraluna.opnav.horizon_tls import horizon_fix
from terraluna.opnav.limb_terrain import MEAN_HEIGHT_KM, roughened
from terraluna.opnav.measure import MeasuredBody, MeasureOptions, measure_image
from terraluna.opnav.sights import body_fix
from terraluna.opnav.types import LimbDirections
from terraluna.opnav.vectors import rotation_exp
from terraluna.render.maps import load_moon_maps
from terraluna.render.moon.silhouette import limb_frame, limb_heights_km

# Camera, range in km; relief of 2.3 km is 0.4 px in EPIC and 0.24 px in Longjiang-2.
SENSORS = {"epic": 1.1e6, "longjiang-2": 9.5e3}
# Phase deg, seed of the body's orientation, roll of the Sun.
VIEWS = [(40.0, 11, 0.9), (65.0, 12, 2.7), (90.0, 13, 5.0), (50.0, 14, 1.6)]
# Relief is alike over a degree or so.
TURNED_RAD = float(np.radians(1.0))


@cache
def _view(camera_id: str, k: int) -> tuple[Any, Any, MeasuredBody]:
    camera, body, image = sensor_view(camera_id, "moon", SENSORS[camera_id], (550.0,), VIEWS[k], k, samples=1)
    options = MeasureOptions(psf_sigma_px=camera.psf.sigma_px)
    (found,) = measure_image(grained(image, k), camera=camera, options=options).bodies
    return camera, body, replace(found, name="moon")


def _errors(camera_id: str, orientation: str) -> tuple[np.ndarray, np.ndarray]:
    """Errors (n, 3) of centre and radius, px, and their squared size over the stated covariance (n,)."""
    errors, nees = [], []
    for k in range(len(VIEWS)):
        camera, body, found = _view(camera_id, k)
        axis = body.center_km / np.linalg.norm(body.center_km)
        turned = body.body_from_camera @ rotation_exp(TURNED_RAD * axis)
        known = {"none": None, "exact": body.body_from_camera, "turned": turned}[orientation]
        fix = body_fix(found, camera, known, systematic_px=0.0)
        error = fix.position_camera_km - body.center_km
        nees.append(error @ np.linalg.solve(fix.covariance_km2, error))
        scale = camera.focal_px_x / np.linalg.norm(body.center_km)
        grown = -(error @ axis) * body.radii_km[0] / np.linalg.norm(body.center_km)
        errors.append(scale * np.array([error[0], error[1], grown]))
    return np.array(errors), np.array(nees)


@pytest.mark.parametrize("camera_id", list(SENSORS))
def test_relief_at_the_limb_no_longer_moves_the_moon(camera_id: str) -> None:
    bare, _ = _errors(camera_id, "none")
    for orientation in ("exact", "turned"):
        leveled, nees = _errors(camera_id, orientation)
        assert np.sqrt(np.mean(leveled**2)) < 0.5 * np.sqrt(np.mean(bare**2))
        # No more than the covariance says: one-sided 97.5 %.
        assert nees.sum() < chi2.ppf(0.975, 3 * len(nees))


@pytest.mark.parametrize("half_deg", [50.0, 65.0, 80.0])
def test_relief_that_is_not_known_is_in_the_covariance(half_deg: float) -> None:
    relief, radius = load_moon_maps().relief_m.base, MOON_RADII_KM[0]
    rng = np.random.default_rng(17)
    noise = np.repeat(1e-10 * np.eye(3)[None], 200, axis=0)
    nees = []
    for _ in range(100):
        observer = rng.normal(size=3)
        observer *= 1e5 / np.linalg.norm(observer)
        toward, first, second = limb_frame(observer)
        around = rng.uniform(0.0, 2.0 * np.pi) + np.radians(np.linspace(-half_deg, half_deg, 200))
        angle = np.arcsin((radius + limb_heights_km(relief, observer, radius, around)) / 1e5)[:, None]
        across = np.outer(np.cos(around), first) + np.outer(np.sin(around), second)
        limb = LimbDirections(np.sin(angle) * across - np.cos(angle) * toward, noise, "moon")
        fix = horizon_fix(roughened(limb, -observer), np.full(3, radius + MEAN_HEIGHT_KM))
        error = fix.position_camera_km + observer
        nees.append(error @ np.linalg.solve(fix.covariance_km2, error))
    # The relief is one and the same, so that views are not independent: as many as there are arcs on the Moon are.
    assert 3.0 / 2.0 < np.mean(nees) < chi2.ppf(0.975, 3 * 30) / 30
