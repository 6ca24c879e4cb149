"""From radiance factor to a picture: exposure, brightening of one body, stretch, sRGB coding, quantisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from terraluna.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from terraluna.render.composite import TruthLayers

Curve = Literal["linear", "asinh"]

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of R, G, B in the luminance (ITU-R BT.709)."""


def brighten(image: NDArray[np.float64], layers: TruthLayers, factors: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the picture with single bodies made brighter, as in Voyager's and HiRISE's releases (Moon x 3).

    Args:
        image: (H, W, bands) linear.
        layers: truth layers of the same frame; their masks say how much of each pixel shows each body.
        factors: body name to factor, at least 0.

    Raises:
        InputError: a name that is not in the frame, or a negative factor.
    """
    gain = np.ones(image.shape[:2])
    for name, factor in factors.items():
        if name not in layers.names:
            raise InputError(f"brighten: no body '{name}' in this frame; bodies: {', '.join(layers.names)}")
        if not factor >= 0.0:
            raise InputError(f"brighten: factor of '{name}' must be at least 0 (got {factor})")
        gain += (factor - 1.0) * layers.mask(name)
    return image * gain[..., None]


def srgb(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sRGB code (0..1) of linear light 0..1 (IEC 61966-2-1)."""
    low = np.clip(linear, 0.0, 1.0)
    coded: NDArray[np.float64] = 12.92 * low
    # Most of a group photo is black sky, which needs no power.
    bright = low > 0.0031308
    coded[bright] = 1.055 * low[bright] ** (1.0 / 2.4) - 0.055
    return coded


def white_level(image: NDArray[np.float64], percentile: float = 99.5) -> float:
    """Return the level that a percentile of the lit pixels stays below; 1 if nothing is lit.

    Args:
        image: (H, W, bands) linear.
        percentile: of the pixels whose brightest band is above 0.1 % of the largest.
    """
    peak = np.nanmax(image, axis=2)
    lit = peak[peak > 1e-3 * float(peak.max(initial=0.0))]
    return float(np.percentile(lit, percentile)) if lit.size and float(lit.max()) > 0.0 else 1.0


def to_picture(
    image: NDArray[np.float64],
    *,
    white: float,
    curve: Curve = "linear",
    softening: float = 0.05,
    monochrome: bool = False,
    bits: Literal[8, 16] = 8,
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return a display picture.

    Args:
        image: (H, W, 3) or (H, W, 1) linear light, for instance I/F.
        white: the linear level that becomes white (the exposure).
        curve: "linear", or "asinh" (Lupton et al. 2004, PASP 116, 133), which lifts the faint and keeps hue.
        softening: of asinh: the level, in units of white, at which it turns from linear to logarithmic.
        monochrome: show luminance only.
        bits: 8 or 16 a channel.

    Returns:
        (H, W, 3) sRGB.

    Raises:
        InputError: a wrong shape or a level that is not positive.
    """
    if image.ndim != 3 or image.shape[2] not in (1, 3):
        raise InputError(f"to_picture: the picture must be (H, W, 1) or (H, W, 3), not {image.shape}")
    if not (white > 0.0 and softening > 0.0 and np.isfinite(white)):
        raise InputError(f"to_picture: white and softening must be positive (got {white}, {softening})")
    linear = np.nan_to_num(np.maximum(image, 0.0)) / white
    if monochrome and linear.shape[2] == 3:
        linear = (linear @ np.asarray(LUMINANCE))[..., None]
    if curve == "asinh":
        level = linear.mean(axis=2, keepdims=True)
        bent = np.arcsinh(level / softening) / np.arcsinh(1.0 / softening)
        linear = linear * np.divide(bent, level, out=np.zeros_like(level), where=level > 0.0)
        # A saturated colour keeps its hue: scale the pixel down, do not clip one band.
        linear = linear / np.maximum(linear.max(axis=2, keepdims=True), 1.0)
    elif curve != "linear":
        raise InputError(f"to_picture: no curve '{curve}'; choose linear or asinh")
    coded = srgb(linear)
    if coded.shape[2] == 1:
        coded = np.repeat(coded, 3, axis=2)
    if bits == 8:
        return np.rint(coded * 255.0).astype(np.uint8)
    if bits == 16:
        return np.rint(coded * 65535.0).astype(np.uint16)
    raise InputError(f"to_picture: bits must be 8 or 16 (got {bits})")
