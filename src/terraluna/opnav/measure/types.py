"""What a measurement of a picture is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError, RefusedError
from terraluna.opnav.types import Floats, LimbPoints, Status
from terraluna.scene.limb import Ellipse

BodyLabel = Literal["earth", "moon", "unknown"]
Shape = Literal["circle", "ellipse", "cone", "centroid"]


@dataclass(frozen=True)
class MeasureOptions:
    """How to measure.

    Attributes:
        saturation: value from which a pixel is full; None: found from the picture (many pixels at its maximum).
        min_radius_px: smaller discs have no limb to fit: they are unresolved sources.
        max_bodies: the search stops after so many discs.
        max_pixels: larger pictures are refused.
        psf_sigma_px: standard deviation of the optics' blur (without the pixel's own) where it is known, as from stars;
            None: fitted to the limb.
    """

    saturation: float | None = None
    min_radius_px: float = 4.0
    max_bodies: int = 4
    max_pixels: int = 120_000_000
    psf_sigma_px: float | None = None

    def __post_init__(self) -> None:
        if not (self.min_radius_px >= 2.0 and self.max_bodies >= 1 and self.max_pixels >= 64):
            raise InputError("measure options: min_radius_px must be at least 2, max_bodies 1, max_pixels 64")
        if self.psf_sigma_px is not None and not 0.0 < self.psf_sigma_px < 10.0:
            raise InputError(f"measure options: psf_sigma_px must be above 0 and below 10 px (got {self.psf_sigma_px})")


@dataclass(frozen=True)
class BodyHint:
    """Where a mission's geometry expects a body; used to name what was found and for unresolved sources, never to find.

    Attributes:
        name: "earth" or "moon".
        x, y: expected image of the centre, px.
        radius: expected radius of the disc, px.
        phase_rad: Sun-body-observer angle, or None.
        sun_angle_rad: direction of the Sun in the image from +x toward +y, or None.
        in_frame: whether some of it is expected in the frame; of others only the size says something.
    """

    name: Literal["earth", "moon"]
    x: float
    y: float
    radius: float
    phase_rad: float | None = None
    sun_angle_rad: float | None = None
    in_frame: bool = True


@dataclass(frozen=True, eq=False)
class MeasuredBody:
    """One disc or crescent in the picture.

    Attributes:
        name: earth, moon or unknown.
        x, y: centre, px, (0, 0) the centre of the first pixel. With a camera the image of the limb cone's axis, else
            the centre of the fitted circle or ellipse.
        radius: radius of the circle with the area of the limb's image, px.
        covariance: (3, 3) of (x, y, radius), px^2.
        limb_points: (n, 2) the points on the lit limb that the fit used, px.
        point_covariance: (n, 2, 2) of each point, px^2, widened where neighbours err together, so that a fit that takes
            them as independent gets the right covariance.
        residuals: (n,) distance of each point from the fitted limb, px, outward positive.
        limb: the fitted limb in the image, or None for a centroid.
        rms_px: root mean square of the residuals.
        arc_deg: angle of the limb about the centre that the points cover.
        sun_angle_deg: direction of the middle of the lit limb in the image, from +x toward +y; NaN if it can't be told.
        phase_deg: Sun-body-observer angle from the width of the lit part; NaN if it can't be told.
        edge_sigma_px: blur of the limb (standard deviation, the pixel included).
        half_angle_rad: half angle of the limb's cone, None without a camera.
        shape: what was fitted.
        status: ok, degraded or refused.
        reasons: why the status is not ok, and notes.
    """

    name: BodyLabel
    x: float
    y: float
    radius: float
    covariance: Floats
    limb_points: Floats
    point_covariance: Floats
    residuals: Floats
    limb: Ellipse | None
    rms_px: float
    arc_deg: float
    sun_angle_deg: float
    phase_deg: float
    edge_sigma_px: float
    shape: Shape
    status: Status = "ok"
    reasons: tuple[str, ...] = ()
    half_angle_rad: float | None = None

    def as_limb(self, band: str = "visible") -> LimbPoints:
        """The points as the position fixes take them; RefusedError where the body has no measured limb."""
        if self.limb is None or not len(self.limb_points):
            raise RefusedError(f"{self.name}: its limb could not be measured ({', '.join(self.reasons)})")
        return LimbPoints(self.limb_points, self.point_covariance, self.name, band)

    def report(self) -> dict[str, object]:
        """The body as ``measure --json`` prints it."""
        return {
            "name": self.name,
            "x": self.x,
            "y": self.y,
            "radius": self.radius,
            "covariance": self.covariance.tolist(),
            "limb_points": len(self.limb_points),
            "rms_px": self.rms_px,
            "arc_deg": self.arc_deg,
            "status": self.status,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was found in one picture.

    Attributes:
        bodies: largest first.
        status: ``ok`` where every body is, ``degraded`` where one isn't, ``refused`` where there is none.
        reasons: why.
        background: level of the sky.
        noise: standard deviation of the sky.
        saturation: value from which pixels are full, or NaN.
        damaged: (H, W) bool, pixels that were not used because they are lost or invalid.
    """

    bodies: tuple[MeasuredBody, ...]
    status: Status
    reasons: tuple[str, ...] = ()
    background: float = math.nan
    noise: float = math.nan
    saturation: float = math.nan
    damaged: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), np.bool_))

    def body(self, name: str) -> MeasuredBody | None:
        """The body of that name, or None."""
        return next((b for b in self.bodies if b.name == name), None)

    def report(self, image: str) -> dict[str, object]:
        """The object that ``measure --json`` prints."""
        return {
            "image": image,
            "status": self.status,
            "reasons": list(self.reasons),
            "bodies": [b.report() for b in self.bodies],
        }
