"""Tables: polynomials are reproduced, files are read as they say, faults name the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spiceypy as spice

from terraluna.ephemeris import Ephemeris
from terraluna.errors import CoverageError, InputError
from terraluna.trajectory import PropagatedTrajectory, trajectory_from_spec
from terraluna.trajectory.interpolate import Method, StateInterpolator
from terraluna.trajectory.planet import PlanetTrajectory
from terraluna.trajectory.table import SampledTrajectory, read_csv, read_xyzv

EXACT = 1e-11  # rounding of divided differences of values near 10
EPOCH = 502403520.0
STATE = (-1.27280723e03, -2.58666662e04, 3.20529444e04, 1.53750970, 5.19307217, -3.35965130)
PLACE_KM, SPEED_KM_S = 1e-4, 1e-6  # samples are written with 9 decimals; degree 7 at 300 s


@pytest.mark.parametrize(("method", "columns"), [("hermite", 6), ("lagrange", 6), ("lagrange", 3), ("hermite", 3)])
def test_a_polynomial_of_the_degree_is_reproduced(method: Method, columns: int) -> None:
    rng = np.random.default_rng(4)
    ets = 5.0e8 + 40.0 * np.arange(25) + rng.uniform(0.0, 20.0, 25)
    polynomials = [np.polynomial.Polynomial(rng.normal(size=6), domain=[0.0, 1000.0]) for _ in range(3)]

    def truth(t: np.ndarray) -> np.ndarray:
        return np.stack([p(t - 5e8) for p in polynomials] + [p.deriv()(t - 5e8) for p in polynomials], axis=1)

    found = StateInterpolator(ets, truth(ets)[:, :columns], method, 5 if method == "hermite" else 6)
    t = np.sort(rng.uniform(ets[0], ets[-1], 300))
    assert np.abs(found(t) - truth(t))[:, :3].max() < EXACT
    assert np.abs(found(t) - truth(t))[:, 3:].max() < EXACT
    assert np.abs(found(ets) - truth(ets)).max() < EXACT


@pytest.mark.parametrize(
    ("ets", "rows", "text"),
    [
        ([0.0], [[1.0] * 6], "one sample"),
        ([0.0, 1.0, 1.0], [[1.0] * 6] * 3, "sample 3 is not later"),
        ([0.0, 1.0], [[1.0] * 6, [np.nan] * 6], "sample 2 holds"),
        ([0.0, 1.0], [[1.0] * 5] * 2, "n x 6 or n x 3"),
    ],
)
def test_bad_samples(ets: list[float], rows: list[list[float]], text: str) -> None:
    with pytest.raises(InputError, match=text):
        SampledTrajectory(ets, rows, "earth")


def _samples(ephemeris: Ephemeris) -> tuple[PropagatedTrajectory, np.ndarray]:
    return PropagatedTrajectory(ephemeris, EPOCH, STATE), EPOCH - 86400.0 + 300.0 * np.arange(100)


@pytest.mark.parametrize("clock", ["utc", "et"])
@pytest.mark.parametrize("velocities", [True, False])
def test_csv(ephemeris: Ephemeris, tmp_path: Path, clock: str, velocities: bool) -> None:
    probe, ets = _samples(ephemeris)
    path = tmp_path / "probe.csv"
    names = [clock, "x", "y", "z"] + (["vx", "vy", "vz"] if velocities else [])
    lines = ["# a comment", ",".join(names)]
    for et, state in zip(ets, probe.states(ets), strict=True):
        first = ephemeris.utc(et, 9) if clock == "utc" else repr(float(et))
        lines.append(",".join([first, *(f"{x:.9f}" for x in state[: len(names) - 1])]))
    path.write_text("\n".join(lines))
    found = read_csv(path, ephemeris)
    between = ets[5:-5] + 137.0
    assert np.abs(found.states(between) - probe.states(between))[:, :3].max() < PLACE_KM
    assert np.abs(found.states(between) - probe.states(between))[:, 3:].max() < SPEED_KM_S
    with pytest.raises(CoverageError, match="probe"):
        found.state(ets[-1] + 1.0)
    spec = {"kind": "table", "file": "probe.csv"}
    assert np.array_equal(trajectory_from_spec(spec, ephemeris, tmp_path).states(between), found.states(between))


def test_xyzv(ephemeris: Ephemeris, tmp_path: Path) -> None:
    probe, ets = _samples(ephemeris)
    turn = np.array(spice.sxform("J2000", "ECLIPJ2000", 0.0))
    path = tmp_path / "probe.xyzv"
    lines = ["# Celestia"]
    for et in ets:
        state = turn @ (probe.state(et) + ephemeris.state("earth", et, "sun"))
        day, rest = divmod(et, 86400.0)
        lines.append(
            f"{2451545 + int(day)}.{rest / 86400.0:.15f}".replace(".0.", ".") + "".join(f" {x:.9f}" for x in state)
        )
    path.write_text("\n".join(lines))
    found = read_xyzv(path)
    between = ets[5:-5] + 137.0
    assert found.center == "sun"
    difference = found.states_about("earth", between, ephemeris) - probe.states(between)
    assert np.abs(difference)[:, :3].max() < PLACE_KM


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", "utc,x,y\n2020-01-01,1,2\n", "line 1: no column z"),
        ("a.csv", "et,x,y,z\n0,1,2,3\n1,1,2,three\n", "line 3: could not convert"),
        ("a.csv", "utc,x,y,z\n2020-01-01,1,2,3\nyesterday,1,2,3\n", "line 3: 'yesterday' is not a UTC time"),
        ("a.csv", "et,x,y,z\n0,1,2,3\n1,1\n", "line 3"),
        ("a.csv", "et,x,y,z\n0,1,2,3\n", "two or more"),
        ("a.xyzv", "2451545.0 1 2 3\n", "line 1: 4 values"),
        ("a.xyzv", "# c\n2451545.0 1 2 3 4 5 x\n", "line 2"),
    ],
)
def test_bad_files(ephemeris: Ephemeris, tmp_path: Path, name: str, content: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=f"{name}: .*{text}"):
        read_xyzv(path) if name.endswith("xyzv") else read_csv(path, ephemeris)


def test_missing_file(ephemeris: Ephemeris, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.csv: cannot be read"):
        read_csv(tmp_path / "none.csv", ephemeris)


def test_at_a_planet(ephemeris: Ephemeris) -> None:
    et = ephemeris.et("2007-10-03T12:20:00")
    found = PlanetTrajectory("mars", ephemeris)
    # Published: the Earth is 142 million km from Mars.
    assert np.linalg.norm(found.states_about("earth", [et], ephemeris)[0, :3]) == pytest.approx(142e6, abs=0.5e6)
    # Geometric; 8 minutes of light at 24 km/s are within the half million.
    assert not found.state(et).any()
