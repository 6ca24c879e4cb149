"""Points of light in a picture: background, sub-pixel centroids with covariance, and what only looks like a star.

The background and its noise are medians over tiles, so that glare raises the threshold where it lies. A centroid is the
fixed point of a Gaussian-weighted mean, iterated (as SExtractor's XWIN, Bertin & Arnouts 1996): close to a fit of the
profile, at a fraction of the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.opnav.types import Floats

_TILE: Final = 64
_STRIDE: Final = 5
_LUMA: Final = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601, as JPEG's Y: the one channel that is not subsampled."""

_TURNS: Final = 12
_MARGIN: Final = 3


@dataclass(frozen=True, eq=False)
class Detections:
    """Points of light, highest signal-to-noise first; each field (n,) unless said otherwise.

    Attributes:
        pixels: (n, 2) centroids, x right, y down.
        covariance_px2: (n, 2, 2).
        flux_dn: light above the background within the window.
        snr: flux over its noise.
        saturated: whether the peak reaches the largest DN.
        free_share: share of the frame that was searched.
    """

    pixels: Floats
    covariance_px2: Floats
    flux_dn: Floats
    snr: Floats
    saturated: NDArray[np.bool_]
    free_share: float

    @property
    def sigma_px(self) -> Floats:
        """Standard deviation per axis (n,): root of half the trace."""
        return np.asarray(np.sqrt(0.5 * np.trace(self.covariance_px2, axis1=1, axis2=2)))


@dataclass(frozen=True)
class ExtractOptions:
    """How to look for points of light.

    Attributes:
        psf_sigma_px: width of a star, as a Gaussian.
        threshold: smallest signal-to-noise of the 3x3 px around the peak.
        gain_e_dn: electrons a DN, for the noise of bright stars.
        noise_floor_dn: least noise of a pixel; whole numbers have 0.29, a JPEG of a dark sky hides the rest.
        centroid_floor_px: error that no light cures (pixel response, JPEG), per axis.
        saturation_dn: largest DN; None where the picture's maximum isn't one.
        widest: largest width of a star's long axis over ``psf_sigma_px``; trails and limbs are wider.
        sharpest: least share of the 3x3 px' light outside the peak; a hot pixel or a cosmic ray has less.
        ring_px: within this distance of a brighter star ...
        ring_share: ... what has less than this share of its flux is ringing or halo.
        most: number of detections to return.
    """

    psf_sigma_px: float = 1.0
    threshold: float = 6.0
    gain_e_dn: float = 1.0
    noise_floor_dn: float = 0.3
    centroid_floor_px: float = 0.05
    saturation_dn: float | None = None
    widest: float = 2.5
    sharpest: float = 0.25
    ring_px: float = 14.0
    ring_share: float = 0.04
    most: int = 200


@njit(cache=True)
def _tiles(image, mask, floor):  # type: ignore[no-untyped-def]
    """Median and noise of each tile; NaN where fewer than a tenth of its samples are free."""
    rows, cols = (image.shape[0] + _TILE - 1) // _TILE, (image.shape[1] + _TILE - 1) // _TILE
    level, noise = np.full((rows, cols), np.nan), np.full((rows, cols), np.nan)
    buffer = np.empty(((_TILE // _STRIDE) + 1) ** 2)
    for r in range(rows):
        for c in range(cols):
            n = 0
            for y in range(r * _TILE + 2, min(image.shape[0], (r + 1) * _TILE), _STRIDE):
                for x in range(c * _TILE + 2, min(image.shape[1], (c + 1) * _TILE), _STRIDE):
                    if not mask[y, x]:
                        buffer[n] = image[y, x]
                        n += 1
            if n < 16:
                continue
            middle = np.median(buffer[:n])
            dev = np.abs(buffer[:n] - middle)
            spread = 1.4826 * np.median(dev)
            if spread <= floor:
                # A JPEG's dark tiles are flat but for a few steps: the median deviation is 0, the mean one isn't.
                spread = 0.0
                for k in range(n):
                    spread += 1.2533 * min(dev[k], 4.0) / n
            level[r, c] = middle
            noise[r, c] = max(spread, floor)
    return level, noise


@njit(cache=True)
def _at(grid, y, x):  # type: ignore[no-untyped-def]
    """Tile values, taken linearly between the tiles' middles."""
    gy = min(max((y - 0.5 * (_TILE - 1)) / _TILE, 0.0), grid.shape[0] - 1.0)
    gx = min(max((x - 0.5 * (_TILE - 1)) / _TILE, 0.0), grid.shape[1] - 1.0)
    r, c = min(int(gy), max(0, grid.shape[0] - 2)), min(int(gx), max(0, grid.shape[1] - 2))
    r1, c1 = min(r + 1, grid.shape[0] - 1), min(c + 1, grid.shape[1] - 1)
    fy, fx = gy - r, gx - c
    top = grid[r, c] * (1.0 - fx) + grid[r, c1] * fx
    low = grid[r1, c] * (1.0 - fx) + grid[r1, c1] * fx
    return top * (1.0 - fy) + low * fy


@njit(cache=True)
def _peaks(image, mask, level, noise, threshold, sharpest, most):  # type: ignore[no-untyped-def]
    """Pixels (n, 2) that are the highest of their 5x5 and whose 3x3 stands above the noise."""
    out = np.empty((most, 2), np.int64)
    count = 0
    height, width = image.shape
    cut = np.empty(width)
    for y in range(_MARGIN, height - _MARGIN):
        # The highest of nine pixels is at least their mean. Between the middles of tiles the cut changes slowly: one
        # value for eight pixels and four rows, and a little less than the mean.
        if y % 4 == 0 or y == _MARGIN:
            for x0 in range(0, width, 8):
                value = _at(level, y, x0 + 3.5) + 0.3 * threshold * _at(noise, y, x0 + 3.5)
                for x in range(x0, min(width, x0 + 8)):
                    cut[x] = value
        for x in range(_MARGIN, width - _MARGIN):
            v = image[y, x]
            if v <= cut[x] or v < image[y, x - 1] or v <= image[y, x + 1] or v < image[y - 1, x]:
                continue
            if v <= image[y + 1, x] or mask[y, x]:
                continue
            base, sigma = _at(level, y, x), _at(noise, y, x)
            total, ring, clear = 0.0, 0.0, True
            for dy in range(-2, 3):
                for dx in range(-2, 3):
                    w = image[y + dy, x + dx]
                    later = dy > 0 or (dy == 0 and dx > 0)
                    if mask[y + dy, x + dx] or w > v or (w == v and later and (abs(dx) <= 1 and abs(dy) <= 1)):
                        clear = False
                        break
                    if abs(dx) <= 1 and abs(dy) <= 1:
                        total += w
                    else:
                        ring += w / 16.0
                if not clear:
                    break
            # Above the tile's background, and mostly above the pixels around: an edge or a slope isn't.
            least = threshold * 3.0 * sigma
            if not clear or total - 9.0 * base < least or total - 9.0 * ring < 0.75 * least:
                continue
            # A hot pixel keeps its light to itself, whatever the ground it stands on.
            if total - v - 8.0 * ring < sharpest * (total - 9.0 * ring):
                continue
            if count == most:
                return out[:count]
            out[count, 0], out[count, 1] = x, y
            count += 1
    return out[:count]


@njit(cache=True)
def _centroids(image, mask, level, noise, peaks, sigma_w, gain, floor, saturation):  # type: ignore[no-untyped-def]
    """Rows (n, 8): x, y, var x, var y, cov xy, flux, snr, long axis squared; x NaN where it runs away."""
    out = np.full((peaks.shape[0], 8), np.nan)
    height, width = image.shape
    for k in range(peaks.shape[0]):
        px, py = peaks[k, 0], peaks[k, 1]
        base, sky = _at(level, py, px), _at(noise, py, px)
        # A saturated top is flat and wide: a wider weight finds its middle.
        s = 2.0 * sigma_w if image[py, px] >= saturation else sigma_w
        half = int(np.ceil(3.0 * s)) + 1
        x0, x1, y0, y1 = max(0, px - half), min(width, px + half + 1), max(0, py - half), min(height, py + half + 1)
        x, y = float(px), float(py)
        for _ in range(_TURNS):
            sw, sx, sy = 0.0, 0.0, 0.0
            for j in range(y0, y1):
                for i in range(x0, x1):
                    if not mask[j, i]:
                        w = np.exp(-0.5 * ((i - x) ** 2 + (j - y) ** 2) / (s * s)) * (image[j, i] - base)
                        sw += w
                        sx += w * (i - x)
                        sy += w * (j - y)
            if sw <= 0.0:
                break
            dx, dy = 2.0 * sx / sw, 2.0 * sy / sw
            x += dx
            y += dy
            if abs(x - px) > 2.0 * s + 1.0 or abs(y - py) > 2.0 * s + 1.0:
                sw = -1.0
                break
            if dx * dx + dy * dy < 1e-8:
                break
        if sw <= 0.0:
            continue
        cxx, cyy, cxy, mxx, myy, mxy, flux, var = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(y0, y1):
            for i in range(x0, x1):
                if mask[j, i]:
                    continue
                light, ex, ey = image[j, i] - base, i - x, j - y
                pixel = sky * sky + max(light, 0.0) / gain
                w = np.exp(-0.5 * (ex * ex + ey * ey) / (s * s))
                cxx += w * w * pixel * ex * ex
                cyy += w * w * pixel * ey * ey
                cxy += w * w * pixel * ex * ey
                mxx += w * light * ex * ex
                myy += w * light * ey * ey
                mxy += w * light * ex * ey
                if ex * ex + ey * ey <= 9.0 * s * s:
                    flux += light
                    var += pixel
        if flux <= 0.0:
            continue
        norm = 4.0 / (sw * sw)
        half_sum, half_diff = 0.5 * (mxx + myy) / sw, 0.5 * (mxx - myy) / sw
        long_axis = half_sum + np.sqrt(half_diff**2 + (mxy / sw) ** 2)
        # The weighted moment m of a Gaussian of variance v obeys 1/m = 1/v + 1/s^2.
        inverse = 1.0 / long_axis - 1.0 / (s * s) if long_axis > 0.0 else np.inf
        out[k, 0], out[k, 1] = x, y
        out[k, 2], out[k, 3], out[k, 4] = norm * cxx + floor * floor, norm * cyy + floor * floor, norm * cxy
        out[k, 5], out[k, 6] = flux, flux / np.sqrt(var)
        out[k, 7] = 1.0 / inverse if inverse > 0.0 else np.inf
    return out


def luminance(image: NDArray[np.generic]) -> Floats:
    """One channel (h, w) of a picture (h, w) or (h, w, 3): JPEG's luma.

    Raises:
        InputError: another shape.
    """
    data = np.asarray(image)
    if data.ndim == 3 and data.shape[2] == 3:
        return np.asarray(data @ _LUMA, dtype=np.float64)
    if data.ndim != 2 or min(data.shape) < 16:
        raise InputError(f"a star picture has the shape (height, width) or (height, width, 3), not {data.shape}")
    return np.ascontiguousarray(data, dtype=np.float64)


def extract(
    image: NDArray[np.generic], mask: NDArray[np.bool_] | None = None, options: ExtractOptions | None = None
) -> Detections:
    """Find points of light.

    Args:
        image: (h, w) or (h, w, 3), DN or any linear unit; NaN counts as masked.
        mask: (h, w), True where nothing may be taken for a star; see ``masks``.
        options: see :class:`ExtractOptions`.

    Raises:
        InputError: shapes that don't fit.
    """
    o = options or ExtractOptions()
    data = luminance(image)
    hidden = np.zeros(data.shape, np.bool_) if mask is None else np.asarray(mask, dtype=np.bool_)
    if hidden.shape != data.shape:
        raise InputError(f"the mask has the shape {hidden.shape}, the image {data.shape}; they must agree")
    if data.dtype.kind == "f" and np.isnan(data.sum()):
        hidden = hidden | ~np.isfinite(data)
        data = np.where(hidden, 0.0, data)
    level, noise = _tiles(data, hidden, o.noise_floor_dn)
    share = 1.0 - float(np.count_nonzero(hidden)) / hidden.size
    if not np.isfinite(level).any():
        return _empty(share)
    level, noise = _fill(level), _fill(noise)
    peaks = _peaks(data, hidden, level, noise, o.threshold, o.sharpest, 20 * o.most)
    top = float("inf") if o.saturation_dn is None else 0.97 * o.saturation_dn
    found = _centroids(data, hidden, level, noise, peaks, o.psf_sigma_px, o.gain_e_dn, o.centroid_floor_px, top)
    saturated = data[peaks[:, 1], peaks[:, 0]] >= top
    narrow = (found[:, 7] <= (o.widest * o.psf_sigma_px) ** 2) | saturated
    good = np.flatnonzero(np.isfinite(found[:, 0]) & narrow)
    order = good[np.argsort(-found[good, 6], kind="stable")]
    keep = order[_apart(found[order], o.ring_px, o.ring_share)][: o.most]
    f = found[keep]
    cov = np.stack([f[:, 2], f[:, 4], f[:, 4], f[:, 3]], axis=1).reshape(-1, 2, 2)
    return Detections(f[:, :2].copy(), cov, f[:, 5].copy(), f[:, 6].copy(), saturated[keep], share)


def _empty(share: float) -> Detections:
    none = np.zeros(0)
    return Detections(np.zeros((0, 2)), np.zeros((0, 2, 2)), none, none, np.zeros(0, np.bool_), share)


def _fill(grid: Floats) -> Floats:
    """Medians over 3x3 tiles, so that a star or a body's edge doesn't raise a tile; gaps take the median of all."""
    padded = np.pad(np.where(np.isfinite(grid), grid, np.nanmedian(grid)), 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.ascontiguousarray(np.median(windows, axis=(2, 3)))


@njit(cache=True)
def _apart(found: Floats, ring: float, share: float) -> NDArray[np.int64]:
    """Indices, in order, of those that are neither a second peak of a stronger one nor its ringing."""
    keep = np.empty(found.shape[0], np.int64)
    count = 0
    for k in range(found.shape[0]):
        good = True
        for m in range(count):
            j = keep[m]
            d = (found[k, 0] - found[j, 0]) ** 2 + (found[k, 1] - found[j, 1]) ** 2
            if d < 9.0 or (d < ring * ring and found[k, 5] < share * found[j, 5]):
                good = False
                break
        if good:
            keep[count] = k
            count += 1
    return keep[:count]
