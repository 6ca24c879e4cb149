"""Median and other quantiles, for kernels and for the short arrays that one limb makes by the dozen."""

from __future__ import annotations

import numpy as np
from numba import njit

from terraluna.opnav.types import Floats


@njit(nogil=True, cache=True)
def _select(values: Floats, k: int) -> float:
    """The value (n,) of rank k, from 0; values of lower rank go before it. NaN where the values hold NaN in the way.

    Hoare's selection with partitions that don't branch: on light and residuals a branch is wrong every other time, and
    then costs as much as six values.
    """
    low, high = 0, len(values) - 1
    while low < high:
        a, b, c = values[low], values[(low + high) // 2], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        less = low
        for i in range(low, high + 1):
            v = values[i]
            values[i] = values[less]
            values[less] = v
            less += v < pivot
        if k < less:
            high = less - 1
            continue
        equal = less
        for i in range(less, high + 1):
            v = values[i]
            values[i] = values[equal]
            values[equal] = v
            equal += v == pivot
        if equal == less:
            return np.nan
        if k < equal:
            return float(pivot)
        low = equal
    return float(values[k])


@njit(nogil=True, cache=True)
def quantile(values: Floats, share: float) -> float:
    """What a share of finite values (n,) stays below, as numpy's in a third of the time; NaN of none."""
    n = len(values)
    if n == 0:
        return np.nan
    ordered = values.copy()
    place = share * (n - 1)
    k = int(place)
    low = _select(ordered, k)
    if place == k:
        return float(low)
    high = np.inf
    for i in range(k + 1, n):
        high = min(high, ordered[i])
    return float(low + (place - k) * (high - low))


@njit(nogil=True, cache=True)
def median(values: Floats) -> float:
    """Median of finite values (n,)."""
    return quantile(values, 0.5)
