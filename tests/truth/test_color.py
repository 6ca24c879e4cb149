"""Star fluxes against the Sun and standard photometry."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from terraluna.photometry.band import Band
from terraluna.photometry.color import star_electrons, star_irradiance, temperature_k
from terraluna.photometry.spectra import solar_irradiance

# Planck against the real Sun in 50 nm means: lines in the blue, and B-V gives 5770 K within 100 K.
SUN_TOLERANCE = 0.11
# V_sun = -26.76 +- 0.02 and the zero point's 1 % (Bessell 1998).
LEVEL_TOLERANCE = 0.03
# One Planck curve through real B and V: line blanketing in B.
COLOUR_TOLERANCE_MAG = 0.15


def test_temperatures() -> None:
    assert temperature_k(0.653) == pytest.approx(5772.0, abs=60.0)  # Sun
    assert temperature_k(0.0) == pytest.approx(9600.0, rel=0.06)  # Vega
    assert temperature_k(1.84) == pytest.approx(3600.0, rel=0.1)  # Betelgeuse


def test_the_sun_as_a_star() -> None:
    band = Band.gaussian("V-like", 550.0, 85.0)
    predicted = band.mean(star_irradiance(-26.76, 0.653, band.wavelength_nm) / solar_irradiance(band.wavelength_nm))
    assert predicted == pytest.approx(1.0, abs=LEVEL_TOLERANCE)
    for nm in range(425, 900, 50):
        grid = np.arange(nm - 25.0, nm + 26.0)
        ratio = star_irradiance(-26.76, 0.653, grid).mean() / solar_irradiance(grid).mean()
        assert ratio == pytest.approx(1.0, abs=SUN_TOLERANCE)


def test_colour_index_comes_back(test_data: Path) -> None:
    # B - V from the predicted spectra through Bessell's B and V; zero point of B: 6.32e-11 (Bessell 1998). Stars
    # cooler than 1.0 have strong bands that no Planck curve has.
    with (test_data / "tables" / "filter_curves.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["filter"] == "Generic_Bessell.B"]
    b = Band.curve("B", [float(r["nm"]) for r in rows], [float(r["relative_response"]) for r in rows], "energy")
    weight = b.energy_response
    for colour in (0.0, 0.3, 0.65, 1.0):
        flux = np.trapezoid(star_irradiance(5.0, colour, b.wavelength_nm) * weight, b.wavelength_nm)
        magnitude = -2.5 * np.log10(flux / np.trapezoid(weight, b.wavelength_nm) / 6.32e-11)
        assert magnitude - 5.0 == pytest.approx(colour, abs=COLOUR_TOLERANCE_MAG)


def test_electrons_of_a_zero_magnitude_star() -> None:
    # About 1000 photons s-1 cm-2 per angstrom at V = 0 (textbook rule), here in a 10 nm box on 1 m2.
    rate = star_electrons(Band.boxcar("v", 548.0, 10.0), 0.0, 0.0, 1.0)
    assert rate == pytest.approx(1000.0 * 1e4 * 100.0, rel=0.05)


def test_arrays_and_missing_colours() -> None:
    band = Band.boxcar("v", 600.0, 200.0)
    values = star_electrons(band, np.array([0.0, 5.0]), np.array([np.nan, np.nan]), 1e-3, 0.5, 0.4)
    assert values.shape == (2,)
    assert values[0] / values[1] == pytest.approx(100.0, rel=1e-12)
    assert values[0] == pytest.approx(float(star_electrons(band, 0.0, 0.65, 1e-3, 0.5, 0.4)), rel=1e-12)
    # Beyond the limits the colour is held, so nothing blows up.
    assert np.isfinite(star_electrons(band, 0.0, -3.0, 1.0))
