"""The real EPIC frame of 2019-06-13: its metadata, and the scene that they describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import spiceypy as spice

from terraluna.camera import load_camera
from terraluna.ephemeris import Ephemeris
from terraluna.scene import Observer, Scene, build_scene

NAME = "epic/epic_1b_20190613184124"
EXPOSED_UTC = "2019-06-13T18:36:36"
DELAY_S = 266.0
"""The centroid of the metadata is that of this time after their date."""


def metadata(test_data: Path) -> dict[str, Any]:
    """The metadata as a flat table of numbers."""
    out: dict[str, Any] = {}
    for line in (test_data / f"{NAME}.meta.txt").read_text().splitlines():
        if line.startswith(("{'", "OtherText")):
            key, _, value = line.replace("OtherText: {'l1b_band443nm_geolocation' :", "").strip("{}, ").partition(":")
            if value.strip():
                out[key.strip("' ")] = float(value.strip(" }"))
    return out


def scene(ephemeris: Ephemeris, meta: dict[str, Any]) -> Scene:
    """The scene with camera and attitude as the metadata have them."""
    et = ephemeris.et(EXPOSED_UTC) + DELAY_S
    position = np.array([meta[f"dscovr_ephemeris_{k}_position"] for k in "xyz"])
    quaternion = np.array([meta[f"attitude_quaternion_{k}"] for k in (3, 0, 1, 2)])
    # Scalar last, body to J2000; body +x is the boresight, +y is up in the picture, +z is right.
    body = spice.q2m(quaternion).T
    raw = np.stack([body[2], -body[1], body[0]])
    # The metadata correct the star tracker's roll by what they measured on the picture.
    turn = np.radians(meta["startracker_rotation_z"] - meta["corrected_rotation_z"])
    roll = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
    observer = Observer.from_state(ephemeris, et, np.r_[position, 0.0, 0.0, 0.0])
    return build_scene(ephemeris, observer, quality="navigation", camera=load_camera("epic"), attitude=roll @ raw)
