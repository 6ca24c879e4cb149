"""All checks of a header in their order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.errors import CoverageError
from terraluna.frames.observation import HeaderWarning, Observation
from terraluna.frames.sanity.angles import check_diameters, check_directions, check_phases, check_subpoints
from terraluna.frames.sanity.places import Places
from terraluna.frames.sanity.times import check_times
from terraluna.frames.sanity.vectors import check_bodies, check_distances, check_spacecraft, check_velocities

CHECKS = (
    check_bodies, check_velocities, check_distances, check_spacecraft, check_phases, check_subpoints, check_directions,
    check_diameters,
)  # fmt: skip


def check_header(observation: Observation, ephemeris: Ephemeris) -> tuple[HeaderWarning, ...]:
    """Every contradiction between a header, the ephemeris and itself.

    Args:
        observation: what the header says, with ``et``.
        ephemeris: an open ephemeris.

    Returns:
        One warning a contradicting keyword, in the order of the checks; empty if all is well or nothing can be checked.
    """
    warnings = list(check_times(observation))
    warnings += _check_pointing(observation)
    if observation.et is None:
        return tuple(warnings)
    try:
        places = Places(observation, ephemeris, observation.et)
        for check in CHECKS:
            warnings += check(observation.claims, places)
    except CoverageError:
        warnings.append(
            HeaderWarning("time", "the time lies outside the ephemeris, so positions weren't checked", observation.utc)
        )
    return tuple(_once(warnings))


def _once(warnings: Iterable[HeaderWarning]) -> list[HeaderWarning]:
    seen: set[str] = set()
    return [w for w in warnings if not ((key := f"{w.keyword} {w.text}") in seen or seen.add(key))]  # type: ignore[func-returns-value]


def _check_pointing(observation: Observation) -> list[HeaderWarning]:
    pointing = observation.pointing
    out = []
    if pointing and pointing.quaternion:
        norm = float(np.linalg.norm(pointing.quaternion))
        if abs(norm - 1.0) > 1e-3:
            out.append(HeaderWarning(pointing.keyword, "the quaternion's length is not 1", f"{norm:.6g}", "1"))
    if pointing and pointing.dec_deg is not None and abs(pointing.dec_deg) > 90.0:
        out.append(HeaderWarning(pointing.keyword, "the declination is over 90 degrees", f"{pointing.dec_deg:g} deg"))
    return out
