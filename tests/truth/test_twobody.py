"""Two-body fixes against the linearised reference of the literature's five geometries, and their speed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from terraluna.opnav.baseline import Baseline
from terraluna.opnav.evidence import AttitudePrior
from terraluna.opnav.los import second_range_roots, triangulate
from terraluna.opnav.prediction import two_body_covariance
from terraluna.opnav.twobody import fix_two_bodies
from terraluna.opnav.types import BodyFix

Floats = NDArray[np.float64]

EARTH_MOON_KM = 384400.0
ARCSEC = np.pi / 180.0 / 3600.0
# Asked of the reproduction of the reference table; its numbers have two or three digits.
TABLE_TOLERANCE = 0.10
# A warm fix, on an idle machine; processor time of the fastest of several batches.
SPEED_S = 2e-3


def triangle(earth_km: float, moon_km: float, separation_deg: float) -> tuple[Floats, Floats]:
    """Observer and Moon (3,), from the Earth; the Earth's line of sight along -z of nothing in particular."""
    angle = np.radians(separation_deg)
    earth = earth_km * np.array([0.0, 0.0, 1.0])
    moon = moon_km * np.array([np.sin(angle), 0.0, np.cos(angle)])
    return -earth, moon - earth


def near_side(earth_km: float, separation_deg: float) -> tuple[Floats, Floats]:
    return triangle(
        earth_km, second_range_roots(earth_km, EARTH_MOON_KM, np.radians(separation_deg))[0], separation_deg
    )


def far_end(moon_km: float, separation_deg: float) -> tuple[Floats, Floats]:
    """The Earth's distance from the Moon's, as for an orbiter of the Moon."""
    earth_km = second_range_roots(moon_km, EARTH_MOON_KM, np.radians(separation_deg))[-1]
    return triangle(earth_km, moon_km, separation_deg)


def boresight_at_earth(position: Floats) -> Floats:
    """J2000 -> camera with the Earth on the boresight: the prior's "roll" is about the Earth's line of sight."""
    z = -position / np.linalg.norm(position)
    x = np.array([1.0, 0.0, 0.0]) - z * z[0]
    x /= np.linalg.norm(x)
    return np.vstack((x, np.cross(z, x), z))


# name, geometry, line sigma rad, prior arcsec (cross, roll), range sigmas, reference lines only, reference with ranges
TABLE = [
    ("1.2e6 km", near_side(1.2e6, 10.0), 100e-6 * 0.1, (10, 60), (1133.0, 5951.0), (123, 59, 55), (123, 59, 55)),
    ("EPIC", near_side(1.5e6, 0.1), 5.2e-6 * 0.02, (5, 30), (21.8, 57.0), (5340, 36, 1.3), (20.4, 0.7, 1.3)),
    ("MapCam", near_side(5.12e6, 4.29), 67.7e-6 * 0.1, (5, 30), (8088.0, None), (652, 129, 128), (649, 129, 128)),
    ("Voyager", near_side(11.66e6, 1.0), 7.86e-6 * 0.1, (5, 30), (None, None), (861, 283, 273), None),
    # 210 arcsec/px: the full field of the Longjiang-2 camera; 0.5 and 1 deg without stars.
    (
        "Longjiang-2",
        far_end(5600.0, 1.3),
        210 * ARCSEC * 0.1,
        (1800, 3600),
        (1778.0, 1.26),
        (148000, 3400, 2.4),
        (1.3, 0.8, 2.4),
    ),
]


@pytest.mark.parametrize("case", TABLE, ids=[case[0] for case in TABLE])
def test_the_reference_table(case: tuple) -> None:  # type: ignore[type-arg]
    _, (position, moon), line, (cross, roll), ranges, lines_only, with_ranges = case
    prior = AttitudePrior.from_sigmas(boresight_at_earth(position), cross * ARCSEC, roll * ARCSEC)
    geometry = Baseline.geometric(moon)
    found = two_body_covariance(position, geometry, prior, (line, line))
    assert list(found.sigma_km.values()) == pytest.approx(lines_only, rel=TABLE_TOLERANCE)
    if with_ranges is not None:
        found = two_body_covariance(position, geometry, prior, (line, line), ranges)
        assert list(found.sigma_km.values()) == pytest.approx(with_ranges, rel=TABLE_TOLERANCE)


def test_the_fix_says_who_did_the_work() -> None:
    def driven(case: tuple) -> str:  # type: ignore[type-arg]
        _, (position, moon), line, (cross, roll), ranges, _, _ = case
        prior = AttitudePrior.from_sigmas(boresight_at_earth(position), cross * ARCSEC, roll * ARCSEC)
        return two_body_covariance(position, Baseline.geometric(moon), prior, (line, line), ranges).driven_by["along"]

    # 123 km by triangulation against ranges of 1,133 and 5,951; 5,340 against 21.8; 148,000 and 1,778 against 1.26.
    assert driven(TABLE[0]) == "lines_of_sight"
    assert driven(TABLE[1]) == "earth_range"
    assert driven(TABLE[4]) == "moon_range"


def test_triangulation_has_the_table_sigma_without_ranges() -> None:
    _, (position, moon), line, (cross, roll), _, lines_only, _ = TABLE[0]
    rotation = boresight_at_earth(position)
    bodies = np.vstack((np.zeros(3), moon))
    directions = (bodies - position) / np.linalg.norm(bodies - position, axis=1)[:, None]
    attitude = rotation.T @ np.diag(np.array([cross, cross, roll]) ** 2.0) @ rotation * ARCSEC**2
    found = triangulate(directions, bodies, np.array([line, line]), attitude)
    assert found.position_km == pytest.approx(position, rel=1e-9, abs=1e-3)
    along = -position / np.linalg.norm(position)
    # LOST weighs the lines by their own noise only; the attitude's correlation is worth a few per cent more.
    assert np.sqrt(along @ found.covariance_km2 @ along) == pytest.approx(lines_only[0], rel=TABLE_TOLERANCE)


def test_a_warm_fix_is_fast() -> None:
    _, (position, moon), line, (cross, roll), ranges, _, _ = TABLE[0]
    rotation = boresight_at_earth(position)
    fixes = []
    for name, place, sigma in (("earth", np.zeros(3), ranges[0]), ("moon", moon, ranges[1])):
        vector = rotation @ (place - position)
        distance = np.linalg.norm(vector)
        direction = vector / distance
        along = np.outer(direction, direction)
        fixes.append(BodyFix(name, vector, (line * distance) ** 2 * (np.eye(3) - along) + sigma**2 * along))
    prior = AttitudePrior.from_sigmas(rotation, cross * ARCSEC, roll * ARCSEC)
    geometry = Baseline.geometric(moon)
    fix_two_bodies(*fixes, geometry, attitude=prior)
    batches = []
    for _ in range(20):
        start = time.process_time()
        for _ in range(10):
            fix_two_bodies(*fixes, geometry, attitude=prior)
        batches.append((time.process_time() - start) / 10.0)
    assert min(batches) < SPEED_S
