"""Who did the work in a two-body fix: shares of the error, and what each source is worth."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terraluna.opnav.solver import UNKNOWNS
from terraluna.opnav.types import Floats

SOURCES: Final[dict[str, tuple[int, ...]]] = {
    "lines_of_sight": (0, 1, 3, 4),
    "earth_range": (2,),
    "moon_range": (5,),
    "attitude": (6, 7, 8),
    "position_prior": (9, 10, 11),
    "limb_height": (12,),
    "bright_limb": (13, 14),
    "phase": (15, 16),
    "direction_law": (),
}
"""Rows of each source; ``direction_law`` owns all rows from 17."""

DRIVERS: Final[dict[str, tuple[int, ...]]] = {
    "earth_range": (2,),
    "moon_range": (5,),
    "position_prior": (9, 10, 11),
}
"""What can drive a position beside the lines of sight, with the rows that go when it is left out."""

DRIVING_GROWTH: Final = 2.0
"""A source drives where the variance without it would be more than double: it holds over half of the information."""

_UNKNOWN_KM = 1e9
_UNKNOWN_RAD = 10.0
"""Weak knowledge of all unknowns that keeps a fix without one of its sources finite."""


@lru_cache(maxsize=64)
def row_sources(rows: int) -> NDArray[np.int64]:
    """Index into :data:`SOURCES` of each residual row."""
    result = np.full(rows, len(SOURCES) - 1)
    for number, owned in enumerate(SOURCES.values()):
        result[list(owned)] = number
    return result


def cost_split(residuals: Floats) -> dict[str, float]:
    """Each source's part of the chi-square."""
    parts = np.bincount(row_sources(len(residuals)), residuals**2, len(SOURCES))
    return dict(zip(SOURCES, parts.tolist(), strict=True))


def information_split(jacobian: Floats, covariance: Floats, directions: Floats) -> list[dict[str, float]]:
    """Each source's share of the information on the position along each of ``directions`` (k, 3), adding up to 1.

    With the estimate x = P J'r, a source's rows J_k contribute (e'P J_k')(e'P J_k')' of the variance e'Pe, because
    P (sum of J_k'J_k) P = P. For one unknown this is the share of its information. Sources without one are left out.
    """
    contributions = (directions @ covariance[:3] @ jacobian.T) ** 2
    sources = row_sources(len(jacobian))
    result = []
    for row in contributions:
        parts = np.bincount(sources, row, len(SOURCES)) / row.sum()
        result.append({source: share for source, share in zip(SOURCES, parts.tolist(), strict=True) if share > 0.0})
    return result


def drivers(jacobian: Floats, directions: Floats) -> list[str]:
    """What determined the position along each of ``directions`` (k, 3).

    The one of :data:`DRIVERS` without which the variance would grow most, if it would more than double; else the lines
    of sight. A range left out leaves the body's direction with the variance that it has by itself: a limb fit ties
    both together, so that shares of single rows do not tell.
    """
    now = _variances(jacobian, directions)
    best = np.full(len(directions), DRIVING_GROWTH)
    names = ["lines_of_sight"] * len(directions)
    for name, rows in DRIVERS.items():
        if not jacobian[list(rows)].any():
            continue
        reduced = jacobian.copy()
        reduced[list(rows)] = 0.0
        growth = _variances(reduced, directions) / now
        for k in np.flatnonzero(growth > best):
            names[k], best[k] = name, growth[k]
    return names


def _variances(jacobian: Floats, directions: Floats) -> Floats:
    """Variance (k,) of the position along ``directions`` (k, 3) for whitened rows and next to no prior knowledge."""
    weak = np.diag(1.0 / np.array([_UNKNOWN_KM] * 3 + [_UNKNOWN_RAD] * 3 + [_UNKNOWN_KM]))
    rows = np.vstack((jacobian, weak))
    scale = np.sqrt(np.sum(rows**2, axis=0))
    triangle = np.linalg.qr(rows / scale)[1]
    padded = np.zeros((UNKNOWNS, len(directions)))
    padded[:3] = directions.T
    half = np.linalg.solve(triangle.T, padded / scale[:, None])
    result: Floats = np.sum(half**2, axis=0)
    return result
