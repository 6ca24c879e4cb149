"""A picture made ready: luminance, damaged pixels, saturation, sky level and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.opnav.measure.types import MeasureOptions
from terraluna.opnav.types import Floats

Bools = NDArray[np.bool_]

_TILE = 16
_BLOCK = 8
"""Side of a JPEG block: lost packets leave whole blocks of one value."""

_BORDER = 3
"""The outermost pixels are not used: cameras leave dark or white margins there, and JPEG smears them."""

_SKY_SHARE = 0.02
"""Least share of the frame's tiles that have to be sky for its level to be measured."""

_MOST_SMEARED = 0.35
"""Trails of discs take no larger share of the columns; beyond, the frame's own shading would be taken for them."""

_GLANCE_ROWS = 33
_ROUNDING = 1.0 / 12.0**0.5

_JUMP = 12.0
_JUMPING_BLOCKS = 4
_FLAT_RUN = 48
"""A lost stretch is at least so many pixels of one exact value, in a row of blocks."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture ready to be searched.

    Attributes:
        light: (H, W) float64, mean of the colours.
        colour: (H, W, 3) as given, or None.
        bad: (H, W) True where a pixel can't be used.
        full: (H, W) True where a pixel is saturated.
        sky: level of the darkest flat part of the frame.
        noise: standard deviation of a pixel there.
        bright: a high percentile of the light.
        saturation: value of a full pixel, NaN where none is.
    """

    light: Floats
    colour: NDArray[Any] | None
    bad: Bools
    full: Bools
    sky: float
    noise: float
    bright: float
    saturation: float

    @property
    def contrast(self) -> float:
        """Bright level above the sky."""
        return self.bright - self.sky


@njit(nogil=True, cache=True)
def _within(
    light: Floats, bad: Bools, x: float, y: float, radius: float, box: tuple[int, int, int, int], step: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    x0, x1, y0, y1 = box
    most = (1 + (x1 - x0) // step) * (1 + (y1 - y0) // step)
    column, row, value = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most)
    n = 0
    for j in range(y0, y1, step):
        for i in range(x0, x1, step):
            if (i - x) ** 2 + (j - y) ** 2 < radius * radius and not bad[j, i]:
                column[n], row[n], value[n] = i, j, light[j, i]
                n += 1
    return column[:n], row[:n], value[:n]


def good_within(
    picture: Prepared, x: float, y: float, radius: float, most: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Columns, rows and light above the sky (n,) of a circle's good pixels, in even steps that leave some ``most``."""
    h, w = picture.light.shape
    x0, x1 = max(0, int(x - radius)), min(w, int(x + radius) + 2)
    y0, y1 = max(0, int(y - radius)), min(h, int(y + radius) + 2)
    step = max(1, int(np.sqrt(max(x1 - x0, 0) * max(y1 - y0, 0) / most)))
    box = x0, max(x1, x0), y0, max(y1, y0)
    column, row, light = _within(picture.light, picture.bad, x, y, radius, box, step)
    return column, row, light - picture.sky


def prepare(image: NDArray[Any], mask: Bools | None, options: MeasureOptions) -> Prepared:
    """Make a picture ready.

    Args:
        image: (H, W) or (H, W, 3), any real number type.
        mask: (H, W) True where pixels are lost or invalid, or None; blocks of lost packets are found without it.
        options: saturation and bounds.

    Raises:
        InputError: wrong shape or type, too large, or mask of another shape.
    """
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] in (1, 2, 4):
        array = array[:, :, :3] if array.shape[2] == 4 else array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        raise InputError(f"a picture must have the shape (H, W) or (H, W, 3), not {np.shape(image)}")
    if array.dtype.kind not in "uifb":
        raise InputError(f"a picture must hold real numbers, not {array.dtype}")
    height, width = array.shape[:2]
    if min(height, width) < 16:
        raise InputError(f"a picture of {width}x{height} px is too small to measure; at least 16x16 px are needed")
    if height * width > options.max_pixels:
        raise InputError(f"a picture of {width}x{height} px is larger than max_pixels = {options.max_pixels}")
    if mask is not None and np.shape(mask) != (height, width):
        raise InputError(f"the mask's shape {np.shape(mask)} is not the picture's {(height, width)}")
    colour = array if array.ndim == 3 else None
    if colour is None:
        light = array.astype(np.float64)
    else:
        light = _mean_of_three(colour) if colour.dtype == np.uint8 else colour.mean(axis=2, dtype=np.float64)
    bad = np.zeros((height, width), np.bool_) if mask is None else np.array(mask, np.bool_)
    if array.dtype.kind == "f":
        lost = ~np.isfinite(light)
        bad |= lost
        light[lost] = 0.0
    else:
        lost_blocks(light, bad)
    saturation, full = _saturation(array, light, options)
    for edge in (bad[:_BORDER], bad[-_BORDER:], bad[:, :_BORDER], bad[:, -_BORDER:]):
        edge[:] = True
    sky, noise, bright = levels(light, bad)
    if colour is None:
        light = _without_smear(light, bad, sky, noise)
    if array.dtype.kind != "f":
        # A sky of one exact value says nothing of the noise: rounding alone leaves this.
        noise = max(noise, _ROUNDING)
    return Prepared(light, colour, bad, full, sky, noise, bright, saturation)


@njit(nogil=True, cache=True)
def _mean_of_three(colour: NDArray[np.uint8]) -> Floats:
    h, w, _ = colour.shape
    out = np.empty((h, w))
    for y in range(h):
        for x in range(w):
            out[y, x] = (np.int64(colour[y, x, 0]) + np.int64(colour[y, x, 1]) + np.int64(colour[y, x, 2])) / 3.0
    return out


def _without_smear(light: Floats, bad: Bools, sky: float, noise: float) -> Floats:
    """The light less the trails of frame transfer: columns whose sky stands above the sky by one value all along.

    A column is a trail if over half of its rows agree with its median within a few times the noise; a surface scatters
    more.
    """
    # A look at a few rows finds the frames without trails, which are most of them.
    glance = light[:: max(1, len(light) // _GLANCE_ROWS)] > sky + 2.0 * noise
    if not np.any(2 * np.count_nonzero(glance, axis=0) > len(glance)):
        return light
    thin = light[::4]
    middle = np.median(thin, axis=0)
    scatter = np.median(np.abs(thin - middle), axis=0)
    raised = (middle > sky + 3.0 * noise) & (scatter < 2.0 * noise + 0.1 * (middle - sky))
    share = np.count_nonzero(raised) / light.shape[1]
    if share == 0.0 or share > _MOST_SMEARED:
        return light
    return np.asarray(light - np.where(raised, middle - sky, 0.0))


def _near_full_scale(top: float) -> bool:
    """Whether a value is within 4 % of the end of a converter of 8 to 16 bits."""
    return any(0.96 * 2.0**bits <= top <= 2.0**bits for bits in range(8, 17))


def _saturation(array: NDArray[Any], light: Floats, options: MeasureOptions) -> tuple[float, Bools]:
    """Saturation level and the full pixels: any colour at the level counts."""
    level = options.saturation
    if level is None:
        values = array
        top = float(values.max())
        # 8-bit pictures have gone through a JPEG or a stretch: values just below the top are clipped too.
        band = 3.0 if array.dtype == np.uint8 and top > 250 else max(0.005 * abs(top), 1.0)
        level = top - band
        if array.dtype.kind == "f" or not _near_full_scale(top):
            # A flat disc piles up at its own brightness; only the end of a converter's range is saturation.
            return float("nan"), np.zeros(light.shape, np.bool_)
        piled = _count_from(values, level)
        if not top > 0.0 or piled < 9 or piled < 2 * (_count_from(values, level - band) - piled):
            return float("nan"), np.zeros(light.shape, np.bool_)
    full = array >= _whole(array, level)
    return level, np.asarray(full if array.ndim == 2 else full[:, :, 0] | full[:, :, 1] | full[:, :, 2])


def _whole(array: NDArray[Any], level: float) -> float | int:
    """The level as pixels of integers reach it: to compare them with a float would convert the picture."""
    return math.ceil(level) if array.dtype.kind in "ui" else level


def _count_from(values: NDArray[Any], level: float) -> int:
    return int(np.count_nonzero(values >= _whole(values, level)))


@njit(nogil=True, cache=True)
def _mark_lost(values: Floats, bad: Bools, block: int, run: int, jump: float, least: int) -> None:
    """Mark stretches of blocks that hold one exact value, longer than `run` px, and end in a jump at a block's edge.

    A black sky is flat too, but a limb near it is blurred: it doesn't jump exactly at the edges of several blocks.
    """
    h, w = values.shape
    rows = h // block
    columns = w // block
    flat = np.zeros((rows, columns), np.bool_)
    for r in range(rows):
        for c in range(columns):
            first = values[r * block, c * block]
            same = True
            for y in range(r * block, r * block + block):
                for x in range(c * block, c * block + block):
                    if values[y, x] != first:
                        same = False
                        break
                if not same:
                    break
            flat[r, c] = same
    for r in range(rows):
        c = 0
        while c < columns:
            if not flat[r, c]:
                c += 1
                continue
            start = c
            first = values[r * block, c * block]
            while c < columns and flat[r, c] and values[r * block, c * block] == first:
                c += 1
            if (c - start) * block < run:
                continue
            x0 = start * block
            x1 = c * block
            # Blocks in a row along whose whole width the picture jumps at the edge of the flat stretch.
            jumps = 0
            longest = 0
            for k in range(start, c):
                up = r
                while up >= 0 and flat[up, k] and values[up * block, k * block] == first:
                    up -= 1
                down = r
                while down < rows and flat[down, k] and values[down * block, k * block] == first:
                    down += 1
                above = 0
                below = 0
                for x in range(k * block, k * block + block):
                    if up >= 0 and abs(values[up * block + block - 1, x] - first) > jump:
                        above += 1
                    if down < rows and abs(values[down * block, x] - first) > jump:
                        below += 1
                jumps = jumps + 1 if max(above, below) >= block - 1 else 0
                longest = max(longest, jumps)
            if longest >= least:
                for y in range(r * block, r * block + block):
                    for x in range(x0, x1):
                        bad[y, x] = True


def lost_blocks(light: Floats, bad: Bools) -> None:
    """Mark in ``bad`` the stretches of 8x8 blocks that lost packets left behind: one exact value, sharp block edges."""
    _mark_lost(light, bad, _BLOCK, _FLAT_RUN, _JUMP, _JUMPING_BLOCKS)


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _tiles(light: Floats, bad: Bools, size: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the tiles that have no bad pixel; NaN for the others."""
    rows, columns = light.shape[0] // size, light.shape[1] // size
    mean = np.full(rows * columns, np.nan)
    spread = np.full(rows * columns, np.nan)
    for r in range(rows):
        for c in range(columns):
            total = 0.0
            square = 0.0
            lost = 0
            pivot = light[r * size, c * size]
            for y in range(r * size, (r + 1) * size):
                values = light[y, c * size : (c + 1) * size]
                spoilt = bad[y, c * size : (c + 1) * size]
                for x in range(size):
                    lost += spoilt[x]
                    v = values[x] - pivot
                    total += v
                    square += v * v
            if lost == 0:
                n = size * size
                mean[r * columns + c] = total / n + pivot
                spread[r * columns + c] = np.sqrt(max(square / n - (total / n) ** 2, 0.0))
    return mean, spread


@njit(nogil=True, cache=True)
def _sample_above(light: Floats, bad: Bools, floor: float, step: int) -> tuple[Floats, int]:
    """Light (n,) above a floor among the good pixels of every ``step``-th row and column, and how many those are."""
    h, w = light.shape
    above = np.empty((1 + h // step) * (1 + w // step))
    n = 0
    total = 0
    for y in range(0, h, step):
        for x in range(0, w, step):
            good = not bad[y, x]
            total += good
            above[n] = light[y, x]
            n += good and light[y, x] > floor
    return above[:n], total


def levels(light: Floats, bad: Bools) -> tuple[float, float, float]:
    """Sky level, noise there, and the level that only the brightest 0.1 % exceed.

    The sky is the darkest flat part: the median over the darkest tenth of the tiles (at least a few), and its noise the
    median of their scatter, so that a body may fill nine tenths of the frame.
    """
    size = _TILE if min(light.shape) >= 8 * _TILE else 4
    mean, spread = _tiles(light, bad, size)
    good = np.isfinite(mean)
    if not good.any():
        return float("nan"), float("nan"), float("nan")
    mean, spread = mean[good], spread[good]
    count = max(3, int(_SKY_SHARE * mean.size))
    order = np.argsort(mean, kind="stable")[: max(count, mean.size // 10)]
    sky, noise = float(np.median(mean[order])), float(np.median(spread[order]))
    # Ranks from the top. A small disc may cover less than 0.1 % of the frame: the third brightest pixel tells of it.
    above, total = _sample_above(light, bad, sky + noise, 3)
    rank, third = total - int(0.999 * (total - 1)), min(3, total)
    if above.size < max(rank, third):
        above, total = _sample_above(light, bad, -np.inf, 3)
    ordered = np.partition(above, (-rank, -third))
    bright, peak = float(ordered[-rank]), float(ordered[-third])
    return sky, max(noise, 1e-12 * max(abs(sky), 1.0)), max(bright, sky + 0.5 * (peak - sky))
