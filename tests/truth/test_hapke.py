"""The Hapke parameter maps: packing, interpolation, poles, places with known albedo."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from terraluna.errors import InputError
from terraluna.photometry.hapke import PARAMETERS, moon_parameters, moon_radiance_factor, sample, sharpening_ratio
from terraluna.photometry.laws import hapke
from terraluna.photometry.moon_surface import MoonSurface

# Half a quantisation step: 12 bits for w, 8 for the others, over the range of each map.
PACKING = {"w": 6e-5, "b": 3.1e-4, "c": 3.0e-3, "Bs0": 2.5e-3, "hs": 4.0e-4}
# What the quantisation does to I/F, one cell, at any phase.
REFLECTANCE_ERROR = 0.01


@pytest.mark.parametrize("nm", [415, 566, 643])
def test_packed_maps_are_the_published_ones(test_data: Path, nm: int) -> None:
    source = np.load(test_data / "tables" / "hapke_sato2014_maps_1deg.npz")
    maps = moon_parameters(float(nm))
    assert maps.theta_rad == pytest.approx(math.radians(23.6566), rel=1e-12)
    for index, name in enumerate(PARAMETERS):
        original = source[f"{name}{nm}"][::-1]
        assert np.abs(maps.parameters[20:160, :, index] - original).max() <= PACKING[name]


def test_packing_hardly_changes_the_reflectance(test_data: Path) -> None:
    source = np.load(test_data / "tables" / "hapke_sato2014_maps_1deg.npz")
    originals = [source[f"{name}566"][::-1].astype(np.float64) for name in PARAMETERS]
    maps = moon_parameters(566.0)
    rng = np.random.default_rng(3)
    errors = []
    for row, column in zip(rng.integers(0, 140, 400), rng.integers(0, 360, 400), strict=True):
        exact = np.array([*(values[row, column] for values in originals), maps.theta_rad])
        packed = np.append(maps.parameters[20 + row, column], maps.theta_rad)
        g = rng.uniform(0.02, 1.6)
        errors.append(hapke(packed, 0.6, 0.7, g) / hapke(exact, 0.6, 0.7, g) - 1.0)
    assert np.abs(errors).max() < REFLECTANCE_ERROR
    assert np.std(errors) < 0.3 * REFLECTANCE_ERROR


def place(lat_deg: float, lon_deg: float, nm: float = 643.0) -> float:
    out = np.empty(5)
    sample(moon_parameters(nm).parameters, math.radians(lat_deg), math.radians(lon_deg), out)
    return float(out[0])


def test_maria_and_highlands_fall_where_they_are() -> None:
    # Mare if w(643) < 0.335, the threshold of the published statistics.
    for lat, lon in ((17.0, 59.0), (38.0, -17.0), (8.0, 31.0), (18.0, -57.0), (-20.0, -40.0), (27.3, 147.9)):
        assert place(lat, lon) < 0.335  # Crisium, Imbrium, Tranquillitatis, Procellarum, Humorum, Moscoviense
    for lat, lon in ((-43.3, -11.4), (-30.0, 10.0), (20.0, -160.0), (5.0, 150.0)):
        assert place(lat, lon) > 0.335  # Tycho, southern highlands, far side


def test_bands_are_met_and_between_them_parameters_are_linear() -> None:
    low, high = moon_parameters(566.0).parameters, moon_parameters(643.0).parameters
    middle = moon_parameters(0.5 * (566.0 + 643.0)).parameters
    assert np.allclose(middle, 0.5 * (low + high), rtol=0, atol=1e-12)


def test_mare_to_highland_contrast_beyond_the_maps(test_data: Path) -> None:
    # Velikodsky 2011: highland over mare equigonal albedo is 1.63 at 653 and 1.61 at 850 nm.
    table = np.genfromtxt(test_data / "tables" / "moon_velikodsky2011_Aeq6.csv", delimiter=",", names=True)
    published = np.interp([653.0, 850.0], table["nm"], table["Aeq6_highland"] / table["Aeq6_mare"])
    contrast = []
    for nm in (653.0, 850.0):
        maps = moon_parameters(nm)
        values = [moon_radiance_factor(maps.parameters, maps.theta_rad, 1.0, *np.radians(p), 0.8, 0.8, 0.105, 1.0)
                  for p in ((-30.0, 10.0), (38.0, -17.0))]  # fmt: skip
        contrast.append(values[0] / values[1])
    assert contrast[1] / contrast[0] == pytest.approx(published[1] / published[0], rel=0.05)


def test_flags() -> None:
    assert not moon_parameters(550.0).extrapolated
    assert not moon_parameters(550.0).shape_held
    assert moon_parameters(750.0).shape_held
    assert not moon_parameters(750.0).extrapolated
    assert moon_parameters(950.0).extrapolated
    for nm in (300.0, 1300.0, math.nan):
        with pytest.raises(InputError, match="lunar surface model"):
            moon_parameters(nm)


@pytest.mark.parametrize("nm", [360.0, 500.0, 900.0])
def test_poles_are_continuous_and_single_valued(nm: float) -> None:
    grid = moon_parameters(nm).parameters
    assert np.all(np.isfinite(grid))
    for pole, edge, outer in ((179, 159, 160), (0, 20, 19)):
        assert np.ptp(grid[pole, :, 0]) < 0.05 * np.ptp(grid[edge, :, 0])
        # A step of one row changes no more than the rows inside the mapped zone do.
        inner = np.std(grid[edge] - grid[2 * edge - outer], axis=0)
        assert np.all(np.std(grid[outer] - grid[edge], axis=0) < 1.5 * inner)
        # Spokes: neighbours along the row grow alike towards the pole.
        rough = [np.std(np.diff(grid[row, :, 0])) for row in range(edge, pole, 1 if pole > edge else -1)]
        assert np.all(np.diff(rough) < 0.0)
    assert grid[..., 0].min() > 0.05
    assert grid[..., 0].max() < 1.0


def test_sampling_wraps_and_interpolates() -> None:
    grid = moon_parameters(566.0).parameters
    out, other = np.empty(5), np.empty(5)
    sample(grid, math.radians(10.5), math.radians(0.5), out)
    assert np.allclose(out, grid[100, 0], rtol=1e-12)
    sample(grid, math.radians(10.5), math.radians(-180.0), out)
    sample(grid, math.radians(10.5), math.radians(180.0), other)
    assert np.allclose(out, other, rtol=1e-9)
    sample(grid, math.radians(10.5), math.radians(0.0), out)
    assert np.allclose(out, 0.5 * (grid[100, 359] + grid[100, 0]), rtol=1e-12)
    for lat in (math.pi / 2, -math.pi / 2):
        sample(grid, lat, -1e-17, out)
        assert np.all(np.isfinite(out))


def test_sharpening_keeps_the_level_and_adds_the_detail() -> None:
    rng = np.random.default_rng(5)
    coarse = 0.1 + 0.02 * np.sin(np.linspace(0, 6 * np.pi, 1440))[None, :] * np.ones((720, 1))
    detail = 1.0 + 0.2 * rng.standard_normal((720, 1440)).clip(-2, 2)
    ratio = sharpening_ratio(coarse * detail)
    inside = slice(84, 636)  # within 69 deg
    assert np.std((ratio - detail)[inside]) < 0.06  # the 1-degree mean of 16 pixels of 20 % detail scatters by 5 %
    blocks = ratio.reshape(180, 4, 360, 4).mean(axis=(1, 3))[21:159]
    assert np.abs(blocks - 1.0).max() < 0.15
    assert blocks.mean() == pytest.approx(1.0, abs=0.01)
    assert np.allclose(sharpening_ratio(np.full((360, 720), 0.12)), 1.0)


@pytest.mark.parametrize("shape", [(512, 1024), (200, 1000), (180, 360)])
def test_sharpening_takes_any_size(shape: tuple[int, int]) -> None:
    lat = math.pi * ((np.arange(shape[0]) + 0.5) / shape[0] - 0.5)
    lon = 2.0 * math.pi * (np.arange(shape[1]) + 0.5) / shape[1]
    # A field without detail below a degree has none to give where the model has its own data.
    field = 0.1 + 0.03 * np.outer(np.cos(lat), np.cos(2.0 * lon))
    mapped = np.abs(lat) < math.radians(69.0)
    assert np.abs(sharpening_ratio(field)[mapped] - 1.0).max() < 2e-3


def test_polar_features_come_through_whole() -> None:
    # A dark spot of 5 deg at the pole, much wider than the 1-degree cells.
    field = np.full((360, 720), 0.1)
    field[:10] = 0.05
    ratio = sharpening_ratio(field)
    assert ratio[3].mean() == pytest.approx(0.5, abs=1e-9)
    assert np.allclose(ratio[30:], 1.0, atol=1e-9)


def test_sharpened_model_agrees_with_the_wac_mosaic() -> None:
    # The albedo map (NASA CGI Moon Kit from the LROC WAC mosaic, I/F at i, e, g = 60, 0, 60) shares the instrument with
    # the Hapke maps but not the processing: level within 5 %, scatter of square degrees about 3 %.
    from terraluna.render.maps import load_moon_maps

    albedo = np.asarray(load_moon_maps().albedo.level(1), dtype=np.float64)[..., 0]
    assert albedo.ndim == 2
    ratio = sharpening_ratio(albedo)
    h, w = albedo.shape
    rows, columns = np.arange(h // 4, 3 * h // 4, 7), np.arange(0, w, 7)
    lat = math.pi * (0.5 - (rows + 0.5) / h)
    lon = 2.0 * math.pi * (columns + 0.5) / w - math.pi
    surface = MoonSurface.at(643.0)
    grid = np.ix_(rows, columns)
    model = surface.radiance_factor(lat[:, None], lon[None, :], 0.5, 1.0, math.radians(60.0), ratio[grid])
    assert np.mean(albedo[grid] / model) == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(albedo[grid].ravel(), model.ravel())[0, 1] > 0.98


def test_sharpening_treats_gaps_and_bad_maps() -> None:
    albedo = np.full((360, 720), 0.12)
    albedo[100:110, 100:110] = np.nan
    albedo[5, 5] = -1.0
    ratio = sharpening_ratio(albedo)
    assert ratio[105, 105] == 1.0
    assert np.allclose(ratio, 1.0, atol=1e-9)
    with pytest.raises(InputError, match="coarser than 1 degree"):
        sharpening_ratio(np.ones((100, 200)))
    with pytest.raises(InputError, match="no positive"):
        sharpening_ratio(np.zeros((180, 360)))
