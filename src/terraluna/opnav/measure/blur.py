"""Blur and brightness of a limb from its own pixels: profiles stacked over sectors and fitted together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.edges import Edges
from terraluna.opnav.measure.picture import Bools
from terraluna.opnav.measure.profile import TABLE_REACH, TABLE_STEP, Air, profile_table
from terraluna.opnav.measure.rim import RimPixels
from terraluna.opnav.types import Floats

_CURVATURE_RIDGE = 3e-5
"""Weight against curvature of the profile beside one pixel's weight, in a profile of height 1."""


def stacked_profile(
    rim: RimPixels, edges: Edges, use: Bools, sectors: int, depth_step: float, reach: tuple[float, float]
) -> tuple[Floats, Floats, Floats]:
    """Mean normalised brightness by sector and depth: grid of depths (m,), means and counts (sectors, m)."""
    grid = np.arange(-reach[1], reach[0] + 1e-9, depth_step)
    mean, count = _stack(
        rim.start, rim.depth, rim.value, rim.full, edges.sky, edges.step, use, sectors, depth_step, reach[1], len(grid)
    )
    return grid, mean, count


@njit(cache=True)
def _stack(
    start: NDArray[np.int64],
    depth: Floats,
    value: Floats,
    full: Bools,
    sky: Floats,
    height: Floats,
    use: Bools,
    sectors: int,
    step: float,
    outer: float,
    size: int,
) -> tuple[Floats, Floats]:
    bins = len(use)
    mean = np.zeros((sectors, size))
    count = np.zeros((sectors, size))
    for b in range(bins):
        if not use[b]:
            continue
        k = b * sectors // bins
        for i in range(start[b], start[b + 1]):
            j = int(np.rint((depth[i] + outer) / step))
            if 0 <= j < size and not full[i]:
                mean[k, j] += (value[i] - sky[b]) / height[b]
                count[k, j] += 1.0
    for k in range(sectors):
        for j in range(size):
            if count[k, j] > 0.0:
                mean[k, j] /= count[k, j]
    return mean, count


@njit(cache=True, error_model="numpy")
def _on_grid(grid: Floats, table: Floats, reach: float, step: float) -> Floats:
    """1, E, S, E' and L (5, m) at some depths (m,)."""
    basis = np.ones((5, len(grid)))
    for j in range(len(grid)):
        place = min(max((grid[j] + reach) / step, 0.0), table.shape[1] - 1.001)
        i = int(place)
        part = place - i
        basis[1, j] = table[0, i] + part * (table[0, i + 1] - table[0, i])
        basis[2, j] = table[2, i] + part * (table[2, i + 1] - table[2, i])
        basis[3, j] = table[1, i] + part * (table[1, i + 1] - table[1, i])
        basis[4, j] = table[4, i] + part * (table[4, i + 1] - table[4, i])
    return basis


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _sector_costs(
    grid: Floats, mean: Floats, count: Floats, table: Floats, reach: float, step: float, ridge: float
) -> tuple[Floats, Floats]:
    """Per sector: cost of the best sky + e E + s S + shift E' + c L, and the coefficients (e, s, shift, c)."""
    sectors = len(mean)
    cost = np.zeros(sectors)
    best = np.zeros((sectors, 4))
    basis = _on_grid(grid, table, reach, step)
    weighted = np.empty(len(grid))
    for k in range(sectors):
        normal = np.empty((5, 5))
        right = np.empty(5)
        total = 0.0
        for j in range(len(grid)):
            total += count[k, j] * mean[k, j] * mean[k, j]
        for a in range(5):
            # Sums over the depths stand innermost, so that the compiler can do several at a time.
            by = 0.0
            for j in range(len(grid)):
                weighted[j] = count[k, j] * basis[a, j]
                by += weighted[j] * mean[k, j]
            right[a] = by
            for c in range(a + 1):
                by = 0.0
                for j in range(len(grid)):
                    by += weighted[j] * basis[c, j]
                normal[a, c] = normal[c, a] = by
        for a in range(5):
            normal[a, a] *= 1.0 + 1e-9
            normal[a, a] += 1e-9
        # Curvature is only believed where the data ask for it.
        normal[4, 4] += ridge * count[k].sum()
        x = np.linalg.solve(normal, right)
        cost[k] = max(float(total - np.dot(x, right)), 0.0)
        best[k, 0] = x[1]
        best[k, 1] = x[2]
        best[k, 2] = x[3]
        best[k, 3] = x[4]
    return cost, best


def _best_sigmas(u: Floats, costs: Floats) -> Floats:
    """Sigma (sectors,) of least cost for costs (m, sectors) on a grid of log sigma (m,), by parabolas."""
    k = np.clip(np.argmin(costs, axis=0), 1, len(u) - 2)
    column = np.arange(costs.shape[1])
    y0, y1, y2 = costs[k - 1, column], costs[k, column], costs[k + 1, column]
    h0, h1 = u[k] - u[k - 1], u[k + 1] - u[k]
    slope0, slope1 = (y1 - y0) / h0, (y2 - y1) / h1
    bend = (slope1 - slope0) / (0.5 * (h0 + h1))
    middle = (slope0 * h1 + slope1 * h0) / (h0 + h1)
    shift = np.where(bend > 0.0, -middle / np.where(bend > 0.0, bend, 1.0), 0.0)
    return np.asarray(np.exp(u[k] + np.clip(shift, -1.5 * h0, 1.5 * h1)))


@dataclass(frozen=True, eq=False)
class Profile:
    """What the limb's edge looks like.

    Attributes:
        blur: standard deviation of the blur, px, the pixel included.
        tail: share of the blur's wider part, see :func:`profile_table`.
        air: the Earth's air whose edge it is, or None.
        shares: (3, sectors) of E, S and L, normalised to a profile of 1 at 3 px depth.
    """

    blur: float
    tail: float = 0.0
    air: Air | None = None
    shares: Floats = field(default_factory=lambda: np.array([[1.0], [0.0], [0.0]]))

    def table(self, radius: float) -> Floats:
        """The tables of E, S and L, see :func:`profile_table`."""
        return profile_table(radius, self.blur, self.tail, self.air)


def fit_profile(
    grid: Floats,
    mean: Floats,
    count: Floats,
    radius: float,
    blurs: Floats,
    tails: Sequence[float],
    airs: Sequence[Air | None],
) -> Profile:
    """Blur of the limb over all sectors, and each sector's shares of step, square root and its square.

    Args:
        grid: (m,) depths.
        mean: (sectors, m) stacked profile.
        count: (sectors, m) pixels in it.
        radius: px.
        blurs: standard deviations to try, rising.
        tails: shares of the wider part to try.
        airs: edges to try, see :attr:`Profile.air`.
    """
    filled = count.sum(axis=1) >= 30
    plain = np.vstack((np.ones(len(mean)), np.zeros((2, len(mean)))))
    if not filled.any():
        return Profile(float(blurs[len(blurs) // 2]), shares=plain)
    known_mean, known_count = mean[filled], count[filled]
    best: tuple[float, float, Air | None, Floats] | None = None
    for tail, air in product(tails, airs):
        tables = [profile_table(radius, float(b), tail, air) for b in blurs]
        costs = np.array([_costs(grid, known_mean, known_count, table)[0] for table in tables])
        total = float(costs.min(axis=0).sum())
        if best is None or total < best[0]:
            best = total, tail, air, costs
    assert best is not None
    _, tail, air, costs = best
    # The median over the sectors: near the cusps the limb's brightness falls so fast inward that it looks sharper.
    blur = float(np.median(_best_sigmas(np.log(blurs), costs))) if len(blurs) > 2 else float(blurs[0])
    table = profile_table(radius, blur, tail, air)
    _, fits = _costs(grid, known_mean, known_count, table)
    deep = int((3.0 + TABLE_REACH) / TABLE_STEP)
    step, root, curve = np.maximum(fits[:, 0], 0.0), fits[:, 1], fits[:, 3]
    top = step + root * table[2, deep] + curve * table[4, deep]
    known = top > 0.05
    plain[:, filled] = np.where(
        known, np.vstack((step, root, curve)) / np.where(known, top, 1.0), [[1.0], [0.0], [0.0]]
    )
    return Profile(blur, tail, air, _smooth(plain, filled))


def _costs(grid: Floats, mean: Floats, count: Floats, table: Floats) -> tuple[Floats, Floats]:
    return _sector_costs(grid, mean, count, table, TABLE_REACH, TABLE_STEP, _CURVATURE_RIDGE)


def _smooth(shares: Floats, filled: Bools) -> Floats:
    """Sectors without data take their neighbours' shares; the others a running mean of three."""
    n = shares.shape[1]
    known = np.flatnonzero(filled)
    out = shares
    if len(known) < n:
        out = np.vstack([np.interp(np.arange(n), known, row[known], period=n) for row in shares])
    if n >= 8:
        out = 0.25 * np.roll(out, 1, axis=1) + 0.5 * out + 0.25 * np.roll(out, -1, axis=1)
    return out


def spread_shares(shares: Floats, bins: int) -> Floats:
    """Shares (3, bins) between the sectors' middles."""
    sectors = shares.shape[1]
    if sectors == 1:
        return np.repeat(shares, bins, axis=1)
    at = (np.arange(bins) + 0.5) / bins * sectors + (sectors - 0.5)
    left = at.astype(int)
    before, after = (np.take(shares, k % sectors, axis=1) for k in (left, left + 1))
    return np.asarray(before + (at - left) * (after - before))
