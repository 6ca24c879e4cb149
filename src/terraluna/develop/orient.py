"""Turning and cutting of the composed picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from terraluna.develop.options import crop_box
from terraluna.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.develop.disc import Disc

_AUTO_MARGIN = 0.25


def turn_up(array: NDArray[np.float64], angle_rad: float, order: int = 3) -> NDArray[np.float64]:
    """Turn a picture so that what points ``angle_rad`` (from up, counter-clockwise) points up.

    Args:
        array: (H, W) or (H, W, n).
        angle_rad: direction that becomes up.
        order: of the spline; 0 for masks.

    Returns:
        The whole picture on a larger canvas, black outside; the same array where the angle is 0.
    """
    from scipy.ndimage import rotate

    degrees = float(np.degrees(angle_rad))
    if abs(degrees) < 1e-9:
        return array
    # scipy turns from the second axis toward the first: counter-clockwise as displayed.
    turned = rotate(array, -degrees, axes=(1, 0), reshape=True, order=order, mode="constant", cval=0.0)
    return np.asarray(np.clip(turned, float(array.min()), float(array.max())), dtype=np.float64)


def turned_place(x: float, y: float, shape: tuple[int, int], angle_rad: float) -> tuple[float, float]:
    """Where a pixel of the picture (H, W) lies after :func:`turn_up`."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    height, width = shape
    new_h, new_w = turned_shape(shape, angle_rad)
    dx, dy = x - (width - 1) / 2.0, y - (height - 1) / 2.0
    return float(c * dx - s * dy + (new_w - 1) / 2.0), float(s * dx + c * dy + (new_h - 1) / 2.0)


def turned_shape(shape: tuple[int, int], angle_rad: float) -> tuple[int, int]:
    """Height and width of the canvas after :func:`turn_up`."""
    if abs(np.degrees(angle_rad)) < 1e-9:
        return shape
    c, s = abs(np.cos(np.radians(np.degrees(angle_rad)))), abs(np.sin(np.radians(np.degrees(angle_rad))))
    height, width = shape
    return int(width * s + height * c + 0.5), int(width * c + height * s + 0.5)


def cut(shape: tuple[int, int], text: str | None, discs: list[Disc]) -> tuple[slice, slice]:
    """Rows and columns to keep of a turned picture (H, W).

    Args:
        shape: its height and width.
        text: ``x,y,width,height``, ``auto`` or None for everything.
        discs: the bodies in it, for ``auto``.

    Raises:
        InputError: the box lies outside, or there is no body to cut around.
    """
    height, width = shape
    if text is None:
        return slice(0, height), slice(0, width)
    if text == "auto":
        if not discs:
            raise InputError("--crop auto needs a body in the picture; give x,y,width,height")
        margin = _AUTO_MARGIN * max(d.radius for d in discs) + 8.0
        x0 = int(max(min(d.x - d.radius for d in discs) - margin, 0))
        y0 = int(max(min(d.y - d.radius for d in discs) - margin, 0))
        x1 = int(min(max(d.x + d.radius for d in discs) + margin + 1, width))
        y1 = int(min(max(d.y + d.radius for d in discs) + margin + 1, height))
        return slice(y0, y1), slice(x0, x1)
    x, y, w, h = crop_box(text)
    if x + w > width or y + h > height:
        raise InputError(f"--crop {text}: the picture has {width} x {height} px; choose a box inside it")
    return slice(y, y + h), slice(x, x + w)
