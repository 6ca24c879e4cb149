"""Pictures to positions: measure, find stars, fix each frame, then clock and orbit from all of them.

The fix of a frame uses the picture, its time, the camera, and the stars or the law by which the spacecraft points; the
trajectory does not enter it unless nothing else settles the turn about the Earth-Moon line. The trajectory serves to
date the pictures, to refine a focal length that is known from a label, and as the start of a series' orbit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from terraluna.camera.model import Camera
from terraluna.errors import CoverageError, InputError
from terraluna.opnav.baseline import Baseline, baseline
from terraluna.opnav.dating import PictureTime, date_frames
from terraluna.opnav.evidence import AttitudePrior, PositionPrior
from terraluna.opnav.focal import FocalFit, refine_focal
from terraluna.opnav.labels import header_warnings, label_camera, limb_band, read_label, time_of
from terraluna.opnav.limb_terrain import date_by_terrain
from terraluna.opnav.measure import FileMeasurement, MeasuredBody, measure_file
from terraluna.opnav.navigation import ImageFix, Navigation
from terraluna.opnav.positionfix import refused_fix
from terraluna.opnav.published import navigate_published
from terraluna.opnav.sequential import (
    Dynamics,
    FilterResult,
    OrbitPath,
    SeriesFit,
    SeriesFrame,
    Sight,
    Unknown,
    Unknowns,
    filter_series,
    fit_series,
)
from terraluna.opnav.setting import Setting
from terraluna.opnav.sights import body_fix, fix_residuals, sun_angles, sun_evidence
from terraluna.opnav.stars import StarSolution
from terraluna.opnav.starsight import companion_prior, find_stars, star_prior, usable, with_scale
from terraluna.opnav.twobody import fix_two_bodies
from terraluna.opnav.types import BodyFix, Floats, PositionFix
from terraluna.opnav.vectors import limb_directions, unit

SCALE_SIGMA: Final = 1e-3
"""Relative error of the focal length of a camera whose file doesn't state one."""

_REFUSED: Final = frozenset({"short_arc", "centroid", "glare"})

_CLOSING_SIGMAS: Final = 6.0
"""Discs that miss the Earth-Moon distance by more are not the Earth and the Moon in this camera."""

_OUTLINE_PX: Final = 2.0
"""Error of a rough outline: where half of the light is reached lies so far inside, by rendered frames."""


@dataclass(frozen=True)
class NavigateOptions:
    """How to navigate.

    Attributes:
        systematic_px: error of centre and radius of a disc that the point noise doesn't show (calibration, blur,
            limb darkening), per frame; 0.3 px suits a camera whose distortion is not known.
        scale_sigma: relative error of the focal length, common to all frames; considered. None: the camera's own
            calibration, or 0.1 %.
        search_s: how far from the logged times the clock is searched.
        state_sigma: prior of the orbit that is fitted to a series, km and km/s.
        fitted_times: make the fixes at the times that the trajectory dates the pictures to, not at the logged ones:
            where the log is wrong, Earth and Moon stood elsewhere.
        stars: look for stars in every picture.
        hold_s: a frame without stars takes the attitude of a star frame so near in time.
        drift_rad_s: standard deviation of the spacecraft's turning rate about each axis in between.
        focal_sigma: relative error of a focal length that a picture's label states.
        clock_sigma_s: error of a label's time while the focal length is refined.
        track_sigma_km: how well the trajectory is known where nothing but it settles the turn about the Earth-Moon
            line.
        scale_free: the pictures are cropped or resized: nothing is known of their scale.
        north_deg: direction of the Earth's north in a picture of unknown scale, from up, counter-clockwise.
        filtered: run the series through the sequential filter and its smoother too.
    """

    systematic_px: float = 0.3
    scale_sigma: float | None = None
    search_s: float = 3600.0
    state_sigma: tuple[float, float] = (200.0, 0.1)
    fitted_times: bool = False
    stars: bool = True
    hold_s: float = 120.0
    drift_rad_s: float = float(np.radians(0.01))
    focal_sigma: float = 0.05
    clock_sigma_s: float = 2.0
    track_sigma_km: float = 1000.0
    scale_free: bool = False
    north_deg: float | None = None
    filtered: bool = False

    def __post_init__(self) -> None:
        if not (self.systematic_px >= 0.0 and self.search_s > 60.0 and (self.scale_sigma or 1.0) > 0.0):
            raise InputError("navigate: systematic_px must be 0 or more, scale_sigma positive, search_s over 60")
        if not (self.clock_sigma_s > 0.0 and self.focal_sigma > 0.0 and self.track_sigma_km > 0.0):
            raise InputError("navigate: clock_sigma_s, focal_sigma and track_sigma_km must be positive")

    def scale_of(self, camera: Camera) -> Unknown:
        """Relative error of a camera's focal length, considered."""
        known = None if camera.focal_sigma_px is None else camera.focal_sigma_px / camera.focal_px_x
        return Unknown(self.scale_sigma or known or SCALE_SIGMA, considered=True)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A picture with its time, camera and stars, before its fix."""

    found: FileMeasurement
    et: float
    camera: Camera
    stars: StarSolution | None
    band: str
    notes: tuple[str, ...] = ()


def navigate_files(
    paths: Sequence[str | Path],
    setting: Setting,
    *,
    times: Mapping[str, str] | None = None,
    options: NavigateOptions | None = None,
) -> Navigation:
    """Navigate by pictures.

    Args:
        paths: pictures or SSDV packets.
        setting: camera, trajectory and mission, as far as they are known.
        times: UTC by file name, stem or number in the name; a frame's own header serves where none is given.
        options: errors and bounds.

    Raises:
        InputError: a file can't be read, has no time, or its label doesn't say enough of the camera.
    """
    chosen = options or NavigateOptions()
    if chosen.scale_free:
        return navigate_published(paths, setting, times or {}, chosen.systematic_px, chosen.north_deg)
    seen = [item for path in paths for item in _look(Path(path), setting, times or {}, chosen)]
    solved = [
        (s.et, s.camera.id, Path(s.found.path).name, s.stars) for s in seen if s.stars is not None and usable(s.stars)
    ]
    fixes = []
    for item in seen:
        if item.stars is not None and usable(item.stars):
            prior: AttitudePrior | None = star_prior(item.stars)
        else:
            prior = companion_prior(item.et, item.camera.id, solved, chosen.hold_s, chosen.drift_rad_s)
        fixes.append(_navigate_one(item, prior, setting, chosen))
    return _series(tuple(fixes), setting, chosen)


def _look(path: Path, setting: Setting, times: Mapping[str, str], options: NavigateOptions) -> list[_Seen]:
    """Measure a file and look for stars, with the camera of its label where none is given."""
    camera, label = setting.camera, read_label(path, setting.ephemeris)
    notes: tuple[str, ...] = ()
    if camera is None:
        camera, notes = label_camera(path, label, setting.ephemeris)
    out = []
    warnings, band = header_warnings(label), limb_band(label, camera)
    for measured in measure_file(path, camera=camera):
        found = replace(measured, warnings=warnings or measured.warnings)
        et = time_of(found.path, times, label, setting.ephemeris)
        stars = find_stars(found, camera, et, setting) if options.stars else None
        scaled = camera if stars is None or not usable(stars) else with_scale(camera, stars)
        out.append(_Seen(found, et, scaled, stars, band, notes))
    return out


def _navigate_one(item: _Seen, prior: AttitudePrior | None, setting: Setting, options: NavigateOptions) -> ImageFix:
    camera, et, ephemeris = item.camera, item.et, setting.ephemeris
    measured: dict[str, MeasuredBody] = {}
    for body in item.found.measurement.bodies:
        if body.name == "unknown" or body.name in measured or _REFUSED & set(body.reasons) or body.limb is None:
            continue
        measured[body.name] = body
    focal: FocalFit | None = None
    if setting.camera is None and setting.trajectory is not None:
        focal = refine_focal(
            camera,
            measured,
            setting,
            et,
            focal_sigma=options.focal_sigma,
            clock_sigma_s=options.clock_sigma_s,
            systematic_px=options.systematic_px,
        )
        camera = camera if focal is None else focal.camera
    seen = {n: camera.unproject(np.array([b.x, b.y])) for n, b in measured.items()}
    attitude = setting.attitude(et, seen) if prior is None else prior.rotation

    def sights(turned: Floats | None) -> tuple[BodyFix, ...]:
        found = []
        for name, body in measured.items():
            to_body = None if turned is None else ephemeris.rotation(name, et) @ turned.T
            found.append(body_fix(body, camera, to_body, options.systematic_px, item.band))
        return tuple(sight for sight in found if sight.status != "refused")

    frame = SeriesFrame(
        item.found.path, et, sights(attitude), camera=camera.id, band=item.band, attitude=prior, laws=setting.laws(et)
    )
    bodies = {s.body: measured[s.body] for s in frame.sights}
    if setting.camera is None and focal is None and (item.stars is None or not usable(item.stars)):
        # A label's focal length is rounded: ranges would be wrong by per cents, and nothing would show it.
        bare = refused_fix("focal_length_not_refined")
        return ImageFix(
            item.found.path, ephemeris.utc(et, 3), item.found, camera, replace(frame, sights=()), bare, None, {},
            item.stars, notes=item.notes,
        )  # fmt: skip
    clock = _date([replace(frame, laws=())], [camera], setting, options) if frame.sights else None
    if clock is not None and clock.status == "refused":
        clock = _date_by_arc(frame, item.found, camera, setting, options) or clock
    dated = options.fitted_times and clock is not None and clock.status != "refused"
    at = et + (clock.offset_s if dated and clock is not None else 0.0)
    moment = replace(frame, et=at, laws=setting.laws(at))
    sun = sun_angles(item.found)
    fix = _fix(moment, sun, bodies, camera, setting, options)
    if attitude is None and fix.status != "refused":
        # Only now is it known which ground stands at the limbs.
        frame = replace(frame, sights=sights(fix.attitude))
        moment = replace(moment, sights=frame.sights)
        fix = _fix(moment, sun, bodies, camera, setting, options)
    residuals = fix_residuals(fix, moment, camera, ephemeris) if fix.status != "refused" else {}
    return ImageFix(
        item.found.path, ephemeris.utc(at, 3), item.found, camera, frame, fix, clock, residuals, item.stars, focal,
        notes=item.notes,
    )  # fmt: skip


def _date(
    frames: Sequence[SeriesFrame], cameras: Sequence[Camera], setting: Setting, options: NavigateOptions
) -> PictureTime | None:
    """The clock of frames, by the trajectory; None where it isn't known then."""
    if setting.trajectory is None:
        return None
    scale = {camera.id: options.scale_of(camera) for camera in cameras}
    try:
        return date_frames(
            frames, setting.trajectory, setting.ephemeris, search_s=options.search_s, unknowns=Unknowns(scale=scale)
        )
    except CoverageError:
        return None


def _date_by_arc(
    frame: SeriesFrame, found: FileMeasurement, camera: Camera, setting: Setting, options: NavigateOptions
) -> PictureTime | None:
    """The clock by a piece of the Moon's limb too short or too rough for a radius, beside the Earth; None without."""
    moon = found.measurement.body("moon")
    if setting.trajectory is None or {s.body for s in frame.sights} != {"earth"} or moon is None or moon.limb is None:
        return None
    rough = _OUTLINE_PX if "outline_only" in moon.reasons else options.systematic_px
    dated = date_by_terrain(
        replace(frame, laws=(), attitude=None),
        limb_directions(moon.as_limb(), camera),
        setting.trajectory,
        setting.ephemeris,
        systematic_rad=rough * camera.ifov_rad,
        scale_sigma=options.scale_of(camera).sigma,
        search_s=options.search_s,
    )
    return None if dated.status == "refused" else dated


def _fix(
    frame: SeriesFrame,
    sun_rad: Mapping[str, float],
    bodies: Mapping[str, MeasuredBody],
    camera: Camera,
    setting: Setting,
    options: NavigateOptions,
) -> PositionFix:
    ephemeris = setting.ephemeris
    sights = {s.body: s for s in frame.sights}
    position = ephemeris.position("moon", frame.et, "earth")
    geometry = baseline(ephemeris, frame.et, position)
    if set(sights) != {"earth", "moon"}:
        missing = " and ".join(b for b in ("earth", "moon") if b not in sights)
        empty = BodyFix(missing, np.full(3, np.nan), np.full((3, 3), np.nan), status="refused", reasons=("not_found",))
        whole = {b: sights.get(b, replace(empty, body=b)) for b in ("earth", "moon")}
        return fix_two_bodies(whole["earth"], whole["moon"], geometry)
    if not _closes(sights["earth"], sights["moon"], geometry, options.scale_of(camera).sigma):
        return refused_fix("discs_contradict_camera")
    sun = sun_evidence(sun_rad, bodies, camera, ephemeris, frame.et)
    fix: PositionFix | None = None
    expected: PositionPrior | None = None
    for _ in range(3):
        geometry = baseline(ephemeris, frame.et, position)
        fix = fix_two_bodies(
            sights["earth"], sights["moon"], geometry, attitude=frame.attitude, sun=sun, laws=frame.laws, prior=expected
        )
        if fix.status != "refused":
            position = fix.position_earth_j2000_km
            continue
        if fix.freedom is None or expected is not None:
            break
        expected = _expected(frame.et, setting, options)
        if expected is None:
            break
        position = expected.position_earth_j2000_km
    assert fix is not None
    return fix


def _closes(earth: Sight, moon: Sight, geometry: Baseline, scale_sigma: float) -> bool:
    """Whether both places are as far from each other as Earth and Moon are: with the wrong camera, or names, not."""
    assert isinstance(earth, BodyFix)
    assert isinstance(moon, BodyFix)
    apart = earth.position_camera_km - moon.position_camera_km
    distance = float(np.linalg.norm(geometry.moon_km - geometry.earth_km))
    along = unit(apart)
    variance = float(along @ (earth.covariance_km2 + moon.covariance_km2) @ along)
    variance += (scale_sigma * float(np.linalg.norm(apart))) ** 2
    return abs(float(np.linalg.norm(apart)) - distance) < _CLOSING_SIGMAS * math.sqrt(variance)


def _expected(et: float, setting: Setting, options: NavigateOptions) -> PositionPrior | None:
    """Where the trajectory has the spacecraft, for a frame that nothing else turns the right way."""
    if setting.trajectory is None:
        return None
    try:
        state = setting.trajectory.states_about("earth", [et], setting.ephemeris)[0]
    except CoverageError:
        return None
    return PositionPrior(state[:3], options.track_sigma_km**2 * np.eye(3))


def _series(fixes: tuple[ImageFix, ...], setting: Setting, options: NavigateOptions) -> Navigation:
    usable_fixes = [f for f in fixes if f.frame.sights]
    clock, orbit, dynamics, filtered = None, None, None, None
    if usable_fixes:
        cameras = [f.camera for f in usable_fixes]
        clock = _date([replace(f.frame, laws=()) for f in usable_fixes], cameras, setting, options)
        two = [f.frame for f in usable_fixes if len(f.frame.sights) == 2]
        if clock is not None and clock.status != "refused" and len(two) - len(clock.fit.rejected) >= 3:
            orbit, dynamics, filtered = _orbit(two, cameras, clock, setting, options)
    good = [f for f in fixes if f.status != "refused"]
    dated = any(f.offset is not None for f in fixes) or (clock is not None and clock.status != "refused")
    if not good and not dated:
        reasons = tuple(dict.fromkeys(r for f in fixes for r in f.fix.reasons)) or ("no_image",)
        return Navigation(fixes, clock, orbit, dynamics, filtered, "refused", reasons)
    notes = [] if len(good) == len(fixes) else ["some_images_without_fix"]
    if any(f.status == "degraded" for f in good):
        notes.append("some_fixes_degraded")
    if clock is not None and clock.fit.rejected:
        notes.append("some_logged_times_contradict")
    return Navigation(fixes, clock, orbit, dynamics, filtered, "degraded" if notes else "ok", tuple(notes))


def _orbit(
    frames: Sequence[SeriesFrame],
    cameras: Sequence[Camera],
    clock: PictureTime,
    setting: Setting,
    options: NavigateOptions,
) -> tuple[SeriesFit, Dynamics, FilterResult | None]:
    """The orbit of a series, from the trajectory's state at its first frame; dated by the common clock."""
    assert setting.trajectory is not None
    ephemeris, center = setting.ephemeris, setting.center
    kept = [f for f in frames if f.name not in clock.fit.rejected]
    ets = [f.et + clock.offset_s for f in kept]
    dynamics = Dynamics(ephemeris, (min(ets), max(ets)), center)
    state = setting.trajectory.states_about(center, [min(ets)], ephemeris)[0]
    prior = np.diag(np.repeat(np.square(options.state_sigma), 3))
    unknowns = Unknowns(
        clock=Unknown(clock.sigma_s, clock.offset_s), scale={c.id: options.scale_of(c) for c in cameras}
    )
    fit = fit_series(kept, ephemeris, OrbitPath(dynamics, min(ets), state), state_covariance=prior, unknowns=unknowns)
    if not options.filtered:
        return fit, dynamics, None
    # The filter can't only consider: it estimates the scale within its prior.
    estimated = replace(unknowns, scale={c: replace(u, considered=False) for c, u in unknowns.scale.items()})
    start = min(f.et for f in kept)
    state = setting.trajectory.states_about(center, [start], ephemeris)[0]
    filtered = filter_series(kept, ephemeris, dynamics, start, state, prior, unknowns=estimated, smooth=True)
    return fit, dynamics, filtered
