"""Calibration against simulated detectors whose truth is known, and on the real ONC frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.frames import Calibration, Observation, RawFrame, calibrate, known_calibration, read_frame
from terraluna.frames.calibrate import lookup_table
from terraluna.frames.cosmic import find_cosmic_rays
from terraluna.frames.smear import mask_charge_trails, remove_smear, sky_level, smear_from_sky

ONC_W2_GAIN = 20.11
"""Electrons a count (hyb2_onc_c_elec_20190131.db)."""

ONC = "hayabusa2/hyb2_onc_20151203_000006_w2f_l2a.fit"


def _disc(shape: tuple[int, int] = (48, 40), level: float = 900.0) -> Any:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return 4.0 + level * (np.hypot(x - 18, y - 20) < 8) * (1.0 + 0.02 * (x - 18))


def _shifted_out(light: Any, exposure_s: float, transfer_s: float, kind: str) -> Any:
    """Follow each packet of charge over the rows as the clocks move it: nothing but bookkeeping."""
    rows = light.shape[0]
    charge = light * exposure_s
    for y in range(rows):  # the charge that ends as row y
        if kind in {"both", "store_at_first_row"}:
            place = y
            while place > 0:  # moved towards the store above row 0 after the exposure
                place -= 1
                charge[y] += light[place] * transfer_s
        if kind in {"both", "store_at_last_row"}:
            place = rows - 1
            while place > y:  # clearing: the packet came in at the last row; or the store lies below it
                charge[y] += light[place] * transfer_s
                place -= 1
    return charge


@pytest.mark.parametrize("kind", ["both", "store_at_first_row", "store_at_last_row"])
def test_smear_of_a_simulated_readout_is_removed(kind: Any) -> None:
    light = _disc()
    exposure, transfer = 4.1e-3, 7.2e-6 * 20  # 48 rows smear as much as ONC-W2's thousand
    smeared = _shifted_out(light, exposure, transfer, kind)
    assert np.abs(smeared / exposure - light).max() > 100.0
    # Exact up to rounding of sums of 48 rows of about 1e3.
    np.testing.assert_allclose(remove_smear(smeared, exposure, transfer, kind) / exposure, light, rtol=1e-10)


def test_smear_from_sky_rows_needs_no_unsaturated_column() -> None:
    light = _disc()
    smeared = _shifted_out(light, 1.0, 0.005, "both")
    sky = light < 10.0
    found = smear_from_sky(smeared, sky, least=8)
    truth = (light.sum(axis=0) - 4.0 * 48) * 0.005
    # Columns beside the disc define the zero; the mean sky smear is common to all columns.
    np.testing.assert_allclose(found, truth - np.median(truth), atol=1e-9)


def test_smear_refuses_times_that_make_no_sense() -> None:
    with pytest.raises(InputError, match="exposure above 0"):
        remove_smear(np.ones((4, 4)), 0.0, 1e-6)
    with pytest.raises(InputError, match="not longer"):
        remove_smear(np.ones((4, 4)), 1e-6, 1e-5)


def test_smear_of_the_real_onc_frame(test_data: Path, ephemeris: Ephemeris) -> None:
    raw = read_frame(test_data / ONC, ephemeris=ephemeris)
    done = calibrate(raw)
    assert done.unit == "electron"
    level, sigma = sky_level(raw.data.astype(float), raw.mask)
    for rows in (slice(100, 600), slice(850, 1010)):  # below and above the Earth
        before = np.median(raw.data[rows, 541:583], axis=0) - level
        after = np.median(done.data[rows, 541:583], axis=0) / ONC_W2_GAIN
        assert before.max() > 180.0  # DN of smear
        # The published transfer time, with nothing fitted, leaves no more than the noise of one pixel.
        assert np.abs(after).max() < sigma
    assert np.abs(np.median(done.data[:, :400])) / ONC_W2_GAIN < sigma
    # The Earth stays: its brightest parts are above the smear by far.
    assert np.percentile(done.data[770:800, 548:568], 90) / ONC_W2_GAIN > 1500.0
    assert any("smear: model with 7.2e-06 s a row" in line for line in done.history)
    assert any("smear: from sky rows" in line for line in done.history)


def _observation(**changes: Any) -> Observation:
    return replace(Observation("a.fits", "", "fits", exposure_s=2.0), **changes)


def _raw(data: Any, **changes: Any) -> RawFrame:
    return RawFrame(data, np.zeros(data.shape[:2], dtype=bool), _observation(**changes))


def test_bias_dark_flat_and_gain_recover_a_simulated_scene() -> None:
    rng = np.random.default_rng(3)
    electrons = 20.0 * _disc()
    flat = 1.0 + 0.2 * rng.random(electrons.shape)
    flat /= flat.mean()
    bias, dark, gain = 300.0 + rng.random(electrons.shape), 3.0 + rng.random(electrons.shape), 4.0
    stored = electrons * flat / gain + dark * 2.0 + bias
    bad = np.zeros(electrons.shape, dtype=bool)
    bad[3, 4] = True
    known = Calibration(
        bias_dn=bias, dark_dn_s=dark, flat=7.0 * flat, bad_pixels=bad, gain_e_dn=gain, read_noise_e=10.0
    )
    frame = _raw(stored)
    before = stored.copy()
    done = calibrate(frame, known)
    np.testing.assert_allclose(done.data, electrons, rtol=1e-10)
    assert done.unit == "electron"
    assert done.mask[3, 4]
    assert done.mask.sum() == 1
    np.testing.assert_array_equal(stored, before)
    assert [line.split(" ")[0] for line in done.history] == ["bias", "noise:", "dark", "flat", "1", "gain"]


def test_variance_is_that_of_repeated_frames() -> None:
    """1,000 noisy exposures of the same scene: their scatter is the predicted variance."""
    rng = np.random.default_rng(11)
    electrons = np.full((6, 6), 5000.0)
    gain, noise, n = 5.0, 30.0, 1000
    stack = (rng.poisson(electrons, (n, 6, 6)) + rng.normal(0.0, noise, (n, 6, 6))) / gain + 100.0
    known = Calibration(bias_dn=100.0, gain_e_dn=gain, read_noise_e=noise)
    frames = [calibrate(_raw(s), known) for s in stack]
    scatter = np.var([f.data for f in frames], axis=0, ddof=1).mean()
    predicted = np.mean([f.variance for f in frames if f.variance is not None])
    # The mean of 36 variances of 1,000 draws has a standard error of sqrt(2 / 36,000) = 0.75 %; four of them.
    assert scatter == pytest.approx(predicted, rel=0.03)


def test_steps_that_the_label_reports_are_not_done_twice() -> None:
    label = {"BIASCR": "GROUND", "FLATCR": "T", "SMEARCR": "NON"}
    known = Calibration(bias_dn=100.0, flat=np.full((48, 40), 2.0))
    done = calibrate(_raw(_disc(), label=label), known)
    np.testing.assert_array_equal(done.data, _disc())
    assert done.history == ("bias: done before (BIASCR = GROUND)", "flat: done before (FLATCR = T)")


def test_radiometric_scale_of_the_label() -> None:
    """ONC: SENSSEL is (counts/s)/(W/m2/um/sr); 1000 counts in 2 s at 500 is a radiance of 1."""
    o = _observation(
        spacecraft="HAYABUSA2", instrument_name="HAYABUSA2_ONC-T", label={"SENSSEL": 500.0, "SMEARCR": "T"}
    )
    known = replace(known_calibration(o), bias_dn=0.0)
    assert known.gain_e_dn == 20.95
    done = calibrate(RawFrame(np.full((8, 8), 1000.0), np.zeros((8, 8), bool), o), known)
    np.testing.assert_allclose(done.data, 1.0)
    assert done.unit == "W m-2 sr-1 um-1"


def test_epic_reflectance() -> None:
    """The calibration table: 3,303 counts in 22 ms at 551 nm are a reflectance of 1 within the table's rounding."""
    o = _observation(instrument="epic", unit="DN/s", filter="551", exposure_s=None)
    done = calibrate(RawFrame(np.full((8, 8), 3303 / 0.022), np.zeros((8, 8), bool), o))
    np.testing.assert_allclose(done.data, 1.0, rtol=0.02)
    assert done.unit == "reflectance"


def test_hirise_lookup_table_is_undone(test_data: Path, ephemeris: Ephemeris) -> None:
    raw = read_frame(test_data / "formats/PSP_001446_1790_BG12_0.IMG", ephemeris=ephemeris)
    table = lookup_table(raw.observation)
    assert table is not None
    assert table[0] == 404.0  # (0, 808)
    assert table[1] == 817.5  # (809, 826)
    # The file holds the forward table as well, 16,384 bytes at 33,569: it must send each middle back to its value.
    whole = (test_data / "formats/PSP_001446_1790_BG12_0.IMG").read_bytes()
    forward = np.frombuffer(whole[33568 : 33568 + 16384], dtype=np.uint8)
    used = np.flatnonzero(np.isfinite(table))
    np.testing.assert_array_equal(forward[np.floor(table[used]).astype(int)], used)
    done = calibrate(raw)
    assert done.data.min() > 2000.0
    np.testing.assert_array_equal(done.data, table[raw.data])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cosmic_rays_are_found_and_limbs_are_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:200, :200]
    radius = np.hypot(x - 100, y - 90)
    limb = 20000.0 / (1.0 + np.exp(radius - 50))  # blurred by about a pixel
    electrons = rng.poisson(limb + 50.0) + rng.normal(0.0, 10.0, limb.shape)
    searched = (x > 5) & (x < 194) & (y > 5) & (y < 194) & (np.abs(radius - 50) > 6)
    hit = np.zeros(limb.shape, dtype=bool)
    hit.flat[rng.choice(np.flatnonzero(searched), 60, replace=False)] = True
    electrons[hit] += rng.uniform(2000.0, 8000.0, 60)  # at least 14 sigma on the disc
    mask = np.zeros(limb.shape, dtype=bool)
    mask[:, :20] = True
    found = find_cosmic_rays(electrons, mask, 10.0)
    assert not found[:, :20].any()
    assert found[hit & ~mask].all()
    # Without a guard the algorithm takes over a thousand of the limb's pixels.
    assert not found[np.abs(radius - 50) < 5].any()
    assert (found & ~hit).mean() < 1e-3  # neighbours of hits and the tail of the noise
    known = Calibration(gain_e_dn=1.0, read_noise_e=10.0, cosmic_sigma=4.5)
    assert calibrate(RawFrame(electrons, mask, _observation()), known).mask.sum() == (found | mask).sum()


def test_charge_trails_are_masked_and_the_disc_is_not() -> None:
    rng = np.random.default_rng(9)
    y, x = np.mgrid[:120, :120]
    data = 100.0 + rng.normal(0.0, 3.0, (120, 120)) + 800.0 * (np.hypot(x - 60, y - 60) < 15)
    data[55:58, 60:62] = 4000.0  # overflows
    data[58:110, 60:62] -= 60.0  # the dark trail below it, across the disc and over the sky
    found = mask_charge_trails(data, np.zeros(data.shape, bool), 3900.0)
    assert found[55:58, 60:62].all()
    assert found[80:108, 60:62].mean() > 0.9
    assert not found[:, :58].any()
    assert not found[:, 64:].any()
    assert not mask_charge_trails(data, np.zeros(data.shape, bool), 9000.0).any()


def test_calibration_frames_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="flat field has shape"):
        calibrate(_raw(_disc()), Calibration(flat=np.ones((3, 3))))
    with pytest.raises(InputError, match="colour picture"):
        calibrate(_raw(np.zeros((8, 8, 3))))


def test_missing_exposure_is_a_warning_not_a_guess() -> None:
    done = calibrate(_raw(_disc(), exposure_s=None), Calibration(dark_dn_s=1.0, scale=2.0))
    np.testing.assert_array_equal(done.data, _disc())
    assert [w.keyword for w in done.warnings] == ["exposure", "exposure"]
