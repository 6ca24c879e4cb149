"""Bounds on how fast the quantities of a plan can change, for compiled code: steps then pass over nothing."""

from __future__ import annotations

import math
from typing import Final

from numba import njit

from terraluna.plan.sky import EARTH, EARTH_SPIN, MOON_SPIN

SUN_DRIFT: Final = 2.4e-7
"""Bound on the rate (rad/s) at which the Sun's direction turns as seen from Earth or Moon: 31.4 km/s at 0.98 au."""


@njit(cache=True)
def rate_bound(ip, fp, cell, eta, dt, far):  # type: ignore[no-untyped-def]
    """Largest rate of a quantity (in the unit of its bound) over a step, or infinity where none is known.

    More exactly: its product with ``dt`` is the least sum of distances from a threshold at both ends that rules out a
    visit to it in between.

    Args:
        cell: (4, 3) for Earth, Moon, Sun, centre of the orbit: largest angular rate of the direction (rad/s), largest
            speed (km/s), tangent of the largest angular radius.
        eta: least angle of start and reference at the step's ends, rad.
        dt: length of the step, s.
        far: whether the body is outside the cone about the frame at both ends, so that its angle is what counts.
    """
    q = ip[0]
    a, b = ip[1], ip[2]
    if q == 0:
        rate = cell[a, 0] + cell[b, 0]
        if ip[5] & 1:
            rate += cell[a, 0] * cell[a, 2]
        if ip[5] & 2:
            rate += cell[b, 0] * cell[b, 2]
        return rate
    if q == 1:
        return cell[a, 1]
    if q == 2:
        return cell[a, 0] + SUN_DRIFT
    if q == 3 or q == 4 or q == 5:
        return cell[a, 0] * (1.0 + cell[a, 2]) + cell[b, 0] * (1.0 + cell[b, 2])
    if q == 6:
        return cell[a, 0]
    if q == 10:
        return 1.01 * (EARTH_SPIN if a == EARTH else MOON_SPIN) + SUN_DRIFT
    if q == 11 or q == 16:
        # Seen from the place the craft is at most 1.42 times nearer than from the centre while tan(radius) < 0.3.
        spin = EARTH_SPIN if a == EARTH else MOON_SPIN
        return math.inf if cell[a, 2] > 0.3 else 1.5 * (spin + cell[a, 0])
    if q == 12:
        # Speeds across the shadow's axis: the Moon's, the Earth's turn about the Sun at that distance, and a margin.
        return 1.5
    if q == 13 or q == 14:
        return math.inf
    return _law_bound(ip, fp, cell, eta, dt, far)


@njit(cache=True)
def _law_bound(ip, fp, cell, eta, dt, far):  # type: ignore[no-untyped-def]
    """Bound for the quantities that depend on a pointing law: motion of its target, turn of its roll."""
    q, a, target, reference = ip[0], ip[1], ip[3], ip[4]
    bodies = cell[0, 0] + cell[1, 0]
    if target <= 1:
        move = bodies
    elif target == 2:
        move = cell[0, 0]
    elif target == 3:
        move = cell[1, 0]
    elif target == 4:
        move = cell[2, 0]
    elif target == 5:
        return math.inf
    else:
        move = 0.0
    # How far the boresight lies from the axis about which the law rolls.
    arm = math.acos(min(1.0, fp[6]))
    own = 0.0 if q == 15 else cell[a, 0]
    roll = math.inf
    if reference != 3:
        turn = move
        if reference == 0:
            turn += bodies
        elif reference == 2:
            turn += cell[2, 0]
        elif reference == 4:
            turn += cell[0, 0] + 1e-10
        low = eta - 0.5 * turn * dt
        high = eta + 0.5 * turn * dt
        if low > 0.0 and high < math.pi:
            roll = turn / min(math.sin(low), math.sin(high))
    if q == 7 or q == 15 or far:
        # However far the law rolls, the boresight stays on a cone: twice its opening either way of a threshold.
        return move + own + (0.0 if arm < 1e-9 else min(roll * arm, 4.0 * arm / dt))
    if q == 9:
        return 2.0 * roll + cell[a, 0] + 10.0 * SUN_DRIFT
    # A limb point lies at most this far from the axis about which the picture turns.
    return move + cell[a, 0] * (1.0 + cell[a, 2]) + roll * min(1.0, arm + fp[2] + 2.0 * cell[a, 2])
