"""Pixel to direction and back, for every camera over its whole frame, and for every distortion model."""

from __future__ import annotations

import numpy as np
import pytest

from terraluna.camera import Camera, Detector, Distortion, camera_names, load_camera

# Newton runs to the rounding of pixel numbers of a few thousand (1e-12 relative of the radius in px).
ROUND_TRIP_PX = 1e-9

DETECTOR = Detector(1.0, 1e5, 10.0, 0.0, 0.0, 12, 4095.0)


def make(distortion: Distortion, focal: float = 800.0, size: int = 1000) -> Camera:
    c = (size - 1) / 2
    return Camera("x", "x", size, size, focal, focal * 1.01, c + 3.0, c - 2.0, DETECTOR, 10.0, distortion)


def grid(camera: Camera, n: int = 41) -> np.ndarray:
    """Pixels over the frame with its outer edges and corners, and the principal point."""
    x, y = np.meshgrid(np.linspace(-0.5, camera.width - 0.5, n), np.linspace(-0.5, camera.height - 0.5, n))
    return np.vstack([np.column_stack([x.ravel(), y.ravel()]), [[camera.cx, camera.cy]]])


@pytest.mark.parametrize("name", camera_names())
def test_every_camera_round_trip(name: str) -> None:
    camera = load_camera(name)
    pixels = grid(camera)
    directions = camera.unproject(pixels)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, atol=1e-14)
    assert np.abs(camera.project(directions * 7.5) - pixels).max() < ROUND_TRIP_PX


USER_LENSES = [
    Distortion("brown-conrady", (-0.25, 0.08, 1e-3, -5e-4, -0.01)),
    Distortion("brown-conrady", (0.1, 0.02, 0.0, 0.0)),
    Distortion("fisheye", (-0.02, 0.003, -0.001, 0.0002)),
    Distortion("fisheye"),
]


@pytest.mark.parametrize("distortion", USER_LENSES)
def test_user_lens_round_trip(distortion: Distortion) -> None:
    camera = make(distortion)
    pixels = grid(camera)
    assert np.abs(camera.project(camera.unproject(pixels)) - pixels).max() < ROUND_TRIP_PX


def test_hirise_polynomial_round_trip_over_the_focal_plane() -> None:
    """The kernel's OD_K about the optical axis, over the 250 mm that the CCDs span."""
    scan = load_camera("hirise").pushbroom
    assert scan is not None
    f = 11994.9988 / 0.012
    camera = Camera("h", "h", 20000, 20000, f, f, 9999.5, 9999.5, DETECTOR, 12.0, scan.distortion)
    pixels = grid(camera)
    assert np.abs(camera.project(camera.unproject(pixels)) - pixels).max() < ROUND_TRIP_PX


def test_behind_is_nan() -> None:
    for name in camera_names():
        camera = load_camera(name)
        assert np.isnan(camera.project([[0.1, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])).all()


def test_outside_the_rising_branch_is_nan_both_ways() -> None:
    """Strong barrel distortion r (1 - 0.3 r^2) turns back at r = 1/sqrt(0.9): a second direction has no pixel."""
    camera = make(Distortion("brown-conrady", (-0.3, 0.0, 0.0, 0.0)), focal=400.0)
    turn = 1.0 / np.sqrt(0.9)
    good = camera.project([[0.99 * turn, 0.0, 1.0]])
    assert np.isfinite(good).all()
    assert np.isnan(camera.project([[1.01 * turn, 0.0, 1.0]])).all()
    top = turn * (1.0 - 0.3 * turn**2)
    pixels = [[camera.cx + 400.0 * top * 0.999, camera.cy], [camera.cx + 400.0 * top * 1.001, camera.cy]]
    inside, outside = camera.unproject(pixels)
    assert np.isfinite(inside).all()
    assert np.isnan(outside).all()


def test_onc_w2_validity_ends_where_its_polynomial_turns() -> None:
    """1.014 r + 2.933e-7 r^3 - 1.384e-13 r^5 rises until r^2 = 2.0031e6, r = 1415.3 px; the corner is at 724 px."""
    camera = load_camera("onc-w2")
    assert np.isfinite(camera.unproject([[511.5 + 1415.0, 511.5]])).all()
    assert np.isnan(camera.unproject([[511.5 + 1416.0, 511.5]])).all()


def test_fisheye_sees_behind_itself() -> None:
    camera = make(Distortion("fisheye"), focal=200.0)
    u, v = camera.project([0.0, np.sin(2.0), np.cos(2.0)])
    assert u == pytest.approx(camera.cx)
    assert v == pytest.approx(camera.cy + camera.focal_px_y * 2.0)


def test_input_is_not_changed_and_shapes_are_kept() -> None:
    camera = load_camera("onc-w2")
    pixels = np.array([10.0, 20.0])
    before = pixels.copy()
    direction = camera.unproject(pixels)
    assert direction.shape == (3,)
    assert camera.project(direction).shape == (2,)
    np.testing.assert_array_equal(pixels, before)
    params = camera.kernel_parameters()
    params[:] = 0.0
    assert camera.project(direction) == pytest.approx(before)
