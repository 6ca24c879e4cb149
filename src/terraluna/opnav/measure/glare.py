"""Sources without a limb: overexposed ones with their glare, and bodies too small to resolve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from terraluna.opnav.measure.contours import components
from terraluna.opnav.measure.picture import Prepared
from terraluna.opnav.measure.types import BodyHint, BodyLabel, MeasuredBody
from terraluna.opnav.types import Floats

_CORE_AREA = 80
"""Least saturated pixels of a core: stars and hot pixels stay below."""

_CORE_SHARE = 0.5
"""Least share of all saturated pixels in the core: white things in photographs are many."""

_WING_RADII = (1.3, 2.0)
_WING = 0.3
"""Least light at the farther of these radii over the nearer: glare has wings (0.6 on a real frame), a drawing none."""


def find_glare(picture: Prepared) -> list[MeasuredBody]:
    """The largest overexposed source: the centroid of its saturated core, ``degraded`` and without a name.

    Its radius is that of the core, which glare and blooming widen; the covariance takes all of it as uncertain.
    """
    from scipy import ndimage

    core = picture.full & ~picture.bad
    if np.count_nonzero(core) < _CORE_AREA:
        return []
    labels, count = ndimage.label(core)
    area = np.bincount(labels.ravel())[1:]
    k = int(np.argmax(area)) + 1
    if count == 0 or area[k - 1] < max(_CORE_AREA, _CORE_SHARE * area.sum()):
        return []
    rows, columns = np.nonzero(labels == k)
    h, w = picture.light.shape
    if rows.min() <= 3 or columns.min() <= 3 or rows.max() >= h - 4 or columns.max() >= w - 4:
        # A core at the frame's edge has its centre anywhere.
        return []
    radius = float(np.sqrt(area[k - 1] / np.pi))
    near, far = (_ring_level(picture, float(columns.mean()), float(rows.mean()), f * radius) for f in _WING_RADII)
    if not far > _WING * near:
        return []
    variance = (0.5 * radius) ** 2
    return [
        _body(
            "unknown", float(columns.mean()), float(rows.mean()), radius, variance, ("overexposed", "glare", "centroid")
        )
    ]


def _ring_level(picture: Prepared, x: float, y: float, radius: float) -> float:
    """Mean light above the sky on a circle, NaN where none of it is in the frame."""
    angle = np.arange(0.0, 2.0 * np.pi, 1.0 / max(radius, 1.0))
    column, row = np.rint(x + radius * np.cos(angle)).astype(int), np.rint(y + radius * np.sin(angle)).astype(int)
    h, w = picture.light.shape
    seen = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    return float(picture.light[row[seen], column[seen]].mean()) - picture.sky if seen.any() else float("nan")


def unresolved(picture: Prepared, hints: Sequence[BodyHint]) -> list[MeasuredBody]:
    """Bodies predicted as too small for a limb: the brightest sources, by phase-corrected centroid.

    Taken only where the frame holds at least as many sources as bodies are expected; all are ``degraded``.
    """
    small = [h for h in hints if h.radius < 6.0]
    sources = [c for c in components(picture, least_area=3) if c.area < 40.0 + 12.0 * np.pi * 36.0]
    sources = sorted(sources, key=lambda c: -float(c.centroid[2]))[: len(small)]
    if not small or len(sources) < len(small):
        return []
    # Earth outshines the Moon at equal distance 40 to 1 by disc and albedo; sizes settle the rest.
    wanted = sorted(small, key=lambda h: -(h.radius**2) * (2.5 if h.name == "earth" else 1.0))
    out = []
    for hint, source in zip(wanted, sources, strict=True):
        x, y = float(source.centroid[0]), float(source.centroid[1])
        reasons = ["unresolved", "centroid"]
        if hint.phase_rad is not None and hint.sun_angle_rad is not None:
            shift = centroid_offset(hint.phase_rad) * hint.radius
            x -= shift * float(np.cos(hint.sun_angle_rad))
            y -= shift * float(np.sin(hint.sun_angle_rad))
            reasons.append("phase_corrected")
        if source.saturated > 0.0:
            reasons.append("overexposed")
        variance = 0.1**2 + (0.15 * hint.radius) ** 2
        out.append(_body(hint.name, x, y, hint.radius, variance, tuple(reasons)))
    return out


def centroid_offset(phase_rad: float) -> float:
    """Centre of brightness of a Lambert sphere from its centre toward the Sun, in radii.

    With the flux F = ((pi - g) cos g + sin g)/pi of unit value at full phase it is 3/16 sin g (1 + cos g)/F, from
    integrating brightness and first moment over the lit part in closed form.
    """
    g = float(np.clip(phase_rad, 0.0, np.pi - 1e-6))
    flux = ((np.pi - g) * np.cos(g) + np.sin(g)) / np.pi
    return float(3.0 / 16.0 * np.sin(g) * (1.0 + np.cos(g)) / flux)


def _body(
    name: BodyLabel, x: float, y: float, radius: float, variance: float, reasons: tuple[str, ...]
) -> MeasuredBody:
    empty: Floats = np.zeros((0, 2))
    covariance = np.diag([variance, variance, max(variance, radius**2)])
    nan = float("nan")
    return MeasuredBody(
        name,
        x,
        y,
        radius,
        covariance,
        empty,
        np.zeros((0, 2, 2)),
        np.zeros(0),
        None,
        nan,
        0.0,
        nan,
        nan,
        nan,
        "centroid",
        "degraded",
        reasons,
    )
