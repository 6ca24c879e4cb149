"""What a detector carries with it and what hits it: pixel response, hot pixels, cosmic rays."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit, prange

from terraluna.instrument.random import child, key_of, normal, pixel_draws, seed_sequence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.instrument.detector import Window

THICKNESS_UM: Final = 15.0
"""Depth in which a cosmic ray's charge is collected (assumed: a usual epitaxial layer)."""

PAIRS_UM: Final = (65.0, 10.0)
"""Most probable charge of a minimum-ionising particle in silicon and its Moyal width, electrons a um (assumed)."""

_RESPONSE, _HOT = 0, 1
_LONGEST_PX = 300.0


@njit(cache=True, parallel=True, error_model="numpy")
def _fill_response(key, rms, row0, column0, out):  # type: ignore[no-untyped-def]
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            q, _ = pixel_draws(key, row0 + i, column0 + j)
            out[i, j] = max(1.0 + rms * normal(q), 0.0)


@lru_cache(maxsize=4)
def response_map(sensor_seed: int, rms: float, row: int, column: int, rows: int, columns: int) -> NDArray[np.float32]:
    """Return the relative response (rows, columns) of the pixels from (row, column) on: mean 1, read-only."""
    out = np.empty((rows, columns), dtype=np.float32)
    _fill_response(key_of(child(seed_sequence(sensor_seed), _RESPONSE)), rms, row, column, out)
    out.setflags(write=False)
    return out


@lru_cache(maxsize=8)
def _all_hot(
    sensor_seed: int, share: float, mean_e_s: float, rows: int, columns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    generator = np.random.default_rng(child(seed_sequence(sensor_seed), _HOT))
    count = int(generator.binomial(rows * columns, share))
    places = np.unique(generator.integers(rows * columns, size=count))
    return places // columns, places % columns, generator.exponential(mean_e_s, places.size)


def hot_pixels(
    sensor_seed: int, share: float, mean_e_s: float, window: Window, rows: int, columns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return row, column (in the window) and extra dark current, electrons s-1, of the hot pixels, each (n,)."""
    y, x, extra = _all_hot(sensor_seed, share, mean_e_s, window.full_rows, window.full_columns)
    y, x = y - window.row, x - window.column
    inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    return y[inside], x[inside], extra[inside]


def cosmic_rays(
    shape: tuple[int, int],
    generator: np.random.Generator,
    hits_cm2: float,
    pixel_um: float,
    window: Window,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], int]:
    """Return the charge that the tracks of cosmic rays leave in a window of a detector.

    Isotropic particles cross the collecting layer in straight lines and leave a charge whose density a um follows
    Moyal's distribution (an approximation of Landau's: -ln z^2 of a normal number z).

    Args:
        shape: rows and columns of the window.
        generator: source of the draws; they cover the whole detector, so that tiles agree.
        hits_cm2: expected hits a square centimetre of detector.
        pixel_um: size of a pixel.
        window: which part of the detector it is.

    Returns:
        Rows, columns and electrons (n,), pixels may come more than once, and the number of tracks in the window.
    """
    area = window.full_rows * window.full_columns * (pixel_um * 1e-4) ** 2
    count = int(generator.poisson(hits_cm2 * area))
    draws = generator.random((count, 4))
    density = PAIRS_UM[0] - PAIRS_UM[1] * np.log(generator.standard_normal(count) ** 2 + 1e-300)
    rows: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    columns: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    electrons: list[NDArray[np.float64]] = [np.zeros(0)]
    for (a, b, c, d), pairs in zip(draws, density, strict=True):
        # The flux through a plane goes with the cosine of incidence: its square is uniform.
        cosine = max(np.sqrt(c), 1e-3)
        length = min(THICKNESS_UM * np.sqrt(1.0 - cosine**2) / cosine / pixel_um, _LONGEST_PX)
        steps = max(1, int(np.ceil(4.0 * length)))
        s = (np.arange(steps) + 0.5) / steps * length
        x = np.floor(a * window.full_columns + s * np.cos(2.0 * np.pi * d)).astype(np.int64) - window.column
        y = np.floor(b * window.full_rows + s * np.sin(2.0 * np.pi * d)).astype(np.int64) - window.row
        inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
        if inside.any():
            rows.append(y[inside])
            columns.append(x[inside])
            electrons.append(np.full(rows[-1].size, max(pairs, 0.0) * THICKNESS_UM / cosine / steps))
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(electrons), len(rows) - 1
