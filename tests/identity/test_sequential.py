"""A fitted series written as OEM and SPK and read by other programs' readers; a simulated picture dates itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oem import OrbitEphemerisMessage

from sequential_cases import LUNAR, Simulator
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError, OutputError
from terraluna.missions.view import MissionView
from terraluna.opnav.dating import date_frames, locate_along_track
from terraluna.opnav.sequential import (
    Editing,
    OrbitPath,
    SeriesFrame,
    Unknown,
    Unknowns,
    covariances_at,
    fit_series,
    write_series_oem,
    write_series_spk,
)
from terraluna.trajectory.spk import SpkTrajectory

# The format's writer keeps 15 digits of each number.
ROUNDING = 1e-12


def test_oem_carries_the_covariance_and_spk_the_orbit(tmp_path: Path, ephemeris: Ephemeris) -> None:
    run = Simulator(LUNAR, ephemeris).draw(np.random.default_rng(7))
    fit = fit_series(
        run.frames, ephemeris, OrbitPath(run.dynamics, run.epoch, run.nominal),
        state_covariance=run.covariance, unknowns=LUNAR.unknowns(), editing=Editing(0.0),
    )  # fmt: skip
    ets = run.epoch + np.arange(0.0, 3601.0, 300.0)
    path = write_series_oem(tmp_path / "series.oem", fit, run.dynamics, ets, ephemeris, name="LJ-2")
    segment = next(iter(OrbitEphemerisMessage.open(str(path))))
    expected = covariances_at(fit, run.dynamics, ets)
    written = [c.matrix for c in segment.covariances]
    assert len(written) == ets.size
    for matrix, truth in zip(written, expected, strict=True):
        assert np.allclose(matrix, truth, rtol=1e-6, atol=ROUNDING)
        assert np.allclose(matrix, matrix.T)
    assert np.allclose(expected[0], fit.state_covariance)
    with pytest.raises(OutputError, match="exists already"):
        write_series_oem(path, fit, run.dynamics, ets, ephemeris)
    kernel = write_series_spk(tmp_path / "series.bsp", fit, run.dynamics, ets, -999)
    with SpkTrajectory(kernel, ephemeris) as spk:
        states, _ = run.dynamics.arc(fit.epoch, fit.state, ets)
        # Two integrations of one orbit with relative tolerances of 1e-11 and 1e-12.
        assert np.abs(spk.states(ets) - states).max() < 1e-5


@pytest.mark.parametrize("offset", [-700.0, 0.0, 420.0])
def test_simulated_pictures_date_themselves(offset: float, ephemeris: Ephemeris) -> None:
    case = replace(
        LUNAR, position_sigma_km=1e-9, velocity_sigma_km_s=1e-15, clock_sigma_s=1e-9, moon_height_sigma_km=1e-9,
        offsets_s=(0.0, 600.0),
    )  # fmt: skip
    run = Simulator(case, ephemeris).draw(np.random.default_rng(5))
    orbit = MissionView.open("longjiang-2", ephemeris).trajectory
    frames = [replace(f, et=f.et - offset) for f in run.frames]
    found = date_frames(frames, orbit, ephemeris, search_s=1200.0)
    assert found.status == "ok"
    assert found.alternatives == ()
    assert 1.0 < found.sigma_s < 30.0
    assert abs(found.offset_s - offset) < 3.0 * found.sigma_s
    # With the clock right, the orbit is where it is said to be.
    ahead = locate_along_track(run.frames, orbit, ephemeris, search_s=1200.0)
    assert abs(ahead.offset_s) < 3.0 * ahead.sigma_s


def test_a_picture_without_sights_is_refused(ephemeris: Ephemeris) -> None:
    view = MissionView.open("longjiang-2", ephemeris)
    frame = SeriesFrame("dark", ephemeris.et("2019-02-03T15:00"), ())
    found = date_frames([frame], view.trajectory, ephemeris, search_s=600.0)
    assert found.status == "refused"
    assert found.fit.reasons == ("no_usable_frame",)
    assert np.isnan(found.offset_s)


def test_wrong_use_is_named(ephemeris: Ephemeris) -> None:
    with pytest.raises(InputError, match="positive sigma"):
        Unknown(0.0)
    run = Simulator(LUNAR, ephemeris).draw(np.random.default_rng(5))
    fit = fit_series(
        run.frames, ephemeris, OrbitPath(run.dynamics, run.epoch, run.nominal),
        state_covariance=run.covariance, unknowns=Unknowns(),
    )  # fmt: skip
    with pytest.raises(InputError, match="no unknown 'clock_s'; it has x_km"):
        fit.value("clock_s")
