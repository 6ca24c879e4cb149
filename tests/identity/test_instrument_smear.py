"""Smear: the column formula, its inverse in the frame readers, and charge trails."""

from __future__ import annotations

import numpy as np
import pytest

from terraluna.camera import load_camera
from terraluna.errors import InputError
from terraluna.frames.smear import SmearKind, remove_smear
from terraluna.instrument.smear import (
    SmearModel,
    TrailModel,
    smear_electrons,
    smear_model,
    trail_electrons,
    trail_model,
)


def test_bright_bar_in_a_dark_column() -> None:
    # A bar of h rows and rate R gives every dark pixel of its column exactly t h R.
    rate = np.zeros((100, 4))
    rate[60:70, 2] = 5000.0
    t = 7.46e-6
    both = smear_electrons(rate, SmearModel(t))
    assert both[0, 2] == pytest.approx(t * 10 * 5000.0, rel=1e-12)
    assert both[99, 2] == pytest.approx(t * 10 * 5000.0, rel=1e-12)
    assert both[65, 2] == pytest.approx(t * 9 * 5000.0, rel=1e-12)
    assert not both[:, [0, 1, 3]].any()
    # All of it: each row passes the other 99.
    assert both.sum() == pytest.approx(t * 99 * rate.sum(), rel=1e-12)
    first = smear_electrons(rate, SmearModel(t, "store_at_first_row"))
    assert not first[:61].any()
    assert first[99, 2] == pytest.approx(t * 10 * 5000.0, rel=1e-12)
    last = smear_electrons(rate, SmearModel(t, "store_at_last_row"))
    assert last[0, 2] == pytest.approx(t * 10 * 5000.0, rel=1e-12)
    assert not last[69:].any()
    leaking = smear_electrons(rate, SmearModel(t, "both", leak=1e-3))
    assert leaking == pytest.approx(1e-3 * both)


@pytest.mark.parametrize("kind", ["both", "store_at_first_row", "store_at_last_row"])
def test_calibration_takes_it_away(kind: SmearKind) -> None:
    rate = np.random.default_rng(1).uniform(0.0, 1e6, (64, 16))
    exposure, t = 4e-3, 7e-6
    smeared = rate * exposure + smear_electrons(rate, SmearModel(t, kind))
    assert remove_smear(smeared, exposure, t, kind) == pytest.approx(rate * exposure, rel=1e-9)


def test_catalogue() -> None:
    assert smear_model(load_camera("onc-t")) == SmearModel(7.46e-6)
    assert smear_model(load_camera("epic")) is None
    assert trail_model(load_camera("mapcam")) is not None
    assert trail_model(load_camera("onc-t")) is None


def test_trails_only_below_the_limit_and_only_over_bright_columns() -> None:
    charge = np.zeros((200, 50))
    charge[120:140, 10:20] = 10000.0
    dark = trail_electrons(charge, 3e-4, TrailModel(), np.random.default_rng(0))
    assert not dark[:, :10].any()
    assert not dark[:, 20:].any()
    assert (dark[0, 10:20] < 0.0).all()
    assert not dark[61:].any()
    assert np.unique(np.count_nonzero(dark[:, 10:20], axis=0)).size > 3
    assert not trail_electrons(charge, 3e-3, TrailModel(), np.random.default_rng(0)).any()


def test_bad_input() -> None:
    with pytest.raises(InputError, match="transfer time"):
        SmearModel(-1.0)
    with pytest.raises(InputError, match="leak"):
        SmearModel(1.0, leak=2.0)
