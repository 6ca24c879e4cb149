"""Whether a measured disc can be the Earth or the Moon: dark sky around it, and a colour that one of them has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numba import njit

from terraluna.opnav.measure.median import median
from terraluna.opnav.measure.naming import Look
from terraluna.opnav.measure.picture import Bools, Prepared
from terraluna.opnav.measure.types import BodyHint, MeasuredBody
from terraluna.opnav.types import Floats

MOST_RED: Final = -0.30
"""Least mean of (B - R)/(R + G + B). The reddest soils of the Moon reflect 1.6 times more at 650 than at 450 nm, which
is -0.15; cameras that aren't balanced are allowed as much again. An eclipsed Moon may be redder, and is refused."""

MOST_BLUE: Final = 0.46
"""Its largest value: pure Rayleigh scattering, (650/450)^4 = 4.35 times more light at 450 than at 650 nm."""

MOST_GREEN: Final = 0.30
"""Largest (2 G - R - B)/(2 (R + G + B)) either way. Neither body is green or purple, but cameras may make them so:
Longjiang-2's pictures have -0.25."""

_DARK: Final = 0.1
"""Sky is within this share of the rim's brightness of the sky's level: within 0.04 on real and rendered frames."""

_LEAST_DARK: Final = 0.85
"""Least share of the surroundings that is sky: 1.00 on those frames, 0.79 at most on photographs of other things."""

_SECTORS = 72
_RADIAL = 6
_ACROSS = 5
_SIGMAS = 3.0
_CLEAR_PX = 2.0
_KEEP_OFF_PX = 6.0
_BAND_PX = (4.0, 40.0)
_BAND_SHARE = 0.15
_UNKNOWN_BLUR_PX = 2.0

_SIZE_FACTOR = 1.65
"""A mission's geometry may err by this in the radius: a wrong time or a trajectory from memory."""

WELL_KNOWN_DEG: Final = 60.0
"""On a shorter arc the radius may be anything, and the circle of a disc that is mostly outside the frame anywhere."""


def doubt(
    picture: Prepared, body: MeasuredBody, look: Look, others: Sequence[MeasuredBody], hints: Sequence[BodyHint] = ()
) -> str:
    """Why a disc can't be the Earth or the Moon; empty where it can.

    Args:
        picture: where it was measured.
        body: the disc.
        look: its colour.
        others: the other discs of the picture.
        hints: what a mission's geometry expects, in the frame or outside of it.
    """
    if "in_front_of_other" not in body.reasons and sky_share(picture, body, others) < _LEAST_DARK:
        return "no_dark_sky_around"
    if look.chroma < MOST_RED or look.chroma > MOST_BLUE or abs(look.green) > MOST_GREEN:
        return "colour_of_neither"
    # Of one expected body nothing follows: the disc may be the other.
    if {h.name for h in hints} == {"earth", "moon"} and body.arc_deg > WELL_KNOWN_DEG:
        ratios = [max(body.radius / h.radius, h.radius / body.radius) for h in hints]
        if min(ratios) > _SIZE_FACTOR:
            return "not_the_size_expected"
    return ""


def sky_share(picture: Prepared, body: MeasuredBody, others: Sequence[MeasuredBody]) -> float:
    """Share of the directions around a disc in which the picture shows the sky's level just outside; 1 where they
    lie outside the frame."""
    blur = body.edge_sigma_px if np.isfinite(body.edge_sigma_px) else _UNKNOWN_BLUR_PX
    inner = body.radius + 3.0 * blur + _CLEAR_PX
    width = float(np.clip(_BAND_SHARE * body.radius, *_BAND_PX))
    angle = (np.arange(_SECTORS * _ACROSS) + 0.5) * (2.0 * np.pi / (_SECTORS * _ACROSS))
    reach = (inner + width * (np.arange(_RADIAL) + 0.5) / _RADIAL)[:, None]
    x, y = body.x + reach * np.cos(angle), body.y + reach * np.sin(angle)
    seen, light = _values(picture, x, y)
    enclosed = False
    for other in others:
        outside = np.hypot(x - other.x, y - other.y) > other.radius + _KEEP_OFF_PX
        enclosed |= bool(seen.any() and other.arc_deg > WELL_KNOWN_DEG and not (seen & outside).any())
        seen &= outside
    level = _sector_levels(
        (light - picture.sky).reshape(_RADIAL, _SECTORS, _ACROSS), seen.reshape(_RADIAL, _SECTORS, _ACROSS)
    )
    known = np.isfinite(level)
    if not known.any():
        # A disc all of whose surroundings belong to another is part of it.
        return 0.0 if enclosed else 1.0
    if not len(body.limb_points):
        return 1.0
    pixels = min(_RADIAL * _ACROSS, width * 2.0 * np.pi * inner / _SECTORS)
    allowed = _DARK * _rim_level(picture, body, blur) + _SIGMAS * picture.noise / np.sqrt(pixels)
    return float(np.mean(np.abs(level[known]) < allowed))


@njit(nogil=True, cache=True)
def _sector_levels(light: Floats, seen: Bools) -> Floats:
    """Median (sectors,) of the seen light (radial, sectors, across); NaN where less than half of it is seen."""
    radial, sectors, across = light.shape
    level = np.full(sectors, np.nan)
    values = np.empty(radial * across)
    for k in range(sectors):
        n = 0
        for i in range(radial):
            for j in range(across):
                if seen[i, k, j]:
                    values[n] = light[i, k, j]
                    n += 1
        if 2 * n >= radial * across:
            level[k] = median(values[:n])
    return level


def _rim_level(picture: Prepared, body: MeasuredBody, blur: float) -> float:
    """Median light above the sky just inside the points on the limb."""
    offset = body.limb_points - [body.x, body.y]
    depth = min(2.0 * blur + 1.0, 0.3 * body.radius)
    points = body.limb_points - offset * (depth / np.maximum(np.hypot(*offset.T), 1e-9))[:, None]
    seen, light = _values(picture, points[:, 0], points[:, 1])
    return max(median(light[seen]) - picture.sky, 0.0) if seen.any() else 0.0


def _values(picture: Prepared, x: Floats, y: Floats) -> tuple[Bools, Floats]:
    """Which of some places are good pixels, and the light of the nearest ones."""
    h, w = picture.light.shape
    column, row = np.rint(x), np.rint(y)
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    column, row = np.clip(column, 0, w - 1).astype(int), np.clip(row, 0, h - 1).astype(int)
    return inside & ~picture.bad[row, column], picture.light[row, column]
