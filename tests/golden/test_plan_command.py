"""``terraluna plan`` as a user calls it: every example, its files, and one line for what can't be planned."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spiceypy as spice
from PIL import Image

from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.plan.planner import make_plan

Call = Callable[..., tuple[int, str, str]]

EXAMPLES = Path(str(files("terraluna").joinpath("data/requests")))
MISSIONS = (
    "tianwen-1", "change-5-t1", "longjiang-2", "voyager-1", "mro", "messenger", "dscovr", "hayabusa2", "osiris-rex",
)  # fmt: skip

AEM_RAD = 1e-10
"""Twelve decimals of a quaternion."""


def test_there_is_an_example_for_each_mission_and_three_more() -> None:
    found = {path.stem for path in EXAMPLES.glob("*.toml")}
    assert found == {*MISSIONS, "lunar-orbiter", "sun-earth-l1", "mars-orbiter"}


@pytest.mark.parametrize("name", MISSIONS)
def test_the_picture_that_was_taken_lies_in_a_window(ephemeris: Ephemeris, name: str) -> None:
    plan = make_plan(EXAMPLES / f"{name}.toml", ephemeris)
    et = MissionView.open(name, ephemeris).portrait_et
    assert any(p.start <= et <= p.end for p in plan.proposals)


@pytest.mark.parametrize("name", ["lunar-orbiter", "mars-orbiter", "sun-earth-l1"])
def test_the_examples_without_a_mission(call: Call, name: str) -> None:
    code, out, _ = call("plan", name)
    assert code == 0
    assert re.search(r"\d+ of \d+ windows, best first", out)


def test_a_scene_file_beside_the_request(call: Call, tmp_path: Path) -> None:
    """One scene file drives render, navigate and plan alike."""
    (tmp_path / "scene.toml").write_text('mission = "dscovr"\n')
    windows = []
    for mission in ("dscovr", "scene.toml"):
        request = tmp_path / "request.toml"
        span = 'start = "2015-07-16T12:00:00"\nstop = "2015-07-17T06:00:00"\n'
        request.write_text(f'mission = "{mission}"\n{span}[want]\nevent = "transit"\n')
        code, out, _ = call("plan", str(request), "--json")
        assert code == 0
        windows.append(json.loads(out)["windows"])
    assert windows[0] == windows[1]


def test_a_name_that_is_neither_file_nor_example(call: Call) -> None:
    code, _, err = call("plan", "longjiang-3")
    assert code == 2
    assert err.startswith("terraluna: longjiang-3: neither a request file nor an example")
    assert err.count("\n") == 1


def test_the_files_of_a_plan(ephemeris: Ephemeris, call: Call, tmp_path: Path) -> None:
    """All of them, read back by what reads such files; the attitudes of AEM and CK are the same."""
    request = tmp_path / "request.toml"
    request.write_text("max_windows = 2\n" + (EXAMPLES / "longjiang-2.toml").read_text())
    code, out, _ = call("plan", str(request), "-o", str(tmp_path / "out"))
    assert code == 0
    tmp_path /= "out"
    tables = ["plan.json", "windows.csv", "windows.ics", "camera.tf"]
    charts = ["timeline.png", "best.png", "geometry.png", "preview.png"]
    windows = [f"window-{k:02d}.{end}" for k in (1, 2) for end in ("aem", "bc")]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*tables, *charts, *windows])
    assert all(str(tmp_path / name) in out for name in tables)
    plan = json.loads((tmp_path / "plan.json").read_text())
    rows = list(csv.DictReader((tmp_path / "windows.csv").read_text().splitlines()))
    assert [row["best_utc"] for row in rows] == [w["best_utc"] for w in plan["windows"]]
    for name in charts:
        with Image.open(tmp_path / name) as picture:
            pixels = np.asarray(picture.convert("L"))
        assert pixels.std() > 5.0
    lines = (tmp_path / "window-01.aem").read_text().splitlines()
    data = [line.split() for line in lines[lines.index("DATA_START") + 1 : lines.index("DATA_STOP")]]
    kernels = [str(tmp_path / name) for name in ("camera.tf", "window-01.bc")]
    spice.furnsh(kernels)
    try:
        for utc, *numbers in (data[1], data[60], data[-2]):
            q1, q2, q3, qc = (float(v) for v in numbers)
            matrix = spice.pxform("J2000", "TERRALUNA_CAMERA", ephemeris.et(utc))
            # CCSDS writes the rotation of the frame, SPICE that of the vectors.
            difference = spice.q2m(np.array([qc, -q1, -q2, -q3])) - matrix
            assert np.abs(difference).max() < 1e-6 + AEM_RAD
    finally:
        for kernel in reversed(kernels):
            spice.unload(kernel)
    _check_numbers(plan["windows"][0])


def _check_numbers(window: dict[str, Any]) -> None:
    """Exposure, chance, downlink and framing of a window are there and make sense."""
    for item in window["exposure"]:
        assert set(item["bodies"]) == {"earth", "moon"}
        assert item["smear_px"] <= 0.5
        # The example turns by 0.1 deg/s: within what the exposure allows.
        assert item["rate_limit_deg_s"] > 0.1
    chance = window["probability"]
    assert 0.0 < chance["both"] < 1.0
    assert chance["series"]["probability"] >= chance["both"]
    assert set(chance["navigation_sigma_km"]) == {"along", "in_plane", "out_of_plane"}
    assert window["downlink"]["packets"] > 0
    laws = {item["law"] for item in window["framing"]["alternatives"]}
    assert {"pair in the middle", "nadir"} <= laws


REQUEST = 'mission = "tianwen-1"\nstart = "2020-07-24T00:00:00"\nstop = "2020-07-27T00:00:00"\n'
FREE = 'start = "2020-07-24T00:00:00"\nstop = "2020-07-27T00:00:00"\n'

BAD = {
    "empty": ("", "start: is missing"),
    "not TOML": ("this is [ not toml", "is not valid TOML"),
    "wrong key": (f"{REQUEST}[want]\nboth_insid = true", "want.both_insid: is not known"),
    "unknown mission": (f'mission = "apollo"\n{FREE}', "unknown mission 'apollo'"),
    "outside coverage": (REQUEST.replace("2020-07-24", "2010-07-24"), "is not covered; it covers 2020-06-26"),
    "not a time": (REQUEST.replace("2020-07-24T00:00:00", "soon"), "start: 'soon' is not a UTC time"),
    "unknown place": (f'{REQUEST}[[want.features]]\nplace = "Everst"', "unknown place 'Everst'; did you mean Everest"),
    "a station on the Moon": (f'{REQUEST}[forbid.station]\nplace = "Tycho"', "Tycho is on the Moon"),
    "unknown camera": (f'{REQUEST}camera = "no-such"', "no camera 'no-such'"),
    "no camera": (
        f'trajectory = {{kind = "planet", body = "mars"}}\n{FREE}[want]\nboth_inside = true', "needs a camera"
    ),
    "unknown filter": (f'{REQUEST}[exposure]\nfilters = ["ultra"]', "has no filter 'ultra'"),
    "two sources": (f'{REQUEST}trajectory = {{kind = "planet", body = "mars"}}', "give either mission or trajectory"),
    "unknown kind": (f'trajectory = {{kind = "orbit"}}\n{FREE}', "this kind is not known; give one of state"),
    "no such file": (f'trajectory = {{kind = "spk", file = "nope.bsp"}}\n{FREE}', "no such file"),
    "backward": (REQUEST.replace("2020-07-24", "2020-07-28"), "stop: 2020-07-27T00:00:00 is not after start"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_are_one_line(call: Call, tmp_path: Path, name: str) -> None:
    text, words = BAD[name]
    path = tmp_path / "request.toml"
    path.write_text(text)
    code, out, err = call("plan", str(path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_a_camera_without_a_field_of_view(call: Call, tmp_path: Path) -> None:
    """A distortion that folds the frame's corners over has no directions there."""
    source = Path(str(files("terraluna").joinpath("data/cameras/longjiang-2.toml"))).read_text()
    source = re.sub(r"(?s)\[distortion\].*?(?=\[psf\])", "", source)
    table = '[distortion]\nmodel = "brown-conrady"\ncoefficients = [-9.0, 0.0, 0.0, 0.0, 0.0]\n\n[psf]'
    (tmp_path / "folded.toml").write_text(source.replace("[psf]", table))
    (tmp_path / "request.toml").write_text(f'{REQUEST}camera = "folded.toml"\n[want]\nboth_inside = true')
    code, out, err = call("plan", str(tmp_path / "request.toml"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "has no field of view" in err


NEAR = r"; nearest miss"
NO = {
    "two conflict": (
        "[want]\nearth_range_km = [0, 7e5]\nmoon_range_km = [1.5e6, 1e9]",
        rf"want.earth_range_km .* and want.moon_range_km .* conflict{NEAR} where .*: 1\.0\d+e\+06 km at 2020-07-2",
    ),
    "too much margin": ("[want]\nboth_inside = true\nmargin_px = 5000", rf"can't be met: .*{NEAR}: 24\d\.\d px at"),
    "no transit": ('[want]\nevent = "transit"', rf"want.event can't be met: transit{NEAR}: [\d.]+ deg short of it"),
    "no eclipse": ('[want]\neclipse = "solar"', rf"solar eclipse{NEAR}: [\d,]+ km short of it"),
    "too slow": ("[forbid]\nmax_slew_deg_s = 1e-9", rf"slew rate at most 1e-09 deg/s{NEAR}: 0\.000\d+ deg/s"),
    "Sun too near": ("[forbid]\nsun_within_deg = 179", rf"Sun at least 179 deg .*{NEAR}: 7\d\.\d+ deg"),
    "too long": ("min_duration_s = 1e6", r"no window lasts 1e\+06 s; the longest of 1 lasts 259200\.0 s"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO)
def test_no_window_says_why_and_how_near_a_miss_comes(call: Call, tmp_path: Path, name: str) -> None:
    text, pattern = NO[name]
    path = tmp_path / "request.toml"
    path.write_text(REQUEST + text)
    code, out, err = call("plan", str(path))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert re.search(pattern, err), err


def test_no_window_as_json(call: Call, tmp_path: Path) -> None:
    (tmp_path / "request.toml").write_text(REQUEST + "min_duration_s = 1e6")
    code, out, err = call("plan", str(tmp_path / "request.toml"), "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["windows"] == []
    assert "no window lasts" in json.loads(out)["conflict"]
