"""There and back, energy, and the same orbit about another centre."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import GM_KM3_S2
from terraluna.errors import CoverageError, GeometryError, InputError
from terraluna.trajectory import ForceOptions, PropagatedTrajectory

DAY = 86400.0
CLOSURE_KM = 1e-4  # 1e-12 a step over some 1,000 steps at 1e4 km, multiplied by the orbit's own along-track growth
CENTERS_KM = 0.05  # the figure terms that the two formulations treat differently: 2e-14 km/s^2 over ten days is 7 m
ENERGY = 1e-11  # relative tolerance 1e-12 a step
STATE = np.array([5052.814707, -13921.222047, -406.20924, 0.210434, 0.202351, -0.117934])


def test_forth_and_back(ephemeris: Ephemeris) -> None:
    epoch = ephemeris.et("2019-01-29T08:00:00")
    there = PropagatedTrajectory(ephemeris, epoch, STATE, "moon")
    middle = there.state(epoch + 5 * DAY)
    back = PropagatedTrajectory(ephemeris, epoch + 5 * DAY, middle, "moon")
    assert np.linalg.norm(back.state(epoch)[:3] - STATE[:3]) < CLOSURE_KM


def test_the_order_of_questions_does_not_matter(ephemeris: Ephemeris) -> None:
    epoch = ephemeris.et("2019-01-29T08:00:00")
    ets = epoch + DAY * np.array([3.0, -2.0, 0.0, 1.0, -0.5])
    one = PropagatedTrajectory(ephemeris, epoch, STATE, "moon").states(ets)
    other = PropagatedTrajectory(ephemeris, epoch, STATE, "moon")
    for et, state in zip(ets[::-1], one[::-1], strict=True):
        assert np.array_equal(other.state(et), state)
    assert np.array_equal(other.state(epoch), STATE)


def test_centre_of_integration_does_not_matter(ephemeris: Ephemeris) -> None:
    epoch = ephemeris.et("2015-12-03T08:30:51.8")
    state = np.array([-1.27280723e03, -2.58666662e04, 3.20529444e04, 1.53750970, 5.19307217, -3.35965130])
    et = epoch - 7 * DAY
    places = [
        PropagatedTrajectory(ephemeris, epoch, state + ephemeris.state("earth", epoch, c), c)
        .states_about("earth", [et], ephemeris)[0, :3]
        for c in ("earth", "sun", "moon")
    ]  # fmt: skip
    assert np.linalg.norm(places[0] - places[1]) < CENTERS_KM
    assert np.linalg.norm(places[0] - places[2]) < CENTERS_KM


def test_energy_of_a_low_solar_orbit(ephemeris: Ephemeris) -> None:
    # So near the Sun the planets' tide is 2e-12 of the Sun's pull (Mercury's r^3/d^3): two-body energy must hold.
    gm, r = GM_KM3_S2["sun"], 8.0e5
    epoch = ephemeris.et("2020-01-01T00:00:00")
    state = [r, 0.0, 0.0, 0.0, np.sqrt(gm / r), 0.0]
    trajectory = PropagatedTrajectory(ephemeris, epoch, state, "sun", span=(epoch, epoch + DAY))
    found = trajectory.states(epoch + np.linspace(0.0, DAY, 50))
    energy = 0.5 * (found[:, 3:] ** 2).sum(axis=1) - gm / np.linalg.norm(found[:, :3], axis=1)
    assert np.abs(energy / energy[0] - 1.0).max() < ENERGY


def test_solar_pressure_stops_in_the_shadow(ephemeris: Ephemeris) -> None:
    epoch = ephemeris.et("2020-01-01T00:00:00")
    sun = ephemeris.position("sun", epoch, "earth")
    behind = -sun / np.linalg.norm(sun) * 20000.0
    options = [ForceOptions(cr_a_over_m=x, shadow=s) for x, s in ((0.0, True), (0.05, True), (0.05, False))]
    state = np.array([*behind, 0.0, 0.0, 1.0])
    dark, shaded, lit = (
        PropagatedTrajectory(ephemeris, epoch, state, options=o).forces.derivative(epoch, state)[3:] for o in options
    )
    assert np.array_equal(dark, shaded)
    # 4.539e-6 N/m^2 at 1 au, 0.05 m^2/kg, and the Earth at perihelion: 0.98333 au.
    assert np.linalg.norm(lit - dark) == pytest.approx(4.539e-6 * 0.05 * 1e-3 / 0.98333**2, rel=1e-3)


def test_outside_the_span(ephemeris: Ephemeris) -> None:
    epoch = ephemeris.et("2019-01-29T08:00:00")
    trajectory = PropagatedTrajectory(ephemeris, epoch, STATE, "moon", name="probe", span=(epoch, epoch + DAY))
    with pytest.raises(CoverageError, match=r"probe: 2019-01-29T07:59:59 UTC .* 2019-01-29T08:00:00 to 2019-01-30"):
        trajectory.state(epoch - 1.0)
    with pytest.raises(GeometryError, match="nan is not a finite number"):
        trajectory.state(np.nan)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ([1.0, 2, 3, 4, 5, np.nan], "not a finite number"),
        ([1.0, 2, 3], "6 numbers"),
        ([0.0, 0, 0, 1, 0, 0], "centre itself"),
    ],
)
def test_bad_states(ephemeris: Ephemeris, state: list[float], text: str) -> None:
    with pytest.raises(InputError, match=text):
        PropagatedTrajectory(ephemeris, 0.0, state)


def test_bad_options(ephemeris: Ephemeris) -> None:
    with pytest.raises(InputError, match="unknown center"):
        PropagatedTrajectory(ephemeris, 0.0, STATE, "pluto")
    with pytest.raises(InputError, match="lunar_degree"):
        PropagatedTrajectory(ephemeris, 0.0, STATE, "moon", options=ForceOptions(lunar_degree=11))
    with pytest.raises(InputError, match="GRGM900C"):
        PropagatedTrajectory(ephemeris, 0.0, STATE, "moon", options=ForceOptions(lunar_model="X"))
    with pytest.raises(InputError, match="cr_a_over_m"):
        ForceOptions(cr_a_over_m=-1.0)


def test_forces_can_be_sent_to_another_process(ephemeris: Ephemeris) -> None:
    trajectory = PropagatedTrajectory(ephemeris, 6.0e8, STATE, "moon")
    again = pickle.loads(pickle.dumps(trajectory.forces))
    assert np.array_equal(again.derivative(6.0e8, STATE), trajectory.forces.derivative(6.0e8, STATE))
