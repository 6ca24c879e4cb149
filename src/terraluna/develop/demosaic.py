"""Bayer mosaic to three planes: gradient-corrected linear interpolation.

Source: Malvar, He & Cutler 2004, ICASSP, "High-quality linear interpolation for demosaicing of Bayer-patterned color
images" (the 5x5 filters of figure 2).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError

PATTERNS: Final = ("RGGB", "BGGR", "GRBG", "GBRG")

_GREEN: Final = np.array(
    [[0, 0, -2, 0, 0], [0, 0, 4, 0, 0], [-2, 4, 8, 4, -2], [0, 0, 4, 0, 0], [0, 0, -2, 0, 0]], dtype=np.float64
) / 16.0  # fmt: skip
_ALONG: Final = np.array(
    [[0, 0, 1, 0, 0], [0, -2, 0, -2, 0], [-2, 8, 10, 8, -2], [0, -2, 0, -2, 0], [0, 0, 1, 0, 0]], dtype=np.float64
) / 16.0  # fmt: skip
_ACROSS: Final = np.array(
    [[0, 0, -3, 0, 0], [0, 4, 0, 4, 0], [-3, 0, 12, 0, -3], [0, 4, 0, 4, 0], [0, 0, -3, 0, 0]], dtype=np.float64
) / 16.0  # fmt: skip


def demosaic(mosaic: NDArray[np.float64], pattern: str) -> NDArray[np.float64]:
    """Return red, green and blue of a Bayer mosaic.

    Args:
        mosaic: (H, W) linear counts.
        pattern: colours of the first 2x2 pixels, row by row: RGGB, BGGR, GRBG or GBRG.

    Returns:
        (H, W, 3); measured samples are kept as they are, and a picture that is linear in x and y comes out exact.

    Raises:
        InputError: an unknown pattern, or a frame smaller than the filters.
    """
    from scipy.ndimage import correlate

    if pattern not in PATTERNS:
        raise InputError(f"Bayer pattern {pattern!r} is not known: use one of {', '.join(PATTERNS)}")
    if mosaic.ndim != 2 or min(mosaic.shape) < 4:
        raise InputError(f"a Bayer mosaic has two dimensions of at least 4 px, not {mosaic.shape}")
    # "mirror" keeps the colours of the mosaic in step across the edge.
    green = correlate(mosaic, _GREEN, mode="mirror")
    along = correlate(mosaic, _ALONG, mode="mirror")
    down = correlate(mosaic, _ALONG.T, mode="mirror")
    across = correlate(mosaic, _ACROSS, mode="mirror")
    out = np.empty((*mosaic.shape, 3))
    place = {colour: _site(pattern, mosaic.shape, colour) for colour in "RB"}
    is_green: NDArray[np.bool_] = np.logical_not(np.logical_or(place["R"], place["B"]))
    out[..., 1] = np.where(is_green, mosaic, green)
    rows = {colour: place[colour].any(axis=1, keepdims=True) for colour in "RB"}
    for channel, colour, other in ((0, "R", "B"), (2, "B", "R")):
        at_green = np.where(rows[colour], along, down)
        plane = np.where(is_green, at_green, mosaic)
        out[..., channel] = np.where(place[other], across, plane)
    return out


def _site(pattern: str, shape: tuple[int, ...], colour: str) -> NDArray[np.bool_]:
    """Where the mosaic holds a colour: (H, W)."""
    k = pattern.index(colour)
    mask = np.zeros(shape, dtype=np.bool_)
    mask[k // 2 :: 2, k % 2 :: 2] = True
    return mask
