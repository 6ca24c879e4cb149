"""Davenport's method against scipy's independent solution, and its covariance against the scatter of its errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from terraluna.errors import GeometryError, InputError
from terraluna.opnav.stars import davenport

ROUNDING_RAD = 1e-9
"""Two eigenvalue methods in double precision; well above the root of 1e-16 of neither."""
RUNS = 400
BAND = (0.85, 1.15)
"""Mean of chi-square with 3 degrees over 400 runs, over 3: one sigma is 0.041."""


def case(rng: np.random.Generator, n: int, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    camera = np.column_stack([rng.uniform(-width, width, (n, 2)), np.ones(n)])
    camera /= np.linalg.norm(camera, axis=1, keepdims=True)
    R = Rotation.random(random_state=rng).as_matrix()
    return camera, camera @ R, R


def test_against_scipy() -> None:
    rng = np.random.default_rng(2)
    for n in (2, 3, 12):
        camera, sky, _ = case(rng, n, 0.3)
        camera = camera + rng.normal(0.0, 1e-4, camera.shape)
        camera /= np.linalg.norm(camera, axis=1, keepdims=True)
        sigma = rng.uniform(1e-5, 1e-3, n)
        R, _ = davenport(camera, sky, sigma)
        other = Rotation.align_vectors(camera, sky, weights=sigma**-2.0)[0].as_matrix()
        assert np.linalg.norm(Rotation.from_matrix(R @ other.T).as_rotvec()) < ROUNDING_RAD


def test_covariance_matches_the_scatter() -> None:
    rng = np.random.default_rng(3)
    camera, sky, R = case(rng, 8, 0.2)
    sigma = np.full(8, 2e-4)
    total = 0.0
    for _ in range(RUNS):
        noisy = camera + rng.normal(0.0, 2e-4, camera.shape)
        noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
        found, covariance = davenport(noisy, sky, sigma)
        delta = Rotation.from_matrix(R @ found.T).as_rotvec()
        total += delta @ np.linalg.solve(covariance, delta) / 3.0
    assert BAND[0] < total / RUNS < BAND[1]


def test_refusals() -> None:
    rng = np.random.default_rng(4)
    camera, sky, _ = case(rng, 3, 0.2)
    with pytest.raises(InputError, match="two or more"):
        davenport(camera[:1], sky[:1], np.ones(1))
    with pytest.raises(InputError, match="positive"):
        davenport(camera, sky, np.array([1.0, 0.0, 1.0]))
    same = np.tile(camera[:1], (3, 1))
    with pytest.raises(GeometryError, match="rotation about them is free"):
        davenport(same, same, np.ones(3))
