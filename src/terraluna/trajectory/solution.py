"""Solved reconstructions, kept beside the facts they were solved from.

A fit takes seconds to half a minute, so the package carries the result; the hash of the facts tells whether it still
belongs to them. ``tools/solve_reconstructions.py`` writes the files, a test solves again and compares.
"""

from __future__ import annotations

import hashlib
import logging
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.segments import Floats
from terraluna.errors import CatalogueError, InputError
from terraluna.trajectory.base import Quality
from terraluna.trajectory.propagate import PropagatedTrajectory
from terraluna.trajectory.reconstruct import Reconstruction
from terraluna.trajectory.source import ReconstructSpec, parse_spec

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Solution:
    """The part of a :class:`Reconstruction` that is kept.

    Attributes:
        epoch: TDB seconds past J2000.
        state: (6,) km and km/s about the facts' centre, J2000.
        covariance: (6, 6) of the state.
        times: solved times by name: (et, sigma in s).
        rolls: solved rolls by name: (degrees, sigma in degrees).
        chi2: of the fit, with ``dof`` degrees of freedom.
    """

    epoch: float
    state: Floats
    covariance: Floats
    times: dict[str, tuple[float, float]]
    rolls: dict[str, tuple[float, float]]
    chi2: float
    dof: int

    @classmethod
    def of(cls, found: Reconstruction) -> Solution:
        """What is kept of a fit."""
        return cls(found.epoch, found.state, found.covariance, found.times, found.rolls, found.chi2, found.dof)


def read_facts(path: Path) -> tuple[ReconstructSpec, str]:
    """Facts of a reconstruction and their SHA-256; InputError or CatalogueError names the file."""
    try:
        raw = path.read_bytes()
        table = tomllib.loads(raw.decode())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"{path}: is not valid TOML: {error}") from error
    spec = parse_spec(table, str(path))
    if not isinstance(spec, ReconstructSpec):
        raise CatalogueError(f"{path}: kind: must be 'reconstruct', not {spec.kind!r}")
    return spec, hashlib.sha256(raw).hexdigest()


def solution_path(facts: Path) -> Path:
    """Where the solution of a file of facts is kept."""
    return facts.with_suffix(".solution.toml")


def kept_solution(facts: Path, digest: str) -> Solution | None:
    """The kept solution, or None if there is none or it belongs to other facts."""
    path = solution_path(facts)
    if not path.is_file():
        return None
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    if table["facts_sha256"] != digest:
        _log.warning("%s has changed since it was solved; solving again", facts.name)
        return None
    return Solution(
        epoch=float(table["epoch_et"]),
        state=np.array(table["state"]),
        covariance=np.array(table["covariance"]),
        times={k: (float(a), float(b)) for k, (a, b) in table["times"].items()},
        rolls={k: (float(a), float(b)) for k, (a, b) in table["rolls"].items()},
        chi2=float(table["chi2"]),
        dof=int(table["dof"]),
    )


def write_solution(facts: Path, solution: Solution, digest: str) -> Path:
    """Keep a solution beside its facts; returns the file."""
    rows = ",\n".join(f"  [{', '.join(repr(float(v)) for v in row)}]" for row in solution.covariance)
    lines = [
        f"# Solved from {facts.name} by tools/solve_reconstructions.py; do not edit.",
        f'facts_sha256 = "{digest}"',
        f"epoch_et = {solution.epoch!r}",
        f"state = [{', '.join(repr(float(v)) for v in solution.state)}]",
        f"covariance = [\n{rows},\n]",
        f"chi2 = {float(solution.chi2)!r}",
        f"dof = {solution.dof}",
        "",
        "[times]",
        *(f'"{k}" = [{float(a)!r}, {float(b)!r}]' for k, (a, b) in solution.times.items()),
        "",
        "[rolls]",
        *(f'"{k}" = [{float(a)!r}, {float(b)!r}]' for k, (a, b) in solution.rolls.items()),
    ]
    path = solution_path(facts)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def solve_facts(facts: Path, ephemeris: Ephemeris) -> Solution:
    """The kept solution of a file of facts, or a new one."""
    spec, digest = read_facts(facts)
    return kept_solution(facts, digest) or Solution.of(spec.solve(ephemeris))


def solved_trajectory(facts: Path, ephemeris: Ephemeris) -> PropagatedTrajectory:
    """The trajectory that a file of facts gives."""
    spec, _ = read_facts(facts)
    solution = solve_facts(facts, ephemeris)
    quality: Quality = spec.quality
    return PropagatedTrajectory(
        ephemeris,
        solution.epoch,
        solution.state,
        spec.center,
        name=spec.name or facts.stem,
        quality=quality,
        span=spec.span(solution.epoch, ephemeris),
        options=spec.options(),
    )
