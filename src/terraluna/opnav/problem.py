"""Measurements of one frame with all evidence, as the plain arrays that the solver takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from terraluna.ephemeris.constants import C_KM_S
from terraluna.errors import InputError
from terraluna.opnav.baseline import Baseline
from terraluna.opnav.evidence import AttitudePrior, DirectionLaw, PositionPrior, SunEvidence, whitener
from terraluna.opnav.solver import Problem
from terraluna.opnav.types import BodyFix, LineOfSight
from terraluna.opnav.vectors import tangent_basis, unit

Measurement = BodyFix | LineOfSight


def build_problem(
    earth: Measurement,
    moon: Measurement,
    geometry: Baseline,
    *,
    attitude: AttitudePrior | None = None,
    sun: Sequence[SunEvidence] = (),
    laws: Sequence[DirectionLaw] = (),
    prior: PositionPrior | None = None,
) -> Problem:
    """Measurements of one frame as plain arrays; arguments as for :func:`terraluna.opnav.twobody.fix_two_bodies`."""
    basis = np.zeros((2, 3, 3))
    inverse_range = np.zeros(2)
    whiten = np.zeros((2, 3, 3))
    partial = np.zeros((2, 3))
    beta = np.zeros((2, 3))
    height = np.array([0.0, 1.0])
    for k, m in enumerate((earth, moon)):
        direction = m.direction
        e1, e2 = tangent_basis(direction)
        basis[k] = e1, e2, direction
        if m.aberration == "present" and geometry.observer_velocity_km_s is not None:
            beta[k] = geometry.observer_velocity_km_s / C_KM_S
        if isinstance(m, LineOfSight):
            across = basis[k, :2]
            whiten[k, :2, :2] = whitener(across @ m.covariance_rad2 @ across.T, f"the {m.body} line of sight")
            continue
        distance = m.range_km
        inverse_range[k] = 1.0 / distance
        to_z = np.vstack((e1 / distance, e2 / distance, -direction / distance**2))
        g = m.limb_height_partial
        noise = m.covariance_km2
        if k == 0 and m.limb_height_sigma_km > 0.0:
            # The Earth's limb height is an unknown of its own here: take its share out of the covariance.
            noise = noise - m.limb_height_sigma_km**2 * np.outer(g, g)
            partial[k] = to_z @ g
            height[:] = m.limb_height_km, 1.0 / m.limb_height_sigma_km
        covariance = to_z @ noise @ to_z.T
        # 1/range is many decades below an angle: factor the correlation matrix to keep the digits.
        if not (np.diag(covariance) > 0.0).all():
            raise InputError(f"covariance of the {m.body} fix is not positive definite")
        scale = np.sqrt(np.diag(covariance))
        whiten[k] = whitener(covariance / np.outer(scale, scale), f"the {m.body} fix") / scale
    suns = np.zeros((2, 3))
    suns[:, 2] = 1.0
    bright = np.zeros((2, 2))
    phase = np.zeros((2, 2))
    for item in sun:
        if item.body not in ("earth", "moon"):
            raise InputError(f"Sun evidence is for {item.body!r}; it must be earth or moon")
        k = 0 if item.body == "earth" else 1
        suns[k] = unit(item.sun_direction_j2000)
        bright[k] = item.bright_limb_rad, 1.0 / item.bright_limb_sigma_rad
        phase[k] = item.phase_rad, 1.0 / item.phase_sigma_rad
    law_basis = np.zeros((len(laws), 3, 3))
    for i, law in enumerate(laws):
        direction = unit(law.camera_direction)
        law_basis[i] = (*tangent_basis(direction), direction)
    zero = np.zeros((3, 3))
    return Problem(
        np.vstack((geometry.earth_km, geometry.moon_km)),
        basis,
        inverse_range,
        whiten,
        partial,
        beta,
        np.eye(3) if attitude is None else np.ascontiguousarray(attitude.rotation, dtype=np.float64),
        zero if attitude is None else whitener(attitude.covariance_rad2, "the attitude prior"),
        np.zeros(3) if prior is None else np.ascontiguousarray(prior.position_earth_j2000_km, dtype=np.float64),
        zero if prior is None else whitener(prior.covariance_km2, "the position prior"),
        height,
        suns,
        bright,
        phase,
        law_basis,
        np.array([unit(law.j2000_direction) for law in laws]).reshape(-1, 3),
        np.array([1.0 / law.sigma_rad for law in laws]),
    )
