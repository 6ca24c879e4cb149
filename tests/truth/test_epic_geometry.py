"""Scene geometry against the metadata of real EPIC frames (NASA/NOAA)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import epic_frame
from terraluna.ephemeris import Ephemeris
from terraluna.scene import Observer, Scene, build_scene

# From the notes on the records: the Moon belongs to 193 s after the record's date, the centroid to 255-270 s after.
MOON_DELAY_S = 193.0
CENTROID_DELAY_S = 262.0

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


def test_frame_of_2019(ephemeris: Ephemeris, test_data: Path) -> None:
    """North direction, size and centroid of the Earth in a real picture."""
    frame = epic_frame.metadata(test_data)
    scene = epic_frame.scene(ephemeris, frame)
    earth = scene.pixels("earth")
    assert earth is not None
    assert earth.in_frame
    # The metadata count from +x, counter-clockwise; ours count from up.
    assert abs(np.degrees(earth.north_angle_rad) - (frame["earth_north_direction"] - 90.0)) < NORTH_DEG
    assert abs(2.0 * earth.limb.semi_major - frame["centroid_equatorial_pixel_size"]) < DIAMETER_PX
    # A circle fitted to the limb of the picture itself is 1526.6 px across.
    assert abs(2.0 * earth.limb.radius - 1526.6) < 2.0 * DIAMETER_PX
