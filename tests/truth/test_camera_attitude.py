"""Quaternions and pointing against SPICE."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy as spice

from terraluna.camera import frame_pair, load_camera, look, look_away, matrix_to_quaternion, quaternion_to_matrix
from terraluna.errors import GeometryError

ROUNDING = 1e-12


def rotations() -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    out = [spice.axisar(rng.normal(size=3), a) for a in rng.uniform(-np.pi, np.pi, 20)]
    # Half turns, where the scalar is zero and the vector part must carry the sign.
    return [*out, *(spice.axisar(np.array(v), np.pi) for v in ([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0])), np.eye(3)]


@pytest.mark.parametrize("matrix", rotations())
def test_quaternion_is_spice(matrix: np.ndarray) -> None:
    q = matrix_to_quaternion(matrix)
    truth = np.asarray(spice.m2q(matrix))
    assert abs(q @ truth) == pytest.approx(1.0, abs=ROUNDING)
    if truth[0] > 1e-9:
        np.testing.assert_allclose(q, truth, atol=ROUNDING)
    np.testing.assert_allclose(quaternion_to_matrix(3.0 * q), spice.q2m(truth), atol=ROUNDING)


def test_look_is_twovec_and_rotmat() -> None:
    """SPICE builds the same axes: +Z along the boresight, -Y toward up, turned by the roll about +Z."""
    boresight, up = np.array([0.3, -0.5, 0.2]), np.array([0.1, 0.2, 0.9])
    base = spice.twovec(boresight, 3, -up, 2)
    np.testing.assert_allclose(look(boresight, up), base, atol=ROUNDING)
    np.testing.assert_allclose(look(boresight, up, 0.4), spice.rotmat(base, 0.4, 3), atol=ROUNDING)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5, np.pi])
def test_frame_pair(weight: float, angle: float) -> None:
    a, b = np.array([1.0, 0.2, 0.1]), np.array([0.9, 0.4, -0.1])
    attitude = frame_pair(a, b, weight, angle)
    np.testing.assert_allclose(attitude @ attitude.T, np.eye(3), atol=ROUNDING)
    assert np.linalg.det(attitude) == pytest.approx(1.0)
    separation = spice.vsep(a, b)
    assert spice.vsep(attitude[2], a) == pytest.approx(weight * separation, abs=1e-7)
    assert spice.vsep(attitude[2], b) == pytest.approx((1.0 - weight) * separation, abs=1e-7)
    first, second = load_camera("onc-w2").project(np.array([attitude @ a, attitude @ b]))
    dx, dy = second - first
    assert np.hypot(np.cos(angle) - dx / np.hypot(dx, dy), np.sin(angle) - dy / np.hypot(dx, dy)) < 1e-9


def test_pair_in_the_middle_is_symmetric() -> None:
    camera = load_camera("tianwen-1-nav")
    a, b = np.array([1.0, 0.0, 0.0]), np.array([np.cos(0.06), 0.0, np.sin(0.06)])
    first, second = camera.project(np.array([a, b]) @ frame_pair(a, b).T)
    assert 0.5 * (first + second) == pytest.approx([camera.cx, camera.cy], abs=1e-9)
    assert second[0] > first[0]


@pytest.mark.parametrize("angle", [0.0, 1.0, -2.0])
def test_look_away(angle: float) -> None:
    sun = np.array([0.4, 0.5, -0.2])
    attitude = look_away(sun, np.radians(3.25), angle)
    assert np.degrees(spice.vsep(attitude[2], -sun)) == pytest.approx(3.25, abs=1e-9)
    opposite = attitude @ -sun
    assert np.hypot(*(opposite[:2] / np.hypot(*opposite[:2]) - [np.cos(angle), np.sin(angle)])) < 1e-9
    np.testing.assert_allclose(look_away(sun, roll_rad=0.3), look(-sun, roll_rad=0.3), atol=ROUNDING)


def test_refusals() -> None:
    with pytest.raises(GeometryError, match="same or opposite"):
        frame_pair([1.0, 0, 0], [2.0, 0, 0])
    with pytest.raises(GeometryError, match="up direction lies along"):
        look([0, 0, 1.0])
    with pytest.raises(GeometryError, match="boresight"):
        look([0.0, 0.0, 0.0])
    with pytest.raises(GeometryError, match="rotation matrix"):
        matrix_to_quaternion(np.diag([1.0, 1.0, -1.0]))
    with pytest.raises(GeometryError, match="four finite numbers"):
        quaternion_to_matrix([0.0, 0.0, 0.0, 0.0])
