"""Attitude from pairs of directions: Davenport's q method, and the covariance of its error.

Sources: Wahba 1965, SIAM Review 7, 409; Davenport's matrix as in Keat 1977, CSC/TM-77/6034; covariance as in Shuster
& Oh 1981, J. Guidance and Control 4(1), 70.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from terraluna.errors import GeometryError, InputError
from terraluna.opnav.types import Floats


@njit(cache=True)
def q_method(camera: Floats, sky: Floats, weights: Floats) -> Floats:
    """Rotation (3, 3) sky -> camera that minimises the weighted sum of |c - R s|^2 over unit vectors (n, 3)."""
    B = np.zeros((3, 3))
    for i in range(camera.shape[0]):
        for a in range(3):
            for b in range(3):
                B[a, b] += weights[i] * camera[i, a] * sky[i, b]
    K = np.empty((4, 4))
    K[0, 0] = B[0, 0] + B[1, 1] + B[2, 2]
    K[0, 1] = K[1, 0] = B[2, 1] - B[1, 2]
    K[0, 2] = K[2, 0] = B[0, 2] - B[2, 0]
    K[0, 3] = K[3, 0] = B[1, 0] - B[0, 1]
    for a in range(3):
        for b in range(3):
            K[a + 1, b + 1] = B[a, b] + B[b, a]
        K[a + 1, a + 1] -= K[0, 0]
    _, vectors = np.linalg.eigh(K)
    w, x, y, z = vectors[0, 3], vectors[1, 3], vectors[2, 3], vectors[3, 3]
    R = np.empty((3, 3))
    R[0, 0], R[0, 1], R[0, 2] = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)
    R[1, 0], R[1, 1], R[1, 2] = 2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)
    R[2, 0], R[2, 1], R[2, 2] = 2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)
    return R


def davenport(camera: Floats, sky: Floats, sigma_rad: Floats) -> tuple[Floats, Floats]:
    """Return the attitude and its covariance from directions measured in the camera and known in the sky.

    Args:
        camera: (n, 3) measured unit vectors, camera frame.
        sky: (n, 3) unit vectors J2000 of the same objects, aberrated as seen.
        sigma_rad: (n,) standard deviation of each measured direction, per axis.

    Returns:
        The matrix J2000 -> camera (3, 3), and the covariance (3, 3), rad^2, of the small rotation about the camera axes
        by which it is off: ``R_true = exp([delta]x) R``.

    Raises:
        InputError: shapes disagree or a sigma is not positive.
        GeometryError: all directions coincide (within a thousandth of their errors a rotation about them is free).
    """
    c, s, sig = (np.ascontiguousarray(a, dtype=np.float64) for a in (camera, sky, sigma_rad))
    if c.shape != s.shape or c.ndim != 2 or c.shape[1] != 3 or sig.shape != c.shape[:1] or len(c) < 2:
        raise InputError("attitude needs two or more measured directions (n, 3), as many known ones, a sigma each")
    if not (sig > 0.0).all():
        raise InputError("the sigma of every direction must be positive")
    R = q_method(c, s, sig**-2.0)
    u = s @ R.T
    information = np.einsum("i,ijk->jk", sig**-2.0, np.eye(3) - u[:, :, None] * u[:, None, :])
    values = np.linalg.eigvalsh(information)
    if values[0] <= 1e-12 * values[-1]:
        raise GeometryError("all directions coincide: the rotation about them is free; use stars that lie apart")
    return R, np.linalg.inv(information)
