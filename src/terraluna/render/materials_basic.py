"""Uniform Lambert and Lommel-Seeliger surfaces: reference spheres for tests, calibration and synthetic pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numba import njit, prange

from terraluna.render.compiling import FAST
from terraluna.render.materials import Shaded, sun_or_dummy
from terraluna.render.scene_arrays import as_bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.scene_arrays import BodyLayer, RenderBody


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def shade_uniform(coverage, mu0, mu, sun, albedo, lunar, radiance):  # type: ignore[no-untyped-def]
    """Write coverage x albedo x (mu0, or 2 mu0 / (mu0 + mu) for ``lunar``) x visible Sun; rows in parallel."""
    rows, columns = coverage.shape
    bands = albedo.size
    shadowed = sun.size > 0
    for i in prange(rows):
        for j in range(columns):
            value = 0.0
            if coverage[i, j] > 0.0 and mu0[i, j] > 0.0:
                value = mu0[i, j]
                if lunar:
                    value = 2.0 * value / (value + mu[i, j])
                value *= coverage[i, j]
            for b in range(bands):
                light = sun[i, j, b if sun.shape[2] > 1 else 0] if shadowed else 1.0
                radiance[i, j, b] = value * albedo[b] * light


@dataclass(frozen=True, eq=False)
class UniformMaterial:
    """A featureless surface.

    Attributes:
        albedo: I/F at normal incidence and emission, one value or one a band.
        law: "lambert" (I/F = albedo mu0) or "lommel-seeliger" (I/F = albedo 2 mu0 / (mu0 + mu)).
    """

    albedo: float | tuple[float, ...] = 1.0
    law: Literal["lambert", "lommel-seeliger"] = "lambert"

    @property
    def shell_km(self) -> float:
        """Height of the atmosphere: none."""
        return 0.0

    def shade(self, layer: BodyLayer, body: RenderBody, bands_nm: NDArray[np.float64]) -> Shaded:
        """Return the light of a layer (see `terraluna.render.materials.Material`)."""
        albedo = as_bands(self.albedo, len(bands_nm), f"albedo of '{body.name}'")
        radiance = np.empty((*layer.coverage.shape, len(bands_nm)))
        shade_uniform(
            layer.coverage, layer.mu0, layer.mu, sun_or_dummy(layer), albedo, self.law == "lommel-seeliger", radiance
        )
        return Shaded(radiance, layer.coverage[..., None])
