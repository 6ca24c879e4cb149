"""Surface maps of the Moon and the Earth, ready for the renderer's kernels.

Every map is equirectangular: row 0 is at the north pole, column 0 starts at -180 degrees of east longitude, and the
first cell's centre lies half a cell inside both. Latitudes are planetocentric on the Moon's sphere and geodetic on the
Earth. Each map comes as a pyramid of halved copies, so that a small disc can be sampled without aliasing.

The packaged files, their sources and their value codes are described in ``data/maps/SOURCES.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.errors import InputError

__all__ = [
    "BANDS_NM",
    "CLOUD_COVER",
    "MOON_BANDS_NM",
    "EarthMaps",
    "MoonMaps",
    "Pyramid",
    "cloud_gain",
    "load_cloud_map",
    "load_earth_maps",
    "load_moon_maps",
    "moon_iof",
    "sample_bilinear",
    "sample_bilinear_channels",
]

Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]

#: Wavelengths of the three channels of the land map, nm (R, G, B).
BANDS_NM = (680.0, 551.0, 443.0)
#: Nominal wavelengths of the Moon map's channels, nm (NASA SVS 4720).
MOON_BANDS_NM = (643.0, 532.0, 472.0)
#: Default area mean of the effective cloud cover: below MODIS' 0.67, which counts thin cloud as whole.
CLOUD_COVER = 0.57
#: Divisors of the CGI Moon Kit's colour code for R, G, B (NASA SVS 4720).
MOON_COLOUR = (0.935, 1.005, 1.04)
MOON_RADIUS_KM = 1737.4
RELIEF_OFFSET_M = 32768
#: Greatest land reflectance the map holds; JPEG overshoot beyond it is cut.
LAND_LIMIT = 0.95
#: What stands for 1 in a map of 16-bit numbers.
FULL_SCALE = 65535.0
_GAIN_LIMIT = 1.0e4
_SMALLEST_ROWS = 45


def moon_iof(value_rgb: NDArray[Any]) -> NDArray[np.float64]:
    """I/F of the Moon at incidence 60, emission 0 and phase 60 degrees, from the albedo map's values 0..255.

    The last axis holds R, G, B (643, 532, 472 nm).
    I/F = ((0.16 + 0.24 v / 255) / (0.935, 1.005, 1.04))^2.8: the inverse of the display
    code of NASA's CGI Moon Kit (Scientific Visualization Studio 4720).
    """
    code = 0.16 + 0.24 * np.asarray(value_rgb, np.float64) / 255.0
    return np.asarray((code / np.array(MOON_COLOUR)) ** 2.8, np.float64)


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


@dataclass(frozen=True)
class MoonMaps:
    """The Moon's maps.

    ``albedo``: I/F at incidence 60, emission 0, phase 60 degrees, R, G, B; beyond 70 degrees of latitude it is
    filled from monochrome data. ``relief_m``: height above 1737.4 km.
    ``slopes``: (east, north) gradients of the height, metres per metre, over 15 km.
    """

    albedo: Pyramid
    relief_m: Pyramid
    slopes: Pyramid


@dataclass(frozen=True)
class EarthMaps:
    """The Earth's maps.

    ``land``: Lambert reflectance of land at 680, 551, 443 nm (R, G, B), continued smoothly under the water. ``water``:
    area fraction of sea and lakes. ``clouds``: effective cloud cover 0..1.
    """

    land: Pyramid
    water: Pyramid
    clouds: Pyramid


def _read_codes(name: str) -> NDArray[Any]:
    """Stored values of a packaged map."""
    from PIL import Image

    with files("terraluna").joinpath("data", "maps", name).open("rb") as stream:
        return np.asarray(Image.open(stream))


def _slopes(height_m: Floats) -> Floats:
    """Gradients (east, north) of heights (h, w) on the Moon's sphere, by central differences.

    The east step widens towards the poles so that both gradients span the same distance.
    """
    rows, columns = height_m.shape
    step_m = math.pi / rows * MOON_RADIUS_KM * 1000.0
    lat = (0.5 - (np.arange(rows) + 0.5) / rows) * np.pi
    # Near the poles the step stops at an eighth of a turn: a longer chord is no longer a local slope.
    reach = np.minimum(1.0 / np.cos(lat), columns / 8.0)
    whole = np.floor(reach).astype(np.int64)
    part = (reach - whole).astype(np.float32)[:, None]
    column = np.arange(columns)

    def shifted(sign: int) -> Floats:
        near = np.take_along_axis(height_m, (column + sign * whole[:, None]) % columns, axis=1)
        far = np.take_along_axis(height_m, (column + sign * (whole[:, None] + 1)) % columns, axis=1)
        return np.asarray(near + part * (far - near), np.float32)

    angle = reach * 2.0 * np.pi / columns
    east_m = 2.0 * np.sin(angle) * np.cos(lat) * MOON_RADIUS_KM * 1000.0
    # Over a pole the next row is the same one, half a turn further.
    top, bottom = np.roll(height_m[:1], columns // 2, axis=1), np.roll(height_m[-1:], columns // 2, axis=1)
    padded = np.concatenate([top, height_m, bottom])
    out = np.empty((rows, columns, 2), np.float32)
    out[..., 0] = (shifted(1) - shifted(-1)) / east_m[:, None]
    out[..., 1] = (padded[:-2] - padded[2:]) / (2.0 * step_m)
    return out


@lru_cache(maxsize=1)
def load_moon_maps() -> MoonMaps:
    """The packaged maps of the Moon, read once per process."""
    table = moon_iof(np.repeat(np.arange(256)[:, None], 3, axis=1)).T
    albedo = Pyramid("moon_albedo", _read_codes("moon_albedo.jpg"), table)
    relief = _read_codes("moon_relief.png").astype(np.float32) - np.float32(RELIEF_OFFSET_M)
    return MoonMaps(albedo, Pyramid("moon_relief", relief), Pyramid("moon_slopes", _slopes(relief)))


def _thickness(opacity: NDArray[Any]) -> NDArray[Any]:
    """Optical thickness whose transmission leaves an opacity; a wholly opaque cell counts as 0.999."""
    return np.asarray(-np.log1p(-np.minimum(opacity, 0.999)))


def _effective_cover(thickness: NDArray[Any], gain: float) -> NDArray[Any]:
    """Reflectance, relative to an infinitely thick cloud, of a layer that does not absorb (two-stream form)."""
    scaled = thickness * gain
    return np.asarray(scaled / (1.0 + scaled))


def _area_shares(classes: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Share of the sphere that each class 0..count-1 of an equirectangular map (h, w) takes."""
    height, width = classes.shape
    area = np.cos((0.5 - (np.arange(height) + 0.5) / height) * np.pi)
    share = np.zeros(count)
    for row, weight in zip(classes, area / (area.sum() * width), strict=True):
        share += weight * np.bincount(row, minlength=count)
    return share


def _solve_gain(opacity: NDArray[np.float64], share: NDArray[np.float64], cover: float) -> float:
    """Bisect for the gain at which classes of opacity with these shares have the mean effective cover ``cover``."""
    thickness = _thickness(opacity)
    low, high = 0.0, _GAIN_LIMIT
    most = float(share @ _effective_cover(thickness, high))
    if not 0.0 < cover < most:
        raise InputError(f"cloud cover {cover:g} is out of this map's reach: choose a value between 0 and {most:.3f}")
    for _ in range(60):
        middle = 0.5 * (low + high)
        if float(share @ _effective_cover(thickness, middle)) < cover:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def cloud_gain(opacity: NDArray[Any], cover: float) -> float:
    """Factor on the clouds' optical thickness that gives an opacity map (h, w) the area mean ``cover``.

    Opacity o has the thickness t = -ln(1 - o) and becomes the effective cover g t / (1 + g t), which rises with o
    everywhere and keeps thick cloud apart from thin. InputError if the map is too clear, or ``cover`` not positive.
    """
    # The mean needs the distribution only: 4096 classes, finer where the opacity is small.
    classes = np.rint(np.sqrt(np.clip(opacity, 0.0, 1.0)) * 4095.0).astype(np.int64)
    return _solve_gain((np.arange(4096) / 4095.0) ** 2, _area_shares(classes, 4096), cover)


def load_cloud_map(path: str | Path, cover: float | None = None) -> Floats:
    """Effective cloud cover (h, w), 0..1, from the user's equirectangular PNG or TIFF.

    North is up and the first column starts at -180 degrees of east longitude.

    A picture with transparency gives its opacity, any other its grey value, full scale meaning 1. With ``cover`` the
    optical depth is scaled to that area mean (see `cloud_gain`); without it the values are used as they are.
    InputError names a file that cannot be read, is not twice as wide as high, or has values that are not finite.
    """
    from PIL import Image

    path = Path(path)
    try:
        with Image.open(path) as picture:
            if "A" in picture.getbands() or "transparency" in picture.info:
                raw = np.asarray(picture.convert("RGBA").getchannel("A"))
            elif picture.mode in ("I;16", "I;16B", "I", "F"):
                raw = np.asarray(picture)
            else:
                raw = np.asarray(picture.convert("L"))
            sixteen_bit = picture.mode.startswith("I")
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot read this cloud map ({error}); give a PNG or TIFF") from None
    height, width = raw.shape
    if width != 2 * height:
        raise InputError(f"{path}: a cloud map must be twice as wide as high, this one is {width} x {height} pixels")
    values = raw.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: the cloud map has values that are not finite; replace them by 0")
    if raw.dtype.kind != "f":
        values /= np.float32(65535.0 if sixteen_bit else 255.0)
    low, high = float(values.min()), float(values.max())
    if low < 0.0 or high > 1.0:
        raise InputError(f"{path}: the cloud map's values must lie between 0 and 1, found {low:g} to {high:g}")
    if cover is None:
        return values
    return np.asarray(_effective_cover(_thickness(values), cloud_gain(values, cover)), np.float32)


@lru_cache(maxsize=1)
def _earth_surface() -> tuple[Pyramid, Pyramid]:
    """Land and water, which no option changes."""
    code = np.arange(256) / 255.0
    land = Pyramid("earth_land", _read_codes("earth_land.jpg"), np.stack([np.minimum(code**2, LAND_LIMIT)] * 3))
    return land, Pyramid("earth_water", _read_codes("earth_water.png"), code[None])


@lru_cache(maxsize=2)
def _packaged_clouds(cover: float) -> Pyramid:
    """The packaged clouds with their optical depth scaled to an area mean."""
    codes = _read_codes("earth_clouds.jpg")
    opacity = (np.arange(256) / 255.0) ** 2
    gain = _solve_gain(opacity, _area_shares(codes, 256), cover)
    return Pyramid("earth_clouds", codes, _effective_cover(_thickness(opacity), gain)[None])


def load_earth_maps(cloud_cover: float = CLOUD_COVER, clouds: Floats | None = None) -> EarthMaps:
    """The packaged maps of the Earth, read once per process.

    ``cloud_cover`` is the area mean of the effective cover that the packaged clouds are scaled to; ``clouds`` (h, w),
    0..1, replaces them and is used as it is (see `load_cloud_map`). InputError if the cover is out of reach.
    """
    land, water = _earth_surface()
    layer = _packaged_clouds(cloud_cover) if clouds is None else Pyramid("clouds", clouds)
    return EarthMaps(land, water, layer)
