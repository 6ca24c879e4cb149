"""Spreading light by the optics: convolution of the picture, and exact deposits of bodies smaller than the PSF.

The picture already holds pixel means, so that the discrete kernel must carry the optics alone: Lindeberg's discrete
Gaussian exp(-t) I_n(t), t = sigma^2, has exactly that variance at any width, where a sampled Gaussian narrower than a
pixel has not. A small body is instead deposited sample by sample with the Gaussian's integral over each pixel.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numba import njit, prange

from terraluna.render.compiling import FAST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from terraluna.render.materials import Shaded
    from terraluna.render.scene_arrays import BodyLayer

TAIL = 1e-7
"""Light of the core that may be cut off on each side (the kernel is renormalised)."""

BLOCK = 512
"""Numbers of a row that are convolved at a time: they stay in the nearest cache while the kernel passes."""

WING_HALF = 96
"""Half size of the kernel of the wings, px."""


class PsfModel(Protocol):
    """The part of `terraluna.camera.psf.Psf` that the renderer uses."""

    @property
    def sigma_px(self) -> float:
        """Standard deviation of the Gaussian core."""

    @property
    def wing_fraction(self) -> float:
        """Share of the light in the wings."""

    @property
    def measured(self) -> Any:
        """A measured kernel, or None."""

    def kernel(self, n: int) -> NDArray[np.float64]:
        """Return the (n, n) kernel of sum 1."""


@lru_cache(maxsize=64)
def discrete_gaussian(sigma: float) -> NDArray[np.float64]:
    """Return the (2 h + 1,) discrete Gaussian of variance sigma^2, sum 1 (Lindeberg 1990, IEEE PAMI 12, 234); kept."""
    from scipy.special import ive

    if sigma <= 0.0:
        return np.ones(1)
    half = 1
    while 2.0 * float(np.sum(ive(np.arange(half + 1, half + 40), sigma**2))) > TAIL:
        half += 1
    side = ive(np.arange(half + 1), sigma**2)
    kernel: NDArray[np.float64] = np.concatenate([side[:0:-1], side])
    kernel /= kernel.sum()
    kernel.setflags(write=False)
    return kernel


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def convolve_rows(image, kernel, bands, top, left, out):  # type: ignore[no-untyped-def]
    """Convolve along rows: the window of ``out`` (h, w x bands) whose corner is the pixel (top, left) of ``image``.

    Pixels lie flat, their bands side by side: a shift by one pixel is a shift by ``bands``, and the innermost loop runs
    along the row.
    """
    rows, length = out.shape
    half = kernel.size // 2
    width = image.shape[1]
    for i in prange(rows):
        for start in range(0, length, BLOCK):
            end = min(start + BLOCK, length)
            out[i, start:end] = 0.0
            for k in range(-half, half + 1):
                weight = kernel[half + k]
                shift = (left - k) * bands
                low = max(start, -shift)
                high = min(end, width - shift)
                if high > low:
                    # Views: the compiler need not fear that an index wraps around, and uses vector registers.
                    target = out[i, low:high]
                    source = image[top + i, low + shift : high + shift]
                    for j in range(high - low):
                        target[j] += weight * source[j]


@njit(cache=True, parallel=True, error_model="numpy", fastmath=FAST)
def convolve_columns(image, kernel, first, count, top, start, out):  # type: ignore[no-untyped-def]
    """Convolve ``image`` (h, n) along its columns and write ``count`` rows from ``first`` on to out[top:, start:].

    Rows run in parallel.
    """
    rows, length = image.shape
    half = kernel.size // 2
    for r in prange(count):
        i = first + r
        for low in range(0, length, BLOCK):
            high = min(low + BLOCK, length)
            target = out[top + r, start + low : start + high]
            target[:] = 0.0
            for k in range(max(-half, i + 1 - rows), min(half, i) + 1):
                weight = kernel[half + k]
                source = image[i - k, low:high]
                for j in range(high - low):
                    target[j] += weight * source[j]


def merge_boxes(boxes: Sequence[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Return (top, left, bottom, right) boxes that do not overlap and hold all the given ones."""
    merged: list[tuple[int, int, int, int]] = []
    for box in boxes:
        new = box
        while True:
            hit = next(
                (m for m in merged if m[0] < new[2] and new[0] < m[2] and m[1] < new[3] and new[1] < m[3]),
                None,
            )
            if hit is None:
                break
            merged.remove(hit)
            new = (min(hit[0], new[0]), min(hit[1], new[1]), max(hit[2], new[2]), max(hit[3], new[3]))
        merged.append(new)
    return merged


def spread_core(
    image: NDArray[np.float64],
    kernel: NDArray[np.float64],
    boxes: Sequence[tuple[int, int, int, int]],
    margin: int = 0,
) -> NDArray[np.float64]:
    """Convolve (H, W, bands) with a separable kernel where there is light; zeros elsewhere.

    Args:
        image: light; beyond its edge there is none.
        kernel: (2 h + 1,) of sum 1.
        boxes: (top, left, bottom, right) that hold all light.
        margin: width of the rim of ``image`` that gives light but is not returned.
    """
    half = kernel.size // 2
    height, width, bands = image.shape
    grown = [(max(0, t - half), max(margin, x - half), b + half, min(width - margin, r + half)) for t, x, b, r in boxes]
    out = np.zeros((height - 2 * margin, width - 2 * margin, bands))
    flat_image, flat_out = image.reshape(height, -1), out.reshape(out.shape[0], -1)
    for top, left, bottom, right in merge_boxes(grown):
        first, last = max(top, margin), min(bottom, height - margin)
        if last <= first or right <= left:
            continue
        window = np.empty((min(bottom, height) - top, (right - left) * bands))
        convolve_rows(flat_image, kernel, bands, top, left, window)
        convolve_columns(window, kernel, first - top, last - first, first - margin, (left - margin) * bands, flat_out)
    return out


def spread_kernel(image: NDArray[np.float64], kernel: NDArray[np.float64], margin: int = 0) -> NDArray[np.float64]:
    """Convolve (H, W, bands) with any odd 2-D kernel by FFT on one thread; beyond the edge there is no light.

    ``margin`` is the width of the rim that gives light but is not returned.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    height, width, bands = image.shape
    half = kernel.shape[0] // 2
    size = (next_fast_len(height + 2 * half, True), next_fast_len(width + 2 * half, True))
    response = rfft2(kernel, size)
    first = half + margin
    out = np.empty((height - 2 * margin, width - 2 * margin, bands))
    for b in range(bands):
        full = irfft2(rfft2(image[:, :, b], size) * response, size)
        out[:, :, b] = full[first : first + out.shape[0], first : first + out.shape[1]]
    return out


@njit(cache=True, error_model="numpy", fastmath=FAST)
def pixel_shares(samples, count, sigma, first, pixels):  # type: ignore[no-untyped-def]
    """Return (count, pixels) integrals of a Gaussian over each pixel, one row a sample position."""
    out = np.empty((count, pixels))
    for s in range(count):
        for p in range(pixels):
            low = (first + p - 0.5 - samples[s]) / sigma
            high = (first + p + 0.5 - samples[s]) / sigma
            out[s, p] = 0.5 * (math.erf(high / math.sqrt(2.0)) - math.erf(low / math.sqrt(2.0)))
    return out


@njit(cache=True, error_model="numpy", fastmath=FAST)
def linear_shares(samples, count, first, pixels):  # type: ignore[no-untyped-def]
    """Return (count, pixels) shares that split each sample between its two nearest pixels, keeping its place."""
    out = np.zeros((count, pixels))
    for s in range(count):
        place = samples[s] - first
        p = math.floor(place)
        fraction = place - p
        if 0 <= p < pixels:
            out[s, p] = 1.0 - fraction
        if 0 <= p + 1 < pixels:
            out[s, p + 1] = fraction
    return out


@njit(cache=True, error_model="numpy", fastmath=FAST)
def deposit(canvas, top, left, down, across, radiance, factor):  # type: ignore[no-untyped-def]
    """Add the samples of ``radiance`` (h, w, bands) to the canvas, each with its shares of rows and columns."""
    rows, columns, bands = radiance.shape
    along = np.empty((rows, across.shape[1]))
    for b in range(bands):
        along[:] = 0.0
        for i in range(rows):
            for j in range(columns):
                value = factor * radiance[i, j, b]
                if value != 0.0:
                    for x in range(across.shape[1]):
                        along[i, x] += value * across[j, x]
        for y in range(down.shape[1]):
            yy = top + y
            if yy < 0 or yy >= canvas.shape[0]:
                continue
            for x in range(across.shape[1]):
                xx = left + x
                if xx < 0 or xx >= canvas.shape[1]:
                    continue
                total = 0.0
                for i in range(rows):
                    total += down[i, y] * along[i, x]
                canvas[yy, xx, b] += total


def deposit_layer(
    canvas: NDArray[np.float64],
    origin: tuple[int, int],
    layer: BodyLayer,
    shaded: Shaded,
    factor: float,
    sigma: float | None,
) -> None:
    """Add a small body to the canvas sample by sample.

    Args:
        canvas: (H, W, bands), updated; its first pixel is the image pixel ``origin``.
        origin: row and column.
        layer: the body's layer.
        shaded: its light.
        factor: on the light.
        sigma: width of the Gaussian, px; None splits each sample linearly between pixels, for a later convolution.
    """
    k = layer.oversample
    rows, columns = layer.coverage.shape
    half = 2 if sigma is None else math.ceil(6.0 * sigma) + 1
    first_row, first_column = layer.row - half, layer.column - half
    v = (layer.fine_row + np.arange(rows) + 0.5) / k - 0.5
    u = (layer.fine_column + np.arange(columns) + 0.5) / k - 0.5
    high, wide = layer.rows + 2 * half, layer.columns + 2 * half
    if sigma is None:
        down, across = linear_shares(v, rows, first_row, high), linear_shares(u, columns, first_column, wide)
    else:
        down = pixel_shares(v, rows, sigma, first_row, high)
        across = pixel_shares(u, columns, sigma, first_column, wide)
    deposit(
        canvas, first_row - origin[0], first_column - origin[1], down, across, shaded.radiance, factor / float(k * k)
    )


def wings_of(psf: PsfModel, half: int = WING_HALF) -> NDArray[np.float64]:
    """Return the (2 half + 1, 2 half + 1) kernel of a PSF's wings alone, sum 1."""
    return replace(psf, wing_fraction=1.0).kernel(2 * half + 1)  # type: ignore[type-var]


def reach_px(psf: PsfModel | None) -> int:
    """Return how far outside the frame light can come from, px."""
    if psf is None:
        return 0
    if psf.measured is not None:
        return int(np.asarray(psf.measured).shape[0] // 2)
    core = discrete_gaussian(psf.sigma_px).size // 2
    return max(core, WING_HALF) if psf.wing_fraction > 0.0 else core
