"""NEES of the batch fit, the filter and the smoother over simulated series; editing; partials against propagation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from sequential_cases import CASES, CRUISE, LUNAR, Case, Simulator, nees
from terraluna.ephemeris import Ephemeris
from terraluna.opnav.sequential import (
    Dynamics,
    Editing,
    OrbitPath,
    Unknown,
    Unknowns,
    filter_series,
    fit_series,
)

# The campaign of 100 runs is benchmarks/sequential_campaign.py; here so few that the tests stay short, with their band.
RUNS = 6
SEED = 20190203
# Two ways to one least-squares problem; the filter linearises its past once, which leaves a second order.
SAME_ESTIMATE_SIGMAS = 0.05


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_errors_are_as_large_as_stated(case: Case, ephemeris: Ephemeris) -> None:
    simulator = Simulator(case, ephemeris)
    rng = np.random.default_rng(SEED)
    batch, last, cost, degrees = [], [], 0.0, 0
    for _ in range(RUNS):
        run = simulator.draw(rng)
        fit = fit_series(
            run.frames,
            ephemeris,
            OrbitPath(run.dynamics, run.epoch, run.nominal),
            state_covariance=run.covariance,
            unknowns=case.unknowns(),
            editing=Editing(0.0),
        )
        assert fit.status == "ok"
        truth = np.concatenate((run.truth, run.biases))
        batch.append(nees(np.concatenate((fit.state, fit.values[6:])) - truth, fit.covariance))
        cost, degrees = cost + fit.chi_square, degrees + fit.degrees
        result = filter_series(
            run.frames, ephemeris, run.dynamics, run.epoch, run.nominal, run.covariance,
            unknowns=case.unknowns(), editing=Editing(0.0),
        )  # fmt: skip
        step = result.steps[-1]
        # The filter's state is at the frame's true time.
        there, _ = run.dynamics.arc(run.epoch, run.truth, [run.frames[-1].et + run.biases[0]])
        last.append(nees(np.concatenate((step.state - there[0], step.biases - run.biases)), step.covariance))
    low, high = chi2.ppf([0.025, 0.975], truth.size * RUNS) / RUNS
    assert low < np.mean(batch) < high
    assert low < np.mean(last) < high
    assert chi2.ppf(0.001, degrees) < cost < chi2.ppf(0.999, degrees)


def test_smoother_meets_batch_at_the_first_frame(ephemeris: Ephemeris) -> None:
    run = Simulator(CRUISE, ephemeris).draw(np.random.default_rng(SEED))
    fit = fit_series(
        run.frames, ephemeris, OrbitPath(run.dynamics, run.epoch, run.nominal),
        state_covariance=run.covariance, unknowns=CRUISE.unknowns(), editing=Editing(0.0),
    )  # fmt: skip
    result = filter_series(
        run.frames, ephemeris, run.dynamics, run.epoch, run.nominal, run.covariance,
        unknowns=CRUISE.unknowns(), editing=Editing(0.0), smooth=True,
    )  # fmt: skip
    first = result.smoothed[0]
    sigma = np.sqrt(np.diag(fit.covariance))
    position = first.state[:3] - fit.frames[0].position_earth_km
    covariance = np.sqrt(np.diag(first.covariance))
    assert (np.abs(position) < SAME_ESTIMATE_SIGMAS * covariance[:3]).all()
    assert (np.abs(first.biases - fit.values[6:]) < SAME_ESTIMATE_SIGMAS * sigma[6:]).all()
    assert np.allclose(covariance[6:], sigma[6:], rtol=0.05)
    assert np.allclose(covariance[:3], np.sqrt(np.diag(fit.frames[0].covariance_km2)), rtol=0.05)
    # Process noise can only widen what is known of the last state.
    noisy = filter_series(
        run.frames, ephemeris, run.dynamics, run.epoch, run.nominal, run.covariance,
        unknowns=CRUISE.unknowns(), editing=Editing(0.0), acceleration_noise=1e-6,
    )  # fmt: skip
    assert (np.diag(noisy.steps[-1].covariance)[:6] > np.diag(result.steps[-1].covariance)[:6]).all()


def test_displaced_bodies_are_edited_out(ephemeris: Ephemeris) -> None:
    run = Simulator(CRUISE, ephemeris).draw(np.random.default_rng(SEED), outliers=(3,))
    path = OrbitPath(run.dynamics, run.epoch, run.nominal)
    fit = fit_series(run.frames, ephemeris, path, state_covariance=run.covariance, unknowns=CRUISE.unknowns())
    assert fit.rejected == ("frame 3",)
    assert fit.status == "degraded"
    assert "frames_rejected" in fit.reasons
    result = filter_series(
        run.frames, ephemeris, run.dynamics, run.epoch, run.nominal, run.covariance, unknowns=CRUISE.unknowns()
    )
    assert result.steps[3].used == ("earth",)
    assert result.steps[3].reasons == ("moon_rejected_by_editing",)
    assert all(len(step.used) == 2 for i, step in enumerate(result.steps) if i != 3)


def test_too_many_contradictions_are_refused(ephemeris: Ephemeris) -> None:
    run = Simulator(CRUISE, ephemeris).draw(np.random.default_rng(SEED), outliers=(1, 4, 5, 7, 8))
    result = filter_series(
        run.frames, ephemeris, run.dynamics, run.epoch, run.nominal, run.covariance, unknowns=CRUISE.unknowns()
    )
    assert result.status == "refused"
    assert result.reasons == ("too_many_frames_contradict",)


def test_considered_bias_widens_what_it_cannot_improve(ephemeris: Ephemeris) -> None:
    run = Simulator(LUNAR, ephemeris).draw(np.random.default_rng(SEED))
    path = OrbitPath(run.dynamics, run.epoch, run.nominal)

    def fit(considered: bool, sigma: float) -> np.ndarray:
        unknowns = Unknowns(scale={"camera": Unknown(sigma, considered=considered)})
        return fit_series(
            run.frames, ephemeris, path, state_covariance=run.covariance, unknowns=unknowns, editing=Editing(0.0)
        ).covariance[:6, :6]

    tiny, estimated, considered = fit(True, 1e-9), fit(False, 1e-3), fit(True, 1e-3)
    assert np.trace(considered[:3, :3]) > np.trace(estimated[:3, :3]) > np.trace(tiny[:3, :3])


def test_frames_that_do_not_determine_the_orbit_are_refused(ephemeris: Ephemeris) -> None:
    run = Simulator(LUNAR, ephemeris).draw(np.random.default_rng(SEED))
    fit = fit_series(run.frames[:1], ephemeris, OrbitPath(run.dynamics, run.epoch, run.nominal))
    assert fit.status == "refused"
    assert fit.reasons == ("unknowns_not_determined",)
    assert np.isnan(fit.values).all()


def test_transition_matrix_against_moved_starts(ephemeris: Ephemeris) -> None:
    simulator = Simulator(LUNAR, ephemeris)
    dynamics: Dynamics = simulator.dynamics
    later = simulator.epoch + 4200.0
    _, phis = dynamics.arc(simulator.epoch, simulator.nominal, [later])
    for i in range(6):
        step = np.zeros(6)
        step[i] = 1.0 if i < 3 else 1e-4
        ahead, _ = dynamics.arc(simulator.epoch, simulator.nominal + step, [later])
        behind, _ = dynamics.arc(simulator.epoch, simulator.nominal - step, [later])
        numeric = (ahead[0] - behind[0]) / (2.0 * step[i])
        # Third derivatives of the orbit over (1 km / 10,000 km)^2.
        assert np.allclose(phis[0][:, i], numeric, rtol=1e-6, atol=1e-6 * np.abs(phis[0][:, i]).max())
