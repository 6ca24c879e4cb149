"""Where the Earth stands in the lunar sky and how bright it is: what the night side is lit with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from terraluna.errors import InputError
from terraluna.photometry.band import Band
from terraluna.photometry.earthshine import earthshine_band_ratio, earthshine_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.scene_arrays import RenderBody
    from terraluna.scene import Scene


@dataclass(frozen=True, eq=False)
class EarthLight:
    """The Earth as a lamp.

    Attributes:
        direction_body: (3,) unit vector from the Moon's centre to the Earth's, Moon-fixed.
        phase_rad: Sun-Earth-Moon angle; 0 is a full Earth in the lunar sky.
        range_km: between the centres.
    """

    direction_body: NDArray[np.float64]
    phase_rad: float
    range_km: float

    def __post_init__(self) -> None:
        direction = np.array(self.direction_body, dtype=np.float64)
        if direction.shape != (3,) or not abs(float(np.linalg.norm(direction)) - 1.0) < 1e-6:
            raise InputError("earthshine: direction_body must be a unit vector of three numbers")
        if not (0.0 <= self.phase_rad <= math.pi and self.range_km > 0.0):
            raise InputError(
                f"earthshine: phase_rad must lie in 0..pi and range_km above 0 (got {self.phase_rad}, {self.range_km})"
            )
        direction.setflags(write=False)
        object.__setattr__(self, "direction_body", direction)

    @classmethod
    def from_bodies(cls, moon: RenderBody, earth: RenderBody) -> EarthLight:
        """Return the light that one rendered body throws on another."""
        return _between(
            moon.center_km, earth.center_km, earth.sun_direction, np.ascontiguousarray(moon.body_from_camera)
        )

    @classmethod
    def from_scene(cls, scene: Scene) -> EarthLight:
        """Return the light of a scene's Earth on its Moon.

        The apparent places differ from those seen from the Moon by the light time between the two: 1.3 s, 1e-5 rad.
        """
        earth, moon = scene.earth, scene.moon
        return _between(moon.center_j2000_km, earth.center_j2000_km, earth.sun_direction_j2000, moon.rotation)

    def ratio(self, band: float | Band) -> float:
        """Return the Earth's irradiance at the Moon over the Sun's, at a wavelength (nm) or in a band."""
        if isinstance(band, Band):
            return earthshine_band_ratio(band, self.phase_rad, self.range_km)
        return earthshine_ratio(float(band), self.phase_rad, self.range_km)


def _between(
    moon: NDArray[np.float64], earth: NDArray[np.float64], sun: NDArray[np.float64], body_from: NDArray[np.float64]
) -> EarthLight:
    offset = earth - moon
    distance = float(np.linalg.norm(offset))
    direction = offset / distance
    cosine = float(np.clip(-direction @ sun, -1.0, 1.0))
    body = body_from @ direction
    return EarthLight(body / np.linalg.norm(body), math.acos(cosine), distance)
