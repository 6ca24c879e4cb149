"""Real products of each format against an independent reader, the label's statistics or the file's own histogram."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from terraluna.ephemeris import Ephemeris
from terraluna.frames import RawFrame, read_frame
from terraluna.frames.values import find, number


@pytest.fixture
def formats(test_data: Path) -> Path:
    return test_data / "formats"


def _read(path: Path, ephemeris: Ephemeris) -> RawFrame:
    return read_frame(path, ephemeris=ephemeris)


@pytest.mark.parametrize("name", ["V1NA_0947106_RAW.vic", "C2069302_RAW.IMG", "6300r.img"])
def test_vicar_pixels_are_those_of_rms_vicar(formats: Path, ephemeris: Ephemeris, name: str) -> None:
    from vicar import VicarImage

    theirs = VicarImage.from_file(formats / name)
    ours = _read(formats / name, ephemeris)
    np.testing.assert_array_equal(ours.data, theirs.data_2d)
    assert ours.observation.label["NS"] == theirs["NS"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("6300r.lbl", "IMAGE"),
        ("PSP_001446_1790_BG12_0.IMG", "IMAGE"),
        ("m0154651923f6_2p_cif_gbl.lbl", "IMAGE"),
        ("m0154651923f6_2p_cif_gbl.xml", "image_array"),
        ("hyb2_tir_20180629_075501_l1.xml", "ImageData"),
    ],
)
def test_pds_pixels_are_those_of_pdr(formats: Path, ephemeris: Ephemeris, name: str, key: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pdr

        product = pdr.read(str(formats / name))
        theirs = np.ma.getdata(product[key])
    np.testing.assert_array_equal(_read(formats / name, ephemeris).data, theirs)


@pytest.mark.parametrize(
    ("name", "hdu"),
    [
        ("formats/m0154651923f6_2p_cif_gbl.fit", 0),
        ("formats/hyb2_tir_20180629_075501_l1.fit", 0),
        ("hayabusa2/hyb2_onc_20151203_000006_w2f_l2a.fit", 1),
    ],
)
def test_fits_pixels_are_those_of_astropy(test_data: Path, ephemeris: Ephemeris, name: str, hdu: int) -> None:
    from astropy.io import fits

    with fits.open(test_data / name) as hdus:
        np.testing.assert_array_equal(_read(test_data / name, ephemeris).data, hdus[hdu].data)


def test_near_pixels_have_the_labels_statistics(formats: Path, ephemeris: Ephemeris) -> None:
    frame = _read(formats / "m0154651923f6_2p_cif_gbl.lbl", ephemeris)
    digit = 1e-6  # six decimals are printed, the maximum rounded up
    assert frame.data.mean(dtype=np.float64) == pytest.approx(0.064969, abs=digit)
    assert frame.data.std(dtype=np.float64) == pytest.approx(0.011258, abs=digit)
    assert frame.data.max() == pytest.approx(0.113922, abs=digit)
    assert frame.data.min() == pytest.approx(0.007827, abs=digit)


def test_onc_pixels_have_the_headers_statistics(test_data: Path, ephemeris: Ephemeris) -> None:
    frame = _read(test_data / "hayabusa2/hyb2_onc_20151203_000006_w2f_l2a.fit", ephemeris)
    half_digit = 0.5e-3  # three decimals are printed
    assert frame.data.mean(dtype=np.float64) == pytest.approx(297.892, abs=half_digit)
    # The header's STDDEV, 65.681, is not that of these pixels (65.758); its other statistics are.
    assert (frame.data.min(), frame.data.max()) == (279, 4096)
    rows, columns = np.nonzero(frame.data > 2000)
    assert rows.mean() == pytest.approx(777, abs=5)  # the Earth is near x 560, y 777 of the stored array
    assert columns.mean() == pytest.approx(560, abs=5)
    assert frame.mask[785, 554]


def test_imq_pixels_have_the_histogram_in_the_file(formats: Path, ephemeris: Ephemeris) -> None:
    frame = _read(formats / "c4400436.imq", ephemeris)
    raw = (formats / "c4400436.imq").read_bytes()
    # Records 54 and 55 of the file hold 256 counts: at these offsets in this file.
    stored = np.frombuffer(raw[2344 : 2344 + 836] + raw[3182 : 3182 + 188], dtype="<u4")
    assert stored.sum() == 640_000
    np.testing.assert_array_equal(np.bincount(frame.data.ravel(), minlength=256), stored)
    assert frame.warnings == ()


def test_imq_picture_is_as_smooth_down_as_across(formats: Path, ephemeris: Ephemeris) -> None:
    data = _read(formats / "c4400436.imq", ephemeris).data.astype(float)
    across, down = np.abs(np.diff(data, axis=1)).mean(), np.abs(np.diff(data, axis=0)).mean()
    # Each line is coded alone: one wrong code shifts a line's values, so lines would no longer fit their neighbours.
    assert 0.7 < down / across < 1.3


def test_epic_picture_shows_the_disc_that_its_metadata_give(test_data: Path, ephemeris: Ephemeris) -> None:
    frame = _read(test_data / "epic/epic_1b_20190613184124.png", ephemeris)
    grey = frame.data.sum(axis=2)
    rows, columns = np.nonzero(grey > 30)
    limb = 12.0  # the twilight limb fades over a few pixels; a fit of the limb gives 1526.6 px at (1022.5, 1023.2)
    assert np.ptp(columns) == pytest.approx(1529.4, abs=limb)
    assert np.ptp(rows) == pytest.approx(1529.4, abs=limb)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(1022.5, abs=limb)
    assert frame.observation.utc == "2019-06-13T18:36:36.000"
    assert frame.observation.pointing is not None
    assert frame.observation.pointing.quaternion == (0.61561, -0.45339, -0.55166, 0.33338)


EXPECTED = {
    # name: camera in the catalogue, target, time of mid-exposure, exposure s, filter, first row, first column
    "V1NA_0947106_RAW.vic": ("voyager-1-na", "uranus", None, 15.36, "CLEAR", "top", "left"),
    "C2069302_RAW.IMG": (None, "j_rings", "1979-07-11T01:19:58.000", 15.36, "CLEAR", "top", "left"),
    "6300r.img": (None, "io", "1999-11-26T04:53:00.173", 0.0458333, "1", "top", "left"),
    "6300r.lbl": (None, "io", "1999-11-26T04:53:00.173", 0.04583, "GREEN", "top", "left"),
    "PSP_001446_1790_BG12_0.IMG": (
        "hirise", "mars", "2006-11-17T03:27:53.955", 83.6875e-6, "BLUE-GREEN", "top", "left",
    ),
    "c4400436.imq": (None, "enceladu", "1981-08-26T02:35:11.000", 0.12, "CLEAR", "top", "left"),
    "m0154651923f6_2p_cif_gbl.fit": (None, "eros", None, 0.137, "6", "bottom", "left"),
    "m0154651923f6_2p_cif_gbl.lbl": (None, "eros", "2001-01-11T19:34:48.064500", 0.137, "6", "bottom", "left"),
    "m0154651923f6_2p_cif_gbl.xml": (None, "eros", "2001-01-11T19:34:48.064500", 0.137, "6", "bottom", "right"),
    "hyb2_tir_20180629_075501_l1.fit": (None, "ryugu", "2018-06-29T07:55:00.230", None, None, "bottom", "left"),
    "hyb2_tir_20180629_075501_l1.xml": (
        None, "ryugu", "2018-06-29T07:55:00.230500", None, "8 - 12 micrometer", "top", "left",
    ),
    "../hayabusa2/hyb2_onc_20151203_000006_w2f_l2a.fit": (
        "onc-w2", "earth", "2015-12-03T00:00:06.639", 0.0041, None, "bottom", "left",
    ),
    "../epic/epic_1b_20190613184124.png": (
        "epic", "earth", "2019-06-13T18:36:36.000", None, "RGB 680/551/443 nm", "top", "left",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(EXPECTED))
def test_every_product_gives_an_observation(formats: Path, ephemeris: Ephemeris, name: str) -> None:
    o = _read(formats / name, ephemeris).observation
    found = (o.instrument, o.target, o.utc, o.exposure_s, o.filter, o.first_row, o.first_column)
    assert found == EXPECTED[name]
    assert (o.et is None) == (o.utc is None)
    assert len(o.sha256) == 64


def test_the_instant_agrees_with_spice(formats: Path, ephemeris: Ephemeris) -> None:
    import spiceypy

    o = _read(formats / "PSP_001446_1790_BG12_0.IMG", ephemeris).observation
    assert o.et_start == pytest.approx(spiceypy.str2et("2006-11-17T03:27:53.118"), abs=1e-6)


def test_three_labels_of_one_frame_agree(formats: Path, ephemeris: Ephemeris) -> None:
    fits, pds3, pds4 = (_read(formats / f"m0154651923f6_2p_cif_gbl.{e}", ephemeris) for e in ("fit", "lbl", "xml"))
    np.testing.assert_array_equal(fits.data, pds3.data)
    np.testing.assert_array_equal(fits.data, pds4.data)
    places = [next(c.value for c in f.observation.claims if c.quantity == "position") for f in (fits, pds3, pds4)]
    assert places[0] == places[1] == places[2]


def test_hirise_label_is_kept_whole(formats: Path, ephemeris: Ephemeris) -> None:
    label = _read(formats / "PSP_001446_1790_BG12_0.IMG", ephemeris).observation.label
    assert number(find(label, "MRO:TDI")) == 64
    assert find(label, "MRO:LOOKUP_CONVERSION_TABLE")[1] == [809, 826]
    assert label["CALIBRATION_IMAGE"]["LINES"] == 41


def test_importing_the_package_loads_no_reader() -> None:
    import subprocess
    import sys

    code = (
        "import sys, terraluna.frames; "
        "print([m for m in ('astropy', 'h5py', 'PIL', 'scipy.ndimage', 'astroscrappy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
