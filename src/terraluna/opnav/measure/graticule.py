"""Meridians and parallels of a body as a scene predicts them, laid on the disc that was measured."""

from __future__ import annotations

import numpy as np

from terraluna.opnav.measure.types import MeasuredBody
from terraluna.opnav.types import Floats
from terraluna.scene.scene import Scene

_STEP_DEG = 30
_POINTS = 73


def graticule(scene: Scene, body: MeasuredBody) -> list[Floats]:
    """Visible parts of meridians and parallels every 30 degrees, each (n, 2) px; empty for a nameless body.

    Turn and tilt are the scene's; place and size are those of the measured disc, because pointing is known less well.
    """
    if body.name == "unknown" or scene.attitude is None or scene.camera is None:
        return []
    name = body.name
    predicted = scene.pixels(name)
    if predicted is None:
        return []
    view = scene.body(name)
    to_camera = scene.attitude @ view.rotation.T
    center = scene.attitude @ view.center_j2000_km
    scale = body.radius / predicted.limb.radius
    lines = []
    for points in _circles():
        place = points * view.radii_km @ to_camera.T + center
        normal = points / view.radii_km @ to_camera.T
        pixels = scene.camera.project(place)
        seen = (np.einsum("ni,ni->n", place, normal) < 0.0) & np.isfinite(pixels).all(axis=1)
        moved = (pixels - [predicted.x, predicted.y]) * scale + [body.x, body.y]
        for run in np.split(np.arange(len(seen)), np.flatnonzero(np.diff(seen)) + 1):
            if seen[run[0]] and len(run) > 1:
                lines.append(np.asarray(moved[run], dtype=np.float64))
    return lines


def _circles() -> list[Floats]:
    """Unit vectors (n, 3) along each meridian and parallel."""
    around = np.radians(np.linspace(-180.0, 180.0, _POINTS))
    out = []
    for degrees in range(-90 + _STEP_DEG, 90, _STEP_DEG):
        latitude = np.radians(degrees)
        c = np.cos(latitude)
        out.append(np.column_stack((c * np.cos(around), c * np.sin(around), np.full(_POINTS, np.sin(latitude)))))
    along = 0.5 * around
    for degrees in range(-180, 180, _STEP_DEG):
        longitude = np.radians(degrees)
        c = np.cos(along)
        out.append(np.column_stack((c * np.cos(longitude), c * np.sin(longitude), np.sin(along))))
    return out
