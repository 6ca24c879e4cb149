"""A mission's geometry as hints: names and sizes, never a place to search."""

from __future__ import annotations

from typing import Literal

import numpy as np

from terraluna.opnav.measure.types import BodyHint
from terraluna.scene.scene import Scene


def scene_hints(scene: Scene) -> tuple[BodyHint, ...]:
    """What a scene with a camera expects; bodies behind the camera are left out.

    Pointing and roll may be off: discs are named by radius and separation, and those outside the frame tell sizes.
    """
    hints = []
    names: tuple[Literal["earth", "moon"], ...] = ("earth", "moon")
    for name in names:
        pixels = scene.pixels(name)
        if pixels is None:
            continue
        # The scene's angle runs from up, counter-clockwise; the image's from +x toward +y (down).
        sun = -0.5 * np.pi - pixels.bright_limb_angle_rad
        phase = scene.body(name).phase_rad
        seen = pixels.partly_in_frame
        hints.append(BodyHint(name, pixels.x, pixels.y, pixels.limb.radius, phase, float(sun), seen))
    return tuple(hints)
