"""Vector tools against SPICE and against their own inverses."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy

from terraluna.errors import InputError
from terraluna.opnav.types import LimbPoints
from terraluna.opnav.vectors import (
    aberrate,
    chi_square_limit,
    limb_directions,
    remove_aberration,
    rotation_exp,
    tangent_basis,
    two_vector_rotation,
    unit,
)

RNG = np.random.default_rng(5)
DIRECTIONS = unit(RNG.standard_normal((20, 3)))
VELOCITY = np.array([12.0, -25.0, 9.0])
# SPICE's stelab is classical; the relativistic formula differs by (v/c)^2/4 = 2.3e-9 rad at most.
CLASSICAL_RAD = 3e-9
ROUNDING = 1e-14


def test_aberration_agrees_with_spice() -> None:
    for direction in DIRECTIONS:
        expected = spiceypy.stelab(1e6 * direction, VELOCITY) / 1e6
        assert aberrate(direction, VELOCITY) == pytest.approx(expected, abs=CLASSICAL_RAD)


def test_aberration_is_undone() -> None:
    back = remove_aberration(aberrate(DIRECTIONS, VELOCITY), VELOCITY)
    assert back == pytest.approx(DIRECTIONS, abs=ROUNDING)


def test_aberration_shrinks_a_disc_ahead() -> None:
    # Angles about the apex scale by 1 - v/c: 1e-4 for the Earth's motion, 150 km of range at 1.5e6 km.
    apex = unit(VELOCITY)
    edge = rotation_exp(0.004 * tangent_basis(apex)[0]) @ apex
    shrunk = np.arccos(aberrate(edge, VELOCITY) @ apex) / 0.004
    assert 1.0 - shrunk == pytest.approx(np.linalg.norm(VELOCITY) / 299792.458, rel=1e-3)


def test_rotation_agrees_with_spice() -> None:
    vector = np.array([0.3, -1.2, 0.7])
    expected = spiceypy.axisar(vector, float(np.linalg.norm(vector)))
    assert rotation_exp(vector) == pytest.approx(expected, abs=ROUNDING)
    assert rotation_exp(1e-9 * vector) @ DIRECTIONS[0] == pytest.approx(
        DIRECTIONS[0] + 1e-9 * np.cross(vector, DIRECTIONS[0]), abs=ROUNDING
    )


def test_basis_is_right_handed_and_follows_the_image() -> None:
    for direction in DIRECTIONS:
        e1, e2 = tangent_basis(direction)
        assert np.column_stack((e1, e2, direction)).T @ np.column_stack((e1, e2, direction)) == pytest.approx(np.eye(3))
        assert np.cross(e1, e2) == pytest.approx(direction)
    e1, e2 = tangent_basis(np.array([0.0, 0.0, 1.0]))
    assert e1 == pytest.approx([1.0, 0.0, 0.0])
    assert e2 == pytest.approx([0.0, 1.0, 0.0])


def test_two_vectors_give_the_rotation() -> None:
    rotation = rotation_exp(np.array([0.5, 0.2, -2.0]))
    found = two_vector_rotation(DIRECTIONS[0], DIRECTIONS[1], rotation @ DIRECTIONS[0], rotation @ DIRECTIONS[1])
    assert found == pytest.approx(rotation, abs=1e-12)


def test_the_chi_square_limit_is_as_rare_as_it_says() -> None:
    from scipy.stats import chi2, norm

    for degrees in (1, 2, 5, 50, 400):
        # Wilson & Hilferty hold the tail's logarithm to a quarter even at one degree of freedom.
        tail = chi2.logsf(chi_square_limit(degrees, 5.0), degrees)
        assert tail == pytest.approx(norm.logsf(5.0), rel=0.25)


class Wide:
    def unproject(self, pixels: np.ndarray) -> np.ndarray:
        vectors = np.column_stack((pixels / 500.0, np.ones(len(pixels))))
        return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def test_pixel_noise_becomes_direction_noise() -> None:
    pixels = np.array([[0.0, 0.0], [200.0, -100.0]])
    limb = limb_directions(LimbPoints(pixels, np.tile(np.diag([0.04, 0.01]), (2, 1, 1)), "moon"), Wide())
    assert limb.covariance_rad2[0] == pytest.approx(np.diag([0.04, 0.01, 0.0]) / 500.0**2, rel=1e-5)
    # No variance along the direction itself, also off the boresight.
    d = limb.directions[1]
    assert d @ limb.covariance_rad2[1] @ d == pytest.approx(0.0, abs=1e-12)


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(InputError, match="limb points of moon"):
        limb_directions(LimbPoints(np.zeros((3, 3)), np.zeros((3, 2, 2)), "moon"), Wide())
