"""The radiometric Earth as a material of the renderer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from terraluna.render.earth.columns import EarthOptics, whiteness
from terraluna.render.earth.land import land_bands
from terraluna.render.earth.lut import FrameTables, frame_tables, phase_nodes
from terraluna.render.earth.ocean import slope_variance
from terraluna.render.earth.shade import shade_earth
from terraluna.render.earth.tables import check_bands
from terraluna.render.materials import Shaded, sun_or_dummy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.maps import EarthMaps
    from terraluna.render.pyramid import Pyramid
    from terraluna.render.scene_arrays import BodyLayer, RenderBody


@lru_cache(maxsize=2)
def white_clouds(clouds: Pyramid, cloud_depth: float) -> Pyramid:
    """Return a map of cover as a map of whiteness; the last two are kept."""
    return clouds.mapped("cloud_whiteness", lambda cover: np.asarray(whiteness(cover, cloud_depth), np.float32))


@lru_cache(maxsize=8)
def fixed_level(values: Pyramid, index: int) -> NDArray[np.uint16]:
    """Return a level of a map of shares as the kernel reads it; the last few are kept."""
    return values.fixed(index)


@dataclass(frozen=True, eq=False)
class RadiometricEarth:
    """Land, sea, clouds, air and limb from radiative transfer: any band from 300 to 1100 nm.

    Each sample is a column of air, cloud and ground. Columns are solved per band by adding and doubling and kept in
    memory; a frame interpolates them in incidence, emission, phase and cover. Light scattered once in clear air is
    integrated in spherical shells, which gives the twilight and the limb.

    Attributes:
        maps: the Earth's maps.
        optics: air, clouds and sea.
        shell_km: height up to which the limb is drawn.
    """

    maps: EarthMaps
    optics: EarthOptics = field(default_factory=EarthOptics)
    shell_km: float = 80.0

    @cached_property
    def clouds(self) -> Pyramid:
        """The cloud map as `columns.whiteness`, which is what may be averaged."""
        return white_clouds(self.maps.clouds, self.optics.cloud_depth)

    @cached_property
    def mean_white(self) -> float:
        """Mean of `clouds` over the Earth."""
        white = self.clouds.level(self.clouds.count - 1)
        weight = np.cos((0.5 - (np.arange(white.shape[0]) + 0.5) / white.shape[0]) * math.pi)
        return float(np.average(white.mean(axis=1), weights=weight))

    def tables(self, body: RenderBody, bands_nm: NDArray[np.float64]) -> FrameTables:
        """Return the tables for a body as it is seen (for the kernel, and to look into the model)."""
        bands = check_bands(bands_nm)
        toward = -body.center_km / body.range_km
        cosine = float(np.clip(toward @ body.sun_direction, -1.0, 1.0))
        spread = math.asin(min(1.0, (float(body.radii_km.max()) + self.shell_km) / body.range_km))
        return frame_tables(self.optics, bands, phase_nodes(math.acos(cosine), spread), self.mean_white)

    def shade(self, layer: BodyLayer, body: RenderBody, bands_nm: NDArray[np.float64]) -> Shaded:
        """Return the light of a layer (see `terraluna.render.materials.Material`).

        Raises:
            InputError: a band outside 300-1100 nm.
        """
        frame = self.tables(body, bands_nm)
        samples = layer.radius_px * layer.oversample
        radiance = np.empty((*layer.coverage.shape, len(bands_nm)))
        opacity = np.empty(layer.coverage.shape)
        levels = [p.mip_index(p.texels_per_pixel(samples)) for p in (self.maps.land, self.maps.water, self.clouds)]
        land = land_bands(self.maps.land, levels[0], tuple(float(nm) for nm in bands_nm))
        water, clouds = fixed_level(self.maps.water, levels[1]), fixed_level(self.clouds, levels[2])
        shade_earth(
            *layer.samples,
            layer.height_km,
            sun_or_dummy(layer),
            land.ravel(),
            land.shape[:2],
            water.ravel(),
            water.shape,
            clouds.ravel(),
            clouds.shape,
            frame.phases_rad,
            frame.land.ravel(),
            frame.sea.ravel(),
            frame.arriving.ravel(),
            frame.leaving.ravel(),
            frame.back.ravel(),
            frame.beam.ravel(),
            frame.gaze.ravel(),
            frame.limb.ravel(),
            frame.limb_opacity,
            tuple(frame.index.tolist()),
            slope_variance(self.optics.wind_m_s),
            layer.pixel_km,
            radiance,
            opacity,
        )
        return Shaded(radiance, opacity[..., None])
