"""Contact sheet: many portraits on one page, each fitted into a tile with its caption."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from terraluna.publish.portrait import Picture, Portrait


def contact_sheet(portraits: Sequence[Portrait], columns: int = 3, tile: tuple[int, int] = (520, 400)) -> Picture:
    """One picture (H, W, 3) with every portrait scaled into a tile (width, height) px, captioned below."""
    from PIL import Image, ImageDraw, ImageFont

    gap, caption = 12, 44
    rows = math.ceil(len(portraits) / columns)
    size = (columns * (tile[0] + gap) + gap, rows * (tile[1] + caption + gap) + gap)
    sheet = Image.new("RGB", size, (16, 18, 24))
    pen = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(17), ImageFont.load_default(13)
    for i, portrait in enumerate(portraits):
        x, y = gap + i % columns * (tile[0] + gap), gap + i // columns * (tile[1] + caption + gap)
        picture = Image.fromarray(portrait.picture)
        scale = min(tile[0] / picture.width, tile[1] / picture.height)
        fitted = picture.resize(
            (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))),
            Image.Resampling.LANCZOS if scale < 1.0 else Image.Resampling.BICUBIC,
        )
        pen.rectangle([x, y, x + tile[0] - 1, y + tile[1] - 1], fill=(0, 0, 0))
        sheet.paste(fitted, (x + (tile[0] - fitted.width) // 2, y + (tile[1] - fitted.height) // 2))
        scene = portrait.scene
        pen.text((x, y + tile[1] + 4), portrait.title, fill=(255, 255, 255), font=large)
        pen.text(
            (x, y + tile[1] + 25),
            f"{scene.utc[:16].replace('T', ' ')} UTC   Earth {scene.earth.range_km:,.0f} km   "
            f"phase {math.degrees(scene.earth.phase_rad):.0f} deg   ({scene.quality})",
            fill=(170, 175, 185),
            font=small,
        )
    return np.asarray(sheet, dtype=np.uint8)
