"""Conditions as data: a quantity against a threshold, and their and, or, not; windows come from :func:`solve`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from terraluna.camera.model import Camera
from terraluna.ephemeris.segments import Floats
from terraluna.plan.laws import Pointing
from terraluna.plan.quantities import QUANTITIES, Quantity
from terraluna.plan.search import Grid, find
from terraluna.plan.sky import BODY_CODES
from terraluna.plan.windows import Windows

Relation = Literal["at least", "at most"]

RESOLUTION_S: Final = 10.0
"""Events that last longer are never stepped over unless told otherwise."""

_NO_CAMERA: Final = np.zeros(18)


@dataclass(frozen=True)
class Scalar:
    """A quantity against a threshold.

    Attributes:
        quantity: one of :data:`terraluna.plan.quantities.QUANTITIES`.
        relation: ``at least`` or ``at most``.
        threshold: rad, km, px or rad/s.
        a: first body; for ``overlap``, ``covered``, ``annular`` the nearer one; for ``shadow`` the one that casts it.
        b: second body.
        limbs: bodies ("a", "b") whose limb counts in a separation instead of the centre; ``umbra`` for ``shadow``.
        as_seen: for ``overlap``, ``covered``, ``annular``: outlines as a picture shows them, where each ray of a limb
            has its own light time and aberration. Without it those of gfoclt, with one light time a body and no
            aberration.
        camera: for ``frame_margin``.
        pointing: for quantities of the camera's attitude.
        part: share of the disc's radius that must be inside the frame.
        angle_rad: for ``bright_limb_offset``: the wanted direction in the image, from up, counter-clockwise.
        place_km: (3,) body-fixed position of a place on ``a``; a J2000 direction for ``direction_angle``.
        normal: (3,) body-fixed outward normal there.
        label: what it is called in reports.
    """

    quantity: Quantity
    relation: Relation
    threshold: float
    a: str = "earth"
    b: str = "moon"
    limbs: tuple[str, ...] = ()
    umbra: bool = False
    as_seen: bool = False
    camera: Camera | None = None
    pointing: Pointing | None = None
    part: float = 1.0
    angle_rad: float = 0.0
    place_km: tuple[float, float, float] = (0.0, 0.0, 0.0)
    normal: tuple[float, float, float] = (0.0, 0.0, 1.0)
    label: str = ""

    def arrays(self) -> tuple[NDArray[np.int64], Floats, Floats, float]:
        """What the kernels take: codes (6,), numbers (24,), camera parameters, the sign that makes it "at least"."""
        pointing = self.pointing or Pointing()
        option = ("a" in self.limbs) + 2 * ("b" in self.limbs)
        if self.quantity == "shadow":
            option = int(self.umbra)
        elif self.quantity in ("overlap", "covered", "annular"):
            option = int(self.as_seen)
        ip = np.array(
            [QUANTITIES.index(self.quantity), BODY_CODES[self.a], BODY_CODES[self.b], *pointing.codes(), option],
            dtype=np.int64,
        )
        fp = np.zeros(24)
        fp[0], fp[3] = self.threshold, self.part
        fp[4:15] = pointing.parameters()
        fp[15] = self.angle_rad
        fp[16:19], fp[19:22] = self.place_km, self.normal
        cam = _NO_CAMERA
        if self.camera is not None:
            cam = self.camera.kernel_parameters()
            fp[1] = max(self.camera.focal_px_x, self.camera.focal_px_y) * _stretch(self.camera)
            fp[2] = half_diagonal_rad(self.camera)
            fp[22:24] = self.camera.width, self.camera.height
        return ip, fp, cam, 1.0 if self.relation == "at least" else -1.0


def half_diagonal_rad(camera: Camera) -> float:
    """Largest angle of a corner of the frame from the boresight; NaN where the distortion has no corner at all."""
    w, h = camera.width - 0.5, camera.height - 0.5
    corners = camera.unproject([[-0.5, -0.5], [w, -0.5], [-0.5, h], [w, h]])
    seen = corners[np.isfinite(corners).all(axis=1), 2]
    return float(np.arccos(np.clip(seen.min(), -1.0, 1.0))) if seen.size else math.nan


def _stretch(camera: Camera) -> float:
    """Most pixels a tangent unit over the focal length: distortion may spread the picture."""
    p = np.linspace([0.0, 0.0], [camera.width - 1.0, camera.height - 1.0], 33)
    d = camera.unproject(p)
    step = np.linalg.norm(np.diff(d[:, :2] / d[:, 2:], axis=0), axis=1)
    pixels = np.linalg.norm(np.diff(p, axis=0), axis=1)
    return float(max(1.0, np.nanmax(pixels / step) / max(camera.focal_px_x, camera.focal_px_y)))


@dataclass(frozen=True)
class All:
    """Every one of these holds; cheap and rare ones first, since each looks only where those before it hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Any:
    """At least one of these holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """This does not hold."""

    part: Condition


@dataclass(frozen=True)
class Within:
    """Windows of ``part`` widened: from ``before_s`` before each to ``after_s`` after it (a pass within N hours)."""

    part: Condition
    before_s: float = 0.0
    after_s: float = 0.0


@dataclass(frozen=True)
class During:
    """Windows given as such."""

    windows: Windows


Condition = Scalar | All | Any | Not | Within | During


def solve(condition: Condition, grid: Grid, inside: Windows, resolution_s: float = RESOLUTION_S) -> Windows:
    """Windows inside ``inside`` in which a condition holds; see :func:`terraluna.plan.search.find`."""
    if not inside:
        return Windows()
    match condition:
        case Scalar():
            return find(condition, grid, inside, resolution_s)
        case All():
            return reduce(lambda left, part: solve(part, grid, left, resolution_s), condition.parts, inside)
        case Any():
            found = (solve(part, grid, inside, resolution_s) for part in condition.parts)
            return reduce(Windows.__or__, found, Windows())
        case Not():
            return inside.without(solve(condition.part, grid, inside, resolution_s))
        case Within():
            wide = inside.widened(condition.after_s, condition.before_s) & Windows((grid.span,))
            found_wide = solve(condition.part, grid, wide, resolution_s)
            return found_wide.widened(condition.before_s, condition.after_s) & inside
        case During():
            return condition.windows & inside
