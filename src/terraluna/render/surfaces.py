"""The surfaces of Earth and Moon that a mission or scene file asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraluna.missions.model import SurfaceSpec
    from terraluna.render.maps import EarthMaps
    from terraluna.render.materials import Material

_NETCDF = (".nc", ".nc4", ".cdf")


def surface_materials(spec: SurfaceSpec | None = None, folder: Path = Path()) -> dict[str, Material]:
    """Materials by body name.

    Args:
        spec: clouds, wind, relief; the packaged day if None.
        folder: where a relative file name in ``spec`` starts.

    Raises:
        InputError: a cloud map that cannot be read or has the wrong shape.
    """
    from terraluna.render.earth import EarthOptics, RadiometricEarth
    from terraluna.render.maps import load_moon_maps
    from terraluna.render.moon import RadiometricMoon

    optics = EarthOptics()
    if spec is not None and spec.wind_m_s is not None:
        optics = replace(optics, wind_m_s=spec.wind_m_s)
    return {
        "earth": RadiometricEarth(_earth_maps(spec, folder), optics),
        "moon": RadiometricMoon(load_moon_maps(), relief=1.0 if spec is None else spec.moon_relief),
    }


def _earth_maps(spec: SurfaceSpec | None, folder: Path) -> EarthMaps:
    from terraluna.render.cloud_map import load_cloud_map
    from terraluna.render.earth import load_cloud_netcdf
    from terraluna.render.maps import CLOUD_COVER, load_earth_maps

    cover = CLOUD_COVER if spec is None or spec.cloud_cover is None else spec.cloud_cover
    if spec is None or spec.clouds is None:
        return load_earth_maps(cloud_cover=cover)
    path = folder / spec.clouds
    if path.suffix.lower() in _NETCDF:
        return load_earth_maps(clouds=load_cloud_netcdf(path))
    return load_earth_maps(clouds=load_cloud_map(path, cover=spec.cloud_cover))
