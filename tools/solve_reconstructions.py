"""Solve every file of published facts and keep the solution beside it."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from terraluna.ephemeris import Ephemeris
from terraluna.trajectory.solution import Solution, read_facts, write_solution

FOLDER = Path(__file__).resolve().parent.parent / "src/terraluna/data/reconstructions"


def main() -> None:
    """Solve all files, or those named on the command line."""
    chosen = set(sys.argv[1:])
    with Ephemeris() as ephemeris:
        for facts in sorted(FOLDER.glob("*.toml")):
            if facts.name.endswith(".solution.toml") or (chosen and facts.stem not in chosen):
                continue
            spec, digest = read_facts(facts)
            found = spec.solve(ephemeris)
            path = write_solution(facts, Solution.of(found), digest)
            sigma = ", ".join(f"{math.sqrt(found.covariance[i, i]):.0f}" for i in range(3))
            print(f"{path.name}: chi2 {found.chi2:.2f}, dof {found.dof}, sigma {sigma} km")
            for name, (et, s) in found.times.items():
                print(f"  {name}: {ephemeris.utc(et)} +- {s:.0f} s")
            for row in found.residuals:
                deviation = row.residual / row.sigma
                print(f"  {row.label} [{row.component}]: {row.observed:.6g} {row.computed:.6g} {deviation:+.2f} sigma")


if __name__ == "__main__":
    main()
