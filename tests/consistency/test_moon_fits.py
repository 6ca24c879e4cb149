"""Short rough arcs: errors of small Moons' centres and radii against their stated covariance, to 140 deg of phase."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

import moon_fits

COUNT = 25
SEED = 11
UNKNOWNS = 3


@cache
def _fits(phase: float) -> list[Any]:
    return list(moon_fits.moon_fits(phase, COUNT, SEED))


@pytest.mark.parametrize("phase", moon_fits.PHASES_DEG)
def test_nees_is_in_the_band(phase: float) -> None:
    fits = [fit for fit in _fits(phase) if np.isfinite(fit.nees)]
    assert len(fits) == COUNT
    low, high = chi2.ppf((0.025, 0.975), UNKNOWNS * len(fits)) / len(fits)
    assert low < np.mean([fit.nees for fit in fits]) < high


def test_what_is_only_an_outline_says_so() -> None:
    # At 140 deg a Moon of 15 px is a crescent 3.5 px thick.
    thin = [fit for fit in _fits(140.0) if "outline_only" in fit.reasons]
    assert thin
    assert all(fit.status == "degraded" for fit in thin)


@pytest.mark.parametrize("phase", moon_fits.PHASES_DEG)
def test_radii_have_no_bias_that_averaging_would_leave(phase: float) -> None:
    # Measured on 1200 other frames: 0.07 px at 140 deg, below 0.02 px elsewhere. A profile that doesn't know the
    # terminator gave 0.5 px at 140 deg.
    radii = np.array(
        [fit.error[2] for fit in _fits(phase) if np.isfinite(fit.nees) and "outline_only" not in fit.reasons]
    )
    assert abs(radii.mean()) < 0.1 + 3.0 * radii.std() / np.sqrt(len(radii))
