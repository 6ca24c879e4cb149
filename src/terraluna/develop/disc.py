"""A body's disc in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Disc:
    """A body's disc in a picture.

    Attributes:
        name: ``earth``, ``moon`` or ``unknown``.
        x: column of the centre, px.
        y: row of the centre, px.
        radius: px.
        rms_px: scatter of the limb points about the circle.
        arc_deg: how much of the circumference the limb points cover.
        front: stands in front of the other disc.
    """

    name: str
    x: float
    y: float
    radius: float
    rms_px: float
    arc_deg: float
    front: bool = False

    def distance(self, shape: tuple[int, int]) -> Floats:
        """Distance of every pixel (H, W) from the limb, px: negative inside."""
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        return np.asarray(np.hypot(columns - self.x, rows - self.y) - self.radius, dtype=np.float64)

    def mask(self, shape: tuple[int, int], grow: float = 0.0) -> Mask:
        """Pixels (H, W) inside the limb moved outward by ``grow`` px."""
        return np.asarray(self.distance(shape) < grow, dtype=np.bool_)
