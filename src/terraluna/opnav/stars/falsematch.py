"""How likely it is that a pattern of stars was matched by chance.

Chance model: detections fall on a sky whose catalogue stars are strewn at random with their local density. A trial
attitude that has nothing to do with the truth then matches detection i with the probability p_i that a catalogue star
lies within its match radius; the number of matches is Poisson-binomial. Stars that served to make the attitude count
for nothing. The chance that any of the trials made so far reaches as many matches is at most the number of trials times
the tail (Bonferroni).
"""

from __future__ import annotations

import math

import numpy as np

from terraluna.errors import InputError
from terraluna.opnav.types import Floats


def chance_of_match(radius_rad: Floats, density_sr: float) -> Floats:
    """Probability (n,) that at least one of the stars strewn with ``density_sr`` lies within each radius (n,) rad."""
    return np.asarray(-np.expm1(-density_sr * np.pi * np.square(radius_rad)))


def poisson_binomial_tail(probabilities: Floats, least: int) -> float:
    """Probability that at least ``least`` of independent events (n,) happen; exact, without cancellation.

    Raises:
        InputError: a probability outside 0 to 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0.0) & (p <= 1.0)).all():
        raise InputError("probabilities must be a list of numbers from 0 to 1")
    if least <= 0:
        return 1.0
    if least > p.size:
        return 0.0
    # state[k] = P(k happened), k < least; what reaches `least` is collected and never leaves.
    state = np.zeros(least)
    state[0] = 1.0
    reached = 0.0
    for q in p:
        reached += state[-1] * q
        state[1:] = state[1:] * (1.0 - q) + state[:-1] * q
        state[0] *= 1.0 - q
    return float(min(1.0, reached))


def false_match_probability(radius_rad: Floats, density_sr: float, matched: int, used: int, trials: float) -> float:
    """Return an upper bound of the probability that chance alone gave a match as good.

    Args:
        radius_rad: (n,) match radius of each detection.
        density_sr: catalogue objects per steradian around the solution, down to the magnitude that was searched.
        matched: detections that found a catalogue object.
        used: how many of them the trial attitude was made from (2), plus any further freedom that was fitted.
        trials: attitudes tried before this one was accepted.
    """
    p = np.sort(chance_of_match(radius_rad, density_sr))[::-1]
    # The detections that made the attitude match by construction: leave out the least likely, which errs high.
    others = p[: max(0, p.size - used)]
    tail = poisson_binomial_tail(others, matched - used)
    return float(min(1.0, max(1.0, trials) * tail)) if math.isfinite(trials) else 1.0
