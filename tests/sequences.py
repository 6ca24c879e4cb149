"""Simulated filter sequences: each band rendered at its own time with its own pointing, written as FITS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.spatial.transform import Rotation

from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.render.frame import render_frame
from terraluna.render.from_scene import render_bodies
from terraluna.scene import Scene


@dataclass(frozen=True)
class Sequence:
    """Files in the order red, green, blue, the scene of each, and the linear pictures."""

    files: list[Path]
    scenes: list[Scene]
    images: list[np.ndarray]


def binned(camera: Camera, by: int) -> Camera:
    """The camera with its pixels averaged, as EPIC does on board."""
    return replace(
        camera,
        width=camera.width // by,
        height=camera.height // by,
        focal_px_x=camera.focal_px_x / by,
        focal_px_y=camera.focal_px_y / by,
        cx=(camera.cx + 0.5) / by - 0.5,
        cy=(camera.cy + 0.5) / by - 0.5,
        pixel_um=None if camera.pixel_um is None else camera.pixel_um * by,
    )


def simulate(
    folder: Path,
    ephemeris: Ephemeris,
    mission: str,
    labels: tuple[str, str],
    step_s: float,
    roll_deg: float,
    drift_px: tuple[float, float],
    by: int = 1,
    noise: float = 2e-4,
    seed: int = 1,
) -> Sequence:
    """Red, green and blue ``step_s`` apart; between bands the camera drifts by px and rolls about its axis."""
    view = MissionView.open(mission, ephemeris)
    camera = binned(view.camera, by)
    filters = camera.colour_filters()
    rng = np.random.default_rng(seed)
    start = view.portrait_et
    attitude = view.scene(start + step_s).attitude
    assert attitude is not None
    files, scenes, images = [], [], []
    for k, channel in enumerate("rgb"):
        n = k - 1
        et = start + k * step_s
        vector = np.array(
            [n * drift_px[1] / camera.focal_px_y, n * drift_px[0] / camera.focal_px_x, np.radians(n * roll_deg)]
        )
        turn = Rotation.from_rotvec(vector).as_matrix()
        scene = replace(view.scene(et), camera=camera, attitude=turn @ attitude)
        band = filters[channel]  # type: ignore[index]
        frame = render_frame(camera, render_bodies(scene), bands_nm=(band.centre_nm,), psf=camera.psf)
        image = frame.image[..., 0] + rng.normal(0.0, noise, frame.image.shape[:2])
        path = folder / f"{mission}_{band.name}.fits"
        header = fits.Header()
        header["TELESCOP"], header["INSTRUME"] = labels
        header["FILTER"] = band.name
        header["DATE-AVG"] = ephemeris.utc(et)
        header["BUNIT"] = "reflectance"
        fits.PrimaryHDU(image[::-1].astype(np.float32), header).writeto(path, overwrite=True)
        files.append(path)
        scenes.append(scene)
        images.append(image)
    return Sequence(files, scenes, images)


def surface_motion(reference: Scene, other: Scene, body: str, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 2) of places on a body in one scene, and the same places in the other: the truth of a registration."""
    a, b = reference.body(body), other.body(body)  # type: ignore[arg-type]
    rng = np.random.default_rng(7)
    xy = rng.uniform(-0.85, 0.85, (4 * points, 2))
    xy = xy[np.hypot(*xy.T) < 0.85][:points]
    line = reference.attitude @ a.direction_j2000  # type: ignore[operator]
    axis = np.cross([0.0, 0.0, 1.0], line)
    to_line = Rotation.from_rotvec(axis).as_matrix() if np.linalg.norm(axis) > 1e-12 else np.eye(3)
    globe = np.column_stack([xy, -np.sqrt(1.0 - (xy**2).sum(axis=1))]) @ to_line.T
    fixed = (globe @ reference.attitude @ a.rotation.T) * a.radii_km  # type: ignore[operator]
    out = []
    for scene, view in ((reference, a), (other, b)):
        place = view.center_j2000_km + fixed @ view.rotation
        out.append(scene.camera.project(place @ scene.attitude.T))  # type: ignore[union-attr]
    return out[0], out[1]
