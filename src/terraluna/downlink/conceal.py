"""Filling of what did not arrive, always with a mask that says which pixels are invented."""

from __future__ import annotations

from typing import Literal

import numpy as np
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
    out = pixels.copy()
    nothing = np.zeros_like(missing)
    if how == "none" or missing.all():
        out[missing] = 0
        return out, nothing
    if how == "fill":
        out[missing] = FILL_GREY
    elif missing.any():
        out[missing] = _blend(pixels, missing)
    return out, missing.copy()


def _blend(pixels: NDArray[np.uint8], missing: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Values (n, 3) of the missing pixels, row-major, from the nearest received pixels along rows and columns."""
    total = np.zeros((*missing.shape, 3))
    weight = np.zeros(missing.shape)
    for axis in (0, 1):
        for backwards in (False, True):
            near, distance = _nearest_received(missing, axis, backwards)
            share = np.where(np.isfinite(distance), 1.0 / np.maximum(distance, 1.0), 0.0)
            index = [np.arange(n)[:, None] if k == 0 else np.arange(n)[None, :] for k, n in enumerate(missing.shape)]
            index[axis] = near
            total += share[..., None] * pixels[index[0], index[1]]
            weight += share
    known = weight > 0
    values = np.full((*missing.shape, 3), float(FILL_GREY))
    values[known] = total[known] / weight[known][:, None]
    out: NDArray[np.uint8] = np.rint(values[missing]).astype(np.uint8)
    return out


def _nearest_received(
    missing: NDArray[np.bool_], axis: int, backwards: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index along `axis` of the nearest received pixel before (or after) each pixel, and its distance (inf: none)."""
    size = missing.shape[axis]
    place = np.arange(size).reshape((-1, 1) if axis == 0 else (1, -1))
    if backwards:
        marked = np.where(missing, size, place)
        near = np.flip(np.minimum.accumulate(np.flip(marked, axis), axis), axis)
        distance = np.where(near < size, near - place, np.inf)
    else:
        marked = np.where(missing, -1, place)
        near = np.maximum.accumulate(marked, axis)
        distance = np.where(near >= 0, place - near, np.inf)
    return np.clip(near, 0, size - 1), distance.astype(np.float64)
