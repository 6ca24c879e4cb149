"""The radiometric Moon as a material of the renderer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from terraluna.errors import InputError
from terraluna.photometry.band import Band
from terraluna.render.maps import MOON_BANDS_NM
from terraluna.render.materials import LayerArrays, Sampling, Shaded, channel_mix, sun_or_dummy
from terraluna.render.moon.castshadow import skyline_tops_km
from terraluna.render.moon.cells import COLUMNS, ROWS, albedo_means, disc_factor, parameter_cells, surface, view_cells
from terraluna.render.moon.displace import displace_limb
from terraluna.render.moon.law import roughness_constants
from terraluna.render.moon.shade import shade_radiometric
from terraluna.render.moon.silhouette import moon_silhouette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from terraluna.render.maps import MoonMaps
    from terraluna.render.moon.earthlight import EarthLight
    from terraluna.render.scene_arrays import BodyLayer, RenderBody

VISIBLE = 0.01
"""Relief that stands out by less, in samples, is left out."""

CLOSE_RADII = 2.0
"""Below this range the phase angle turns too fast from cell to cell for one lobe a square degree."""


@dataclass(frozen=True, eq=False)
class RadiometricMoon:
    """Hapke's law with the maps of Sato et al. 2014, sharpened by the albedo map, at the level of the measured disc.

    The disc mean of the near side follows LIME 2025-10 (within 5 % from 5 to 90 degrees of phase); the far side follows
    the maps. Slopes, cast shadows and the outline come from the relief map, the terminator is as soft as the solar disc
    is wide.

    Attributes:
        maps: the Moon's maps.
        relief: factor on the heights and slopes of the relief map; 0 (a smooth sphere) to 1.
        cast_shadows: let the relief throw shadows.
        earth: the Earth that lights the night side; None for none.
        bands: responses that replace the wavelengths a frame names, one a band; None evaluates at the wavelengths.
        exact: evaluate every term at every sample, as is done close to the Moon (slower; differs by less than 1e-3).
    """

    maps: MoonMaps
    relief: float = 1.0
    cast_shadows: bool = True
    earth: EarthLight | None = None
    bands: tuple[Band, ...] | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.relief <= 1.0:
            raise InputError(f"the Moon's relief factor must lie in 0..1 (got {self.relief})")

    @property
    def shell_km(self) -> float:
        """Height of the atmosphere: none."""
        return 0.0

    @property
    def top_km(self) -> float:
        """Height of the highest ground that may show in the outline."""
        return self.relief * 1e-3 * float(self.maps.relief_m.base.max())

    def displace(self, body: RenderBody, params: NDArray[np.float64], sampling: Sampling, layer: LayerArrays) -> None:
        """Give the limb its mountains (see `terraluna.render.materials.Rugged`)."""
        radius = float(body.radii_km.mean())
        # Among the peaks the outline is no curve about the disc any more.
        among_peaks = body.range_km <= radius + self.top_km
        if among_peaks or self.top_km / radius * sampling.radius < VISIBLE:
            return
        relief = self.maps.relief_m
        x, y, z = (float(value) for value in body.observer_body_km)
        # Two directions a sample: the silhouette is linear between them.
        directions = int(4.0 * math.pi * sampling.radius)
        silhouette = moon_silhouette(relief, (x, y, z), radius, directions, self.relief)
        displace_limb(
            params,
            np.ascontiguousarray(body.scaled_from_camera),
            np.ascontiguousarray(body.scaled_center),
            radius,
            np.ascontiguousarray(body.sun_body),
            silhouette.frame,
            silhouette.heights,
            relief.mip_level(relief.texels_per_pixel(sampling.radius)),
            self.relief,
            sampling.edge,
            sampling.row,
            sampling.column,
            sampling.oversample,
            *layer,
        )

    def shade(self, layer: BodyLayer, body: RenderBody, bands_nm: NDArray[np.float64] | Sequence[float]) -> Shaded:
        """Return the light of a layer (see `terraluna.render.materials.Material`).

        Raises:
            InputError: a band outside 350-1200 nm, or another number of wavelengths than of bands.
        """
        bands = self._bands(bands_nm)
        surfaces = [surface(band) for band in bands]
        # One factor for the disc: it was fitted against the phase angle of the Moon's centre.
        toward = -body.center_km / body.range_km
        phase = _angle(toward, body.sun_direction)
        gains = np.array([disc_factor(band, phase) for band in bands])
        earth, earth_gains = np.empty(0), np.zeros(len(bands))
        if self.earth is not None:
            earth = np.ascontiguousarray(self.earth.direction_body)
            phase = _angle(body.body_from_camera @ toward, earth)
            earth_gains = np.array([disc_factor(band, phase) * self.earth.ratio(band) for band in bands])
        radius = float(body.radii_km.mean())
        sun, observer = np.ascontiguousarray(body.sun_body), np.ascontiguousarray(body.observer_body_km)
        if self.exact or body.range_km < CLOSE_RADII * radius:
            slots, table = 5, np.concatenate([parameter_cells(bands), albedo_means(self.maps.albedo)], axis=2)
        else:
            slots = 2 if self.earth is None else 3
            views = (tuple(vector.tolist()) for vector in (sun, earth, observer))
            table = view_cells(self.maps.albedo, bands, *views, radius)
        samples = layer.radius_px * layer.oversample
        albedo, slopes, relief = (
            p.mip_level(p.texels_per_pixel(samples)) for p in (self.maps.albedo, self.maps.slopes, self.maps.relief_m)
        )
        radiance = np.empty((*layer.coverage.shape, len(bands)))
        shade_radiometric(
            *layer.samples,
            sun_or_dummy(layer),
            table.reshape(ROWS * COLUMNS, -1),
            (ROWS, COLUMNS),
            slots,
            albedo.ravel(),
            albedo.shape,
            channel_mix(np.array([s.wavelength_nm for s in surfaces]), MOON_BANDS_NM),
            gains,
            slopes.ravel(),
            slopes.shape,
            relief,
            skyline_tops_km(self.maps.relief_m),
            float(self.relief),
            self.cast_shadows,
            sun,
            earth if self.earth is not None else sun,
            self.earth is not None,
            earth_gains,
            observer,
            radius,
            *roughness_constants(surfaces[0].maps.theta_rad),
            radiance,
        )
        return Shaded(radiance, layer.coverage[..., None])

    def _bands(self, bands_nm: NDArray[np.float64] | Sequence[float]) -> tuple[float | Band, ...]:
        if self.bands is None:
            return tuple(float(nm) for nm in bands_nm)
        if len(self.bands) != len(bands_nm):
            raise InputError(
                f"the Moon's material holds {len(self.bands)} bands, the frame asks for {len(bands_nm)}: give as many"
            )
        return self.bands


def _angle(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))
