"""NEES of body fixes and two-body fixes: limb points with noise in, errors in units of the stated covariance out."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import spiceypy
from numpy.typing import NDArray
from scipy.stats import chi2

from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.opnav.baseline import Baseline
from terraluna.opnav.evidence import (
    AttitudePrior,
    DirectionLaw,
    PositionPrior,
    SunEvidence,
    bright_limb_angle,
)
from terraluna.opnav.horizon_tls import horizon_fix
from terraluna.opnav.limb_height import LimbHeight
from terraluna.opnav.los import second_range_roots
from terraluna.opnav.twobody import fix_two_bodies
from terraluna.opnav.types import BodyFix, LimbPoints, PositionFix
from terraluna.opnav.vectors import limb_directions, rotation_exp

Floats = NDArray[np.float64]

RUNS = 500
SEED = 2018
NOISE_PX = 0.1
ARCSEC = np.pi / 180.0 / 3600.0
EARTH_MOON_KM = 384400.0
# Exact measurements give the mean over the circle's arc, not its point: off by half of the angle's sigma (0.05 rad at
# most here) in units of the sigma along the circle.
CURVATURE_SHARE = 0.03
# The same shift beside the Moon's distance: 0.05^2/2.
ROOT_TOLERANCE = 2e-3
# 95 % band of the mean of RUNS chi-squares of 3 degrees of freedom.
# Fifteen means are compared, so that for about half of all seeds one lies outside though all is well.
LOW, HIGH = chi2.ppf([0.025, 0.975], 3 * RUNS) / RUNS
EARTH_TURN = spiceypy.eul2m(0.4, 0.9, -0.3, 3, 1, 3)

# name, pixel rad, Earth range km, separation deg, half arc deg, points on Earth and Moon, attitude prior arcsec;
# ranges of the Longjiang-2 case follow from the Moon's 5,600 km.
SENSORS = [
    ("EPIC", 5.19e-6, 1.5e6, 0.1, 90.0, (400, 200), (5.0, 30.0)),
    ("ONC-T", 107.3e-6, 1.5e6, 5.0, 80.0, (80, 40), (10.0, 60.0)),
    ("MapCam", 67.7e-6, 5.12e6, 4.29, 90.0, (60, 30), (5.0, 30.0)),
    ("Tianwen", 100e-6, 1.2e6, 10.0, 60.0, (120, 60), (10.0, 60.0)),
    ("Longjiang-2", 210 * ARCSEC, None, 1.3, 60.0, (60, 150), (1800.0, 3600.0)),
]


class Pinhole:
    """A camera without distortion, boresight at pixel (0, 0)."""

    def __init__(self, pixel_rad: float) -> None:
        self.focal_px = 1.0 / pixel_rad

    def unproject(self, pixels: Floats) -> Floats:
        vectors = np.column_stack((pixels / self.focal_px, np.ones(len(pixels))))
        return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def limb_pixels(
    center: Floats, radii: tuple[float, ...], camera_to_body: Floats, azimuths: Floats, focal: float
) -> Floats:
    """Exact limb pixels by SPICE's edlimb, spread about the disc from the image's right."""
    observer = -camera_to_body @ center
    ellipse = spiceypy.edlimb(*radii, observer)
    circle = np.linspace(0.0, 2.0 * np.pi, 20001)
    points = (
        np.asarray(ellipse.center)
        + np.cos(circle)[:, None] * np.asarray(ellipse.semi_major)
        + np.sin(circle)[:, None] * np.asarray(ellipse.semi_minor)
    )
    vectors = (points - observer) @ camera_to_body
    pixels = focal * vectors[:, :2] / vectors[:, 2:]
    middle = focal * center[:2] / center[2]
    angle = np.arctan2(pixels[:, 1] - middle[1], pixels[:, 0] - middle[0])
    order = np.argsort(angle)
    # The nearest of 20,000 exact points: exact itself, and as evenly spread as needed.
    return pixels[order][np.searchsorted(angle[order], azimuths)]


def scene(sensor: int) -> tuple[Floats, Floats, Floats]:
    """Observer and Moon from the Earth (3,), and the true attitude, boresight between both bodies."""
    _, _, earth_km, separation, _, _, _ = SENSORS[sensor]
    angle = np.radians(separation)
    if earth_km is None:
        moon_km = 5600.0
        earth_km = second_range_roots(moon_km, EARTH_MOON_KM, angle)[-1]
    else:
        moon_km = second_range_roots(earth_km, EARTH_MOON_KM, angle)[0]
    turn = spiceypy.eul2m(1.0, 0.7, 0.2, 3, 1, 3)
    to_earth = turn @ (earth_km * np.array([0.0, 0.0, 1.0]))
    to_moon = turn @ (moon_km * np.array([np.sin(angle), 0.0, np.cos(angle)]))
    z = to_earth / earth_km + to_moon / moon_km
    z /= np.linalg.norm(z)
    x = to_moon - z * (z @ to_moon)
    x /= np.linalg.norm(x)
    # Sun to the image's right, both bodies lit from there.
    return -to_earth, to_moon - to_earth, np.vstack((x, np.cross(z, x), z))


@functools.cache
def runs(sensor: int) -> tuple[list[BodyFix], list[BodyFix], list[PositionFix], Floats, Floats, Floats]:
    """Fixes of all runs with the true camera-frame vectors of both bodies and the true position."""
    _, pixel, _, _, half_deg, points, (cross, roll) = SENSORS[sensor]
    position, moon, attitude = scene(sensor)
    camera = Pinhole(pixel)
    truth = [attitude @ -position, attitude @ (moon - position)]
    radii = [EARTH_RADII_KM, MOON_RADII_KM]
    turns = [EARTH_TURN, np.eye(3)]
    exact = [
        limb_pixels(c, r, t, np.radians(np.linspace(-half_deg, half_deg, n)), camera.focal_px)
        for c, r, t, n in zip(truth, radii, turns, points, strict=True)
    ]
    covariances = [np.tile(NOISE_PX**2 * np.eye(2), (n, 1, 1)) for n in points]
    rng = np.random.default_rng(SEED + sensor)
    sigmas = np.array([cross, cross, roll]) * ARCSEC
    bodies: tuple[list[BodyFix], list[BodyFix]] = ([], [])
    fixes = []
    for _ in range(RUNS):
        for k, name in enumerate(("earth", "moon")):
            pixels = exact[k] + NOISE_PX * rng.standard_normal(exact[k].shape)
            limb = limb_directions(LimbPoints(pixels, covariances[k], name), camera)
            bodies[k].append(horizon_fix(limb, radii[k], turns[k]))
        prior = AttitudePrior.from_sigmas(
            rotation_exp(-sigmas * rng.standard_normal(3)) @ attitude, cross * ARCSEC, roll * ARCSEC
        )
        fixes.append(fix_two_bodies(bodies[0][-1], bodies[1][-1], Baseline.geometric(moon), attitude=prior))
    return bodies[0], bodies[1], fixes, truth[0], truth[1], position


def mean_nees(errors: Floats, covariances: Floats) -> float:
    return float(np.mean([e @ np.linalg.solve(p, e) for e, p in zip(errors, covariances, strict=True)]))


@pytest.mark.parametrize("sensor", range(len(SENSORS)), ids=[s[0] for s in SENSORS])
@pytest.mark.parametrize("body", [0, 1], ids=["earth", "moon"])
def test_body_fixes_are_consistent(sensor: int, body: int) -> None:
    outcome = runs(sensor)
    fixes, truth = outcome[body], (outcome[3], outcome[4])[body]
    errors = np.array([fix.position_camera_km - truth for fix in fixes])
    assert LOW < mean_nees(errors, np.array([fix.covariance_km2 for fix in fixes])) < HIGH


@pytest.mark.parametrize("sensor", range(len(SENSORS)), ids=[s[0] for s in SENSORS])
def test_two_body_fixes_are_consistent(sensor: int) -> None:
    _, _, fixes, _, _, position = runs(sensor)
    errors = np.array([fix.position_earth_j2000_km - position for fix in fixes])
    assert LOW < mean_nees(errors, np.array([fix.covariance_km2 for fix in fixes])) < HIGH
    assert all(fix.status == "ok" for fix in fixes)


@pytest.mark.parametrize("sensor", range(len(SENSORS)), ids=[s[0] for s in SENSORS])
def test_two_bodies_are_never_worse_than_one(sensor: int) -> None:
    earth, _, fixes, _, _, _ = runs(sensor)
    assert fixes[0].sigma_km["along"] < earth[0].range_sigma_km


@pytest.mark.parametrize("sensor", range(len(SENSORS)), ids=[s[0] for s in SENSORS])
def test_the_driver_is_the_source_that_would_be_missed(sensor: int) -> None:
    earth, moon, fixes, _, _, _ = runs(sensor)
    _, moon_km, attitude = scene(sensor)
    prior = AttitudePrior.from_sigmas(attitude, *(np.array(SENSORS[sensor][6]) * ARCSEC))
    geometry = Baseline.geometric(moon_km)
    without = {
        "earth_range": fix_two_bodies(earth[0].line_of_sight(), moon[0], geometry, attitude=prior),
        "moon_range": fix_two_bodies(earth[0], moon[0].line_of_sight(), geometry, attitude=prior),
    }
    growth = {name: (fix.sigma_km["along"] / fixes[0].sigma_km["along"]) ** 2 for name, fix in without.items()}
    driver = fixes[0].driven_by["along"]
    worst = max(growth, key=lambda name: growth[name])
    assert driver == (worst if growth[worst] > 2.0 else "lines_of_sight")
    # MapCam's Moon gives no range to speak of (39,000 km), but its size is tied to its centre along the lit limb.
    expected = {"EPIC": "earth_range", "Tianwen": "lines_of_sight", "MapCam": "moon_range", "Longjiang-2": "moon_range"}
    assert driver == expected.get(SENSORS[sensor][0], driver)


def exact_fixes(sensor: int) -> tuple[BodyFix, BodyFix]:
    """Both bodies without noise but with a typical covariance."""
    outcome = runs(sensor)
    return tuple(
        BodyFix(name, truth, fixes[0].covariance_km2)
        for name, truth, fixes in (("earth", outcome[3], outcome[0]), ("moon", outcome[4], outcome[1]))
    )  # type: ignore[return-value]


def test_without_attitude_and_sun_the_circle_is_reported() -> None:
    position, moon, _ = scene(3)
    fix = fix_two_bodies(*exact_fixes(3), Baseline.geometric(moon))
    assert fix.status == "refused"
    assert fix.reasons == ("free_rotation_about_earth_moon_line",)
    assert np.isnan(fix.position_earth_j2000_km).all()
    assert fix.freedom is not None
    # The true position lies on the circle.
    off = position - fix.freedom.center_earth_j2000_km
    assert np.linalg.norm(off) == pytest.approx(fix.freedom.radius_km, rel=1e-6)
    assert abs(off @ fix.freedom.axis_j2000) < 1e-3
    assert fix.freedom.ranges_km[0] == pytest.approx(np.linalg.norm(position), rel=1e-9)


@pytest.mark.parametrize("sensor", [3, 4], ids=["Tianwen", "Longjiang-2"])
def test_the_bright_limb_settles_the_rotation(sensor: int) -> None:
    position, moon, attitude = scene(sensor)
    sun = attitude.T @ np.array([0.9, 0.3, -0.3])
    sun /= np.linalg.norm(sun)
    fixes = exact_fixes(sensor)
    evidence = [SunEvidence(f.body, sun, bright_limb_angle(f.direction, attitude @ sun), 0.01) for f in fixes]
    phase = np.arccos(-(attitude @ sun) @ fixes[1].direction)
    evidence[1] = SunEvidence("moon", sun, evidence[1].bright_limb_rad, 0.01, phase, 0.03)
    fix = fix_two_bodies(*fixes, Baseline.geometric(moon), sun=evidence)
    assert np.linalg.norm(fix.position_earth_j2000_km - position) < CURVATURE_SHARE * max(fix.sigma_km.values())
    assert fix.attitude == pytest.approx(attitude, abs=1e-6)
    assert fix.evidence[0] in ("rotation_settled_by:bright_limb", "rotation_settled_by:phase")


def test_one_bright_limb_alone_may_leave_two_rotations() -> None:
    # Each position angle cuts the cone that the Sun describes about the Earth-Moon line in up to two places.
    position, moon, attitude = scene(3)
    sun = attitude.T @ np.array([0.2, 0.9, -0.3])
    sun /= np.linalg.norm(sun)
    fixes = exact_fixes(3)
    one = SunEvidence("earth", sun, bright_limb_angle(fixes[0].direction, attitude @ sun), 0.01)
    fix = fix_two_bodies(*fixes, Baseline.geometric(moon), sun=[one])
    found = [fix, *fix.alternatives]
    nearest = min(found, key=lambda f: float(np.linalg.norm(f.position_earth_j2000_km - position)))
    error = np.linalg.norm(nearest.position_earth_j2000_km - position)
    assert error < CURVATURE_SHARE * max(nearest.sigma_km.values())
    if len(found) > 1:
        assert fix.status == "degraded"
        assert "second_solution_possible" in fix.reasons


def test_an_attitude_law_settles_the_rotation() -> None:
    position, moon, attitude = scene(4)
    sensor = np.array([0.6, 0.0, -0.8])
    law = DirectionLaw(sensor, attitude.T @ sensor, 0.01, "Sun sensor")
    fix = fix_two_bodies(*exact_fixes(4), Baseline.geometric(moon), laws=[law])
    assert np.linalg.norm(fix.position_earth_j2000_km - position) < CURVATURE_SHARE * max(fix.sigma_km.values())
    assert fix.evidence[0] == "rotation_settled_by:Sun sensor"
    assert fix.status == "ok"


def test_a_law_along_the_line_itself_says_little() -> None:
    # The boresight is within a degree of the Earth-Moon line: it knows the turn about that line to most of a radian.
    _, moon, attitude = scene(4)
    law = DirectionLaw(np.array([0.0, 0.0, 1.0]), attitude.T @ np.array([0.0, 0.0, 1.0]), 0.01, "anti-Sun pointing")
    fix = fix_two_bodies(*exact_fixes(4), Baseline.geometric(moon), laws=[law])
    assert fix.status == "degraded"
    assert "rotation_hardly_determined" in fix.reasons


def test_the_far_moon_is_excluded_by_its_size() -> None:
    # No attitude: only the Moon's size can tell near from far.
    _, moon, attitude = scene(3)
    sun = attitude.T @ np.array([0.9, 0.3, -0.3])
    sun /= np.linalg.norm(sun)
    fixes = exact_fixes(3)
    evidence = [SunEvidence(f.body, sun, bright_limb_angle(f.direction, attitude @ sun), 0.05) for f in fixes]
    fix = fix_two_bodies(*fixes, Baseline.geometric(moon), sun=evidence)
    assert fix.evidence[1] == "second_distance:excluded_by:moon_range"
    assert not fix.alternatives
    # Without that size both distances stand, and both are given.
    fix = fix_two_bodies(fixes[0], fixes[1].line_of_sight(), Baseline.geometric(moon), sun=evidence[:1])
    assert fix.alternatives
    assert fix.status == "degraded"
    assert fix.evidence[1] == "second_distance:possible"
    found = [f.position_moon_j2000_km for f in (fix, *fix.alternatives)]
    distances = sorted({round(float(np.linalg.norm(p)), -3) for p in found})
    expected = second_range_roots(1.2e6, EARTH_MOON_KM, np.radians(10.0))
    assert distances[0] == pytest.approx(expected[0], rel=ROOT_TOLERANCE)
    assert distances[-1] == pytest.approx(expected[1], rel=ROOT_TOLERANCE)


def test_the_moon_tells_the_height_of_the_earths_limb() -> None:
    # EPIC sees the Earth's limb 20 km high while the prior says 25 +- 8: 21.8 km of range stand against 235 km per
    # kilometre of height, so the Moon's range and the triangulation must move the height.
    position, moon, attitude = scene(0)
    camera = Pinhole(SENSORS[0][1])
    true_height, prior = 20.0, LimbHeight(25.0, 8.0)
    radii = tuple(r + true_height for r in EARTH_RADII_KM)
    center = attitude @ -position
    pixels = limb_pixels(center, radii, EARTH_TURN, np.linspace(-1.5, 1.5, 400), camera.focal_px)
    limb = LimbPoints(pixels, np.tile(NOISE_PX**2 * np.eye(2), (400, 1, 1)), "earth", "443")
    earth = horizon_fix(limb_directions(limb, camera), EARTH_RADII_KM, EARTH_TURN, limb_height=prior)
    assert earth.range_sigma_km > 1800.0
    moon_fix = exact_fixes(0)[1]
    attitude_prior = AttitudePrior.from_sigmas(attitude, 5 * ARCSEC, 30 * ARCSEC)
    fix = fix_two_bodies(earth, moon_fix, Baseline.geometric(moon), attitude=attitude_prior)
    sigma = float(np.sqrt(fix.state_covariance[6, 6]))
    assert sigma < 1.0
    assert abs(fix.limb_height_km - true_height) < 3.0 * sigma
    assert fix.sigma_km["along"] < 100.0


def test_a_position_prior_takes_part() -> None:
    position, moon, attitude = scene(3)
    prior = PositionPrior(position + 1.0, np.eye(3))
    attitude_prior = AttitudePrior.from_sigmas(attitude, 10 * ARCSEC, 60 * ARCSEC)
    fix = fix_two_bodies(*exact_fixes(3), Baseline.geometric(moon), attitude=attitude_prior, prior=prior)
    assert set(fix.driven_by.values()) == {"position_prior"}
    assert max(fix.sigma_km.values()) < 1.001


def test_a_refused_body_refuses_the_fix() -> None:
    _, moon, _ = scene(3)
    earth, luna = exact_fixes(3)
    broken = BodyFix("moon", np.full(3, np.nan), np.full((3, 3), np.nan), status="refused", reasons=("too_few_points",))
    fix = fix_two_bodies(earth, broken, Baseline.geometric(moon))
    assert fix.status == "refused"
    assert fix.reasons == ("moon_refused", "too_few_points")
    assert luna.status == "ok"
