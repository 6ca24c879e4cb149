"""NEES of discs: errors of centre and radius of small rendered Moons over their stated covariance, by phase.

    python benchmarks/limb_campaign.py [--count 500] [--seed 1]

The frames are those of tests/moon_fits.py: 15 to 40 px, random orientation, Sun direction, place and noise. The mean of
three unknowns is 3; its 95 % band is that of chi-square for independent frames.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
import with_tests  # noqa: F401
from scipy.stats import chi2

import moon_fits


def main() -> None:
    """Print a row for each phase and status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for phase in moon_fits.PHASES_DEG:
        fits = list(moon_fits.moon_fits(phase, options.count // len(moon_fits.PHASES_DEG), options.seed))
        print(f"phase {phase:.0f} deg: {dict(Counter(fit.status for fit in fits))}", flush=True)
        for status in ("ok", "degraded"):
            nees = np.array([fit.nees for fit in fits if fit.status == status])
            if not len(nees):
                continue
            errors = np.array([fit.error for fit in fits if fit.status == status])
            low, high = chi2.ppf((0.025, 0.975), 3 * len(nees)) / len(nees)
            print(
                f"  {status}: {len(nees)} frames, NEES mean {nees.mean():.2f} (95 % band {low:.2f} to {high:.2f}), "
                f"median {np.median(nees):.2f}, largest {nees.max():.1f}; rms of x, y, radius "
                f"{np.sqrt(np.mean(errors**2, axis=0)).round(2)} px, mean of radius {errors[:, 2].mean():+.3f} px",
                flush=True,
            )


if __name__ == "__main__":
    main()
