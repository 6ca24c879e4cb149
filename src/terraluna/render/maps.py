"""Surface maps of the Moon and the Earth, ready for the renderer's kernels.

Every map is equirectangular: row 0 is at the north pole, column 0 starts at -180 degrees of east longitude, and the
first cell's centre lies half a cell inside both. Latitudes are planetocentric on the Moon's sphere and geodetic on the
Earth. Each map comes as a pyramid of halved copies, so that a small disc can be sampled without aliasing.

The packaged files, their sources and their value codes are described in ``data/maps/SOURCES.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terraluna.render.cloud_map import area_shares, effective_cover, solve_gain, thickness_of
from terraluna.render.pyramid import Floats, Pyramid

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


def moon_iof(value_rgb: NDArray[Any]) -> NDArray[np.float64]:
    """I/F of the Moon at incidence 60, emission 0 and phase 60 degrees, from the albedo map's values 0..255.

    The last axis holds R, G, B (643, 532, 472 nm).
    I/F = ((0.16 + 0.24 v / 255) / (0.935, 1.005, 1.04))^2.8: the inverse of the display
    code of NASA's CGI Moon Kit (Scientific Visualization Studio 4720).
    """
    code = 0.16 + 0.24 * np.asarray(value_rgb, np.float64) / 255.0
    return np.asarray((code / np.array(MOON_COLOUR)) ** 2.8, np.float64)


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
    gain = solve_gain(opacity, area_shares(codes, 256), cover)
    return Pyramid("earth_clouds", codes, effective_cover(thickness_of(opacity), gain)[None])


def load_earth_maps(cloud_cover: float = CLOUD_COVER, clouds: Floats | None = None) -> EarthMaps:
    """The packaged maps of the Earth, read once per process.

    ``cloud_cover`` is the area mean of the effective cover that the packaged clouds are scaled to; ``clouds`` (h, w),
    0..1, replaces them and is used as it is (see `load_cloud_map`). InputError if the cover is out of reach.
    """
    land, water = _earth_surface()
    layer = _packaged_clouds(cloud_cover) if clouds is None else Pyramid("clouds", clouds)
    return EarthMaps(land, water, layer)
