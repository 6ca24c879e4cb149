"""Compiled Dormand-Prince integration of order 8(5,3) with dense output of order 7, for the equations of motion.

The method, its step control and its dense output are those of DOP853 (Hairer, Norsett & Wanner 1993, "Solving Ordinary
Differential Equations I", section II.5 and II.10) as SciPy has them, whose coefficients it takes; a year about the Moon
is half a million evaluations, too many for a loop in Python.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from terraluna.ephemeris.segments import Floats
from terraluna.trajectory.forces import motion

STAGES: Final = 12
DENSE: Final = 7
"""Coefficients of a step's dense output, per component."""

RUNNING: Final = 0
REACHED: Final = 1
FULL: Final = 2
SURFACE: Final = 3
FAILED: Final = 4

_ERROR_EXPONENT: Final = -1.0 / 8.0
_SAFETY: Final = 0.9
_SHRINK: Final = 0.2
_GROW: Final = 10.0


def tableau() -> tuple[Floats, ...]:
    """Coefficients of the method from SciPy: a (16, 16), b (12,), c (16,), e3 (13,), e5 (13,), d (4, 16)."""
    from scipy.integrate import DOP853

    a = np.zeros((16, 16))
    a[:STAGES, :STAGES] = DOP853.A
    a[13:, : DOP853.A_EXTRA.shape[1]] = DOP853.A_EXTRA
    c = np.concatenate([DOP853.C, [1.0], DOP853.C_EXTRA])
    return tuple(np.ascontiguousarray(v, dtype=np.float64) for v in (a, DOP853.B, c, DOP853.E3, DOP853.E5, DOP853.D))


@njit(cache=True)
def _stage(k, y, h, weights, count, out):  # type: ignore[no-untyped-def]
    """State reached with the first ``count`` slopes."""
    for i in range(6):
        total = 0.0
        for s in range(count):
            total += weights[s] * k[s, i]
        out[i] = y[i] + h * total


@njit(cache=True)
def _error(k, h, y, new, e3, e5, rtol, atol):  # type: ignore[no-untyped-def]
    """Error of a step over its tolerance, from the two embedded formulae."""
    fifth = third = 0.0
    for i in range(6):
        scale = atol[i] + max(abs(y[i]), abs(new[i])) * rtol
        a = b = 0.0
        for s in range(STAGES + 1):
            a += k[s, i] * e5[s]
            b += k[s, i] * e3[s]
        fifth += (a / scale) ** 2
        third += (b / scale) ** 2
    if fifth == 0.0 and third == 0.0:
        return 0.0
    return abs(h) * fifth / math.sqrt((fifth + 0.01 * third) * 6.0)


@njit(cache=True)
def _dense(epoch, t, h, y, new, forces, tab, k, out):  # type: ignore[no-untyped-def]
    """Coefficients (DENSE, 6) of the step from ``t``; three more slopes go to ``k[13:]``."""
    a, _, c, _, _, d = tab
    work = np.empty(6)
    for s in range(STAGES + 1, STAGES + 4):
        _stage(k, y, h, a[s], s, work)
        motion(epoch + t + c[s] * h, work, forces, k[s])
    for i in range(6):
        move = new[i] - y[i]
        out[0, i] = move
        out[1, i] = h * k[0, i] - move
        out[2, i] = 2.0 * move - h * (k[STAGES, i] + k[0, i])
        for j in range(DENSE - 3):
            total = 0.0
            for s in range(STAGES + 4):
                total += d[j, s] * k[s, i]
            out[3 + j, i] = h * total


@njit(cache=True)
def advance(epoch, clock, y, k, forces, tab, rtol, atol, target, bound, surfaces, times, states, dense):  # type: ignore[no-untyped-def]
    """Steps until ``target`` is passed, a surface is met or the buffers are full: (steps, status, body of the surface).

    Args:
        epoch: time that all others here count from, so that no digit is lost to the seconds since 2000.
        clock: (2,) time and length of the next step, carried on from call to call.
        y: (6,) state, carried on.
        k: (16, 6) slopes; ``k[0]`` holds the one at ``y``, carried on.
        forces: :attr:`terraluna.trajectory.forces.Forces.arguments`.
        tab: see :func:`tableau`.
        rtol, atol: tolerance of a step, relative, and (6,) absolute.
        target: time to pass.
        bound: time not to pass.
        surfaces: (8,) radii of the attracting bodies below which a step ends the run, 0 for none.
        times: (n, 2), receives each step's start and length.
        states: (n, 6), receives the state at each step's start.
        dense: (n, DENSE, 6), receives the dense output.
    """
    a, b, c, e3, e5, _ = tab
    direction = 1.0 if bound >= 0.0 else -1.0
    new, stage = np.empty(6), np.empty(6)
    places = forces[10][0]
    count = 0
    while count < times.shape[0]:
        t, size = clock[0], clock[1]
        least = 10.0 * abs(np.nextafter(t, direction * np.inf) - t)
        size = max(size, least)
        rejected = False
        while True:
            if size < least:
                return count, FAILED, -1
            after = t + direction * size
            if direction * (after - bound) > 0.0:
                after = bound
            h = after - t
            size = abs(h)
            for s in range(1, STAGES):
                _stage(k, y, h, a[s], s, stage)
                motion(epoch + t + c[s] * h, stage, forces, k[s])
            _stage(k, y, h, b, STAGES, new)
            motion(epoch + after, new, forces, k[STAGES])
            error = _error(k, h, y, new, e3, e5, rtol, atol)
            if error < 1.0:
                factor = _GROW if error == 0.0 else min(_GROW, _SAFETY * error**_ERROR_EXPONENT)
                if rejected:
                    factor = min(1.0, factor)
                break
            if not math.isfinite(error):
                return count, FAILED, -1
            size *= max(_SHRINK, _SAFETY * error**_ERROR_EXPONENT)
            rejected = True
        met = -1
        for body in range(surfaces.shape[0]):
            if surfaces[body] > 0.0:
                d2 = 0.0
                for i in range(3):
                    d2 += (new[i] - places[body, i]) ** 2
                if d2 < surfaces[body] ** 2 and met < 0:
                    met = body
        _dense(epoch, t, h, y, new, forces, tab, k, dense[count])
        times[count, 0], times[count, 1] = t, h
        states[count] = y
        count += 1
        clock[0], clock[1] = after, size * factor
        y[:] = new
        k[0] = k[STAGES]
        if met >= 0:
            return count, SURFACE, met
        if direction * (after - target) >= 0.0:
            return count, REACHED, -1
    return count, FULL, -1


@njit(cache=True)
def interpolate(ends, direction, times, states, dense, ts, out):  # type: ignore[no-untyped-def]
    """States (n, 6) at times (n,) from the dense output; ``ends``: each step's end times ``direction``, increasing."""
    for p in range(ts.shape[0]):
        i = min(np.searchsorted(ends, ts[p] * direction), ends.shape[0] - 1)
        x = (ts[p] - times[i, 0]) / times[i, 1]
        for axis in range(6):
            value = 0.0
            for j in range(DENSE):
                value = (value + dense[i, DENSE - 1 - j, axis]) * (x if j % 2 == 0 else 1.0 - x)
            out[p, axis] = states[i, axis] + value
