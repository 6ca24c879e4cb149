"""Filling of what did not arrive, always with a mask that says which pixels are invented."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.errors import InputError

Concealment = Literal["none", "fill", "inpaint"]
CONCEALMENTS: tuple[Concealment, ...] = ("none", "fill", "inpaint")
FILL_GREY = 128


def conceal(
    pixels: NDArray[np.uint8], missing: NDArray[np.bool_], how: Concealment
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A copy of RGB `pixels` (h, w, 3) with `missing` (h, w) handled, and the mask (h, w) of invented pixels.

    `none` blanks them (black, nothing invented), `fill` puts a flat neutral grey, `inpaint` blends from the received
    surroundings: each missing pixel is the mean of the nearest received pixels left, right, above and below, weighted
    by the inverse of their distance. A picture without any received pixel stays blank.
    """
    if how not in CONCEALMENTS:
        raise InputError(f"concealment '{how}' is not known: use one of {', '.join(CONCEALMENTS)}")
    if how == "none" or missing.all():
        return pixels * ~missing[..., None], np.zeros_like(missing)
    if how == "fill":
        return np.where(missing[..., None], np.uint8(FILL_GREY), pixels), missing.copy()
    out = pixels.copy()
    _blend(missing, out)
    return out, missing.copy()


@njit(cache=True)
def _blend(missing, out):  # type: ignore[no-untyped-def]
    """Replaces the missing pixels of `out` (h, w, 3); one with nothing received in its row and column turns grey."""
    height, width = missing.shape
    below = np.full((height + 1, width), -1, np.int64)
    for y in range(height - 1, -1, -1):
        for x in range(width):
            below[y, x] = below[y + 1, x] if missing[y, x] else y
    above = np.full(width, -1, np.int64)
    after = np.full(width + 1, -1, np.int64)
    for y in range(height):
        for x in range(width - 1, -1, -1):
            after[x] = after[x + 1] if missing[y, x] else x
        before = -1
        for x in range(width):
            if not missing[y, x]:
                above[x] = y
                before = x
                continue
            weight = 0.0
            total = np.zeros(3)
            for row, column in ((above[x], x), (below[y, x], x), (y, before), (y, after[x])):
                if row < 0 or column < 0:
                    continue
                share = 1.0 / (abs(row - y) + abs(column - x))
                weight += share
                for c in range(3):
                    total[c] += share * out[row, column, c]
            for c in range(3):
                out[y, x, c] = np.uint8(total[c] / weight + 0.5) if weight > 0.0 else FILL_GREY
