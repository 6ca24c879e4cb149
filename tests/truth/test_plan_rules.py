"""Hiding planets, eclipses, slew, ground stations, keep-outs and Earthrise against SPICE's own searches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import spiceypy as spice
from spiceypy.utils.callbacks import SpiceUDFUNB, SpiceUDFUNS

import plan_gf as gf
from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.plan.conditions import All, Any, Condition, Not, Scalar, solve
from terraluna.plan.framing import attitudes
from terraluna.plan.laws import Pointing
from terraluna.plan.places import find_place
from terraluna.plan.planner import Leg, plan_request
from terraluna.plan.request import Request
from terraluna.plan.search import sample
from terraluna.plan.windows import Windows
from terraluna.trajectory import Trajectory, trajectory_from_spec
from terraluna.trajectory.planet import PlanetTrajectory

EDGE_S = 0.01
"""The aim for window edges."""

SLEW_RAD_S = 1e-9
"""Where a track's pieces meet, its 1 mm at 4,000 km makes 3e-10 rad in the second that a rate is taken over."""

SLEW_EDGE_S = 0.5
"""The same over the least change of the rate at these edges, 1e-9 rad/s each second, rounded."""

SPIN = 1e-4
"""SPICE's analytic spin differs so much from its own attitudes: its rate of the aberration is approximate."""

CONE_S = 0.015
"""A grazing ray is 0.5 ms shorter than the way by the bodies' centres, in which the Earth moves 14 m."""

ECLIPSE_S = 3.0
"""Published contacts are whole seconds of UT1, and their ephemeris is VSOP87/ELP-2000."""

ENLARGED_S = 100.0
"""The canons enlarge the Earth's shadow by 1/85 or 2 % for the atmosphere, 80 to 130 km at 1 km/s."""

STEP_S = 60.0
DAY = 86400.0
STATION_ID = 399901
APEX_ID = -9977
D = math.radians

MARS_ORBIT = {
    "kind": "state", "frame": "keplerian", "center": "mars", "utc": "2026-06-01T00:00:00",
    "elements": [9000.0, 0.55, 87.0, 40.0, 30.0, 0.0],
}  # fmt: skip
MOON_ORBIT = {
    "kind": "state", "frame": "keplerian", "center": "moon", "utc": "2026-03-15T00:00:00",
    "elements": [1837.4, 0.001, 88.0, 20.0, 0.0, 0.0],
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A trajectory as a leg of a plan, and as an SPK file in SPICE's pool."""

    leg: Leg
    inside: Windows

    def solve(self, condition: Condition) -> Windows:
        return solve(condition, self.leg.grid, self.inside)


def _case(
    trajectory: Trajectory, eph: Ephemeris, start: float, days: float, step: float, folder: Path
) -> Iterator[Case]:
    stop = start + days * DAY
    with gf.spk_of(trajectory, start, stop, step, folder):
        leg = Leg(trajectory, gf.grid_of(trajectory, eph, start, stop), (start, stop))
        yield Case(leg, Windows(((start, stop),)))


def _orbit(spec: dict[str, object], eph: Ephemeris, days: float) -> tuple[Trajectory, float]:
    start = eph.et(str(spec["utc"]))
    return trajectory_from_spec({**spec, "span_days": days + 1.0}, eph), start


@pytest.fixture(scope="module")
def longjiang(ephemeris: Ephemeris, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    trajectory = MissionView.open("longjiang-2", ephemeris).trajectory
    yield from _case(trajectory, ephemeris, ephemeris.et("2019-02-01"), 8.0, 60.0, tmp_path_factory.mktemp("spk"))


@pytest.fixture(scope="module")
def low_orbit(ephemeris: Ephemeris, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    trajectory, start = _orbit(MOON_ORBIT, ephemeris, 2.0)
    yield from _case(trajectory, ephemeris, start, 2.0, 20.0, tmp_path_factory.mktemp("spk"))


@pytest.fixture(scope="module")
def mars_orbit(ephemeris: Ephemeris, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Ten days about Mars; SPICE needs Mars itself, which DE440 has not: it is put at the barycentre of its system."""
    folder = tmp_path_factory.mktemp("spk")
    trajectory, start = _orbit(MARS_ORBIT, ephemeris, 10.0)
    times = start + DAY * np.linspace(-1.0, 12.0, 14)
    _write_samples(folder / "mars.bsp", 499, 4, times, np.zeros((14, 6)))
    spice.furnsh(str(folder / "mars.bsp"))
    yield from _case(trajectory, ephemeris, start, 10.0, 20.0, folder)
    spice.unload(str(folder / "mars.bsp"))


def _write_samples(
    path: Path, body: int, center: int, ets: np.ndarray, states: np.ndarray, frame: str = "J2000"
) -> None:
    handle = spice.spkopn(str(path), "test", 0)
    spice.spkw13(handle, body, center, frame, ets[0], ets[-1], "test", 7, len(ets), states, ets)
    spice.spkcls(handle)


def _hidden(front: str, frame: str, back: str, back_frame: str, kind: str, inside: Windows, step: float) -> Windows:
    out = spice.cell_double(200_000)
    spice.gfstol(gf.GF_TOLERANCE_S)
    spice.gfoclt(
        kind, front, "ELLIPSOID", frame, back, "ELLIPSOID", back_frame, "CN", str(gf.CRAFT), step, gf.cell(inside), out
    )
    return gf.read(out)


@pytest.mark.parametrize(("body", "frame"), [("earth", "ITRF93"), ("moon", "IAU_MOON"), ("sun", "IAU_SUN")])
def test_mars_hides(mars_orbit: Case, body: str, frame: str) -> None:
    assert mars_orbit.leg.screen == "mars"
    for kind, quantity in (("ANY", "overlap"), ("FULL", "covered")):
        ours = mars_orbit.solve(Scalar(quantity, "at least", 0.0, a="center", b=body))  # type: ignore[arg-type]
        # Contacts of the small discs last some seconds at this speed: SPICE's step must be shorter.
        theirs = _hidden("MARS", "IAU_MARS", body.upper(), frame, kind, mars_orbit.inside, 20.0)
        assert len(theirs) > 5
        assert gf.worst_edge_s(ours, theirs, 1.0) < EDGE_S


def test_a_request_from_mars_orbit_keeps_clear_of_mars(ephemeris: Ephemeris, mars_orbit: Case) -> None:
    raw = {
        "trajectory": MARS_ORBIT, "start": "2026-06-01T00:00:00", "stop": "2026-06-03T00:00:00", "max_windows": 1000,
        "want": {"separation_deg": [0, 1]}, "forbid": {"earth_hidden": True, "moon_hidden": True},
    }  # fmt: skip
    plan = plan_request(Request.model_validate(raw), ephemeris, Path(), "x")
    ours = Windows.of((p.start, p.end) for p in plan.proposals)
    inside = Windows((plan.legs[0].span,))
    theirs = inside
    for body, frame, other in (("EARTH", "ITRF93", "MOON"), ("MOON", "IAU_MOON", "EARTH")):
        theirs = theirs.without(_hidden("MARS", "IAU_MARS", body, frame, "ANY", inside, 20.0))
        theirs = theirs.without(gf.gf_occultation("ANY", other, body, STEP_S, inside))
    assert len(theirs) > 5
    assert gf.worst_edge_s(ours, theirs, 1.0) < EDGE_S


def test_the_centre_of_a_planet_is_no_screen(ephemeris: Ephemeris) -> None:
    raw = {
        "trajectory": {"kind": "planet", "body": "mars"}, "start": "2026-06-01T00:00:00",
        "stop": "2026-06-02T00:00:00", "forbid": {"earth_hidden": True},
    }  # fmt: skip
    plan = plan_request(Request.model_validate(raw), ephemeris, Path(), "x")
    assert plan.legs[0].screen == ""
    assert plan.found == 1


def test_sun_hidden_in_lunar_orbit(longjiang: Case, low_orbit: Case) -> None:
    for case, step in ((longjiang, 60.0), (low_orbit, 20.0)):
        dark = Any(tuple(Scalar("covered", "at least", 0.0, a=body, b="sun") for body in ("moon", "earth")))
        theirs = gf.gf_occultation("FULL", "MOON", "SUN", step, case.inside)
        theirs = theirs | gf.gf_occultation("FULL", "EARTH", "SUN", step, case.inside)
        assert len(theirs) > 3
        assert gf.worst_edge_s(case.solve(dark), theirs, 1.0) < EDGE_S


def test_earthrise_is_a_chain_of_searches(low_orbit: Case) -> None:
    """Limbs near, not covered, separation growing: extremes by gfsep cut the orbit into rising and setting."""
    edge = D(3.0)
    condition = All(
        (
            Scalar("separation", "at most", edge, limbs=("a", "b")),
            Not(Scalar("covered", "at least", 0.0, a="moon", b="earth")),
            Scalar("separation_rate", "at least", 0.0),
        )
    )
    inside = low_orbit.inside
    near = gf.gf_separation("EARTH", "MOON", "SPHERE", "<", edge, 20.0, inside)
    open_ = near.without(gf.gf_occultation("FULL", "MOON", "EARTH", 20.0, inside))
    low = gf.gf_separation("EARTH", "MOON", "POINT", "LOCMIN", 0.0, 20.0, inside)
    high = gf.gf_separation("EARTH", "MOON", "POINT", "LOCMAX", 0.0, 20.0, inside)
    turns = sorted([(t, 1) for t, _ in low] + [(t, 0) for t, _ in high])
    turns = [(inside.spans[0][0], 1 - turns[0][1]), *turns, (inside.spans[0][1], 0)]
    rising = Windows.of((a, b) for (a, up), (b, _) in pairwise(turns) if up)
    theirs = open_ & rising
    assert len(theirs) > 20
    assert gf.worst_edge_s(low_orbit.solve(condition), theirs, 1.0) < EDGE_S


def test_boresight_keep_outs(longjiang: Case) -> None:
    """With the Earth on the boresight the angles are a separation and a declination."""
    law = Pointing("earth", "pair")
    ours = longjiang.solve(Scalar("boresight_angle", "at least", D(100), a="sun", pointing=law))
    theirs = gf.gf_separation("EARTH", "SUN", "POINT", ">", D(100), STEP_S, longjiang.inside)
    assert len(theirs) > 0
    assert gf.worst_edge_s(ours, theirs, 1.0) < EDGE_S
    north = Scalar("direction_angle", "at most", D(100), pointing=law, place_km=(0.0, 0.0, 1.0))
    theirs = gf.gf_declination("EARTH", ">", D(-10), STEP_S, longjiang.inside)
    assert len(theirs) > 0
    assert gf.worst_edge_s(longjiang.solve(north), theirs, 1.0) < EDGE_S


FRAME = f"""FRAME_EARTH_MOON = 1499955
FRAME_1499955_NAME = 'EARTH_MOON'
FRAME_1499955_CLASS = 5
FRAME_1499955_CLASS_ID = 1499955
FRAME_1499955_CENTER = {gf.CRAFT}
FRAME_1499955_RELATIVE = 'J2000'
FRAME_1499955_DEF_STYLE = 'PARAMETERIZED'
FRAME_1499955_FAMILY = 'TWO-VECTOR'
FRAME_1499955_PRI_AXIS = 'Z'
FRAME_1499955_PRI_VECTOR_DEF = 'OBSERVER_TARGET_POSITION'
FRAME_1499955_PRI_OBSERVER = {gf.CRAFT}
FRAME_1499955_PRI_TARGET = 'EARTH'
FRAME_1499955_PRI_ABCORR = 'CN+S'
FRAME_1499955_SEC_AXIS = 'X'
FRAME_1499955_SEC_VECTOR_DEF = 'OBSERVER_TARGET_POSITION'
FRAME_1499955_SEC_OBSERVER = {gf.CRAFT}
FRAME_1499955_SEC_TARGET = 'MOON'
FRAME_1499955_SEC_ABCORR = 'CN+S'"""


def test_attitude_and_slew_rate_are_those_of_a_two_vector_frame(longjiang: Case) -> None:
    """SPICE builds the frame (Earth on +Z, Moon toward +X) and its angular velocity from the same SPK."""
    spice.lmpool(FRAME.splitlines())
    law = Pointing("earth", "pair", -0.5 * math.pi)
    start, stop = longjiang.inside.spans[0]
    ets = np.linspace(start + 1.0, stop - 1.0, 50)
    for et, turn in zip(ets, attitudes(law, longjiang.leg, ets), strict=True):
        np.testing.assert_allclose(turn, spice.pxform("J2000", "EARTH_MOON", et), atol=1e-9)

    def rate(et: float) -> float:
        before, after = (spice.pxform("J2000", "EARTH_MOON", et + half) for half in (-0.5, 0.5))
        return 2.0 * math.asin(float(np.linalg.norm(spice.m2q(after @ before.T)[1:])))

    @SpiceUDFUNS
    def gap(et: float) -> float:
        return rate(et)

    for et in ets:
        _, spin = spice.xf2rav(spice.sxform("J2000", "EARTH_MOON", et))
        assert rate(et) == pytest.approx(np.linalg.norm(spin), rel=SPIN)
    spice.gfstol(1e-4)
    limit = 1.2 * float(np.median([rate(et) for et in ets]))
    out = spice.cell_double(2000)
    spice.gfuds(gap, _decreasing, "<", limit, 0.0, 900.0, 5000, gf.cell(longjiang.inside), out)
    theirs = gf.read(out)
    ours = longjiang.solve(Scalar("slew_rate", "at most", limit, pointing=law))
    assert len(theirs) > 3
    assert gf.worst_edge_s(ours, theirs, 1.0) < SLEW_EDGE_S
    inner = np.array([t for span in theirs for t in span if start < t < stop])
    values = sample(Scalar("slew_rate", "at most", limit, pointing=law), longjiang.leg.grid.sky, inner)
    np.testing.assert_allclose(values, limit, rtol=0.0, atol=SLEW_RAD_S)


@SpiceUDFUNB
def _decreasing(function: object, et: float) -> bool:
    return bool(spice.uddc(function, et, 1.0))


@pytest.fixture
def harbin(longjiang: Case, tmp_path: Path) -> Iterator[str]:
    """A station of the gazetteer with its topocentric frame, z up: its SPICE number."""
    place = find_place("Harbin")
    lines = f"""FRAME_HARBIN_TOPO = 1499956
FRAME_1499956_NAME = 'HARBIN_TOPO'
FRAME_1499956_CLASS = 4
FRAME_1499956_CLASS_ID = 1499956
FRAME_1499956_CENTER = {STATION_ID}
TKFRAME_1499956_SPEC = 'ANGLES'
TKFRAME_1499956_RELATIVE = 'ITRF93'
TKFRAME_1499956_ANGLES = ( {-place.lon_deg}, {place.lat_deg - 90.0}, 180.0 )
TKFRAME_1499956_AXES = ( 3, 2, 3 )
TKFRAME_1499956_UNITS = 'DEGREES'"""
    spice.lmpool(lines.splitlines())
    flat = (6378.1366 - 6356.7519) / 6378.1366
    where = spice.georec(D(place.lon_deg), D(place.lat_deg), 0.0, 6378.1366, flat)
    start, stop = longjiang.inside.spans[0]
    times = np.linspace(start - 2.0 * DAY, stop + 2.0 * DAY, 20)
    states = np.tile(np.concatenate([where, np.zeros(3)]), (20, 1))
    _write_samples(tmp_path / "station.bsp", STATION_ID, 399, times, states, "ITRF93")
    spice.furnsh(str(tmp_path / "station.bsp"))
    yield str(STATION_ID)
    spice.unload(str(tmp_path / "station.bsp"))


def _passes(station: str, elevation_deg: float, inside: Windows) -> Windows:
    """Times of sending at which what is received at the station comes from above an elevation."""
    out = spice.cell_double(2000)
    spice.gfstol(gf.GF_TOLERANCE_S)
    spice.gfposc(
        str(gf.CRAFT), "HARBIN_TOPO", "CN", station, "LATITUDINAL", "LATITUDE", ">", D(elevation_deg), 0.0, 300.0, 5000,
        gf.cell(inside), out,
    )  # fmt: skip
    return Windows.of(
        (a - spice.spkpos(str(gf.CRAFT), a, "J2000", "CN", station)[1],
         b - spice.spkpos(str(gf.CRAFT), b, "J2000", "CN", station)[1])
        for a, b in gf.read(out)
    )  # fmt: skip


def test_elevation_over_a_station(longjiang: Case, harbin: str) -> None:
    place = find_place("Harbin")
    up = Scalar("zenith_angle", "at most", D(80), a="earth", place_km=place.position_km, normal=place.normal)
    inner = longjiang.inside.widened(-10.0, -10.0)
    theirs = _passes(harbin, 10.0, longjiang.inside)
    assert len(theirs) == 8
    assert gf.worst_edge_s(solve(up, longjiang.leg.grid, inner), theirs & inner, 1.0) < EDGE_S


def test_a_pass_within_hours(ephemeris: Ephemeris, longjiang: Case, harbin: str) -> None:
    """Near the Moon, and within two hours before a pass that the Moon leaves open."""
    raw = {
        "mission": "longjiang-2", "start": "2019-02-02T00:00:00", "stop": "2019-02-07T00:00:00", "max_windows": 1000,
        "want": {"moon_range_km": [0, 12000]},
        "forbid": {"station": {"place": "Harbin", "min_elevation_deg": 10, "within_hours": 2}},
    }  # fmt: skip
    plan = plan_request(Request.model_validate(raw), ephemeris, Path(), "x")
    ours = Windows.of((p.start, p.end) for p in plan.proposals)
    seen = _passes(harbin, 10.0, longjiang.inside)
    seen = seen.without(gf.gf_occultation("ANY", "MOON", "EARTH", STEP_S, longjiang.inside))
    inside = Windows((plan.legs[0].span,))
    theirs = gf.gf_range("MOON", "<", 12000.0, STEP_S, inside) & seen.widened(7200.0, 0.0)
    assert len(theirs) > 3
    assert gf.worst_edge_s(ours, theirs, 1.0) < EDGE_S


def test_a_pass_after_the_span_counts(ephemeris: Ephemeris) -> None:
    """The whole span lies before the pass: the trajectory goes on, so the pass is known."""
    raw = {
        "mission": "longjiang-2", "start": "2019-02-02T11:00:00", "stop": "2019-02-02T12:00:00",
        "forbid": {"station": {"place": "Harbin", "within_hours": 24}},
    }  # fmt: skip
    plan = plan_request(Request.model_validate(raw), ephemeris, Path(), "x")
    assert plan.total_s == pytest.approx(3600.0, abs=1e-3)


RADII = {"SUN": 695700.0, "EARTH": 6378.1366, "MOON": 1737.4}


def _apex(path: Path, caster: str, umbra: bool, start: float, stop: float) -> None:
    """An SPK of the apex of a body's shadow cone, at the times when light is there that is at the body in between."""
    c = spice.clight()
    apex = []
    for et in np.arange(start - 900.0, stop + 900.0, 300.0):
        sun = np.array(spice.spkpos("SUN", et, "J2000", "CN", caster)[0])
        far = float(np.linalg.norm(sun))
        reach = -far * RADII[caster] / (RADII["SUN"] - RADII[caster])
        if not umbra:
            reach = far * RADII[caster] / (RADII["SUN"] + RADII[caster])
        apex.append([et - reach / c, *(spice.spkpos(caster, et, "J2000", "NONE", "SSB")[0] + reach * sun / far)])
    table = np.array(apex)
    ets = np.ascontiguousarray(table[:, 0])
    states = np.concatenate([table[:, 1:], np.gradient(table[:, 1:], ets, axis=0, edge_order=2)], axis=1)
    handle = spice.spkopn(str(path), "test", 0)
    spice.spkw09(handle, APEX_ID, 0, "J2000", ets[0], ets[-1], "test", 7, len(ets), states, ets)
    spice.spkcls(handle)


ECLIPSES = [
    ("EARTH", "MOON", "2018-07-27", False),
    ("EARTH", "MOON", "2018-07-27", True),
    ("MOON", "EARTH", "2019-07-02", False),
]


@pytest.mark.parametrize(("caster", "target", "day", "umbra"), ECLIPSES)
def test_the_shadow_is_a_cone_in_spice(
    ephemeris: Ephemeris, longjiang: Case, tmp_path: Path, caster: str, target: str, day: str, umbra: bool
) -> None:
    """Seen from the apex of the shadow cone, the other body meets the cone where it meets the caster's disc.

    The apex of the penumbra lies sunward: light runs from it to both (XCN). That of the umbra lies beyond: light runs
    from both to it (CN).
    """
    start = ephemeris.et(day)
    inside = Windows(((start, start + 2.0 * DAY),))
    _apex(tmp_path / "apex.bsp", caster, umbra, *inside.spans[0])
    spice.furnsh(str(tmp_path / "apex.bsp"))
    out = spice.cell_double(200)
    spice.gfstol(gf.GF_TOLERANCE_S)
    abcorr = "CN" if umbra else "XCN"
    spice.gfsep(
        caster, "SPHERE", f"IAU_{caster}", target, "SPHERE", f"IAU_{target}", abcorr, str(APEX_ID), "<", 0.0, 0.0,
        600.0, 500, gf.cell(inside), out,
    )  # fmt: skip
    edges = []
    for et in gf.read(out).spans[0]:
        lt = spice.spkpos(target, et, "J2000", abcorr, str(APEX_ID))[1]
        there = et - lt if umbra else et + lt
        edges.append(there + spice.spkpos("EARTH", there, "J2000", "XCN", target)[1])
    spice.unload(str(tmp_path / "apex.bsp"))
    grid = gf.grid_of(PlanetTrajectory("earth", ephemeris), ephemeris, *inside.spans[0])
    ours = solve(Scalar("shadow", "at least", 0.0, a=caster.lower(), b=target.lower(), umbra=umbra), grid, inside)
    assert len(ours) == 1
    assert gf.worst_edge_s(ours, Windows((tuple(edges),)), 0.0) < CONE_S


LUNAR = {False: ("17:14:49", "23:28:37"), True: ("18:24:27", "22:19:00")}
"""Contacts of 2018-07-27, UT (F. Espenak, NASA GSFC): P1, P4 and U1, U4."""


@pytest.mark.parametrize("umbra", [False, True])
def test_the_lunar_eclipse_of_july_2018(ephemeris: Ephemeris, umbra: bool) -> None:
    """From the Earth's centre, where the published times hold."""
    raw = {
        "trajectory": {"kind": "planet", "body": "earth"}, "start": "2018-07-27T00:00:00",
        "stop": "2018-07-29T00:00:00", "want": {"eclipse": "lunar-umbral" if umbra else "lunar-penumbral"},
    }  # fmt: skip
    plan = plan_request(Request.model_validate(raw), ephemeris, Path(), "x")
    assert plan.found == 1
    found = (plan.proposals[0].start, plan.proposals[0].end)
    published = [ephemeris.et(f"2018-07-27T{t}") for t in LUNAR[umbra]]
    assert found == pytest.approx(published, abs=ENLARGED_S)
    # The enlargement is the same at both ends.
    assert sum(found) / 2.0 == pytest.approx(sum(published) / 2.0, abs=ECLIPSE_S)
