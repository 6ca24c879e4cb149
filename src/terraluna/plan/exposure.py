"""How long to expose for both bodies: the rendered frame's rates per filter, one exposure or a bracket, and smear."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from terraluna.ephemeris.constants import AU_KM
from terraluna.instrument.detector import clip_electrons
from terraluna.instrument.exposure import body_exposure, lit_masks, signal_to_noise
from terraluna.instrument.radiance import electron_rate, radiometry
from terraluna.plan.request import ExposureTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraluna.ephemeris.segments import Floats
    from terraluna.render.materials import Material
    from terraluna.scene import Scene

BINS: Final = 64


@dataclass(frozen=True)
class BodyRange:
    """Exposures that serve one body in one filter.

    Attributes:
        shortest_s: from here on its median pixel reaches the wished signal to noise.
        longest_s: up to here no more of its lit pixels clip than allowed.
        histogram: (BINS,) share of its lit pixels by rate, in bins of ``FilterExposure.edges_e_s``.
    """

    shortest_s: float
    longest_s: float
    histogram: Floats


@dataclass(frozen=True)
class FilterExposure:
    """The choice in one filter.

    Attributes:
        filter: name.
        exposures_s: one exposure that serves both bodies, or a bracket: one a body, shortest first.
        bodies: by name.
        clipped, snr: by body, with the exposure that serves it.
        edges_e_s: (BINS + 1,) electrons a second, logarithmic.
        smear_px: by the camera's residual turning, with the longest exposure.
        rate_limit_deg_s: turning that smears the longest exposure by as much as is allowed.
        refused: why no exposure serves some body within the limits; empty if one does.
    """

    filter: str
    exposures_s: tuple[float, ...]
    bodies: Mapping[str, BodyRange]
    clipped: Mapping[str, float]
    snr: Mapping[str, float]
    edges_e_s: Floats
    smear_px: float
    rate_limit_deg_s: float
    refused: str = ""


def plan_exposure(
    scene: Scene, table: ExposureTable, materials: dict[str, Material] | None = None
) -> list[FilterExposure]:
    """Exposures for a scene with camera and attitude, one entry a filter.

    Raises:
        InputError: the camera states no sensitivity, or lacks a filter that the request names.
    """
    from terraluna.render.frame import render_frame
    from terraluna.render.from_scene import render_bodies

    camera = scene.camera
    assert camera is not None
    names = table.filters or [item.name for item in camera.colour_filters().values()]
    names = names or [item.name for item in camera.filters[:1]]
    bands = [radiometry(camera, name) for name in names]
    frame = render_frame(
        camera, render_bodies(scene, materials), bands_nm=[b.effective_nm for b in bands], psf=camera.psf, layers=True,
        reference_sun_range_km=AU_KM,
    )  # fmt: skip
    assert frame.layers is not None
    masks = lit_masks(frame.layers)
    rate_px_s = math.radians(table.rate_deg_s) / camera.ifov_rad
    return [
        _choose(name, electron_rate(frame.image[..., k], bands[k]), masks, scene, table, rate_px_s)
        for k, name in enumerate(names)
    ]


def _choose(
    name: str, rates: Floats, masks: Mapping[str, np.ndarray], scene: Scene, table: ExposureTable, rate_px_s: float
) -> FilterExposure:
    detector = scene.camera.detector  # type: ignore[union-attr]
    top = max(float(rates.max()), 1e-12)
    edges = np.geomspace(1e-4 * top, 1.0001 * top, BINS + 1)
    limit = clip_electrons(detector)
    # Smear sets a longest exposure of its own.
    longest_allowed = min(table.max_s, table.max_smear_px / rate_px_s if rate_px_s > 0.0 else math.inf)
    bodies: dict[str, BodyRange] = {}
    for body, mask in masks.items():
        values = rates[mask]
        if values.size == 0 or not values.max() > 0.0:
            continue
        # The sample itself, not a value between two: the share that clips is a count.
        peak = float(np.quantile(values, 1.0 - table.max_clipped, method="higher"))
        longest = (1.0 - 1e-9) * limit / (peak + detector.dark_e_s)
        counts = np.histogram(values, edges)[0] / values.size
        bodies[body] = BodyRange(_time_for_snr(float(np.median(values)), table, detector), longest, counts)
    low = max((b.shortest_s for b in bodies.values()), default=math.inf)
    high = min((b.longest_s for b in bodies.values()), default=0.0)
    low, high = max(low, table.min_s), min(high, longest_allowed)
    refused = []
    if low <= high:
        # The longest that clips nothing gives the cleanest picture.
        chosen = dict.fromkeys(bodies, high)
    else:
        chosen = {}
        for body, item in bodies.items():
            best = min(item.longest_s, longest_allowed)
            if best < max(item.shortest_s, table.min_s):
                refused.append(
                    f"{body}: signal to noise {table.min_snr:g} needs {item.shortest_s:.3g} s, but {best:.3g} s is "
                    "the longest that keeps clipping and smear in bounds"
                )
            chosen[body] = max(best, table.min_s)
    results = {b: body_exposure(rates, t, detector, {b: masks[b]})[b] for b, t in chosen.items()}
    times = tuple(sorted(set(chosen.values())))
    longest = max(times, default=0.0)
    ifov = scene.camera.ifov_rad  # type: ignore[union-attr]
    limit_deg_s = math.degrees(table.max_smear_px * ifov / longest) if longest > 0.0 else math.inf
    return FilterExposure(
        name, times, bodies, {b: r.clipped for b, r in results.items()}, {b: r.snr for b, r in results.items()}, edges,
        rate_px_s * longest, limit_deg_s, "; ".join(refused),
    )  # fmt: skip


def _time_for_snr(rate: float, table: ExposureTable, detector: object) -> float:
    """Shortest exposure at which a pixel of ``rate`` reaches the wished signal to noise, by bisection in log time."""
    low, high = 1e-9, 1e6
    if rate <= 0.0:
        return math.inf
    for _ in range(80):
        middle = math.sqrt(low * high)
        snr = float(signal_to_noise(np.asarray(rate * middle), middle, detector))  # type: ignore[arg-type]
        low, high = (low, middle) if snr >= table.min_snr else (middle, high)
    return high
