"""Where the camera looks: quaternions, and matrices that turn J2000 vectors into the camera frame.

Camera frame: +Z boresight, +X right in the image, +Y down. An attitude is the matrix C with v_camera = C v_j2000;
its rows are the camera's axes in J2000. Quaternions follow SPICE (``m2q``, ``q2m``): scalar first, and the quaternion
of C is that of SPICE for the same matrix; flight software often stores the conjugate with the scalar last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from terraluna.camera.kernels import Floats
from terraluna.errors import GeometryError

# Two directions nearer than this (radians) don't define a roll.
_SAME = 1e-12


def matrix_to_quaternion(matrix: ArrayLike) -> Floats:
    """Quaternion (4,) of a rotation matrix (3, 3): scalar first, scalar not negative, as SPICE's ``m2q``.

    With q = (w, x, y, z) and the unit axis n, the matrix turns a vector by the angle a about n, where w = cos(a/2)
    and (x, y, z) = sin(a/2) n. GeometryError if the matrix is not a rotation (to 1e-6).
    """
    m = np.asarray(matrix, dtype=np.float64)
    if m.shape != (3, 3) or not np.allclose(m @ m.T, np.eye(3), atol=1e-6) or np.linalg.det(m) < 0.0:
        raise GeometryError("the attitude is not a rotation matrix; check its rows are orthonormal and right-handed")
    # Take the largest of the four components first: the others come from a division by it.
    four = np.array(
        [
            1.0 + m[0, 0] + m[1, 1] + m[2, 2],
            1.0 + m[0, 0] - m[1, 1] - m[2, 2],
            1.0 - m[0, 0] + m[1, 1] - m[2, 2],
            1.0 - m[0, 0] - m[1, 1] + m[2, 2],
        ]
    )
    products = np.array(
        [
            [four[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], four[1], m[1, 0] + m[0, 1], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[1, 0] + m[0, 1], four[2], m[2, 1] + m[1, 2]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[2, 1] + m[1, 2], four[3]],
        ]
    )
    q = products[int(np.argmax(four))]
    q = np.asarray(q / np.linalg.norm(q), dtype=np.float64)
    return np.negative(q) if q[0] < 0.0 else q


def quaternion_to_matrix(quaternion: ArrayLike) -> Floats:
    """Rotation matrix (3, 3) of a quaternion (4,), scalar first, any length but zero; as SPICE's ``q2m``."""
    q = np.asarray(quaternion, dtype=np.float64)
    n = np.linalg.norm(q)
    if q.shape != (4,) or not np.isfinite(n) or n == 0.0:
        raise GeometryError("a quaternion is four finite numbers, scalar first, not all zero")
    w, x, y, z = q / n
    return np.array(
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ]
    )


def look(boresight: ArrayLike, up: ArrayLike = (0.0, 0.0, 1.0), roll_rad: float = 0.0) -> Floats:
    """Attitude that looks along ``boresight`` with ``up`` upward in the image.

    Args:
        boresight: (3,) J2000, any length.
        up: (3,) J2000, any length; its part across the boresight points up in the image. Default: celestial north.
        roll_rad: turns the camera about its boresight, clockwise as seen in the image (from +X to +Y), so that the
            picture turns anticlockwise.

    Returns:
        (3, 3) matrix J2000 -> camera.

    Raises:
        GeometryError: a zero vector, or ``up`` along the boresight.
    """
    z = _unit(boresight, "boresight")
    u = _unit(up, "up direction")
    across = u - (u @ z) * z
    size = np.linalg.norm(across)
    if size < _SAME:
        raise GeometryError("the up direction lies along the boresight; choose another up direction")
    y = -across / size
    x = np.cross(y, z)
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    return np.array([c * x + s * y, c * y - s * x, z])


def frame_pair(first: ArrayLike, second: ArrayLike, weight: float = 0.5, image_angle_rad: float = 0.0) -> Floats:
    """Attitude that holds two directions about the centre of the image.

    Args:
        first: (3,) J2000 direction.
        second: (3,) J2000 direction.
        weight: where the boresight lies on the arc between them: 0 at ``first``, 0.5 in the middle, 1 at ``second``.
        image_angle_rad: direction in the image from ``first`` to ``second``, from +X (right) toward +Y (down).

    Returns:
        (3, 3) matrix J2000 -> camera.

    Raises:
        GeometryError: the two directions are the same or opposite.
    """
    a = _unit(first, "first direction")
    b = _unit(second, "second direction")
    normal = np.cross(a, b)
    size = np.linalg.norm(normal)
    if size < _SAME:
        raise GeometryError("the two directions are the same or opposite: no roll is defined; use look() instead")
    angle = np.arctan2(size, a @ b)
    toward = np.cross(normal / size, a)
    z = np.cos(weight * angle) * a + np.sin(weight * angle) * toward
    along = np.cross(normal / size, z)
    y_up = -np.cross(z, along)
    # With roll 0 the pair runs along +X; turning the camera by -angle turns the pair by +angle in the image.
    return look(z, y_up, -image_angle_rad)


def look_away(
    direction: ArrayLike,
    offset_rad: float = 0.0,
    offset_angle_rad: float = 0.0,
    up: ArrayLike = (0.0, 0.0, 1.0),
    roll_rad: float = 0.0,
) -> Floats:
    """Attitude that looks away from ``direction`` (say the Sun), off by a small angle.

    Args:
        direction: (3,) J2000 direction to turn the back on.
        offset_rad: angle between the boresight and the exact opposite.
        offset_angle_rad: where the exact opposite then lies from the image centre, from +X (right) toward +Y (down),
            before the roll.
        up: see :func:`look`.
        roll_rad: see :func:`look`.

    Returns:
        (3, 3) matrix J2000 -> camera.
    """
    base = look(-_unit(direction, "direction"), up)
    s, c = np.sin(offset_rad), np.cos(offset_rad)
    boresight = base.T @ np.array([-s * np.cos(offset_angle_rad), -s * np.sin(offset_angle_rad), c])
    # Carry the image axes along the great circle, so that the offset adds no roll of its own.
    return _roll(_carry(base, boresight), roll_rad)


def _carry(base: Floats, boresight: Floats) -> Floats:
    """``base`` turned by the smallest rotation that brings its boresight to ``boresight``."""
    z = base[2]
    axis = np.cross(z, boresight)
    w = 1.0 + z @ boresight
    turn = quaternion_to_matrix(np.concatenate([[w], axis]))
    return np.asarray(base @ turn.T, dtype=np.float64)


def _roll(attitude: Floats, roll_rad: float) -> Floats:
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    return np.asarray(np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) @ attitude, dtype=np.float64)


def _unit(vector: ArrayLike, what: str) -> Floats:
    v = np.asarray(vector, dtype=np.float64)
    n = np.linalg.norm(v)
    if v.shape != (3,) or not np.isfinite(n) or n == 0.0:
        raise GeometryError(f"the {what} is not a vector of three finite numbers with a length")
    return v / n
