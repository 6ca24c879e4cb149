"""Circles through points that are partly something else: three at random, then least squares without outliers."""

from __future__ import annotations

from typing import Final

import numpy as np

from terraluna.develop.disc import Floats, Mask

_INLIER_PX: Final = 1.0


def sampled_circle(points: Floats, part: Mask, rng: np.random.Generator) -> tuple[float, float, float] | None:
    """Circle through most border points with the component inside it: the limb, not the terminator."""
    if len(points) < 8:
        return None
    best, best_score = None, 0.0
    few = points if len(points) <= 1500 else points[rng.choice(len(points), 1500, replace=False)]
    rows, columns = np.nonzero(part)
    sample = slice(None, None, max(1, len(rows) // 1500))
    body = np.column_stack([columns[sample], rows[sample]]).astype(np.float64)
    for _ in range(300):
        circle = _through(few[rng.choice(len(few), 3, replace=False)])
        if circle is None or circle[2] < 1.5 or circle[2] > 4.0 * max(part.shape):
            continue
        away = np.abs(np.hypot(few[:, 0] - circle[0], few[:, 1] - circle[1]) - circle[2])
        near = away < max(_INLIER_PX, 0.002 * circle[2])
        outside = np.hypot(body[:, 0] - circle[0], body[:, 1] - circle[1]) > circle[2] + 1.5
        score = float(near.mean()) - 3.0 * float(outside.mean())
        if score > best_score:
            best, best_score = circle, score
    if best is None:
        return None
    for _ in range(5):
        away = np.abs(np.hypot(points[:, 0] - best[0], points[:, 1] - best[1]) - best[2])
        near = away < max(1.5, 0.003 * best[2])
        if near.sum() < 6:
            return None
        best = fit_circle(points[near])
    return best


def _through(p: Floats) -> tuple[float, float, float] | None:
    (ax, ay), (bx, by), (cx, cy) = p
    d = 2.0 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by))
    if abs(d) < 1e-6:
        return None
    a, b, c = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
    x = (a * (by - cy) + b * (cy - ay) + c * (ay - by)) / d
    y = (a * (cx - bx) + b * (ax - cx) + c * (bx - ax)) / d
    return float(x), float(y), float(np.hypot(ax - x, ay - y))


def fit_circle(points: Floats, weights: Floats | None = None) -> tuple[float, float, float]:
    """Circle x, y, radius through points (n, 2): Kasa's start, then Gauss-Newton on the distances."""
    w = np.ones(len(points)) if weights is None else weights
    middle = points.mean(axis=0)
    p = points - middle
    design = np.column_stack([p, np.ones(len(p))]) * w[:, None]
    a, b, c = np.linalg.lstsq(design, w * (p**2).sum(axis=1), rcond=None)[0]
    x, y = a / 2.0, b / 2.0
    r = np.sqrt(max(c + x * x + y * y, 1e-12))
    for _ in range(10):
        dx, dy = p[:, 0] - x, p[:, 1] - y
        d = np.maximum(np.hypot(dx, dy), 1e-9)
        step = np.linalg.lstsq(np.column_stack([dx / d, dy / d, np.ones(len(d))]) * w[:, None], w * (d - r), rcond=None)
        x, y, r = x + step[0][0], y + step[0][1], r + step[0][2]
        if float(np.abs(step[0]).max()) < 1e-7:
            break
    return float(x + middle[0]), float(y + middle[1]), float(r)


def robust_circle(points: Floats, angles: Floats) -> tuple[tuple[float, float, float], float, float] | None:
    """Circle with its outliers clipped, rms (px) and covered arc (deg)."""
    if len(points) < 8:
        return None
    circle = fit_circle(points)
    for limit in (3.0, 2.5):
        away = np.hypot(points[:, 0] - circle[0], points[:, 1] - circle[1]) - circle[2]
        spread = max(1.4826 * float(np.median(np.abs(away - np.median(away)))), 0.05)
        keep = np.abs(away - np.median(away)) < limit * spread
        points, angles = points[keep], angles[keep]
        if len(points) < 8:
            return None
        circle = fit_circle(points)
    away = np.hypot(points[:, 0] - circle[0], points[:, 1] - circle[1]) - circle[2]
    arc = 360.0 * len(np.unique((angles * 36.0 / np.pi).astype(int))) / 72.0
    return circle, float(away.std()), arc
