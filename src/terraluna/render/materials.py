"""What a surface does with sunlight: the interface between the geometry pass and everything photometric.

A material sees one body's layer (angles, coordinates, coverage, visible Sun) and returns the radiance factor of each
sample. A better model is a new class with the same `shade`; the geometry pass does not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.scene_arrays import BodyLayer, RenderBody

RGB_NM = (680.0, 551.0, 443.0)
"""Default bands, nm: red, green and blue as DSCOVR's EPIC composes them."""


LayerArrays = tuple["NDArray[np.float64]", ...]


@dataclass(frozen=True)
class Sampling:
    """Where the samples of a layer lie.

    Attributes:
        row: first sample row, counted from the top edge of pixel row 0.
        column: first sample column, likewise.
        oversample: samples a pixel along each axis.
        radius: radius of the disc, samples.
        edge: distance from the limb, in radii of the body, within which a sample may be covered in part.
    """

    row: int
    column: int
    oversample: int
    radius: float
    edge: float


@dataclass(frozen=True, eq=False)
class Shaded:
    """The light of one layer.

    Attributes:
        radiance: (h, w, bands) radiance factor I/F = pi L / E_sun at the body's own distance from the Sun, averaged
            over the whole sample: already multiplied by coverage.
        opacity: (h, w, bands) or (h, w, 1) part of the light from behind that the sample blocks.
    """

    radiance: NDArray[np.float64]
    opacity: NDArray[np.float64]


class Material(Protocol):
    """A surface, with or without an atmosphere."""

    @property
    def shell_km(self) -> float:
        """Height above the ellipsoid up to which the body is drawn; 0 for a bare surface."""

    def shade(self, layer: BodyLayer, body: RenderBody, bands_nm: NDArray[np.float64]) -> Shaded:
        """Return the light of a layer.

        Args:
            layer: what the geometry pass found.
            body: the body it belongs to.
            bands_nm: (bands,) effective wavelengths.
        """


@runtime_checkable
class Rugged(Protocol):
    """A material whose relief shows at the limb."""

    @property
    def top_km(self) -> float:
        """Height of the highest ground that may stand out of the limb; 0 for a smooth body."""

    def displace(self, body: RenderBody, params: NDArray[np.float64], sampling: Sampling, layer: LayerArrays) -> None:
        """Rewrite the samples near the limb.

        Args:
            body: the body.
            params: the camera's parameter vector.
            sampling: where the samples lie.
            layer: coverage, latitude, longitude, cosines of incidence, emission and phase, updated.
        """


def sun_or_dummy(layer: BodyLayer) -> NDArray[np.float64]:
    """Return the visible Sun for a kernel: (h, w, n), or an empty array that stands for a free Sun."""
    return np.empty((0, 0, 0)) if layer.sun is None else layer.sun


def channel_mix(bands_nm: NDArray[np.float64], channels_nm: tuple[float, ...] = RGB_NM) -> NDArray[np.float64]:
    """Return (bands, channels) weights that interpolate a map's channels to the bands, constant outside them."""
    order = np.argsort(channels_nm)
    known = np.asarray(channels_nm)[order]
    mix = np.empty((len(bands_nm), len(channels_nm)))
    for k in range(len(channels_nm)):
        unit = np.zeros(len(channels_nm))
        unit[k] = 1.0
        mix[:, k] = np.interp(bands_nm, known, unit[order])
    return mix
