"""Energy, reciprocity and limits of the radiometric Earth's parts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from terraluna.errors import InputError
from terraluna.render.earth import EarthOptics, RadiometricEarth, load_cloud_netcdf, tables
from terraluna.render.earth.adding import flux_transmission, gauss_half, make_slab, plane_albedo
from terraluna.render.earth.columns import band_columns
from terraluna.render.earth.disc import disc_mean, distant_body
from terraluna.render.earth.grid import slant_cosine, sun_nodes, view_nodes
from terraluna.render.earth.land import band_reflectance, land_bands
from terraluna.render.earth.lut import frame_tables
from terraluna.render.earth.ocean import fresnel, glint_shape, mirror, slope_variance
from terraluna.render.maps import EarthMaps, load_earth_maps
from terraluna.render.pyramid import FULL_SCALE, Pyramid

ROUND_OFF = 1e-8
INTERPOLATION = 0.01
"""Fluxes and reciprocal pairs after interpolation between 16 streams and the table's nodes."""

SAMPLING = 1e-3
"""Change of the disc integral on doubling the sampling that the specification allows."""


def plain_earth(water: float, cover: float, ground: float = 0.0, **optics: float) -> RadiometricEarth:
    """An Earth of one kind."""
    shape = (90, 180)
    maps = EarthMaps(
        Pyramid("land", np.full((*shape, 3), ground, np.float32)),
        Pyramid("water", np.full(shape, water, np.float32)),
        Pyramid("clouds", np.full(shape, cover, np.float32)),
    )
    return RadiometricEarth(maps, EarthOptics(**optics))


@pytest.mark.parametrize(("depth", "g"), [(0.25, 0.0), (4.0, 0.6), (40.0, 0.8)])
def test_a_layer_that_does_not_absorb_loses_no_light(depth: float, g: float) -> None:
    slab = make_slab(depth, 1.0, g ** np.arange(32))
    total = plane_albedo(slab) + flux_transmission(slab) + slab.direct
    assert np.abs(total - 1.0).max() < ROUND_OFF
    assert np.abs(slab.reflection - np.swapaxes(slab.reflection, 1, 2)).max() < 1e-6


def test_columns_without_absorbers_split_all_light() -> None:
    columns = band_columns(EarthOptics(aerosol_albedo=1.0, ozone_dobson=0.0), 551.0)
    day = sun_nodes() > 0.05
    passed = columns.arriving / slant_cosine(sun_nodes())[:, None]
    assert np.abs(columns.albedo + passed - 1.0)[day].max() < INTERPOLATION


@pytest.mark.parametrize("cover_node", [0, 4, 8])
def test_no_direction_of_light_sends_back_more_than_it_brings(cover_node: int) -> None:
    """Hemispherical albedo of the whole model, single scattering in shells and cloud relief included."""
    phases = np.radians(np.linspace(0.0, 180.0, 61))
    frame = frame_tables(EarthOptics(aerosol_albedo=1.0, ozone_dobson=0.0), np.array([443.0]), phases, 0.57)
    views = view_nodes()
    azimuth = np.radians(np.arange(1.5, 180.0, 3.0))
    albedos = []
    for mu0 in (0.2, 0.48, 0.8, 1.0):
        i = int(np.argmin(np.abs(sun_nodes() - mu0)))
        sines = math.sqrt(1.0 - mu0 * mu0) * np.sqrt(1.0 - views**2)
        phase = np.arccos(np.clip(mu0 * views[:, None] + sines[:, None] * np.cos(azimuth), -1.0, 1.0))
        for table in (frame.land, frame.sea):
            light = np.array(
                [np.interp(phase[j], phases, table[:, i, j, cover_node, 0]).mean() for j in range(views.size)]
            )
            fine = np.linspace(0.0, 1.0, 400)
            albedos.append(2.0 * np.trapezoid(np.interp(fine, views, light) * fine, fine) / mu0)
    assert min(albedos) > 0.03
    assert max(albedos) < 1.0


def test_exchange_of_sun_and_observer() -> None:
    """I/F over mu0 is the same both ways (Helmholtz), where the curved air is not seen: over black ground."""
    phases = np.array([math.radians(50.0)])
    frame = frame_tables(EarthOptics(), np.array([551.0]), phases, 0.57)
    for c in (0, 4, 8):
        table = frame.land[0, :, :, c, 0]
        first = np.interp(0.5625, sun_nodes(), table[:, 24]) / 0.5625
        second = table[-1, 18] / 1.0
        assert first == pytest.approx(second, rel=INTERPOLATION)


def test_glint_is_brightest_where_the_mirror_says() -> None:
    """Calm sea without clouds, phase 60 degrees: the brightest sample's normal halves the angle of Sun and observer."""
    calm = plain_earth(1.0, 0.0, wind_m_s=1.0)
    body = distant_body(calm, (0.0, 0.0), (0.0, 60.0))
    frame = calm.tables(body, np.array([780.0]))
    variance = slope_variance(1.0)
    lon = np.radians(np.linspace(-30.0, 89.0, 500))
    mu, mu0 = np.cos(lon), np.cos(lon - math.radians(60.0))
    glint = np.array([glint_shape(a, b, math.cos(math.radians(60.0)), variance) for a, b in zip(mu0, mu, strict=True)])
    # Half the slope's spread: facets tilted toward the limb fill more of the view.
    assert math.degrees(lon[glint.argmax()]) == pytest.approx(30.0, abs=math.degrees(0.5 * math.sqrt(variance)))
    assert frame.index[0] == pytest.approx(1.336, abs=0.001)


def test_fresnel_limits() -> None:
    assert fresnel(1.0, 1.34) == pytest.approx((0.34 / 2.34) ** 2, abs=ROUND_OFF)
    assert fresnel(1e-9, 1.34) == pytest.approx(1.0, abs=1e-6)
    brewster = 1.0 / math.sqrt(1.0 + 1.34**2)
    inner = math.sqrt(1.34**2 - 1.0 + brewster**2)
    assert fresnel(brewster, 1.34) == pytest.approx(0.5 * ((brewster - inner) / (brewster + inner)) ** 2, abs=ROUND_OFF)


def test_mirror_of_a_calm_sea_is_fresnels() -> None:
    albedo, _ = mirror(0.0)
    for node in (46, 55, 67):
        cosine = float(slant_cosine(sun_nodes())[node])
        assert albedo[node] == pytest.approx(fresnel(cosine, 1.339), rel=0.1, abs=0.003)


def test_clouds_brighten_monotonically() -> None:
    values = []
    for cover in (0.0, 0.3, 0.6, 0.9, 1.0):
        body = distant_body(plain_earth(1.0, cover), (0.0, 0.0), (0.0, 30.0))
        values.append(float(disc_mean(body, (551.0,), 40.0)[0]))
    assert all(np.diff(values) > 0.01)
    assert values[0] < 0.12
    assert values[-1] < 1.0


def test_twice_the_sampling_changes_nothing() -> None:
    earth = RadiometricEarth(load_earth_maps())
    for phase in (7.0, 60.0):
        body = distant_body(earth, (10.0, -60.0), (0.0, -60.0 + phase))
        coarse, fine = disc_mean(body, (443.0, 680.0), 180.0), disc_mean(body, (443.0, 680.0), 360.0)
        assert np.abs(fine / coarse - 1.0).max() < SAMPLING


def test_shadow_dims_everything() -> None:
    from dataclasses import replace

    from terraluna.camera.kernels import SIZE
    from terraluna.render.layers import build_layer

    earth = RadiometricEarth(load_earth_maps())
    body = distant_body(earth, (0.0, 0.0), (0.0, 80.0), 1.0e5)
    params = np.zeros(SIZE)
    params[1] = params[2] = 1000.0
    params[3] = params[4] = 79.5
    layer = build_layer(params, body, (0, 0, 160, 160))
    assert layer is not None
    bands = np.array([443.0, 680.0])
    free = earth.shade(layer, body, bands).radiance
    half = earth.shade(replace(layer, sun=np.full((*layer.coverage.shape, 1), 0.25)), body, bands).radiance
    assert free.max() > 0.1
    assert np.abs(half - 0.25 * free).max() < ROUND_OFF


def test_land_has_a_red_edge_and_keeps_its_channels() -> None:
    leaf, sand = [0.044, 0.105, 0.048], [0.199, 0.129, 0.095]
    land = np.array([[leaf, sand]])
    out = band_reflectance(land, (443.0, 551.0, 680.0, 780.0))
    assert out[0, :, :3] == pytest.approx(land[0, :, ::-1], abs=1e-6)
    assert out[0, 0, 3] == pytest.approx(0.504, abs=0.03)
    assert out[0, 1, 3] == pytest.approx(0.263, abs=0.01)


def test_kept_land_is_the_map_to_a_step_of_16_bits() -> None:
    # Map and result are rounded, half a step each, and float32 adds a little.
    values = np.random.default_rng(2).random((130, 260, 3)).astype(np.float32) * 0.9
    bands = (443.0, 600.0, 680.0)
    fixed = land_bands(Pyramid("land", values), 0, bands) / FULL_SCALE
    assert np.abs(fixed - band_reflectance(values.astype(float), bands)).max() <= 1.02 / FULL_SCALE


def test_bands_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="300 to 1100 nm"):
        tables.check_bands(np.array([1300.0]))
    with pytest.raises(InputError, match="cloud_top_hpa"):
        EarthOptics(cloud_top_hpa=2000.0)


def test_netcdf_cloud_map_is_turned_north_up_from_180_west(tmp_path: Path) -> None:
    from scipy.io import netcdf_file

    path = tmp_path / "clouds.nc"
    with netcdf_file(path, "w") as store:
        for name, values in (("lat", np.arange(-88.0, 90.0, 4.0)), ("lon", np.arange(2.0, 360.0, 4.0))):
            store.createDimension(name, values.size)
            store.createVariable(name, "f8", (name,))[:] = values
        cover = store.createVariable("tcc", "f4", ("lat", "lon"))
        cover.units = "%"
        cover[:] = 0.0
        cover[44, 0] = 80.0
    out = load_cloud_netcdf(path)
    assert out.shape == (45, 90)
    assert out[0, 45] == pytest.approx(0.8)
    assert np.count_nonzero(out) == 1
    with pytest.raises(InputError, match="no cloud cover"):
        load_cloud_netcdf(path, "nothing")
    path.write_bytes(b"not a file")
    with pytest.raises(InputError, match="cannot read"):
        load_cloud_netcdf(path)


def test_streams_integrate_one() -> None:
    mu, w = gauss_half()
    assert float(2.0 * mu @ w) == pytest.approx(1.0, abs=ROUND_OFF)
