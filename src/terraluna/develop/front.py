"""A disc in front of another, which has no sky about it."""

from __future__ import annotations

from typing import Final

import numpy as np

from terraluna.develop.disc import Disc, Floats, Mask
from terraluna.develop.limb import refine

_FRONT_COVERAGE: Final = 0.6
"""Share of the circumference that must show an edge before a disc is believed to stand in front of another."""


def find_front(
    image: Floats, behind: Disc, bad: Mask, sky: float, noise: float, ratio: float | None = None
) -> Disc | None:
    """A disc that stands in front of ``behind``: the circle on which most edges of the picture agree.

    Args:
        image: (H, W) linear.
        behind: the larger disc.
        bad: (H, W) pixels not to use.
        sky: level of the sky.
        noise: its scatter.
        ratio: radius over that of ``behind``, if it is known.
    """
    from scipy.ndimage import gaussian_filter

    if behind.radius < 20.0 or behind.arc_deg < 120.0:
        return None
    step = max(1, int(behind.radius // 80))
    small = _binned(np.where(bad, sky, image), step)
    cx, cy, r = ((v - (step - 1) / 2.0) / step for v in (behind.x, behind.y, behind.radius + (step - 1) / 2.0))
    smooth = gaussian_filter(small, 1.0)
    gy, gx = np.gradient(smooth)
    strength = np.hypot(gx, gy)
    rows, columns = np.mgrid[: small.shape[0], : small.shape[1]]
    inner = np.hypot(columns - cx, rows - cy) < r - 3.0
    if inner.sum() < 50:
        return None
    cut = max(float(np.percentile(strength[inner], 80)), 4.0 * noise / step)
    edge = inner & (strength > cut)
    px, py = columns[edge].astype(float), rows[edge].astype(float)
    ux, uy = gx[edge] / strength[edge], gy[edge] / strength[edge]
    radii = np.arange(max(5.0, 0.15 * r), 0.75 * r, 1.0) if ratio is None else ratio * r * np.array([0.98, 1.0, 1.02])
    best, best_score = None, 0.0
    for radius in radii:
        votes = np.zeros(small.shape)
        # What is behind may be darker or brighter than the limb: the gradient points out of the circle or into it.
        for sign in (1.0, -1.0):
            vx, vy = np.rint(px - sign * radius * ux).astype(int), np.rint(py - sign * radius * uy).astype(int)
            ok = (vx >= 0) & (vx < small.shape[1]) & (vy >= 0) & (vy < small.shape[0])
            np.add.at(votes, (vy[ok], vx[ok]), 1.0)
        votes = gaussian_filter(votes, 1.2) / radius
        row, column = divmod(int(np.argmax(votes)), len(small[0]))
        if votes[row, column] > best_score:
            best, best_score = (float(column), float(row), float(radius)), float(votes[row, column])
    if best is None:
        return None
    x, y, radius = (v * step + (step - 1) / 2.0 for v in best)
    start = Disc("unknown", x, y, radius, 0.0, 0.0)
    found = refine(image, start, bad, sky, front=True, reach=max(4.0, 2.5 * step))
    if found is None or found.arc_deg < 360.0 * _FRONT_COVERAGE or found.rms_px > max(0.3, 0.004 * found.radius):
        return None
    return None if abs(found.radius / radius - 1.0) > 0.05 or found.radius < 5.0 else found


def _binned(image: Floats, step: int) -> Floats:
    h, w = (n // step * step for n in image.shape)
    return np.asarray(image[:h, :w].reshape(h // step, step, w // step, step).mean(axis=(1, 3)), dtype=np.float64)
