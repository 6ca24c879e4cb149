"""The packaged maps against places whose positions and looks are published."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

from terraluna.errors import InputError
from terraluna.render.cloud_map import load_cloud_map
from terraluna.render.maps import CLOUD_COVER, EarthMaps, MoonMaps, load_earth_maps, load_moon_maps, moon_iof
from terraluna.render.pyramid import Pyramid, sample_bilinear, sample_bilinear_channels

CRATER_DEG = 0.1
"""A bright crater's or deep floor's centroid: the IAU gazetteer's centres are good to about 0.05, relief is uneven."""
ISLAND_DEG = 0.04
"""An island's centroid against its published centre, rounded to 0.01-0.02; half a cell of the mask is 0.044."""


@pytest.fixture(scope="module")
def moon() -> MoonMaps:
    return load_moon_maps()


@pytest.fixture(scope="module")
def earth() -> EarthMaps:
    return load_earth_maps()


def at(pyramid: Pyramid, lat_deg: float, lon_deg: float, level: int = 0) -> NDArray[np.float64]:
    grid = pyramid.level(level)
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    if grid.ndim == 2:
        return np.array([sample_bilinear(grid, lat, lon)])
    out = np.empty(grid.shape[2])
    sample_bilinear_channels(grid, lat, lon, out)
    return out


def mean_over(pyramid: Pyramid, lat_deg: tuple[float, float], lon_deg: tuple[float, float]) -> NDArray[np.float64]:
    """Mean of a 20 x 20 lattice of samples between two latitudes and two longitudes."""
    lattice = [at(pyramid, lat, lon) for lat in np.linspace(*lat_deg, 20) for lon in np.linspace(*lon_deg, 20)]
    return np.mean(lattice, axis=0)


def area_mean(grid: NDArray[np.float32]) -> NDArray[np.float64]:
    sine = np.sin(np.radians(np.linspace(90.0, -90.0, grid.shape[0] + 1)))
    share = (sine[:-1] - sine[1:]) / 2.0
    return np.tensordot(share, grid.mean(axis=1, dtype=np.float64), axes=1)


def centroid_offset_deg(
    pyramid: Pyramid,
    channel: int | None,
    lat_deg: float,
    lon_deg: float,
    radius_deg: float,
    percentile: float,
    sign: int,
) -> tuple[float, float]:
    """East and north offset of the centroid of what exceeds a percentile within a circle; on-sky degrees."""
    east, north = np.meshgrid(np.linspace(-radius_deg, radius_deg, 81), np.linspace(-radius_deg, radius_deg, 81))
    inside = np.hypot(east, north) < radius_deg
    east, north = east[inside], north[inside]
    index = 0 if channel is None else channel
    stretch = math.cos(math.radians(lat_deg))
    points = zip(lat_deg + north, lon_deg + east / stretch, strict=True)
    values = sign * np.array([at(pyramid, la, lo)[index] for la, lo in points])
    weight = np.clip(values - np.percentile(values, percentile), 0.0, None)
    return float((weight * east).sum() / weight.sum()), float((weight * north).sum() / weight.sum())


# The Moon


@pytest.mark.parametrize(
    ("name", "lat_deg", "lon_deg", "radius_deg"),
    # IAU Gazetteer of Planetary Nomenclature: small fresh craters, brighter than their surroundings.
    [("Giordano Bruno", 35.97, 102.89, 1.0), ("Kepler", 8.12, -38.01, 1.0), ("Censorinus", -0.42, 32.67, 0.5)],
)
def test_moon_bright_craters_are_in_place(
    moon: MoonMaps, name: str, lat_deg: float, lon_deg: float, radius_deg: float
) -> None:
    east, north = centroid_offset_deg(moon.albedo, 1, lat_deg, lon_deg, radius_deg, 60.0, 1)
    assert math.hypot(east, north) < CRATER_DEG, name


def test_moon_dark_and_bright_places(moon: MoonMaps) -> None:
    tycho, crisium, east_of_crisium = at(moon.albedo, -43.3, -11.2), at(moon.albedo, 17, 59), at(moon.albedo, 17, 80)
    moscoviense, farside = at(moon.albedo, 27.0, 147.5), mean_over(moon.albedo, (5, 15), (165, 175))
    assert (crisium < 0.6 * east_of_crisium).all()
    assert (moscoviense < 0.65 * farside).all()
    assert (tycho > 1.15 * mean_over(moon.albedo, (-48, -44), (-30, -24))).all()
    assert (at(moon.albedo, 23.73, -47.49) > 2.5 * at(moon.albedo, 27.0, -52.0)).all(), "Aristarchus on its plateau"


def test_moon_is_redder_than_grey(moon: MoonMaps) -> None:
    red, green, blue = area_mean(moon.albedo.base)
    assert red > green > blue


def test_moon_iof_endpoints() -> None:
    # (0.16 / 0.935)^2.8 and (0.40 / 1.04)^2.8, by logarithm table.
    assert moon_iof(np.zeros(3))[0] == pytest.approx(0.0071256, rel=2e-3)
    assert moon_iof(np.full(3, 255))[2] == pytest.approx(0.068877, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "lat_deg", "lon_deg", "radius_deg"),
    [("Tycho", -43.30, -11.22, 1.6), ("Copernicus", 9.62, -20.08, 1.8), ("Eratosthenes", 14.47, -11.32, 1.1)],
)
def test_relief_craters_are_in_place(
    moon: MoonMaps, name: str, lat_deg: float, lon_deg: float, radius_deg: float
) -> None:
    east, north = centroid_offset_deg(moon.relief_m, None, lat_deg, lon_deg, radius_deg, 40.0, -1)
    assert math.hypot(east, north) < CRATER_DEG, name


def test_relief_heights(moon: MoonMaps) -> None:
    # Smith et al. 2010 and 2017 (LOLA): extremes about -9.1 and +10.8 km, here averaged to 0.25 degree.
    assert -9200.0 < moon.relief_m.base.min() < -8000.0
    assert 9800.0 < moon.relief_m.base.max() < 10800.0
    rows, columns = np.unravel_index(int(moon.relief_m.base.argmax()), moon.relief_m.base.shape)
    # The Selenean summit: 5.441 N, 158.656 W (LROC).
    assert 90.0 - (rows + 0.5) / 4 == pytest.approx(5.4, abs=0.5)
    assert -180.0 + (columns + 0.5) / 4 == pytest.approx(-158.7, abs=0.5)
    assert mean_over(moon.relief_m, (-60, -45), (-180, -160))[0] < -4000.0, "South Pole-Aitken basin"
    assert mean_over(moon.relief_m, (14, 20), (55, 62))[0] < -3000.0, "Mare Crisium"
    assert mean_over(moon.relief_m, (-5, 15), (-165, -150))[0] > 4000.0, "far-side highlands"


def test_slopes_of_copernicus_face_inward(moon: MoonMaps) -> None:
    lat, lon, reach = 9.62, -20.08, 1.2
    stretch = math.cos(math.radians(lat))
    # Copernicus is 96 km wide and 3.8 km deep: its terraced walls rise outward by several degrees.
    steep = 0.05
    assert at(moon.slopes, lat, lon + reach / stretch)[0] > steep
    assert at(moon.slopes, lat, lon - reach / stretch)[0] < -steep
    assert at(moon.slopes, lat + reach, lon)[1] > steep
    assert at(moon.slopes, lat - reach, lon)[1] < -steep


@pytest.mark.parametrize(("lat_deg", "lon_deg"), [(-43.0, -10.0), (62.3, 70.0), (-75.0, 179.9)])
def test_slopes_match_heights_along_a_path(moon: MoonMaps, lat_deg: float, lon_deg: float) -> None:
    """The slope is the height gained over a 15 km chord, whatever the latitude."""
    metres_per_deg = 1737400.0 * math.pi / 180.0
    half_deg = 0.25
    stretch = math.cos(math.radians(lat_deg))
    grid = moon.relief_m
    # On cell centres the stored slope is that of exactly this chord.
    lat_deg, lon_deg = math.floor(lat_deg * 4) / 4 + 0.125, math.floor(lon_deg * 4) / 4 + 0.125
    stretch = math.cos(math.radians(lat_deg))
    rise_east = at(grid, lat_deg, lon_deg + half_deg / stretch) - at(grid, lat_deg, lon_deg - half_deg / stretch)
    rise_north = at(grid, lat_deg + half_deg, lon_deg) - at(grid, lat_deg - half_deg, lon_deg)
    east, north = at(moon.slopes, lat_deg, lon_deg)
    # Chord against arc: the angle spanned is at most 1 degree of longitude each side.
    assert east == pytest.approx(rise_east[0] / (2 * half_deg * metres_per_deg), rel=1e-3, abs=1e-5)
    assert north == pytest.approx(rise_north[0] / (2 * half_deg * metres_per_deg), rel=1e-3, abs=1e-5)


# The Earth


@pytest.mark.parametrize(
    ("name", "lat_deg", "lon_deg", "radius_deg"),
    # Centres of islands as published in gazetteers.
    [("Reunion", -21.115, 55.533, 0.5), ("Mauritius", -20.28, 57.57, 0.5), ("Oahu", 21.46, -157.97, 0.45)],
)
def test_islands_are_in_place(earth: EarthMaps, name: str, lat_deg: float, lon_deg: float, radius_deg: float) -> None:
    east, north = centroid_offset_deg(earth.water, None, lat_deg, lon_deg, radius_deg, 0.0, -1)
    assert math.hypot(east, north) < ISLAND_DEG, name


def test_strait_of_gibraltar_is_open(earth: EarthMaps) -> None:
    # 14 km wide: Tarifa at 36.01 N, Ksar es-Seghir at 35.84 N, at 5.55 W.
    water = [float(at(earth.water, lat, -5.55)[0]) for lat in (35.6, 35.95, 36.3)]
    assert water[0] < 0.02
    assert water[1] > 0.6
    assert water[2] < 0.02


def test_shores_of_sri_lanka_and_lake_victoria(earth: EarthMaps) -> None:
    # The coasts at 7.5 N lie at 79.80 E and 81.83 E; Lake Victoria at 1 S reaches from 31.8 E to 34.1 E.
    assert at(earth.water, 7.5, 79.6)[0] > 0.95
    assert at(earth.water, 7.5, 80.0)[0] < 0.05
    assert at(earth.water, 7.5, 80.7)[0] == 0.0
    assert at(earth.water, 7.5, 81.6)[0] < 0.05
    assert at(earth.water, 7.5, 82.0)[0] > 0.95
    assert at(earth.water, -1.0, 33.0)[0] == 1.0
    assert at(earth.water, -1.0, 31.4)[0] < 0.05
    assert at(earth.water, -1.0, 34.5)[0] < 0.05
    assert at(earth.water, 41.5, 51.0)[0] == 1.0, "the Caspian Sea counts as water"


def test_share_of_water(earth: EarthMaps) -> None:
    # World Factbook: 148.94 of 510.07 million km2 are land with its lakes; the lakes of the mask take 0.3 per cent.
    assert float(area_mean(earth.water.base)) == pytest.approx(1.0 - 148.94 / 510.07 + 0.003, abs=0.003)


def test_land_looks(earth: EarthMaps) -> None:
    sahara, congo = mean_over(earth.land, (18, 26), (-5, 30)), mean_over(earth.land, (-3, 2), (18, 26))
    amazon, greenland = mean_over(earth.land, (-8, 0), (-68, -56)), mean_over(earth.land, (68, 78), (-45, -35))
    assert sahara[0] > 5.0 * congo[0]
    assert sahara[0] > sahara[1] > sahara[2], "sand is reddest in the red"
    assert amazon[1] > 2.0 * amazon[0], "chlorophyll absorbs at 680 nm"
    assert amazon[1] > 2.0 * amazon[2]
    # Clean snow in the visible (Wiscombe & Warren 1980).
    assert (greenland > 0.85).all()
    # Loose bounds of the order MODIS finds at 645 nm: desert of North Africa, evergreen broadleaf forest.
    assert 0.35 < sahara[0] < 0.5
    assert 0.02 < congo[0] < 0.05
    assert earth.land.base.min() >= 0.0
    assert earth.land.base.max() <= 0.95 + 1e-6


def test_land_shores_do_not_bleed(earth: EarthMaps) -> None:
    # The picture's sea is blue far above red; the shore of Libya and what lies under the water off it must stay sandy.
    for lat in (30.2, 31.0, 32.0, 33.0):
        red, _, blue = at(earth.land, lat, 18.5)
        assert red > blue


def test_clouds_mean_and_places(earth: EarthMaps) -> None:
    assert float(area_mean(earth.clouds.base)) == pytest.approx(CLOUD_COVER, abs=1e-3)
    assert mean_over(earth.clouds, (20, 28), (0, 30))[0] < 0.15, "the Sahara is clear"
    assert mean_over(earth.clouds, (-62, -50), (-180, 180))[0] > 0.7, "the Southern Ocean is covered"
    # The stratocumulus deck off Chile ends at the coast, 70.3 W to 70.7 W at 22-27 S.
    assert mean_over(earth.clouds, (-27, -22), (-73, -71.5))[0] > 0.8
    assert mean_over(earth.clouds, (-27, -22), (-69, -67))[0] < 0.1


def test_cloud_cover_option() -> None:
    thin, thick = load_earth_maps(0.3).clouds.base, load_earth_maps(0.6).clouds.base
    assert float(area_mean(thin)) == pytest.approx(0.3, abs=1e-3)
    assert (thick >= thin).all()
    with pytest.raises(InputError, match=r"cloud cover 1\.2"):
        load_earth_maps(1.2)


# Sampling


def test_sampling_agrees_with_scipy() -> None:
    rng = np.random.default_rng(4)
    grid = rng.random((18, 36)).astype(np.float32)
    lat = rng.uniform(-np.pi / 2, np.pi / 2, 400)
    lon = rng.uniform(-3 * np.pi, 3 * np.pi, 400)
    ours = [sample_bilinear(grid, a, b) for a, b in zip(lat, lon, strict=True)]
    rows = np.clip((90.0 - np.degrees(lat)) / 10.0 - 0.5, 0.0, 17.0)
    columns = ((np.degrees(lon) + 180.0) % 360.0) / 10.0 - 0.5
    wide = np.concatenate([grid[:, -1:], grid, grid[:, :1]], axis=1).astype(np.float64)
    theirs = map_coordinates(wide, [rows, columns + 1.0], order=1, mode="nearest")
    # float64 arithmetic on both sides; scipy's own interpolation rounds at 1e-15 a step.
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    cube = np.stack([grid, 2 * grid, 1 - grid], axis=2)
    out = np.empty(3)
    sample_bilinear_channels(cube, lat[0], lon[0], out)
    # The channels are float32: 1 - g rounds at 6e-8.
    np.testing.assert_allclose(out, [ours[0], 2 * ours[0], 1 - ours[0]], atol=1e-7)


def test_pyramid_levels(moon: MoonMaps) -> None:
    for pyramid in (moon.albedo, moon.relief_m, moon.slopes):
        for index in range(1, pyramid.count):
            finer, coarser = pyramid.level(index - 1), pyramid.level(index)
            height, width = coarser.shape[:2]
            expected = finer.reshape(height, 2, width, 2, -1).mean(axis=(1, 3), dtype=np.float64)
            # float32 sums of four heights of up to 10^4 m.
            np.testing.assert_allclose(coarser.reshape(height, width, -1), expected, rtol=1e-6, atol=2e-3)
    albedo = moon.albedo
    assert albedo.mip_level(0.4) is albedo.level(0)
    assert albedo.mip_level(2.0) is albedo.level(1)
    assert albedo.mip_level(1e6) is albedo.level(albedo.count - 1)
    # A disc of 304 px radius shows 4096 cells on 2 pi 304 px of equator.
    assert albedo.texels_per_pixel(304.0) == pytest.approx(2.144, abs=1e-3)


def test_first_halving_does_not_need_the_full_map() -> None:
    rng = np.random.default_rng(7)
    codes = rng.integers(0, 256, (90, 180, 3)).astype(np.uint8)
    table = rng.random((3, 256))
    direct, by_steps = Pyramid("direct", codes, table), Pyramid("steps", codes, table)
    np.testing.assert_allclose(by_steps.base[40, 7], [table[c, codes[40, 7, c]] for c in range(3)], rtol=1e-6)
    # Two orders of the same four float32 additions.
    np.testing.assert_allclose(direct.level(1), by_steps.level(1), rtol=1e-6)


# The user's own clouds


def test_user_cloud_maps_are_read(tmp_path: Path) -> None:
    ramp = np.linspace(0.0, 1.0, 64 * 128).reshape(64, 128)
    Image.fromarray(np.rint(ramp * 255).astype(np.uint8)).save(tmp_path / "eight.png")
    Image.fromarray(np.rint(ramp * 65535).astype(np.uint16)).save(tmp_path / "sixteen.png")
    Image.fromarray(ramp.astype(np.float32)).save(tmp_path / "float.tif")
    white = np.full((64, 128, 4), 255, np.uint8)
    white[..., 3] = np.rint(ramp * 255)
    Image.fromarray(white).save(tmp_path / "transparent.png")
    # Half a step of each file's value code.
    steps = {"eight.png": 0.5 / 255, "sixteen.png": 0.5 / 65535, "float.tif": 1e-7, "transparent.png": 0.5 / 255}
    for name, step in steps.items():
        np.testing.assert_allclose(load_cloud_map(tmp_path / name), ramp, atol=step + 1e-7, err_msg=name)
    scaled = load_cloud_map(tmp_path / "float.tif", cover=0.4)
    assert float(area_mean(scaled)) == pytest.approx(0.4, abs=2e-3)
    assert load_earth_maps(clouds=scaled).clouds.base.shape == (64, 128)


def test_bad_cloud_maps_are_refused_in_one_line(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((100, 150), np.uint8)).save(tmp_path / "square.png")
    Image.fromarray(np.full((4, 8), np.nan, np.float32)).save(tmp_path / "nan.tif")
    Image.fromarray(np.full((4, 8), 7.0, np.float32)).save(tmp_path / "large.tif")
    (tmp_path / "text.png").write_text("no picture")
    cases = {
        "square.png": "150 x 100",
        "nan.tif": "not finite",
        "large.tif": "between 0 and 1",
        "text.png": "cannot read",
        "missing.png": "cannot read",
    }
    for name, words in cases.items():
        with pytest.raises(InputError, match=words) as caught:
            load_cloud_map(tmp_path / name)
        text = str(caught.value)
        assert name in text
        assert "\n" not in text
