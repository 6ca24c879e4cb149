"""Which disc is the Earth and which the Moon: colour, texture, brightness, depth order, or a mission's geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np

from terraluna.opnav.measure.median import quantile
from terraluna.opnav.measure.picture import Prepared, good_within
from terraluna.opnav.measure.types import BodyHint, BodyLabel
from terraluna.opnav.types import Floats

CHROMA_SPREAD: Final = 0.033
"""Scatter of (B - R)/(R + G + B) over a disc: clouds against ocean exceed it, the Moon's soils stay far below."""

CHROMA_SHIFT: Final = 0.03
"""Two discs of one frame that differ by more in that mean have different colours: the bluer is the Earth."""

TEXTURE: Final = 0.18
"""Scatter of the brightness from place to place over its mean: clouds exceed it."""

BRIGHTER: Final = 1.35
"""Of two discs without colour the one that is brighter by this is the Earth (whole-disc albedo 0.3 against 0.12)."""

SURE: Final = 0.8
"""Evidence from which a disc, or a difference of two, is named."""

_INNER = 0.8
"""Features are taken within this share of the radius, away from the limb's blur."""

_RIM_PX = 12.0
_PIXELS = 5_000.0
_NIGHT_SIGMAS = 5.0

_HINT_SHIFT = 0.25
"""A hint names a disc if radius agrees to this share, or the only disc does to twice it."""


@dataclass(frozen=True)
class Look:
    """What a disc looks like.

    Attributes:
        chroma: mean of (B - R)/(R + G + B), NaN without colour.
        chroma_spread: its scatter over the disc.
        texture: scatter of the brightness after a smooth trend, over the mean.
        brightness: mean light above the sky of the lit part.
        pixels: lit pixels that were used.
        green: mean of (2 G - R - B)/(2 (R + G + B)), NaN without colour.
    """

    chroma: float
    chroma_spread: float
    texture: float
    brightness: float
    pixels: int
    green: float = np.nan


def look_at(picture: Prepared, x: float, y: float, radius: float, others: Floats) -> Look:
    """Colour and texture of a disc, from some 5,000 of its lit pixels; ``others`` (m, 3) are left out."""
    # A disc that is mostly outside the frame may show no more than its rim.
    column, row, light = good_within(picture, x, y, max(radius * _INNER, radius - _RIM_PX), _PIXELS)
    for ox, oy, orad in others:
        clear = (column - ox) ** 2 + (row - oy) ** 2 > orad * orad
        column, row, light = column[clear], row[clear], light[clear]
    if len(column) < 12:
        return Look(np.nan, np.nan, np.nan, np.nan, 0)
    # Of a thin crescent most of the disc is night: its noise is no surface.
    lit = light > max(0.3 * quantile(light, 0.9), _NIGHT_SIGMAS * picture.noise)
    values, column, row = light[lit], column[lit], row[lit]
    count = len(values)
    if count < 12:
        return Look(np.nan, np.nan, np.nan, np.nan, count)
    # Shading from terminator to limb is smooth: a quadratic surface takes it up.
    u, v = (column - x) / radius, (row - y) / radius
    design = np.column_stack((np.ones(count), u, v, u * u, u * v, v * v))
    normal = design.T @ design + 1e-9 * count * np.eye(6)
    trend = design @ np.linalg.solve(normal, design.T @ values)
    texture = float(np.std(values - trend) / np.mean(values))
    chroma = spread = green = np.nan
    if picture.colour is not None:
        rgb = picture.colour[row, column].astype(np.float64)
        clear = ~picture.full[row, column]
        if np.count_nonzero(clear) < 12 and np.isfinite(picture.saturation):
            # One full colour leaves the others: the disc is at least as colourful as it shows.
            clear = rgb.min(axis=1) < 0.9 * picture.saturation
        if np.count_nonzero(clear) >= 12:
            c = rgb[clear]
            total = np.maximum(c.sum(axis=1), 1.0)
            ratio = (c[:, 2] - c[:, 0]) / total
            chroma = float(np.mean(ratio))
            green = float(np.mean(1.5 * c[:, 1] / total - 0.5))
            spread = float(1.4826 * np.median(np.abs(ratio - np.median(ratio))))
            if not float(np.ptp(c, axis=1).max()) > 2.0:
                chroma = spread = green = np.nan  # grey stored as colour
    return Look(chroma, spread, texture, float(np.mean(values)), count, green)


def look_score(look: Look) -> float:
    """Evidence for the Earth (positive) or the Moon from one disc alone."""
    s = 0.0
    if np.isfinite(look.chroma_spread):
        s += 2.0 * float(np.clip(np.log(max(look.chroma_spread, 1e-4) / CHROMA_SPREAD), -1.0, 1.0))
    if np.isfinite(look.texture):
        s += float(np.clip(1.5 * np.log(max(look.texture, 1e-4) / TEXTURE), -1.0, 1.0))
    return s


def name_by_look(looks: Sequence[Look]) -> tuple[list[BodyLabel], list[str]]:
    """Names from looks alone, with what they rest on.

    Args:
        looks: one a disc.

    Returns:
        Names (``unknown`` where the evidence is thin) and the kind of evidence, "" where there is none.
    """
    names: list[BodyLabel] = ["unknown"] * len(looks)
    evidence = [""] * len(looks)
    score = [look_score(look) for look in looks]
    if len(looks) == 2 and all(n.pixels for n in looks):
        a, b = looks
        if np.isfinite(a.chroma) and np.isfinite(b.chroma) and abs(a.chroma - b.chroma) > CHROMA_SHIFT:
            shift = 1.0 if a.chroma > b.chroma else -1.0
            score[0] += shift
            score[1] -= shift
        if max(a.brightness, b.brightness) > BRIGHTER * min(a.brightness, b.brightness):
            shift = 0.7 if a.brightness > b.brightness else -0.7
            score[0] += shift
            score[1] -= shift
        # There is one of each: the difference decides.
        lead = score[0] - score[1]
        if abs(lead) > SURE:
            names = ["earth", "moon"] if lead > 0.0 else ["moon", "earth"]
            return names, ["colour_and_texture"] * 2
        return names, evidence
    order = np.argsort([-abs(s) for s in score], kind="stable")
    for i in order:
        label: BodyLabel = "earth" if score[i] > 0.0 else "moon"
        if abs(score[i]) > SURE and label not in names:
            names[i], evidence[i] = label, "colour_and_texture"
    return names, evidence


def name_by_hint(discs: Sequence[tuple[float, float, float]], hints: Sequence[BodyHint]) -> list[BodyLabel]:
    """Names by the radii and the separation that a mission's geometry predicts; pointing errors don't matter."""
    names: list[BodyLabel] = ["unknown"] * len(discs)
    best = np.inf
    chosen: tuple[tuple[int, int], ...] = ()
    count = min(len(discs), len(hints))
    for picked in permutations(range(len(discs)), count):
        for used in permutations(range(len(hints)), count):
            cost = 0.0
            for i, k in zip(picked, used, strict=True):
                cost += abs(np.log(discs[i][2] / hints[k].radius)) / _HINT_SHIFT
            if count == 2:
                found = np.subtract(discs[picked[1]][:2], discs[picked[0]][:2])
                wanted = np.subtract((hints[used[1]].x, hints[used[1]].y), (hints[used[0]].x, hints[used[0]].y))
                size = max(float(np.hypot(*wanted)), 10.0)
                # Length counts more than direction: a roll is easily wrong.
                cost += abs(np.log(max(float(np.hypot(*found)), 1.0) / size)) / _HINT_SHIFT
                cost += 0.2 * float(np.hypot(*(found - wanted))) / size
            if cost < best:
                best, chosen = cost, tuple(zip(picked, used, strict=True))
    if best < 2.0 * max(count, 1) * 2.0:
        for i, k in chosen:
            if abs(np.log(discs[i][2] / hints[k].radius)) < 2.0 * _HINT_SHIFT:
                names[i] = hints[k].name
    return names
