"""Masks cover what they name and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from terraluna.camera import load_camera
from terraluna.errors import InputError
from terraluna.opnav.stars import Disc, defect_mask, disc_mask, ghost_mask, smear_mask

SHAPE = (480, 640)


def test_disc_with_glare() -> None:
    mask = disc_mask(SHAPE, [Disc(300.0, 200.0, 50.0, 10.0)])
    assert mask[200, 300]
    assert mask[200, 359]
    assert not mask[200, 361]
    # Pixels counted against the area of the circle; the count along an edge scatters by far less than its length.
    assert mask.sum() == pytest.approx(math.pi * 60.0**2, rel=0.01)
    assert not disc_mask(SHAPE, [Disc(-500.0, 0.0, 100.0)]).any()


def test_smear_runs_through_the_frame() -> None:
    columns = smear_mask(SHAPE, [Disc(300.0, 200.0, 50.0, 30.0)])
    assert columns[:, 250:351].all()
    assert not columns[:, :250].any()
    assert not columns[:, 351:].any()
    rows = smear_mask(SHAPE, [Disc(300.0, 200.0, 50.0)], axis=1)
    assert rows[150:251].all()
    assert rows.sum() == 101 * SHAPE[1]
    assert not smear_mask(SHAPE, [Disc(2000.0, 200.0, 50.0)]).any()
    with pytest.raises(InputError, match="axis"):
        smear_mask(SHAPE, [], axis=2)


def test_ghost_lies_opposite_the_axis() -> None:
    camera = load_camera("longjiang-2")
    mask = ghost_mask(camera, [Disc(camera.cx - 150.0, camera.cy + 50.0, 20.0)], grow=1.0)
    y, x = np.nonzero(mask)
    assert (x.mean(), y.mean()) == pytest.approx((camera.cx + 150.0, camera.cy - 50.0), abs=0.05)


def test_defects() -> None:
    mask = defect_mask(SHAPE, columns=[7], pixels=[(10, 20), (639, 479)])
    assert mask[:, 7].all()
    assert mask[20, 10]
    assert mask[479, 639]
    assert mask.sum() == SHAPE[0] + 2
    with pytest.raises(InputError, match="outside the frame"):
        defect_mask(SHAPE, pixels=[(640, 0)])
