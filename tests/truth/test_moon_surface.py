"""The resolved Moon against the measured disc, in bands, and near side against far side."""

from __future__ import annotations

import math

import numpy as np
import pytest

from terraluna.errors import InputError
from terraluna.photometry.band import Band
from terraluna.photometry.discs import moon_disc_integral
from terraluna.photometry.hapke import moon_parameters, moon_radiance_factor
from terraluna.photometry.lunar_disc import disc_reflectance
from terraluna.photometry.moon_scale import moon_scale
from terraluna.photometry.moon_surface import MoonSurface

# The requirement; the fit itself stays within 2.3 % at the wavelengths where it was made.
DISC_TOLERANCE = 0.05
FIT_TOLERANCE = 0.023
FAR_OVER_NEAR = (1.25, 1.36)
# What evaluating a 300 nm band at nine wavelengths costs.
BAND_TOLERANCE = 0.01
BANDS_NM = (440.0, 500.0, 675.0, 870.0)
PHASES_DEG = (5.0, 8.0, 15.0, 30.0, 50.0, 70.0, 90.0)


def disc(nm: float, g: float, centre: float = 0.0) -> float:
    """Mean of waxing and waning, scaled."""
    maps = moon_parameters(nm)
    pair = [moon_disc_integral(maps, (0, centre), (0, centre + s * g), 80).mean_radiance_factor for s in (1, -1)]
    return moon_scale(nm, g) * float(np.mean(pair))


@pytest.mark.parametrize("nm", [*BANDS_NM, 551.0, 780.0])
def test_near_side_meets_lime(nm: float) -> None:
    for g in np.radians(PHASES_DEG):
        lime = np.mean([disc_reflectance(nm, g, s * g).value for s in (1, -1)])
        assert disc(nm, g) == pytest.approx(lime, rel=FIT_TOLERANCE if nm in BANDS_NM else DISC_TOLERANCE)


@pytest.mark.parametrize("model", ["lime-2025-10", "rolo"])
@pytest.mark.parametrize("sign", [1, -1])
def test_waxing_and_waning_each_meet_the_disc_models(model: str, sign: int) -> None:
    # ROLO differs from LIME by up to 9 %, so its bound is the sum.
    bound = DISC_TOLERANCE if model.startswith("lime") else 0.10
    for nm in BANDS_NM:
        for g in np.radians(PHASES_DEG):
            here = moon_disc_integral(moon_parameters(nm), (0, 0), (0, sign * g), 80).mean_radiance_factor
            expected = disc_reflectance(nm, g, sign * g, model=model).value
            assert moon_scale(nm, g) * here == pytest.approx(expected, rel=bound)


@pytest.mark.parametrize("nm", BANDS_NM)
def test_far_side_is_brighter(nm: float) -> None:
    for g in np.radians([3.0, 5.0, 10.0, 30.0, 60.0, 90.0]):
        ratio = disc(nm, g, math.pi) / disc(nm, g)
        assert FAR_OVER_NEAR[0] < ratio < FAR_OVER_NEAR[1]


def test_scale_is_monotone_in_phase_and_smooth() -> None:
    g = np.radians(np.arange(0.0, 97.0))
    for nm in np.arange(360.0, 1190.0, 30.0):
        k = np.array([moon_scale(nm, x) for x in g])
        steps = np.diff(k)
        assert np.all(steps >= 0.0) or np.all(steps <= 0.0)
        assert np.abs(steps).max() < 0.002
        assert 0.85 < k.min() < k.max() < 1.06
    assert moon_scale(550.0, 3.0) == moon_scale(550.0, math.radians(97.0))


def test_disc_means_of_a_transit_picture() -> None:
    # Far side at phase 7-10 deg over the Earth's EPIC disc means: 2.4-2.7 at 443, 1.55-1.7 at 551, 1.2-1.4 at 680 nm.
    for nm, earth, low, high in ((443.0, 0.268, 2.4, 2.7), (551.0, 0.211, 1.55, 1.7), (680.0, 0.205, 1.2, 1.4)):
        assert 0.97 * low < earth / disc(nm, math.radians(7.0), math.pi)
        assert earth / disc(nm, math.radians(10.0), math.pi) < 1.03 * high


@pytest.mark.parametrize("g", [0.1, 0.7, 1.5])
def test_a_wide_band_is_its_integral(g: float) -> None:
    band = Band.boxcar("clear", 560.0, 300.0)
    nm = np.linspace(410.0, 710.0, 31)
    spectrum = [moon_scale(x, g) * moon_disc_integral(moon_parameters(x), (0, 0), (0, g), 40).flux for x in nm]
    surface = MoonSurface.for_band(band)
    one = surface.scale(g) * moon_disc_integral(surface.maps, (0, 0), (0, g), 40).flux
    assert one == pytest.approx(band.mean(np.interp(band.wavelength_nm, nm, spectrum)), rel=BAND_TOLERANCE)


def test_a_narrow_band_is_its_wavelength() -> None:
    band = MoonSurface.for_band(Band.gaussian("551", 551.0, 3.0))
    line = MoonSurface.at(551.0)
    assert np.allclose(band.maps.parameters, line.maps.parameters, rtol=1e-3, atol=1e-4)
    assert band.scale(0.5) == pytest.approx(line.scale(0.5), rel=1e-4)


def test_radiance_factor_is_the_kernel_on_arrays() -> None:
    surface = MoonSurface.at(600.0)
    lat, lon = np.radians([[10.0, -80.0], [0.0, 75.0]]), np.radians([[20.0, 179.9], [-170.0, -1.0]])
    mu0, mu = np.array([[0.5, 0.2], [-0.1, 0.9]]), np.array([[0.9, 0.3], [0.5, 0.8]])
    values = surface.radiance_factor(lat, lon, mu0, mu, 0.8, 1.1)
    assert values.shape == (2, 2)
    assert values[1, 0] == 0.0
    one = moon_radiance_factor(
        surface.maps.parameters, surface.maps.theta_rad, surface.scale(0.8), lat[0, 1], lon[0, 1], 0.2, 0.3, 0.8, 1.1
    )
    assert values[0, 1] == pytest.approx(one, rel=1e-12)
    plain = surface.radiance_factor(lat, lon, mu0, mu, 0.8)
    assert np.allclose(values, 1.1 * plain, rtol=1e-12)


def test_full_moon_level_at_standard_geometry() -> None:
    # LROC WAC mosaics at (i, e, g) = (60, 0, 60) deg, 643 nm: maria 0.03-0.05, highlands 0.06-0.09.
    surface = MoonSurface.at(643.0)
    mare, highland = surface.radiance_factor(
        np.radians([38.0, 5.0]), np.radians([-17.0, 150.0]), [0.5, 0.5], [1.0, 1.0], math.radians(60.0)
    )
    assert 0.02 < mare < 0.05
    assert 0.05 < highland < 0.10
    assert highland > 1.5 * mare


def test_bands_outside_are_refused() -> None:
    with pytest.raises(InputError, match="lunar surface model"):
        MoonSurface.for_band(Band.gaussian("uv", 320.0, 10.0))
    assert MoonSurface.at(950.0).extrapolated
    assert not MoonSurface.at(700.0).extrapolated
