"""Published pictures, cropped and resized: dated by what doesn't depend on their scale, then placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from terraluna.camera.model import Camera, Detector
from terraluna.errors import InputError, RefusedError
from terraluna.missions.dating import PictureDate, date_picture
from terraluna.opnav.measure import FileMeasurement, MeasuredBody, measure_file
from terraluna.opnav.navigation import ImageFix, Navigation, ScaleFree
from terraluna.opnav.positionfix import refused_fix
from terraluna.opnav.scalefree import ScaleFreeFix, scale_free_evidence, scale_free_fix
from terraluna.opnav.sequential import SeriesFrame
from terraluna.opnav.setting import Setting
from terraluna.opnav.sights import sun_angles


def navigate_published(
    paths: Sequence[str | Path],
    setting: Setting,
    times: Mapping[str, str],
    systematic_px: float,
    north_deg: float | None,
) -> Navigation:
    """Navigate by pictures of unknown scale, each by itself.

    A picture whose time isn't given starts from the mission's; where its crescents allow, the trajectory dates it.

    Args:
        paths: pictures.
        setting: the mission, or at least an ephemeris.
        times: UTC by file name, stem or number in the name.
        systematic_px: error of centre and radius of a disc.
        north_deg: direction of the Earth's north, from up, counter-clockwise, where it is known.

    Raises:
        InputError: a file can't be read, or has no time and no mission to take it from.
    """
    fixes = tuple(
        _one(found, setting, _start(found.path, times, setting), systematic_px, north_deg)
        for path in paths
        for found in measure_file(path)
    )
    good = [f for f in fixes if f.status != "refused" or f.offset is not None]
    if not good:
        reasons = tuple(dict.fromkeys(r for f in fixes for r in f.reasons)) or ("no_image",)
        return Navigation(fixes, None, None, None, None, "refused", reasons)
    whole = len(good) == len(fixes) and all(f.status == "ok" for f in fixes)
    return Navigation(
        fixes, None, None, None, None, "ok" if whole else "degraded", () if whole else ("some_fixes_degraded",)
    )


def _start(path: str, times: Mapping[str, str], setting: Setting) -> float:
    """Time of a picture as given, else the mission's: the file's own date is that of its publication."""
    name = Path(path)
    given = next((times[key] for key in (path, name.name, name.stem) if key in times), None)
    if given is not None:
        return setting.ephemeris.et(given)
    if setting.view is None:
        raise InputError(f"{path}: its time is not known; give it with --at or --log, or name the mission")
    return setting.view.portrait_et


def _one(
    found: FileMeasurement, setting: Setting, et: float, systematic_px: float, north_deg: float | None
) -> ImageFix:
    bodies: dict[str, MeasuredBody] = {}
    for body in found.measurement.bodies:
        if body.name != "unknown" and body.limb is not None:
            bodies.setdefault(body.name, body)
    sun = sun_angles(found)
    notes: list[str] = []
    date: PictureDate | None = None
    if setting.view is not None and len(bodies) == 2 and sun:
        try:
            date = date_picture(setting.view, scale_free_evidence(bodies, sun, found.path, systematic_px))
        except RefusedError:
            notes.append("no_time_fits")
    at = et if date is None else date.et
    result: ScaleFreeFix | None = None
    fix = refused_fix("scale_not_determined")
    try:
        result = scale_free_fix(
            bodies, setting.ephemeris, at, systematic_px=systematic_px, sun_rad=sun, north_deg=north_deg
        )
        fix = result.fix
    except RefusedError:
        pass
    camera = _pinhole(found, 1.0 if result is None else result.focal_px)
    frame = SeriesFrame(found.path, et, (), camera=camera.id)
    return ImageFix(
        found.path, setting.ephemeris.utc(at, 3), found, camera, frame, fix, None, {}, scale=ScaleFree(result, date),
        notes=tuple(notes),
    )  # fmt: skip


def _pinhole(found: FileMeasurement, focal_px: float) -> Camera:
    """A camera about the middle between the discs, as :func:`scale_free_fix` takes it."""
    height, width = found.pixels.shape[:2]
    places = [[b.x, b.y] for b in found.measurement.bodies] or [[0.5 * (width - 1), 0.5 * (height - 1)]]
    cx, cy = np.mean(places, axis=0)
    detector = Detector(
        gain_e_dn=1.0, full_well_e=255.0, read_noise_e=1.0, dark_e_s=0.0, bias_dn=0.0, bits=8, saturation_dn=255.0
    )
    return Camera("unknown-scale", "picture of unknown scale", width, height, focal_px, focal_px, cx, cy, detector)
