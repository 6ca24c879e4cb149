"""Laying the bodies over each other, far to near, and reading truth layers off the same samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

from terraluna.render.angles import arc_cosine, fast_atan2
from terraluna.render.compiling import FAST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from terraluna.render.materials import Shaded
    from terraluna.render.scene_arrays import BodyLayer, RenderBody


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def lay_over(  # type: ignore[no-untyped-def]
    canvas, top, left, row, column, rows, columns, fine_row, fine_column, oversample, radiance, opacity, gain
):
    """Put one layer over what is already on the canvas; rows in parallel, each pixel written once.

    Args:
        canvas: (H, W, bands), updated.
        top: image row of the canvas's first row.
        left: image column of its first column.
        row: (and the six after it) the layer's box, see `BodyLayer`.
        radiance: (h, w, bands) light of the layer.
        opacity: (h, w, bands) or (h, w, 1).
        gain: factor on the layer's light.
    """
    bands = canvas.shape[2]
    single = opacity.shape[2] == 1
    share = 1.0 / (oversample * oversample)
    for i in prange(rows):
        y = row + i - top
        if oversample == 1:
            p = row + i - fine_row
            for j in range(columns):
                x = column + j - left
                q = column + j - fine_column
                dark = opacity[p, q, 0]
                for b in range(bands):
                    if not single:
                        dark = opacity[p, q, b]
                    canvas[y, x, b] = canvas[y, x, b] * (1.0 - dark) + gain * radiance[p, q, b]
            continue
        light = np.empty(bands)
        block = np.empty(bands)
        for j in range(columns):
            x = column + j - left
            light[:] = 0.0
            block[:] = 0.0
            first = (row + i) * oversample - fine_row
            start = (column + j) * oversample - fine_column
            for p in range(max(0, first), min(radiance.shape[0], first + oversample)):
                for q in range(max(0, start), min(radiance.shape[1], start + oversample)):
                    for b in range(bands):
                        light[b] += radiance[p, q, b]
                        block[b] += opacity[p, q, 0 if single else b]
            for b in range(bands):
                canvas[y, x, b] = canvas[y, x, b] * (1.0 - block[b] * share) + gain * light[b] * share


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def read_truth(  # type: ignore[no-untyped-def]
    number,
    row,
    column,
    rows,
    columns,
    fine_row,
    fine_column,
    oversample,
    coverage,
    lat,
    lon,
    mu0,
    mu,
    cos_phase,
    sun,
    radii,
    observer,
    clear,
    best,
    body_id,
    mask,
    out_lat,
    out_lon,
    incidence,
    emission,
    phase,
    range_km,
    visible_sun,
):
    """Add one layer to the truth arrays, bodies near to far; rows in parallel, each pixel written once.

    Args:
        number: index of the body.
        row: (and the twelve after it) the layer, see `BodyLayer`; ``sun`` may be empty.
        radii: (3,) km.
        observer: (3,) body centre to observer, body-fixed, km.
        clear: (H, W) part of the pixel that nearer bodies leave free, updated.
        best: (H, W) largest visible part so far, updated.
        body_id: (H, W), updated; likewise the arrays after it; ``mask`` is this body's visible part.
    """
    share = 1.0 / (oversample * oversample)
    ratio = (radii[2] / radii[0]) ** 2
    for i in prange(rows):
        y = row + i
        if y < 0 or y >= clear.shape[0]:
            continue
        for j in range(columns):
            x = column + j
            if x < 0 or x >= clear.shape[1]:
                continue
            first = (row + i) * oversample - fine_row
            start = (column + j) * oversample - fine_column
            middle = 0.5 * (oversample - 1)
            total = 0.0
            nearest = 1.0e300
            p = -1
            q = -1
            for s in range(max(0, first), min(coverage.shape[0], first + oversample)):
                for t in range(max(0, start), min(coverage.shape[1], start + oversample)):
                    if coverage[s, t] <= 0.0:
                        continue
                    total += coverage[s, t]
                    away = (s - first - middle) ** 2 + (t - start - middle) ** 2
                    if away < nearest:
                        nearest = away
                        p = s
                        q = t
            total *= share
            seen = clear[y, x] * total
            clear[y, x] *= 1.0 - total
            mask[y, x] = seen
            if p < 0 or seen <= best[y, x]:
                continue
            best[y, x] = seen
            body_id[y, x] = number
            sin_lat = math.sin(lat[p, q])
            cos_lat = math.cos(lat[p, q])
            normal = radii[0] / math.sqrt(cos_lat * cos_lat + ratio * sin_lat * sin_lat)
            away_x = observer[0] - normal * cos_lat * math.cos(lon[p, q])
            away_y = observer[1] - normal * cos_lat * math.sin(lon[p, q])
            away_z = observer[2] - normal * ratio * sin_lat
            out_lat[y, x] = fast_atan2(ratio * sin_lat, cos_lat)
            out_lon[y, x] = lon[p, q]
            incidence[y, x] = arc_cosine(mu0[p, q])
            emission[y, x] = arc_cosine(mu[p, q])
            phase[y, x] = arc_cosine(cos_phase[p, q])
            range_km[y, x] = math.sqrt(away_x * away_x + away_y * away_y + away_z * away_z)
            visible_sun[y, x] = sun[p, q, 0] if sun.size > 0 else 1.0


@dataclass(frozen=True, eq=False)
class TruthLayers:
    """What each pixel shows; NaN in the sky. All (H, W) unless said otherwise.

    Attributes:
        names: names of the bodies; ``body_id`` indexes them.
        body_id: index of the body that fills most of the pixel, -1 for sky.
        coverage: part of the pixel that any body fills.
        masks: (bodies, H, W) part of the pixel in which each body is seen.
        lat_rad: planetocentric latitude.
        lon_rad: longitude, east positive, -pi..pi.
        incidence_rad: angle between the normal and the Sun.
        emission_rad: angle between the normal and the observer.
        phase_rad: angle Sun - point - observer.
        range_km: observer to the point.
        sun_visible: part of the solar disc that the other bodies leave visible (first band).
    """

    names: tuple[str, ...]
    body_id: NDArray[np.int16]
    coverage: NDArray[np.float64]
    masks: NDArray[np.float64]
    lat_rad: NDArray[np.float64]
    lon_rad: NDArray[np.float64]
    incidence_rad: NDArray[np.float64]
    emission_rad: NDArray[np.float64]
    phase_rad: NDArray[np.float64]
    range_km: NDArray[np.float64]
    sun_visible: NDArray[np.float64]

    def mask(self, name: str) -> NDArray[np.float64]:
        """Return the visible part of one body; zeros if no body has that name."""
        if name not in self.names:
            return np.zeros_like(self.coverage)
        found: NDArray[np.float64] = self.masks[self.names.index(name)]
        return found


def depth_order(bodies: Sequence[RenderBody]) -> list[int]:
    """Return the indices of the bodies from near to far.

    The squared length of the tangent, |c|^2 - R^2, orders spheres that do not touch along every common ray, also where
    the centre of a large near body lies farther away than that of a small one before it.
    """
    tangent = [float(b.center_km @ b.center_km) - float(b.radii_km.mean()) ** 2 for b in bodies]
    return sorted(range(len(bodies)), key=lambda k: tangent[k])


def compose(
    canvas: NDArray[np.float64], origin: tuple[int, int], layer: BodyLayer, shaded: Shaded, gain: float = 1.0
) -> None:
    """Put one layer over the canvas (H, W, bands) whose first pixel is the image pixel ``origin``."""
    lay_over(
        canvas,
        origin[0],
        origin[1],
        *layer.box,
        shaded.radiance,
        shaded.opacity,
        gain,
    )


def truth_layers(
    shape: tuple[int, int], bodies: Sequence[RenderBody], layers: Sequence[BodyLayer | None]
) -> TruthLayers:
    """Return the truth layers of a frame of ``shape`` pixels."""
    clear, best = np.ones(shape), np.zeros(shape)
    body_id = np.full(shape, -1, dtype=np.int16)
    masks = np.zeros((len(bodies), *shape))
    values = [np.full(shape, np.nan) for _ in range(7)]
    for k in depth_order(bodies):
        layer, body = layers[k], bodies[k]
        if layer is None:
            continue
        read_truth(
            k,
            *layer.box,
            *layer.samples,
            np.empty((0, 0, 0)) if layer.sun is None else layer.sun,
            body.radii_km,
            np.ascontiguousarray(body.observer_body_km),
            clear,
            best,
            body_id,
            masks[k],
            *values,
        )
    return TruthLayers(tuple(b.name for b in bodies), body_id, 1.0 - clear, masks, *values)
