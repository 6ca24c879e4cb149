"""Header checks: known contradictions are named, sound headers pass, and each quantity changed on purpose is caught."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from terraluna.ephemeris import Ephemeris
from terraluna.frames import Claim, HeaderWarning, Observation, read_frame
from terraluna.frames.epic import epic_observation
from terraluna.frames.sanity import check_header

ONC = "hayabusa2/hyb2_onc_20151203_000006_w2f_l2a.fit"


def test_the_spacecraft_position_of_the_hayabusa2_frame_is_named(test_data: Path, ephemeris: Ephemeris) -> None:
    (warning,) = read_frame(test_data / ONC, ephemeris=ephemeris).warnings
    assert warning.keyword == "S_SCPJ2X/S_SCPJ2Y/S_SCPJ2Z"
    assert "149,554,392 km is S_DISTRS" in warning.text
    assert "S_DISTHE says 202,859 km" in warning.text


def test_the_moon_of_the_epic_frame_is_named_and_explained(test_data: Path, ephemeris: Ephemeris) -> None:
    warnings = read_frame(test_data / "epic/epic_1b_20190613184124.png", ephemeris=ephemeris).warnings
    assert [w.keyword for w in warnings] == ["lunar_j2000_position", "lunar_ephemeris_x/y/z_velocity"]
    # The other six records agree with DE440 within 190 to 206 km at their date; so does this one in ecliptic axes.
    assert "95,185 km" in warnings[0].text
    assert "ecliptic axes it is 200.8 km off" in warnings[0].text


def _epic(record: dict[str, Any], ephemeris: Ephemeris) -> Observation:
    label = {**record, "begin_time": record["date"]}
    found = epic_observation(Path("x.png"), "", "png", label, (2048, 2048), band=None, unit="DN")
    return replace(found, et=ephemeris.et(record["date"].replace(" ", "T")))


def test_six_sound_epic_records_pass(test_data: Path, ephemeris: Ephemeris) -> None:
    records = json.loads((test_data / "vectors/epic_positions.json").read_text())["entries"]
    assert len(records) == 6
    for record in records:
        observation = _epic(record, ephemeris)
        assert {c.quantity for c in observation.claims} >= {"position", "subpoint"}
        assert check_header(observation, ephemeris) == ()


@pytest.mark.parametrize(
    ("keyword", "change"),
    [
        ("lunar_j2000_position", lambda p: {**p, "x": -p["x"]}),
        ("lunar_j2000_position", lambda p: {k: v * 1.01 for k, v in p.items()}),
        ("sun_j2000_position", lambda p: {**p, "z": p["z"] + 1e6}),
        ("centroid_coordinates", lambda p: {**p, "lon": p["lon"] + 10.0}),
        ("centroid_coordinates", lambda p: {**p, "lat": -p["lat"]}),
        ("attitude_quaternions", lambda p: {**p, "q0": p["q0"] + 0.1}),
    ],
)
def test_each_changed_epic_value_is_named(test_data: Path, ephemeris: Ephemeris, keyword: str, change: Any) -> None:
    record = json.loads((test_data / "vectors/epic_positions.json").read_text())["entries"][0]
    record[keyword] = change(record[keyword])
    assert [w.keyword for w in check_header(_epic(record, ephemeris), ephemeris)] == [keyword]


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("V1NA_0947106_RAW.vic", ["SCET"]),
        ("C2069302_RAW.IMG", []),
        ("6300r.img", []),
        ("6300r.lbl", []),
        ("PSP_001446_1790_BG12_0.IMG", []),
        ("c4400436.imq", []),
        ("m0154651923f6_2p_cif_gbl.fit", ["DATE-OBS"]),
        ("m0154651923f6_2p_cif_gbl.lbl", []),
        ("m0154651923f6_2p_cif_gbl.xml", []),
        ("hyb2_tir_20180629_075501_l1.fit", []),
        ("hyb2_tir_20180629_075501_l1.xml", []),
    ],
)
def test_sound_products_raise_no_false_alarm(
    test_data: Path, ephemeris: Ephemeris, name: str, keywords: list[str]
) -> None:
    frame = read_frame(test_data / "formats" / name, ephemeris=ephemeris)
    assert [w.keyword for w in frame.warnings] == keywords


def _changed(observation: Observation, keyword: str, factor: float) -> Observation:
    claims = tuple(
        replace(c, value=tuple(v * factor for v in c.value)) if c.keyword == keyword else c for c in observation.claims
    )
    return replace(observation, claims=claims)


@pytest.mark.parametrize(
    ("product", "keyword", "factor"),
    [
        (ONC, "S_DISTHE", 30.0),
        (ONC, "S_DISTHS", 1.05),
        ("formats/6300r.lbl", "SOLAR_DISTANCE", 1.02),
        ("formats/m0154651923f6_2p_cif_gbl.fit", "NEAR-030", 1.1),
    ],
)
def test_each_changed_distance_is_named(
    test_data: Path, ephemeris: Ephemeris, product: str, keyword: str, factor: float
) -> None:
    frame = read_frame(test_data / product, ephemeris=ephemeris)
    observation = replace(frame.observation, et=frame.observation.et or 32513752.2)
    before = {w.keyword for w in check_header(observation, ephemeris)}
    after = check_header(_changed(observation, keyword, factor), ephemeris)
    named = {w.keyword for w in after} | {part for w in after for part in w.text.replace(";", " ").split()}
    assert keyword in named
    assert keyword not in before


def test_times_are_checked(ephemeris: Ephemeris) -> None:
    def warn(**changes: Any) -> list[str]:
        base = Observation("a.img", "", "pds3", spacecraft="MESSENGER", utc="2010-05-06T00:00:00.500",
                           utc_start="2010-05-06T00:00:00.000", exposure_s=1.0)  # fmt: skip
        return [w.keyword for w in check_header(replace(base, **changes), ephemeris)]

    good = {"START_TIME": "2010-05-06T00:00:00", "STOP_TIME": "2010-05-06T00:00:01"}
    assert warn(label=good) == []
    assert warn(label={**good, "STOP_TIME": "2010-05-05T23:59:00"}) == ["STOP_TIME"]
    assert warn(label={**good, "STOP_TIME": "2010-05-06T00:00:09"}) == ["EXPOSURE_DURATION"]
    assert warn(utc="1999-01-01T00:00:00") == ["time"]  # before the launch
    assert warn(utc="2016-01-01T00:00:00") == ["time"]  # after the impact
    assert warn(exposure_s=-1.0) == ["exposure"]
    assert warn(path="x_20110101_000000.img") == ["time"]
    assert warn(path="x_20100506_000010.img") == []


def test_phase_and_subsolar_point_of_the_earth_are_checked(ephemeris: Ephemeris) -> None:
    """The Hayabusa2 flight kernel's place of 2015-12-03T10:06 gives phase 77.879 degrees."""
    et = 502404366.34876287 - 69.184 + 69.184
    place = (30.15558294, -21415.8642996, 29138.0410665)

    def warn(phase: float, lat: float, lon: float) -> list[HeaderWarning]:
        claims = (
            Claim("POS", "position", "spacecraft", "earth", place),
            Claim("PHASE_ANGLE", "phase", "earth", "spacecraft", (phase,)),
            Claim("SUB", "subpoint", "earth", "sun", (lat, lon)),
        )
        o = Observation("a", "", "fits", et=et, claims=claims, epoch_slack_s=10.0)
        return list(check_header(o, ephemeris))

    utc = ephemeris.utc(et)
    hours = int(utc[11:13]) + int(utc[14:16]) / 60 + float(utc[17:]) / 3600
    equation_of_time_deg, declination = 2.5, -22.0  # early December, almanac, to half a degree
    lon = (12.0 - hours) * 15.0 - equation_of_time_deg
    assert warn(77.879, declination, lon) == []
    assert [w.keyword for w in warn(80.0, declination, lon)] == ["PHASE_ANGLE"]
    assert [w.keyword for w in warn(77.879, declination, lon + 5.0)] == ["SUB"]
    assert np.isfinite(lon)


def test_a_time_outside_the_ephemeris_is_one_warning(ephemeris: Ephemeris) -> None:
    o = Observation(
        "a", "", "fits", et=1e12, utc="x", claims=(Claim("M", "position", "moon", "earth", (1.0, 2.0, 3.0)),)
    )
    assert [w.keyword for w in check_header(o, ephemeris)] == ["time"]
