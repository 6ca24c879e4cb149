"""The packaged star cut against published positions, colours and magnitudes."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from terraluna.render.starmap import EPOCH_JYEAR, StarTable, load_stars

POSITION_ARCSEC = 0.1
"""SIMBAD is good to 1 mas here; orbits of the pairs bend nine years of motion by less than this."""
COLOUR_MAG = 0.05
"""Ground-based B-V of variable and bright stars scatters by a few hundredths."""
BRIGHTEST = {
    "Sirius": 32349,
    "Canopus": 30438,
    "Vega": 91262,
    "Arcturus": 69673,
    "Alpha Centauri A": 71683,
    "Rigel": 24436,
    "Capella": 24608,
    "Achernar": 7588,
    "Procyon": 37279,
    "Betelgeuse": 27989,
}
"""The ten brightest in the Hp band, by Hipparcos number."""


@pytest.fixture(scope="module")
def stars() -> StarTable:
    return load_stars()


def test_count_and_limit(stars: StarTable) -> None:
    # Stars of CDS I/311 with Hp < 8.
    assert stars.hip.size == 37619
    assert np.unique(stars.hip).size == stars.hip.size
    assert stars.hp_mag.max() < 8.0
    assert (np.diff(stars.hp_mag) >= 0).all()
    for values in (stars.ra_rad, stars.dec_rad, stars.parallax_mas, stars.b_v_mag, stars.pm_dec_mas_yr):
        assert np.isfinite(values).all()


def test_brightest(stars: StarTable) -> None:
    assert stars.hip[: len(BRIGHTEST)].tolist() == list(BRIGHTEST.values())


@pytest.mark.parametrize(
    ("hip", "position", "b_v"),
    # SIMBAD: ICRS, epoch 2000; B-V from the Bright Star Catalogue.
    [
        pytest.param(32349, "06h45m08.91728s -16d42m58.0171s", 0.00, id="Sirius"),
        pytest.param(80763, "16h29m24.45970s -26d25m55.2094s", 1.83, id="Antares"),
        pytest.param(11767, "02h31m49.09456s +89d15m50.7923s", 0.60, id="Polaris"),
        pytest.param(91262, "18h36m56.33635s +38d47m01.2802s", 0.00, id="Vega"),
        pytest.param(69673, "14h15m39.67207s +19d10m56.6730s", 1.23, id="Arcturus"),
    ],
)
def test_positions_at_2000_and_colours(stars: StarTable, hip: int, position: str, b_v: float) -> None:
    (row,) = np.flatnonzero(stars.hip == hip)
    at_epoch = SkyCoord(
        ra=stars.ra_rad[row] * u.rad,
        dec=stars.dec_rad[row] * u.rad,
        distance=1000.0 / float(stars.parallax_mas[row]) * u.pc,
        pm_ra_cosdec=float(stars.pm_ra_cosdec_mas_yr[row]) * u.mas / u.yr,
        pm_dec=float(stars.pm_dec_mas_yr[row]) * u.mas / u.yr,
        radial_velocity=0.0 * u.km / u.s,
        obstime=Time(EPOCH_JYEAR, format="jyear", scale="tt"),
    )
    at_2000 = at_epoch.apply_space_motion(new_obstime=Time(2000.0, format="jyear", scale="tt"))
    published = SkyCoord(position)
    assert at_2000.separation(published).arcsec < POSITION_ARCSEC
    assert stars.b_v_mag[row] == pytest.approx(b_v, abs=COLOUR_MAG)


def test_sky_is_whole(stars: StarTable) -> None:
    """Each octant of the sky holds its share: the Milky Way and the Sun's place leave no octant poorer than half."""
    octant = (stars.ra_rad // (np.pi / 2)).astype(int) * 2 + (stars.dec_rad > 0)
    counts = np.bincount(octant, minlength=8)
    assert counts.min() > 0.5 * counts.mean()
