"""What the keywords of PDS3 labels mean for an observation (shared by PDS3 products and Voyager IMQ files)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from terraluna.frames.instruments import identify
from terraluna.frames.observation import CameraHint, Claim, Observation, Pointing
from terraluna.frames.values import KILOMETRES, SECONDS, find, iso, midpoint, number, parse_time, scaled, text, vector

_RADIUS_KM: Final = {
    "mercury": 2440.0, "venus": 6052.0, "earth": 6378.0, "moon": 1738.0, "mars": 3397.0,
    "jupiter": 71492.0, "saturn": 60268.0, "uranus": 25559.0, "neptune": 24764.0,
}  # fmt: skip
"""Radii to the kilometre: only the slack of local angles depends on them."""


def observation_from_label(
    path: Path, sha256: str, kind: str, label: Mapping[str, Any], shape: tuple[int, int]
) -> Observation:
    """The observation that a PDS3 label describes; what it doesn't say stays empty."""
    spacecraft = (
        text(find(label, "SPACECRAFT_NAME", "INSTRUMENT_HOST_NAME", "SPACECRAFT_ID", "INSTRUMENT_HOST_ID"))
        or text(find(label, "DATA_SET_ID"))
        or ""
    )
    names = [text(find(label, key)) for key in ("INSTRUMENT_ID", "INSTRUMENT_NAME")]
    instrument = " ".join(n for n in names if n).replace("_", " ")
    target = text(find(label, "TARGET_NAME"))
    # A bare EXPOSURE_DURATION is in milliseconds (PDS data dictionary); the Voyager volumes use seconds.
    default = 1.0 if "VOYAGER" in spacecraft.upper() else 1e-3
    exposure_key = "EXPOSURE_DURATION"
    exposure = scaled(find(label, exposure_key), SECONDS, default)
    if exposure is None:
        exposure_key = "MRO:SCAN_EXPOSURE_DURATION"
        exposure = scaled(find(label, exposure_key), SECONDS, 1e-6)
    start = parse_time(find(label, "START_TIME", "IMAGE_TIME"))
    stop = parse_time(find(label, "STOP_TIME"))
    span = None if exposure_key.startswith("MRO:") else exposure
    if find(label, "START_TIME") is None and start is not None:
        span = 0.0  # IMAGE_TIME is not said to be the start: leave it as the time of the picture
    return Observation(
        path=str(path),
        sha256=sha256,
        format=kind,
        instrument=identify(spacecraft, instrument),
        instrument_name=instrument,
        spacecraft=spacecraft,
        target=target.lower() if target else None,
        utc=iso(midpoint(start, stop, span)),
        utc_start=iso(start) if find(label, "START_TIME") is not None else None,
        exposure_s=exposure,
        filter=text(find(label, "FILTER_NAME")) or text(find(label, "FILTER_NUMBER")),
        unit=_unit(label),
        pointing=_pointing(label),
        claims=tuple(claims_from_label(label, (target or "").lower())),
        camera=CameraHint(width=shape[1], height=shape[0]),
        first_row="bottom" if str(find(label, "LINE_DISPLAY_DIRECTION")).upper() == "UP" else "top",
        first_column="right" if str(find(label, "SAMPLE_DISPLAY_DIRECTION")).upper() == "LEFT" else "left",
        label=label,
    )


def _unit(label: Mapping[str, Any]) -> str:
    image = label.get("IMAGE")
    unit = text(image.get("UNIT")) if isinstance(image, Mapping) else None
    return unit or "DN"


def _pointing(label: Mapping[str, Any]) -> Pointing | None:
    ra, dec = number(find(label, "RIGHT_ASCENSION")), number(find(label, "DECLINATION"))
    twist_key = "TWIST_ANGLE" if find(label, "TWIST_ANGLE") is not None else "CELESTIAL_NORTH_CLOCK_ANGLE"
    quaternion_key = ""
    quaternion = None
    for key in ("EMECL_SC_QUATERNION", "SC_QUATERNION", "QUATERNION"):
        quaternion = vector(find(label, key), 4)
        if quaternion:
            quaternion_key = f"/{key}"
            break
    if quaternion is None:
        parts = [number(find(label, f"MESS:ATT_Q{i}")) for i in range(1, 5)]
        if all(p is not None for p in parts):
            quaternion, quaternion_key = tuple(p for p in parts if p is not None), "/MESS:ATT_Q1..4"
    if ra is None and quaternion is None:
        return None
    return Pointing(
        keyword=f"RIGHT_ASCENSION/DECLINATION/{twist_key}{quaternion_key}",
        ra_deg=ra,
        dec_deg=dec,
        twist_deg=number(find(label, twist_key)),
        quaternion=None if quaternion is None else (quaternion[0], quaternion[1], quaternion[2], quaternion[3]),
        note=f"{twist_key} and quaternion as the label defines them",
    )


def claims_from_label(label: Mapping[str, Any], target: str) -> list[Claim]:
    """Everything in a PDS3 label that an ephemeris can check."""
    claims: list[Claim] = []

    def distance(keyword: str, body: str, origin: str) -> float | None:
        value = scaled(find(label, keyword), KILOMETRES, 1.0)
        if value is not None and value > 0.0 and body and origin:
            claims.append(Claim(keyword, "distance", body, origin, (value,)))
        return value

    def position(keyword: str, body: str, origin: str) -> None:
        value = vector(find(label, keyword))
        if value is not None and body and origin:
            claims.append(Claim(keyword, "position", body, origin, value))

    # Despite their names both of MESSENGER's vectors run to the spacecraft: the first is Mercury's place from the Sun
    # in DE440 (with light time), and the boresight of a nadir frame is opposite to the second.
    position("SC_SUN_POSITION_VECTOR", "spacecraft", "sun")
    position("SC_TARGET_POSITION_VECTOR", "spacecraft", target)
    position("SUN_SC_POSITION_VECTOR", "spacecraft", "sun")
    reach = distance("TARGET_CENTER_DISTANCE", target, "spacecraft")
    distance("SPACECRAFT_SOLAR_DISTANCE", "sun", "spacecraft")
    distance("SOLAR_DISTANCE", "sun", target)
    radius = _RADIUS_KM.get(target) or scaled(find(label, "A_AXIS_RADIUS"), KILOMETRES, 1.0)
    phase = number(find(label, "PHASE_ANGLE"))
    if phase is not None and reach and radius and reach > radius:
        from math import asin, degrees

        claims.append(Claim("PHASE_ANGLE", "phase", target, "spacecraft", (phase,), degrees(asin(radius / reach))))
    east = str(find(label, "POSITIVE_LONGITUDE_DIRECTION") or "").upper() == "EAST" or "MESSENGER" in str(
        find(label, "INSTRUMENT_HOST_NAME")
    )
    for prefix, origin in (("SUB_SOLAR", "sun"), ("SUB_SPACECRAFT", "spacecraft")):
        lat, lon = number(find(label, f"{prefix}_LATITUDE")), number(find(label, f"{prefix}_LONGITUDE"))
        if east and lat is not None and lon is not None:
            keyword = f"{prefix}_LATITUDE/{prefix}_LONGITUDE"
            claims.append(Claim(keyword, "subpoint", target, origin, (lat, lon)))
    return claims
