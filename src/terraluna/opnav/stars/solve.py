"""Attitude from a picture of stars: extract, match, solve, judge."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terraluna.camera.attitude import matrix_to_quaternion
from terraluna.errors import InputError
from terraluna.opnav.stars.attitude import davenport
from terraluna.opnav.stars.catalogue import Ints, Sky, sky_at
from terraluna.opnav.stars.extract import Detections, ExtractOptions, extract
from terraluna.opnav.stars.masks import Disc, disc_mask, ghost_mask, smear_mask
from terraluna.opnav.stars.match import Match, MatchOptions, match_stars
from terraluna.opnav.types import Floats, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraluna.camera.model import Camera
    from terraluna.ephemeris import Ephemeris
    from terraluna.scene.apparent import Observer

_CLEAN_SIGMAS = 3.5
_LARGE_CHI_SQUARE = 4.0


@dataclass(frozen=True, eq=False)
class StarSolution:
    """Where the camera looked.

    Attributes:
        status: ``ok``; ``degraded``: use with the reasons in mind; ``refused``: the numbers are NaN.
        reasons: codes: ``too_few_detections``, ``no_match``, ``weak_match`` (false-match probability above the goal),
            ``large_residuals`` (twice the expected ones: the camera model), ``focal_length_off`` (by more than a part
            in a thousand, where it was free).
        attitude: (3, 3) J2000 -> camera.
        covariance_rad2: (3, 3) of the small rotation about the camera axes, ``R_true = exp([delta]x) R``; it contains
            the misfit, where that is larger than the centroids' errors.
        names: (m,) matched objects, "HIP 80763" or a planet.
        rows: (m,) their rows in the sky.
        detections: (m,) indices of the detections.
        pixels: (m, 2) measured places.
        covariance_px2: (m, 2, 2) of them.
        residual_px: (m, 2) measured minus predicted.
        false_match_probability: bound of the probability that chance gave the match; 1 if there is none.
        scale: focal length over the camera's (1 unless it was free).
        trials: attitudes tried.
        found: all detections.
    """

    status: Status
    reasons: tuple[str, ...]
    attitude: Floats
    covariance_rad2: Floats
    names: tuple[str, ...]
    rows: Ints
    detections: Ints
    pixels: Floats
    covariance_px2: Floats
    residual_px: Floats
    false_match_probability: float
    scale: float
    trials: int
    found: Detections

    @property
    def quaternion(self) -> Floats:
        """Attitude (4,), scalar first, as SPICE's m2q; NaN if refused."""
        return matrix_to_quaternion(self.attitude) if self.status != "refused" else np.full(4, np.nan)

    @property
    def rms_px(self) -> float:
        """Root mean square of the residuals' lengths; NaN if refused."""
        if not len(self.residual_px):
            return float("nan")
        return float(np.sqrt(np.mean(np.sum(self.residual_px**2, axis=1))))

    @property
    def boresight_sigma_rad(self) -> float:
        """Standard deviation of the boresight per axis; NaN if refused."""
        return float(np.sqrt(0.5 * (self.covariance_rad2[0, 0] + self.covariance_rad2[1, 1])))


def solve_stars(
    image: NDArray[np.generic],
    camera: Camera,
    et: float,
    *,
    ephemeris: Ephemeris | None = None,
    observer: Observer | None = None,
    sky: Sky | None = None,
    discs: Sequence[Disc] = (),
    mask: NDArray[np.bool_] | None = None,
    smear: bool = False,
    ghosts: bool = False,
    extraction: ExtractOptions | None = None,
    matching: MatchOptions | None = None,
) -> StarSolution:
    """Find where a picture looks from its stars alone, with no prior attitude.

    Args:
        image: (h, w) or (h, w, 3), DN.
        camera: its model.
        et: time of the picture, TDB seconds past J2000; for stars a month is near enough, for planets an hour.
        ephemeris: for the sky, unless ``sky`` is given.
        observer: who looks; None for the centre of the Earth.
        sky: a sky made before with ``sky_at``, for this time.
        discs: bodies and glare to leave out.
        mask: (h, w) further pixels to leave out, such as lost packets.
        smear: frame transfer draws the discs through their columns: leave these out.
        ghosts: leave out the mirror images of the discs.
        extraction: default: the camera's point spread, gain, and saturation.
        matching: see :class:`MatchOptions`.

    Raises:
        InputError: the picture isn't the camera's, or neither ``ephemeris`` nor ``sky`` is given.
    """
    shape = (camera.height, camera.width)
    if tuple(np.shape(image)[:2]) != shape:
        raise InputError(
            f"the picture has {np.shape(image)[:2]} rows and columns, camera {camera.id!r} {shape}; "
            "give the camera of this readout"
        )
    if sky is None:
        if ephemeris is None:
            raise InputError("star solving needs an ephemeris or a ready sky; pass ephemeris=Ephemeris()")
        sky = sky_at(ephemeris, et, observer)
    hidden = np.zeros(shape, np.bool_) if mask is None else np.array(mask, dtype=np.bool_)
    if discs:
        hidden |= disc_mask(shape, discs)
        if smear:
            hidden |= smear_mask(shape, discs)
        if ghosts:
            hidden |= ghost_mask(camera, discs)
    found = extract(image, hidden, extraction or default_extraction(camera))
    return solve_detections(found, camera, sky, matching)


def default_extraction(camera: Camera) -> ExtractOptions:
    """Extraction for a camera: its point spread, gain and saturation."""
    d = camera.detector
    return ExtractOptions(
        psf_sigma_px=max(0.7, camera.psf.sigma_px), gain_e_dn=d.gain_e_dn, saturation_dn=d.saturation_dn
    )


def solve_detections(found: Detections, camera: Camera, sky: Sky, matching: MatchOptions | None = None) -> StarSolution:
    """The same from detections that are already there, best first."""
    o = matching or MatchOptions()
    if len(found.pixels) < 4:
        return _refused(found, "too_few_detections", 0)
    match = match_stars(found.pixels, found.sigma_px, camera, sky, o, found.free_share)
    if match is None:
        return _refused(found, "no_match", 0)
    return _solution(found, camera, sky, match, o)


def _solution(found: Detections, camera: Camera, sky: Sky, match: Match, o: MatchOptions) -> StarSolution:
    if match.scale != 1.0:
        camera = dataclasses.replace(
            camera, focal_px_x=camera.focal_px_x * match.scale, focal_px_y=camera.focal_px_y * match.scale
        )
    hit, rows = match.detections, match.rows
    sigma = np.hypot(found.sigma_px, o.tolerance_px)
    for _ in range(3):
        rays = camera.unproject(found.pixels[hit])
        R, covariance = davenport(rays, sky.directions[rows], sigma[hit] * camera.ifov_rad)
        residual = found.pixels[hit] - camera.project(sky.directions[rows] @ R.T)
        far = np.linalg.norm(residual, axis=1) > _CLEAN_SIGMAS * sigma[hit]
        if not far.any() or (~far).sum() < 4:
            break
        hit, rows = hit[~far], rows[~far]
    # The tolerance is a bound on what the model may lack; the covariance takes what it does lack.
    own = found.sigma_px[hit]
    freedom = max(1, 2 * hit.size - 3)
    misfit = float(np.sum((residual / own[:, None]) ** 2)) / freedom
    _, covariance = davenport(
        camera.unproject(found.pixels[hit]), sky.directions[rows], own * max(1.0, misfit) ** 0.5 * camera.ifov_rad
    )
    expected = float(np.sum((residual / sigma[hit, None]) ** 2)) / freedom
    reasons = []
    if match.false_match_probability > o.accept:
        reasons.append("weak_match")
    if expected > _LARGE_CHI_SQUARE:
        reasons.append("large_residuals")
    if abs(match.scale - 1.0) > 1e-3:
        reasons.append("focal_length_off")
    return StarSolution(
        status="degraded" if reasons else "ok",
        reasons=tuple(reasons),
        attitude=R,
        covariance_rad2=covariance,
        names=tuple(sky.name(int(r)) for r in rows),
        rows=rows,
        detections=hit,
        pixels=found.pixels[hit],
        covariance_px2=found.covariance_px2[hit],
        residual_px=residual,
        false_match_probability=match.false_match_probability,
        scale=match.scale,
        trials=match.trials,
        found=found,
    )


def _refused(found: Detections, reason: str, trials: int) -> StarSolution:
    none, nan = np.zeros(0, np.int64), np.full((3, 3), np.nan)
    return StarSolution(
        "refused", (reason,), nan, nan.copy(), (), none, none, np.zeros((0, 2)), np.zeros((0, 2, 2)), np.zeros((0, 2)),
        1.0, 1.0, trials, found,
    )  # fmt: skip
