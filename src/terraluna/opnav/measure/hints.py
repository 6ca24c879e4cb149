"""A mission's geometry as hints: names and sizes, never a place to search."""

from __future__ import annotations

from typing import Literal

import numpy as np

from terraluna.opnav.measure.types import BodyHint
from terraluna.scene.scene import Scene


def scene_hints(scene: Scene) -> tuple[BodyHint, ...]:
    """What a scene with a camera expects in the frame; bodies outside of it are left out.

    Pointing and roll may be off: discs are named by radius and separation.
    """
    hints = []
    names: tuple[Literal["earth", "moon"], ...] = ("earth", "moon")
    for name in names:
        pixels = scene.pixels(name)
        if pixels is None or not pixels.partly_in_frame:
            continue
        # The scene's angle runs from up, counter-clockwise; the image's from +x toward +y (down).
        sun = -0.5 * np.pi - pixels.bright_limb_angle_rad
        hints.append(BodyHint(name, pixels.x, pixels.y, pixels.limb.radius, scene.body(name).phase_rad, float(sun)))
    return tuple(hints)
