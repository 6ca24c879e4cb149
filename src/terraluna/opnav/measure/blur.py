"""Blur and brightness of a limb from its own pixels: profiles stacked over sectors and fitted together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.edges import Edges
from terraluna.opnav.measure.lit import Light, lit_tables
from terraluna.opnav.measure.picture import Bools
from terraluna.opnav.measure.profile import TABLE_GRID, profile_table, sampled_table
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
        k = (2 * b + 1) * sectors // (2 * bins)
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
def _sector_costs(mean: Floats, count: Floats, tables: Floats, sectors: int, ridge: float) -> tuple[Floats, Floats]:
    """Per sector: cost of the best sky + e E + s S + shift E' + c L, and the coefficients (e, s, shift, c).

    The rows of ``mean`` and ``count`` go around the disc and are split evenly between the sectors and the ``tables``,
    which are sampled at the same depths.
    """
    rows = len(mean) // sectors
    cost = np.zeros(sectors)
    best = np.zeros((sectors, 4))
    basis = np.empty(5)
    for k in range(sectors):
        normal = np.zeros((5, 5))
        right = np.zeros(5)
        total = 0.0
        pixels = 0.0
        for r in range(k * rows, (k + 1) * rows):
            table = tables[(2 * r + 1) * len(tables) // (2 * len(mean))]
            for j in range(mean.shape[1]):
                weight = count[r, j]
                if weight == 0.0:
                    continue
                basis[0] = 1.0
                basis[1] = table[0, j]
                basis[2] = table[2, j]
                basis[3] = table[1, j]
                basis[4] = table[4, j]
                for a in range(5):
                    for c in range(5):
                        normal[a, c] += weight * basis[a] * basis[c]
                    right[a] += weight * basis[a] * mean[r, j]
                total += weight * mean[r, j] ** 2
                pixels += weight
        for a in range(5):
            normal[a, a] *= 1.0 + 1e-9
            normal[a, a] += 1e-9
        # Curvature is only believed where the data ask for it.
        normal[4, 4] += ridge * pixels
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
        air: whether the edge is that of the Earth's air.
        shares: (3, sectors) of E, S and L, normalised to a profile of 1 at its brightest down to 3 px depth.
        light: how the Sun stands, where the profile has to know; None otherwise.
    """

    blur: float
    tail: float = 0.0
    air: bool = False
    shares: Floats = field(default_factory=lambda: np.array([[1.0], [0.0], [0.0]]))
    light: Light | None = None

    def tables(self, radius: float, most: int, depth: Floats | None = None) -> Floats:
        """The tables (m, 6, n) of E, S and L, each for its part of the full turn; m is 1 or ``most``.

        At the depths (n,), px, or on the grid of :func:`profile_table`.
        """
        if self.light is None:
            table = profile_table(radius, self.blur, self.tail, self.air)
            return (table if depth is None else sampled_table(table, depth))[None]
        angle = np.asarray((np.arange(most) + 0.5) * (2.0 * np.pi / most), dtype=np.float64)
        grid = TABLE_GRID if depth is None else depth
        return lit_tables(radius, self.blur, self.tail, self.light, angle, grid)


def fit_profile(
    grid: Floats,
    mean: Floats,
    count: Floats,
    radius: float,
    blurs: Floats,
    tails: Sequence[float],
    airs: Sequence[bool],
    sectors: int,
    lights: Sequence[Light] = (),
) -> Profile:
    """Blur of the limb over all sectors, and each sector's shares of step, square root and its square.

    Args:
        grid: (m,) depths.
        mean: (k sectors, m) stacked profile, k rows a sector.
        count: (k sectors, m) pixels in it.
        radius: px.
        blurs: standard deviations to try, rising.
        tails: shares of the wider part to try.
        airs: edges to try, see :attr:`Profile.air`.
        sectors: parts of the full turn with shares of their own.
        lights: how the Sun may stand, if that is known; the blur is found without.
    """
    filled = count.reshape(sectors, -1).sum(axis=1) >= 30
    shares = np.vstack((np.ones(sectors), np.zeros((2, sectors))))
    if not filled.any():
        return Profile(float(blurs[len(blurs) // 2]), shares=shares)
    # Without the Sun the rows of a sector share their table: their mean tells as much.
    together = count.reshape(sectors, -1, len(grid)).sum(axis=1)
    joined = (mean * count).reshape(sectors, -1, len(grid)).sum(axis=1) / np.maximum(together, 1e-12)
    best: tuple[float, float, bool, float] | None = None
    for tail, air in product(tails, airs):
        tables = [sampled_table(profile_table(radius, float(b), tail, air), grid) for b in blurs]
        costs = np.array([_costs(joined, together, table[None], sectors)[0][filled] for table in tables])
        total = float(costs.min(axis=0).sum())
        if best is None or total < best[0]:
            # The median over the sectors: near the cusps the limb's brightness falls so fast inward that it looks
            # sharper.
            blur = float(np.median(_best_sigmas(np.log(blurs), costs))) if len(blurs) > 2 else float(blurs[0])
            best = total, tail, air, blur
    assert best is not None
    _, tail, air, blur = best
    trials = [Profile(blur, tail, air, shares, light) for light in (lights if lights and not air else (None,))]
    sampled = [trial.tables(radius, len(mean), grid) for trial in trials]
    costs_fits = [_costs(mean, count, tables, sectors) for tables in sampled]
    k = int(np.argmin([cost[filled].sum() for cost, _ in costs_fits]))
    shares[:, filled] = _normalised(costs_fits[k][1], sampled[k], grid)[:, filled]
    return replace(trials[k], shares=_smooth(shares, filled))


def _costs(mean: Floats, count: Floats, tables: Floats, sectors: int) -> tuple[Floats, Floats]:
    return _sector_costs(mean, count, tables, sectors, _CURVATURE_RIDGE)


def _normalised(fits: Floats, tables: Floats, grid: Floats) -> Floats:
    """Shares (3, sectors) of E, S and L from coefficients (sectors, 4): 1 at the brightest within 3 px of the limb."""
    sectors = len(fits)
    rows = ((np.arange(sectors) + 0.5) * len(tables) / sectors).astype(int)
    near = (grid >= 0.0) & (grid <= 3.0)
    shares = np.vstack((np.maximum(fits[:, 0], 0.0), fits[:, 1], fits[:, 3]))
    top = np.einsum("ks,skn->sn", shares, tables[rows, ::2][:, :, near]).max(axis=1)
    return np.where(top > 0.05, shares / np.where(top > 0.05, top, 1.0), [[1.0], [0.0], [0.0]])


def _smooth(shares: Floats, filled: Bools) -> Floats:
    """Sectors without data take their neighbours' shares; the others a running mean of three."""
    n = shares.shape[1]
    known = np.flatnonzero(filled)
    out = np.vstack([np.interp(np.arange(n), known, row[known], period=n) for row in shares])
    if n >= 8:
        out = 0.25 * np.roll(out, 1, axis=1) + 0.5 * out + 0.25 * np.roll(out, -1, axis=1)
    return out


def spread_shares(shares: Floats, bins: int) -> Floats:
    """Shares (3, bins) between the sectors' middles."""
    sectors = shares.shape[1]
    if sectors == 1:
        return np.repeat(shares, bins, axis=1)
    at = (np.arange(bins) + 0.5) / bins * sectors - 0.5
    grid = np.arange(sectors)
    return np.vstack([np.interp(at, grid, row, period=sectors) for row in shares])
