"""Why nothing was found: the wish that can't be met, or the two that conflict, and how near a miss comes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from terraluna.plan.conditions import All, Any, Condition, Not, Relation, Scalar, solve
from terraluna.plan.search import Grid, sample
from terraluna.plan.windows import Windows
from terraluna.plan.wishes import Wish

_SAMPLES: Final = 4000
_DEPTHS: Final = ("overlap", "covered", "annular", "shadow")
"""Quantities whose value says little to a reader: how much is missing says more."""
_UNITS: Final = {
    "range": (1.0, "km"), "shadow": (1.0, "km"), "frame_margin": (1.0, "px"),
    "slew_rate": (math.degrees(1.0), "deg/s"),
}  # fmt: skip


def explain(wishes: list[Wish], grid: Grid, inside: Windows, resolution_s: float, utc: object) -> str:
    """One line: which wish fails alone, or which two conflict; with the best value that can be had and when.

    Args:
        wishes: as searched.
        grid: the spacecraft's sky.
        inside: the span.
        resolution_s: as searched.
        utc: turns a time into text.
    """
    alone = [solve(wish.condition, grid, inside, resolution_s) for wish in wishes]
    for wish, windows in zip(wishes, alone, strict=True):
        if not windows:
            return f"{wish.key} can't be met: {wish.text}{_nearest(wish, grid, inside, utc)}"
    for i, first in enumerate(wishes):
        for j in range(i + 1, len(wishes)):
            if alone[i] & alone[j]:
                continue
            second = wishes[j]
            text = f"{first.key} ({first.text}) and {second.key} ({second.text}) conflict"
            return text + _nearest(second, grid, alone[i], utc, f" where {first.key} holds")
    for k, wish in enumerate(wishes):
        rest = inside
        for m, other in enumerate(alone):
            if m != k:
                rest = rest & other
        if rest:
            miss = _nearest(wish, grid, rest, utc, " where all the others hold")
            return f"{wish.key} ({wish.text}) conflicts with the other wishes taken together{miss}"
    return "no two wishes conflict, but no moment meets them all, whichever one is left out"


def _nearest(wish: Wish, grid: Grid, inside: Windows, utc: object, where: str = "") -> str:
    """The best achievable value of a wish inside windows, and when; of several ways to fulfil it the nearest."""
    best: tuple[float, float, float, Scalar] | None = None
    for scalar in _scalars(wish.condition):
        value, at = best_value(scalar, grid, inside)
        short = value - scalar.threshold
        short = -short if scalar.relation == "at most" else short
        if math.isfinite(value) and (best is None or short > best[0]):
            best = short, value, at, scalar
    if best is None or (best[3].quantity == "frame_margin" and abs(best[1]) >= 1e6):
        return ""
    short, value, at, scalar = best
    unit, name = _UNITS.get(scalar.quantity, (math.degrees(1.0), "deg"))
    if scalar.quantity in _DEPTHS:
        text = f"{abs(short):,.0f} km short of it" if name == "km" else f"{abs(short) * unit:.4g} {name} short of it"
    elif scalar.quantity == "range" and "px" in wish.text:
        text = f"a range of {value:,.0f} km"
    else:
        text = f"{value * unit:.4g} {name}"
    return f"; nearest miss{where}: {text} at {utc(at)} UTC"  # type: ignore[operator]


def _scalars(condition: Condition, turned: bool = False) -> list[Scalar]:
    """The scalars that say how near a miss is: the first of all that must hold, each of those of which one must."""
    match condition:
        case Scalar():
            other: Relation = "at most" if condition.relation == "at least" else "at least"
            return [replace(condition, relation=other) if turned else condition]
        case Not():
            return _scalars(condition.part, not turned)
        case Any() if not turned:
            return [scalar for part in condition.parts for scalar in _scalars(part)]
        case All() | Any():
            return next((found for part in condition.parts if (found := _scalars(part, turned))), [])
        case _:
            return []


def best_value(scalar: Scalar, grid: Grid, inside: Windows) -> tuple[float, float]:
    """The value of a scalar that comes nearest to its threshold (or goes farthest beyond), and its time."""
    sign = 1.0 if scalar.relation == "at least" else -1.0
    ets = spread(inside, _SAMPLES)
    best, at = -math.inf, float(ets[0])
    step = inside.duration_s / _SAMPLES
    for _ in range(4):
        values = sign * sample(scalar, grid.sky, ets)
        values[~np.isfinite(values)] = -math.inf
        k = int(np.argmax(values))
        if values[k] > best:
            best, at = float(values[k]), float(ets[k])
        near = Windows(((at - step, at + step),)) & inside
        ets = spread(near, 200)
        step /= 50.0
    return sign * best, at


def spread(windows: Windows, count: int) -> np.ndarray:
    """Times spread over windows, about ``count`` in all, the ends of each window among them."""
    total = max(windows.duration_s, 1e-9)
    parts = [np.linspace(a, b, max(2, round(count * (b - a) / total))) for a, b in windows]
    return np.concatenate(parts) if parts else np.zeros(0)
