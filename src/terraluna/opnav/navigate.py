"""Pictures of a mission to positions: measure, fix each frame, then clock and orbit from all of them.

The fix of a frame uses the picture, its time, the camera and the law by which the spacecraft points; the mission's
trajectory does not enter it. The trajectory serves to date the pictures, and as the start of the orbit that is fitted
to a series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from terraluna.camera.attitude import matrix_to_quaternion
from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.errors import CoverageError, GeometryError, InputError
from terraluna.missions.view import MissionView
from terraluna.opnav.baseline import baseline
from terraluna.opnav.dating import PictureTime, date_frames
from terraluna.opnav.evidence import DirectionLaw, SunEvidence, bright_limb_angle_from_pixels
from terraluna.opnav.horizon_tls import horizon_fix
from terraluna.opnav.limb_height import limb_height_prior
from terraluna.opnav.measure import FileMeasurement, MeasuredBody, measure_file
from terraluna.opnav.sequential import (
    Dynamics,
    OrbitPath,
    SeriesFit,
    SeriesFrame,
    Unknown,
    Unknowns,
    fit_series,
)
from terraluna.opnav.twobody import fix_two_bodies
from terraluna.opnav.types import BodyFix, Floats, LimbPoints, PositionFix, Status
from terraluna.opnav.vectors import aberrate, limb_directions, unit

LAW_SIGMA_RAD: Final = float(np.radians(0.5))
"""How well a pointing law of the catalogue holds: the published and the measured offset of Longjiang-2 differ by it."""

BRIGHT_LIMB_SIGMA_RAD: Final = float(np.radians(3.0))
_LEAST_PHASE_DEG: Final = 25.0
"""Nearer to full phase the middle of the lit limb says little about the Sun."""

_TERRAIN: Final = 5.0
"""Outline points of a rough limb move together: so many count as one."""

_REFUSED: Final = frozenset({"short_arc", "centroid", "glare"})


@dataclass(frozen=True)
class NavigateOptions:
    """How to navigate.

    Attributes:
        systematic_px: error of centre and radius of a disc that the point noise doesn't show (calibration, blur,
            limb darkening), per frame; 0.3 px suits a camera whose distortion is not known.
        scale_sigma: relative error of the focal length, common to all frames; considered.
        search_s: how far from the logged times the clock is searched.
        state_sigma: prior of the orbit that is fitted to a series, km and km/s.
        fitted_times: make the fixes at the times that the trajectory dates the pictures to, not at the logged ones:
            where the log is wrong, Earth and Moon stood elsewhere.
    """

    systematic_px: float = 0.3
    scale_sigma: float = 1e-3
    search_s: float = 3600.0
    state_sigma: tuple[float, float] = (200.0, 0.1)
    fitted_times: bool = False

    def __post_init__(self) -> None:
        if not (self.systematic_px >= 0.0 and self.scale_sigma > 0.0 and self.search_s > 60.0):
            raise InputError("navigate: systematic_px must be 0 or more, scale_sigma positive, search_s over 60")


@dataclass(frozen=True, eq=False)
class ImageFix:
    """One picture, navigated.

    Attributes:
        image: file.
        utc: time that the fix is made at: as logged, or with the clock offset where that was asked for.
        measured: what was found in the picture.
        frame: its sights.
        fix: position from both bodies; refused where there are not two.
        clock: offset from the trajectory, or None without one.
        residuals_px: per body (x, y, radius): measured less what the fix predicts.
    """

    image: str
    utc: str
    measured: FileMeasurement
    frame: SeriesFrame
    fix: PositionFix
    clock: PictureTime | None
    residuals_px: Mapping[str, tuple[float, float, float]]

    def report(self) -> dict[str, Any]:
        """One entry of ``fixes``."""
        fix, clock = self.fix, self.clock
        good = fix.status != "refused"
        return {
            "image": self.image,
            "utc": self.utc,
            "status": fix.status,
            "reasons": list(fix.reasons),
            "clock_offset_s": None if clock is None or clock.status == "refused" else clock.offset_s,
            "clock_sigma_s": None if clock is None or clock.status == "refused" else clock.sigma_s,
            "position_moon_j2000_km": fix.position_moon_j2000_km.tolist() if good else None,
            "position_earth_j2000_km": fix.position_earth_j2000_km.tolist() if good else None,
            "covariance_km2": fix.covariance_km2.tolist() if good else None,
            "attitude_quaternion": matrix_to_quaternion(fix.attitude).tolist() if good else None,
            "residuals_px": {body: list(r) for body, r in self.residuals_px.items()},
            "driven_by": dict(fix.driven_by),
            "evidence": list(fix.evidence),
        }


@dataclass(frozen=True, eq=False)
class Navigation:
    """All pictures of a run: fixes, one clock for all, and the orbit."""

    fixes: tuple[ImageFix, ...]
    clock: PictureTime | None
    orbit: SeriesFit | None
    dynamics: Dynamics | None
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
        return out


def navigate_files(
    paths: Sequence[str | Path],
    view: MissionView,
    *,
    times: Mapping[str, str] | None = None,
    camera: Camera | None = None,
    options: NavigateOptions | None = None,
) -> Navigation:
    """Navigate by pictures of one mission.

    Args:
        paths: pictures or SSDV packets.
        view: the mission, with an open ephemeris.
        times: UTC by file name, stem or number in the name; a frame's own header serves where none is given.
        camera: if not the mission's.
        options: errors and bounds.

    Raises:
        InputError: a file can't be read, or has no time.
    """
    chosen = options or NavigateOptions()
    model = camera or view.camera
    fixes = []
    for path in paths:
        for found in measure_file(path, camera=model):
            et = _time(found.path, times or {}, view.ephemeris)
            fixes.append(_navigate_one(found, et, view, model, chosen))
    return _series(tuple(fixes), view, model, chosen)


def _time(path: str, times: Mapping[str, str], ephemeris: Ephemeris) -> float:
    name = Path(path)
    digits = "".join(c for c in name.stem if c.isdigit())
    keys = (path, name.name, name.stem, digits, digits.lstrip("0"))
    for key in keys:
        if key and key in times:
            return ephemeris.et(times[key])
    if name.suffix.lower() not in (".ssdv", ".bin") and name.is_file():
        from terraluna.frames import read_frame

        own = read_frame(name, ephemeris=ephemeris, check=False).observation.et
        if own is not None:
            return own
    raise InputError(f"{path}: its time is not known; give it in the table of --log (columns image, utc)")


def _navigate_one(
    found: FileMeasurement, et: float, view: MissionView, camera: Camera, options: NavigateOptions
) -> ImageFix:
    ephemeris = view.ephemeris
    to_body = _earth_orientation(view, et)
    sights: list[BodyFix] = []
    bodies: dict[str, MeasuredBody] = {}
    for body in found.measurement.bodies:
        if body.name == "unknown" or body.name in bodies or _REFUSED & set(body.reasons) or body.limb is None:
            continue
        sight = body_fix(body, camera, to_body, options.systematic_px)
        if sight.status != "refused":
            sights.append(sight)
            bodies[body.name] = body
    laws = pointing_laws(view, et)
    frame = SeriesFrame(found.path, et, tuple(sights), camera=camera.id, laws=laws)
    clock = None
    if sights:
        try:
            clock = date_frames(
                [replace(frame, laws=())], view.trajectory, ephemeris, search_s=options.search_s,
                unknowns=Unknowns(scale={camera.id: Unknown(options.scale_sigma, considered=True)}),
            )  # fmt: skip
        except CoverageError:
            clock = None
    dated = options.fitted_times and clock is not None and clock.status != "refused"
    at = et + (clock.offset_s if dated and clock is not None else 0.0)
    moment = replace(frame, et=at, laws=pointing_laws(view, at))
    fix = _fix(moment, bodies, camera, ephemeris)
    residuals = _residuals(fix, moment, camera, ephemeris) if fix.status != "refused" else {}
    return ImageFix(found.path, ephemeris.utc(at, 3), found, frame, fix, clock, residuals)


def _earth_orientation(view: MissionView, et: float) -> Floats | None:
    """Camera frame -> Earth-fixed from the mission's pointing law: a few degrees are enough for the flattening."""
    try:
        scene = view.scene(et)
    except (CoverageError, GeometryError):
        return None
    if scene.attitude is None:
        return None
    return np.asarray(scene.earth.rotation @ scene.attitude.T)


def body_fix(body: MeasuredBody, camera: Camera, earth_orientation: Floats | None, systematic_px: float) -> BodyFix:
    """Position of a measured body in the camera frame, with the systematic error of its centre and radius.

    Args:
        body: with a limb.
        camera: that took it.
        earth_orientation: (3, 3) camera frame -> Earth-fixed; None: the Earth as a sphere.
        systematic_px: standard deviation of centre (per axis) and radius.
    """
    limb: LimbPoints = body.as_limb()
    if "outline_only" in body.reasons:
        limb = replace(limb, covariance_px2=limb.covariance_px2 * _TERRAIN)
    directions = limb_directions(limb, camera)
    if body.name == "earth":
        mean = (2.0 * EARTH_RADII_KM[0] + EARTH_RADII_KM[2]) / 3.0
        radii = (mean, mean, mean) if earth_orientation is None else EARTH_RADII_KM
        fix = horizon_fix(directions, np.asarray(radii), earth_orientation, limb_height=limb_height_prior(limb.band))
        radius = mean
    else:
        radius = MOON_RADII_KM[0]
        fix = horizon_fix(directions, np.asarray(MOON_RADII_KM))
    if fix.status == "refused" or systematic_px == 0.0:
        return fix
    # The points scatter more than their noise where such errors exist: that is what is added here.
    d, r = fix.direction, fix.range_km
    angle = systematic_px * camera.ifov_rad
    added = (np.eye(3) - np.outer(d, d)) * (angle * r) ** 2 + np.outer(d, d) * (angle * r * r / radius) ** 2
    reasons = tuple(x for x in fix.reasons if x != "residuals_exceed_noise")
    return replace(
        fix,
        covariance_km2=fix.covariance_km2 + added,
        reasons=reasons,
        status="degraded" if reasons else "ok",
    )


def pointing_laws(view: MissionView, et: float) -> tuple[DirectionLaw, ...]:
    """The mission's pointing law as evidence: only the anti-Sun law says more than the picture does."""
    pointing = view.spec.pointing
    if pointing.law != "anti-sun":
        return ()
    x, y = np.tan(np.radians([pointing.offset_x_deg, pointing.offset_y_deg]))
    away = -unit(view.ephemeris.position("sun", et, "earth"))
    return (DirectionLaw(unit(np.array([x, y, 1.0])), away, LAW_SIGMA_RAD, "anti-Sun pointing"),)


def _sun(bodies: Mapping[str, MeasuredBody], camera: Camera, ephemeris: Ephemeris, et: float) -> list[SunEvidence]:
    out = []
    for name, body in bodies.items():
        if not (np.isfinite(body.sun_angle_deg) and body.phase_deg > _LEAST_PHASE_DEG):
            continue
        toward = np.radians(body.sun_angle_deg)
        bright = np.array([body.x + body.radius * np.cos(toward), body.y + body.radius * np.sin(toward)])
        angle = bright_limb_angle_from_pixels(camera, np.array([body.x, body.y]), bright)
        direction = unit(ephemeris.position("sun", et, name))
        out.append(SunEvidence(name, direction, bright_limb_rad=angle, bright_limb_sigma_rad=BRIGHT_LIMB_SIGMA_RAD))
    return out


def _fix(frame: SeriesFrame, bodies: Mapping[str, MeasuredBody], camera: Camera, ephemeris: Ephemeris) -> PositionFix:
    sights = {s.body: s for s in frame.sights}
    if set(sights) != {"earth", "moon"}:
        missing = " and ".join(b for b in ("earth", "moon") if b not in sights)
        empty = BodyFix(missing, np.full(3, np.nan), np.full((3, 3), np.nan), status="refused", reasons=("not_found",))
        whole = {b: sights.get(b, replace(empty, body=b)) for b in ("earth", "moon")}
        geometry = baseline(ephemeris, frame.et, ephemeris.position("moon", frame.et, "earth"))
        return fix_two_bodies(whole["earth"], whole["moon"], geometry)
    sun = _sun(bodies, camera, ephemeris, frame.et)
    position = ephemeris.position("moon", frame.et, "earth")
    fix: PositionFix | None = None
    for _ in range(2):
        geometry = baseline(ephemeris, frame.et, position)
        fix = fix_two_bodies(sights["earth"], sights["moon"], geometry, sun=sun, laws=frame.laws)
        if fix.status == "refused":
            break
        position = fix.position_earth_j2000_km
    assert fix is not None
    return fix


def _residuals(
    fix: PositionFix, frame: SeriesFrame, camera: Camera, ephemeris: Ephemeris
) -> dict[str, tuple[float, float, float]]:
    place = baseline(ephemeris, frame.et, fix.position_earth_j2000_km)
    assert place.observer_velocity_km_s is not None
    out = {}
    for sight in frame.sights:
        anchor = place.earth_km if sight.body == "earth" else place.moon_km
        vector = anchor - fix.position_earth_j2000_km
        expected = camera.project(fix.attitude @ aberrate(unit(vector), place.observer_velocity_km_s))
        seen = camera.project(sight.direction)
        assert isinstance(sight, BodyFix)
        radius = EARTH_RADII_KM[0] if sight.body == "earth" else MOON_RADII_KM[0]
        size = np.arcsin(radius / sight.range_km) - np.arcsin(radius / np.linalg.norm(vector))
        out[sight.body] = (
            float(seen[0] - expected[0]),
            float(seen[1] - expected[1]),
            float(size / camera.ifov_rad),
        )
    return out


def _series(fixes: tuple[ImageFix, ...], view: MissionView, camera: Camera, options: NavigateOptions) -> Navigation:
    usable = [f for f in fixes if f.frame.sights]
    clock, orbit, dynamics = None, None, None
    if usable:
        frames = [replace(f.frame, laws=()) for f in usable]
        scale = {camera.id: Unknown(options.scale_sigma, considered=True)}
        try:
            clock = date_frames(
                frames, view.trajectory, view.ephemeris, search_s=options.search_s, unknowns=Unknowns(scale=scale)
            )
        except CoverageError:
            clock = None
        two = [f.frame for f in usable if len(f.frame.sights) == 2]
        if clock is not None and clock.status != "refused" and len(two) - len(clock.fit.rejected) >= 3:
            orbit, dynamics = _orbit(two, clock, view, scale, options)
    good = [f for f in fixes if f.fix.status != "refused"]
    dated = clock is not None and clock.status != "refused"
    if not good and not dated:
        reasons = tuple(dict.fromkeys(r for f in fixes for r in f.fix.reasons)) or ("no_image",)
        return Navigation(fixes, clock, orbit, dynamics, "refused", reasons)
    notes = [] if len(good) == len(fixes) else ["some_images_without_fix"]
    if any(f.fix.status == "degraded" for f in good):
        notes.append("some_fixes_degraded")
    if clock is not None and clock.fit.rejected:
        notes.append("some_logged_times_contradict")
    return Navigation(fixes, clock, orbit, dynamics, "degraded" if notes else "ok", tuple(notes))


def _orbit(
    frames: Sequence[SeriesFrame],
    clock: PictureTime,
    view: MissionView,
    scale: Mapping[str, Unknown],
    options: NavigateOptions,
) -> tuple[SeriesFit, Dynamics]:
    """The orbit of a series, from the trajectory's state at its first frame; dated by the common clock."""
    kept = [f for f in frames if f.name not in clock.fit.rejected]
    ets = [f.et + clock.offset_s for f in kept]
    center = view.trajectory.center if view.trajectory.center in ("earth", "moon") else "earth"
    dynamics = Dynamics(view.ephemeris, (min(ets), max(ets)), center)
    state = view.trajectory.states_about(center, [min(ets)], view.ephemeris)[0]
    prior = np.diag(np.repeat(np.square(options.state_sigma), 3))
    fit = fit_series(
        kept,
        view.ephemeris,
        OrbitPath(dynamics, min(ets), state),
        state_covariance=prior,
        unknowns=Unknowns(clock=Unknown(clock.sigma_s, clock.offset_s), scale=scale),
    )
    return fit, dynamics
