"""Rendered views of the Earth or the Moon by a camera of the catalogue, as frames to measure."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import render_scenes as scenes
from terraluna.camera.catalogue import load_camera
from terraluna.ephemeris.constants import EARTH_RADII_KM
from terraluna.instrument.cut import cut_camera
from terraluna.render.earth import RadiometricEarth
from terraluna.render.frame import render_frame
from terraluna.render.maps import load_earth_maps, load_moon_maps
from terraluna.render.moon import RadiometricMoon

# Grain of 5 % of the disc's median: a plain step edge then has 0.1 px a pixel row.
GRAIN = 0.05


@cache
def _surface(name: str) -> Any:
    return RadiometricMoon(load_moon_maps()) if name == "moon" else RadiometricEarth(load_earth_maps())


def exposed(image: np.ndarray) -> np.ndarray:
    """The picture with the disc's median 100 above a sky of 10."""
    return 100.0 * image / np.median(image[image > 0.05 * image.max()]) + 10.0


def grained(image: np.ndarray, seed: int, grain: float = GRAIN) -> np.ndarray:
    """An exposed picture with noise."""
    return image + np.random.default_rng(seed).normal(0.0, 100.0 * grain, image.shape)


def sensor_view(
    camera_id: str,
    kind: str,
    range_km: float,
    bands_nm: tuple[float, ...],
    view: tuple[float, int, float],
    k: int,
    samples: int,
) -> tuple[Any, Any, np.ndarray]:
    """Camera, body and exposed picture without noise, cut to the disc's surroundings.

    Args:
        camera_id: of the catalogue.
        kind: earth or moon.
        range_km: to its centre.
        bands_nm: whose mean is the picture.
        view: phase in deg, seed of the body's orientation, roll of the Sun in rad.
        k: number of the view, which moves the disc by parts of a pixel.
        samples: a pixel along each axis.
    """
    phase, turn, roll = view
    camera = load_camera(camera_id)
    direction = camera.unproject(np.array([[camera.cx + 3.3 + 0.37 * k, camera.cy - 2.7 + 0.21 * k]]))[0]
    body = scenes.body(
        kind,
        direction * range_km,
        phase_rad=np.radians(phase),
        material=_surface(kind),
        rotation=scenes.rotation(turn),
        radii=EARTH_RADII_KM if kind == "earth" else None,
        roll=roll,
    )
    half = int(1.2 * camera.focal_px_x * body.radii_km[0] / range_km) + 60
    if half < min(camera.width, camera.height) // 2:
        camera = cut_camera(camera, int(camera.cx) - half, int(camera.cy) - half, 2 * half, 2 * half)
    image = render_frame(camera, [body], psf=camera.psf, oversample=samples, bands_nm=bands_nm).image.mean(axis=2)
    return camera, body, exposed(image)
