"""The linear horizon fix against limbs that SPICE computes."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy
from numpy.typing import NDArray

from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.errors import InputError
from terraluna.opnav.horizon import body_axes, linear_horizon_fix
from terraluna.opnav.horizon_tls import horizon_fix
from terraluna.opnav.types import LimbDirections

# Required of a noise-free fix at 1.5e6 km (Christian & Robinson 2016 as this project asks of it).
NOISE_FREE_KM = 1e-3
# The same relative accuracy, 6.7e-10, at other ranges.
NOISE_FREE_RELATIVE = 1e-3 / 1.5e6

Floats = NDArray[np.float64]


def spice_limb(center_camera: Floats, radii: tuple[float, ...], camera_to_body: Floats, azimuths: Floats) -> Floats:
    """Unit vectors (n, 3), camera frame, to limb points by SPICE's edlimb."""
    observer_body = -camera_to_body @ center_camera
    ellipse = spiceypy.edlimb(*radii, observer_body)
    points = (
        np.asarray(ellipse.center)
        + np.cos(azimuths)[:, None] * np.asarray(ellipse.semi_major)
        + np.sin(azimuths)[:, None] * np.asarray(ellipse.semi_minor)
    )
    vectors = (points - observer_body) @ camera_to_body
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def directions(vectors: Floats) -> LimbDirections:
    across = np.eye(3) - vectors[:, :, None] * vectors[:, None, :]
    return LimbDirections(vectors, 1e-12 * across, "earth")


CASES = [
    (EARTH_RADII_KM, np.array([1500.0, -2500.0, 1.5e6]), np.pi / 3),
    (EARTH_RADII_KM, np.array([20000.0, 30000.0, 380000.0]), np.pi / 2),
    (MOON_RADII_KM, np.array([900.0, -300.0, 5600.0]), np.pi / 3),
    (MOON_RADII_KM, np.array([90000.0, -30000.0, 1.2e6]), np.pi / 3),
    ((3396.19, 3396.19, 3376.20), np.array([100.0, 200.0, 9000.0]), np.pi),
]


@pytest.mark.parametrize(("radii", "center", "half_arc"), CASES)
@pytest.mark.parametrize("method", ["linear", "unbiased"])
def test_noise_free_limb_gives_the_position(
    radii: tuple[float, ...], center: Floats, half_arc: float, method: str
) -> None:
    turn = spiceypy.eul2m(0.3, 1.1, -0.7, 3, 1, 3)
    limb = directions(spice_limb(center, radii, turn, np.linspace(-half_arc, half_arc, 200) + 0.4))
    if method == "linear":
        fix = linear_horizon_fix(limb, radii, turn)
        error = np.linalg.norm(fix.position_camera_km - center)
        assert error < max(NOISE_FREE_KM if np.linalg.norm(center) > 1e6 else 0.0, NOISE_FREE_RELATIVE * fix.range_km)
        assert fix.method == "linear"
        return
    fix = horizon_fix(limb, radii, turn)
    # The bias that is taken off belongs to the stated noise of 1 urad; what the fit itself found must be exact.
    found = fix.position_camera_km * (1.0 + fix.bias_removed_km / fix.range_km)
    assert abs(np.linalg.norm(found) - np.linalg.norm(center)) < max(NOISE_FREE_KM, NOISE_FREE_RELATIVE * fix.range_km)
    assert fix.status == "ok"
    assert fix.points == 200


def test_an_ellipsoid_without_orientation_is_refused() -> None:
    with pytest.raises(InputError, match="camera_to_body"):
        body_axes(EARTH_RADII_KM)


def test_few_or_broken_points_are_refused_with_nan() -> None:
    limb = directions(spice_limb(np.array([0.0, 0.0, 1e6]), MOON_RADII_KM, np.eye(3), np.linspace(0.0, 1.0, 3)))
    fix = horizon_fix(limb, MOON_RADII_KM)
    assert fix.status == "refused"
    assert fix.reasons == ("too_few_points",)
    assert np.isnan(fix.position_camera_km).all()


def test_points_on_no_limb_are_refused() -> None:
    # A straight edge: no cone that opens toward the observer passes through it on its convex side.
    x = np.linspace(-0.1, 0.1, 50)
    vectors = np.column_stack((x, 0.0 * x, np.ones(50)))
    vectors[:, 1] = 1e-7 * np.sin(40.0 * x)
    fix = horizon_fix(directions(vectors / np.linalg.norm(vectors, axis=1)[:, None]), MOON_RADII_KM)
    assert fix.status in ("refused", "degraded")
    assert fix.reasons
