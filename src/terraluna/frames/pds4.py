"""PDS4 products: an XML label beside a plain array (often inside a FITS file, whose header is then read as well).

The label may not define entities or a document type: nothing is expanded or fetched. The display direction of the
label says which way is up.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from terraluna.errors import InputError
from terraluna.frames.instruments import identify
from terraluna.frames.limits import Limits
from terraluna.frames.observation import CameraHint, Claim, HeaderWarning, Observation, RawFrame
from terraluna.frames.pds import check_statistics, mask_pds, sibling
from terraluna.frames.raster import read_raster
from terraluna.frames.values import KILOMETRES, SECONDS, find, iso, midpoint, number, parse_time, scaled, text

_TYPES: Final = {
    "UnsignedByte": "u1", "SignedByte": "i1",
    "UnsignedMSB2": ">u2", "UnsignedMSB4": ">u4", "SignedMSB2": ">i2", "SignedMSB4": ">i4",
    "UnsignedLSB2": "<u2", "UnsignedLSB4": "<u4", "SignedLSB2": "<i2", "SignedLSB4": "<i4",
    "IEEE754MSBSingle": ">f4", "IEEE754MSBDouble": ">f8", "IEEE754LSBSingle": "<f4", "IEEE754LSBDouble": "<f8",
}  # fmt: skip
_MAX_DEPTH: Final = 40
_ARRAYS: Final = ("Array_2D_Image", "Array_2D")


def read_pds4(path: Path, sha256: str, limits: Limits) -> RawFrame:
    """Read the first two-axis image of a PDS4 product from its label.

    Raises:
        InputError: the label isn't XML that can be used, describes no image, or the limits forbid it.
    """
    label = _parse(path, limits)
    area = find_part(label, "File_Area_Observational")
    image = next((p for name in _ARRAYS if (p := find_part(area or {}, name)) is not None), None)
    if area is None or image is None:
        raise InputError(f"{path}: the PDS4 label describes no two-axis image; name the label of an image product")
    place = sibling(path, str(find(area.get("File", {}), "file_name") or ""))
    limits.check_file(place)
    rows, columns = _axes(path, image)
    kind = _TYPES.get(str(find(image, "data_type")))
    offset = number(find(image, "offset"))
    if kind is None or offset is None or not 0 <= offset < 1e12:
        raise InputError(f"{path}: data type {str(find(image, 'data_type'))[:40]} or offset of the image is not usable")
    limits.check_array(path, (rows, columns), kind)
    data, missing, warnings = read_raster(place, int(offset), (rows, columns), kind, limits, keyword="Array_2D_Image")
    scale, zero = number(find(image, "scaling_factor")), number(find(image, "value_offset"))
    if (scale is not None and scale != 1.0) or zero:
        limits.check_array(path, data.shape, "f8")
        data = data * (1.0 if scale is None else scale) + (zero or 0.0)
    constants = find_part(image, "Special_Constants") or {}
    mask = mask_pds({k.upper(): v for k, v in constants.items()}, data, missing)
    statistics = {k.upper(): v for k, v in (find_part(image, "Object_Statistics") or {}).items()}
    warnings += check_statistics(statistics, data, missing)
    observation = _observation(path, sha256, label, image, (rows, columns))
    if place.suffix.lower() in {".fit", ".fits"}:
        observation, more = _with_fits_header(observation, place, sha256, limits)
        warnings += more
    return RawFrame(data, mask, observation, tuple(warnings))


def _parse(path: Path, limits: Limits) -> dict[str, Any]:
    if path.stat().st_size > limits.label_bytes:
        raise InputError(f"{path}: the PDS4 label is over {limits.label_bytes} bytes; raise Limits.label_bytes")
    raw = path.read_bytes()
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", raw, re.IGNORECASE) or b"\0" in raw[:64]:
        raise InputError(f"{path}: the PDS4 label defines a document type or entities, which is refused; remove them")
    try:
        root = ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise InputError(f"{path}: the PDS4 label is not valid XML ({str(error)[:80]}); fetch it again") from None
    tree = _tree(root, 0)
    return tree if isinstance(tree, dict) else {}


def _tree(element: ElementTree.Element, depth: int) -> Any:
    """Nested dictionaries without namespaces; repeated elements get ``#2`` and so on; units stay with the value."""
    if len(element) == 0 or depth > _MAX_DEPTH:
        value = (element.text or "").strip()
        unit = element.get("unit")
        return f"{value} <{unit}>" if unit and value else value
    out: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for child in element:
        if not isinstance(child.tag, str):
            continue
        name = child.tag.rsplit("}", 1)[-1]
        seen[name] = seen.get(name, 0) + 1
        out[name if seen[name] == 1 else f"{name}#{seen[name]}"] = _tree(child, depth + 1)
    return out


def find_part(label: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The first element ``name`` with children, at any depth; None if there is none."""
    level = [label]
    while level:
        below: list[dict[str, Any]] = []
        for part in level:
            if isinstance(part.get(name), dict):
                return part[name]  # type: ignore[no-any-return]
            below.extend(v for v in part.values() if isinstance(v, dict))
        level = below
    return None


def _axes(path: Path, image: dict[str, Any]) -> tuple[int, int]:
    sizes: dict[str, float | None] = {}
    for key, part in image.items():
        if key.split("#")[0] == "Axis_Array" and isinstance(part, dict):
            sizes[str(part.get("axis_name")).lower()] = number(part.get("elements"))
    rows, columns = sizes.get("line"), sizes.get("sample")
    if rows is None or columns is None or max(abs(rows), abs(columns)) > 1e15:
        raise InputError(f"{path}: the axes Line and Sample of the image can't be read; the label is damaged")
    if str(find(image, "axis_index_order") or "Last Index Fastest") != "Last Index Fastest":
        raise InputError(f"{path}: axis_index_order is not Last Index Fastest; the label is damaged")
    return int(rows), int(columns)


def _observation(
    path: Path, sha256: str, label: dict[str, Any], image: dict[str, Any], shape: tuple[int, int]
) -> Observation:
    components = [
        part for key, part in (find_part(label, "Observing_System") or {}).items()
        if key.split("#")[0] == "Observing_System_Component" and isinstance(part, dict)
    ]  # fmt: skip
    names = {str(part.get("type")).lower(): str(part.get("name")) for part in components}
    spacecraft = names.get("host") or names.get("spacecraft") or ""
    instrument = names.get("instrument") or ""
    start, stop = parse_time(find(label, "start_date_time")), parse_time(find(label, "stop_date_time"))
    exposure_text = find(label, "exposure_duration")
    exposure = None
    if exposure_text is not None:
        exposure = scaled(exposure_text, SECONDS, 1.0)
    target = text(find(find_part(label, "Target_Identification") or {}, "name"))
    down = str(find(label, "vertical_display_direction") or "Top to Bottom")
    across = str(find(label, "horizontal_display_direction") or "Left to Right")
    return Observation(
        path=str(path),
        sha256=sha256,
        format="pds4",
        instrument=identify(spacecraft, instrument),
        instrument_name=instrument,
        spacecraft=spacecraft,
        target=re.sub(r"^\(\d+\)\s*", "", target).lower() if target else None,
        utc=iso(midpoint(start, stop, None)),
        utc_start=iso(start),
        exposure_s=exposure,
        filter=text(find(label, "filter_name")) or text(find(label, "filter_number")),
        unit=text(find(image, "unit")) or "DN",
        claims=tuple(_claims(label)),
        camera=CameraHint(shape[1], shape[0]),
        first_row="bottom" if down == "Bottom to Top" else "top",
        first_column="right" if across == "Right to Left" else "left",
        label=label,
    )


def _claims(label: dict[str, Any]) -> list[Claim]:
    part = find_part(label, "Vector_Cartesian_Position_Sun_To_Spacecraft")
    if part is None or "J2000" not in str(find(part, "frame_spice_name") or "J2000"):
        return []
    place = [scaled(part.get(f"{axis}_position"), KILOMETRES, 1.0) for axis in "xyz"]
    if any(p is None for p in place):
        return []
    name = "Vector_Cartesian_Position_Sun_To_Spacecraft"
    return [Claim(name, "position", "spacecraft", "sun", tuple(p for p in place if p is not None))]


def _with_fits_header(
    observation: Observation, place: Path, sha256: str, limits: Limits
) -> tuple[Observation, list[HeaderWarning]]:
    """Fill what the PDS4 label leaves open from the FITS header in the data file."""
    from terraluna.frames.fits import read_fits

    try:
        inner = read_fits(place, sha256, limits).observation
    except InputError as error:
        return observation, [HeaderWarning("FITS", f"the FITS header in the data file can't be read: {error}")]
    known = {c.keyword for c in observation.claims}
    filled = replace(
        observation,
        instrument=observation.instrument or inner.instrument,
        exposure_s=observation.exposure_s if observation.exposure_s is not None else inner.exposure_s,
        filter=observation.filter or inner.filter,
        utc=observation.utc or inner.utc,
        pointing=observation.pointing or inner.pointing,
        claims=observation.claims + tuple(c for c in inner.claims if c.keyword not in known),
        label={**observation.label, "FITS": dict(inner.label)},
    )
    return filled, []
