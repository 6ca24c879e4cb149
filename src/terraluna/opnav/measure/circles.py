"""Circles through outline points: sampled consensus with the direction of the light, then several discs in turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.median import median
from terraluna.opnav.types import Floats

_TRIALS = 700
_MOST_POINTS = 900
"""Outlines are thinned to so many points for the trials."""

_BLOCK = 32
_SEED = 20150716
"""The draws are the same in every run."""

_COS_LIMB = 0.75
"""Least cosine between the light's direction and the circle's centre for a point of the limb."""

_OUTSIDE_PENALTY = 0.4
"""What a lit outline point outside the circle costs; another disc that touches this one leaves some."""


@dataclass(frozen=True, eq=False)
class Circle:
    """A candidate disc.

    Attributes:
        x, y, radius: px.
        inliers: (n,) bool over the outline's points.
        share: inliers over the points that are neither another disc's nor inside this one.
        arc_rad: angle that the inliers cover.
        sagitta_px: how far the arc bends away from its chord.
    """

    x: float
    y: float
    radius: float
    inliers: NDArray[np.bool_]
    share: float
    arc_rad: float
    sagitta_px: float


@njit(nogil=True, cache=True)
def _three(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> tuple[float, float, float]:
    """Circle through three points; radius NaN where they are on a line."""
    bx -= ax
    by -= ay
    cx -= ax
    cy -= ay
    d = 2.0 * (bx * cy - by * cx)
    if abs(d) < 1e-9:
        return np.nan, np.nan, np.nan
    b2 = bx * bx + by * by
    c2 = cx * cx + cy * cy
    x = (cy * b2 - by * c2) / d
    y = (bx * c2 - cx * b2) / d
    return ax + x, ay + y, np.sqrt(x * x + y * y)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _score(points: Floats, x: float, y: float, r: float, best: float) -> float:
    """Inliers of a circle less the penalty for light outside; what it is so far once it can't exceed ``best``."""
    n = len(points[0])
    tolerance = min(max(0.8, 0.006 * r), 2.5)
    score = 0.0
    for start in range(0, n, _BLOCK):
        if score + (n - start) <= best:
            # Not even if all the others were on it.
            break
        # No branches within a block, so that the compiler can do several points at a time.
        for m in range(start, min(start + _BLOCK, n)):
            dx = x - points[0, m]
            dy = y - points[1, m]
            distance = np.sqrt(dx * dx + dy * dy)
            off = (distance - r) / tolerance
            lit = dx * points[2, m] + dy * points[3, m] > _COS_LIMB * distance
            near = 1.0 - off * off if (off <= 1.0) & (off > -1.0) & lit else 0.0
            score += -_OUTSIDE_PENALTY if off > 1.0 else near
    return score


@njit(nogil=True, cache=True)
def _consensus(points: Floats, trials: int, least: float, most: float, seed: int) -> tuple[float, float, float, float]:
    """Best circle by inliers less the penalty for light outside."""
    np.random.seed(seed)  # noqa: NPY002
    n = len(points)
    columns = np.ascontiguousarray(points[:, :4].T)
    best_score = -1e9
    best_x = np.nan
    best_y = np.nan
    best_r = np.nan
    for _ in range(trials):
        i = np.random.randint(n)  # noqa: NPY002
        j = np.random.randint(n)  # noqa: NPY002
        k = np.random.randint(n)  # noqa: NPY002
        if i in (j, k) or j == k:
            continue
        x, y, r = _three(points[i, 0], points[i, 1], points[j, 0], points[j, 1], points[k, 0], points[k, 1])
        if not (least <= r <= most):
            continue
        inward = True
        for m in (i, j, k):
            if (x - points[m, 0]) * points[m, 2] + (y - points[m, 1]) * points[m, 3] < _COS_LIMB * r:
                inward = False
        if not inward:
            continue
        score = _score(columns, x, y, r, best_score)
        if score > best_score:
            best_score = score
            best_x, best_y, best_r = x, y, r
    return best_x, best_y, best_r, best_score


def algebraic_circle(points: Floats) -> tuple[float, float, float]:
    """Circle through points (n, 2) by Taubin's fit: nearly unbiased, no iterations."""
    middle = points.mean(axis=0)
    u, v = (points - middle).T
    z = u * u + v * v
    mean_z = z.mean()
    if not mean_z > 0.0:
        return float("nan"), float("nan"), float("nan")
    z0 = (z - mean_z) / (2.0 * np.sqrt(mean_z))
    _, _, vt = np.linalg.svd(np.column_stack((z0, u, v)), full_matrices=False)
    a = vt[2]
    first = a[0] / (2.0 * np.sqrt(mean_z))
    if abs(first) < 1e-14:
        return float("nan"), float("nan"), float("nan")
    d = -mean_z * first
    x, y = -a[1] / first / 2.0, -a[2] / first / 2.0
    radius = np.sqrt(a[1] ** 2 + a[2] ** 2 - 4.0 * first * d) / abs(first) / 2.0
    return float(x + middle[0]), float(y + middle[1]), float(radius)


def arc_of(angles: Floats, gap_rad: float = 0.12) -> float:
    """Angle (rad) that directions (n,) cover; gaps above ``gap_rad`` don't count, nor does the part without points."""
    if len(angles) < 2:
        return 0.0
    ordered = np.sort(angles)
    steps = np.diff(np.append(ordered, ordered[0] + 2.0 * np.pi))
    limit = max(gap_rad, 4.0 * median(steps))
    covered = float(steps[steps <= limit].sum())
    return min(covered, 2.0 * np.pi)


def classify(points: Floats, x: float, y: float, radius: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which points (n, 4) lie on the circle, and which outside of it."""
    dx, dy = x - points[:, 0], y - points[:, 1]
    distance = np.hypot(dx, dy)
    tolerance = min(max(1.0, 0.008 * radius), 3.0)
    cosine = (dx * points[:, 2] + dy * points[:, 3]) / np.maximum(distance, 1e-9)
    on = (np.abs(distance - radius) <= tolerance) & (cosine > _COS_LIMB)
    return on, distance - radius > tolerance


def find_circles(points: Floats, least_radius: float, most_radius: float, most: int) -> list[Circle]:
    """Discs whose limb the outline points (n, 4) of one lit region hold, in the order in which they are found."""
    found: list[Circle] = []
    left = np.ones(len(points), np.bool_)
    for turn in range(most):
        index = np.flatnonzero(left)
        if len(index) < 12:
            break
        step = max(1, len(index) // _MOST_POINTS)
        sample = np.ascontiguousarray(points[index[::step]])
        x, y, r, score = _consensus(sample, _TRIALS, least_radius, most_radius, _SEED + turn)
        if not score > 0.0:
            break
        circle = _polish(points, index, x, y, r)
        if circle is None:
            break
        found.append(circle)
        _, outside = classify(points, circle.x, circle.y, circle.radius)
        # What lies on or within the disc is its limb, its terminator or its surface.
        left &= outside
    return found


def _polish(points: Floats, index: NDArray[np.intp], x: float, y: float, r: float) -> Circle | None:
    own = points[index]
    on, outside = classify(own, x, y, r)
    for _ in range(4):
        if np.count_nonzero(on) < 8:
            return None
        x, y, r = algebraic_circle(own[on, :2])
        if not np.isfinite(r):
            return None
        before = on
        on, outside = classify(own, x, y, r)
        if np.array_equal(on, before):
            break
    if np.count_nonzero(on) < 8:
        return None
    inliers = np.zeros(len(points), np.bool_)
    inliers[index[on]] = True
    angles = np.arctan2(own[on, 1] - y, own[on, 0] - x)
    arc = arc_of(angles)
    sagitta = r * (1.0 - np.cos(min(arc, np.pi) / 2.0))
    at_rim = np.count_nonzero(on) + np.count_nonzero(outside)
    share = float(np.count_nonzero(on)) / max(int(at_rim), 1)
    return Circle(x, y, r, inliers, share, arc, float(sagitta))
