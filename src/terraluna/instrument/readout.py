"""The kernels of the detector: one pass over all pixels, and a second one over the columns that need more."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from terraluna.instrument.random import (
    SMALL_MEAN,
    large_poisson,
    normal,
    pixel_draws,
    poisson,
    small_poisson,
    stepped_poisson,
)

CHUNK = 256
"""Pixels of one row and band that are worked on at a time: their numbers stay in the nearest cache."""


@njit(cache=True, inline="always", error_model="numpy")
def _charge(rate, i, j, b, times, dark, response, added, key, row0, column0, shot, steps):  # type: ignore[no-untyped-def]
    """Draw the charge of one pixel as `expose_kernel` does; return also the draw of its read noise."""
    light = rate[i, j, b] * times[b]
    if response.size > 1:
        light *= response[i, j]
    if added.size > times.size:
        light += added[i, j, b]
    mean = light + dark[b]
    first, second = pixel_draws(key, row0 + i, column0 + j)
    if shot and light == 0.0 and mean < SMALL_MEAN:
        mean = stepped_poisson(steps[b], first)
    elif shot:
        mean = poisson(mean, first)
    return mean, second


@njit(cache=True, inline="always", error_model="numpy")
def _value(charge, draw, noise, per_gain, offset):  # type: ignore[no-untyped-def]
    """Return the number of a charge with read noise, before rounding and range."""
    return (charge + noise * normal(draw)) * per_gain + offset


@njit(cache=True, inline="always", error_model="numpy")
def _number(value, top):  # type: ignore[no-untyped-def]
    """Round a value into the converter's range."""
    return min(max(np.floor(value + 0.5), 0.0), top)


@njit(cache=True, error_model="numpy")
def _light_chunk(rate, time, response, added, light):  # type: ignore[no-untyped-def]
    """Write the expected electrons by light of a chunk; return how many rates are not numbers >= 0.

    The first, third and fourth are views of one row (n <= CHUNK,): no index can wrap around. The last two may be empty.
    """
    for j in range(rate.size):
        light[j] = rate[j]
    for j in range(rate.size, CHUNK):
        light[j] = 0.0
    good = 0
    for j in range(CHUNK):
        good += (light[j] >= 0.0) & (light[j] < np.inf)
    for j in range(CHUNK):
        light[j] *= time
    for j in range(response.size):
        light[j] *= response[j]
    for j in range(added.size):
        light[j] += added[j]
    return CHUNK - good


@njit(cache=True, error_model="numpy")
def _draw_chunk(key, row, column, first, second):  # type: ignore[no-untyped-def]
    """Write the two draws of each pixel of a chunk."""
    for j in range(CHUNK):
        first[j], second[j] = pixel_draws(key, row, column + j)


@njit(cache=True, error_model="numpy")
def _shot_chunk(light, dark, first, steps, charge):  # type: ignore[no-untyped-def]
    """Draw the charge of a chunk: of the sky by steps, of bright pixels by expansion, of the few others one by one."""
    sky = 0
    bright = 0
    for j in range(CHUNK):
        sky += light[j] == 0.0
        bright += light[j] + dark >= SMALL_MEAN
    if sky == CHUNK and bright == 0:
        for j in range(CHUNK):
            charge[j] = 0.0
        for step in steps:
            for j in range(CHUNK):
                charge[j] += 1.0 if first[j] >= step else 0.0
        return
    for j in range(CHUNK):
        charge[j] = large_poisson(light[j] + dark, normal(first[j]))
    if bright < CHUNK:
        for j in range(CHUNK):
            mean = light[j] + dark
            if mean < SMALL_MEAN:
                charge[j] = stepped_poisson(steps, first[j]) if light[j] == 0.0 else small_poisson(mean, first[j])


@njit(cache=True, error_model="numpy")
def _read_chunk(charge, draw, noise, per_gain, offset, top, dn):  # type: ignore[no-untyped-def]
    """Read a chunk and write its numbers to a view of a row (n <= CHUNK,); ``draw`` is used up."""
    for j in range(CHUNK):
        draw[j] = _number(_value(charge[j], draw[j], noise, per_gain, offset), top)
    for j in range(dn.size):
        dn[j] = np.uint16(draw[j])


@njit(cache=True, parallel=True, error_model="numpy")
def expose_kernel(  # type: ignore[no-untyped-def]
    rate,
    times,
    dark,
    response,
    added,
    keys,
    row0,
    column0,
    shot,
    steps,
    noise,
    per_gain,
    offset,
    well,
    top,
    dn,
    full,
):
    """Draw, clip, read and convert every pixel by itself; rows in parallel.

    Args:
        rate: (rows, columns, bands) electrons s-1.
        times: (bands,) s.
        dark: (bands,) electrons.
        response: (rows, columns), or one value for none.
        added: (rows, columns, bands) electrons of smear, or (1, 1, bands) for none.
        keys: (bands,) of the noise.
        row0: (and column0) place of the first pixel on the detector.
        shot: draw shot noise.
        steps: (bands, n) of `random.poisson_steps` of the dark charge, filled up with numbers that no draw reaches.
        noise: electrons of read noise.
        per_gain: numbers an electron.
        offset: number of no charge.
        well: electrons a pixel holds.
        top: largest number.
        dn: (rows, columns, bands), written.
        full: (rows, columns, bands), set where the charge reaches the well.

    Returns:
        The columns (columns,) with a pixel above the full well, and the number of rates that are not numbers >= 0.
    """
    rows, columns, bands = rate.shape
    with_response = response.size > 1
    with_added = added.size > bands
    strips = 64
    over = np.zeros((strips, columns), dtype=np.bool_)
    bad = np.zeros(strips, dtype=np.int64)
    for s in prange(strips):
        light = np.empty(CHUNK)
        charge = np.empty(CHUNK)
        first = np.empty(CHUNK)
        second = np.empty(CHUNK)
        for i in range(s * rows // strips, (s + 1) * rows // strips):
            for start in range(0, columns, CHUNK):
                count = min(CHUNK, columns - start)
                for b in range(bands):
                    bad[s] += _light_chunk(
                        rate[i, start : start + count, b],
                        times[b],
                        response[i, start : start + count] if with_response else response[0, :0],
                        added[i, start : start + count, b] if with_added else added[0, :0, b],
                        light,
                    )
                    _draw_chunk(keys[b], row0 + i, column0 + start, first, second)
                    if shot:
                        _shot_chunk(light, dark[b], first, steps[b], charge)
                    else:
                        for j in range(CHUNK):
                            charge[j] = light[j] + dark[b]
                    filled = 0
                    for j in range(CHUNK):
                        filled += charge[j] >= well
                    if filled > 0:
                        for j in range(count):
                            if charge[j] >= well:
                                full[i, start + j, b] = True
                                over[s, start + j] |= charge[j] > well
                                charge[j] = well
                    _read_chunk(charge, second, noise, per_gain, offset, top, dn[i, start : start + count, b])
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
    keys,
    row0,
    column0,
    shot,
    steps,
    noise,
    per_gain,
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
        charge, draw = _charge(rate, y, x, band, times, dark, response, added, keys[band], row0, column0, shot, steps)
        while k < count and i[k] == y and j[k] == x and b[k] == band:
            charge += extra[k]
            k += 1
        if charge >= brim:
            full[y, x, band] = True
            if charge > well:
                over[x] = True
                charge = well
        dn[y, x, band] = np.uint16(_number(_value(charge, draw, noise, per_gain, offset), top))


@njit(cache=True, parallel=True, error_model="numpy")
def draw_charge(  # type: ignore[no-untyped-def]
    rate, times, dark, response, added, keys, row0, column0, shot, steps, chosen
):
    """Return the charge (rows, n, bands) of the chosen columns (n,): the numbers that ``expose_kernel`` drew."""
    rows, _, bands = rate.shape
    out = np.empty((rows, chosen.size, bands))
    for i in prange(rows):
        for k in range(chosen.size):
            for b in range(bands):
                out[i, k, b], _ = _charge(
                    rate, i, chosen[k], b, times, dark, response, added, keys[b], row0, column0, shot, steps
                )
    return out


@njit(cache=True, parallel=True, error_model="numpy")
def read_charge(charge, chosen, keys, row0, column0, noise, per_gain, offset, well, top, dn, full):  # type: ignore[no-untyped-def]
    """Read the charge (rows, n, bands) of chosen columns into ``dn`` and turn it into the numbers before rounding.

    ``full`` (rows, columns, bands) is set where a pixel holds no more.
    """
    rows, count, bands = charge.shape
    # What bled sits at the well but for rounding.
    brim = well * (1.0 - 1e-9)
    for i in prange(rows):
        for k in range(count):
            for b in range(bands):
                if charge[i, k, b] >= brim:
                    full[i, chosen[k], b] = True
                _, draw = pixel_draws(keys[b], row0 + i, column0 + chosen[k])
                value = _value(min(charge[i, k, b], well), draw, noise, per_gain, offset)
                charge[i, k, b] = value
                dn[i, chosen[k], b] = np.uint16(_number(value, top))
