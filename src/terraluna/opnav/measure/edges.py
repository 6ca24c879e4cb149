"""Where the limb crosses the pixels: an edge profile fitted to the pixels of short stretches along an expected limb.

Every pixel near the limb belongs to exactly one stretch, and its own depth below the limb is used: nothing is
interpolated, so that the points' errors are independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.opnav.measure.picture import Bools
from terraluna.opnav.measure.profile import TABLE_REACH, TABLE_STEP
from terraluna.opnav.measure.rim import RimPixels
from terraluna.opnav.types import Floats


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
        outside, inside: (bins,) mean square of the pixels' departure from the profile beyond 1 px of the limb.
    """

    offset: Floats
    variance: Floats
    sky: Floats
    step: Floats
    noise: Floats
    good: Bools
    clipped: Floats
    outside: Floats
    inside: Floats


_FAINT = 1.0
"""Stretches whose step at the expected place is below the scatter of their pixels are dark: no edge is sought there."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz"})
def _fit(
    start: NDArray[np.int64],
    depth: Floats,
    value: Floats,
    full: Bools,
    tables: Floats,
    which: NDArray[np.int64],
    reach: float,
    step: float,
    shape: Floats,
    wide: bool,
    least: int,
    signed: bool,
    fade: float,
) -> tuple[Floats, Floats, Floats, Floats, Floats, Bools, Floats, Floats, Floats]:
    bins = len(start) - 1
    offset = np.full(bins, np.nan)
    variance = np.full(bins, np.nan)
    sky = np.full(bins, np.nan)
    height = np.full(bins, np.nan)
    noise = np.full(bins, np.nan)
    good = np.zeros(bins, np.bool_)
    clipped = np.zeros(bins)
    outer = np.full(bins, np.nan)
    inner = np.full(bins, np.nan)
    size = tables.shape[2]
    most = int(np.max(start[1:] - start[:-1])) if bins else 0
    # Of one stretch's pixels: weight, the profile and its slope there, and what it misses of the light.
    weight = np.empty(most)
    level = np.empty(most)
    slope = np.empty(most)
    miss = np.empty(most)
    # The stretch's own profile and its slope, side by side.
    own = np.empty((2, size))
    made = -1
    for b in range(bins):
        table = tables[which[b]]
        i0, i1 = start[b], start[b + 1]
        n = i1 - i0
        if n < least:
            continue
        d = depth[i0:i1]
        v = value[i0:i1]
        shut = full[i0:i1]
        inside = 0
        outside = 0
        clip = 0
        for i in range(n):
            inside += d[i] > 0.5
            outside += d[i] < -0.5
            clip += shut[i] and d[i] > 0.5
        if inside < 3 or outside < 3:
            continue
        clipped[b] = clip / inside
        alike = made >= 0 and which[b] == which[made]
        if not (alike and (shape[:, b] == shape[:, made]).all()):
            for j in range(size):
                own[0, j] = shape[0, b] * table[0, j] + shape[1, b] * table[2, j] + shape[2, b] * table[4, j]
                own[1, j] = shape[0, b] * table[1, j] + shape[1, b] * table[3, j] + shape[2, b] * table[5, j]
            made = b
        # What lies deeper says less of the brightness at the limb, where the surface is patchy.
        for i in range(n):
            weight[i] = 1.0 if d[i] <= 0.0 else 1.0 / (1.0 + fade * d[i] * d[i])
        at = 0.0
        bg = 0.0
        a = 0.0
        if wide:
            # Linear fits of sky and step for a row of offsets: the best starts the iteration.
            sv = 0.0
            svv = 0.0
            for i in range(n):
                sv += v[i]
                svv += v[i] * v[i]
            lowest = np.inf
            for k in range(-8, 9):
                trial = 0.5 * k
                sf = 0.0
                sff = 0.0
                sfv = 0.0
                for i in range(n):
                    place = (d[i] + trial + reach) / step
                    f = own[0, int(min(max(place, 0.0), size - 1.0))]
                    sf += f
                    sff += f * f
                    sfv += f * v[i]
                det = n * sff - sf * sf
                if det <= 1e-9 * n * n:
                    continue
                rise = (n * sfv - sf * sv) / det
                floor = (sv - rise * sf) / n
                cost = svv - rise * sfv - floor * sv
                if (rise > 0.0 or signed) and cost < lowest:
                    lowest = cost
                    at = trial
                    bg = floor
                    a = rise
            if not lowest < np.inf:
                continue
        done = False
        rss = 0.0
        used = 0
        c22 = 0.0
        for turn in range(14):
            for i in range(n):
                place = min(max((d[i] + at + reach) / step, 0.0), size - 1.001)
                j = int(place)
                part = place - j
                level[i] = own[0, j] + part * (own[0, j + 1] - own[0, j])
                slope[i] = own[1, j] + part * (own[1, j + 1] - own[1, j])
            # Sky and step come first from a linear fit at the expected place.
            rate = 0.0 if turn == 0 and not wide else a
            n00 = n01 = n02 = n11 = n12 = n22 = 0.0
            g0 = g1 = g2 = 0.0
            rss = 0.0
            used = 0
            for i in range(n):
                f = level[i]
                m = v[i] - bg - a * f
                miss[i] = m
                # A full pixel may be brighter than it shows.
                counts = not shut[i] or (m >= 0.0 and a != 0.0)
                used += counts
                w = weight[i] if counts else 0.0
                g = rate * slope[i]
                rss += w * m * m
                n00 += w
                n01 += w * f
                n02 += w * g
                n11 += w * f * f
                n12 += w * f * g
                n22 += w * g * g
                g0 += w * m
                g1 += w * f * m
                g2 += w * g * m
            if used < least:
                break
            if turn == (0 if wide else 1) and not signed and a < _FAINT * math.sqrt(rss / used):
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
        inner_square = outer_square = 0.0
        inner_count = outer_count = 0
        for i in range(n):
            if shut[i] and miss[i] < 0.0:
                continue
            if d[i] > 1.0:
                inner_square += miss[i] * miss[i]
                inner_count += 1
            elif d[i] < -1.0:
                outer_square += miss[i] * miss[i]
                outer_count += 1
        if inner_count >= 2 and outer_count >= 2:
            inner[b] = inner_square / inner_count
            outer[b] = outer_square / outer_count
    return offset, variance, sky, height, noise, good, clipped, outer, inner


def fit_edges(
    rim: RimPixels,
    tables: Floats,
    which: NDArray[np.int64],
    shape: Floats,
    *,
    wide: bool,
    least: int = 10,
    signed: bool = False,
    fade: float = 0.0,
) -> Edges:
    """Fit the profile to each stretch.

    Args:
        rim: the pixels.
        tables: (m, 6, n), see :func:`profile_table`.
        which: (bins,) table of each stretch.
        shape: (3, bins) shares of E, S and L in the profile.
        wide: search offsets from -4 to 4 px before the fit; else the expected limb is trusted to about 1 px.
        least: pixels that a stretch has to have.
        signed: the inside may also be darker than the outside: a body in front of another.
        fade: a pixel at a depth d has the weight 1/(1 + fade d^2).
    """
    out = _fit(
        rim.start,
        rim.depth,
        rim.value,
        rim.full,
        tables,
        which,
        TABLE_REACH,
        TABLE_STEP,
        shape,
        wide,
        least,
        signed,
        fade,
    )
    offset, variance, sky, step, noise, good, clipped, outside, inside = out
    total = np.diff(rim.start) + rim.spoilt
    good = good & (rim.spoilt <= 0.1 * total)
    return Edges(offset, variance, sky, step, noise, good, clipped, outside, inside)
