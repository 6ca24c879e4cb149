"""Finding when a quantity crosses a threshold: steps that bounds on its rate allow, roots refined to a millisecond.

Between two samples of the same sign nothing can have happened if the sum of their distances from the threshold exceeds
the largest rate times the step; otherwise the step is halved, down to the resolution. So an event longer than the
resolution is never stepped over, and far from a threshold steps are as long as the bound permits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import get_num_threads, njit, prange, set_num_threads
from numpy.typing import NDArray

from terraluna.ephemeris.segments import Floats
from terraluna.plan.quantities import ROLL, value
from terraluna.plan.rates import SUN_DRIFT, rate_bound
from terraluna.plan.sky import Sky, body_state, craft_state
from terraluna.plan.windows import Windows

if TYPE_CHECKING:
    from terraluna.plan.conditions import Scalar

ROOT_S: Final = 1e-4
"""Precision of a window's edge."""

LONGEST_CELL_S: Final = 43200.0
"""The grid of bounds is no coarser than this: the Moon turns 6.6 degrees about the Earth meanwhile."""

_FEW_CELLS: Final = 1000
_SAMPLES: Final = 5
_ROOTS: Final = 24
_STACK: Final = 64


@dataclass(frozen=True)
class Grid:
    """Cells of a span with bounds on how fast Earth, Moon, Sun and the centre of the orbit move in each.

    Attributes:
        sky: what the kernels need.
        edges: (n + 1,) times.
        cells: (n, 4, 3), see :func:`terraluna.plan.rates.rate_bound`.
    """

    sky: Sky
    edges: Floats
    cells: Floats

    @property
    def span(self) -> tuple[float, float]:
        """First and last time."""
        return float(self.edges[0]), float(self.edges[-1])


@contextmanager
def _threads_for(cells: int) -> Iterator[None]:
    """One thread for little work: to wake the others takes longer than the work, by far where the machine is busy."""
    threads = get_num_threads()
    if cells < _FEW_CELLS:
        set_num_threads(1)
    try:
        yield
    finally:
        set_num_threads(threads)


def make_grid(sky: Sky) -> Grid:
    """Cells from a track's pieces, halved where they are long, with their bounds."""
    edges = sky.track_edges
    counts = np.maximum(1, np.ceil(np.diff(edges) / LONGEST_CELL_S)).astype(int)
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)]
    grid = np.append(np.concatenate(parts), edges[-1])
    cells = np.empty((len(grid) - 1, 4, 3))
    with _threads_for(len(cells)):
        _bound_cells(sky, grid, cells)
    return Grid(sky, grid, cells)


@njit(cache=True, parallel=True)
def _bound_cells(sky, edges, cells):  # type: ignore[no-untyped-def]
    """Bounds from samples of a cell; between samples a speed changes by at most twice what neighbours differ."""
    for i in prange(cells.shape[0]):
        w6 = np.empty((6, 6))
        speed = np.empty((_SAMPLES, 4))
        dist = np.empty((_SAMPLES, 4))
        step = (edges[i + 1] - edges[i]) / (_SAMPLES - 1)
        for k in range(_SAMPLES):
            t = edges[i] + k * step
            craft_state(sky, t, w6, w6[2])
            for b in range(4):
                body_state(sky, b, t, w6[0], w6[1])
                r2 = v2 = 0.0
                for j in range(3):
                    r2 += (w6[1, j] - w6[2, j]) ** 2
                    v2 += (w6[1, 3 + j] - w6[2, 3 + j]) ** 2
                dist[k, b], speed[k, b] = math.sqrt(r2), math.sqrt(v2)
        for b in range(4):
            fast, change, near = speed[0, b], 0.0, dist[0, b]
            for k in range(1, _SAMPLES):
                fast = max(fast, speed[k, b])
                change = max(change, abs(speed[k, b] - speed[k - 1, b]))
                near = min(near, dist[k, b])
            fast = 1.001 * (fast + 2.0 * change)
            near = max(near - 0.5 * fast * step, 0.5 * near)
            # Light time changes a rate by v/c, aberration adds its own turn and the craft's acceleration over c.
            cells[i, b, 0] = 1.001 * fast / near + 1e-8 if near > 0.0 else math.inf
            cells[i, b, 1] = fast
            ratio = sky.radii[b] / near if near > 0.0 else 2.0
            cells[i, b, 2] = ratio / math.sqrt(1.0 - ratio * ratio) if ratio < 0.999 else 25.0
        cells[i, 2, 0] = max(cells[i, 2, 0], SUN_DRIFT)


@njit(cache=True)
def _refine(ip, fp, sign, cam, sky, a, fa, b, fb, w6, w3, m):  # type: ignore[no-untyped-def]
    """Root between ``a`` and ``b`` where the signs differ: false position that turns to halving when it is slow."""
    side = 0
    for n in range(100):
        if b - a <= ROOT_S:
            break
        t = (a * fb - b * fa) / (fb - fa) if n % 3 != 2 and math.isfinite(fa) and math.isfinite(fb) else 0.5 * (a + b)
        if not a < t < b:
            t = 0.5 * (a + b)
        q, _, _ = value(ip, fp, cam, sky, t, w6, w3, m)
        f = sign * (q - fp[0])
        if (f >= 0.0) == (fb >= 0.0):
            b, fb = t, f
            if side == -1:
                fa *= 0.5
            side = -1
        else:
            a, fa = t, f
            if side == 1:
                fb *= 0.5
            side = 1
        # A last pair of samples either side of the estimate closes the bracket when one end never moves.
        if n % 3 == 1 and b - a > ROOT_S:
            near = b - 0.4 * ROOT_S if side == -1 else a + 0.4 * ROOT_S
            q, _, _ = value(ip, fp, cam, sky, near, w6, w3, m)
            g = sign * (q - fp[0])
            if (g >= 0.0) == (fb >= 0.0):
                b, fb, side = near, g, 0
            else:
                a, fa, side = near, g, 0
    return 0.5 * (a + b)


@njit(cache=True)
def _search_cell(ip, fp, sign, cam, sky, cell, a, b, resolution, roots, w6, w3, m, counts):  # type: ignore[no-untyped-def]
    """Roots of one cell into ``roots``; returns (sign at a, number of roots)."""
    stack = np.empty((_STACK, 6))
    qa, ea, ka = value(ip, fp, cam, sky, a, w6, w3, m)
    qb, eb, kb = value(ip, fp, cam, sky, b, w6, w3, m)
    counts[0] += 2
    fa, fb = sign * (qa - fp[0]), sign * (qb - fp[0])
    # Right halves wait on the stack, so that roots come in order.
    top, found = 0, 0
    while True:
        opposite = (fa >= 0.0) != (fb >= 0.0)
        short = b - a <= resolution
        if not short:
            bound = rate_bound(ip, fp, cell, min(ea, eb), b - a, ka < 0.0 and kb < 0.0)
            short = not opposite and abs(fa * ka) + abs(fb * kb) > bound * (b - a)
        if not short and top < _STACK - 1:
            t = 0.5 * (a + b)
            q, e, k = value(ip, fp, cam, sky, t, w6, w3, m)
            counts[0] += 1
            f = sign * (q - fp[0])
            stack[top, 0], stack[top, 1], stack[top, 2] = b, fb, eb
            stack[top, 3] = kb
            top += 1
            b, fb, eb, kb = t, f, e, k
            continue
        if opposite:
            if found < roots.shape[0]:
                roots[found] = _refine(ip, fp, sign, cam, sky, a, fa, b, fb, w6, w3, m)
            found += 1
        if top == 0:
            return found
        top -= 1
        a, fa, ea, ka = b, fb, eb, kb
        b, fb, eb, kb = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]


@njit(cache=True, parallel=True)
def _search(ip, fp, sign, cam, sky, cells, which, starts, stops, resolution, signs, counts, roots, evaluations):  # type: ignore[no-untyped-def]
    for i in prange(starts.shape[0]):
        w6 = np.empty((10, 6))
        w3 = np.empty((10, 3))
        m = np.empty((6, 3, 3))
        q, _, _ = value(ip, fp, cam, sky, starts[i], w6, w3, m)
        signs[i] = sign * (q - fp[0]) >= 0.0
        counts[i] = _search_cell(
            ip, fp, sign, cam, sky, cells[which[i]], starts[i], stops[i], resolution, roots[i], w6, w3, m,
            evaluations[i],
        )  # fmt: skip


def _cut(grid: Grid, inside: Windows) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Cells cut to windows: index of the cell, start and stop."""
    starts: list[Floats] = []
    stops: list[Floats] = []
    for a, b in (inside & Windows((grid.span,))).spans:
        i, j = np.searchsorted(grid.edges, [a, b], side="right")
        inner = grid.edges[i:j]
        inner = inner[(inner > a) & (inner < b)]
        starts.append(np.concatenate([[a], inner]))
        stops.append(np.concatenate([inner, [b]]))
    if not starts:
        return np.zeros(0, dtype=np.intp), np.zeros(0), np.zeros(0)
    first, last = np.concatenate(starts), np.concatenate(stops)
    which = np.clip(np.searchsorted(grid.edges, first, side="right") - 1, 0, len(grid.cells) - 1)
    return which, first, last


def find(scalar: Scalar, grid: Grid, inside: Windows, resolution_s: float) -> Windows:
    """Windows inside ``inside`` in which a scalar condition holds.

    Args:
        scalar: the quantity, its relation and its threshold.
        grid: the spacecraft's sky with its bounds.
        inside: where to look.
        resolution_s: no event that lasts longer is missed; edges are precise to :data:`ROOT_S` whatever it is.
    """
    which, starts, stops = _cut(grid, inside)
    n = len(starts)
    if n == 0:
        return Windows()
    ip, fp, cam, sign = scalar.arrays()
    size = _ROOTS
    while True:
        signs, counts, roots = np.empty(n, dtype=np.bool_), np.empty(n, dtype=np.int64), np.empty((n, size))
        evaluations = np.zeros((n, 1), dtype=np.int64)
        with _threads_for(n):
            _search(
                ip, fp, sign, cam, grid.sky, grid.cells, which, starts, stops, resolution_s, signs, counts, roots,
                evaluations,
            )  # fmt: skip
        if counts.max() <= size:
            break
        size = int(counts.max())
    spans: list[tuple[float, float]] = []
    for i in np.flatnonzero(signs | (counts > 0)):
        edges = roots[i, : counts[i]]
        ends = np.concatenate([[starts[i]], edges] if signs[i] else [edges])
        if len(ends) % 2:
            ends = np.append(ends, stops[i])
        spans.extend(zip(ends[0::2].tolist(), ends[1::2].tolist(), strict=True))
    return Windows.of(spans)


@njit(cache=True)
def _values(ip, fps, cam, sky, ets, out):  # type: ignore[no-untyped-def]
    w6 = np.empty((10, 6))
    w3 = np.empty((10, 3))
    m = np.empty((6, 3, 3))
    for i in range(out.shape[0]):
        fp, et = fps[min(i, fps.shape[0] - 1)], ets[min(i, ets.shape[0] - 1)]
        out[i], _, _ = value(ip, fp, cam, sky, et, w6, w3, m)


def sample(scalar: Scalar, sky: Sky, ets: Floats) -> Floats:
    """Values (n,) of a scalar's quantity (km, rad, px, rad/s) at times (n,)."""
    ip, fp, cam, _ = scalar.arrays()
    out = np.empty(len(ets))
    _values(ip, fp[None], cam, sky, np.asarray(ets, dtype=np.float64), out)
    return out


def sample_rolls(scalar: Scalar, sky: Sky, et: float, turns: Floats) -> Floats:
    """Values (n,) of a scalar's quantity at one time with the law's roll turned by angles (n,), rad."""
    ip, fp, cam, _ = scalar.arrays()
    fps = np.tile(fp, (len(turns), 1))
    fps[:, ROLL] += turns
    out = np.empty(len(turns))
    _values(ip, fps, cam, sky, np.array([et]), out)
    return out
