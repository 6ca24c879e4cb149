"""Stars and planets: places against astropy, light against published photometry."""

from __future__ import annotations

import dataclasses

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import GCRS, CartesianRepresentation, SkyCoord
from astropy.time import Time

from terraluna.camera import load_camera, look
from terraluna.camera.psf import Psf
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.instrument.planets import PLANETS, planet_magnitude, view_planet, view_planets
from terraluna.instrument.stars import (
    Points,
    apparent_stars,
    deposit_points,
    pixel_solid_angle,
    point_rates,
    points_in_frame,
    v_from_hp,
)
from terraluna.render.starmap import load_stars
from terraluna.scene import Observer, build_scene
from terraluna.scene.apparent import aberrate

# Of a pixel of EPIC, 5.3 urad: 55 mas. Left out here and done by astropy: light deflection (4 mas at 90 deg from the
# Sun), radial velocity, terms of (v/c)^2 (0.5 mas).
POSITION_PX = 0.05
# Planck curve for Vega's real spectrum, and 1 % of the published fluxes.
FLUX_LIMIT = 0.07
# Differences of the tabulated relation and of variable stars.
V_LIMIT_MAG = 0.04
# The published test values are given to 0.001 mag.
MAGNITUDE_LIMIT = 6e-4


@pytest.fixture(scope="module")
def observer(ephemeris: Ephemeris) -> Observer:
    # 1.5 million km sunward, EPIC's place in July 2015, so that the geocentric astropy frame has the same velocity.
    et = ephemeris.et("2015-07-16T04:00:00")
    sun = ephemeris.state("sun", et, "earth")
    return Observer.from_state(ephemeris, et, np.r_[sun[:3] * 0.0102, 0.3, -0.2, 0.1])


def test_positions_against_astropy(ephemeris: Ephemeris, observer: Observer) -> None:
    table = load_stars()
    sky = apparent_stars(observer)
    # Bright stars, the fastest ones, and some of the middle of the list.
    motion = np.hypot(table.pm_ra_cosdec_mas_yr, table.pm_dec_mas_yr)
    chosen = np.r_[np.arange(40), np.argsort(-motion)[:20], np.arange(20000, 20040)]
    time = Time(ephemeris.utc(observer.et), scale="utc")
    catalogue = SkyCoord(
        ra=table.ra_rad[chosen] * u.rad,
        dec=table.dec_rad[chosen] * u.rad,
        distance=(1000.0 / np.maximum(table.parallax_mas[chosen], 0.01).astype(float)) * u.pc,
        pm_ra_cosdec=table.pm_ra_cosdec_mas_yr[chosen].astype(float) * u.mas / u.yr,
        pm_dec=table.pm_dec_mas_yr[chosen].astype(float) * u.mas / u.yr,
        radial_velocity=np.zeros(chosen.size) * u.km / u.s,
        obstime=Time(1991.25, format="jyear", scale="tt"),
    )
    frame = GCRS(
        obstime=time,
        obsgeoloc=CartesianRepresentation(observer.position_j2000_km * u.km),
        obsgeovel=CartesianRepresentation(observer.velocity_j2000_km_s * u.km / u.s),
    )
    expected = catalogue.apply_space_motion(new_obstime=time).transform_to(frame).cartesian.xyz.value.T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    sun = ephemeris.position("sun", observer.et, "earth") - observer.position_j2000_km
    # Light deflection grows to 1.75" at the Sun's limb.
    far = expected @ (sun / np.linalg.norm(sun)) < 0.5
    apart = np.linalg.norm(np.cross(sky[chosen], expected), axis=1)
    assert far.sum() > 60
    assert apart[far].max() < POSITION_PX * load_camera("epic").ifov_rad


def test_stars_are_aberrated_as_bodies_are(observer: Observer) -> None:
    still = dataclasses.replace(observer, velocity_ssb_km_s=np.zeros(3))
    before, after = apparent_stars(still), apparent_stars(observer)
    for k in (0, 100, 30000):
        assert after[k] == pytest.approx(aberrate(before[k], observer.velocity_ssb_km_s), abs=1e-15)
    # 20 arcsec where it is largest: 19 px of EPIC.
    shift = np.degrees(np.linalg.norm(np.cross(before, after), axis=1)) * 3600.0
    assert shift.max() == pytest.approx(20.5, abs=0.5)


def test_vega_in_mapcam() -> None:
    # Vega at 5556 A: 9.48e2 photons cm^-2 s^-1 A^-1 (Hayes 1985; 3.44e-9 erg cm^-2 s^-1 A^-1 at 5556 A).
    camera = load_camera("mapcam")
    assert camera.optics is not None
    points = Points(("HIP 91262",), *(np.array([v]) for v in (511.5, 511.5, 0.03, 0.0, 0.0)))
    item = camera.filter("v")
    width_a = 10.0 * float(np.trapezoid(item.response(w := np.linspace(500.0, 600.0, 2001)), w))
    focal_cm = camera.focal_px_x * camera.pixel_um * 1e-4  # type: ignore[operator]
    area_cm2 = np.pi * (focal_cm / camera.optics.f_number) ** 2 / 4.0
    assert item.throughput is not None
    expected = 948.0 * area_cm2 * width_a * item.throughput
    assert point_rates(camera, "v", points)[0] == pytest.approx(expected, rel=FLUX_LIMIT)


def test_published_magnitudes() -> None:
    # V of the Bright Star Catalogue.
    table = load_stars()
    v = v_from_hp(table.hp_mag.astype(float), table.b_v_mag.astype(float))
    for hip, published in ((69673, -0.04), (37279, 0.38), (97649, 0.77), (65474, 0.98), (113368, 1.16), (102098, 1.25)):
        assert v[np.flatnonzero(table.hip == hip)[0]] == pytest.approx(published, abs=V_LIMIT_MAG)


def test_sirius_over_vega_in_a_frame(ephemeris: Ephemeris, observer: Observer) -> None:
    # 1.49 mag apart, nearly the same colour.
    camera = load_camera("onc-w2")
    table, sky = load_stars(), apparent_stars(observer)
    light = []
    for hip in (32349, 91262):
        attitude = look(sky[np.flatnonzero(table.hip == hip)[0]])
        scene = build_scene(ephemeris, observer, quality="ephemeris", camera=camera, attitude=attitude)
        points = points_in_frame(scene, camera, faintest_v=0.5)
        k = points.name.index(f"HIP {hip}")
        assert (points.x[k], points.y[k]) == pytest.approx((camera.cx, camera.cy), abs=1e-6)
        light.append(point_rates(camera, "clear", points)[k])
    assert -2.5 * np.log10(light[0] / light[1]) == pytest.approx(-1.49, abs=0.02)


def test_hidden_and_outside(ephemeris: Ephemeris, observer: Observer) -> None:
    camera = load_camera("onc-t")
    scene = build_scene(ephemeris, observer, quality="ephemeris", camera=camera)
    scene = dataclasses.replace(scene, attitude=look(scene.earth.center_j2000_km))
    assert scene.attitude is not None
    points = points_in_frame(scene, camera, margin_px=0.0)
    rays = camera.unproject(np.stack([points.x, points.y], axis=1))
    apart = np.arccos(rays @ (scene.attitude @ scene.earth.direction_j2000))
    assert points.x.size > 5
    assert apart.min() > 0.999 * scene.earth.angular_radius_rad
    assert camera.contains(np.stack([points.x, points.y], axis=1)).all()
    # All stars that the projection puts into the frame are there, but for those behind the discs.
    xy = camera.project(apparent_stars(observer) @ scene.attitude.T)
    assert 0 <= np.count_nonzero(camera.contains(xy)) - points.x.size <= 3


def test_deposit_keeps_light_and_place() -> None:
    image = np.zeros((40, 40, 2))
    points = Points(("a", "b"), np.array([12.3, 30.0]), np.array([20.7, 8.0]), *(np.zeros(2) for _ in range(3)))
    points = dataclasses.replace(points, radius_px=np.array([0.0, 2.5]))
    deposit_points(image, 1, points, np.array([1000.0, 500.0]), Psf(sigma_px=0.7))
    assert not image[..., 0].any()
    assert image.sum() == pytest.approx(1500.0, rel=1e-6)
    y, x = np.mgrid[:40, :40]
    star = image[14:27, 5:20, 1]
    assert (star * x[14:27, 5:20]).sum() / star.sum() == pytest.approx(12.3, abs=1e-3)
    assert (star * y[14:27, 5:20]).sum() / star.sum() == pytest.approx(20.7, abs=1e-3)
    # A planet of 2.5 px radius spreads: its variance is that of the disc, r^2 / 4, plus those of PSF and pixel.
    disc = image[0:17, 21:40, 1]
    variance = (disc * (x[0:17, 21:40] - 30.0) ** 2).sum() / disc.sum()
    assert variance == pytest.approx(2.5**2 / 4.0 + 0.49 + 1.0 / 12.0, rel=0.03)


def test_solid_angles_sum_to_the_field() -> None:
    camera = load_camera("onc-w2")
    x, y = np.meshgrid(np.arange(0.0, 1024.0, 8.0) + 3.5, np.arange(0.0, 1024.0, 8.0) + 3.5)
    total = 64.0 * pixel_solid_angle(camera, x.ravel(), y.ravel()).sum()
    # A fan of spherical triangles from the middle to the bowed edge (Van Oosterom & Strackee 1983).
    s = np.linspace(-0.5, 1023.5, 257)[:-1]
    low, high = np.full(s.size, -0.5), np.full(s.size, 1023.5)
    edge = np.concatenate(
        [np.stack(pair, axis=1) for pair in ((s, low), (high, s), (s[::-1] + 4.0, high), (low, s[::-1] + 4.0))]
    )
    rays, middle = camera.unproject(edge), camera.unproject(np.array([511.5, 511.5]))
    exact = sum(_triangle(middle, rays[k - 1], rays[k]) for k in range(len(rays)))
    assert total == pytest.approx(exact, rel=1e-3)


def _triangle(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    return float(2.0 * np.arctan2(abs(a @ np.cross(b, c)), 1.0 + a @ b + b @ c + c @ a))


@pytest.mark.parametrize(
    ("name", "sun_au", "range_au", "phase_deg", "published"),
    # Test results of the authors' program, 2018-03-13.
    [
        ("mercury", 0.310295423552, 1.32182643625754, 1.1677, -2.477),
        ("mercury", 0.413629222334, 0.92644808718613, 90.1662, 0.181),
        ("venus", 0.722722540169, 1.71607489554051, 1.3232, -3.917),
        ("venus", 0.721480714554, 0.37762511206278, 124.1348, -4.916),
        ("jupiter", 5.446231815414, 6.44985867459088, 0.2446, -1.667),
        ("jupiter", 4.957681473205, 3.95393078136013, 0.3431, -2.934),
    ],
)
def test_planet_magnitudes(name: str, sun_au: float, range_au: float, phase_deg: float, published: float) -> None:
    assert planet_magnitude(name, sun_au, range_au, phase_deg) == pytest.approx(published, abs=MAGNITUDE_LIMIT)


def test_planets_seen_from_the_earth(ephemeris: Ephemeris) -> None:
    # Opposition of Mars on 2018-07-27: -2.8 (Astronomical Almanac, rotation and season 0.1); Saturn with open rings on
    # 2018-06-27: 0.0; with rings edge-on on 2009-09-04: 1.1. One decimal each.
    def seen(name: str, utc: str) -> float:
        et = ephemeris.et(utc)
        observer = Observer.from_state(ephemeris, et, np.r_[7000.0, 0.0, 0.0, 0.0, 7.5, 0.0])
        return view_planet(ephemeris, name, observer).v_mag

    assert seen("mars", "2018-07-27T00:00:00") == pytest.approx(-2.8, abs=0.15)
    assert seen("saturn", "2018-06-27T00:00:00") == pytest.approx(0.0, abs=0.1)
    assert seen("saturn", "2009-09-04T00:00:00") == pytest.approx(1.1, abs=0.1)


def test_planets_out_of_reach(ephemeris: Ephemeris) -> None:
    et = ephemeris.et("2007-10-03T12:00:00")
    at_mars = Observer.from_state(ephemeris, et, np.r_[4000.0, 0.0, 0.0, 0.0, 3.0, 0.0], "mars")
    assert {p.name for p in view_planets(ephemeris, at_mars)} == set(PLANETS) - {"mars"}
    assert np.isnan(planet_magnitude("mars", 1.5, 0.5, 150.0))
    with pytest.raises(InputError, match="pluto"):
        planet_magnitude("pluto", 30.0, 30.0, 1.0)
