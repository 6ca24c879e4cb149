"""Frame-transfer smear: light that falls on the charge while it is being moved, and the trails of overflowing pixels.

A camera without a shutter shifts the image row by row into a covered store. A row's charge then passes over every row
between it and the store and collects ``transfer_s`` worth of each one's light; clearing the chip before the exposure
does the same with the rows on the other side. With the light I of a column, exposure T and time t a row:

    store:  S[y] = T I[y] + t sum(I of the rows between y and the store)
    both:   S[y] = T I[y] + t sum(I of all other rows)

Both are linear and are solved exactly here, provided that no pixel of the column is saturated. Where one is, the smear
has to be read off rows that see only sky. (Powell et al. 1999, J. Electronic Imaging 8(2) 137; Tatsumi et al. 2019,
Icarus 325, 153, for ONC.)
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError

Floats = NDArray[np.float64]
SmearKind = Literal["both", "store_at_first_row", "store_at_last_row"]

_MAD_TO_SIGMA: Final = 1.4826
"""Standard deviation over median absolute deviation for a normal distribution."""


def remove_smear(data: Floats, exposure_s: float, transfer_s: float, kind: SmearKind = "both") -> Floats:
    """Remove the smear of an unsaturated frame.

    Args:
        data: (rows, columns) signal above bias, any linear unit.
        exposure_s: exposure time, s.
        transfer_s: time to move the charge by one row, s.
        kind: which rows add to a pixel: all others (cleared and read by shifting), or those between it and a covered
            store that lies beyond the first or the last row (cleared at once).

    Returns:
        (rows, columns) signal of the exposure alone, in the unit of ``data``.

    Raises:
        InputError: the times make no sense.
    """
    if not (exposure_s > 0.0 and transfer_s >= 0.0):
        raise InputError(
            f"smear needs an exposure above 0 s and a transfer time, not {exposure_s} s and {transfer_s} s"
        )
    if kind == "both":
        if exposure_s <= transfer_s:
            raise InputError(f"the exposure {exposure_s} s is not longer than moving one row takes, {transfer_s} s")
        rows = data.shape[0]
        light = data.sum(axis=0) / (exposure_s + (rows - 1) * transfer_s)
        return np.asarray((data - transfer_s * light) * (exposure_s / (exposure_s - transfer_s)))
    ordered = data if kind == "store_at_first_row" else data[::-1]
    out = np.empty_like(data, dtype=np.float64)
    passed = np.zeros(data.shape[1])
    ratio = transfer_s / exposure_s
    for y in range(data.shape[0]):
        out[y] = ordered[y] - ratio * passed
        passed += out[y]
    return out if kind == "store_at_first_row" else out[::-1]


def smear_from_sky(data: Floats, sky: NDArray[np.bool_], least: int = 16) -> Floats:
    """Smear of each column from the rows that see only sky.

    Args:
        data: (rows, columns) signal.
        sky: (rows, columns), True where the pixel sees only sky and isn't saturated.
        least: columns with fewer sky pixels get NaN.

    Returns:
        (columns,) median of the sky pixels of each column minus the sky of the whole frame (the median of the column
        medians): what the column's bright rows have smeared over it.
    """
    columns = np.where(sky, data, np.nan)
    enough = sky.sum(axis=0) >= least
    out = np.full(data.shape[1], np.nan)
    if enough.any():
        medians = np.nanmedian(columns[:, enough], axis=0)
        out[enough] = medians - np.median(medians)
    return out


def sky_level(data: Floats, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Level and noise of the sky: clipped median and scaled median absolute deviation of the good pixels.

    Meant for frames that are mostly sky; in the unit of ``data``.
    """
    good = data[~mask]
    if good.size == 0:
        return float("nan"), float("nan")
    level = float(np.median(good))
    sigma = 0.0
    for _ in range(5):
        sigma = _MAD_TO_SIGMA * float(np.median(np.abs(good - level)))
        kept = good[np.abs(good - level) <= 4.0 * max(sigma, 1e-12)]
        if kept.size in {0, good.size}:
            break
        good = kept
        level = float(np.median(good))
    return level, sigma


def mask_charge_trails(
    data: Floats, mask: NDArray[np.bool_], threshold: float, *, sigmas: float = 5.0, longest: int | None = None
) -> NDArray[np.bool_]:
    """Find the trails that run along the columns from overflowing pixels (MapCam's dark or bright "icicles").

    From each pixel at or above ``threshold`` the column is followed both ways for as long as it departs from the sky,
    upwards or downwards, by ``sigmas`` times the noise. Pixels of a resolved disc are trails only outside the rows in
    which a neighbouring column, free of such pixels, is as bright.

    Args:
        data: (rows, columns) signal.
        mask: (rows, columns), True where a pixel can't be used.
        threshold: signal from which a pixel overflows, in the unit of ``data``.
        sigmas: departure from the sky that counts as a trail.
        longest: follow a trail over no more rows than this.

    Returns:
        (rows, columns) bool, True on the trails and on the pixels that start them.
    """
    level, sigma = sky_level(data, mask)
    out = np.zeros(data.shape, dtype=np.bool_)
    hot = data >= threshold
    if not hot.any():
        return out
    reach = data.shape[0] if longest is None else longest
    away = np.abs(data - level) > sigmas * max(sigma, 1e-12)
    columns = np.flatnonzero(hot.any(axis=0))
    clear = np.flatnonzero(~hot.any(axis=0))
    for x in columns:
        rows = np.flatnonzero(hot[:, x])
        out[rows, x] = True
        trail = away[:, x].copy()
        near = clear[np.argsort(np.abs(clear - x))[:2]]
        if near.size:
            trail &= ~away[:, near].all(axis=1)
        for start, step in ((int(rows[-1]) + 1, 1), (int(rows[0]) - 1, -1)):
            y, count = start, 0
            while 0 <= y < data.shape[0] and count < reach and (trail[y] or away[y, x]):
                out[y, x] |= trail[y]
                y += step
                count += 1
    return out
