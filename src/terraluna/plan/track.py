"""A trajectory as piecewise Chebyshev polynomials, which compiled code can evaluate.

Pieces are halved until the last coefficients are negligible, so that a fast pericentre gets short pieces and a cruise
long ones. The search for events then never calls SPICE or Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.polynomial import chebyshev

from terraluna.ephemeris.segments import Floats
from terraluna.trajectory.base import Trajectory

TERMS: Final = 14
"""Coefficients of a piece and axis."""

TOLERANCE_KM: Final = 1e-6
"""Size of the last three coefficients at which a piece is good: 1 mm, far below any orbit's error."""

LONGEST_S: Final = 86400.0
SHORTEST_S: Final = 30.0
"""A piece this short is kept as it is: what is left there is noise of the source (kinks between table samples)."""


@dataclass(frozen=True)
class Track:
    """Pieces of a trajectory about ``center``, J2000.

    Attributes:
        center: name of the body.
        edges: (n + 1,) times of the pieces' ends, TDB seconds past J2000.
        coefficients: (n, 3, TERMS) km.
    """

    center: str
    edges: Floats
    coefficients: Floats

    @property
    def span(self) -> tuple[float, float]:
        """First and last time."""
        return float(self.edges[0]), float(self.edges[-1])

    def states(self, ets: Floats) -> Floats:
        """States (n, 6) km and km/s at times inside the span."""
        out = np.empty((len(ets), 6))
        _track_states(self.edges, self.coefficients, np.asarray(ets, dtype=np.float64), out)
        return out


def make_track(trajectory: Trajectory, start: float, stop: float) -> Track:
    """Fit a trajectory between two times; CoverageError (one line) if it doesn't cover them."""
    k = np.arange(TERMS)
    nodes = -np.cos(np.pi * (k + 0.5) / TERMS)
    transform = np.linalg.inv(chebyshev.chebvander(nodes, TERMS - 1))
    count = max(1, int(np.ceil((stop - start) / LONGEST_S)))
    edges = np.linspace(start, stop, count + 1)
    todo = np.column_stack([edges[:-1], edges[1:]])
    done: list[tuple[Floats, Floats]] = []
    while len(todo):
        middle, half = todo.mean(axis=1), 0.5 * (todo[:, 1] - todo[:, 0])
        ets = middle[:, None] + half[:, None] * nodes
        places = trajectory.states(ets.ravel())[:, :3].reshape(len(todo), TERMS, 3)
        fit = np.einsum("jk,nkc->ncj", transform, places)
        tail = np.abs(fit[:, :, -3:]).max(axis=(1, 2))
        # Rounding of a large coordinate can't be fitted away.
        good = (tail < TOLERANCE_KM + 1e-15 * np.abs(fit[:, :, 0]).max(axis=1)) | (2.0 * half <= SHORTEST_S)
        done.append((todo[good], fit[good]))
        rest = todo[~good]
        cut = rest.mean(axis=1)
        todo = np.concatenate([np.column_stack([rest[:, 0], cut]), np.column_stack([cut, rest[:, 1]])])
    spans = np.concatenate([d[0] for d in done])
    fits = np.concatenate([d[1] for d in done])
    order = np.argsort(spans[:, 0])
    return Track(trajectory.center, np.append(spans[order, 0], stop), np.ascontiguousarray(fits[order]))


@njit(cache=True)
def track_state(edges, coefficients, et, out):  # type: ignore[no-untyped-def]
    """Write position and velocity (6,) at ``et`` to ``out``; beyond the ends the last piece runs on."""
    i = min(max(np.searchsorted(edges, et, side="right") - 1, 0), edges.shape[0] - 2)
    half = 0.5 * (edges[i + 1] - edges[i])
    s = (et - edges[i] - half) / half
    n = coefficients.shape[2]
    for axis in range(3):
        b1 = b2 = d1 = d2 = 0.0
        for j in range(n - 1, 0, -1):
            d = 2.0 * b1 + 2.0 * s * d1 - d2
            b = coefficients[i, axis, j] + 2.0 * s * b1 - b2
            d2 = d1
            d1 = d
            b2 = b1
            b1 = b
        out[axis] = coefficients[i, axis, 0] + s * b1 - b2
        out[3 + axis] = (b1 + s * d1 - d2) / half


@njit(cache=True)
def _track_states(edges, coefficients, ets, out):  # type: ignore[no-untyped-def]
    for i in range(ets.shape[0]):
        track_state(edges, coefficients, ets[i], out[i])
