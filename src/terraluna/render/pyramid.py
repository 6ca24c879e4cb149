"""A map and its halved copies, and values of a map at a place.

Every map is equirectangular: row 0 is at the north pole, column 0 starts at -180 degrees of east longitude, and the
first cell's centre lies half a cell inside both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]

#: What stands for 1 in a map of 16-bit numbers.
FULL_SCALE = 65535.0
_SMALLEST_ROWS = 45


@njit(cache=True)
def _decode(codes: Codes, table: NDArray[Any], out: NDArray[Any]) -> None:
    """Look each code (h, w, c) up in its channel's table (c, 256)."""
    height, width, channels = codes.shape
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                out[i, j, c] = table[c, codes[i, j, c]]


@njit(cache=True)
def _decode_halved(codes: Codes, table: Floats, out: Floats) -> None:
    """Look codes (2h, 2w, c) up and average 2 x 2 cells into (h, w, c): `_decode` and `_halve` without the middle."""
    height, width, channels = out.shape
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                upper = table[c, codes[2 * i, 2 * j, c]] + table[c, codes[2 * i, 2 * j + 1, c]]
                lower = table[c, codes[2 * i + 1, 2 * j, c]] + table[c, codes[2 * i + 1, 2 * j + 1, c]]
                out[i, j, c] = np.float32(0.25) * (upper + lower)


@njit(cache=True)
def _halve(source: Floats, out: Floats) -> None:
    """Average 2 x 2 cells of (2h, 2w, c) into (h, w, c)."""
    height, width, channels = out.shape
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                upper = source[2 * i, 2 * j, c] + source[2 * i, 2 * j + 1, c]
                lower = source[2 * i + 1, 2 * j, c] + source[2 * i + 1, 2 * j + 1, c]
                out[i, j, c] = np.float32(0.25) * (upper + lower)


@njit(cache=True)
def _corners(height: int, width: int, lat: float, lon: float) -> tuple[int, int, int, int, float, float]:
    """Rows, columns and weights of the four cells around a point; longitude wraps, latitude stops at the poles."""
    x = (lon / (2.0 * math.pi) + 0.5) * width - 0.5
    y = (0.5 - lat / math.pi) * height - 0.5
    y = min(max(y, 0.0), height - 1.0)
    j = math.floor(x)
    i = min(math.floor(y), height - 2)
    return i, i + 1, j % width, (j + 1) % width, y - i, x - j


@njit(cache=True)
def sample_bilinear(grid: Floats, lat: float, lon: float) -> Any:
    """Value of a map (h, w) at a latitude and an east longitude in rad; any longitude is allowed."""
    i0, i1, j0, j1, fy, fx = _corners(grid.shape[0], grid.shape[1], lat, lon)
    upper = (1.0 - fx) * grid[i0, j0] + fx * grid[i0, j1]
    lower = (1.0 - fx) * grid[i1, j0] + fx * grid[i1, j1]
    return (1.0 - fy) * upper + fy * lower


@njit(cache=True)
def sample_bilinear_channels(grid: Floats, lat: float, lon: float, out: NDArray[np.float64]) -> None:
    """Values of a map (h, w, c) at a latitude and an east longitude in rad, written to ``out`` (c,)."""
    i0, i1, j0, j1, fy, fx = _corners(grid.shape[0], grid.shape[1], lat, lon)
    for c in range(grid.shape[2]):
        upper = (1.0 - fx) * grid[i0, j0, c] + fx * grid[i0, j1, c]
        lower = (1.0 - fx) * grid[i1, j0, c] + fx * grid[i1, j1, c]
        out[c] = (1.0 - fy) * upper + fy * lower


class Pyramid:
    """One map and its halved copies, each made when it is first asked for.

    ``level(0)`` is the full map, float32 (h, w) or (h, w, c), C-contiguous; each next level averages 2 x 2 cells,
    down to 45 rows or an odd size. A small disc never pays for the full map.
    """

    def __init__(self, name: str, values: NDArray[Any], table: NDArray[np.float64] | None = None) -> None:
        """Hold a map (h, w) or (h, w, c): its values, or 8-bit codes with a table (c, 256) of what they mean."""
        self.name = name
        self._flat = values.ndim == 2
        cube = np.ascontiguousarray(values[..., None] if self._flat else values)
        self._codes: Codes | None = None if table is None else cube
        self._table: Floats = np.ascontiguousarray(np.zeros((1, 1)) if table is None else table, np.float32)
        self._made: dict[int, Floats] = {} if table is not None else {0: cube.astype(np.float32)}
        height, width = cube.shape[:2]
        self.shape: tuple[int, int] = (height, width)
        self.count = 1
        while height >= 2 * _SMALLEST_ROWS and height % 2 == 0 and width % 2 == 0:
            height, width, self.count = height // 2, width // 2, self.count + 1

    def mapped(self, name: str, function: Callable[[Floats], Floats]) -> Pyramid:
        """The same map with ``function`` applied to its values, before they are halved.

        A coded map stays coded: only its table changes, and nothing is decoded until it is asked for.
        """
        if self._codes is None:
            return Pyramid(name, function(self.level(0)))
        codes = self._codes[..., 0] if self._flat else self._codes
        return Pyramid(name, codes, np.asarray(function(self._table), np.float64))

    @property
    def base(self) -> Floats:
        """The full map."""
        return self.level(0)

    def level(self, index: int) -> Floats:
        """The map halved ``index`` times, 0 <= index < count."""
        level = self._cube(index)
        return level[..., 0] if self._flat else level

    def _cube(self, index: int) -> Floats:
        if index not in self._made:
            if self._codes is not None and (index == 0 or (index == 1 and 0 not in self._made)):
                step = index + 1
                height, width, channels = self._codes.shape
                out = np.empty((height // step, width // step, channels), np.float32)
                (_decode if index == 0 else _decode_halved)(self._codes, self._table, out)
            else:
                finer = self._cube(index - 1)
                out = np.empty((finer.shape[0] // 2, finer.shape[1] // 2, finer.shape[2]), np.float32)
                _halve(finer, out)
            self._made[index] = out
        return self._made[index]

    def fixed(self, index: int) -> NDArray[np.uint16]:
        """The map halved ``index`` times, for values 0..1 only: as 16-bit numbers of 1 / `FULL_SCALE`.

        Not kept here. A full map of codes is translated without being decoded first.
        """
        if index == 0 and self._codes is not None:
            cube: NDArray[np.uint16] = np.empty(self._codes.shape, np.uint16)
            _decode(self._codes, _as_fixed(self._table), cube)
            return cube[..., 0] if self._flat else cube
        return _as_fixed(self.level(index))

    def texels_per_pixel(self, radius_px: float) -> float:
        """Cells of the full map a picture pixel spans at the centre of a disc of this radius."""
        return float(self.shape[1] / (2.0 * math.pi * radius_px))

    def mip_level(self, texels_per_pixel: float) -> Floats:
        """The copy whose cells come nearest to one picture pixel, given cells of the full map per pixel.

        Never coarser than the smallest copy nor finer than the full map.
        """
        return self.level(self.mip_index(texels_per_pixel))

    def mip_index(self, texels_per_pixel: float) -> int:
        """How often the copy of `mip_level` is halved."""
        if not texels_per_pixel > 1.0:
            return 0
        return min(round(math.log2(min(texels_per_pixel, 1.0e9))), self.count - 1)


def _as_fixed(values: Floats) -> NDArray[np.uint16]:
    """Values 0..1 as 16-bit numbers of 1 / `FULL_SCALE`."""
    return np.asarray(np.rint(values * np.float32(FULL_SCALE)), np.uint16)
