"""Local polynomial interpolation between sampled states."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from terraluna.ephemeris.segments import Floats
from terraluna.errors import InputError

Method = Literal["hermite", "lagrange", "linear"]
DEFAULT_DEGREE: Final = 7


class StateInterpolator:
    """States between samples by Hermite or Lagrange polynomials through the nearest samples.

    Divided differences in time measured from the window's middle and scaled by its length, so that high degrees stay
    well conditioned.

    Args:
        ets: (n,) increasing times, TDB seconds past J2000.
        states: (n, 6) km and km/s, or (n, 3) positions alone (then Lagrange, velocity by derivative).
        method: ``hermite`` uses velocities as slopes; ``lagrange`` and ``linear`` treat each column by itself.
        degree: degree of the polynomial; fewer samples lower it.
        what: name for messages.

    Raises:
        InputError: fewer than two samples, times that do not increase, or a value that is not finite.
    """

    def __init__(
        self, ets: Floats, states: Floats, method: Method = "hermite", degree: int = DEFAULT_DEGREE, what: str = "table"
    ) -> None:
        self.ets = np.array(ets, dtype=np.float64)
        self.values = np.array(states, dtype=np.float64)
        if self.values.ndim != 2 or self.values.shape[0] != self.ets.size or self.values.shape[1] not in (3, 6):
            raise InputError(
                f"{what}: {self.ets.size} times with samples of shape {self.values.shape}: give n x 6 or n x 3"
            )
        if self.ets.size < 2:
            raise InputError(f"{what}: one sample is no trajectory; give two or more")
        if not (np.isfinite(self.ets).all() and np.isfinite(self.values).all()):
            row = int(np.flatnonzero(~(np.isfinite(self.ets) & np.isfinite(self.values).all(axis=1)))[0])
            raise InputError(f"{what}: sample {row + 1} holds a value that is not a finite number")
        if (np.diff(self.ets) <= 0.0).any():
            row = int(np.flatnonzero(np.diff(self.ets) <= 0.0)[0])
            raise InputError(f"{what}: the time of sample {row + 2} is not later than the one before; sort the samples")
        if degree < 1:
            raise InputError(f"{what}: an interpolation degree of {degree} is not possible; use 1 or more")
        if method not in ("hermite", "lagrange", "linear"):
            raise InputError(f"{what}: the interpolation {method!r} is not known; use hermite, lagrange or linear")
        if method == "hermite" and degree % 2 == 0:
            raise InputError(f"{what}: a Hermite polynomial has an odd degree, not {degree}")
        self.hermite = method == "hermite" and self.values.shape[1] == 6
        degree = 1 if method == "linear" else degree
        self.points = min((degree + 1) // 2 if self.hermite else degree + 1, self.ets.size)

    def __call__(self, ets: Floats) -> Floats:
        """States (n, 6) at times that lie between the first and the last sample."""
        starts = self._windows(ets)
        out = np.empty((ets.size, 6))
        for start in np.unique(starts):
            chosen = starts == start
            out[chosen] = self._polynomial(int(start), ets[chosen])
        return out

    def _windows(self, ets: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
        left = np.searchsorted(self.ets, ets, side="right") - 1
        if self.points % 2 == 0:
            start = left - self.points // 2 + 1
        else:
            last = self.ets.size - 1
            near_right = ets - self.ets[np.clip(left, 0, last)] > self.ets[np.clip(left + 1, 0, last)] - ets
            start = left + near_right - self.points // 2
        return np.clip(start, 0, self.ets.size - self.points)

    def _polynomial(self, start: int, ets: Floats) -> Floats:
        window = slice(start, start + self.points)
        nodes, values = self.ets[window], self.values[window]
        origin = 0.5 * (nodes[0] + nodes[-1])
        scale = max(0.5 * (nodes[-1] - nodes[0]), 1e-9)
        x, t = (nodes - origin) / scale, (ets - origin) / scale
        if self.hermite:
            place, slope = _newton(np.repeat(x, 2), np.repeat(values[:, :3], 2, axis=0), t, values[:, 3:] * scale)
        else:
            place, slope = _newton(x, values, t, None)
        if place.shape[1] == 6:
            return place
        return np.concatenate([place, slope / scale], axis=1)


def _newton(x: Floats, values: Floats, t: Floats, slopes: Floats | None) -> tuple[Floats, Floats]:
    """Newton's polynomial and its derivative; with ``slopes`` each node counts twice (Hermite)."""
    table = values.copy()
    n = x.size
    coefficients = [table[0].copy()]
    for order in range(1, n):
        dx = x[order:] - x[:-order]
        with np.errstate(divide="ignore", invalid="ignore"):
            table = (table[1:] - table[:-1]) / dx[:, None]
        if slopes is not None and order == 1:
            table[0::2] = slopes
        coefficients.append(table[0].copy())
    place = np.zeros((t.size, values.shape[1]))
    slope = np.zeros_like(place)
    for k in range(n - 1, -1, -1):
        step = (t - x[k])[:, None]
        slope = slope * step + place
        place = place * step + coefficients[k]
    return place, slope
