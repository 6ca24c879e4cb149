"""The packaged solar and lunar spectra against other tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from terraluna.errors import InputError
from terraluna.photometry.spectra import moon_spectrum, solar_irradiance, solar_spectrum

# The 5 nm table is a separate mean of the same 0.1 nm source and rounds to 1e-5 W m-2 nm-1; a bin edge that falls
# inside a 1 nm bin moves at most a few per cent of one bin's structure.
FIVE_NM_TOLERANCE = 0.005
# TSIS-1 against Wehrli 1985 in 50 nm means, 400-1000 nm: +1.4 % at 400, +2.0 % at 500, -2.7 % at 900 (published).
WEHRLI_TOLERANCE = 0.03


def columns(path: Path) -> dict[str, np.ndarray]:
    data = np.genfromtxt(path, delimiter=",", names=True)
    return {name: data[name] for name in data.dtype.names}


def test_agrees_with_the_5_nm_table(test_data: Path) -> None:
    table = columns(test_data / "tables" / "solar_spectrum.csv")
    nm, irradiance = solar_spectrum()
    for centre, mean in zip(table["nm_centre"], table["TSIS1_HSRS_v2_5nm_mean_W_m2_nm"], strict=True):
        if 330 <= centre <= 1190:
            inside = np.abs(nm - centre) <= 2.01
            weight = np.ones(inside.sum())
            assert np.average(irradiance[inside], weights=weight) == pytest.approx(mean, rel=FIVE_NM_TOLERANCE)


def test_in_band_total_agrees_with_the_5_nm_table(test_data: Path) -> None:
    table = columns(test_data / "tables" / "solar_spectrum.csv")
    inside = (table["nm_centre"] >= 400) & (table["nm_centre"] <= 1000)
    total = 5.0 * table["TSIS1_HSRS_v2_5nm_mean_W_m2_nm"][inside].sum()
    grid = np.arange(398.0, 1003.0)
    assert solar_irradiance(grid).sum() == pytest.approx(total, rel=1e-4)


def test_agrees_with_wehrli_1985(test_data: Path) -> None:
    table = columns(test_data / "tables" / "solar_spectrum_1nm.csv")
    for low in range(400, 1000, 50):
        inside = (table["nm_centre"] >= low) & (table["nm_centre"] < low + 50)
        wehrli = table["Wehrli1985_1nm_mean_W_m2_nm"][inside].mean()
        assert solar_irradiance(table["nm_centre"][inside]).mean() == pytest.approx(wehrli, rel=WEHRLI_TOLERANCE)


def test_moon_is_red() -> None:
    # Lane & Irvine 1973, geometric albedo without opposition: 0.088 at 415.5, 0.179 at 729.7 nm.
    assert moon_spectrum(729.7) / moon_spectrum(415.5) == pytest.approx(0.179 / 0.088, rel=0.2)


@pytest.mark.parametrize("bad", [249.0, 1201.0, np.nan])
def test_outside_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="solar spectrum") as caught:
        solar_irradiance([500.0, bad])
    assert "\n" not in str(caught.value)


def test_tables_cannot_be_changed() -> None:
    nm, _ = solar_spectrum()
    with pytest.raises(ValueError, match="read-only"):
        nm[0] = 1.0
