"""Limb points of rendered bodies against the exact outline of the ellipsoid."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import render_scenes as scenes
from sensor_views import GRAIN, exposed, grained, sensor_view
from terraluna.camera.psf import Psf
from terraluna.opnav.measure import MeasuredBody, MeasureOptions, measure_image
from terraluna.render.frame import render_frame
from terraluna.render.maps import load_moon_maps
from terraluna.render.materials_moon import MoonMaterial
from terraluna.render.moon.silhouette import limb_frame, limb_heights_km
from terraluna.scene.limb import limb_cone

# The requirement for the mean error of the points and for their standard deviation, at radii from 15 px.
MEAN_ERROR_PX = 0.02
POINT_SIGMA_PX = 0.1
# Not the requirement but a guard, set after measuring, for one body whose blur isn't known: relief and maria at the
# limb, and a profile that the model follows only in part.
ONE_BODY_PX = 0.12

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
# Length of limb that one point stands for.
STRETCH_PX = 2.0
# Phase deg, seed of the body's orientation, roll of the Sun: each view shows other ground, and other than that on which
# the measurement's constants were set (but limb._LEAST_KEPT).
VIEWS = [((40.0, 65.0, 90.0)[k % 3], 200 + k, 2.4 * k) for k in range(18)]
# A disc of hundreds of pixels averages over its ground: a few views tell as much.
LARGE = ("EPIC Earth", "EPIC Moon", "Longjiang-2 Moon")
LARGE_VIEWS = (0, 4, 8, 9, 13, 17)
# The Earth's limb is where half of its light is left: of the light from 3 to 6 km above the ellipsoid, where no line of
# sight meets the ground. At 550 nm that is 15.6 to 17.2 km; it is read off each view's own limb at 1 km a pixel where
# the camera resolves it, and taken as their mean elsewhere (1 km is 0.008 px at most).
LIMB_HEIGHT_KM = 16.2
AIR_KM = np.arange(3.0, 7.0), np.arange(7.0, 30.0, 0.25)
# The mean over the views still holds what each view's ground does: three standard deviations of that mean are allowed
# on top of the requirement.
SIGMAS = 3.0
# Where the requirement isn't met: measured, and why. Of discs of 15 to 20 px under clouds no linear estimate from a
# stretch's own pixels scatters less than 0.09 to 0.11 px (benchmarks/limb_bound.py): measured are 0.101 and 0.106 px.
MISSED_MEAN_PX: dict[str, float] = {}
MISSED_SIGMA_PX = dict.fromkeys(("MapCam Earth", "Longjiang-2 Earth"), 0.115)


@cache
def _moon() -> Any:
    return MoonMaterial(load_moon_maps())


def _frame(radius: float, phase_deg: float, seed: int, noise: float = GRAIN, offset: tuple[float, float] = (3.3, -2.7)):
    size = 420
    camera = scenes.pinhole(size, size, 2000.0)
    direction = camera.unproject([[camera.cx + offset[0], camera.cy + offset[1]]])[0]
    distance = scenes.MOON_KM / np.sin(np.arctan(radius / 2000.0))
    body = scenes.body(
        "moon", direction * distance, phase_rad=np.radians(phase_deg), material=_moon(), rotation=scenes.rotation(3)
    )
    image = render_frame(camera, [body], psf=Psf(sigma_px=0.8), oversample=2).image.mean(axis=2)
    return camera, body, grained(exposed(image), seed, noise)


def _half_light_km(name: str, body: Any, camera: Any, points: np.ndarray) -> np.ndarray:
    """Height over the ellipsoid at which half of the limb's light is left, near points on it."""
    center = camera.project(body.center_km[None])[0]
    offset = points - center
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    middle = np.angle(np.mean(np.exp(1j * angle)))
    turn = np.angle(np.exp(1j * (angle - middle)))
    knots = np.linspace(turn.min(), turn.max(), 9)
    heights = []
    for knot in knots + middle:
        across = np.array([np.cos(knot), np.sin(knot)])
        at = center + across * np.median(np.hypot(*offset.T))
        for _ in range(3):
            at = at - across * _errors(camera, body, at[None], LIMB_HEIGHT_KM)
        axis = camera.unproject(at[None])[0]
        axis = axis / axis[2]
        # A pinhole of 1 km a pixel that looks at the limb; the body stays where it is in the camera's frame.
        focal, half = float(np.linalg.norm(body.center_km)), 20
        near = scenes.pinhole(2 * half + 1, 2 * half + 1, focal, half - focal * axis[0], half - focal * axis[1])
        light = render_frame(near, [body], bands_nm=SENSORS[name][3]).image.mean(axis=2)
        grid = np.stack(np.meshgrid(np.arange(2.0 * half + 1), np.arange(2.0 * half + 1)), axis=-1).reshape(-1, 2)
        km = _errors(near, body, grid)
        order = np.argsort(km)
        profile = [np.interp(h, km[order], np.convolve(light.ravel()[order], np.ones(25) / 25, "same")) for h in AIR_KM]
        heights.append(float(np.interp(-0.5 * profile[0].mean(), -profile[1], AIR_KM[1])))
    return np.interp(turn, knots, heights)


def _errors(camera: Any, body: Any, points: np.ndarray, height_km: Any = 0.0) -> np.ndarray:
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


def _view(name: str, k: int) -> tuple[Any, Any, np.ndarray]:
    """Camera, body and noisy picture of a sensor's k-th view, cut to the disc's surroundings."""
    camera, body, image = noiseless_view(name, k)
    return camera, body, grained(image, k)


def noiseless_view(name: str, k: int) -> tuple[Any, Any, np.ndarray]:
    """The same without noise."""
    # Between mountains light and dark change within a pixel, so that one sample is no mean of it; not on EPIC's Earth.
    return sensor_view(*SENSORS[name], VIEWS[k], k, samples=1 if name == "EPIC Earth" else 3)


@pytest.mark.parametrize("name", list(SENSORS))
def test_mean_error_of_the_points(name: str) -> None:
    means, sigmas = [], []
    for k in LARGE_VIEWS if name in LARGE else range(len(VIEWS)):
        camera, body, image = _view(name, k)
        # The largest: clouds of one view are also taken for a Moon before the Earth (degraded, 0.7 px rough).
        found = measure_image(image, options=MeasureOptions(psf_sigma_px=camera.psf.sigma_px)).bodies[0]
        if body.name == "moon":
            errors = _errors(camera, body, found.limb_points) - _relief_px(camera, body, found.limb_points)
        else:
            errors = _errors(camera, body, found.limb_points, LIMB_HEIGHT_KM)
            if name in LARGE:
                more = _half_light_km(name, body, camera, found.limb_points) - LIMB_HEIGHT_KM
                errors -= more * camera.focal_px_x / np.linalg.norm(body.center_km)
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
