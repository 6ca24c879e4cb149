"""Tables of mission files: what they build, and what they say when they are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from terraluna.ephemeris import Ephemeris
from terraluna.errors import CatalogueError
from terraluna.trajectory import parse_spec, trajectory_from_spec
from terraluna.trajectory.source import ReconstructSpec

STATE: dict[str, Any] = {
    "kind": "state", "utc": "2020-07-26T10:00:00", "position": [1.2e6, 1.0, 2.0], "velocity": [1.0, 2.0, 3.0],
}  # fmt: skip


def test_kinds_of_epoch_are_one_time(ephemeris: Ephemeris) -> None:
    et = ephemeris.et("2020-07-26T10:00:00")
    rest = {k: v for k, v in STATE.items() if k != "utc"}
    for epoch in ({"utc": STATE["utc"]}, {"et": et}, {"jd_tdb": repr(2451545.0 + et / 86400.0)}):
        found = trajectory_from_spec(rest | epoch, ephemeris)
        # A Julian date in double precision is good to 40 us: 0.2 m here.
        assert found.state(et) == pytest.approx([1.2e6, 1, 2, 1, 2, 3], abs=1e-3)
        assert found.quality == "navigation"


def test_span(ephemeris: Ephemeris) -> None:
    found = trajectory_from_spec(STATE | {"start": "2020-07-25T00:00:00", "stop": "2020-07-27T00:00:00"}, ephemeris)
    assert [ephemeris.utc(t, 0) for t in found.span] == ["2020-07-25T00:00:00", "2020-07-27T00:00:00"]
    assert np.ptp(trajectory_from_spec(STATE | {"span_days": 2.0}, ephemeris).span) == 4 * 86400.0


def test_planet(ephemeris: Ephemeris) -> None:
    found = trajectory_from_spec({"kind": "planet", "body": "mars"}, ephemeris)
    assert (found.center, found.quality, found.name) == ("mars", "ephemeris", "at mars")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kind": "orbit"}, "kind|tag"),
        ({"velocity": None}, "takes position .* and velocity"),
        ({"position": [1, 2]}, "position.2: is missing"),
        ({"position": [1, 2, float("nan")]}, "position.2: .*finite"),
        ({"speed": 3}, "speed: is not known"),
        ({"et": 5.0}, "exactly one of utc, et, jd_tdb"),
        ({"utc": "yesterday"}, "'yesterday' is not a UTC time"),
        ({"center": "pluto"}, "pluto"),
        ({"quality": "good"}, "quality: "),
        ({"frame": "keplerian"}, "takes elements"),
        ({"frame": "earth-fixed", "center": "moon"}, "about the earth"),
        ({"cr_a_over_m": -1}, "cr_a_over_m: "),
        ({"lunar_degree": 1}, "lunar_degree = 1"),
        ({"span_days": 0}, "span_days: "),
        ({"stop": "2020-07-25T00:00:00"}, "outside the span"),
    ],
)
def test_faults_name_the_file_and_the_key(ephemeris: Ephemeris, change: dict[str, Any], text: str) -> None:
    with pytest.raises(CatalogueError, match=f"probe.toml: .*({text})") as caught:
        trajectory_from_spec(STATE | change, ephemeris, where="probe.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["spk", "oem", "table", "xyzv"])
def test_a_missing_file_is_named(ephemeris: Ephemeris, kind: str) -> None:
    with pytest.raises(CatalogueError, match=r"probe.toml: .*none.dat"):
        trajectory_from_spec({"kind": kind, "file": "none.dat"}, ephemeris, "/nowhere", where="probe.toml")


def test_faults_in_observables(ephemeris: Ephemeris) -> None:
    rest = {k: v for k, v in STATE.items() if k != "kind"} | {"kind": "reconstruct"}
    with pytest.raises(CatalogueError, match=r"observables.0.*sigma: "):
        parse_spec(rest | {"observables": [{"type": "range", "at": "x", "body": "earth", "range_km": 1, "sigma": 0}]})
    offset = {"type": "disc_offset", "at": STATE["utc"], "body": "earth", "other": "moon", "x": 0, "y": 0, "sigma": 1}
    spec = parse_spec(rest | {"observables": [offset | {"roll": "photo"}]})
    assert isinstance(spec, ReconstructSpec)
    with pytest.raises(CatalogueError, match="roll 'photo'"):
        trajectory_from_spec(spec.model_dump(exclude_none=True), ephemeris)
