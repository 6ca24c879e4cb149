"""Compiled parts of the matcher: a trial attitude from a pair, its check against the sky, matching anew.

Detections are tangents (n, 2) of the angles off the axis, so that a change of the focal length is one division.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from terraluna.opnav.stars.catalogue import nearest
from terraluna.opnav.types import Floats

if TYPE_CHECKING:
    from terraluna.camera.model import Camera


def tangents(camera: Camera, pixels: Floats) -> Floats:
    """Tangents (n, 2) of the angles of pixels (n, 2) off the axis; NaN outside the camera model's validity."""
    rays = camera.unproject(pixels)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(rays[:, 2:] > 0.0, rays[:, :2] / rays[:, 2:], np.nan)


def rays_of(t: Floats, scale: float = 1.0) -> Floats:
    """Unit vectors (n, 3) of tangents (n, 2), the focal length multiplied by ``scale``."""
    r = np.column_stack([t / scale, np.ones(len(t))])
    return np.asarray(r / np.linalg.norm(r, axis=1, keepdims=True))


@njit(cache=True)
def _ray(t: Floats, i: int, scale: float, out: Floats) -> None:
    """Unit vector of detection i whose tangents (n, 2) are divided by the scale of the focal length."""
    x = t[i, 0] / scale
    y = t[i, 1] / scale
    r = 1.0 / np.sqrt(1.0 + x * x + y * y)
    out[0], out[1], out[2] = x * r, y * r, r


@njit(cache=True)
def _angle(a: Floats, b: Floats) -> float:
    d = np.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)
    return float(2.0 * np.arcsin(min(1.0, 0.5 * d)))


@njit(cache=True)
def _triad(a: Floats, b: Floats, c: Floats, d: Floats, R: Floats) -> None:
    """Rotation that turns the frame of (c, d) into that of (a, b); middles and normals agree."""
    frames = np.empty((2, 3, 3))
    for f in range(2):
        p, q = (a, b) if f == 0 else (c, d)
        for k in range(3):
            frames[f, 0, k] = p[k] + q[k]
        n = np.sqrt((frames[f, 0] ** 2).sum())
        for k in range(3):
            frames[f, 0, k] /= n
        x, y, z = p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]
        n = np.sqrt(x * x + y * y + z * z)
        frames[f, 1, 0], frames[f, 1, 1], frames[f, 1, 2] = x / n, y / n, z / n
        m, o = frames[f, 0], frames[f, 1]
        frames[f, 2, 0] = m[1] * o[2] - m[2] * o[1]
        frames[f, 2, 1] = m[2] * o[0] - m[0] * o[2]
        frames[f, 2, 2] = m[0] * o[1] - m[1] * o[0]
    for r in range(3):
        for k in range(3):
            R[r, k] = 0.0
            for f in range(3):
                R[r, k] += frames[0, f, r] * frames[1, f, k]


@njit(cache=True)
def _solve_scale(t: Floats, i: int, j: int, target: float, u: Floats, v: Floats) -> float:
    """Scale at which detections i and j are ``target`` apart (secant; the angle falls as the scale rises)."""
    s0, s1 = 1.0, 1.02
    _ray(t, i, s0, u)
    _ray(t, j, s0, v)
    f0 = _angle(u, v) - target
    for _ in range(6):
        _ray(t, i, s1, u)
        _ray(t, j, s1, v)
        f1 = _angle(u, v) - target
        if abs(f1) < 1e-9 or f1 == f0:
            break
        s2 = s1 - f1 * (s1 - s0) / (f1 - f0)
        s0, f0, s1 = s1, f1, s2
    return s1


@njit(cache=True)
def try_pairs(t, sigma, i, j, sizes, pairs, stretch, start_at, gate, index, R, rows):  # type: ignore[no-untyped-def]
    """Try the catalogue pairs that fit detections i and j, from trial ``start_at`` on.

    Stops at the first trial with at least ``gate`` matches. Returns (its number or -1 at the end, scale, trials made).
    ``R`` (3, 3) and ``rows`` (check,) receive the trial; ``sizes`` (n,) are the match radii at no lever.
    """
    check = rows.size
    places, mags = index.places, index.mags
    first, second = pairs.first, pairs.second
    u, v, w, middle = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    _ray(t, i, 1.0, u)
    _ray(t, j, 1.0, v)
    length = _angle(u, v)
    slack = 3.0 * np.sqrt(sigma[i] ** 2 + sigma[j] ** 2) + 1.2e-4 * length
    low = np.searchsorted(pairs.angle, length * (1.0 - stretch) - slack)
    high = np.searchsorted(pairs.angle, length * (1.0 + stretch) + slack)
    trial = 0
    scale = 1.0
    for at in range(low, high):
        for turn in range(2):
            trial += 1
            if trial <= start_at:
                continue
            a, b = first[at], second[at]
            if turn == 1:
                a, b = b, a
            if max(mags[a], mags[b]) > index.limit + 0.5:
                continue
            if stretch > 0.0:
                scale = _solve_scale(t, i, j, _angle(places[a], places[b]), u, v)
                if abs(scale - 1.0) > stretch:
                    continue
                _ray(t, i, scale, u)
                _ray(t, j, scale, v)
            _triad(u, v, places[a], places[b], R)
            for k in range(3):
                middle[k] = 0.5 * (u[k] + v[k])
            matched = 2
            seen = 0
            for k in range(check):
                rows[k] = -1
            rows[i], rows[j] = a, b
            for k in range(check):
                if k in (i, j):
                    continue
                # The rest can't reach the gate any more, or the brightest others are all unknown.
                if matched + (check - k) < gate or (seen == 10 and matched == 2):
                    break
                seen += 1
                _ray(t, k, scale, w)
                lever = _angle(w, middle) / length
                radius = sizes[k] * np.sqrt(1.0 + 2.0 * lever * lever)
                x = R[0, 0] * w[0] + R[1, 0] * w[1] + R[2, 0] * w[2]
                y = R[0, 1] * w[0] + R[1, 1] * w[1] + R[2, 1] * w[2]
                z = R[0, 2] * w[0] + R[1, 2] * w[1] + R[2, 2] * w[2]
                row, _ = nearest(x, y, z, radius, index)
                if row >= 0:
                    rows[k] = row
                    matched += 1
            if matched >= gate:
                return trial, scale, trial
    return -1, 1.0, trial


@njit(cache=True)
def rematch(t, radii, scale, R, index):  # type: ignore[no-untyped-def]
    """Rows (n,) of the objects nearest to the detections under an attitude; a row is given to its nearest detection."""
    n = t.shape[0]
    rows = np.full(n, -1, np.int64)
    miss = np.full(n, np.inf)
    w = np.empty(3)
    for k in range(n):
        _ray(t, k, scale, w)
        x = R[0, 0] * w[0] + R[1, 0] * w[1] + R[2, 0] * w[2]
        y = R[0, 1] * w[0] + R[1, 1] * w[1] + R[2, 1] * w[2]
        z = R[0, 2] * w[0] + R[1, 2] * w[1] + R[2, 2] * w[2]
        rows[k], miss[k] = nearest(x, y, z, radii[k], index)
    for k in range(n):
        for m in range(k):
            if rows[k] >= 0 and rows[m] == rows[k]:
                if miss[k] < miss[m]:
                    rows[m] = -1
                else:
                    rows[k] = -1
    return rows


@njit(cache=True)
def count_near(axis: Floats, cosine: float, places: Floats, mags: Floats, limit: float) -> int:
    """Number of objects of V <= limit within the angle of that cosine of an axis (3,)."""
    count = 0
    for i in range(places.shape[0]):
        if mags[i] <= limit and places[i, 0] * axis[0] + places[i, 1] * axis[1] + places[i, 2] * axis[2] > cosine:
            count += 1
    return count
