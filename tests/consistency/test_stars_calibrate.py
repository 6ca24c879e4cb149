"""Calibration finds the camera that made the measurements, within its own sigma; discs alone do it too."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from terraluna.camera import load_camera
from terraluna.camera.attitude import frame_pair, look
from terraluna.camera.distortion import Distortion
from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.opnav.stars import CalibrationFrame, DiscSight, calibrate
from terraluna.opnav.vectors import rotation_exp
from terraluna.scene import Observer, build_scene
from terraluna.scene.limb import fit_ellipse

Floats = NDArray[np.float64]
SIGMAS = 4.0
"""A right answer is off by more in one of 16,000 cases."""
RUNS = 40
BAND = (0.6, 1.4)
"""Mean of chi-square over its 4 degrees for 40 runs: one sigma is 0.11; the misfit scales the covariance up only."""


@pytest.fixture(scope="module")
def truth() -> Camera:
    base = load_camera("longjiang-2")
    lens = Distortion("brown-conrady", (-0.09, 0.0, 0.0, 0.0))
    return dataclasses.replace(base, focal_px_x=955.0, focal_px_y=955.0, cx=350.0, cy=230.0, distortion=lens)


def star_frame(rng: np.random.Generator, camera: Camera, count: int, sigma: float) -> CalibrationFrame:
    R = rotation_exp(rng.normal(size=3))
    xy = rng.uniform([10.0, 10.0], [camera.width - 10.0, camera.height - 10.0], (count, 2))
    directions = camera.unproject(xy) @ R
    start = rotation_exp(rng.normal(0.0, 3e-3, 3)) @ R
    cov = np.tile(np.eye(2) * sigma**2, (count, 1, 1))
    return CalibrationFrame(start, xy + rng.normal(0.0, sigma, xy.shape), cov, directions)


def test_stars_find_camera_and_sigma_is_true(truth: Camera) -> None:
    rng = np.random.default_rng(1)
    start = load_camera("longjiang-2")
    expected = np.array([955.0, -0.09, 350.0, 230.0])
    chi = 0.0
    for _ in range(RUNS):
        frames = [star_frame(rng, truth, 15, 0.2) for _ in range(2)]
        result = calibrate(start, frames, ("focal", "k1", "cx", "cy"))
        miss = result.values - expected
        chi += miss @ np.linalg.solve(result.covariance, miss) / 4.0
        assert result.status == "ok"
    assert BAND[0] < chi / RUNS < BAND[1]
    assert result.camera.focal_px_x == result.value("focal")
    assert result.camera.distortion.coefficients[0] == result.value("k1")


def test_wrong_stars_are_left_out(truth: Camera) -> None:
    rng = np.random.default_rng(2)
    frame = star_frame(rng, truth, 30, 0.1)
    frame.pixels[[3, 17]] += [[6.0, -4.0], [0.0, 9.0]]
    result = calibrate(truth, [frame], ("focal",))
    assert not result.used[0][[3, 17]].any()
    assert result.used[0].sum() >= 27
    assert abs(result.value("focal") - 955.0) < SIGMAS * result.sigma("focal")


def test_discs_alone(ephemeris: Ephemeris, truth: Camera) -> None:
    rng = np.random.default_rng(3)
    frames = []
    et0 = ephemeris.et("2019-02-03T14:00:00")
    for k in range(4):
        # A spacecraft that rounds the far side: the Moon large, the Earth beside it.
        et = et0 + 1800.0 * k
        moon = ephemeris.position("moon", et)
        out = moon / np.linalg.norm(moon)
        side = np.cross(out, [0.0, 0.0, 1.0])
        place = moon + 9000.0 * out + (1500.0 + 700.0 * k) * side
        observer = Observer.from_state(ephemeris, et, np.r_[place, np.zeros(3)], "earth")
        scene = build_scene(ephemeris, observer, quality="ephemeris")
        R = frame_pair(scene.earth.center_j2000_km, scene.moon.center_j2000_km, 0.5, 0.7 * k)
        discs = []
        for view, sigma in ((scene.earth, 0.1), (scene.moon, 0.05)):
            limb = view.limb_j2000_km(90)
            seen = fit_ellipse(truth.project(limb @ R.T))
            cov = np.eye(3) * sigma**2
            discs.append(DiscSight(np.array([seen.x, seen.y, seen.radius]) + rng.normal(0.0, sigma, 3), cov, limb))
        frames.append(CalibrationFrame(rotation_exp(rng.normal(0.0, 2e-3, 3)) @ R, discs=tuple(discs)))
    start = dataclasses.replace(truth, focal_px_x=970.0, focal_px_y=970.0)
    result = calibrate(start, frames, ("focal",))
    assert abs(result.value("focal") - 955.0) < SIGMAS * result.sigma("focal")
    # The Moon's radius, about 180 px, is known to 0.05 px in each of four frames: 0.13 px of focal length each.
    assert result.sigma("focal") < 0.3


def test_held_parameters_and_priors(truth: Camera) -> None:
    frame = star_frame(np.random.default_rng(4), truth, 12, 0.2)
    result = calibrate(truth, [frame], ("focal", "cx"), {"cx": 1e-6})
    assert result.value("cx") == pytest.approx(350.0, abs=1e-4)
    assert result.camera.cy == truth.cy
    with pytest.raises(InputError, match="was held"):
        result.sigma("k1")


def test_refusals(truth: Camera) -> None:
    frame = star_frame(np.random.default_rng(5), truth, 12, 0.2)
    with pytest.raises(InputError, match="no camera parameter 'zoom'"):
        calibrate(truth, [frame], ("zoom",))
    with pytest.raises(InputError, match="can't fix"):
        calibrate(truth, [CalibrationFrame(look([1.0, 0.0, 0.0]))], ("focal",))
    radial = load_camera("mapcam")
    with pytest.raises(InputError, match="only Brown-Conrady"):
        calibrate(radial, [frame], ("k1",))
