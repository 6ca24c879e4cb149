"""One frame: geometry, shadows, shading, compositing, optics, in that order."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from terraluna.errors import InputError
from terraluna.render.composite import TruthLayers, compose, depth_order, truth_layers
from terraluna.render.layers import build_layer
from terraluna.render.materials import RGB_NM, Shaded
from terraluna.render.psf import (
    deposit_layer,
    discrete_gaussian,
    reach_px,
    spread_core,
    spread_kernel,
    wings_of,
)
from terraluna.render.shadows import NECKEL_LABS_1994, sun_rings, with_shadows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from terraluna.render.psf import PsfModel
    from terraluna.render.scene_arrays import BodyLayer, CameraModel, RenderBody

SMALL_RADIUS_PX = 8.0
"""Bodies with a smaller disc are deposited through the PSF sample by sample where the sky around them is empty."""


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """A rendered frame.

    Attributes:
        image: (H, W, bands) radiance factor I/F = pi L / E_sun, E_sun at each body's own distance from the Sun (or at
            ``reference_sun_range_km`` if that was given).
        bands_nm: (bands,) effective wavelengths.
        layers: truth layers, if asked for.
        metadata: per body the pixel box, disc radius and oversampling; time of each stage in ms.
    """

    image: NDArray[np.float64]
    bands_nm: NDArray[np.float64]
    layers: TruthLayers | None
    metadata: dict[str, Any] = field(default_factory=dict)


def darkened_sun(bands_nm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rings of a limb-darkened Sun, one set of weights a band (Neckel & Labs 1994, linear in wavelength)."""
    known = np.array(sorted(NECKEL_LABS_1994))
    table = np.array([NECKEL_LABS_1994[nm] for nm in known])
    return sun_rings(np.stack([np.interp(bands_nm, known, table[:, k]) for k in range(table.shape[1])], axis=1))


def _spread(
    canvas: NDArray[np.float64],
    pad: int,
    psf: PsfModel,
    parts: Sequence[tuple[BodyLayer, Shaded, float, bool]],
) -> NDArray[np.float64]:
    """Return the picture inside the canvas's rim of ``pad`` px, all bodies on it, far to near, after the optics."""
    origin = (-pad, -pad)
    measured, wings = psf.measured is not None, psf.wing_fraction > 0.0
    small = [part for part in parts if part[3]]
    boxes = []
    for layer, shaded, gain, point in parts:
        if not point:
            compose(canvas, origin, layer, shaded, gain)
            top, left = layer.row - origin[0], layer.column - origin[1]
            boxes.append((top, left, top + layer.rows, left + layer.columns))
        elif measured:
            deposit_layer(canvas, origin, layer, shaded, gain, None)
    if measured:
        size = reach_px(psf) * 2 + 1
        return spread_kernel(canvas, psf.kernel(size), pad)
    core = 1.0 - psf.wing_fraction
    out = spread_core(canvas, discrete_gaussian(psf.sigma_px), boxes, pad)
    if wings:
        for layer, shaded, gain, _ in small:
            deposit_layer(canvas, origin, layer, shaded, gain, None)
        out = core * out + psf.wing_fraction * spread_kernel(canvas, wings_of(psf), pad)
    for layer, shaded, gain, _ in small:
        deposit_layer(out, (0, 0), layer, shaded, gain * core, max(psf.sigma_px, 1e-3))
    return out


def render_frame(
    camera: CameraModel,
    bodies: Sequence[RenderBody],
    *,
    bands_nm: Sequence[float] = RGB_NM,
    psf: PsfModel | None = None,
    layers: bool = False,
    shadows: bool = True,
    sun: Literal["uniform", "darkened"] = "darkened",
    oversample: int = 1,
    reference_sun_range_km: float | None = None,
) -> RenderedFrame:
    """Render one frame of any number of bodies.

    The same result, bit for bit, comes from any number of threads.

    Args:
        camera: width, height and the parameter vector of its projection.
        bodies: the bodies, in any order; each brings its material.
        bands_nm: effective wavelengths of the bands.
        psf: the optics; None leaves pixel means.
        layers: also return the truth layers (without PSF).
        shadows: draw the shadows that the bodies cast on each other.
        sun: brightness of the solar disc in the penumbra.
        oversample: least samples a pixel along each axis; small discs and crescents get more by themselves.
        reference_sun_range_km: distance from the Sun for which I/F is stated; None: each body's own.

    Raises:
        InputError: no band, an oversampling below 1, or two bodies of the same name.
    """
    wavelengths = np.asarray(bands_nm, dtype=np.float64)
    if wavelengths.ndim != 1 or wavelengths.size == 0:
        raise InputError("render_frame: bands_nm must hold at least one wavelength")
    if oversample < 1:
        raise InputError(f"render_frame: oversample must be at least 1 (got {oversample})")
    if len({b.name for b in bodies}) != len(bodies):
        raise InputError("render_frame: two bodies have the same name")
    clock = time.perf_counter
    times = {"geometry": 0.0, "shadows": 0.0, "shading": 0.0, "compositing": 0.0, "layers": 0.0}
    params = camera.kernel_parameters()
    pad = reach_px(psf)
    canvas_box = (-pad, -pad, camera.height + 2 * pad, camera.width + 2 * pad)
    rings = darkened_sun(wavelengths) if sun == "darkened" else None

    found: list[BodyLayer | None] = []
    lights: list[Shaded | None] = []
    for body in bodies:
        start = clock()
        layer = build_layer(params, body, canvas_box, oversample)
        times["geometry"] += clock() - start
        start = clock()
        if layer is not None and shadows:
            layer = with_shadows(layer, body, bodies, rings)
        times["shadows"] += clock() - start
        start = clock()
        lights.append(None if layer is None else body.material.shade(layer, body, wavelengths))
        times["shading"] += clock() - start
        found.append(layer)

    start = clock()
    parts = []
    for k in reversed(depth_order(bodies)):
        layer, light = found[k], lights[k]
        if layer is None or light is None:
            continue
        alone = not any(other is not None and other is not layer and layer.overlaps(other) for other in found)
        point = psf is not None and alone and layer.radius_px < SMALL_RADIUS_PX
        gain = 1.0 if reference_sun_range_km is None else (reference_sun_range_km / bodies[k].sun_range_km) ** 2
        parts.append((layer, light, gain, point))
    canvas = np.zeros((canvas_box[2], canvas_box[3], wavelengths.size))
    if psf is None:
        for layer, light, gain, _ in parts:
            compose(canvas, (0, 0), layer, light, gain)
        image = canvas
    else:
        image = _spread(canvas, pad, psf, parts)
    times["compositing"] = clock() - start

    start = clock()
    truth = truth_layers((camera.height, camera.width), bodies, found) if layers else None
    times["layers"] = clock() - start
    boxes = {
        body.name: {
            "box": [layer.row, layer.column, layer.rows, layer.columns],
            "radius_px": layer.radius_px,
            "oversample": layer.oversample,
            "shadowed": layer.sun is not None,
        }
        for body, layer in zip(bodies, found, strict=True)
        if layer is not None
    }
    metadata = {
        "bodies": boxes,
        "near_to_far": [bodies[k].name for k in depth_order(bodies)],
        "stages_ms": {name: 1e3 * seconds for name, seconds in times.items()},
    }
    return RenderedFrame(image, wavelengths, truth, metadata)


def render_truth(
    camera: CameraModel,
    bodies: Sequence[RenderBody],
    *,
    bands_nm: Sequence[float] = RGB_NM,
    psf: PsfModel | None = None,
    shadows: bool = True,
    oversample: int = 1,
) -> TruthLayers:
    """Return the truth layers that `render_frame` gives for the same arguments, without shading anything."""
    params = camera.kernel_parameters()
    pad = reach_px(psf)
    canvas_box = (-pad, -pad, camera.height + 2 * pad, camera.width + 2 * pad)
    rings = darkened_sun(np.asarray(bands_nm, dtype=np.float64))
    found = [build_layer(params, body, canvas_box, oversample) for body in bodies]
    if shadows:
        found = [
            None if layer is None else with_shadows(layer, body, bodies, rings)
            for layer, body in zip(found, bodies, strict=True)
        ]
    return truth_layers((camera.height, camera.width), bodies, found)
