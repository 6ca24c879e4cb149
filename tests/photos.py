"""A hand-held photo of the Earth and the Moon as tests need it: rendered, with EXIF, and its orbit as an OEM."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from terraluna.camera import load_camera
from terraluna.camera.attitude import frame_pair
from terraluna.camera.distortion import Distortion
from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.instrument.simulate import SimulationOptions, simulate
from terraluna.render.surfaces import surface_materials
from terraluna.scene.apparent import Observer
from terraluna.scene.scene import build_scene
from terraluna.trajectory import PropagatedTrajectory
from terraluna.trajectory.oem import write_oem

Floats = NDArray[np.float64]

UTC = "2022-11-28T21:12:40.250"
"""About the day on which Orion was farthest from the Earth; the place below is one of ours."""
FOCAL_PX = 1500.0
FILM_MM = 32
"""35 mm equivalent of a label, whole mm: 1,479 px where the lens has 1,500."""


def hand_camera() -> Camera:
    """A colour camera of 1600 x 1200 px whose true focal length its label only comes near to."""
    base = load_camera("longjiang-2")
    return dataclasses.replace(
        base, id="hand", width=1600, height=1200, focal_px_x=FOCAL_PX, focal_px_y=FOCAL_PX, cx=799.5, cy=599.5,
        focal_sigma_px=None, distortion=Distortion(),
    )  # fmt: skip


def orbit(ephemeris: Ephemeris) -> PropagatedTrajectory:
    """Some 40,000 km from the Moon, at its side."""
    et = ephemeris.et(UTC)
    moon = ephemeris.state("moon", et, "earth")
    out = moon[:3] / np.linalg.norm(moon[:3])
    side = np.cross(out, [0.0, 0.0, 1.0])
    place = moon[:3] + 34000.0 * out + 22000.0 * side
    state = np.concatenate((place, moon[3:] + np.array([0.1, 0.2, 0.0])))
    return PropagatedTrajectory(ephemeris, et, state, "earth", name="hand", span=(et - 86400.0, et + 86400.0))


def take(ephemeris: Ephemeris, folder: Path, **tags: str | None) -> tuple[Path, Path, Floats]:
    """Photo, OEM, and the true position from the Earth; ``tags`` replace or remove EXIF tags by name."""
    et = ephemeris.et(UTC)
    trajectory = orbit(ephemeris)
    observer = Observer.from_state(ephemeris, et, trajectory.state(et), trajectory.center)
    sky = build_scene(ephemeris, observer, quality="ephemeris")
    attitude = frame_pair(sky.earth.center_j2000_km, sky.moon.center_j2000_km, 0.5, 0.3)
    scene = dataclasses.replace(sky, camera=hand_camera(), attitude=attitude)
    drawn = simulate(scene, options=SimulationOptions(materials=surface_materials(), stars=False), seed=5).dn
    exif = Image.Exif()
    known: dict[str, object] = {
        "DateTimeOriginal": "2022:11:28 23:12:40",
        "OffsetTimeOriginal": "+02:00",
        "SubsecTimeOriginal": "25",
        "FocalLengthIn35mmFilm": FILM_MM,
        "Make": "Some",
        "Model": "Camera",
    }
    known.update(tags)
    part = exif.get_ifd(ExifTags.IFD.Exif)
    numbers = {name: number for number, name in ExifTags.TAGS.items()}
    for name, value in known.items():
        if value is not None:
            (exif if name in ("Make", "Model") else part)[numbers[name]] = value
    photo, oem = folder / "photo.jpg", folder / "orbit.oem"
    Image.fromarray(np.clip(drawn, 0, 255).astype(np.uint8)).save(photo, quality=95, exif=exif)
    write_oem(oem, trajectory, np.arange(et - 7200.0, et + 7200.0, 60.0), ephemeris, file_format="kvn")
    return photo, oem, trajectory.state(et)[:3]
