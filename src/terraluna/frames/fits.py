"""FITS images (Hayabusa2 ONC and TIR, OCAMS MapCam, NEAR MSI and any other): headers walked block by block.

The first HDU with an image of two axes (or one plane of three) is read; its header comes after the primary one, whose
keywords fill the gaps. Arrays keep the order of the file: row 0 is the first row stored, which the FITS standard
(4.0, section 3.3.2) displays at the bottom, so ``first_row`` is ``bottom``.
"""

from __future__ import annotations

import re
import warnings as python_warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from terraluna.errors import InputError
from terraluna.frames.instruments import identify
from terraluna.frames.limits import Limits
from terraluna.frames.observation import CameraHint, Claim, HeaderWarning, Observation, Pointing, RawFrame
from terraluna.frames.raster import mask_unusable, read_raster
from terraluna.frames.values import SECONDS, find, iso, midpoint, number, parse_time, text

if TYPE_CHECKING:
    from astropy.io.fits import Header

_BLOCK: Final = 2880
_TYPES: Final = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}

_DISTANCES: Final = (
    # Hayabusa2 ONC keyword dictionary: keyword, body, origin; "target" is the asteroid whatever OBJECT says.
    ("S_DISTHR", "ryugu", "spacecraft"),
    ("S_DISTHE", "earth", "spacecraft"),
    ("S_DISTHS", "sun", "spacecraft"),
    ("S_DISTRS", "sun", "ryugu"),
)


_KEYWORD = re.compile(rb"[A-Z0-9_-]{1,8} *=|HIERARCH |COMMENT|HISTORY|CONTINUE|END {5}")
_MAX_CARDS: Final = 20_000


def _not_text(block: bytes) -> bool:
    """Whether a block can't belong to a header: headers are printable ASCII, data hardly ever are."""
    return sum(not 32 <= b < 127 for b in block) > len(block) // 50


def _headers(file: BinaryIO, path: Path, limits: Limits) -> Iterator[tuple[Header, int]]:
    """Headers of the HDUs with the offset of the data behind each; stops at the first that can't be read."""
    from astropy.io.fits import Header

    size = path.stat().st_size
    place = 0
    for _ in range(limits.parts):
        if place >= size:
            return
        file.seek(place)
        raw = b""
        end = -1
        while len(raw) < limits.label_bytes:
            block = file.read(_BLOCK)
            if raw and _not_text(block):
                end = len(raw)  # the END card is lost and this is the data
                break
            raw += block
            ended = any(block[i : i + 80].rstrip(b" \0") == b"END" for i in range(0, len(block), 80))
            if ended or len(block) < _BLOCK:
                end = len(raw)
                break
        if end < 80:
            return
        clean = bytes(b if 32 <= b < 127 else 32 for b in raw[: end - end % 80])
        # Only cards with a proper keyword are kept: astropy takes its time over each one that it can't understand.
        cards = [c for i in range(0, len(clean), 80) if _KEYWORD.match(c := clean[i : i + 80])][:_MAX_CARDS]
        try:
            header = Header.fromstring(b"".join(cards).decode("ascii"))
        except Exception:  # astropy raises many kinds on a damaged header; whatever it is, this HDU can't be read
            return
        place += end
        yield header, place
        place += _data_bytes(header)


def _data_bytes(header: Header) -> int:
    """Size of the data behind a header, padded to whole blocks; 0 where the header makes no sense."""
    cards = header_values(header)[0]
    axes = [cards.get(f"NAXIS{i}") for i in range(1, _int(cards.get("NAXIS")) + 1)]
    total = 1 if axes else 0
    for n in axes:
        total *= max(0, _int(n))
    total = (total + max(0, _int(cards.get("PCOUNT")))) * max(1, _int(cards.get("GCOUNT"), 1))
    total = total * abs(_int(cards.get("BITPIX"))) // 8
    return min(-(-total // _BLOCK) * _BLOCK, 10**13)


def _int(value: Any, default: int = 0) -> int:
    plain = number(value)
    return int(plain) if plain is not None and abs(plain) < 1e12 else default


def header_values(header: Header) -> tuple[dict[str, Any], list[HeaderWarning]]:
    """Values of a header by keyword (COMMENT and HISTORY joined), and the cards that can't be read."""
    values: dict[str, Any] = {}
    bad: list[HeaderWarning] = []
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        for card in header.cards:
            try:
                key, value = str(card.keyword), card.value
                if key in {"COMMENT", "HISTORY", ""}:
                    values[key] = f"{values[key]}\n{value}" if key in values else str(value)
                elif isinstance(value, bool | int | float | str):
                    values.setdefault(key, value)
            except Exception:  # one unreadable card (astropy raises many kinds) must not lose the others
                if len(bad) < 5:
                    bad.append(HeaderWarning(str(card.image)[:8].strip() or "HEADER", "this card can't be read"))
    return values, bad


def _comments(header: Header) -> dict[str, str]:
    out: dict[str, str] = {}
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        for card in header.cards:
            try:
                out.setdefault(str(card.keyword), str(card.comment))
            except Exception:  # as in header_values
                continue
    return out


def read_fits(path: Path, sha256: str, limits: Limits) -> RawFrame:
    """Read the first image of a FITS file.

    Integers with the usual BZERO for unsigned samples become unsigned; other scalings give float64.

    Raises:
        InputError: no HDU holds an image, or the limits forbid it.
    """
    merged: dict[str, Any] = {}
    comments: dict[str, str] = {}
    warnings: list[HeaderWarning] = []
    with path.open("rb") as file:
        for index, (header, offset) in enumerate(_headers(file, path, limits)):
            values, bad = header_values(header)
            warnings += bad
            values = {k: v for k, v in values.items() if k}
            merged = {**merged, **values}
            comments.update(_comments(header))
            shape = _shape(path, values)
            if values.get("ZIMAGE") is True:
                data = _compressed(path, index, values, limits)
                missing = np.zeros(data.shape, dtype=np.bool_)
            elif shape is None or str(values.get("XTENSION", "IMAGE")).strip() not in {"IMAGE", "IUEIMAGE"}:
                continue
            else:
                kind = _TYPES.get(_int(values.get("BITPIX")))
                if kind is None:
                    raise InputError(f"{path}: BITPIX is {str(values.get('BITPIX'))[:40]!r}; the header is damaged")
                data, missing, found = read_raster(path, offset, shape, kind, limits, keyword="NAXIS2")
                warnings += found
                data, missing = _scale(path, data, missing, values, limits)
            break
        else:
            raise InputError(f"{path}: no image was found in the FITS file; name a file with a two-axis image")
    top = number(merged.get("SATURATE")) or _saturation(merged)
    mask = mask_unusable(data, missing)
    if top is not None:
        mask |= data >= top
    shape = (data.shape[0], data.shape[1])
    observation = observation_from_header(path, sha256, merged, comments, shape)
    warnings += _check_range(merged, data, missing)
    if observation.utc is None:
        warnings.append(HeaderWarning("DATE-OBS", "the header has no time in UTC; a label beside the file may have it"))
    return RawFrame(data, mask, observation, tuple(warnings))


def _shape(path: Path, values: Mapping[str, Any]) -> tuple[int, int] | None:
    axes = [_int(values.get(f"NAXIS{i}")) for i in range(1, min(_int(values.get("NAXIS")), 999) + 1)]
    if len(axes) < 2 or any(n > 1 for n in axes[3:]):
        return None
    if axes[0] < 0 or axes[1] < 0:
        raise InputError(f"{path}: NAXIS1, NAXIS2 are {axes[0]}, {axes[1]}; the header is damaged")
    # Of a cube (colour planes, calibrations) the first plane is the picture.
    return (axes[1], axes[0]) if axes[0] and axes[1] else None


def _scale(path: Path, data: Any, missing: Any, values: Mapping[str, Any], limits: Limits) -> tuple[Any, Any]:
    blank, zero, scale = (number(values.get(k)) for k in ("BLANK", "BZERO", "BSCALE"))
    zero, scale = zero or 0.0, 1.0 if scale is None else scale
    if blank is not None and data.dtype.kind in "iu":
        missing = missing | (data == blank)
    if scale == 1.0 and zero == 0.0:
        return data, missing
    bits = data.dtype.itemsize * 8
    if scale == 1.0 and data.dtype.kind == "i" and zero == 2.0 ** (bits - 1):
        return (data.view(f"u{data.dtype.itemsize}") ^ np.array(1 << (bits - 1), f"u{data.dtype.itemsize}")), missing
    limits.check_array(path, data.shape, "f8")
    return data * scale + zero, missing


def _compressed(path: Path, index: int, values: Mapping[str, Any], limits: Limits) -> Any:
    """Tile-compressed image; its uncompressed size is checked first."""
    kind = _TYPES.get(_int(values.get("ZBITPIX")))
    shape = (_int(values.get("ZNAXIS2")), _int(values.get("ZNAXIS1")))
    if kind is None or _int(values.get("ZNAXIS")) != 2:
        raise InputError(f"{path}: the tile-compressed image is not a plain two-axis image; unpack it with funpack")
    limits.check_array(path, shape, "f8")
    tiles = (_int(values.get("ZTILE1"), shape[1]), _int(values.get("ZTILE2"), 1))
    if min(tiles) < 1 or tiles[0] > shape[1] or tiles[1] > shape[0]:
        raise InputError(f"{path}: ZTILE1, ZTILE2 are {tiles[0]}, {tiles[1]}; the header is damaged")
    from astropy.io import fits

    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            with path.open("rb") as file, fits.open(file, memmap=False) as hdus:
                data = np.asarray(hdus[index].data)
    except Exception as error:  # astropy and its C library raise many kinds on damaged tiles
        raise InputError(f"{path}: the tile-compressed image can't be unpacked ({type(error).__name__})") from None
    if data.shape != shape:
        raise InputError(f"{path}: the tile-compressed image unpacks to another size than ZNAXIS says")
    return data.astype(data.dtype.newbyteorder("="))


def _saturation(values: Mapping[str, Any]) -> float | None:
    """Full scale of ONC frames: the converter's range in the unit of the pixels."""
    unit = str(values.get("BUNIT", "")).strip().upper()
    bits = number(values.get("BITDEPTH"))
    if "ONC" in str(values.get("NAIFNAME", "")) and unit == "DN" and bits in {8, 10, 12}:
        # Lossy compression moves saturated pixels by a count around full scale.
        return float(2 ** int(bits) - 1)
    return None


def _check_range(values: Mapping[str, Any], data: Any, missing: Any) -> list[HeaderWarning]:
    """Compare DATAMIN and DATAMAX with the pixels."""
    good = data[~missing]
    out = []
    for key, value in (("DATAMIN", good.min() if good.size else None), ("DATAMAX", good.max() if good.size else None)):
        stated = number(values.get(key))
        if stated is not None and value is not None and np.isfinite(value) and abs(stated - float(value)) > 0.5:
            out.append(HeaderWarning(key, "the header's value is not that of the pixels", f"{stated:g}", f"{value:g}"))
    return out


def observation_from_header(
    path: Path, sha256: str, values: Mapping[str, Any], comments: Mapping[str, str], shape: tuple[int, int]
) -> Observation:
    """The observation that a FITS header describes; what it doesn't say stays empty."""
    if "NEAR-017" in values:
        return _near(path, sha256, values, shape)
    spacecraft = text(values.get("SPCECRFT") or values.get("HOSTNAME") or values.get("TELESCOP")) or ""
    instrument = text(values.get("NAIFNAME") or values.get("INSTRUME")) or ""
    camera = number(values.get("CAMERAID"))
    if camera is not None and "REX" in spacecraft.upper() + str(values.get("MISSION", "")).upper():
        # OCAMS numbers its cameras (translation tables of ISIS, ocams2isis).
        instrument = {0: "MapCam", 1: "SamCam", 2: "PolyCam"}.get(int(camera), instrument)
        spacecraft = spacecraft or "OSIRIS-REx"
    exposure = None
    for key in ("XPOSURE", "EXPTIME", "EXPOSURE"):
        value = number(values.get(key))
        if value is not None and exposure is None:
            exposure = value * _time_unit(key, comments, 1e-3 if camera is not None else 1.0)
    start = parse_time(values.get("DATE-BEG") or values.get("DATE_OBS"))
    stop = parse_time(values.get("DATE-END"))
    middle = parse_time(values.get("MIDOBS") or values.get("MID_OBS") or values.get("DATE-AVG"))
    stated = parse_time(values.get("DATE-OBS"))
    if values.get("DATE-BEG"):
        middle = middle or stated or midpoint(start, stop, exposure)
    else:
        start = start or stated
        middle = middle or midpoint(start, stop, exposure)
    band = text(values.get("FILTNAME") or values.get("FILTER"))
    target = text(values.get("TARGET") or values.get("OBJECT"))
    ra, dec = number(find(values, "S_RA", "RA")), number(find(values, "S_DEC", "DEC"))
    pointing = None
    if ra is not None and dec is not None and "S_RA" in values:
        pointing = Pointing("S_RA/S_DEC", ra, dec, note="right ascension and declination of the image centre, J2000")
    ifov = number(values.get("S_IFOV"))
    hint = CameraHint(shape[1], shape[0], ifov_rad=ifov, source=("S_IFOV",) if ifov else ())
    return Observation(
        path=str(path),
        sha256=sha256,
        format="fits",
        instrument=identify(spacecraft, instrument),
        instrument_name=instrument,
        spacecraft=spacecraft,
        target=target.lower() if target else None,
        utc=iso(middle),
        utc_start=iso(start),
        exposure_s=exposure,
        filter=band,
        unit=text(values.get("BUNIT")) or "DN",
        pointing=pointing,
        claims=tuple(_onc_claims(values)),
        camera=hint,
        first_row="bottom",
        label=dict(values),
    )


def _time_unit(key: str, comments: Mapping[str, str], default: float) -> float:
    found = re.search(r"[\[(]\s*([a-zA-Z]{1,12})\s*[\])]", comments.get(key, "")[:80])
    return SECONDS.get(found.group(1).lower(), default) if found else default


def _onc_claims(values: Mapping[str, Any]) -> list[Claim]:
    claims = []
    for key, body, origin in _DISTANCES:
        value = number(values.get(key))
        if value is not None and value > 0:
            claims.append(Claim(key, "distance", body, origin, (value,)))
    place = [number(values.get(f"S_SCPJ2{axis}")) for axis in "XYZ"]
    if all(p is not None for p in place):
        claims.append(
            Claim(
                "S_SCPJ2X/S_SCPJ2Y/S_SCPJ2Z", "position", "spacecraft", "sun", tuple(p for p in place if p is not None)
            )
        )
    return claims


def _near(path: Path, sha256: str, values: Mapping[str, Any], shape: tuple[int, int]) -> Observation:
    """NEAR MSI: numbered keywords, all of them text; times are counts of the spacecraft clock."""

    def get(index: int) -> float | None:
        return number(values.get(f"NEAR-{index:03d}"))

    def triple(first: int) -> tuple[float, ...] | None:
        numbers = [get(first + i) for i in range(3)]
        return None if any(n is None for n in numbers) else tuple(n for n in numbers if n is not None)

    target = (text(values.get("NEAR-047")) or "").lower()
    claims = []
    if get(26) == 1.0:
        for first, body in ((23, "spacecraft"), (27, target)):
            place = triple(first)
            if place and body:
                claims.append(Claim(f"NEAR-{first:03d}..{first + 2:03d}", "position", body, "sun", place))
    reach = get(30)
    if reach and target:
        # Printed to 0.1 km.
        claims.append(Claim("NEAR-030", "distance", target, "spacecraft", (reach,), slack=0.1))
    quaternion = [get(i) for i in range(19, 23)]
    pointing = None
    if all(q is not None for q in quaternion):
        q = [v for v in quaternion if v is not None]
        note = "spacecraft quaternion in J2000, scalar first"
        pointing = Pointing("NEAR-084/085/086/019..022", get(84), get(85), get(86), (q[0], q[1], q[2], q[3]), note)
    exposure = get(10)
    level = {0.0: "DN", 1.0: "radiance", 2.0: "reflectance"}.get(get(13) or 0.0, "DN")
    return Observation(
        path=str(path),
        sha256=sha256,
        format="fits",
        instrument_name="MULTI-SPECTRAL IMAGER",
        spacecraft="NEAR",
        target=target or None,
        exposure_s=None if exposure is None else exposure * 1e-3,
        filter=text(values.get("NEAR-009")),
        unit=level,
        pointing=pointing,
        claims=tuple(claims),
        camera=CameraHint(shape[1], shape[0]),
        first_row="bottom",
        label=dict(values),
    )
