"""Blooming: the charge above the full well runs along the column (or row) until it finds room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numba import njit, prange

from terraluna.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@njit(cache=True, error_model="numpy")
def _bleed_line(line, well):  # type: ignore[no-untyped-def]
    """Spread the excess of one line both ways, in place; returns the charge that left at its ends."""
    n = line.size
    # Half of each pixel's excess starts toward the end of the line, the other half and all that is left toward its
    # beginning: after the two sweeps no pixel is above its well.
    carry = 0.0
    for i in range(n):
        excess = line[i] - well
        if excess > 0.0:
            carry += 0.5 * excess
            line[i] -= 0.5 * excess
        elif carry > 0.0:
            taken = min(carry, -excess)
            line[i] += taken
            carry -= taken
    lost = carry
    carry = 0.0
    for i in range(n - 1, -1, -1):
        total = line[i] + carry
        carry = max(total - well, 0.0)
        line[i] = total - carry
    return lost + carry


@njit(cache=True, parallel=True, error_model="numpy")
def _bleed_columns(charge, well, lost):  # type: ignore[no-untyped-def]
    rows, columns = charge.shape
    for j in prange(columns):
        above = False
        for i in range(rows):
            if charge[i, j] > well:
                above = True
                break
        if above:
            line = charge[:, j].copy()
            lost[j] = _bleed_line(line, well)
            charge[:, j] = line


def bloom(charge_e: NDArray[np.float64], full_well_e: float, along: Literal["columns", "rows"] = "columns") -> float:
    """Let the charge above the full well run along the columns or rows, in place.

    Args:
        charge_e: (rows, columns), float64, any strides; changed.
        full_well_e: electrons that a pixel holds.
        along: direction.

    Returns:
        Electrons that ran over the edge of the array; all others are kept.
    """
    if not full_well_e > 0.0:
        raise InputError(f"the full well must be above 0 electrons (got {full_well_e})")
    view = charge_e if along == "columns" else charge_e.T
    lost = np.zeros(view.shape[1])
    _bleed_columns(view, full_well_e, lost)
    return float(lost.sum())
