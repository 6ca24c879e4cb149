"""Stars in the pictures of a run: attitudes of their own frames, and of frames taken shortly before or after."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from terraluna.camera.model import Camera
from terraluna.opnav.evidence import AttitudePrior
from terraluna.opnav.measure import FileMeasurement
from terraluna.opnav.setting import Setting
from terraluna.opnav.stars import Disc, MatchOptions, StarSolution, default_extraction, sky_at, solve_stars

_GLARE_SHARE: Final = 0.1
_GLARE_PX: Final = 15.0
"""Stray light around a disc: JPEG and blur reach some pixels, the lens a share of the radius."""

_MOST_TRIALS: Final = 200_000
"""About two seconds: a picture full of noise must not hold the run up."""

_LABEL_FOCAL: Final = 0.05
"""A label's focal length is rounded to a mm, and a 35 mm equivalent to whole mm."""


def find_stars(found: FileMeasurement, camera: Camera, et: float, setting: Setting) -> StarSolution:
    """The attitude of a measured picture by its stars and planets, bodies and damaged pixels masked.

    A camera that is known from the picture's label alone has its focal length fitted.
    """
    discs = [
        Disc(b.x, b.y, b.radius, _GLARE_PX + _GLARE_SHARE * b.radius)
        for b in found.measurement.bodies
        if np.isfinite([b.x, b.y, b.radius]).all()
    ]
    # A short exposure of a wide sky has stars of any width down to the pixel.
    sky = sky_at(setting.ephemeris, et, setting.observer(et))
    return solve_stars(
        found.pixels,
        camera,
        et,
        sky=sky,
        discs=discs,
        mask=found.measurement.damaged if found.measurement.damaged.size else None,
        smear=camera.detector.shutter == "frame-transfer",
        ghosts=False,
        extraction=default_extraction(camera),
        matching=MatchOptions(
            focal_tolerance=_LABEL_FOCAL if camera.id == "from-label" else 0.0, most_trials=_MOST_TRIALS
        ),
    )


def usable(solution: StarSolution) -> bool:
    """Whether an attitude may be used: certain, and no worse than a camera known by its label explains."""
    return solution.status == "ok" or solution.reasons == ("focal_length_off",)


def with_scale(camera: Camera, solution: StarSolution) -> Camera:
    """The camera with the focal length that the stars found."""
    if solution.scale == 1.0:
        return camera
    return dataclasses.replace(
        camera, focal_px_x=camera.focal_px_x * solution.scale, focal_px_y=camera.focal_px_y * solution.scale
    )


def star_prior(solution: StarSolution) -> AttitudePrior:
    """The attitude of a solved frame."""
    return AttitudePrior(solution.attitude, solution.covariance_rad2, "stars")


def companion_prior(
    et: float, camera: str, solved: Sequence[tuple[float, str, str, StarSolution]], hold_s: float, drift_rad_s: float
) -> AttitudePrior | None:
    """The attitude from the nearest star frame of the same camera, widened by what the spacecraft may have turned.

    Args:
        et: of the frame without stars.
        camera: its camera.
        solved: time, camera, name and solution of each frame with stars.
        hold_s: no frame farther away in time is used.
        drift_rad_s: standard deviation of the turning rate about each axis.
    """
    near = [item for item in solved if item[1] == camera and abs(item[0] - et) <= hold_s]
    if not near:
        return None
    when, _, name, solution = min(near, key=lambda item: abs(item[0] - et))
    turned = (drift_rad_s * (when - et)) ** 2
    return AttitudePrior(solution.attitude, solution.covariance_rad2 + turned * np.eye(3), f"stars of {name}")


def star_report(solution: StarSolution) -> dict[str, Any]:
    """What the JSON of a picture says of its stars."""
    if solution.status == "refused":
        return {"status": "refused", "reasons": list(solution.reasons), "detections": len(solution.found.pixels)}
    z = solution.attitude[2]
    planets = [
        {"name": name, "x": float(p[0]), "y": float(p[1]), "residual_px": [float(r[0]), float(r[1])]}
        for name, p, r in zip(solution.names, solution.pixels, solution.residual_px, strict=True)
        if not name.startswith("HIP ")
    ]
    return {
        "status": solution.status,
        "reasons": list(solution.reasons),
        "detections": len(solution.found.pixels),
        "matched": len(solution.names),
        "names": list(solution.names),
        "planets": planets,
        "false_match_probability": solution.false_match_probability,
        "rms_px": solution.rms_px,
        "boresight_ra_deg": float(np.degrees(np.arctan2(z[1], z[0])) % 360.0),
        "boresight_dec_deg": float(np.degrees(np.arcsin(z[2]))),
        "sigma_deg": np.degrees(np.sqrt(np.diag(solution.covariance_rad2))).tolist(),
        "focal_scale": solution.scale,
    }
