"""A body in front of another: the circle of edges inside a disc, found by how much of it has edges across."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.naming import SURE, look_at, look_score
from terraluna.opnav.measure.picture import Prepared
from terraluna.opnav.measure.types import MeasuredBody
from terraluna.opnav.types import Floats

_COARSE_RADIUS = 110.0
"""The search runs on a copy in which the outer disc has about this radius, px."""

_LEAST_OUTER = 40.0
_LEAST_SHARE = 0.2
_MOST_SHARE = 0.6
"""The Moon's apparent radius over the Earth's in front of which it stands: 0.27 from afar, more from nearby."""

_PEAKS = 40
_COVERED = 0.33
"""Least excess of the share of the circle that has an aligned edge; weather systems reach 0.49 at times ..."""

_UNLIKE = 0.8
"""... so that the disc must also look much more like the Moon than the whole does, in colour and texture."""

_MOST = 6
_EDGE_QUANTILE = 0.2


def find_inside(picture: Prepared, body: MeasuredBody) -> list[tuple[float, float, float]]:
    """Circles x, y, radius that may be a body in front of a disc, to about a pixel, likeliest first."""
    outer = look_score(look_at(picture, body.x, body.y, body.radius, np.zeros((0, 3))))
    if body.radius < _LEAST_OUTER or not outer > SURE:
        return []
    factor = max(1, round(body.radius / _COARSE_RADIUS))
    h, w = picture.light.shape
    x0, y0 = max(0, int(body.x - body.radius)), max(0, int(body.y - body.radius))
    x1, y1 = min(w, int(body.x + body.radius) + 1), min(h, int(body.y + body.radius) + 1)
    rows, columns = (y1 - y0) // factor, (x1 - x0) // factor
    if min(rows, columns) < 24:
        return []
    part = picture.light[y0 : y0 + rows * factor, x0 : x0 + columns * factor]
    small = np.ascontiguousarray(part.reshape(rows, factor, columns, factor).mean(axis=(1, 3)))
    # Pixel (0, 0) of the copy is centred on the middle of its block.
    middle = (factor - 1) / 2.0
    cx, cy = (body.x - x0 - middle) / factor, (body.y - y0 - middle) / factor
    radius = body.radius / factor
    edges = _edges(small, cx, cy, radius - 3.0)
    if len(edges) < 60:
        return []
    edges = edges[edges[:, 4] > np.quantile(edges[:, 4], _EDGE_QUANTILE)]
    low, high = max(4.0, _LEAST_SHARE * radius), _MOST_SHARE * radius
    votes = _votes(edges, rows, columns, low, high)
    found = []
    for _ in range(_PEAKS):
        row, column = np.unravel_index(int(np.argmax(votes)), votes.shape)
        found.append(_search(edges, cx, cy, radius, float(column), float(row), 1.0, 0.5, low, high))
        votes[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = 0.0
    circles: list[tuple[float, float, float]] = []
    for excess, x, y, r in sorted(found, reverse=True):
        if excess < _COVERED or len(circles) == _MOST:
            break
        _, x, y, r = _search(edges, cx, cy, radius, x, y, 2.5, 0.25, low, high)
        circle = x * factor + middle + x0, y * factor + middle + y0, r * factor
        if outer - look_score(look_at(picture, *circle, np.zeros((0, 3)))) > _UNLIKE:
            circles.append(circle)
    return circles


@njit(nogil=True, cache=True)
def _votes(edges: Floats, rows: int, columns: int, low: float, high: float) -> Floats:
    """How many edges point to each place from a distance between low and high, less the smooth hill of texture."""
    votes = np.zeros((rows, columns))
    for k in range(len(edges)):
        for sign in (-1.0, 1.0):
            r = low
            while r <= high:
                x = int(np.rint(edges[k, 0] + sign * r * edges[k, 2]))
                y = int(np.rint(edges[k, 1] + sign * r * edges[k, 3]))
                if 0 <= x < columns and 0 <= y < rows:
                    votes[y, x] += 1.0
                r += 1.0
    out = np.zeros((rows, columns))
    for y in range(7, rows - 7):
        for x in range(7, columns - 7):
            inner = 0.0
            outer = 0.0
            for j in range(-7, 8):
                for i in range(-7, 8):
                    v = votes[y + j, x + i]
                    outer += v
                    if abs(i) <= 2 and abs(j) <= 2:
                        inner += v
            # In units of the noise of counting: the middle of the disc gets most votes from texture.
            mean = (outer - inner) / 200.0
            out[y, x] = (inner / 25.0 - mean) / np.sqrt(mean + 1.0)
    return out


@njit(nogil=True, cache=True)
def _search(
    edges: Floats,
    cx: float,
    cy: float,
    radius: float,
    sx: float,
    sy: float,
    reach: float,
    step: float,
    low: float,
    high: float,
) -> tuple[float, float, float, float]:
    """Excess, x, y, radius of the best circle inside a disc, over a grid of centres about (sx, sy)."""
    best = (0.0, 0.0, 0.0, 0.0)
    count = int(reach / step)
    for j in range(-count, count + 1):
        for i in range(-count, count + 1):
            x = sx + i * step
            y = sy + j * step
            room = radius + 2.0 - np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
            if room < low + 6.0:
                continue
            r, excess = _best_radius(edges, x, y, low, min(high, room))
            if excess > best[0]:
                best = (excess, x, y, r)
    return best


@njit(nogil=True, cache=True)
def _edges(light: Floats, cx: float, cy: float, reach: float) -> Floats:
    """Local maxima of the gradient along itself within a disc: x, y, unit gradient, size."""
    h, w = light.shape
    gx = np.zeros((h, w))
    gy = np.zeros((h, w))
    size = np.zeros((h, w))
    for y in range(1, h - 1):
        for x in range(1, w - 1):
            a = (
                light[y - 1, x + 1] + 2.0 * light[y, x + 1] + light[y + 1, x + 1]
                - light[y - 1, x - 1] - 2.0 * light[y, x - 1] - light[y + 1, x - 1]
            )  # fmt: skip
            b = (
                light[y + 1, x - 1] + 2.0 * light[y + 1, x] + light[y + 1, x + 1]
                - light[y - 1, x - 1] - 2.0 * light[y - 1, x] - light[y - 1, x + 1]
            )  # fmt: skip
            gx[y, x] = a
            gy[y, x] = b
            size[y, x] = np.sqrt(a * a + b * b)
    out = np.empty((h * w, 5))
    n = 0
    for y in range(2, h - 2):
        for x in range(2, w - 2):
            s = size[y, x]
            if s == 0.0 or (x - cx) ** 2 + (y - cy) ** 2 > reach * reach:
                continue
            ux = gx[y, x] / s
            uy = gy[y, x] / s
            i = int(np.rint(ux))
            j = int(np.rint(uy))
            before = size[y - j, x - i]
            after = size[y + j, x + i]
            if s < before or s <= after:
                continue
            # The peak of the parabola through the three, along the step.
            bend = before - 2.0 * s + after
            shift = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
            out[n, 0] = x + shift * i
            out[n, 1] = y + shift * j
            out[n, 2] = ux
            out[n, 3] = uy
            out[n, 4] = s
            n += 1
    return out[:n].copy()


@njit(nogil=True, cache=True)
def _best_radius(edges: Floats, x: float, y: float, low: float, high: float) -> tuple[float, float]:
    """Radius whose circle about a point stands out by the share of its angle with aligned edges, and the excess."""
    sectors = 72
    size = int(high) + 3
    seen: NDArray[np.bool_] = np.zeros((size, sectors), np.bool_)
    for k in range(len(edges)):
        dx = edges[k, 0] - x
        dy = edges[k, 1] - y
        r = np.sqrt(dx * dx + dy * dy)
        if r < low or r > high:
            continue
        if abs(dx * edges[k, 2] + dy * edges[k, 3]) < 0.96 * r:
            continue
        s = int((np.arctan2(dy, dx) / (2.0 * np.pi)) % 1.0 * sectors)
        seen[int(np.rint(r)), min(s, sectors - 1)] = True
    shares = np.zeros(size)
    for i in range(1, size - 1):
        # An edge a pixel off still belongs to the circle: the centre is known to half a pixel.
        for s in range(sectors):
            if seen[i - 1, s] or seen[i, s] or seen[i + 1, s]:
                shares[i] += 1.0 / sectors
    best = 0.0
    where = 0.0
    for i in range(int(low) + 1, size - 1):
        # Texture gives every circle some edges: what counts is the excess over the circles a little apart.
        near = shares[max(i - 5, 1)] + shares[min(i + 5, size - 2)]
        excess = shares[i] - 0.5 * near
        if excess > best:
            best = excess
            where = float(i)
    return where, best
