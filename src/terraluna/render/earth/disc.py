"""The Earth as one point: disc means, phase curve and spherical albedo of a material, by drawing it from afar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from terraluna.camera.kernels import PINHOLE, SIZE
from terraluna.ephemeris.constants import AU_KM
from terraluna.photometry.discs import unit_vector
from terraluna.render.layers import build_layer
from terraluna.render.scene_arrays import RenderBody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from terraluna.render.materials import Material

RADII_KM = (6378.1366, 6378.1366, 6356.7519)
FAR_KM = 4.0e6


@dataclass(frozen=True)
class PhaseCurve:
    """Global photometry of a body.

    Attributes:
        phase_deg: (n,) phase angles.
        reflectance: (n, bands) disc mean of I/F, averaged over views.
        geometric_albedo: (bands,) at the smallest angle, 0 if it is among them.
        spherical_albedo: (bands,) 2 times the integral of reflectance sin(phase).
        phase_integral: (bands,) their ratio.
    """

    phase_deg: NDArray[np.float64]
    reflectance: NDArray[np.float64]
    geometric_albedo: NDArray[np.float64]
    spherical_albedo: NDArray[np.float64]
    phase_integral: NDArray[np.float64]


def distant_body(
    material: Material, observer: tuple[float, float], sun: tuple[float, float], range_km: float = FAR_KM
) -> RenderBody:
    """Return the Earth seen from above one place and lit from above another.

    Args:
        material: its surface.
        observer: planetocentric latitude and east longitude of the sub-observer point, degrees.
        sun: of the subsolar point.
        range_km: observer to centre.
    """
    toward = unit_vector(*map(math.radians, observer))
    pole = np.array([0.0, 0.0, 1.0])
    right = np.cross(pole, toward)
    right /= np.linalg.norm(right)
    rows = np.stack([right, -np.cross(toward, right), -toward])
    return RenderBody(
        name="earth",
        center_km=np.array([0.0, 0.0, range_km]),
        radii_km=np.array(RADII_KM),
        body_from_camera=rows.T,
        sun_direction=rows @ unit_vector(*map(math.radians, sun)),
        sun_range_km=AU_KM,
        material=material,
    )


def disc_mean(body: RenderBody, bands_nm: Sequence[float], radius_px: float = 120.0) -> NDArray[np.float64]:
    """Return the disc mean of I/F of a body, (bands,): all its light over the area of the ellipsoid's disc.

    Args:
        body: as from `distant_body`.
        bands_nm: effective wavelengths.
        radius_px: sampling.
    """
    params = np.zeros(SIZE)
    params[0] = PINHOLE
    params[1] = params[2] = radius_px * body.range_km / float(body.radii_km[0])
    size = 2 * int(1.05 * radius_px) + 3
    params[3] = params[4] = 0.5 * (size - 1)
    layer = build_layer(params, body, (0, 0, size, size))
    assert layer is not None
    light = body.material.shade(layer, body, np.asarray(bands_nm, dtype=np.float64)).radiance
    mean: NDArray[np.float64] = light.sum(axis=(0, 1)) / layer.coverage.sum()
    return mean


def phase_curve(
    material: Material,
    bands_nm: Sequence[float],
    phases_deg: Sequence[float],
    longitudes_deg: Sequence[float] = (0.0, 90.0, 180.0, 270.0),
    radius_px: float = 60.0,
) -> PhaseCurve:
    """Return the phase curve averaged over views from the equator, the Sun east and west in turn.

    Args:
        material: the Earth's surface.
        bands_nm: effective wavelengths.
        phases_deg: rising, from 0 to 180 for the albedos.
        longitudes_deg: of the sub-observer point.
        radius_px: sampling.
    """
    phases = np.asarray(phases_deg, dtype=np.float64)
    out = np.zeros((phases.size, len(bands_nm)))
    for k, phase in enumerate(phases):
        for n, lon in enumerate(longitudes_deg):
            side = phase if n % 2 == 0 else -phase
            out[k] += disc_mean(distant_body(material, (0.0, lon), (0.0, lon + side)), bands_nm, radius_px)
    out /= len(longitudes_deg)
    fine = np.linspace(0.0, 180.0, 721)
    values = np.stack([np.interp(fine, phases, out[:, b]) for b in range(out.shape[1])], axis=1)
    angle = np.radians(fine)
    weighted = values * np.sin(angle)[:, None]
    spherical: NDArray[np.float64] = np.asarray(2.0 * np.trapezoid(weighted, angle, axis=0), dtype=np.float64)
    return PhaseCurve(phases, out, out[0], spherical, np.asarray(spherical / out[0]))
