"""Scene geometry against the metadata of real EPIC frames (NASA/NOAA)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spiceypy as spice

from terraluna.camera import load_camera
from terraluna.ephemeris import Ephemeris
from terraluna.scene import Observer, Scene, build_scene

# From the notes on the records: the Moon belongs to 193 s after the record's date, the centroid to 255-270 s after.
MOON_DELAY_S = 193.0
CENTROID_DELAY_S = 262.0
FRAME_DELAY_S = 266.0

# The records' Moon is not DE440 and its time is known to a second (1 km/s).
MOON_KM = 1.0
# Centroids are given for a time known to some 10 s, and the records do not say which latitude they mean.
CENTROID_DEG = 0.15
# Star tracker and mounting of the camera.
NORTH_DEG = 0.2
# The requirement; the focal length of the catalogue rests on the same frame's metadata.
DIAMETER_PX = 1.0


def _vector(record: dict[str, float]) -> np.ndarray:
    return np.array([record["x"], record["y"], record["z"]])


def _records(test_data: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((test_data / "vectors/epic_positions.json").read_text())["entries"]
    return entries


def _scene(ephemeris: Ephemeris, et: float, position: np.ndarray) -> Scene:
    return build_scene(
        ephemeris, Observer.from_state(ephemeris, et, np.r_[position, 0.0, 0.0, 0.0]), quality="navigation"
    )


def test_moon_of_the_records(ephemeris: Ephemeris, test_data: Path) -> None:
    records = _records(test_data)
    assert len(records) == 6
    for record in records:
        et = ephemeris.et(record["date"].replace(" ", "T")) + MOON_DELAY_S
        offset = ephemeris.position("moon", et) - _vector(record["lunar_j2000_position"])
        assert np.linalg.norm(offset) < MOON_KM


def test_centroid_of_the_records(ephemeris: Ephemeris, test_data: Path) -> None:
    for record in _records(test_data):
        et = ephemeris.et(record["date"].replace(" ", "T")) + CENTROID_DELAY_S
        view = _scene(ephemeris, et, _vector(record["dscovr_j2000_position"])).earth
        centroid = record["centroid_coordinates"]
        assert abs(np.degrees(view.sub_observer.lat) - centroid["lat"]) < CENTROID_DEG
        assert abs((np.degrees(view.sub_observer.lon) - centroid["lon"] + 180.0) % 360.0 - 180.0) < CENTROID_DEG


@pytest.fixture
def frame(test_data: Path) -> dict[str, Any]:
    """Metadata of the frame of 2019-06-13 as a flat table of numbers."""
    out: dict[str, Any] = {}
    for line in (test_data / "epic/epic_1b_20190613184124.meta.txt").read_text().splitlines():
        if line.startswith(("{'", "OtherText")):
            key, _, value = line.replace("OtherText: {'l1b_band443nm_geolocation' :", "").strip("{}, ").partition(":")
            if value.strip():
                out[key.strip("' ")] = float(value.strip(" }"))
    return out


def test_frame_of_2019(ephemeris: Ephemeris, frame: dict[str, Any]) -> None:
    """North direction, size and centroid of the Earth in a real picture."""
    et = ephemeris.et("2019-06-13T18:36:36") + FRAME_DELAY_S
    position = np.array([frame[f"dscovr_ephemeris_{k}_position"] for k in "xyz"])
    quaternion = np.array([frame[f"attitude_quaternion_{k}"] for k in (3, 0, 1, 2)])
    # Scalar last, body to J2000; body +x is the boresight, +y is up in the picture, +z is right.
    body = spice.q2m(quaternion).T
    raw = np.stack([body[2], -body[1], body[0]])
    # The metadata correct the star tracker's roll by what they measured on the picture.
    turn = np.radians(frame["startracker_rotation_z"] - frame["corrected_rotation_z"])
    roll = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
    scene = _scene(ephemeris, et, position)
    scene = build_scene(
        ephemeris, scene.observer, quality="navigation", camera=load_camera("epic"), attitude=roll @ raw
    )
    earth = scene.pixels("earth")
    assert earth is not None
    assert earth.in_frame
    # The metadata count from +x, counter-clockwise; ours count from up.
    assert abs(np.degrees(earth.north_angle_rad) - (frame["earth_north_direction"] - 90.0)) < NORTH_DEG
    assert abs(2.0 * earth.limb.semi_major - frame["centroid_equatorial_pixel_size"]) < DIAMETER_PX
    # A circle fitted to the limb of the picture itself is 1526.6 px across.
    assert abs(2.0 * earth.limb.radius - 1526.6) < 2.0 * DIAMETER_PX
