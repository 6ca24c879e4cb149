"""Edges before patchy ground: made from the model itself, so that offsets and variances are known."""

from __future__ import annotations

import numpy as np
import pytest

from terraluna.opnav.measure.edges import fit_edges
from terraluna.opnav.measure.patchy import fit_patchy
from terraluna.opnav.measure.profile import TABLE_REACH, TABLE_STEP, profile_table
from terraluna.opnav.measure.rim import RimPixels

BLUR = 0.7
RADIUS = 100.0
BINS = 314
HEIGHT = 200.0
NOISE = 6.0
# The requirement for limb points.
MEAN_ERROR_PX = 0.02
# Eight limbs of as many stretches: the scatter is known to 1.5 %.
LIMBS = 8
# All stretches have the first table.
ALIKE = np.zeros(BINS, np.int64)
# The scatter may depart from what is stated by this much: the walk's rate comes from pixels that the noise, the
# profile's assumed misfit (3 %) and the neighbours' heights share.
STATED = 0.25


def _limb(seed: int, walk: float) -> tuple[RimPixels, np.ndarray, np.ndarray]:
    """Pixels of a limb whose ground gains the variance ``walk`` per px of depth, its true offsets, and the tables."""
    rng = np.random.default_rng(seed)
    table = profile_table(RADIUS, BLUR)
    grid = np.arange(table.shape[1]) * TABLE_STEP - TABLE_REACH
    knots = np.arange(0.025, 5.0, 0.05)
    true = rng.normal(0.0, 0.05, BINS)
    depth, value = [], []
    for b in range(BINS):
        d = np.sort(rng.uniform(-3.9, 3.7, 15))
        steps = rng.normal(0.0, np.sqrt(walk * 0.05), knots.size)
        light = np.interp(d + true[b], grid, table[0]) + np.interp(d[:, None] + true[b] - knots, grid, table[0]) @ steps
        depth.append(d)
        value.append(HEIGHT * light + 10.0 + rng.normal(0.0, NOISE, d.size))
    rim = RimPixels(
        np.arange(BINS + 1) * 15,
        np.concatenate(depth),
        np.concatenate(value),
        np.zeros(15 * BINS, np.bool_),
        np.zeros(BINS, np.int64),
        (np.arange(BINS) + 0.5) * (2.0 * np.pi / BINS),
    )
    return rim, true, table[None]


@pytest.mark.parametrize("walk", [0.0, 0.01, 0.05])
def test_offsets_and_their_variances(walk: float) -> None:
    errors, alone, stated = [], [], []
    shape = np.repeat([[1.0], [0.0], [0.0]], BINS, axis=1)
    for seed in range(LIMBS):
        rim, true, tables = _limb(seed, walk)
        single = fit_edges(rim, tables, ALIKE, shape, wide=False)
        found = fit_patchy(rim, single, single.good, tables, ALIKE, shape, BLUR)
        assert found is not None
        patchy, _ = found
        both = patchy.good & single.good
        errors.append((patchy.offset - true)[both])
        alone.append((single.offset - true)[both])
        stated.append(patchy.variance[both])
    error = np.concatenate(errors)
    scatter = error.std()
    assert abs(error.mean()) < MEAN_ERROR_PX
    assert scatter < np.concatenate(alone).std()
    assert scatter**2 == pytest.approx(np.concatenate(stated).mean(), rel=2.0 * STATED)


def test_too_few_stretches() -> None:
    rim, _, tables = _limb(0, 0.0)
    shape = np.repeat([[1.0], [0.0], [0.0]], BINS, axis=1)
    edges = fit_edges(rim, tables, ALIKE, shape, wide=False)
    few = np.arange(BINS) < 5
    assert fit_patchy(rim, edges, few, tables, ALIKE, shape, BLUR) is None
