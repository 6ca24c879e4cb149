"""Electrons of I/F against published calibrations and the textbook relation."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from terraluna.camera import load_camera
from terraluna.camera.model import Filter
from terraluna.ephemeris.constants import AU_KM
from terraluna.errors import InputError
from terraluna.instrument.radiance import (
    electron_rate,
    filter_band,
    radiance_factor,
    radiometry,
    spectral_radiance,
)

# K was set against other sensors with another solar spectrum: the catalogue's responsivities use TSIS-1 in the
# Gaussian or measured band (1.5 % in the line-rich blue and in the narrow ultraviolet bands).
EPIC_LIMIT = 0.015
# The filters of the catalogue reach 1.5 FWHM, those of the photometry 1.6.
GRID_LIMIT = 2e-3
# Band-mean solar irradiance that the ONC calibration database holds, another solar spectrum.
ONC_LIMIT = 0.03


def test_epic_counts_at_reflectance_one(test_data: Path) -> None:
    with (test_data / "tables" / "epic.csv").open(encoding="utf-8") as stream:
        rows = {f"{float(r['nm']):.0f}": r for r in csv.DictReader(stream)}
    camera = load_camera("epic")
    for name in ("388", "443", "551", "680"):
        k = float(rows[name]["K_reflectance_per_count_s(V03)"])
        counts = radiometry(camera, name).electrons_s / camera.detector.gain_e_dn
        assert counts * k == pytest.approx(1.0, abs=EPIC_LIMIT)


@pytest.mark.parametrize(
    ("camera_id", "name"), [("mapcam", "v"), ("hirise", "RED"), ("onc-t", "w"), ("tianwen-1-nav", "clear")]
)
def test_two_ways_to_the_same_electrons(camera_id: str, name: str) -> None:
    camera = load_camera(camera_id)
    item = camera.filter(name)
    assert camera.optics is not None
    assert camera.pixel_um is not None
    assert item.throughput is not None
    # Clear aperture and pixel solid angle with any focal length give the same etendue.
    focal_m, pixel_m = 1.0, camera.pixel_um * 1e-6
    expected = filter_band(item).electrons_per_radiance_factor(
        np.pi * (focal_m / camera.optics.f_number) ** 2 / 4.0, (pixel_m / focal_m) ** 2, item.throughput
    )
    found = radiometry(camera, name)
    assert found.electrons_s == pytest.approx(expected, rel=GRID_LIMIT)
    assert found.photons_s is not None
    assert found.electrons_s / found.photons_s == pytest.approx(item.throughput, rel=GRID_LIMIT)


def test_solar_irradiance_of_the_onc_database() -> None:
    camera = load_camera("onc-t")
    for name, published in (("ul", 1.3437), ("b", 1.9691), ("v", 1.8597)):
        assert radiometry(camera, name).solar_w_m2_nm == pytest.approx(published, rel=ONC_LIMIT)


def test_distance_and_calibration() -> None:
    band = radiometry(load_camera("onc-t"), "v")
    iof = np.array([[0.1, 0.3]])
    assert spectral_radiance(iof, band)[0, 0] == pytest.approx(0.1 * band.solar_w_m2_nm / np.pi)
    far = electron_rate(iof, band, 2.0 * AU_KM)
    assert far == pytest.approx(electron_rate(iof, band) / 4.0)
    assert radiance_factor(far * 0.01, 0.01, band, 2.0 * AU_KM) == pytest.approx(iof)
    assert len(band.samples_nm) == 1
    assert len(radiometry(load_camera("hirise"), "RED").samples_nm) == 3


def test_all_catalogued_filters_work() -> None:
    from terraluna.camera import camera_names

    for name in camera_names():
        camera = load_camera(name)
        for item in camera.filters:
            assert radiometry(camera, item.name).electrons_s > 0.0


def test_bad_input() -> None:
    camera = load_camera("epic")
    with pytest.raises(InputError, match=r"no filter '55'; did you mean 551.*Its filters are 317"):
        radiometry(camera, "55")
    far = dataclasses.replace(camera, filters=(Filter("thermal", 10000.0, 500.0, responsivity_dn_s=1.0),))
    with pytest.raises(InputError, match=r"'epic': band 'thermal': wavelength 10000 nm lies outside"):
        radiometry(far, "thermal")
    with pytest.raises(InputError, match="above 0 s"):
        radiance_factor(np.ones(1), 0.0, radiometry(camera, "551"))
    with pytest.raises(InputError, match="distance"):
        electron_rate(np.ones(1), radiometry(camera, "551"), -1.0)
