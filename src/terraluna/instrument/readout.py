"""The kernels of the detector: one pass over all pixels, and a second one over the columns that need more."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from terraluna.instrument.random import normal, pixel_state, poisson, small_poisson


@njit(cache=True, inline="always", error_model="numpy")
def _charge(rate, i, j, b, times, dark, response, added, key, row0, column0, shot, empty):  # type: ignore[no-untyped-def]
    """Draw the charge of one pixel; ``empty`` is exp(-dark), the chance of no electron in the sky."""
    light = rate[i, j, b] * times[b]
    if response.size > 1:
        light *= response[i, j]
    if added.shape[0] > 1 or added.shape[1] > 1:
        light += added[i, j, b]
    mean = light + dark[b]
    if not shot or mean <= 0.0:
        return mean
    state = pixel_state(key, row0 + i, column0 + j)
    if light == 0.0 and empty > 0.0:
        return small_poisson(state, mean, empty)
    return poisson(state, mean)


@njit(cache=True, parallel=True, error_model="numpy")
def expose_kernel(  # type: ignore[no-untyped-def]
    rate,
    times,
    dark,
    response,
    added,
    shot_keys,
    row0,
    column0,
    shot,
    read_keys,
    noise,
    gain,
    offset,
    well,
    top,
    dn,
    full,
):
    """Draw, clip, read and convert every pixel by itself.

    Returns the columns (columns,) with a pixel above the full well, and the number of rates that are not numbers >= 0.
    """
    rows, columns, bands = rate.shape
    empty = np.empty(bands)
    for b in range(bands):
        empty[b] = math.exp(-dark[b]) if dark[b] < 30.0 else 0.0
    strips = 64
    per_gain = 1.0 / gain
    over = np.zeros((strips, columns), dtype=np.bool_)
    bad = np.zeros(strips, dtype=np.int64)
    for s in prange(strips):
        for i in range(s * rows // strips, (s + 1) * rows // strips):
            for j in range(columns):
                for b in range(bands):
                    value = rate[i, j, b]
                    if not (value >= 0.0 and value < np.inf):
                        bad[s] += 1
                        continue
                    charge = _charge(
                        rate, i, j, b, times, dark, response, added, shot_keys[b], row0, column0, shot, empty[b]
                    )
                    if charge >= well:
                        full[i, j, b] = True
                        if charge > well:
                            over[s, j] = True
                            charge = well
                    if noise > 0.0:
                        z, _ = normal(pixel_state(read_keys[b], row0 + i, column0 + j))
                        charge += noise * z
                    value = np.floor(charge * per_gain + (offset + 0.5))
                    dn[i, j, b] = np.uint16(min(max(value, 0.0), top))
    columns_over = np.zeros(columns, dtype=np.bool_)
    for s in range(strips):
        columns_over |= over[s]
    return columns_over, bad.sum()


@njit(cache=True, error_model="numpy")
def add_charge(  # type: ignore[no-untyped-def]
    rate,
    times,
    dark,
    response,
    added,
    shot_keys,
    row0,
    column0,
    shot,
    read_keys,
    noise,
    gain,
    offset,
    well,
    top,
    dn,
    full,
    i,
    j,
    b,
    extra,
    over,
):
    """Read single pixels again with more charge: the numbers that ``expose_kernel`` drew, and ``extra`` electrons.

    Args:
        rate: (and the sixteen after it) as for ``expose_kernel``.
        i: (n,) rows; j, b columns and bands; entries of one pixel follow each other.
        extra: (n,) electrons.
        over: (columns,) set where a pixel goes above the full well.
    """
    brim = well * (1.0 - 1e-9)
    count = i.size
    k = 0
    while k < count:
        y, x, band = i[k], j[k], b[k]
        empty = math.exp(-dark[band]) if dark[band] < 30.0 else 0.0
        charge = _charge(rate, y, x, band, times, dark, response, added, shot_keys[band], row0, column0, shot, empty)
        while k < count and i[k] == y and j[k] == x and b[k] == band:
            charge += extra[k]
            k += 1
        if charge >= brim:
            full[y, x, band] = True
            if charge > well:
                over[x] = True
                charge = well
        if noise > 0.0:
            z, _ = normal(pixel_state(read_keys[band], row0 + y, column0 + x))
            charge += noise * z
        value = np.floor(charge * (1.0 / gain) + (offset + 0.5))
        dn[y, x, band] = np.uint16(min(max(value, 0.0), top))


@njit(cache=True, parallel=True, error_model="numpy")
def draw_charge(  # type: ignore[no-untyped-def]
    rate, times, dark, response, added, shot_keys, row0, column0, shot, chosen
):
    """Return the charge (rows, n, bands) of the chosen columns (n,): the numbers that ``expose_kernel`` drew."""
    rows, _, bands = rate.shape
    empty = np.empty(bands)
    for b in range(bands):
        empty[b] = math.exp(-dark[b]) if dark[b] < 30.0 else 0.0
    out = np.empty((rows, chosen.size, bands))
    for i in prange(rows):
        for k in range(chosen.size):
            for b in range(bands):
                out[i, k, b] = _charge(
                    rate, i, chosen[k], b, times, dark, response, added, shot_keys[b], row0, column0, shot, empty[b]
                )
    return out


@njit(cache=True, parallel=True, error_model="numpy")
def read_values(charge, chosen, column0, keys, row0, noise, gain, offset, well):  # type: ignore[no-untyped-def]
    """Return the numbers (rows, n, bands) of chosen columns before rounding and range."""
    rows, count, bands = charge.shape
    out = np.empty(charge.shape)
    for i in prange(rows):
        for k in range(count):
            for b in range(bands):
                value = min(charge[i, k, b], well)
                if noise > 0.0:
                    z, _ = normal(pixel_state(keys[b], row0 + i, column0 + chosen[k]))
                    value += noise * z
                out[i, k, b] = value / gain + offset
    return out


@njit(cache=True, parallel=True, error_model="numpy")
def read_charge(charge, chosen, column0, keys, row0, noise, gain, offset, well, top, dn, full):  # type: ignore[no-untyped-def]
    """Read the charge (rows, n, bands) of the chosen columns into ``dn``; mark the ``full`` (rows, columns, bands)."""
    rows, count, bands = charge.shape
    per_gain = 1.0 / gain
    # What bled sits at the well but for rounding.
    brim = well * (1.0 - 1e-9)
    for i in prange(rows):
        for k in range(count):
            for b in range(bands):
                if charge[i, k, b] >= brim:
                    full[i, chosen[k], b] = True
                value = min(charge[i, k, b], well)
                if noise > 0.0:
                    z, _ = normal(pixel_state(keys[b], row0 + i, column0 + chosen[k]))
                    value += noise * z
                value = np.floor(value * per_gain + (offset + 0.5))
                dn[i, chosen[k], b] = np.uint16(min(max(value, 0.0), top))
