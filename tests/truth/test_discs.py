"""Disc integrals of simple laws and of the mapped Moon against published numbers."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from terraluna.errors import GeometryError
from terraluna.photometry.discs import disc_integral, moon_disc_integral
from terraluna.photometry.hapke import moon_parameters
from terraluna.photometry.laws import Law

# phase, Lambert offset, Lommel-Seeliger offset, Lambert flux, Lommel-Seeliger flux (law mu0/(mu0+mu)).
TABLE = [
    (10, 0.06558, 0.05887, 2.06375, 1.53329),
    (30, 0.19861, 0.18308, 1.84483, 1.34992),
    (60, 0.39995, 0.37817, 1.27548, 0.97362),
    (90, 0.58905, 0.56321, 0.66667, 0.59184),
    (120, 0.74488, 0.71492, 0.22828, 0.27652),
    (150, 0.84766, 0.81417, 0.03103, 0.07112),
]
OFFSET_TOLERANCE = 2e-4
FLUX_TOLERANCE = 2e-5
# Another code on the same maps, printed to five decimals, its own grid and polar rule.
HAPKE_TOLERANCE = 0.01
# 1-degree maps have kinks, so quadrature converges slowly: what the default nodes promise.
CONVERGENCE = 5e-4


@pytest.mark.parametrize(("phase", "lambert", "ls", "lambert_flux", "ls_flux"), TABLE)
def test_simple_laws(phase: float, lambert: float, ls: float, lambert_flux: float, ls_flux: float) -> None:
    first = disc_integral(Law.LAMBERT, np.array([1.0]), math.radians(phase))
    second = disc_integral(Law.LOMMEL_SEELIGER, np.array([0.5]), math.radians(phase))
    assert first.offset == pytest.approx(lambert, abs=OFFSET_TOLERANCE)
    assert second.offset == pytest.approx(ls, abs=OFFSET_TOLERANCE)
    assert first.flux == pytest.approx(lambert_flux, abs=FLUX_TOLERANCE)
    assert second.flux == pytest.approx(ls_flux, abs=FLUX_TOLERANCE)
    assert first.offset_across == pytest.approx(0.0, abs=1e-12)


def test_lambert_phase_law_is_exact() -> None:
    for g in (0.0, 0.4, 1.3, 2.6):
        exact = 2.0 / 3.0 * (math.sin(g) + (math.pi - g) * math.cos(g))
        assert disc_integral(Law.LAMBERT, np.array([1.0]), g, 64).flux == pytest.approx(exact, rel=1e-9)


def test_mapped_moon_agrees_with_another_code(test_data: Path) -> None:
    with (test_data / "tables" / "moon_disc_reflectance_check.csv").open() as stream:
        for row in csv.DictReader(stream):
            maps, g = moon_parameters(float(row["nm"])), math.radians(float(row["phase_deg"]))
            near = [moon_disc_integral(maps, (0, 0), (0, s * g), 100).mean_radiance_factor for s in (1, -1)]
            far = moon_disc_integral(maps, (0, math.pi), (0, math.pi + g), 100).mean_radiance_factor
            assert np.mean(near) == pytest.approx(float(row["hapke_nearside"]), rel=HAPKE_TOLERANCE)
            assert far == pytest.approx(float(row["hapke_farside"]), rel=HAPKE_TOLERANCE)


def test_maps_converge() -> None:
    maps = moon_parameters(550.0)
    for g in (0.1, 0.9, 1.8):
        coarse = moon_disc_integral(maps, (0.05, 0.1), (0.0, 0.1 + g))
        fine = moon_disc_integral(maps, (0.05, 0.1), (0.0, 0.1 + g), 500)
        assert coarse.mean_radiance_factor == pytest.approx(fine.mean_radiance_factor, rel=CONVERGENCE)


def test_orientation_of_the_maps() -> None:
    # Near side at quarter phases: the eastern (waxing) half is brighter than the western with its large maria.
    maps = moon_parameters(550.0)
    waxing = moon_disc_integral(maps, (0, 0), (0, math.pi / 2)).mean_radiance_factor
    waning = moon_disc_integral(maps, (0, 0), (0, -math.pi / 2)).mean_radiance_factor
    assert 1.05 < waxing / waning < 1.25  # ROLO at 550 nm: 1.13
    # The southern highlands outshine the northern maria: centre of brightness south of the centre at full phase.
    full = moon_disc_integral(maps, (0, 0), (0, 1e-3))
    assert full.offset_across < -0.005


def test_impossible_phase_is_refused() -> None:
    with pytest.raises(GeometryError, match="phase"):
        disc_integral(Law.LAMBERT, np.array([1.0]), 3.2)
