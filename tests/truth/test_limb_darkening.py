"""Limb darkening and eclipsed light against published means, closed forms and scipy's integration."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from terraluna.errors import InputError
from terraluna.photometry.limb_darkening import limb_darkening, mean_over_central, obscuration

# The room's promise for eclipse shadows is 1e-4; the quadrature does better.
OBSCURATION_TOLERANCE = 1e-6
# Neckel & Labs print five decimals, their rows sum to 1 within 0.002, which the scaling spreads.
MEAN_TOLERANCE = 0.003


def test_disc_means_are_the_published_ones(test_data: Path) -> None:
    with (test_data / "tables" / "limb_darkening_neckel_labs_1994.csv").open() as stream:
        for row in csv.DictReader(stream):
            mean = mean_over_central(limb_darkening(float(row["nm"])))
            assert mean == pytest.approx(float(row["mean_over_central"]), abs=MEAN_TOLERANCE)


def scipy_obscuration(d: float, r: float, a: np.ndarray) -> float:
    """Integrate the hidden light over Cartesian strips across the line of centres."""

    def strip(x: float) -> float:
        half = math.sqrt(max(0.0, 1.0 - x * x))
        if abs(x - d) >= r:
            return 0.0
        half = min(half, math.sqrt(r * r - (x - d) ** 2))

        def intensity(y: float) -> float:
            return float(np.polyval(a[::-1], math.sqrt(max(0.0, 1.0 - x * x - y * y))))

        return 2.0 * quad(intensity, 0.0, half, epsabs=1e-9)[0]

    cross = (1.0 + d * d - r * r) / (2.0 * d) if d else 2.0
    low, high = max(-1.0, d - r), min(1.0, d + r)
    points = [cross] if low < cross < high else None
    hidden = quad(strip, low, high, points=points, epsabs=1e-8, limit=200)[0]
    return hidden / (math.pi * mean_over_central(a))


@pytest.mark.parametrize(
    ("nm", "sep", "r_occ"),
    [
        (551.0, 0.3, 0.2), (420.0, 0.9, 0.5), (551.0, 1.0, 1.0), (551.0, 1.35, 0.4), (870.0, 0.05, 0.97),
        (420.0, 3.9, 3.7), (870.0, 3.1, 3.7), (551.0, 0.0, 0.6),
    ],
)  # fmt: skip
def test_obscuration_agrees_with_scipy(nm: float, sep: float, r_occ: float) -> None:
    a = limb_darkening(nm)
    assert obscuration(0.266 * sep, 0.266, 0.266 * r_occ, a) == pytest.approx(
        scipy_obscuration(sep, r_occ, a), abs=OBSCURATION_TOLERANCE
    )


@pytest.mark.parametrize(("d", "r"), [(0.5, 0.3), (0.8, 0.6), (1.2, 1.0), (4.0, 3.6), (1.0, 1.0)])
def test_uniform_disc_is_the_lens_area(d: float, r: float) -> None:
    if d + r <= 1.0:
        area = math.pi * r * r
    else:
        first = r * r * math.acos((d * d + r * r - 1.0) / (2.0 * d * r)) + math.acos((d * d + 1.0 - r * r) / (2.0 * d))
        area = first - 0.5 * math.sqrt((-d + r + 1.0) * (d + r - 1.0) * (d - r + 1.0) * (d + r + 1.0))
    assert obscuration(d, 1.0, r, np.array([1.0])) == pytest.approx(area / math.pi, abs=OBSCURATION_TOLERANCE)


def test_limits_and_order() -> None:
    a = limb_darkening(551.0)
    assert obscuration(1.4, 1.0, 0.4, a) == 0.0
    assert obscuration(0.5, 1.0, 1.5, a) == 1.0
    assert obscuration(0.0, 1.0, 0.0, a) == 0.0
    values = [obscuration(sep, 1.0, 3.7, a) for sep in np.linspace(2.7, 4.7, 400)]
    assert np.all(np.diff(values) <= 1e-12)
    # The limb is dark: a grazing bite hides less of the real Sun than of a uniform one.
    assert obscuration(1.2, 1.0, 0.4, a) < obscuration(1.2, 1.0, 0.4, np.array([1.0]))


def test_outside_the_table_is_refused() -> None:
    with pytest.raises(InputError, match="limb darkening"):
        limb_darkening(1200.0)
