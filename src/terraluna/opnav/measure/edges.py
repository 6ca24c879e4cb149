"""Where the limb crosses the pixels: an edge profile fitted to the pixels of short stretches along an expected limb.

Every pixel near the limb belongs to exactly one stretch, and its own depth below the limb is used: nothing is
interpolated, so that the points' errors are independent. The profile is that of a lit sphere seen through a Gaussian
blur: sky + e E(d) + s S(d) + c L(d), with E the blurred step and S and L the blurred cosine of the emission angle,
sqrt(2 d/R - d^2/R^2), and its square: the first terms of any photometric law near the limb. A plain step there puts a
limb that darkens toward its edge some tenths of a pixel too far in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.picture import Bools
from terraluna.opnav.types import Floats

_STEP = 0.08
"""Spacing of the profile tables, px."""

_NODES = 80
_TABLE_REACH = 12.0
"""The tables run from -reach to +reach, px; deeper pixels take the last value."""


_CURVATURE_RIDGE = 3e-5
"""Weight against curvature of the profile beside one pixel's weight, in a profile of height 1."""

_SIGMA_GRID = 0.01
_RADIUS_GRID = 0.02


@dataclass(frozen=True, eq=False)
class RimPixels:
    """The pixels near an expected limb, sorted by stretch.

    Attributes:
        start: (bins + 1,) first pixel of each stretch.
        depth: (n,) depth below the limb, px, positive inside.
        value: (n,) light.
        full: (n,) saturated.
        spoilt: (bins,) pixels of the stretch that were lost, beyond the frame's edge or another body's.
        angle: (bins,) polar angle of the middle of each stretch about the centre.
    """

    start: NDArray[np.int64]
    depth: Floats
    value: Floats
    full: Bools
    spoilt: NDArray[np.int64]
    angle: Floats


@dataclass(frozen=True, eq=False)
class Edges:
    """Fitted edges, one per stretch.

    Attributes:
        offset: (bins,) how far outside the expected limb the edge lies, px.
        variance: (bins,) of the offset, px^2, from the scatter of the pixels.
        sky, step: (bins,) level outside and height of the profile.
        noise: (bins,) standard deviation of the pixels about the profile.
        good: (bins,) whether the fit converged on enough pixels.
        clipped: (bins,) share of the stretch's inner pixels that are saturated.
    """

    offset: Floats
    variance: Floats
    sky: Floats
    step: Floats
    noise: Floats
    good: Bools
    clipped: Floats


@njit(cache=True)
def _table(radius: float, sigma: float, reach: float, step: float, nodes: int) -> Floats:
    """Rows: E, dE/dd, S, dS/dd, L, dL/dd on a grid of depths from -reach to reach."""
    n = int(2.0 * reach / step) + 1
    out = np.empty((6, n))
    root = math.sqrt(2.0)
    norm = 1.0 / (sigma * math.sqrt(2.0 * math.pi))
    # With d' = u^2 the square root is smooth and an even sum over u converges fast.
    top = math.sqrt(min(reach + 5.0 * sigma, radius))
    du = top / nodes
    weight = np.empty(nodes)
    place = np.empty(nodes)
    for k in range(nodes):
        u = (k + 0.5) * du
        place[k] = u * u
        weight[k] = math.sqrt(max(2.0 * u * u / radius - (u * u / radius) ** 2, 0.0)) * 2.0 * u * du
    for i in range(n):
        d = -reach + i * step
        out[0, i] = 0.5 * math.erfc(-d / (sigma * root))
        out[1, i] = norm * math.exp(-0.5 * (d / sigma) ** 2)
        s = 0.0
        slope = 0.0
        low = math.sqrt(max(d - 6.0 * sigma, 0.0))
        high = math.sqrt(max(d + 6.0 * sigma, 0.0))
        for k in range(max(0, int(low / du) - 1), min(nodes, int(high / du) + 1)):
            z = (d - place[k]) / sigma
            g = norm * math.exp(-0.5 * z * z) * weight[k]
            s += g
            slope -= g * z / sigma
        out[2, i] = s
        out[3, i] = slope
        # Moments of the Gaussian's part inside: L = (2 d/R - d^2/R^2) for d > 0, blurred.
        first = d * out[0, i] + sigma * sigma * out[1, i]
        second = (d * d + sigma * sigma) * out[0, i] + d * sigma * sigma * out[1, i]
        out[4, i] = 2.0 * first / radius - second / radius**2
        out[5, i] = 2.0 * out[0, i] / radius - 2.0 * first / radius**2
    return out


def profile_table(radius: float, sigma: float) -> Floats:
    """Tables (6, n) of E, dE/dd, S, dS/dd, L, dL/dd for a disc of a radius seen through a blur of deviation sigma.

    Taken at the nearest of a grid of 1 % in sigma and 2 % in radius, so that tables can be kept: both only shape the
    profile, whose height and place are fitted.
    """
    grid_sigma = round(math.log(max(sigma, 0.2)) / _SIGMA_GRID)
    grid_radius = round(math.log(max(radius, 1.0)) / _RADIUS_GRID)
    return _kept_table(grid_radius, grid_sigma)


@lru_cache(maxsize=1024)
def _kept_table(grid_radius: int, grid_sigma: int) -> Floats:
    table = np.asarray(
        _table(math.exp(grid_radius * _RADIUS_GRID), math.exp(grid_sigma * _SIGMA_GRID), _TABLE_REACH, _STEP, _NODES)
    )
    table.flags.writeable = False
    return table


@njit(cache=True)
def _polar(table: Floats, slope: Floats, angle: float) -> tuple[float, float]:
    n = len(table)
    place = (angle / (2.0 * math.pi)) % 1.0 * n
    i = int(place)
    part = place - i
    if i >= n:
        i = 0
    j = i + 1 if i + 1 < n else 0
    return table[i] + part * (table[j] - table[i]), slope[i] + part * (slope[j] - slope[i])


@njit(cache=True)
def _collect(
    light: Floats,
    bad: Bools,
    full: Bools,
    cx: float,
    cy: float,
    polar: Floats,
    slant: Floats,
    inner: float,
    outer: float,
    bins: int,
    others: Floats,
) -> tuple[NDArray[np.int64], Floats, Floats, Bools, NDArray[np.int64]]:
    h, w = light.shape
    largest = polar.max() + outer + 1.0
    smallest = max(polar.min() - inner - 1.0, 0.0)
    room = 4096
    which = np.empty(room, np.int64)
    depth = np.empty(room)
    value = np.empty(room)
    clipped = np.empty(room, np.bool_)
    spoilt = np.zeros(bins, np.int64)
    n = 0
    y0 = max(0, math.floor(cy - largest))
    y1 = min(h - 1, math.ceil(cy + largest))
    for y in range(y0, y1 + 1):
        dy = y - cy
        far = largest * largest - dy * dy
        if far <= 0.0:
            continue
        far = math.sqrt(far)
        near = smallest * smallest - dy * dy
        near = math.sqrt(near) if near > 0.0 else 0.0
        for side in range(2):
            # The left and the right crossing of this row; one stretch where they meet.
            if near == 0.0:
                if side == 1:
                    continue
                xa, xb = cx - far, cx + far
            elif side == 0:
                xa, xb = cx - far, cx - near
            else:
                xa, xb = cx + near, cx + far
            first = int(max(0.0, math.ceil(max(xa, 0.0))))
            last = int(min(w - 1.0, math.floor(min(xb, w - 1.0))))
            for x in range(first, last + 1):
                dx = x - cx
                r = math.sqrt(dx * dx + dy * dy)
                angle = math.atan2(dy, dx)
                rim, lean = _polar(polar, slant, angle)
                d = (rim - r) * lean
                if d > inner or d < -outer:
                    continue
                b = int((angle / (2.0 * math.pi)) % 1.0 * bins)
                if b >= bins:
                    b = 0
                lost = bad[y, x]
                if not lost:
                    for k in range(len(others)):
                        ox = x - others[k, 0]
                        oy = y - others[k, 1]
                        if ox * ox + oy * oy < others[k, 2] * others[k, 2]:
                            lost = True
                            break
                if lost:
                    spoilt[b] += 1
                    continue
                if n == room:
                    room *= 2
                    grown_i = np.empty(room, np.int64)
                    grown_i[:n] = which
                    which = grown_i
                    grown = np.empty(room)
                    grown[:n] = depth
                    depth = grown
                    grown = np.empty(room)
                    grown[:n] = value
                    value = grown
                    grown_b = np.empty(room, np.bool_)
                    grown_b[:n] = clipped
                    clipped = grown_b
                which[n] = b
                depth[n] = d
                value[n] = light[y, x]
                clipped[n] = full[y, x]
                n += 1
    start = np.zeros(bins + 1, np.int64)
    for i in range(n):
        start[which[i] + 1] += 1
    for b in range(bins):
        start[b + 1] += start[b]
    fill = start[:-1].copy()
    d_out = np.empty(n)
    v_out = np.empty(n)
    c_out = np.empty(n, np.bool_)
    for i in range(n):
        k = fill[which[i]]
        fill[which[i]] += 1
        d_out[k] = depth[i]
        v_out[k] = value[i]
        c_out[k] = clipped[i]
    return start, d_out, v_out, c_out, spoilt


def collect(
    light: Floats,
    bad: Bools,
    full: Bools,
    center: tuple[float, float],
    polar: Floats,
    inner: float,
    outer: float,
    width: float,
    others: Floats,
) -> RimPixels:
    """The pixels within ``inner`` px inside and ``outer`` px outside of a limb.

    Args:
        light: the picture; ``bad`` and ``full`` mark unusable and saturated pixels.
        bad: see above.
        full: see above.
        center: x, y about which the limb is star-shaped.
        polar: (n,) radius of the limb at the angles 2 pi k/n.
        inner: px.
        outer: px.
        width: length of a stretch along the limb, px.
        others: (m, 3) discs x, y, radius whose pixels are left out.
    """
    n = len(polar)
    slope = (np.roll(polar, -1) - np.roll(polar, 1)) * (n / (4.0 * np.pi)) / polar
    slant = 1.0 / np.sqrt(1.0 + slope * slope)
    bins = max(16, round(2.0 * np.pi * float(np.mean(polar)) / width))
    out = _collect(light, bad, full, center[0], center[1], polar, slant, inner, outer, bins, others)
    start, depth, value, clipped, spoilt = out
    return RimPixels(
        start,
        depth,
        value,
        clipped,
        spoilt,
        np.asarray((np.arange(bins) + 0.5) * (2.0 * np.pi / bins), dtype=np.float64),
    )


@njit(cache=True)
def _fit(
    start: NDArray[np.int64],
    depth: Floats,
    value: Floats,
    full: Bools,
    table: Floats,
    reach: float,
    step: float,
    shape: Floats,
    wide: bool,
    least: int,
    signed: bool,
) -> tuple[Floats, Floats, Floats, Floats, Floats, Bools, Floats]:
    bins = len(start) - 1
    offset = np.full(bins, np.nan)
    variance = np.full(bins, np.nan)
    sky = np.full(bins, np.nan)
    height = np.full(bins, np.nan)
    noise = np.full(bins, np.nan)
    good = np.zeros(bins, np.bool_)
    clipped = np.zeros(bins)
    size = table.shape[1]
    for b in range(bins):
        i0, i1 = start[b], start[b + 1]
        n = i1 - i0
        if n < least:
            continue
        inside = 0
        outside = 0
        shut = 0
        for i in range(i0, i1):
            if depth[i] > 0.5:
                inside += 1
                if full[i]:
                    shut += 1
            elif depth[i] < -0.5:
                outside += 1
        if inside < 3 or outside < 3:
            continue
        clipped[b] = shut / inside
        e = shape[0, b]
        s = shape[1, b]
        c = shape[2, b]
        at = 0.0
        bg = 0.0
        a = 0.0
        if wide:
            # Linear fits of sky and step for a row of offsets: the best starts the iteration.
            lowest = np.inf
            for k in range(-8, 9):
                trial = 0.5 * k
                sf = 0.0
                sff = 0.0
                sv = 0.0
                sfv = 0.0
                svv = 0.0
                for i in range(i0, i1):
                    place = (depth[i] + trial + reach) / step
                    j = int(min(max(place, 0.0), size - 1.0))
                    f = e * table[0, j] + s * table[2, j] + c * table[4, j]
                    sf += f
                    sff += f * f
                    sv += value[i]
                    sfv += f * value[i]
                    svv += value[i] * value[i]
                det = n * sff - sf * sf
                if det <= 1e-9 * n * n:
                    continue
                slope = (n * sfv - sf * sv) / det
                level = (sv - slope * sf) / n
                cost = svv - slope * sfv - level * sv
                if (slope > 0.0 or signed) and cost < lowest:
                    lowest = cost
                    at = trial
                    bg = level
                    a = slope
            if not lowest < np.inf:
                continue
        done = False
        rss = 0.0
        used = 0
        c22 = 0.0
        for turn in range(14):
            n00 = n01 = n02 = n11 = n12 = n22 = 0.0
            g0 = g1 = g2 = 0.0
            rss = 0.0
            used = 0
            for i in range(i0, i1):
                place = (depth[i] + at + reach) / step
                place = min(max(place, 0.0), size - 1.001)
                j = int(place)
                part = place - j
                f0 = e * table[0, j] + s * table[2, j] + c * table[4, j]
                f1 = e * table[0, j + 1] + s * table[2, j + 1] + c * table[4, j + 1]
                f = f0 + part * (f1 - f0)
                f0 = e * table[1, j] + s * table[3, j] + c * table[5, j]
                f1 = e * table[1, j + 1] + s * table[3, j + 1] + c * table[5, j + 1]
                slope = f0 + part * (f1 - f0)
                if turn == 0 and not wide:
                    # Sky and step come first from a linear fit at the expected place.
                    slope = 0.0
                model = bg + a * f
                miss = value[i] - model
                if full[i] and (miss < 0.0 or a == 0.0):
                    continue
                used += 1
                rss += miss * miss
                d = a * slope
                n00 += 1.0
                n01 += f
                n02 += d
                n11 += f * f
                n12 += f * d
                n22 += d * d
                g0 += miss
                g1 += f * miss
                g2 += d * miss
            if used < least:
                break
            if turn == 0 and not wide:
                det = n00 * n11 - n01 * n01
                if det <= 0.0:
                    break
                bg += (n11 * g0 - n01 * g1) / det
                a += (n00 * g1 - n01 * g0) / det
                if a <= 0.0 and not signed:
                    break
                continue
            det = n00 * (n11 * n22 - n12 * n12) - n01 * (n01 * n22 - n12 * n02) + n02 * (n01 * n12 - n11 * n02)
            if not det > 1e-14 * n00 * n11 * n22:
                break
            c00 = n11 * n22 - n12 * n12
            c01 = n02 * n12 - n01 * n22
            c02 = n01 * n12 - n02 * n11
            c11 = n00 * n22 - n02 * n02
            c12 = n01 * n02 - n00 * n12
            c22 = (n00 * n11 - n01 * n01) / det
            s0 = (c00 * g0 + c01 * g1 + c02 * g2) / det
            s1 = (c01 * g0 + c11 * g1 + c12 * g2) / det
            s2 = (c02 * g0 + c12 * g1) / det + c22 * g2
            limit = min(1.0, 0.7 / abs(s2)) if s2 != 0.0 else 1.0
            bg += limit * s0
            a += limit * s1
            at += limit * s2
            if abs(at) > 5.0 or (a <= 0.0 and not signed):
                break
            if abs(s2) < 1e-4:
                done = True
                break
        if not done or used < 5:
            continue
        spread = rss / (used - 3)
        offset[b] = at
        sky[b] = bg
        height[b] = a
        noise[b] = math.sqrt(spread)
        variance[b] = spread * c22
        good[b] = True
    return offset, variance, sky, height, noise, good, clipped


def fit_edges(
    rim: RimPixels, table: Floats, shape: Floats, *, wide: bool, least: int = 10, signed: bool = False
) -> Edges:
    """Fit the profile to each stretch.

    Args:
        rim: the pixels.
        table: see :func:`profile_table`.
        shape: (3, bins) shares of E, S and L in the profile.
        wide: search offsets from -4 to 4 px before the fit; else the expected limb is trusted to about 1 px.
        least: pixels that a stretch has to have.
        signed: the inside may also be darker than the outside: a body in front of another.
    """
    out = _fit(rim.start, rim.depth, rim.value, rim.full, table, _TABLE_REACH, _STEP, shape, wide, least, signed)
    offset, variance, sky, step, noise, good, clipped = out
    total = np.diff(rim.start) + rim.spoilt
    good = good & (rim.spoilt <= 0.1 * total)
    return Edges(offset, variance, sky, step, noise, good, clipped)


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


@njit(cache=True)
def _sector_costs(
    grid: Floats, mean: Floats, count: Floats, table: Floats, reach: float, step: float, ridge: float
) -> tuple[Floats, Floats]:
    """Per sector: cost of the best sky + e E + s S + shift E' + c L, and the coefficients (e, s, shift, c)."""
    sectors = len(mean)
    cost = np.zeros(sectors)
    best = np.zeros((sectors, 4))
    basis = np.empty(5)
    for k in range(sectors):
        normal = np.zeros((5, 5))
        right = np.zeros(5)
        total = 0.0
        for j in range(len(grid)):
            weight = count[k, j]
            if weight == 0.0:
                continue
            place = min(max((grid[j] + reach) / step, 0.0), table.shape[1] - 1.001)
            i = int(place)
            part = place - i
            basis[0] = 1.0
            basis[1] = table[0, i] + part * (table[0, i + 1] - table[0, i])
            basis[2] = table[2, i] + part * (table[2, i + 1] - table[2, i])
            basis[3] = table[1, i] + part * (table[1, i + 1] - table[1, i])
            basis[4] = table[4, i] + part * (table[4, i + 1] - table[4, i])
            for a in range(5):
                for c in range(5):
                    normal[a, c] += weight * basis[a] * basis[c]
                right[a] += weight * basis[a] * mean[k, j]
            total += weight * mean[k, j] ** 2
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


def blur_and_shape(
    grid: Floats, mean: Floats, count: Floats, radius: float, sigmas: Floats
) -> tuple[float, Floats, NDArray[np.bool_]]:
    """Blur of the limb over all sectors, and each sector's shares of step and square root.

    Args:
        grid: (m,) depths.
        mean: (sectors, m) stacked profile.
        count: (sectors, m) pixels in it.
        radius: px.
        sigmas: blurs to try, rising.

    Returns:
        The blur (px), shares (3, sectors) normalised to a profile of 1 at 3 px depth, and which sectors had data.
    """
    filled = count.sum(axis=1) >= 30
    if not filled.any():
        middle = float(sigmas[len(sigmas) // 2])
        return middle, np.vstack((np.ones(len(mean)), np.zeros((2, len(mean))))), filled
    costs, fits, tables = [], [], []
    for sigma in sigmas:
        table = profile_table(radius, float(sigma))
        cost, best = _sector_costs(grid, mean[filled], count[filled], table, _TABLE_REACH, _STEP, _CURVATURE_RIDGE)
        costs.append(cost)
        fits.append(best)
        tables.append(table)
    # The median over the sectors: near the cusps the limb's brightness falls so fast inward that it looks sharper.
    sigma = float(np.median(_best_sigmas(np.log(sigmas), np.array(costs))))
    k = int(np.argmin(np.abs(np.log(sigmas) - np.log(sigma))))
    deep = int((3.0 + _TABLE_REACH) / _STEP)
    step, root, curve = np.maximum(fits[k][:, 0], 0.0), fits[k][:, 1], fits[k][:, 3]
    top = step + root * tables[k][2, deep] + curve * tables[k][4, deep]
    known = top > 0.05
    shares = np.vstack((np.ones(len(mean)), np.zeros((2, len(mean)))))
    shares[:, filled] = np.where(
        known, np.vstack((step, root, curve)) / np.where(known, top, 1.0), [[1.0], [0.0], [0.0]]
    )
    return sigma, shares, filled
