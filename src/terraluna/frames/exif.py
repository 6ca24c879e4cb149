"""EXIF data of hand-held cameras: when a picture was taken and what its lens and sensor were."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from terraluna.frames.observation import CameraHint, HeaderWarning, Observation
from terraluna.frames.values import iso, number, text

if TYPE_CHECKING:
    from PIL.Image import Image

_UNIT_MM: Final = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}
"""Millimetres in FocalPlaneResolutionUnit: inch, centimetre and, by later practice, millimetre and micrometre."""

_DATE = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_OFFSET = re.compile(r"([-+])(\d\d):?(\d\d)\Z")


def read_exif(image: Image) -> tuple[dict[str, Any], list[HeaderWarning]]:
    """EXIF tags by name as plain values (rationals as floats), and what can't be read."""
    from PIL import ExifTags

    out: dict[str, Any] = {}
    bad: list[HeaderWarning] = []
    try:
        exif = image.getexif()
        parts = [dict(exif)]
        for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            try:
                parts.append(dict(exif.get_ifd(ifd)))
            except Exception:  # Pillow raises many kinds on damaged EXIF; one directory must not lose the other
                bad.append(HeaderWarning(f"EXIF {ifd.name}", "this directory can't be read"))
    except Exception:  # as above
        return {}, [HeaderWarning("EXIF", "the EXIF data can't be read")]
    for index, part in enumerate(parts):
        names = ExifTags.GPSTAGS if index == 2 else ExifTags.TAGS
        for tag, value in list(part.items())[:2000]:
            plain = _plain(value)
            if plain is not None:
                out.setdefault(str(names.get(tag, f"tag {tag}")), plain)
    return out, bad


def _plain(value: Any) -> Any:
    """A tag's value as text, number or list; None where it is binary or not finite."""
    if isinstance(value, bytes):
        return value[:60].decode("latin-1").strip("\0 ") if len(value) <= 60 and value.isascii() else None
    if isinstance(value, str):
        return value[:2000].strip("\0 ")
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value[:64]]
    if isinstance(value, int):
        return value
    try:
        real = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return real if isfinite(real) else None


def exif_time(tags: Mapping[str, Any]) -> tuple[datetime | None, str]:
    """Capture time as UTC, and the tag that it comes from; the text says so if the time zone is unknown."""
    stamp = tags.get("GPSDateStamp")
    clock = tags.get("GPSTimeStamp")
    for name, zone in (("DateTimeOriginal", "OffsetTimeOriginal"), ("DateTimeDigitized", "OffsetTimeDigitized"),
                       ("DateTime", "OffsetTime")):  # fmt: skip
        found = _DATE.match(str(tags.get(name, "")))
        if not found:
            continue
        try:
            moment = datetime(*(int(g) for g in found.groups()))  # type: ignore[arg-type]
        except ValueError:
            continue
        digits = re.match(r"\d{1,6}", str(tags.get(name.replace("DateTime", "SubsecTime") or "", "")))
        if name == "DateTimeOriginal" and digits:
            moment += timedelta(seconds=float(f"0.{digits.group()}"))
        shift = _OFFSET.match(str(tags.get(zone, "")).strip())
        if shift:
            away = timedelta(hours=int(shift.group(2)), minutes=int(shift.group(3)))
            return (moment - away if shift.group(1) == "+" else moment + away), f"{name}/{zone}"
        gps = _gps_time(stamp, clock)
        if gps is not None:
            return gps, "GPSDateStamp/GPSTimeStamp"
        return moment, f"{name} (time zone unknown)"
    gps = _gps_time(stamp, clock)
    return (gps, "GPSDateStamp/GPSTimeStamp") if gps else (None, "")


def _gps_time(stamp: Any, clock: Any) -> datetime | None:
    found = re.match(r"(\d{4})[:-](\d\d)[:-](\d\d)\Z", str(stamp or ""))
    if not found or not isinstance(clock, list) or len(clock) != 3:
        return None
    parts = [number(v) for v in clock]
    if any(p is None for p in parts):
        return None
    hour, minute, second = (p or 0.0 for p in parts)
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 61):
        return None
    try:
        day = datetime(*(int(g) for g in found.groups()))  # type: ignore[arg-type]
    except ValueError:
        return None
    return day + timedelta(hours=hour, minutes=minute, seconds=second)


def camera_hint(tags: Mapping[str, Any], shape: tuple[int, int]) -> CameraHint:
    """Focal length, pixel size and 35 mm equivalent of a picture of ``shape`` (rows, columns).

    The pixel size comes from FocalPlaneXResolution, which counts pixels of the full picture; a picture that was
    resized since (ExifImageWidth differs) gets pixels larger by that ratio.
    """
    source = []
    focal = number(tags.get("FocalLength"))
    focal = focal if focal and focal > 0 else None
    if focal:
        source.append("FocalLength")
    pitch = None
    resolution = number(tags.get("FocalPlaneXResolution"))
    unit = _UNIT_MM.get(tags.get("FocalPlaneResolutionUnit", 2)) if resolution else None
    if resolution and resolution > 0 and unit:
        long_side = max(shape)
        full = max((number(tags.get(k)) or 0.0) for k in ("ExifImageWidth", "ExifImageHeight"))
        pitch = unit / resolution * 1e3 * (full / long_side if full > 0 else 1.0)
        if 0.3 < pitch < 200.0:
            source.append("FocalPlaneXResolution")
        else:
            pitch = None
    film = number(tags.get("FocalLengthIn35mmFilm"))
    film = film if film and film > 0 else None
    if film:
        source.append("FocalLengthIn35mmFilm")
    make = " ".join(t for t in (text(tags.get("Make")), text(tags.get("Model"))) if t)
    return CameraHint(
        width=shape[1],
        height=shape[0],
        focal_length_mm=focal,
        pixel_pitch_um=pitch,
        focal_35mm=film,
        make=make,
        source=tuple(source),
    )


def picture_observation(
    path: Path, sha256: str, kind: str, tags: dict[str, Any], shape: tuple[int, int]
) -> Observation:
    """The observation that EXIF data describe; what they don't say stays empty."""
    start, origin = exif_time(tags)
    exposure = number(tags.get("ExposureTime"))
    exposure = exposure if exposure and 0 < exposure < 1e5 else None
    middle = start + timedelta(seconds=exposure / 2) if start and exposure else start
    hint = camera_hint(tags, shape)
    if origin:
        tags = {**tags, "time_from": origin}
    return Observation(
        path=str(path),
        sha256=sha256,
        format=kind,
        instrument_name=hint.make,
        utc=iso(middle),
        utc_start=iso(start),
        exposure_s=exposure,
        filter="RGB",
        unit="picture value",
        camera=hint,
        label=tags,
    )
