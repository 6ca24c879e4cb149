"""The limb of a disc whose place is nearly known: edges along rays over its lit side."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from terraluna.develop.circle import robust_circle
from terraluna.develop.disc import Disc, Floats, Mask

_RAYS: Final = 720
_LEAST_ARC_DEG: Final = 60.0
_TERMINATOR_OFFSET: Final = 0.04
"""Centre of light off the centre of the disc, over the radius, from which the far side is taken for a terminator:
about 8 degrees of phase; spots on a full disc shift the centre of light by less."""


def refine(
    image: Floats, disc: Disc, bad: Mask, sky: float, *, front: bool = False, reach: float | None = None
) -> Disc | None:
    """Sub-pixel circle from the edges along rays from the centre; None if too little limb is lit.

    Args:
        image: (H, W) linear.
        disc: start.
        bad: (H, W) pixels not to use.
        sky: level of the sky.
        front: the disc stands before a brighter one, so its edge may rise or fall.
        reach: how far from the start the edge may lie, px.
    """
    found: Disc | None = None
    start = disc
    for turn in range(5):
        half = (reach if reach is not None and turn == 0 else 0.0) or float(np.clip(0.04 * start.radius, 2.5, 8.0))
        edges = _edges(image, start, bad, sky, half, front)
        fitted = None if edges is None else robust_circle(*edges)
        if fitted is None:
            break
        (x, y, radius), rms, arc = fitted
        if not (np.isfinite([x, y, radius]).all() and 1.0 < radius < 10.0 * max(image.shape)):
            break
        found = replace(disc, x=x, y=y, radius=radius, rms_px=rms, arc_deg=arc, front=front)
        start = found
    if found is None or found.arc_deg < _LEAST_ARC_DEG or found.rms_px > max(0.5, 0.02 * found.radius):
        return None
    return found


def _edges(image: Floats, disc: Disc, bad: Mask, sky: float, half: float, front: bool) -> tuple[Floats, Floats] | None:
    """Edge points (n, 2) and their angles (n,) along rays over the lit limb."""
    from scipy.ndimage import map_coordinates

    x, y, radius = disc.x, disc.y, disc.radius
    t = np.linspace(0.0, 2.0 * np.pi, int(np.clip(12 * radius, 72, _RAYS)), endpoint=False)
    s = np.arange(-half, half + 1e-9, 0.25)
    columns = x + (radius + s)[None, :] * np.cos(t)[:, None]
    rows = y + (radius + s)[None, :] * np.sin(t)[:, None]
    inside = (columns > 1) & (columns < image.shape[1] - 2) & (rows > 1) & (rows < image.shape[0] - 2)
    usable = inside.all(axis=1)
    ci = np.clip(np.rint(columns).astype(int), 0, image.shape[1] - 1)
    ri = np.clip(np.rint(rows).astype(int), 0, image.shape[0] - 1)
    usable &= ~bad[ri, ci].any(axis=1)
    if not front:
        light = light_direction(image, disc, bad, sky)
        if light is not None:
            usable &= np.cos(t - light) > np.cos(np.radians(80.0))
    profile = map_coordinates(image, [rows, columns], order=1, mode="nearest") - sky
    slope = -np.gradient(profile, axis=1)
    drop = np.abs(slope) if front else np.maximum(slope, 0.0)
    # The steepest place and its neighbourhood: texture further off must not pull the edge.
    peak = s[np.argmax(drop, axis=1)]
    weight = drop * (np.abs(s[None, :] - peak[:, None]) <= 1.5)
    total = weight.sum(axis=1)
    usable &= (total > 0.0) & (np.abs(peak) < half - 0.5)
    if usable.sum() < 8:
        return None
    top = drop.max(axis=1)
    usable &= top > 0.15 * float(np.percentile(top[usable], 80))
    edge = np.divide((weight * s).sum(axis=1), total, out=np.zeros_like(total), where=total > 0.0)
    points = np.column_stack([x + (radius + edge) * np.cos(t), y + (radius + edge) * np.sin(t)])
    return points[usable], t[usable]


def light_direction(
    image: Floats, disc: Disc, bad: Mask, sky: float, least: float = _TERMINATOR_OFFSET
) -> float | None:
    """Direction (from +x toward +y, rad) of the centre of light from the disc's centre.

    None for a full disc: the centre of light is less than ``least`` radii off.
    """
    r = disc.radius + 2.0
    left, top = max(int(disc.x - r), 0), max(int(disc.y - r), 0)
    box = image[top : max(int(disc.y + r) + 2, 0), left : max(int(disc.x + r) + 2, 0)]
    if box.size == 0:
        return None
    rows, columns = np.mgrid[top : top + box.shape[0], left : left + box.shape[1]]
    own = (np.hypot(columns - disc.x, rows - disc.y) < r) & ~bad[top : top + box.shape[0], left : left + box.shape[1]]
    light = np.where(own, np.maximum(box - sky, 0.0), 0.0)
    total = float(light.sum())
    whole = left > 0 and top > 0 and disc.x + r < image.shape[1] and disc.y + r < image.shape[0]
    if total <= 0.0 or not whole:
        return None
    dx = float((light * columns).sum()) / total - disc.x
    dy = float((light * rows).sum()) / total - disc.y
    return float(np.arctan2(dy, dx)) if np.hypot(dx, dy) > least * disc.radius else None
