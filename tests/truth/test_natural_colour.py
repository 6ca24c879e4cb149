"""The portrait's colours against published spectra of the Earth and the Moon, seen by the CIE's standard observer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.photometry.spectra import moon_spectrum, solar_irradiance
from terraluna.render.materials import RGB_NM
from terraluna.render.natural import NATURAL, has_natural_colour, natural_colour

GRID_NM = np.arange(400.0, 701.0, 5.0)
PUBLISHED = (
    "geom_albedo_composite_Payne2025",
    "VPL_quadrature_Robinson2011",
    "Wen2019_cloud",
    "Wen2019_land",
    "Wen2019_ocean",
)

WITHIN = 0.06
"""Largest difference of a channel from the observer's, in units of the colour's mean: one and a half times the 4.0 %
rms that the matrix leaves on the spectra that it was fitted to."""


def seen(reflectance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear sRGB of a spectrum in sunlight, white adapted to sunlight; all colorimetry by colour-science."""
    import colour

    shape = colour.SpectralShape(400, 700, 5)
    light = colour.SpectralDistribution(solar_irradiance(GRID_NM), GRID_NM).align(shape)
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape)
    sample = colour.SpectralDistribution(reflectance, GRID_NM).align(shape)
    xyz, white = (
        colour.sd_to_XYZ(item, observer, light, method="Integration") / 100.0
        for item in (sample, colour.SpectralDistribution(np.ones(GRID_NM.size), GRID_NM).align(shape))
    )
    rgb = colour.XYZ_to_RGB(xyz, "sRGB", colour.XYZ_to_xy(white), chromatic_adaptation_transform="Bradford")
    return np.asarray(rgb, dtype=np.float64)


def table(test_data: Path) -> dict[str, NDArray[np.float64]]:
    lines = (test_data / "tables" / "earth_spectra_5nm.csv").read_text(encoding="utf-8").splitlines()
    rows = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    return dict(zip(lines[0].split(","), rows.T, strict=True))


def departure(nm: NDArray[np.float64], reflectance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Difference of the matrix's colour from the observer's, in units of the latter's mean."""
    truth = seen(np.interp(GRID_NM, nm, reflectance))
    ours = natural_colour(np.interp(RGB_NM, nm, reflectance))
    return np.asarray((ours - truth) / truth.mean())


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_spectra_of_the_earth(name: str, test_data: Path) -> None:
    columns = table(test_data)
    good = np.isfinite(columns[name])
    assert np.abs(departure(columns["nm"][good], columns[name][good])).max() < WITHIN


def test_bare_land_is_less_red_than_its_bands(test_data: Path) -> None:
    columns = table(test_data)
    good = np.isfinite(columns["Wen2019_land"])
    nm, reflectance = columns["nm"][good], columns["Wen2019_land"][good]
    truth, bands = seen(np.interp(GRID_NM, nm, reflectance)), np.interp(RGB_NM, nm, reflectance)
    assert (bands - truth)[0] > 4.0 * abs((natural_colour(bands) - truth)[0])


def test_moon() -> None:
    assert np.abs(departure(GRID_NM, moon_spectrum(GRID_NM))).max() < WITHIN


def test_grey_stays_grey() -> None:
    assert np.sum(NATURAL, axis=1) == pytest.approx(1.0, abs=1e-12)
    assert natural_colour(np.full((2, 2, 3), 0.3)) == pytest.approx(0.3)


def test_needs_three_bands() -> None:
    assert has_natural_colour((680.2, 551.0, 444.0))
    assert not has_natural_colour((700.0, 551.0, 443.0))
    assert not has_natural_colour((680.0,))
    with pytest.raises(InputError, match="three bands"):
        natural_colour(np.zeros((2, 2, 1)))
