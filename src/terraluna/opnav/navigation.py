"""What navigating by pictures gives: one entry a picture, and clock and orbit of them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from terraluna.camera.attitude import matrix_to_quaternion
from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.missions.dating import PictureDate
from terraluna.opnav.dating import PictureTime
from terraluna.opnav.focal import FocalFit
from terraluna.opnav.measure import FileMeasurement
from terraluna.opnav.scalefree import ScaleFreeFix
from terraluna.opnav.sequential import Dynamics, FilterResult, FilterStep, SeriesFit, SeriesFrame
from terraluna.opnav.stars import StarSolution
from terraluna.opnav.starsight import star_report, usable
from terraluna.opnav.types import BodyFix, Floats, PositionFix, Status


@dataclass(frozen=True)
class ScaleFree:
    """A picture of unknown scale: what it came out as, and the date where a trajectory is known.

    Attributes:
        found: scale and ranges; None where the discs don't give them.
        date: time by the directions of the lit limbs and the separation, or None.
    """

    found: ScaleFreeFix | None
    date: PictureDate | None

    def report(self) -> dict[str, Any]:
        """The entry ``scale_free`` of the JSON."""
        out: dict[str, Any] = {"focal_px": None, "ranges_km": None, "date_sigma_s": None}
        if self.found is not None:
            out["focal_px"] = [self.found.focal_px, self.found.focal_sigma_px]
            pairs = zip(("earth", "moon"), self.found.ranges_km, self.found.ranges_sigma_km, strict=True)
            out["ranges_km"] = {body: [float(r), float(s)] for body, r, s in pairs}
        if self.date is not None:
            out["date_sigma_s"] = self.date.sigma_s
        return out


@dataclass(frozen=True, eq=False)
class ImageFix:
    """One picture, navigated.

    Attributes:
        image: file.
        utc: time that the fix is made at: as logged, or with the clock offset where that was asked for.
        measured: what was found in the picture.
        camera: that took it; with the focal length refined where it was.
        frame: its sights.
        fix: position from both bodies; refused where there are not two.
        clock: offset from the trajectory, or None without one.
        residuals_px: per body (x, y, radius): measured less what the fix predicts.
        stars: what the frame's own stars say; None where they were not looked for.
        focal: focal length refined from the discs, or None.
        scale: results of a picture of unknown scale, or None.
        notes: further remarks.
    """

    image: str
    utc: str
    measured: FileMeasurement
    camera: Camera
    frame: SeriesFrame
    fix: PositionFix
    clock: PictureTime | None
    residuals_px: Mapping[str, tuple[float, float, float]]
    stars: StarSolution | None = None
    focal: FocalFit | None = None
    scale: ScaleFree | None = None
    notes: tuple[str, ...] = ()

    @property
    def attitude(self) -> Floats | None:
        """Attitude (3, 3) J2000 -> camera: of the fix, else of the frame's own stars; None where neither is."""
        if self.fix.status != "refused":
            return self.fix.attitude
        return self.stars.attitude if self.stars is not None and usable(self.stars) else None

    @property
    def status(self) -> Status:
        """``refused`` where neither position nor attitude was found."""
        if self.fix.status != "refused":
            return self.fix.status
        return "refused" if self.attitude is None else "ok"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, and notes."""
        if self.fix.status == "refused" and self.attitude is not None:
            return ("attitude_only", *self.notes)
        return (*self.fix.reasons, *self.notes)

    @property
    def offset(self) -> tuple[float, float] | None:
        """Clock offset and its sigma, s; None where the picture wasn't dated."""
        if self.clock is not None and self.clock.status != "refused":
            return self.clock.offset_s, self.clock.sigma_s
        if self.scale is not None and self.scale.date is not None:
            return self.scale.date.et - self.frame.et, self.scale.date.sigma_s
        return None

    def report(self) -> dict[str, Any]:
        """One entry of ``fixes``."""
        fix, good = self.fix, self.fix.status != "refused"
        offset, attitude = self.offset, self.attitude
        out: dict[str, Any] = {
            "image": self.image,
            "utc": self.utc,
            "status": self.status,
            "reasons": list(self.reasons),
            "clock_offset_s": None if offset is None else offset[0],
            "clock_sigma_s": None if offset is None else offset[1],
            "position_moon_j2000_km": fix.position_moon_j2000_km.tolist() if good else None,
            "position_earth_j2000_km": fix.position_earth_j2000_km.tolist() if good else None,
            "covariance_km2": fix.covariance_km2.tolist() if good else None,
            "attitude_quaternion": None if attitude is None else matrix_to_quaternion(attitude).tolist(),
            "residuals_px": {body: list(r) for body, r in self.residuals_px.items()},
            "driven_by": self._drivers(),
            "evidence": list(fix.evidence),
            "limb_height_km": None,
            "warnings": list(self.measured.warnings),
            "alternatives_earth_j2000_km": [a.position_earth_j2000_km.tolist() for a in fix.alternatives],
        }
        if good and any(s.body == "earth" and isinstance(s, BodyFix) for s in self.frame.sights):
            out["limb_height_km"] = [fix.limb_height_km, float(np.sqrt(fix.state_covariance[6, 6]))]
        if self.stars is not None:
            out["stars"] = star_report(self.stars)
        if self.focal is not None:
            out["focal"] = {
                "focal_px": self.focal.focal_px,
                "sigma_px": self.focal.sigma_px,
                "label_px": self.focal.label_px,
                "clock_s": self.focal.clock_s,
                "clock_sigma_s": self.focal.clock_sigma_s,
                "chi_square": self.focal.chi_square,
                "degrees_of_freedom": self.focal.degrees,
            }
        if self.scale is not None:
            out["scale_free"] = self.scale.report()
        return out

    def _drivers(self) -> dict[str, str]:
        """What determined each direction of the position, and the attitude about the Earth-Moon line."""
        if self.fix.status == "refused":
            return {} if self.attitude is None else {"attitude": "stars"}
        settled = next((e.partition(":")[2] for e in self.fix.evidence if e.startswith("rotation_settled_by:")), "")
        return {**self.fix.driven_by, "attitude": settled}


@dataclass(frozen=True, eq=False)
class Navigation:
    """All pictures of a run: fixes, one clock for all, the orbit, and the series through the filter."""

    fixes: tuple[ImageFix, ...]
    clock: PictureTime | None
    orbit: SeriesFit | None
    dynamics: Dynamics | None
    filtered: FilterResult | None
    status: Status
    reasons: tuple[str, ...]

    def report(self, ephemeris: Ephemeris) -> dict[str, Any]:
        """The object that ``navigate --json`` prints."""
        return {
            "status": self.status,
            "reasons": list(self.reasons),
            "fixes": [f.report() for f in self.fixes],
            "filter": self._filter(ephemeris),
        }

    def _filter(self, ephemeris: Ephemeris) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if self.clock is not None:
            out["clock"] = {
                "status": self.clock.status,
                "reasons": list(self.clock.reasons),
                "offset_s": self.clock.offset_s,
                "sigma_s": self.clock.sigma_s,
                "alternatives_s": list(self.clock.alternatives),
                "chi_square": self.clock.fit.chi_square,
                "degrees_of_freedom": self.clock.fit.degrees,
                "rejected": list(self.clock.fit.rejected),
            }
        if self.orbit is not None:
            good = self.orbit.status != "refused"
            out["orbit"] = {
                "status": self.orbit.status,
                "reasons": list(self.orbit.reasons),
                "epoch_utc": ephemeris.utc(self.orbit.epoch, 3) if good else None,
                "center": self.orbit.center,
                "state_km_km_s": self.orbit.state.tolist() if good else None,
                "covariance": self.orbit.state_covariance.tolist() if good else None,
                "chi_square": self.orbit.chi_square,
                "degrees_of_freedom": self.orbit.degrees,
                "rejected": list(self.orbit.rejected),
            }
        if self.filtered is not None:
            out["sequential"] = {
                "status": self.filtered.status,
                "reasons": list(self.filtered.reasons),
                "names": list(self.filtered.names),
                "center": self.filtered.center,
                "steps": [_step(step, ephemeris) for step in self.filtered.steps],
                "smoothed": [_step(step, ephemeris) for step in self.filtered.smoothed],
            }
        return out


def _step(step: FilterStep, ephemeris: Ephemeris) -> dict[str, Any]:
    return {
        "image": step.name,
        "utc": ephemeris.utc(step.et, 3),
        "state_km_km_s": step.state.tolist(),
        "biases": step.biases.tolist(),
        "covariance": step.covariance.tolist(),
        "used": list(step.used),
        "reasons": list(step.reasons),
    }
