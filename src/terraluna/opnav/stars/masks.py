"""Where a picture shows no stars: bodies with their glare, smear, ghosts, lost packets, columns and pixels.

Masks are bool (height, width), True where nothing may be taken for a star. They are made from geometry; what geometry
can't tell (scattered light) raises the detection threshold by its own noise, see ``extract``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from terraluna.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraluna.camera.model import Camera
    from terraluna.scene.scene import Scene

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Disc:
    """A body in the image: centre and radius of its outline, px, and the width of the glare around it."""

    x: float
    y: float
    radius_px: float
    glare_px: float = 0.0


def disc_mask(shape: tuple[int, int], discs: Sequence[Disc]) -> Mask:
    """Mask of bodies and their glare; discs may lie outside the frame."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, np.bool_)
    for d in discs:
        mask |= (x - d.x) ** 2 + (y - d.y) ** 2 <= (d.radius_px + d.glare_px) ** 2
    return mask


def scene_discs(scene: Scene, glare_px: float = 0.0) -> tuple[Disc, ...]:
    """The discs of Earth and Moon of a scene that has a camera and an attitude; bodies behind the camera are left out.

    Radius: half the long axis of the outline.
    """
    discs = []
    for name in ("earth", "moon"):
        seen = scene.pixels(name)
        if seen is not None:
            discs.append(Disc(seen.limb.x, seen.limb.y, seen.limb.semi_major, glare_px))
    return tuple(discs)


def smear_mask(shape: tuple[int, int], discs: Sequence[Disc], axis: int = 0) -> Mask:
    """Mask of the stripe that frame transfer draws through each disc: whole columns (axis 0) or rows (axis 1)."""
    if axis not in (0, 1):
        raise InputError(f"smear runs along axis 0 (columns) or 1 (rows), not {axis}")
    mask = np.zeros(shape, np.bool_)
    for d in discs:
        at, n = (d.x, shape[1]) if axis == 0 else (d.y, shape[0])
        low, high = (int(np.clip(np.floor(at + s * d.radius_px), 0, n)) for s in (-1, 1))
        stripe = slice(low, min(n, high + 1))
        mask[(slice(None), stripe) if axis == 0 else (stripe, slice(None))] = high > low
    return mask


def ghost_mask(camera: Camera, discs: Sequence[Disc], grow: float = 1.5) -> Mask:
    """Mask of the mirror images of bright discs through the principal point, ``grow`` times as large.

    A reflection between detector and lens lands at the point opposite the axis; how large it is depends on the focus.
    """
    x, y = 2.0 * camera.cx, 2.0 * camera.cy
    mirrored = [Disc(x - d.x, y - d.y, grow * d.radius_px, grow * d.glare_px) for d in discs]
    return disc_mask((camera.height, camera.width), mirrored)


def defect_mask(shape: tuple[int, int], columns: Sequence[int] = (), pixels: ArrayLike = ()) -> Mask:
    """Mask of bad columns and of hot or dead pixels (n, 2), given as x, y.

    Raises:
        InputError: one lies outside the frame.
    """
    mask = np.zeros(shape, np.bool_)
    xy = np.asarray(pixels, dtype=np.int64).reshape(-1, 2)
    bad = [c for c in columns if not 0 <= c < shape[1]]
    if bad or ((xy < 0) | (xy >= [shape[1], shape[0]])).any():
        raise InputError(f"a bad column or pixel lies outside the frame of {shape[1]}x{shape[0]} px; check the list")
    mask[:, list(columns)] = True
    mask[xy[:, 1], xy[:, 0]] = True
    return mask
