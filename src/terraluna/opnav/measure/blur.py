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
from terraluna.opnav.measure.profile import Air, profile_table, sampled_tables
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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _sector_costs(
    mean: Floats, count: Floats, tables: Floats, which: NDArray[np.int64], sectors: int, ridge: float
) -> tuple[Floats, Floats]:
    """Per sector: cost of the best sky + e E + s S + shift E' + c L, and the coefficients (e, s, shift, c).

    The rows of ``mean`` and ``count`` go around the disc, split evenly between the sectors; each has its table, sampled
    at the same depths.
    """
    rows = len(mean) // sectors
    depths = mean.shape[1]
    cost = np.zeros(sectors)
    best = np.zeros((sectors, 4))
    basis = np.ones((5, depths))
    weighted = np.empty(depths)
    for k in range(sectors):
        normal = np.zeros((5, 5))
        right = np.zeros(5)
        total = 0.0
        pixels = 0.0
        for r in range(k * rows, (k + 1) * rows):
            by = 0.0
            for j in range(depths):
                by += count[r, j]
            if by == 0.0:
                continue
            pixels += by
            table = tables[which[r]]
            for j in range(depths):
                basis[1, j] = table[0, j]
                basis[2, j] = table[2, j]
                basis[3, j] = table[1, j]
                basis[4, j] = table[4, j]
                total += count[r, j] * mean[r, j] * mean[r, j]
            for a in range(5):
                # Sums over the depths stand innermost, so that the compiler can do several at a time.
                by = 0.0
                for j in range(depths):
                    weighted[j] = count[r, j] * basis[a, j]
                    by += weighted[j] * mean[r, j]
                right[a] += by
                for c in range(a + 1):
                    by = 0.0
                    for j in range(depths):
                        by += weighted[j] * basis[c, j]
                    normal[a, c] += by
        for a in range(5):
            for c in range(a):
                normal[c, a] = normal[a, c]
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
        air: the Earth's air whose edge it is, or None.
        shares: (3, sectors) of E, S and L, normalised to a profile of 1 at its brightest down to 3 px depth.
        light: how the Sun stands, where the profile has to know; None otherwise.
    """

    blur: float
    tail: float = 0.0
    air: Air | None = None
    shares: Floats = field(default_factory=lambda: np.array([[1.0], [0.0], [0.0]]))
    light: Light | None = None

    def tables(self, radius: float) -> Floats:
        """Tables (m, 6, n) of E, S and L on the grid of :func:`profile_table`; see :meth:`which`."""
        if self.light is None:
            return profile_table(radius, self.blur, self.tail, self.air)[None]
        return lit_tables(radius, self.blur, self.tail, self.light.phase_rad)

    def which(self, angle: Floats) -> NDArray[np.int64]:
        """Table of each polar angle (n,), rad."""
        return np.zeros(len(angle), np.int64) if self.light is None else self.light.which(angle)


def fit_profile(
    grid: Floats,
    mean: Floats,
    count: Floats,
    radius: float,
    blurs: Floats,
    tails: Sequence[float],
    airs: Sequence[Air | None],
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
    alike = np.zeros(sectors, np.int64)
    best: tuple[float, float, Air | None, Floats] | None = None
    for tail, air in product(tails, airs):
        plain = [sampled_tables(profile_table(radius, float(b), tail, air)[None], grid) for b in blurs]
        costs = np.array([_costs(joined, together, table, alike, sectors)[0][filled] for table in plain])
        total = float(costs.min(axis=0).sum())
        if best is None or total < best[0]:
            best = total, tail, air, costs
    assert best is not None
    _, tail, air, costs = best
    # The median over the sectors: near the cusps the limb's brightness falls so fast inward that it looks sharper.
    blur = float(np.median(_best_sigmas(np.log(blurs), costs))) if len(blurs) > 2 else float(blurs[0])
    trials = [Profile(blur, tail, air, shares, light) for light in (lights if lights and air is None else (None,))]
    around = np.asarray((np.arange(len(mean)) + 0.5) * (2.0 * np.pi / len(mean)), dtype=np.float64)
    results = []
    for trial in trials:
        tables, which = sampled_tables(trial.tables(radius), grid), trial.which(around)
        cost, fits = _costs(mean, count, tables, which, sectors)
        results.append((float(cost[filled].sum()), trial, fits, tables, which))
    _, trial, fits, tables, which = min(results, key=lambda result: result[0])
    shares[:, filled] = _normalised(fits, tables, which, grid)[:, filled]
    return replace(trial, shares=_smooth(shares, filled))


def _costs(
    mean: Floats, count: Floats, tables: Floats, which: NDArray[np.int64], sectors: int
) -> tuple[Floats, Floats]:
    return _sector_costs(mean, count, tables, which, sectors, _CURVATURE_RIDGE)


def _normalised(fits: Floats, tables: Floats, which: NDArray[np.int64], grid: Floats) -> Floats:
    """Shares (3, sectors) of E, S and L from coefficients (sectors, 4): 1 at the brightest within 3 px of the limb.

    The tables (m, 6, n) are sampled at the depths of the grid; ``which`` (k sectors,) go around the disc.
    """
    sectors = len(fits)
    rows = which[((np.arange(sectors) + 0.5) * len(which) / sectors).astype(int)]
    near = (grid >= 0.0) & (grid <= 3.0)
    shares = np.vstack((np.maximum(fits[:, 0], 0.0), fits[:, 1], fits[:, 3]))
    top = np.einsum("ks,skn->sn", shares, tables[rows, ::2][:, :, near]).max(axis=1)
    return np.asarray(np.where(top > 0.05, shares / np.where(top > 0.05, top, 1.0), [[1.0], [0.0], [0.0]]))


def _smooth(shares: Floats, filled: Bools) -> Floats:
    """Sectors without data take their neighbours' shares; the others a running mean of three."""
    n = shares.shape[1]
    known = np.flatnonzero(filled)
    out = shares
    if len(known) < n:
        out = np.vstack([np.interp(np.arange(n), known, row[known], period=n) for row in shares])
    if n >= 8:
        closed = np.concatenate((out[:, -1:], out, out[:, :1]), axis=1)
        out = 0.25 * closed[:, :-2] + 0.5 * out + 0.25 * closed[:, 2:]
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
