"""NEES of batch fit and filter over 100 simulated series of five sensors, beside the 95 % band of chi-square.

Run with ``python benchmarks/sequential_campaign.py [RUNS]``; about three minutes for 100 runs on two cores.
"""

from __future__ import annotations

import sys

import numpy as np
import with_tests  # noqa: F401
from scipy.stats import chi2

from sequential_cases import CASES, Simulator, nees
from terraluna.ephemeris import Ephemeris
from terraluna.opnav.sequential import Editing, OrbitPath, filter_series, fit_series


def main(runs: int) -> None:
    with Ephemeris() as ephemeris:
        for case in CASES:
            simulator = Simulator(case, ephemeris)
            rng = np.random.default_rng(100)
            batch, last, cost, degrees, size = [], [], 0.0, 0, 0
            for _ in range(runs):
                run = simulator.draw(rng)
                path = OrbitPath(run.dynamics, run.epoch, run.nominal)
                fit = fit_series(
                    run.frames, ephemeris, path, state_covariance=run.covariance, unknowns=case.unknowns(),
                    editing=Editing(0.0),
                )  # fmt: skip
                truth = np.concatenate((run.truth, run.biases))
                size = truth.size
                batch.append(nees(np.concatenate((fit.state, fit.values[6:])) - truth, fit.covariance))
                cost, degrees = cost + fit.chi_square, degrees + fit.degrees
                step = filter_series(
                    run.frames, ephemeris, run.dynamics, run.epoch, run.nominal, run.covariance,
                    unknowns=case.unknowns(), editing=Editing(0.0),
                ).steps[-1]  # fmt: skip
                there, _ = run.dynamics.arc(run.epoch, run.truth, [run.frames[-1].et + run.biases[0]])
                error = np.concatenate((step.state - there[0], step.biases - run.biases))
                last.append(nees(error, step.covariance))
            low, high = chi2.ppf([0.025, 0.975], size * runs) / runs
            print(
                f"{case.name}: {runs} runs, {size} unknowns; NEES batch {np.mean(batch):.2f}, "
                f"filter {np.mean(last):.2f}, "
                f"95 % band {low:.2f} to {high:.2f}; chi-square {cost:.0f} of {degrees}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
