"""The PSF conserves light and keeps its centre."""

from __future__ import annotations

import numpy as np
import pytest

from terraluna.camera import Psf
from terraluna.errors import InputError

PSFS = [Psf(0.6), Psf(0.0), Psf(1.2, 0.2, 2.0, 3.0), Psf(measured=((0.0, 1.0, 0.0), (1.0, 4.0, 1.0), (0.0, 1.0, 0.0)))]


@pytest.mark.parametrize("psf", PSFS)
def test_kernel_sums_to_one_and_is_symmetric(psf: Psf) -> None:
    k = psf.kernel(15)
    assert k.shape == (15, 15)
    assert k.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(k, k[::-1, ::-1], atol=1e-14)
    np.testing.assert_allclose(k, k.T, atol=1e-14)


@pytest.mark.parametrize(("x", "y"), [(10.0, 20.0), (10.3, 19.8), (-4.45, 0.5)])
def test_stamp_holds_the_light_at_the_place(x: float, y: float) -> None:
    """A Gaussian of 0.8 px on 11 px: the pixel sums have the point's centre and variance sigma^2 + 1/12."""
    stamp, column, row = Psf(0.8).stamp(x, y, 5)
    assert stamp.sum() == pytest.approx(1.0, abs=1e-6)
    xs = column + np.arange(11)
    ys = row + np.arange(11)
    assert stamp.sum(axis=0) @ xs == pytest.approx(x, abs=1e-4)
    assert stamp.sum(axis=1) @ ys == pytest.approx(y, abs=1e-4)
    assert stamp.sum(axis=0) @ (xs - x) ** 2 == pytest.approx(0.64 + 1.0 / 12.0, abs=1e-3)


def test_wings_carry_their_share() -> None:
    """Moffat of power 3, radius 2: 1 - (1 + (r/2)^2)^-2 of it lies within r; no core light lies beyond 20 px.

    1257 pixel centres lie within 20 px, as many as its area, so that counting them cuts the circle fairly.
    """
    psf = Psf(0.5, 0.3, 2.0, 3.0)
    stamp, column, row = psf.stamp(0.0, 0.0, 60)
    yy, xx = np.mgrid[row : row + 121, column : column + 121]
    beyond = stamp[np.hypot(xx, yy) > 20.0].sum()
    assert beyond == pytest.approx(0.3 * 101.0**-2, rel=0.03)  # the stamp ends at 60 px: 1.3 %
    assert stamp.sum() == pytest.approx(1.0, abs=1e-4)


def test_a_point_stays_in_one_pixel_without_blur() -> None:
    stamp, column, row = Psf(0.0).stamp(7.2, 3.4, 2)
    assert stamp[3 - row, 7 - column] == 1.0
    assert stamp.sum() == 1.0


def test_bad_kernels_are_refused() -> None:
    with pytest.raises(InputError, match="odd"):
        Psf(1.0).kernel(4)
    with pytest.raises(InputError, match="square of odd size"):
        Psf(measured=((1.0, 1.0), (1.0, 1.0))).kernel(3)
    with pytest.raises(InputError, match="positive sum"):
        Psf(measured=((0.0,),)).kernel(3)
