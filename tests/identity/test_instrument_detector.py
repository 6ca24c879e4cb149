"""The detector: photon transfer, full well, blooming, rounding, seeds, threads, windows."""

from __future__ import annotations

import dataclasses

import numba
import numpy as np
import pytest

from terraluna.camera.model import Detector
from terraluna.errors import InputError
from terraluna.instrument.blooming import bloom
from terraluna.instrument.detector import DetectorEffects, Window, clip_electrons, expose

DETECTOR = Detector(4.0, 60000.0, 12.0, 20.0, 100.0, 14, 15000.0, shutter="mechanical")
OFF = DetectorEffects.none()
SIDE = 256
# Relative error of a variance from n normal numbers is sqrt(2 / n); four of them.
VARIANCE_LIMIT = 4.0 * np.sqrt(2.0 / SIDE**2)


def flat(electrons: float, side: int = SIDE) -> np.ndarray:
    return np.full((side, side, 1), electrons)


def on(**changes: object) -> DetectorEffects:
    return dataclasses.replace(OFF, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("electrons", [200.0, 2000.0, 40000.0])
def test_photon_transfer(electrons: float) -> None:
    # Janesick's relation: variance in DN = signal / gain + (read noise / gain)^2 + 1/12 of the rounding.
    effects = on(shot=True, read_noise=True, bias=True)
    dn = expose(flat(electrons), [1.0], DETECTOR, effects=effects, seed=11).dn.astype(float)
    signal = dn.mean() - DETECTOR.bias_dn
    expected = signal / DETECTOR.gain_e_dn + (DETECTOR.read_noise_e / DETECTOR.gain_e_dn) ** 2 + 1.0 / 12.0
    assert dn.var() == pytest.approx(expected, rel=VARIANCE_LIMIT)
    assert signal * DETECTOR.gain_e_dn == pytest.approx(electrons, abs=5.0 * np.sqrt(electrons + 160.0) / SIDE)


def test_pattern_noise_grows_with_the_signal_and_stays() -> None:
    effects = on(prnu=True, prnu_rms=0.01, sensor_seed=4)
    a = expose(flat(20000.0), [1.0], DETECTOR, effects=effects, seed=1).dn
    b = expose(flat(20000.0), [1.0], DETECTOR, effects=effects, seed=2).dn
    assert (a == b).all()
    assert a.std() / a.mean() == pytest.approx(0.01, rel=VARIANCE_LIMIT)
    other = expose(flat(20000.0), [1.0], DETECTOR, effects=on(prnu=True, sensor_seed=5), seed=1).dn
    assert (other != a).mean() > 0.9


def test_dark_frame_and_hot_pixels() -> None:
    dark = expose(flat(0.0), [100.0], DETECTOR, effects=on(dark=True, shot=True, bias=True), seed=3).dn.astype(float)
    assert dark.mean() == pytest.approx(100.0 + 2000.0 / 4.0, abs=5.0 * np.sqrt(2000.0) / 4.0 / SIDE)
    effects = on(dark=True, hot_pixels=True, hot_share=1e-3, hot_e_s=1000.0)
    hot = expose(flat(0.0), [1.0], DETECTOR, effects=effects, seed=3)
    assert 30 <= hot.record["hot_pixels"]["count"] <= 110
    assert np.count_nonzero(hot.dn > 10) == pytest.approx(hot.record["hot_pixels"]["count"], rel=0.1)


def test_full_well_and_converter_clip() -> None:
    assert expose(flat(1e6, 8), [1.0], DETECTOR, effects=on(full_well=True)).dn.max() == 60000 / 4
    small = dataclasses.replace(DETECTOR, bits=8)
    assert (expose(flat(1e6, 8), [1.0], small, effects=on(saturation=True)).dn == 255).all()
    assert (expose(flat(1e6, 8), [1.0], small, effects=OFF).dn == 65535).all()
    full = expose(flat(60000.0, 8), [2.0], DETECTOR, effects=on(full_well=True))
    assert full.full.all()
    assert full.record["full_well"]["pixels"] == [64]
    assert clip_electrons(DETECTOR) == (15000.0 - 100.0) * 4.0


def test_numbers_are_rounded_and_never_negative() -> None:
    levels = np.arange(0.0, 40.0, 0.5).reshape(1, -1, 1)
    dn = expose(levels, [1.0], DETECTOR, effects=OFF).dn
    assert dn.dtype == np.uint16
    assert (dn[0, :, 0] == np.floor(levels[0, :, 0] / 4.0 + 0.5)).all()
    noisy = expose(flat(0.0), [1.0], DETECTOR, effects=on(read_noise=True, quantise=False), seed=1)
    assert noisy.dn.min() == 0
    assert noisy.value_dn is not None
    assert noisy.value_dn.min() < 0.0
    assert noisy.value_dn.std() == pytest.approx(3.0, rel=VARIANCE_LIMIT)


@pytest.mark.parametrize("along", ["columns", "rows"])
def test_blooming_keeps_the_charge(along: str) -> None:
    generator = np.random.default_rng(2)
    charge = generator.uniform(0.0, 500.0, (90, 70))
    charge[30:40, 20:35] = 1900.0
    before, limit = charge.copy(), 1000.0
    lost = bloom(charge, limit, along)  # type: ignore[arg-type]
    assert charge.max() <= limit + 1e-9
    assert charge.sum() + lost == pytest.approx(before.sum(), rel=1e-12)
    axis = 0 if along == "columns" else 1
    assert charge.sum(axis=axis) == pytest.approx(before.sum(axis=axis), rel=1e-12)
    assert lost == 0.0
    # Only lines with an overflowing pixel change; in them the trail has no gap.
    hot = (before > limit).any(axis=axis)
    same = (charge == before).all(axis=axis)
    assert (same == ~hot).all()


def test_blooming_runs_over_the_edge() -> None:
    charge = np.zeros((10, 3))
    charge[5, 1] = 1e6
    lost = bloom(charge, 100.0)
    assert charge[:, 1] == pytest.approx(100.0)
    assert lost == pytest.approx(1e6 - 1000.0)


def test_blooming_in_the_chain() -> None:
    rate = np.zeros((64, 32, 2))
    rate[30:34, 10, 0] = 150000.0
    effects = on(full_well=True, blooming="columns")
    out = expose(rate, [1.0, 1.0], DETECTOR, effects=effects)
    # 600,000 electrons fill ten wells of 60,000.
    assert np.count_nonzero(out.dn[:, 10, 0] == 15000) == 10
    assert out.dn[..., 0].sum(dtype=float) * 4.0 == pytest.approx(600000.0)
    assert not out.dn[..., 1].any()
    clipped = expose(rate, [1.0, 1.0], DETECTOR, effects=on(full_well=True))
    assert np.count_nonzero(clipped.dn) == 4


def test_cosmic_rays_follow_area_and_time() -> None:
    effects = on(cosmic_rays=True, readout_s=0.0)
    hits = [
        expose(flat(0.0), [100.0], DETECTOR, effects=effects, seed=s, pixel_um=20.0).record["cosmic_rays"]["hits"][0]
        for s in range(4)
    ]
    # 5 cm^-2 s^-1 on (0.512 cm)^2 in 100 s: 131 a frame; four frames, 4 sigma.
    assert sum(hits) == pytest.approx(4 * 131.1, abs=4.0 * np.sqrt(4 * 131.1))
    once = expose(flat(0.0), [10.0], DETECTOR, effects=effects, seed=1, pixel_um=20.0).dn
    # At least 15 um of silicon at 50 electrons a um and more.
    assert once.max() * 4.0 > 700.0


def test_everything_reproducible_and_independent_of_threads() -> None:
    rate = np.random.default_rng(0).uniform(0.0, 60000.0, (150, 130, 3))
    rate[40:60, 30:40] = 2e5
    times = [1.0, 0.5, 0.01]
    first = expose(rate, times, DETECTOR, seed=9, pixel_um=15.0)
    assert (expose(rate, times, DETECTOR, seed=9, pixel_um=15.0).dn == first.dn).all()
    assert (expose(rate, times, DETECTOR, seed=10, pixel_um=15.0).dn != first.dn).any()
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = expose(rate, times, DETECTOR, seed=9, pixel_um=15.0)
    finally:
        numba.set_num_threads(threads)
    assert (alone.dn == first.dn).all()
    assert "blooming" in first.record


def test_columns_that_are_drawn_again_get_the_same_numbers() -> None:
    # Sky, few and many electrons side by side, in columns that are no whole number of chunks; keeping the values
    # before rounding draws every pixel a second time.
    light = np.geomspace(1e-3, 5e4, 300) * np.ones((40, 1))
    light[:, ::3] = 0.0
    effects = dataclasses.replace(DetectorEffects(), hot_share=0.01)
    once = expose(light, [1.0], DETECTOR, effects=effects, seed=4, pixel_um=15.0)
    again = expose(light, [1.0], DETECTOR, effects=dataclasses.replace(effects, quantise=False), seed=4, pixel_um=15.0)
    assert (once.dn == again.dn).all()
    assert (once.full == again.full).all()


def test_a_window_gets_the_noise_of_its_place() -> None:
    rate = np.random.default_rng(0).uniform(0.0, 3000.0, (120, 100, 2))
    effects = DetectorEffects(hot_share=1e-3)
    whole = expose(rate, [1.0, 2.0], DETECTOR, effects=effects, seed=5, pixel_um=15.0)
    part = expose(
        rate[30:80, 20:90],
        [1.0, 2.0],
        DETECTOR,
        effects=effects,
        seed=5,
        pixel_um=15.0,
        window=Window(30, 20, 120, 100),
    )
    hot = whole.record["hot_pixels"]["count"]
    # The shot noise of hot pixels is drawn in the order of their list, so that they alone may differ.
    assert np.count_nonzero((part.dn != whole.dn[30:80, 20:90]).any(axis=2)) <= hot


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"exposure must be 0 s or more \(got -1 s\)"):
        expose(flat(1.0, 4), [-1.0], DETECTOR)
    with pytest.raises(InputError, match="one exposure a band"):
        expose(flat(1.0, 4), [1.0, 2.0], DETECTOR)
    with pytest.raises(InputError, match="finite and not negative"):
        expose(flat(np.nan, 4), [1.0], DETECTOR)
    with pytest.raises(InputError, match="finite and not negative"):
        expose(flat(-1.0, 4), [1.0], DETECTOR)
    with pytest.raises(InputError, match="24 bits"):
        expose(flat(1.0, 4), [1.0], dataclasses.replace(DETECTOR, bits=24))
    with pytest.raises(InputError, match="prnu_rms"):
        DetectorEffects(prnu_rms=-0.1)
