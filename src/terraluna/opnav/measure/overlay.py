"""A picture with what was measured drawn on it: points, limbs, residuals many times enlarged, names, meridians."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terraluna.opnav.measure.graticule import graticule
from terraluna.opnav.measure.types import MeasuredBody, Measurement

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

    from terraluna.scene.scene import Scene

_COLOURS = {"earth": (90, 170, 255), "moon": (255, 210, 90), "unknown": (255, 120, 120)}
_GRID = (70, 130, 110)
_LEAST_SIDE = 900
"""Small pictures are enlarged to about this."""


def draw_overlay(
    pixels: NDArray[Any], measurement: Measurement, *, exaggerate: float = 20.0, scene: Scene | None = None
) -> Image.Image:
    """Draw a measurement on its picture.

    Args:
        pixels: (H, W) or (H, W, 3) the picture that was measured.
        measurement: what was found.
        exaggerate: factor on the residual vectors.
        scene: with a camera and an attitude: meridians and parallels are drawn on the named bodies.

    Returns:
        A colour picture, small frames enlarged by a whole factor.
    """
    from PIL import Image, ImageDraw

    base = _display(pixels)
    scale = int(np.clip(_LEAST_SIDE // max(base.shape[:2]), 1, 6))
    picture = Image.fromarray(base)
    if scale > 1:
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    for body in measurement.bodies:
        if scene is not None:
            for line in graticule(scene, body):
                draw.line([tuple(p) for p in (line + 0.5) * scale - 0.5], fill=_GRID, width=1)
        _draw_body(draw, body, scale, exaggerate)
    text = measurement.status + (f": {', '.join(measurement.reasons)}" if measurement.reasons else "")
    draw.text((6, 6), f"{text}   residuals x {exaggerate:g}", fill=(230, 230, 230))
    return picture


def _display(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """8-bit colour: as it is if it is 8-bit, else a square root between sky and the brightest."""
    if pixels.dtype == np.uint8:
        grey = pixels
    else:
        values = np.nan_to_num(np.asarray(pixels, dtype=np.float64))
        low, high = np.percentile(values, (5.0, 99.95))
        grey = (255.0 * np.sqrt(np.clip((values - low) / max(high - low, 1e-12), 0.0, 1.0))).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2) if grey.ndim == 2 else grey[:, :, :3])


def _draw_body(draw: ImageDraw.ImageDraw, body: MeasuredBody, scale: int, exaggerate: float) -> None:
    colour = _COLOURS[body.name]

    def place(points: NDArray[np.float64]) -> list[tuple[float, float]]:
        # Pixel centres: (0, 0) is the middle of the first enlarged block.
        return [(float(x), float(y)) for x, y in (points + 0.5) * scale - 0.5]

    if body.limb is not None:
        t = np.linspace(0.0, 2.0 * np.pi, 721)
        c, s = np.cos(body.limb.angle), np.sin(body.limb.angle)
        u, v = body.limb.semi_major * np.cos(t), body.limb.semi_minor * np.sin(t)
        ring = np.column_stack((body.limb.x + c * u - s * v, body.limb.y + s * u + c * v))
        draw.line(place(ring), fill=tuple(k // 2 for k in colour), width=1)
        middle = np.array([body.limb.x, body.limb.y])
        offset = body.limb_points - middle
        normal = offset / np.maximum(np.hypot(*offset.T), 1e-9)[:, None]
        ends = body.limb_points + normal * (body.residuals * exaggerate)[:, None]
        for a, b in zip(place(body.limb_points), place(ends), strict=True):
            draw.line((a, b), fill=(255, 80, 200), width=1)
            draw.point(a, fill=colour)
    else:
        ((x, y),) = place(np.array([[body.x, body.y]]))
        r = body.radius * scale
        draw.ellipse((x - r, y - r, x + r, y + r), outline=colour)
    ((x, y),) = place(np.array([[body.x, body.y]]))
    draw.line((x - 5, y, x + 5, y), fill=colour)
    draw.line((x, y - 5, x, y + 5), fill=colour)
    label = f"{body.name} ({body.x:.2f}, {body.y:.2f}) R {body.radius:.2f} rms {body.rms_px:.2f} {body.status}"
    if body.reasons:
        label += f" [{', '.join(body.reasons)}]"
    width, height = draw.im.size
    left = float(np.clip(x - 60, 4, max(width - draw.textlength(label) - 4, 4)))
    draw.text((left, float(np.clip(y + 8, 20, height - 16))), label, fill=colour)
