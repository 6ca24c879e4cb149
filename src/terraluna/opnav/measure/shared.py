"""What the points of a limb err together: what its covariance holds beyond the points' own scatter."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from terraluna.opnav.measure.shapes import LimbFit
from terraluna.opnav.types import Floats

_UNCORRELATED = 0.05
_GROUPS = 120
_SHARED_PX = 0.073
_SHARED_RAD = 0.35
_PATCHY = 0.012
_PATCHY_PX2 = 0.4
"""Error of the limb's place that does not average out along it, the angle over which it holds, and what its square
gains by patchiness beyond the Moon's: with them the errors of centre and radius of rendered discs of 15 to 40 px are as
large as stated. Set with 750 Moons (seeds 101 and 102 of the tests' frames) and 180 Earths (seed 1)."""

_UNSEEN_PX = (0.4, 0.2)
"""How far inside a terminator may lie that passes for limb all around, on smaller and on larger discs: at 10 deg of
phase and 15 to 40 px it is 0.2 to 0.6 px; on larger discs more would show."""


def common_covariance(gain: Floats, angle: Floats, shared_px: float) -> Floats:
    """Covariance (p, p) of a fit by errors of the limb's place that long stretches of it share.

    Args:
        gain: (p, n) change of the parameters by each point.
        angle: (n,) polar angle of each point.
        shared_px: standard deviation of such an error.
    """
    group = (angle / (2.0 * np.pi) * _GROUPS).astype(int) % _GROUPS
    summed = np.stack([np.bincount(group, row, _GROUPS) for row in gain])
    shared = shared_px**2 * _correlation()
    return np.asarray(summed @ shared @ summed.T)


@lru_cache(maxsize=1)
def _correlation() -> Floats:
    """Correlation (groups, groups) of the errors that stretches of the limb share."""
    at = np.arange(_GROUPS) * (2.0 * np.pi / _GROUPS)
    apart = np.abs((at[:, None] - at + np.pi) % (2.0 * np.pi) - np.pi)
    return np.asarray(np.exp(-0.5 * (apart / _SHARED_RAD) ** 2))


def correlation_length(residuals: Floats) -> float:
    """How many neighbouring points (n,) of a limb tell as much as one: 1 plus twice the sum of their correlations.

    Mountains, clouds and the profile's own error move neighbours together. The sum ends where the correlation has died
    away; the fit takes up the longest waves, so this is a lower bound.
    """
    n = len(residuals)
    centred = residuals - residuals.mean()
    total = float(centred @ centred)
    length = 1.0
    for lag in range(1, n // 6):
        correlation = float(centred[lag:] @ centred[:-lag]) / max(total, 1e-12)
        if correlation < _UNCORRELATED:
            break
        length += 2.0 * correlation
    return length


def stated_covariance(fit: LimbFit, angle: Floats, patchiness: float = 0.0) -> Floats:
    """Covariance (p, p) of a fit with the errors that neighbouring points share.

    Args:
        fit: the curve.
        angle: (n,) polar angle of each point.
        patchiness: of the ground, see :func:`~terraluna.opnav.measure.patchy.fit_patchy`.
    """
    shared_px = math.sqrt(_SHARED_PX**2 + _PATCHY_PX2 * max(patchiness - _PATCHY, 0.0))
    return fit.covariance * correlation_length(fit.residuals) + common_covariance(fit.gain, angle, shared_px)


def unseen_terminator(fit: LimbFit, angle: Floats, small: bool) -> Floats:
    """Covariance (p, p) by a terminator on any side that was taken for limb."""
    toward = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)[:, None]
    moved = fit.gain @ np.maximum(np.cos(angle - toward), 0.0).T
    return np.asarray(_UNSEEN_PX[0 if small else 1] ** 2 / len(toward) * moved @ moved.T)
