"""Filling of lost and bad pixels in linear planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GREY = 0.2159
"""Linear light of the sRGB code 128."""


def conceal_plane(plane: NDArray[np.float64], lost: NDArray[np.bool_], how: str) -> NDArray[np.float64]:
    """Return the plane (H, W) with its lost pixels filled.

    Args:
        plane: linear light.
        lost: (H, W) pixels to fill.
        how: ``none`` leaves them black, ``fill`` puts a flat grey, ``inpaint`` blends the nearest surroundings in.
    """
    from scipy.ndimage import gaussian_filter

    if not lost.any() or lost.all():
        return np.where(lost, 0.0, plane)
    if how == "none":
        return np.where(lost, 0.0, plane)
    if how == "fill":
        return np.where(lost, _GREY * float(np.percentile(plane[~lost], 99.9)), plane)
    # Ever wider means of what is there: each lost pixel takes the narrowest one that holds data.
    here = (~lost).astype(np.float64)
    known = np.where(lost, 0.0, plane)
    out, open_ = plane.copy(), lost.copy()
    width = 1.0
    while open_.any() and width < 2.0 * max(plane.shape):
        share = gaussian_filter(here, width, mode="nearest")
        mean = gaussian_filter(known, width, mode="nearest")
        ready = open_ & (share > 0.02)
        out[ready] = mean[ready] / share[ready]
        open_ &= ~ready
        width *= 2.0
    out[open_] = float(np.median(plane[~lost]))
    return out
