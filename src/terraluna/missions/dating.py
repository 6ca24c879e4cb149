"""The time of a published picture, from what the picture itself shows.

Scale-free numbers measured on the picture (the distance of the discs in Earth diameters, the directions of the lit
limbs from the line between the bodies) are compared with the trajectory; the best time and its sigma come out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from terraluna.errors import InputError, RefusedError
from terraluna.missions.model import PictureEvidence
from terraluna.missions.quantities import bright_limb_from_pair_deg
from terraluna.missions.view import MissionView

# A day either side of the catalogue's time, in steps over which no direction turns by more than a few degrees.
_SPAN_S = 86400.0
_STEP_S = 900.0


@dataclass(frozen=True)
class PictureDate:
    """Time of a picture: ``et`` (TDB s past J2000), ``sigma_s``, ``chi2`` and the count of ``measurements``."""

    et: float
    sigma_s: float
    chi2: float
    measurements: int


def date_picture(view: MissionView, measured: PictureEvidence | None = None) -> PictureDate:
    """Fit the time of a picture to a mission's trajectory.

    Args:
        view: the mission.
        measured: numbers measured on the picture; those of the mission's file if left out.

    Raises:
        InputError: the mission's file holds no evidence.
        RefusedError: no time within a day fits (chi-square above its 99.9 % bound), or the best is at the edge.
    """
    evidence = measured or view.spec.evidence
    if evidence is None:
        raise InputError(f"{view.spec.id}: its file holds no measured picture, so the picture cannot be dated")

    def residuals(et: float) -> list[float]:
        scene = view.scene(et)
        out = []
        if evidence.separation_over_earth_diameter is not None:
            value = scene.separation_rad / (2.0 * scene.earth.angular_radius_rad)
            sigma = evidence.separation_over_earth_diameter_sigma or np.inf
            out.append((value - evidence.separation_over_earth_diameter) / sigma)
        sigma = evidence.direction_sigma_deg or np.inf
        for name, seen in (
            ("earth", evidence.earth_bright_limb_minus_pair_deg),
            ("moon", evidence.moon_bright_limb_minus_pair_deg),
        ):
            if seen is not None:
                difference = bright_limb_from_pair_deg(scene, name) - seen  # type: ignore[arg-type]
                out.append(((difference + 180.0) % 360.0 - 180.0) / sigma)
        return out

    def chi2(et: float) -> float:
        return float(np.sum(np.square(residuals(et))))

    middle = view.portrait_et
    times = np.arange(middle - _SPAN_S, middle + _SPAN_S, _STEP_S)
    values = [chi2(t) for t in times]
    i = int(np.argmin(values))
    if i in (0, len(times) - 1):
        raise RefusedError(f"{view.spec.id}: no time within a day of the catalogue's fits the picture")
    best = minimize_scalar(
        lambda s: chi2(times[i] + s), bounds=(-_STEP_S, _STEP_S), method="bounded", options={"xatol": 0.1}
    )
    et, least = float(times[i]) + float(best.x), float(best.fun)
    count = len(residuals(et))
    # Chi-square, 99.9 %, for two degrees of freedom is 13.8: with three numbers and one unknown.
    if least > 13.8:
        raise RefusedError(f"{view.spec.id}: the measured picture does not fit the trajectory (chi-square {least:.1f})")
    h = 600.0
    curvature = (chi2(et + h) - 2.0 * least + chi2(et - h)) / h**2
    return PictureDate(et, float(np.sqrt(2.0 / curvature)), least, count)
