"""VICAR images (Voyager, Galileo): labels at the start and at the end of the file, binary headers and line prefixes.

Rows run from the top as JPL displays them. Layout after the VICAR file format description (R. Deen, JPL): LBLSIZE
bytes of label, NLB records of binary header, then N2 * N3 records of NBB prefix bytes and N1 samples, then, where EOL
is 1, more label.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.frames.instruments import identify
from terraluna.frames.limits import Limits
from terraluna.frames.observation import CameraHint, Claim, HeaderWarning, Observation, Pointing, RawFrame
from terraluna.frames.raster import mask_unusable, read_raster
from terraluna.frames.values import iso, midpoint, number, text

_ITEM = re.compile(
    r"\s*([A-Z][A-Z0-9_]{0,63})\s*=\s*(\((?:[^()']|'[^']*'){0,20000}\)|'(?:[^']|''){0,20000}'|[^\s']{1,200})"
)
_SIZES: Final = {"BYTE": 1, "HALF": 2, "WORD": 2, "FULL": 4, "LONG": 4, "REAL": 4, "DOUB": 8}


def parse_vicar_label(raw: bytes) -> dict[str, Any]:
    """Items of a VICAR label; of a repeated keyword (TASK, USER ...) the first is kept, lists become lists."""
    line = raw.split(b"\0", 1)[0].decode("latin-1")
    label: dict[str, Any] = {}
    place = 0
    while True:
        match = _ITEM.match(line, place)
        if not match:
            # Step over text that isn't an item: one damaged item must not lose those behind it.
            following = re.compile(r"\s[A-Z][A-Z0-9_]{0,63}\s*=").search(line, place + 1)
            if not following:
                return label
            place = following.start()
            continue
        name, value = match.groups()
        label.setdefault(name, _scalar(value))
        place = match.end()


def _scalar(value: str) -> Any:
    if value.startswith("("):
        return [_scalar(v.strip()) for v in value[1:-1].split(",")[:1000]]
    if value.startswith("'"):
        return value[1:-1].replace("''", "'")
    if re.fullmatch(r"[-+]?\d{1,18}", value):
        return int(value)
    plain = number(value)
    return value if plain is None or not re.fullmatch(r"[-+0-9.eEdD]{1,40}", value) else plain


def read_vicar(path: Path, sha256: str, limits: Limits) -> RawFrame:
    """Read a VICAR image of one band.

    Raises:
        InputError: the label can't be read, the layout isn't one that is read here, or the limits forbid it.
    """
    label, label_size, warnings = _labels(path, limits)
    rows, columns = _whole(path, label, "NL"), _whole(path, label, "NS")
    if _whole(path, label, "NB", 1) != 1:
        raise InputError(f"{path}: the VICAR file has {label.get('NB')} bands; only single-band images are read")
    if str(label.get("COMPRESS") or "NONE").upper() != "NONE":
        raise InputError(f"{path}: the VICAR file is compressed ({str(label['COMPRESS'])[:20]}); unpack it with VICAR")
    name = str(label.get("FORMAT") or "").upper()
    if name not in _SIZES:
        raise InputError(
            f"{path}: VICAR FORMAT {name[:20] or 'missing'} is not read; convert the image to REAL or HALF"
        )
    prefix = _whole(path, label, "NBB", 0)
    record = _whole(path, label, "RECSIZE", prefix + columns * _SIZES[name])
    if record < prefix + columns * _SIZES[name]:
        raise InputError(f"{path}: RECSIZE {record} is shorter than a line of {columns} samples; the label is damaged")
    offset = label_size + _whole(path, label, "NLB", 0) * record
    vax = name in {"REAL", "DOUB"} and str(label.get("REALFMT") or "VAX").upper() == "VAX"
    data, missing, found = read_raster(
        path,
        offset,
        (rows, columns),
        _dtype(name, label, vax),
        limits,
        prefix_bytes=prefix,
        suffix_bytes=record - prefix - columns * _SIZES[name],
        keyword="NL",
    )
    if vax:
        if name == "DOUB":
            raise InputError(f"{path}: VAX double precision is not read; convert the image to REAL")
        data = vax_real(data)
    saturated = 255.0 if data.dtype == np.uint8 else None
    mask = mask_unusable(data, missing, saturated)
    observation = _observation(path, sha256, label, (rows, columns))
    if observation.utc is None:
        received = re.search(r"\bERT\s+(\d\d\.\d{3} \d\d:\d\d:\d\d)", str(label.get("LAB04", "")))
        when = f"; received on Earth at {received.group(1)} (year, day of year)" if received else ""
        found.append(HeaderWarning("SCET", f"the label has no capture time{when}"))
    return RawFrame(data, mask, observation, tuple(warnings + found))


def _labels(path: Path, limits: Limits) -> tuple[dict[str, Any], int, list[HeaderWarning]]:
    warnings: list[HeaderWarning] = []
    with path.open("rb") as file:
        head = file.read(64)
        found = re.match(rb"LBLSIZE=(\d{1,9})\s", head)
        size = int(found.group(1)) if found else 0
        if not 0 < size <= limits.label_bytes:
            raise InputError(f"{path}: LBLSIZE of the VICAR label can't be used; the file is damaged")
        file.seek(0)
        label = parse_vicar_label(file.read(size))
        if number(label.get("EOL")) == 1:
            tail = _tail_offset(path, label, size)
            if tail is not None:
                file.seek(tail)
                start = file.read(64)
                more = re.match(rb"LBLSIZE=(\d{1,9})\s", start)
                if more and 0 < int(more.group(1)) <= limits.label_bytes:
                    file.seek(tail)
                    for key, value in parse_vicar_label(file.read(int(more.group(1)))).items():
                        label.setdefault(key, value)
                else:
                    warnings.append(HeaderWarning("EOL", "the label promises more label at the end; none is there"))
    return label, size, warnings


def _tail_offset(path: Path, label: dict[str, Any], size: int) -> int | None:
    try:
        lines = _whole(path, label, "N2") * _whole(path, label, "N3", 1) + _whole(path, label, "NLB", 0)
        offset = size + lines * _whole(path, label, "RECSIZE")
    except InputError:
        return None
    return offset if 0 < offset < path.stat().st_size else None


def _whole(path: Path, label: dict[str, Any], key: str, default: int | None = None) -> int:
    value = label.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**12:
        raise InputError(f"{path}: {key} of the VICAR label is {str(value)[:40]!r}, not a count; the file is damaged")
    return value


def _dtype(name: str, label: dict[str, Any], vax: bool) -> str:
    if name == "BYTE":
        return "u1"
    if vax:
        return "<u4" if name == "REAL" else "<u8"
    if name in {"REAL", "DOUB"}:
        return (">" if str(label.get("REALFMT")).upper() == "IEEE" else "<") + f"f{_SIZES[name]}"
    # Files written before INTFMT existed came from VAX computers: low byte first.
    return (">" if str(label.get("INTFMT") or "LOW").upper() == "HIGH" else "<") + f"i{_SIZES[name]}"


def vax_real(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """VAX F_floating, given as little-endian 32-bit words, to float32 (reserved operands become NaN).

    The two 16-bit halves are swapped and the exponent bias is 128 with a fraction in [0.5, 1), so the swapped word
    read as IEEE is four times too large (VAX Architecture Reference Manual, 1987).
    """
    swapped = ((words & np.uint32(0xFFFF)) << np.uint32(16)) | (words >> np.uint32(16))
    sign = np.where(swapped >> np.uint32(31), -1.0, 1.0)
    exponent = ((swapped >> np.uint32(23)) & np.uint32(0xFF)).astype(np.int64)
    fraction = (swapped & np.uint32(0x7FFFFF)).astype(np.float64) / 2.0**24 + 0.5
    value = np.where(exponent == 0, 0.0, sign * np.ldexp(fraction, exponent - 128))
    reserved = (exponent == 0) & (sign < 0)
    return np.where(reserved, np.nan, value).astype(np.float32)


def _observation(path: Path, sha256: str, label: dict[str, Any], shape: tuple[int, int]) -> Observation:
    if any(f"LAB0{i}" in label for i in range(1, 8)):
        return _voyager(path, sha256, label, shape)
    spacecraft = str(label.get("MISSION") or label.get("SPACECRAFT_NAME") or "")
    sensor = str(label.get("SENSOR") or label.get("INSTRUMENT_NAME") or "")
    target = text(label.get("TARGET") or label.get("TARGET_NAME"))
    exposure = number(label.get("EXP"))
    exposure_s = None if exposure is None else exposure * 1e-3
    moment = _galileo_time(label)
    claims = []
    ranges = (("TARGET_CENTER_DISTANCE", target, "spacecraft"), ("SOLRANGE", "sun", target))
    for key, body, origin in ranges:
        value = number(label.get(key))
        if value is not None and value > 0 and body and origin:
            claims.append(Claim(key, "distance", body.lower(), origin.lower(), (value,)))
    ra, dec = number(label.get("RA")), number(label.get("DEC"))
    pointing = None if ra is None else Pointing("RA/DEC/TWIST", ra, dec, number(label.get("TWIST")))
    return Observation(
        path=str(path),
        sha256=sha256,
        format="vicar",
        instrument=identify(spacecraft, sensor),
        instrument_name=sensor,
        spacecraft=spacecraft,
        target=target.lower() if target else None,
        utc=iso(moment),
        exposure_s=exposure_s,
        filter=text(label.get("FILTER_NAME") or label.get("FILTER")),
        pointing=pointing,
        claims=tuple(claims),
        camera=CameraHint(width=shape[1], height=shape[0]),
        label=label,
    )


def _galileo_time(label: dict[str, Any]) -> datetime | None:
    parts = [number(label.get(f"SCET{n}")) for n in ("YEAR", "DAY", "HOUR", "MIN", "SEC", "MSEC")]
    if any(p is None for p in parts[:2]):
        return None
    year, day, hour, minute, second, milli = (p or 0.0 for p in parts)
    try:
        return datetime(int(year), 1, 1) + timedelta(
            days=day - 1, hours=hour, minutes=minute, seconds=second, milliseconds=milli
        )
    except (ValueError, OverflowError):
        return None


def _voyager(path: Path, sha256: str, label: dict[str, Any], shape: tuple[int, int]) -> Observation:
    """Voyager's labels hold 72-character lines LAB01 ... with fields at fixed words."""
    lines = " ".join(str(label.get(f"LAB{i:02d}", "")) for i in range(1, 11))
    craft = re.search(r"VGR-\s?(\d)", lines)
    camera = re.search(r"\b(NA|WA) CAMERA", lines)
    exposure = re.search(r"\bEXP\s+(\d{1,7}\.?\d{0,3}) MSEC", lines)
    band = re.search(r"\bFILT\s+\d\s?\(\s?([A-Z0-9/-]{1,8})\s*\)", lines)
    scet = re.search(r"\bSCET\s+(\d\d)\.(\d{3}) (\d\d):(\d\d):(\d\d)", lines)
    picture = re.search(r"\bPICNO\s+(\w{4,}\s?\w?\d?[-+]\d{3})", lines)
    fds = re.search(r"\bFDS\s+(\d{3,5}\.\d\d)", lines)
    exposure_s = float(exposure.group(1)) * 1e-3 if exposure else None
    moment = None
    if scet and int(scet.group(2)) > 0:
        # Voyager flew in the 1900s with two-digit years until 2000.
        year = int(scet.group(1)) + (1900 if int(scet.group(1)) >= 70 else 2000)
        moment = _galileo_time(
            {"SCETYEAR": year, "SCETDAY": int(scet.group(2)), "SCETHOUR": int(scet.group(3)),
             "SCETMIN": int(scet.group(4)), "SCETSEC": int(scet.group(5))}
        )  # fmt: skip
    spacecraft = f"VOYAGER {craft.group(1)}" if craft else "VOYAGER"
    name = {"NA": "NARROW ANGLE CAMERA", "WA": "WIDE ANGLE CAMERA"}[camera.group(1)] if camera else ""
    target = re.search(r"\b([A-Z][A-Z_]{2,})\s+DSS #", lines)
    own = dict(label)
    own["FDS"] = fds.group(1) if fds else None
    own["PICNO"] = picture.group(1) if picture else None
    return Observation(
        path=str(path),
        sha256=sha256,
        format="vicar",
        instrument=identify(spacecraft, name),
        instrument_name=name,
        spacecraft=spacecraft,
        target=target.group(1).lower() if target else None,
        utc=iso(midpoint(moment, None, 0.0)),
        exposure_s=exposure_s,
        filter=text(band.group(1)) if band else None,
        camera=CameraHint(width=shape[1], height=shape[0]),
        label=own,
    )
