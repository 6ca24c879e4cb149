"""What moving the charge adds: frame-transfer smear, leakage of interline stores, charge trails of short exposures.

A camera without a shutter moves the picture under the light. With the electron rate R of a column, exposure T, time t a
row and the share ``leak`` of the light that still counts while the charge moves (1 for frame transfer, small for the
covered columns of an interline chip):

    both:   S[y] = R[y] T + leak t sum(R of all other rows)            cleared and read by shifting
    store:  S[y] = R[y] T + leak t sum(R of the rows between y and the store)    cleared at once

Source: Powell et al. 1999, J. Electronic Imaging 8(2) 137; Tatsumi et al. 2019, Icarus 325, 153 (ONC).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from terraluna.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.camera.model import Camera

SmearKind = Literal["both", "store_at_first_row", "store_at_last_row"]

TRAIL_LIMIT_S: Final = 3e-3
"""Exposures below this leave trails in MapCam (mission's caption of its picture of the Earth, 2017-09-22)."""


@dataclass(frozen=True)
class SmearModel:
    """How the charge leaves the light.

    Attributes:
        transfer_s_per_row: time a row takes to move on.
        kind: see the module.
        leak: share of the light that reaches moving charge.
    """

    transfer_s_per_row: float
    kind: SmearKind = "both"
    leak: float = 1.0

    def __post_init__(self) -> None:
        if not (self.transfer_s_per_row >= 0.0 and np.isfinite(self.transfer_s_per_row)):
            raise InputError(f"smear: the transfer time must be 0 s or more (got {self.transfer_s_per_row})")
        if not 0.0 <= self.leak <= 1.0:
            raise InputError(f"smear: the leak must lie between 0 and 1 (got {self.leak})")


@dataclass(frozen=True)
class TrailModel:
    """Dark trails of charge along the columns that hold a bright body, in very short exposures.

    Only their cause (exposures under 3 ms) and their look (dark streaks from one edge of the frame, unequally long) are
    published: every number here but the limit is assumed.

    Attributes:
        limit_s: exposures of this length or longer leave none.
        strength: largest depth of a trail over the mean signal of its column's lit pixels.
        longest: largest length over the height of the frame.
        edge: edge of the frame where the trails begin.
    """

    limit_s: float = TRAIL_LIMIT_S
    strength: float = 0.02
    longest: float = 0.3
    edge: Literal["first_row", "last_row"] = "first_row"


def smear_model(camera: Camera) -> SmearModel | None:
    """Return the smear of a catalogued camera: frame transfer with a known time a row; None for other shutters."""
    detector = camera.detector
    if detector.shutter != "frame-transfer" or detector.transfer_s_per_row is None:
        return None
    return SmearModel(detector.transfer_s_per_row)


def trail_model(camera: Camera) -> TrailModel | None:
    """Return the charge trails of a catalogued camera: MapCam's, None for all others."""
    return TrailModel() if camera.id == "mapcam" else None


def smear_electrons(rate_e_s: NDArray[np.float64], model: SmearModel) -> NDArray[np.float64]:
    """Return the electrons that smear adds to each pixel; independent of the exposure.

    Args:
        rate_e_s: (rows, columns[, bands]) electrons s-1 by light.
        model: see :class:`SmearModel`.
    """
    t = model.leak * model.transfer_s_per_row
    if model.kind == "both":
        return np.asarray(t * (rate_e_s.sum(axis=0) - rate_e_s))
    ordered = rate_e_s if model.kind == "store_at_first_row" else rate_e_s[::-1]
    passed = t * (np.cumsum(ordered, axis=0) - ordered)
    return np.asarray(passed if model.kind == "store_at_first_row" else passed[::-1])


def trail_electrons(
    charge_e: NDArray[np.float64],
    exposure_s: float,
    model: TrailModel,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the electrons (zero or negative) that trails take from a frame.

    Args:
        charge_e: (rows, columns) electrons collected.
        exposure_s: exposure.
        model: see :class:`TrailModel`.
        generator: gives the length of each column's trail.
    """
    rows, columns = charge_e.shape
    lengths = model.longest * rows * generator.uniform(0.2, 1.0, columns)
    out = np.zeros_like(charge_e)
    if exposure_s >= model.limit_s:
        return out
    peak = float(charge_e.max(initial=0.0))
    lit = charge_e > 0.1 * peak
    count = lit.sum(axis=0)
    level = np.where(lit, charge_e, 0.0).sum(axis=0) / np.maximum(count, 1)
    depth = model.strength * (1.0 - exposure_s / model.limit_s) * level
    y = np.arange(rows)[:, None]
    # A trail fades linearly to nothing at its end.
    out -= depth * np.clip(1.0 - y / np.maximum(lengths, 1.0), 0.0, None)
    return out if model.edge == "first_row" else out[::-1]
