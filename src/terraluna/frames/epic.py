"""What EPIC's metadata mean, in the text chunks of its PNGs and in the attributes of its HDF5 files alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any, Final

from terraluna.frames.observation import CameraHint, Claim, Observation, Pointing
from terraluna.frames.values import find, iso, number, parse_time

EPOCH_SLACK_S: Final = 600.0
"""EPIC's positions and centroid belong to an instant 190 to 270 s after its date (six records against DE440), s."""

IFOV_RAD: Final = 5.19e-6
"""Angle of one of the 2048 pixels, rad (EPIC instrument page: 1.07 arcsec)."""

_PAIR = re.compile(r"'([A-Za-z_0-9]{1,60})'\s*:\s*([-+0-9.eE]{1,40})")
_GROUP = re.compile(r"'([A-Za-z_0-9]{1,60})'\s*:\s*\{([^{}]{0,2000})\}")
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec"


def parse_epic_text(line: str) -> dict[str, Any]:
    """Read the dictionary-like text of an EPIC PNG chunk (it is neither JSON nor Python, and is never evaluated)."""
    out: dict[str, Any] = {}
    for name, inside in _GROUP.findall(line[:200_000]):
        out[name] = {key: float(value) for key, value in _PAIR.findall(inside) if number(value) is not None}
    for name, value in _PAIR.findall(line[:200_000]):
        plain = number(value)
        if plain is not None:
            out.setdefault(name, plain)
    return out


def parse_creation_time(line: str) -> datetime | None:
    """``13-Jun-2019 18:36:36`` (or ISO 8601) as a datetime; None if it isn't one."""
    found = re.match(r"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d)", line)
    if not found:
        return parse_time(line)
    at = _MONTHS.find(found.group(2).lower())
    try:
        day, year, hour, minute, second = (int(found.group(i)) for i in (1, 3, 4, 5, 6))
        return datetime(year, at // 4 + 1 if at >= 0 and at % 4 == 0 else 0, day, hour, minute, second)
    except ValueError:
        return None


def epic_observation(
    path: Path,
    sha256: str,
    kind: str,
    label: Mapping[str, Any],
    shape: tuple[int, int],
    *,
    band: str | None,
    unit: str,
) -> Observation:
    """The observation that EPIC metadata describe; what they don't say stays empty."""
    start = parse_creation_time(str(label.get("Creation Time", ""))) or parse_time(find(label, "begin_time"))
    stop = parse_time(find(label, "end_time"))
    exposure = number(find(label, "exposure_time"))
    middle = start
    if start and exposure is None and stop and stop >= start and find(label, "begin_time") is not None:
        middle = start + (stop - start) / 2
    elif start and exposure and 0 < exposure < 1e6:
        # The attribute is in milliseconds in L1A and L1B alike.
        middle = start + timedelta(milliseconds=exposure / 2)
    quaternion = _components(label, ("attitude_quaternions", "attitude_quaternion"), ("q0", "q1", "q2", "q3"))
    pointing = None
    if quaternion:
        q = (quaternion[0], quaternion[1], quaternion[2], quaternion[3])
        pointing = Pointing("attitude_quaternions", quaternion=q, note="q0..q3 as EPIC's metadata give them")
    # A picture that was scaled down shows the same field with larger pixels.
    ifov = IFOV_RAD * 2048.0 / max(shape[1], 1)
    return Observation(
        path=str(path),
        sha256=sha256,
        format=kind,
        instrument="epic",
        instrument_name="EPIC",
        spacecraft="DSCOVR",
        target="earth",
        utc=iso(middle),
        utc_start=iso(start),
        exposure_s=exposure * 1e-3 if exposure else None,
        filter=band,
        unit=unit,
        pointing=pointing,
        claims=tuple(_claims(label)),
        epoch_slack_s=EPOCH_SLACK_S,
        camera=CameraHint(shape[1], shape[0], ifov_rad=ifov, source=("EPIC instrument page",)),
        label=label,
    )


def _components(label: Mapping[str, Any], names: tuple[str, ...], parts: tuple[str, ...]) -> tuple[float, ...] | None:
    """Numbers under one of ``names``: a nested group, an array, or flat keys that end in the part's name."""
    for name in names:
        group = _group(label, name)
        values: list[float | None]
        if isinstance(group, Mapping):
            values = [number(group.get(p)) for p in parts]
        elif isinstance(group, list | tuple) and len(group) >= len(parts):
            values = [number(v) for v in group[: len(parts)]]
        else:
            values = [number(find(label, f"{name}_{p.lstrip('q')}", f"{name}_{p}")) for p in parts]
        if all(v is not None and isfinite(v) for v in values):
            return tuple(v for v in values if v is not None)
    return None


def _group(label: Mapping[str, Any], name: str) -> Any:
    if name in label:
        return label[name]
    for part in label.values():
        if isinstance(part, Mapping) and name in part:
            return part[name]
    return None


def _claims(label: Mapping[str, Any]) -> list[Claim]:
    claims = []
    xyz = ("x", "y", "z")
    for name, body in (("dscovr", "spacecraft"), ("lunar", "moon"), ("sun", "sun")):
        flat = "solar" if name == "sun" else name
        place = _components(label, (f"{name}_j2000_position",), xyz)
        keyword = f"{name}_j2000_position"
        if place is None:
            numbers = [number(find(label, f"{flat}_ephemeris_{c}_position")) for c in xyz]
            keyword = f"{flat}_ephemeris_x/y/z_position"
            place = None if any(n is None for n in numbers) else tuple(n for n in numbers if n is not None)
        if place is not None:
            claims.append(Claim(keyword, "position", body, "earth", place))
        speed = [number(find(label, f"{flat}_ephemeris_{c}_velocity")) for c in xyz]
        if all(s is not None for s in speed):
            values = tuple(s for s in speed if s is not None)
            claims.append(Claim(f"{flat}_ephemeris_x/y/z_velocity", "velocity", body, "earth", values))
        ra, dec = (number(find(label, f"{flat}_{n}")) for n in ("right_ascension", "declination"))
        if ra is not None and dec is not None:
            # Right ascension is stored in hours.
            keyword = f"{flat}_right_ascension/{flat}_declination"
            claims.append(Claim(keyword, "direction", body, "earth", (15.0 * ra, dec)))
    centre = _group(label, "centroid_coordinates")
    lat = lon = None
    if isinstance(centre, Mapping):
        lat, lon = number(centre.get("lat")), number(centre.get("lon"))
    keyword = "centroid_coordinates"
    if lat is None:
        lat, lon = (number(find(label, f"centroid_center_{n}")) for n in ("latitude", "longitude"))
        keyword = "centroid_center_latitude/longitude"
    if lat is not None and lon is not None:
        claims.append(Claim(keyword, "subpoint", "earth", "spacecraft", (lat, lon)))
    size = number(find(label, "centroid_equatorial_pixel_size"))
    if size is not None and size > 0:
        claims.append(Claim("centroid_equatorial_pixel_size", "diameter_px", "earth", "spacecraft", (size,)))
    return claims
