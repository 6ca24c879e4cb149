"""Turn the Blue Marble display picture into plausible land reflectance at 680, 551 and 443 nm.

The picture is not a measurement: its bands are MODIS 645, 555 and 469 nm after a display stretch. Three steps:

1. Undo the stretch. The MODIS true-colour recipe maps reflectance 0, 30, 60, 120, 190, 255 (255 = 1) to display
   0, 110, 160, 210, 240, 255, linear between. Its inverse gives area means of 0.17, 0.13, 0.08 over bare land, within
   20 % of the published ones below, which supports the use of that recipe here.
2. Scale by class, with weights that blend smoothly. Bare land is scaled so that its area mean meets the EPIC scene
   mean "land" of Wen et al. 2019 (0.199, 0.129, 0.095 at 680, 551, 443 nm); vegetation (green above red in the
   picture) so that it meets "vegetation" (0.044, 0.105, 0.048); snow and ice so that its mean is 0.90, a clean-snow
   value in all three bands (Wiscombe & Warren 1980, J. Atmos. Sci. 37, 2712: 0.9 to 0.99 in the visible).
3. Fill the water from the nearest land, so that bilinear look-ups at a coast do not bleed the picture's sea colour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

STRETCH_REFLECTANCE = np.array([0.0, 30.0, 60.0, 120.0, 190.0, 255.0]) / 255.0
STRETCH_DISPLAY = np.array([0.0, 110.0, 160.0, 210.0, 240.0, 255.0])
BARE_MEAN = (0.199, 0.129, 0.095)
VEGETATION_MEAN = (0.044, 0.105, 0.048)
SNOW_MEAN = (0.90, 0.90, 0.90)
SNOW_DISPLAY_RANGE = (120.0, 200.0)
GREENNESS_RANGE = (-0.04, 0.12)
#: Pixels this close to a shore count little: the picture and the mask disagree by up to a pixel there.
SHORE_PX = 2
SHORE_WEIGHT = 0.01
REFLECTANCE_LIMIT = 0.95
PURE_LAND = 0.995


def smoothstep(values: Floats, low: float, high: float) -> Floats:
    """Cubic ramp from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def class_weights(rgb: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights of bare land, vegetation and snow from display values; they add up to one."""
    snow = smoothstep(rgb.min(axis=2), *SNOW_DISPLAY_RANGE)
    # Bright sand passes the brightness ramp in no channel but red; grey tone separates the rest.
    spread = rgb.max(axis=2) - rgb.min(axis=2)
    snow = snow * (1.0 - smoothstep(spread, 20.0, 50.0))
    red, green = rgb[..., 0], rgb[..., 1]
    greenness = (green - red) / np.maximum(green + red, 1.0)
    vegetation = smoothstep(greenness, *GREENNESS_RANGE) * (1.0 - snow)
    return 1.0 - snow - vegetation, vegetation, snow


def resize(values: Floats, size: tuple[int, int]) -> Floats:
    """Area average to ``size`` (width, height)."""
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX), np.float32)


def weighted_resize(values: Floats, weight: Floats, small_weight: Floats, size: tuple[int, int]) -> Floats:
    """Weighted area average of three channels; ``small_weight`` is the weight's own average."""
    safe = np.maximum(small_weight, 1e-6)
    return np.stack([resize(values[..., c] * weight, size) / safe for c in range(3)], axis=2).astype(np.float32)


def fill(values: Floats, weight: Floats) -> Floats:
    """Replace values of zero weight by averages of the nearest weighted ones (pull-push over halved copies)."""
    height, width = weight.shape
    known = weight > 1e-3
    if known.all() or min(height, width) <= 2:
        mean = (values * weight[..., None]).sum(axis=(0, 1)) / max(float(weight.sum()), 1e-9)
        return np.where(known[..., None], values, mean).astype(np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    small_weight = resize(weight, half)
    small = weighted_resize(values, weight, small_weight, half)
    # Any trace of land decides its cell: the fill is about colour, not about coverage.
    small = fill(small, (small_weight > 1e-4).astype(np.float32))
    # Wrap one column on each side, so that the enlargement has no seam at the date line.
    wide = np.concatenate([small[:, -1:], small, small[:, :1]], axis=1)
    scale = width / half[0]
    box = (1.0, 0.0, 1.0 + width / scale, float(half[1]))
    large = np.stack(
        [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(wide[..., c])).resize(
                    (width, height), Image.Resampling.BILINEAR, box=box
                )
            )
            for c in range(3)
        ],
        axis=2,
    )
    return np.where(known[..., None], values, large).astype(np.float32)


def land_reflectance(rgb: NDArray[np.uint8], land: Floats, size: tuple[int, int]) -> tuple[Floats, list[str]]:
    """Reflectance (height, width, 3) at 680, 551, 443 nm from the display picture, and a report of the scaling.

    ``rgb`` and ``land`` (area fraction of land) share a grid, north up; ``size`` is (width, height) of the result.
    """
    display = rgb.astype(np.float32)
    bare, vegetation, snow = class_weights(display)
    stretch = np.interp(np.arange(256.0), STRETCH_DISPLAY, STRETCH_REFLECTANCE).astype(np.float32)
    linear = stretch[rgb]
    # Shores where the picture still shows sea: blue clearly above red, and not snow.
    sea_blue = (display[..., 2] > display[..., 0] + 8.0) & (snow < 0.5)
    pure = ((land > PURE_LAND) & ~sea_blue).astype(np.float32)
    rows = land.shape[0]
    area = np.cos((np.arange(rows) + 0.5) / rows * np.pi - np.pi / 2.0).astype(np.float32)[:, None] * pure
    result = np.empty_like(linear)
    gains = np.empty((3, 3))
    classes = ((bare, BARE_MEAN), (vegetation, VEGETATION_MEAN), (snow, SNOW_MEAN))
    for c in range(3):
        total = np.zeros_like(bare)
        for k, (weight, target) in enumerate(classes):
            share = (weight * area).astype(np.float64)
            gains[k, c] = target[c] * share.sum() / (share * linear[..., c]).sum()
            total += weight * np.float32(gains[k, c])
        result[..., c] = np.minimum(linear[..., c] * total, REFLECTANCE_LIMIT)
    inland = pure.copy()
    for axis in (0, 1):
        for step in range(1, SHORE_PX + 1):
            inland = np.minimum(inland, np.minimum(np.roll(pure, step, axis), np.roll(pure, -step, axis)))
    weight = pure * (SHORE_WEIGHT + (1.0 - SHORE_WEIGHT) * inland)
    small_weight = resize(weight, size)
    small = weighted_resize(result, weight, small_weight, size)
    names = ("bare land", "vegetation", "snow")
    whole = float(area.sum(dtype=np.float64))
    report = [
        f"{name}: share of land {float((classes[k][0] * area).sum(dtype=np.float64)) / whole:.3f}, "
        f"gains R, G, B {gains[k].round(3).tolist()}"
        for k, name in enumerate(names)
    ]
    means = (result * area[..., None]).sum(axis=(0, 1), dtype=np.float64) / whole
    report.append(f"all land, area mean R, G, B {means.round(4).tolist()}")
    ice_free = (1.0 - snow) * area
    means = (result * ice_free[..., None]).sum(axis=(0, 1), dtype=np.float64) / float(ice_free.sum(dtype=np.float64))
    report.append(f"land without snow, area mean R, G, B {means.round(4).tolist()}")
    return fill(small, small_weight), report
