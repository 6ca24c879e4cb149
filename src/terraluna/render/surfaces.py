"""The surfaces of Earth and Moon that a mission or scene file asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraluna.missions.model import SurfaceSpec
    from terraluna.render.materials import Material


def surface_materials(spec: SurfaceSpec | None = None, folder: Path = Path()) -> dict[str, Material]:
    """Materials by body name.

    Args:
        spec: clouds, wind, relief; the packaged day if None.
        folder: where a relative file name in ``spec`` starts.

    Raises:
        InputError: a cloud map that cannot be read or has the wrong shape.
    """
    from terraluna.render.maps import CLOUD_COVER, load_cloud_map, load_earth_maps, load_moon_maps
    from terraluna.render.materials_earth import EarthMaterial
    from terraluna.render.materials_moon import MoonMaterial

    cover = CLOUD_COVER if spec is None or spec.cloud_cover is None else spec.cloud_cover
    own = None if spec is None or spec.clouds is None else load_cloud_map(folder / spec.clouds, cover=spec.cloud_cover)
    return {
        "earth": EarthMaterial(load_earth_maps(cloud_cover=cover, clouds=own)),
        "moon": MoonMaterial(load_moon_maps(), relief=1.0 if spec is None else spec.moon_relief),
    }
