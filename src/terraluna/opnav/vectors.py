"""Small vector tools: tangent bases, rotations, stellar aberration, pixels to directions."""

from __future__ import annotations

import math

import numpy as np

from terraluna.ephemeris.constants import C_KM_S
from terraluna.errors import InputError
from terraluna.opnav.types import Floats, LimbDirections, LimbPoints, Unprojector

_STEP_PX = 0.5
"""Half step of the central difference of a camera's unproject: small beside any distortion, large beside rounding."""


def unit(vector: Floats) -> Floats:
    """Unit vectors along the last axis."""
    result: Floats = vector / np.sqrt(np.einsum("...i,...i->...", vector, vector))[..., None]
    return result


def cross(a: Floats, b: Floats) -> Floats:
    """Cross product of two vectors (3,): a tenth of the time of numpy's general one."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def length(vector: Floats) -> float:
    """Length of one vector (3,)."""
    return math.sqrt(vector @ vector)


def chi_square_limit(degrees: int, sigmas: float) -> float:
    """Chi-square that is exceeded about as seldom as a Gaussian exceeds ``sigmas`` (Wilson & Hilferty 1931)."""
    part = 2.0 / (9.0 * degrees)
    return degrees * (1.0 - part + sigmas * math.sqrt(part)) ** 3


def tangent_basis(direction: Floats) -> tuple[Floats, Floats]:
    """Two unit vectors e1, e2 with (e1, e2, direction) right-handed.

    e1 is the projection of +X, so that near the boresight e1, e2 are right and down in the image; where the direction
    is close to +X, of +Z.
    """
    seed = np.array([1.0, 0.0, 0.0]) if abs(direction[0]) < 0.9 else np.array([0.0, 0.0, 1.0])
    e1 = seed - direction * (seed @ direction)
    e1 /= np.sqrt(e1 @ e1)
    dx, dy, dz = direction
    x, y, z = e1
    return e1, np.array([dy * z - dz * y, dz * x - dx * z, dx * y - dy * x])


def skew(v: Floats) -> Floats:
    """Cross product matrix (3, 3): ``skew(v) @ w == cross(v, w)``."""
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def rotation_exp(vector: Floats) -> Floats:
    """Rotation matrix (3, 3) of a rotation vector in radians (Rodrigues)."""
    angle = length(vector)
    k = skew(vector)
    if angle < 1e-8:  # the next term is below 1e-24
        first, second = 1.0, 0.5
    else:
        first, second = math.sin(angle) / angle, (1.0 - math.cos(angle)) / angle**2
    result: Floats = np.eye(3) + first * k + second * (k @ k)
    return result


def two_vector_rotation(first_from: Floats, second_from: Floats, first_to: Floats, second_to: Floats) -> Floats:
    """Rotation (3, 3) that takes ``first_from`` on ``first_to`` exactly and ``second_from`` into its half-plane."""

    def triad(a: Floats, b: Floats) -> Floats:
        normal = unit(cross(a, b))
        return np.column_stack((a, normal, cross(a, normal)))

    result: Floats = triad(unit(first_to), unit(second_to)) @ triad(unit(first_from), unit(second_from)).T
    return result


def aberrate(directions: Floats, velocity_km_s: Floats) -> Floats:
    """Apparent directions from geometric ones for an observer moving at ``velocity_km_s``.

    Both in one frame, velocity (3,) relative to the solar system barycentre; directions (..., 3) unit vectors. Exact in
    special relativity (e.g. Klioner 2003, AJ 125, 1580, eq. 10). Aberration also shrinks a disc ahead by v/c: 1e-4 of
    the range, 150 km at 1.5e6 km, so limb points must be corrected one by one and not only their centre.
    """
    beta = np.asarray(velocity_km_s, dtype=np.float64) / C_KM_S
    gamma = 1.0 / np.sqrt(1.0 - beta @ beta)
    cosine = directions @ beta
    numerator = directions / gamma + beta + (gamma / (gamma + 1.0)) * cosine[..., None] * beta
    result: Floats = numerator / (1.0 + cosine)[..., None]
    return result


def remove_aberration(directions: Floats, velocity_km_s: Floats) -> Floats:
    """Geometric directions from apparent ones: the inverse of :func:`aberrate`."""
    return aberrate(directions, -np.asarray(velocity_km_s, dtype=np.float64))


def pixel_jacobian(camera: Unprojector, pixels: Floats) -> Floats:
    """Derivative (n, 3, 2) of a camera's unit vectors by the pixel coordinates, rad/px."""
    columns = []
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = _STEP_PX
        columns.append((camera.unproject(pixels + step) - camera.unproject(pixels - step)) / (2.0 * _STEP_PX))
    return np.stack(columns, axis=-1)


def limb_directions(
    limb: LimbPoints, camera: Unprojector, velocity_camera_km_s: Floats | None = None
) -> LimbDirections:
    """Limb points as directions with covariances.

    Args:
        limb: points in pixels.
        camera: the camera that took them.
        velocity_camera_km_s: (3,) velocity of the observer relative to the solar system barycentre, in the camera
            frame. Given, stellar aberration is removed from each point; else the result is marked as still containing
            it.

    Raises:
        InputError: shapes do not match or a point lies outside the camera's model.
    """
    pixels = np.asarray(limb.pixels, dtype=np.float64)
    if pixels.ndim != 2 or pixels.shape[1] != 2 or limb.covariance_px2.shape != (len(pixels), 2, 2):
        raise InputError(
            f"limb points of {limb.body}: pixels must be (n, 2) and covariance_px2 (n, 2, 2), "
            f"got {pixels.shape} and {limb.covariance_px2.shape}"
        )
    directions = camera.unproject(pixels)
    jacobian = pixel_jacobian(camera, pixels)
    if not (np.isfinite(directions).all() and np.isfinite(jacobian).all()):
        raise InputError(f"limb points of {limb.body}: a point lies outside the camera model; remove it first")
    covariance = jacobian @ limb.covariance_px2 @ jacobian.transpose(0, 2, 1)
    if velocity_camera_km_s is None:
        return LimbDirections(directions, covariance, limb.body, limb.band, "present")
    # The change of the covariance under aberration is 1e-4 of itself and left out.
    return LimbDirections(
        remove_aberration(directions, velocity_camera_km_s), covariance, limb.body, limb.band, "removed"
    )
