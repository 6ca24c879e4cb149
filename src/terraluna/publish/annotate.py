"""The annotated portrait: limbs, poles, directions of the light, a scale bar and labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from terraluna.publish.portrait import Picture, Portrait

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

    from terraluna.scene import BodyPixels

EARTH_COLOUR = (110, 190, 255)
MOON_COLOUR = (255, 214, 120)
PALE = (225, 225, 225)
_COLOURS = {"earth": EARTH_COLOUR, "moon": MOON_COLOUR}

# Text below this many pixels across is too small to read; a narrow picture is padded to it.
_LEAST_WIDTH = 480
_MARGIN = 10
# Pictures wider than this get larger letters and strokes, so that they can be read when the picture is shown smaller.
_PLAIN_WIDTH = 900


def annotate(portrait: Portrait) -> Picture:
    """The portrait (H, W, 3) with its geometry drawn over it and a caption below."""
    from PIL import Image, ImageDraw

    picture = portrait.picture
    height, width = picture.shape[:2]
    lines = _caption(portrait)
    scale = max(1.0, width / _PLAIN_WIDTH)
    font, small = _font(round(15 * scale)), _font(round(13 * scale))
    line_height, margin = round(19 * scale), round(_MARGIN * scale)
    canvas_width = max(width, _LEAST_WIDTH)
    canvas = Image.new("RGB", (canvas_width, height + margin * 2 + line_height * len(lines)), (16, 18, 24))
    left = (canvas_width - width) // 2
    canvas.paste(Image.fromarray(picture), (left, 0))
    # Drawing has no anti-aliasing of its own: a layer twice as large gives it.
    layer = Image.new("RGBA", (2 * width, 2 * height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    labels: list[tuple[float, float, str, tuple[int, int, int]]] = []
    for name in ("earth", "moon"):
        pixels = portrait.scene.pixels(name)
        if pixels is not None and pixels.partly_in_frame:
            labels.append(_draw_body(draw, pixels, name, portrait.spec.magnify, scale))
    drawn = layer.reduce(2)
    canvas.paste(drawn, (left, 0), drawn.getchannel("A"))
    pen = ImageDraw.Draw(canvas)
    for x, y, text, colour in labels:
        box = pen.textbbox((0, 0), text, font=font)
        tx = min(max(x - box[2] / 2, 4), width - box[2] - 4) + left
        ty = min(max(y, 2), height - line_height)
        pen.text((tx, ty), text, fill=colour, font=font, stroke_width=2, stroke_fill=(0, 0, 0))
    _scale_bar(pen, portrait, left, height, small, scale)
    for i, line in enumerate(lines):
        pen.text((margin, height + margin + i * line_height), line, fill=PALE if i else (255, 255, 255), font=font)
    return np.asarray(canvas, dtype=np.uint8)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _draw_body(
    draw: ImageDraw, pixels: BodyPixels, name: str, magnify: int, scale: float
) -> tuple[float, float, str, tuple[int, int, int]]:
    """Limb, pole and light of one body on the doubled layer; returns where its label goes in the picture."""
    colour = _COLOURS[name]

    def place(xy: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        # The centre of camera pixel 0 is half a magnified pixel into the picture; twice for the doubled layer.
        return np.asarray((xy + 0.5) * magnify * 2.0)

    center = place(np.array([pixels.x, pixels.y]))
    radius = 2.0 * magnify * pixels.limb.radius
    outline = [tuple(p) for p in place(pixels.outline)]
    if radius >= 4.0:
        draw.line([*outline, outline[0]], fill=(*colour, 170), width=round(2 * scale))
    else:
        draw.ellipse([*(center - 16.0), *(center + 16.0)], outline=(*colour, 200), width=round(2 * scale))
    reach = max(radius, 16.0)
    for angle, length, shade in (
        (pixels.north_angle_rad, min(0.30 * reach, 60.0 * scale) + 14.0 * scale, colour),
        (pixels.bright_limb_angle_rad, min(0.15 * reach, 30.0 * scale) + 10.0 * scale, (255, 255, 160)),
    ):
        # Angles run from up, counter-clockwise; y points down.
        way = np.array([-math.sin(angle), -math.cos(angle)])
        a, b = center + way * (reach + 3.0), center + way * (reach + 3.0 + length)
        draw.line([*a, *b], fill=(*shade, 230), width=round(3 * scale))
        if shade is colour:
            draw.text(
                tuple(b + way * 14.0 * scale), "N", fill=(*colour, 255), font=_font(round(24 * scale)), anchor="mm"
            )
        else:
            draw.ellipse([*(b - 6.0 * scale), *(b + 6.0 * scale)], fill=(255, 255, 160, 230))
    below = float(np.max(place(pixels.outline)[:, 1])) if radius >= 4.0 else float(center[1]) + 16.0
    return float(center[0]) / 2.0, below / 2.0 + 6.0, name.capitalize(), colour


def _scale_bar(pen: ImageDraw, portrait: Portrait, left: int, height: int, font: Any, scale: float) -> None:
    """A bar of a round angle at the lower left, with its length."""
    camera = portrait.scene.camera
    if camera is None:
        return
    per_pixel = camera.ifov_rad / portrait.spec.magnify
    target = portrait.picture.shape[1] / 5.0 * per_pixel
    units = ((math.radians(1.0), "deg"), (math.radians(1.0 / 60.0), "arcmin"), (math.radians(1.0 / 3600.0), "arcsec"))
    unit, name = next(((u, n) for u, n in units if target >= u), units[-1])
    power = 10.0 ** math.floor(math.log10(target / unit))
    size = max(m for m in (1.0, 2.0, 5.0) if m * power <= target / unit) * power
    length = size * unit / per_pixel
    x, y, stroke = left + 14.0 * scale, height - 14.0 * scale, round(2 * scale)
    pen.line([x, y, x + length, y], fill=PALE, width=stroke)
    for end in (x, x + length):
        pen.line([end, y - 4 * scale, end, y + 4 * scale], fill=PALE, width=stroke)
    pen.text((x, y - 22 * scale), f"{size:g} {name}", fill=PALE, font=font, stroke_width=2, stroke_fill=(0, 0, 0))


def _caption(portrait: Portrait) -> list[str]:
    scene, spec = portrait.scene, portrait.spec
    camera = scene.camera
    out = [
        f"{portrait.title}   {scene.utc[:19].replace('T', ' ')} UTC   {camera.name if camera else ''}",
        *(
            f"{b.name.capitalize()}  {b.range_km:,.0f} km   phase {math.degrees(b.phase_rad):.1f} deg"
            for b in scene.bodies
        ),
        f"separation {math.degrees(scene.separation_rad):.4f} deg   geometry: {scene.quality}",
    ]
    notes = []
    if spec.moon_brightening != 1.0:
        notes.append(f"Moon brightened x{spec.moon_brightening:g}")
    if spec.magnify != 1:
        notes.append(f"each camera pixel drawn {spec.magnify} x {spec.magnify}")
    if notes:
        out.append(", ".join(notes))
    return out
