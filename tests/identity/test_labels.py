"""Band of a picture by its label, for the height of the Earth's limb."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from terraluna.camera import load_camera
from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.opnav.labels import limb_band, read_label
from terraluna.opnav.limb_height import LIMB_HEIGHTS_KM
from terraluna.opnav.navigate import navigate_files
from terraluna.opnav.setting import Setting


@pytest.mark.parametrize(
    ("camera", "name", "band"),
    [("mapcam", "v", 550.0), ("mapcam", "x", 847.0), ("epic", "325", "visible"), ("epic", "none", "visible")],
)
def test_filters(ephemeris: Ephemeris, camera: str, name: str, band: str, tmp_path: Path) -> None:
    path = tmp_path / "frame.fits"
    hdu = fits.PrimaryHDU(np.zeros((32, 32), np.float32))
    hdu.header["FILTER"] = name
    hdu.writeto(path)
    found = limb_band(read_label(path, ephemeris), load_camera(camera))
    # Published centres; those of the packaged curves differ by some nm.
    assert found == band if isinstance(band, str) else float(found) == pytest.approx(band, abs=10.0)


def test_packets_are_visible(ephemeris: Ephemeris, test_data: Path) -> None:
    path = test_data / "longjiang2" / "ssdv" / "img_176.ssdv"
    view = MissionView.open("longjiang-2", ephemeris)
    assert limb_band(read_label(path, ephemeris), view.camera) == "visible"
    report = navigate_files([path], Setting.of_mission(view), times={"176": "2019-02-03T15:07:27"}).report(ephemeris)
    # At 415,000 km and 15 px the picture can't say more of the height than its prior does.
    height, sigma = report["fixes"][0]["limb_height_km"]
    prior = LIMB_HEIGHTS_KM["visible"]
    assert abs(height - prior.mean_km) < prior.sigma_km
    assert sigma == pytest.approx(prior.sigma_km, rel=0.05)
