"""Event windows against SPICE's geometry finder on SPK files of the same trajectories."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import spiceypy as spice

import plan_gf as gf
from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.plan.conditions import All, Any, Not, Scalar, solve
from terraluna.plan.lissajous import LissajousSpec, LissajousTrajectory
from terraluna.plan.search import Grid, make_grid
from terraluna.plan.sky import make_sky
from terraluna.plan.track import make_track
from terraluna.plan.windows import Windows
from terraluna.trajectory import Trajectory
from terraluna.trajectory.planet import PlanetTrajectory

EDGE_S = 0.01
"""The aim for window edges; measured 5e-5 s, which is the two searches' own precision."""

STEP_S = 60.0

COOKBOOK_EDGE_S = 0.02
"""The cookbook's edges rest on DE421 and pck00008; DE440's Moon differs by some metres at 1 km/s."""


@dataclass(frozen=True)
class Case:
    """A trajectory as a grid, and as an SPK file in SPICE's pool."""

    grid: Grid
    inside: Windows


def _case(
    trajectory: Trajectory, eph: Ephemeris, start: float, stop: float, step: float, folder: Path
) -> Iterator[Case]:
    with gf.spk_of(trajectory, start, stop, step, folder):
        yield Case(gf.grid_of(trajectory, eph, start, stop), Windows(((start, stop),)))


@pytest.fixture(scope="module")
def longjiang(ephemeris: Ephemeris, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Thirty days of Longjiang-2, from the published state of 2019-01-29."""
    trajectory = MissionView.open("longjiang-2", ephemeris).trajectory
    start = ephemeris.et("2019-01-24")
    yield from _case(trajectory, ephemeris, start, start + 30 * 86400.0, 60.0, tmp_path_factory.mktemp("spk"))


def _earth_place() -> np.ndarray:
    flat = (6378.1366 - 6356.7519) / 6378.1366
    return np.array(spice.georec(math.radians(116.4), math.radians(39.9), 0.0, 6378.1366, flat))


def _earth_normal() -> np.ndarray:
    return np.array(spice.surfnm(6378.1366, 6378.1366, 6356.7519, _earth_place()))


def _moon_place() -> np.ndarray:
    return np.array(spice.latrec(1737.4, math.radians(-11.2), math.radians(-43.3)))


D = math.radians
CASES: dict[str, tuple[Scalar, Callable[[float, Windows], Windows]]] = {
    "separation": (
        Scalar("separation", "at most", D(20)),
        lambda s, w: gf.gf_separation("EARTH", "MOON", "POINT", "<", D(20), s, w),
    ),
    "limb separation": (
        Scalar("separation", "at least", D(8), limbs=("a", "b")),
        lambda s, w: gf.gf_separation("EARTH", "MOON", "SPHERE", ">", D(8), s, w),
    ),
    "range": (Scalar("range", "at most", 5000.0, a="moon"), lambda s, w: gf.gf_range("MOON", "<", 5000.0, s, w)),
    "earth phase": (
        Scalar("phase", "at most", D(80), a="earth"), lambda s, w: gf.gf_phase("EARTH", "<", D(80), s, w)
    ),
    "moon phase": (Scalar("phase", "at most", D(30), a="moon"), lambda s, w: gf.gf_phase("MOON", "<", D(30), s, w)),
    "declination": (
        Scalar("declination", "at least", D(10), a="moon"),
        lambda s, w: gf.gf_declination("MOON", ">", D(10), s, w),
    ),
    "occultation": (
        Scalar("overlap", "at least", 0.0, a="moon", b="earth"),
        lambda s, w: gf.gf_occultation("ANY", "MOON", "EARTH", s, w),
    ),
    "full occultation": (
        Scalar("covered", "at least", 0.0, a="moon", b="earth"),
        lambda s, w: gf.gf_occultation("FULL", "MOON", "EARTH", s, w),
    ),
    "sun behind moon": (
        Scalar("overlap", "at least", 0.0, a="moon", b="sun"),
        lambda s, w: gf.gf_occultation("ANY", "MOON", "SUN", s, w),
    ),
    "light in Beijing": (
        Scalar("incidence", "at most", D(70), a="earth", place_km=(0.0, 0.0, 0.0)),
        lambda s, w: gf.gf_light("INCIDENCE", "EARTH", "ITRF93", _earth_place(), "<", D(70), s, w),
    ),
    "Beijing in view": (
        Scalar("emission", "at most", D(70), a="earth"),
        lambda s, w: gf.gf_light("EMISSION", "EARTH", "ITRF93", _earth_place(), "<", D(70), s, w),
    ),
    "Tycho in view": (
        Scalar("emission", "at most", D(60), a="moon"),
        lambda s, w: gf.gf_light("EMISSION", "MOON", "IAU_MOON", _moon_place(), "<", D(60), s, w),
    ),
}  # fmt: skip


def _placed(scalar: Scalar) -> Scalar:
    """The place's vectors, which need SPICE's own constants, filled in."""
    if scalar.quantity not in ("incidence", "emission"):
        return scalar
    place = _earth_place() if scalar.a == "earth" else _moon_place()
    normal = _earth_normal() if scalar.a == "earth" else place / 1737.4
    return Scalar(
        scalar.quantity, scalar.relation, scalar.threshold, a=scalar.a, place_km=tuple(place), normal=tuple(normal)
    )


@pytest.mark.parametrize("name", CASES)
def test_thirty_days_of_longjiang_equal_spice(longjiang: Case, name: str) -> None:
    scalar, answer = CASES[name]
    ours = solve(_placed(scalar), longjiang.grid, longjiang.inside)
    theirs = answer(STEP_S, longjiang.inside)
    assert len(theirs) > 0
    assert gf.worst_edge_s(ours, theirs, STEP_S) < EDGE_S


def test_a_chain_of_conditions_equals_a_chain_of_searches(longjiang: Case) -> None:
    """Near each other, neither hidden, small phase: confinement in SPICE, All in ours."""
    condition = All(
        (
            Scalar("separation", "at most", D(25)),
            Scalar("phase", "at most", D(100), a="moon"),
            Not(Scalar("overlap", "at least", 0.0, a="moon", b="earth")),
        )
    )
    ours = solve(condition, longjiang.grid, longjiang.inside)
    near = gf.gf_separation("EARTH", "MOON", "POINT", "<", D(25), STEP_S, longjiang.inside)
    lit = gf.gf_phase("MOON", "<", D(100), STEP_S, near)
    theirs = lit.without(gf.gf_occultation("ANY", "MOON", "EARTH", STEP_S, lit))
    assert len(theirs) > 5
    assert gf.worst_edge_s(ours, theirs, STEP_S) < EDGE_S


def test_partial_occultation_is_overlap_without_cover(longjiang: Case) -> None:
    ours = solve(
        All(
            (
                Scalar("overlap", "at least", 0.0, a="moon", b="earth"),
                Not(Scalar("covered", "at least", 0.0, a="moon", b="earth")),
            )
        ),
        longjiang.grid,
        longjiang.inside,
    )
    theirs = gf.gf_occultation("PARTIAL", "MOON", "EARTH", 10.0, longjiang.inside)
    assert len(theirs) > 10
    assert gf.worst_edge_s(ours, theirs, 10.0) < EDGE_S


def test_a_short_event_is_not_stepped_over(longjiang: Case) -> None:
    """A separation under its minimum plus a hair lasts seconds; the resolution says whether it must be found."""
    inside = longjiang.inside
    least = _least_separation(longjiang)
    scalar = Scalar("separation", "at most", least + 5e-6)
    theirs = gf.gf_separation("EARTH", "MOON", "POINT", "<", least + 5e-6, 30.0, inside)
    assert len(theirs) == 1
    found = solve(scalar, longjiang.grid, inside, 0.99 * theirs.duration_s)
    assert gf.worst_edge_s(found, theirs, 0.0) < EDGE_S


def _least_separation(case: Case) -> float:
    out = spice.cell_double(100)
    spice.gfsep(
        "EARTH", "POINT", "NULL", "MOON", "POINT", "NULL", "CN+S", str(gf.CRAFT), "ABSMIN", 0.0, 0.0, STEP_S, 50_000,
        gf.cell(case.inside), out,
    )  # fmt: skip
    et = spice.wnfetd(out, 0)[0]
    places = [np.array(spice.spkpos(b, et, "J2000", "CN+S", str(gf.CRAFT))[0]) for b in ("EARTH", "MOON")]
    return float(spice.vsep(*places))


def test_the_cookbook_eclipse(ephemeris: Ephemeris) -> None:
    """SpiceyPy's gfoclt example: Moon before Sun from the Earth's centre, December 2001; Sun of 696,000 km as there."""
    start, stop = spice.str2et("2001 DEC 01 00:00:00 TDB"), spice.str2et("2002 JAN 01 00:00:00 TDB")
    track = make_track(PlanetTrajectory("earth", ephemeris), start, stop)
    grid = make_grid(make_sky(track, ephemeris, sun_radius_km=696000.0))
    found = solve(Scalar("overlap", "at least", 0.0, a="moon", b="sun"), grid, Windows(((start, stop),)))
    published = tuple(spice.str2et(f"2001-DEC-14 {t} TDB") for t in ("20:10:14.203", "21:35:50.329"))
    assert len(found) == 1
    assert found.spans[0] == pytest.approx(published, abs=COOKBOOK_EDGE_S)


def _random_request(rng: np.random.Generator) -> tuple[object, Callable[[Windows, float], Windows]]:
    """A condition of one to three parts, and the same as a chain of SPICE searches."""
    parts: list[object] = []
    steps: list[Callable[[Windows, float], Windows]] = []
    for kind in rng.choice(["separation", "moon phase", "earth phase", "range", "hidden", "declination"], 3, False):
        if kind == "separation":
            v = float(rng.uniform(D(5), D(60)))
            parts.append(Scalar("separation", "at most", v))
            steps.append(lambda w, s, v=v: gf.gf_separation("EARTH", "MOON", "POINT", "<", v, s, w))
        elif kind.endswith("phase"):
            body, v = kind.split()[0], float(rng.uniform(D(20), D(150)))
            name = body.upper()
            relation = str(rng.choice(["at least", "at most"]))
            parts.append(Scalar("phase", relation, v, a=body))  # type: ignore[arg-type]
            sign = ">" if relation == "at least" else "<"
            steps.append(lambda w, s, v=v, b=name, r=sign: gf.gf_phase(b, r, v, s, w))
        elif kind == "range":
            v = float(rng.uniform(3000.0, 14000.0))
            parts.append(Scalar("range", "at least", v, a="moon"))
            steps.append(lambda w, s, v=v: gf.gf_range("MOON", ">", v, s, w))
        elif kind == "hidden":
            parts.append(Not(Scalar("overlap", "at least", 0.0, a="moon", b="earth")))
            steps.append(lambda w, s: w.without(gf.gf_occultation("ANY", "MOON", "EARTH", s, w)))
        else:
            v = float(rng.uniform(D(-20), D(20)))
            parts.append(Scalar("declination", "at least", v, a="moon"))
            steps.append(lambda w, s, v=v: gf.gf_declination("MOON", ">", v, s, w))

    def chain(inside: Windows, step: float) -> Windows:
        for search in steps:
            inside = search(inside, step) if inside else inside
        return inside

    return All(tuple(parts)), chain  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(k, marks=pytest.mark.slow) for k in range(2, 20))])
def test_random_requests_equal_spice(longjiang: Case, seed: int) -> None:
    condition, chain = _random_request(np.random.default_rng(seed))
    ours = solve(condition, longjiang.grid, longjiang.inside)  # type: ignore[arg-type]
    theirs = chain(longjiang.inside, STEP_S)
    assert gf.worst_edge_s(ours, theirs, STEP_S) < EDGE_S


def test_any_and_not_are_the_window_algebra(longjiang: Case) -> None:
    near = Scalar("separation", "at most", D(20))
    lit = Scalar("phase", "at most", D(30), a="moon")
    a, b = (solve(c, longjiang.grid, longjiang.inside) for c in (near, lit))
    either = solve(Any((near, lit)), longjiang.grid, longjiang.inside)
    neither = solve(Not(Any((near, lit))), longjiang.grid, longjiang.inside)
    assert either.duration_s == pytest.approx(a.duration_s + b.duration_s - (a & b).duration_s, abs=0.01)
    assert either.duration_s + neither.duration_s == pytest.approx(longjiang.inside.duration_s, abs=0.01)


@pytest.fixture(scope="module")
def mars(ephemeris: Ephemeris, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A year at the centre of Mars's system."""
    trajectory = PlanetTrajectory("mars", ephemeris)
    start = ephemeris.et("2026-01-01")
    yield from _case(trajectory, ephemeris, start, start + 365 * 86400.0, 3600.0, tmp_path_factory.mktemp("spk"))


@pytest.fixture(scope="module")
def lagrange(ephemeris: Ephemeris, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A year on a Lissajous path about the Sun-Earth point L1."""
    spec = LissajousSpec(
        kind="lissajous", utc="2015-07-16T22:15:00", amplitude_y_km=278256.0, amplitude_z_km=112805.0,
        phase_y_deg=73.376, phase_z_deg=265.514,
    )  # fmt: skip
    start = ephemeris.et("2015-08-01")
    trajectory = LissajousTrajectory(spec, ephemeris)
    yield from _case(trajectory, ephemeris, start, start + 365 * 86400.0, 3600.0, tmp_path_factory.mktemp("spk"))


@pytest.mark.slow
def test_a_year_from_mars_equals_spice(mars: Case) -> None:
    ours = solve(Scalar("separation", "at least", D(0.08)), mars.grid, mars.inside)
    theirs = gf.gf_separation("EARTH", "MOON", "POINT", ">", D(0.08), 3600.0, mars.inside)
    assert len(theirs) > 5
    assert gf.worst_edge_s(ours, theirs, STEP_S) < EDGE_S
    ours = solve(Scalar("phase", "at most", D(60), a="earth"), mars.grid, mars.inside)
    theirs = gf.gf_phase("EARTH", "<", D(60), 3600.0, mars.inside)
    assert len(theirs) > 0
    assert gf.worst_edge_s(ours, theirs, STEP_S) < EDGE_S


@pytest.mark.slow
def test_a_year_from_l1_equals_spice(lagrange: Case) -> None:
    for kind, quantity in (("ANY", "overlap"), ("ANNULAR", "annular")):
        ours = solve(Scalar(quantity, "at least", 0.0, a="moon", b="earth"), lagrange.grid, lagrange.inside)  # type: ignore[arg-type]
        theirs = gf.gf_occultation(kind, "MOON", "EARTH", 600.0, lagrange.inside)
        assert len(theirs) > 2
        assert gf.worst_edge_s(ours, theirs, STEP_S) < EDGE_S
    ours = solve(Scalar("separation", "at most", D(0.4)), lagrange.grid, lagrange.inside)
    theirs = gf.gf_separation("EARTH", "MOON", "POINT", "<", D(0.4), 3600.0, lagrange.inside)
    assert gf.worst_edge_s(ours, theirs, STEP_S) < EDGE_S
