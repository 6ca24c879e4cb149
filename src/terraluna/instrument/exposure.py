"""Exposures: what they saturate, how clean they are, and which one to choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from terraluna.errors import InputError, RefusedError
from terraluna.instrument.detector import clip_electrons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from terraluna.camera.model import Detector
    from terraluna.render.composite import TruthLayers


@dataclass(frozen=True)
class BodyExposure:
    """How one body comes out in one band.

    Attributes:
        pixels: lit pixels of the body.
        clipped: share of them whose number means nothing (full well or end of the converter).
        median_e: median signal, electrons.
        peak_e: 99.5th percentile of the signal, electrons.
        snr: signal to noise a pixel at the median signal.
    """

    pixels: int
    clipped: float
    median_e: float
    peak_e: float
    snr: float


def signal_to_noise(electrons: NDArray[np.float64], exposure_s: float, detector: Detector) -> NDArray[np.float64]:
    """Return signal to noise a pixel: shot noise of light and dark current, read noise, and rounding (gain^2 / 12)."""
    variance = electrons + detector.dark_e_s * exposure_s + detector.read_noise_e**2 + detector.gain_e_dn**2 / 12.0
    return np.asarray(electrons / np.sqrt(variance))


def lit_masks(layers: TruthLayers) -> dict[str, NDArray[np.bool_]]:
    """Return for each body the pixels that its lit side fills by more than half (any of its pixels, if it is tiny)."""
    out = {}
    for name in layers.names:
        seen = layers.mask(name)
        lit = (seen > 0.5) & (layers.incidence_rad < 0.5 * np.pi)
        out[name] = lit if lit.any() else seen > 0.0
    return out


def body_exposure(
    rate_e_s: NDArray[np.float64], exposure_s: float, detector: Detector, masks: Mapping[str, NDArray[np.bool_]]
) -> dict[str, BodyExposure]:
    """Predict, without noise, how each body comes out.

    Args:
        rate_e_s: (rows, columns) electrons s-1 of one band.
        exposure_s: exposure.
        detector: see there.
        masks: (rows, columns) pixels of each body, see :func:`lit_masks`; bodies without a pixel are left out.
    """
    _check(exposure_s)
    limit = clip_electrons(detector)
    out = {}
    for name, mask in masks.items():
        values = rate_e_s[mask] * exposure_s
        if values.size == 0:
            continue
        median = float(np.median(values))
        snr = float(signal_to_noise(np.asarray(min(median, limit)), exposure_s, detector))
        clipped = float(np.mean(values + detector.dark_e_s * exposure_s >= limit))
        out[name] = BodyExposure(int(values.size), clipped, median, float(np.percentile(values, 99.5)), snr)
    return out


def auto_exposure(
    rate_e_s: NDArray[np.float64],
    detector: Detector,
    *,
    percentile: float = 99.5,
    target: float = 0.8,
    mask: NDArray[np.bool_] | None = None,
    limits_s: tuple[float, float] = (0.0, np.inf),
) -> float:
    """Return the exposure that puts a percentile of the lit pixels at a share of the useful range.

    Args:
        rate_e_s: (rows, columns[, bands]) electrons s-1.
        detector: its range counts.
        percentile: 0 to 100, of the pixels that count.
        target: share of the useful range (0 to 1) where that percentile shall lie.
        mask: pixels that count; None: those brighter than 2 % of the brightest.
        limits_s: shortest and longest exposure that the camera can make.

    Raises:
        InputError: options that make no sense.
        RefusedError: no light in the frame.
    """
    if not (0.0 < percentile <= 100.0 and 0.0 < target <= 1.0 and 0.0 <= limits_s[0] <= limits_s[1]):
        raise InputError(
            f"auto exposure: percentile {percentile:g}, target {target:g} or limits {limits_s} make no sense"
        )
    peak = float(rate_e_s.max(initial=0.0))
    values = rate_e_s[rate_e_s > 0.02 * peak] if mask is None else rate_e_s[mask]
    level = float(np.percentile(values, percentile)) if values.size else 0.0
    if not level > 0.0:
        raise RefusedError("auto exposure: no light in the frame; turn the camera to a body or set the exposure")
    return float(np.clip(target * clip_electrons(detector) / level, *limits_s))


def _check(exposure_s: float) -> None:
    if not (np.isfinite(exposure_s) and exposure_s >= 0.0):
        raise InputError(f"an exposure must be 0 s or more (got {exposure_s:g} s)")
