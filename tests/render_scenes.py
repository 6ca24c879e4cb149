"""Cameras and bodies that the tests of the renderer share."""

from __future__ import annotations

import math

import numpy as np

from terraluna.camera.model import Camera, Detector
from terraluna.render.materials_basic import UniformMaterial
from terraluna.render.scene_arrays import RenderBody

MOON_KM = 1737.4
AU_KM = 1.495978707e8


def pinhole(width, height, focal_px, cx=None, cy=None):
    return Camera(
        "test",
        "test",
        width,
        height,
        focal_px,
        focal_px,
        (width - 1) / 2 if cx is None else cx,
        (height - 1) / 2 if cy is None else cy,
        Detector(1.0, 1e5, 1.0, 0.0, 0.0, 16, 65535.0),
    )


def sun_at_phase(center, phase_rad, roll_rad=0.3):
    """Unit vector from the body to the Sun at a phase angle, the bright limb turned by a roll."""
    view = -np.asarray(center, float)
    view /= np.linalg.norm(view)
    east = np.cross(view, [0.0, 1.0, 0.0])
    east /= np.linalg.norm(east)
    north = np.cross(view, east)
    side = math.cos(roll_rad) * east + math.sin(roll_rad) * north
    return math.cos(phase_rad) * view + math.sin(phase_rad) * side


def body(name, center, radius_km=MOON_KM, phase_rad=0.3, material=None, rotation=None, radii=None, sun=None, roll=0.3):
    return RenderBody(
        name,
        np.asarray(center, float),
        np.asarray(radii if radii is not None else [radius_km] * 3, float),
        np.eye(3) if rotation is None else rotation,
        sun_at_phase(center, phase_rad, roll) if sun is None else np.asarray(sun, float),
        AU_KM,
        UniformMaterial() if material is None else material,
    )


def rotation(seed):
    """A proper rotation matrix from a seed."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q
