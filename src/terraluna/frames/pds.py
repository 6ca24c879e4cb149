"""PDS3 products: attached or detached labels over plain rasters (HiRISE, MDIS, NEAR, Galileo with line prefixes).

Only the object named exactly ``IMAGE`` is read: products put other images (calibration strips, headers) beside it.
Rows are kept as stored; LINE_DISPLAY_DIRECTION and SAMPLE_DISPLAY_DIRECTION say which way is up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.frames.limits import Limits
from terraluna.frames.observation import HeaderWarning, Observation, RawFrame
from terraluna.frames.pds_keywords import observation_from_label
from terraluna.frames.pvl import parse_label
from terraluna.frames.raster import mask_unusable, read_raster
from terraluna.frames.values import number, unit_of

_KINDS: Final[dict[str, str]] = {
    "MSB_INTEGER": ">i", "INTEGER": ">i", "MAC_INTEGER": ">i", "SUN_INTEGER": ">i",
    "MSB_UNSIGNED_INTEGER": ">u", "UNSIGNED_INTEGER": ">u", "MAC_UNSIGNED_INTEGER": ">u", "SUN_UNSIGNED_INTEGER": ">u",
    "LSB_INTEGER": "<i", "PC_INTEGER": "<i", "VAX_INTEGER": "<i",
    "LSB_UNSIGNED_INTEGER": "<u", "PC_UNSIGNED_INTEGER": "<u", "VAX_UNSIGNED_INTEGER": "<u",
    "IEEE_REAL": ">f", "FLOAT": ">f", "REAL": ">f", "MAC_REAL": ">f", "SUN_REAL": ">f", "PC_REAL": "<f",
}  # fmt: skip


def read_pds3(path: Path, sha256: str, limits: Limits) -> RawFrame:
    """Read a PDS3 product from its label file or from a file with its label attached.

    Raises:
        InputError: there is no IMAGE, its layout isn't one that is read here, or the limits forbid it.
    """
    with path.open("rb") as file:
        text = file.read(limits.label_bytes).decode("latin-1")
    label, warnings = parse_label(text)
    if not isinstance(label.get("IMAGE"), Mapping):
        mended, found = parse_label(text, repair=True)
        if isinstance(mended.get("IMAGE"), Mapping):
            label = mended
            warnings = [*found, HeaderWarning("LABEL", "a quotation mark is missing; the label was mended to be read")]
    image = _image_object(path, label)
    place, offset = _locate(path, label, image)
    rows, columns = _size(path, image)
    kind = _dtype(path, image)
    if offset + 1 < 0 or number(image.get("BANDS") or 1) != 1:
        raise InputError(f"{path}: IMAGE has {image.get('BANDS')} bands; only single-band images are read")
    encoding = str(image.get("ENCODING_TYPE") or "N/A").upper()
    if encoding not in {"N/A", "NONE", "NULL"}:
        raise InputError(f"{path}: IMAGE is compressed ({encoding[:40]}); only Voyager IMQ files are unpacked here")
    limits.check_array(path, (rows, columns), kind)
    limits.check_file(place)
    data, missing, found = read_raster(
        place,
        offset,
        (rows, columns),
        kind,
        limits,
        prefix_bytes=_count(image, "LINE_PREFIX_BYTES"),
        suffix_bytes=_count(image, "LINE_SUFFIX_BYTES"),
    )
    observation = observation_from_label(path, sha256, "pds3", label, (rows, columns))
    mask = mask_pds(image, data, missing)
    warnings += found + check_statistics(image, data, mask | missing)
    if "LINE_PREFIX_BYTES" in image and place != path and "VICAR" in str(label.get("IMAGE_HEADER", "")).upper():
        warnings += _check_vicar_prefix(place, image)
    return RawFrame(data, mask, observation, tuple(warnings))


def _image_object(path: Path, label: Mapping[str, Any]) -> Mapping[str, Any]:
    image = label.get("IMAGE")
    if not isinstance(image, Mapping):
        for part in label.values():
            if isinstance(part, Mapping) and isinstance(part.get("IMAGE"), Mapping):
                return part["IMAGE"]  # type: ignore[no-any-return]
        raise InputError(f"{path}: the label describes no object IMAGE; name the label or file of an image product")
    return image


def _locate(path: Path, label: Mapping[str, Any], image: Mapping[str, Any]) -> tuple[Path, int]:
    """File and byte offset of the image."""
    pointer = label.get("^IMAGE")
    if pointer is None:
        for part in label.values():
            if isinstance(part, Mapping) and "^IMAGE" in part:
                pointer = part["^IMAGE"]
    name: str | None = None
    start: Any = 1
    if isinstance(pointer, list):
        if pointer:
            name = str(pointer[0])
        start = pointer[1] if len(pointer) > 1 else 1
    elif isinstance(pointer, str) and number(pointer) is None:
        name = pointer
    else:
        start = pointer
    first = number(start)
    record = number(label.get("RECORD_BYTES"))
    if first is None or first < 1 or first > 1e12:
        raise InputError(f"{path}: the pointer ^IMAGE is {str(pointer)[:60]!r}; the label is damaged")
    if unit_of(start) == "bytes":
        offset = int(first) - 1
    elif first == 1:
        offset = 0
    elif record is None or not 1 <= record <= 1e9:
        raise InputError(f"{path}: RECORD_BYTES is {str(label.get('RECORD_BYTES'))[:40]!r}; the label is damaged")
    else:
        offset = (int(first) - 1) * int(record)
    return (path if name is None else sibling(path, name)), offset


def sibling(path: Path, name: str) -> Path:
    """The file ``name`` in the folder of ``path``, in whatever case it was saved; InputError if it isn't there."""
    # Only the last part is used: a label can't reach outside its own folder.
    plain = name.replace("\\", "/").rsplit("/", 1)[-1].strip()
    if not plain or plain in {".", ".."} or len(plain) > 255 or "\0" in plain:
        raise InputError(f"{path}: the label names the data file {name[:60]!r}; the label is damaged")
    exact = path.parent / plain
    if exact.is_file():
        return exact
    for candidate in path.parent.iterdir():
        if candidate.name.lower() == plain.lower() and candidate.is_file():
            return candidate
    raise InputError(f"{path}: the data file {plain} is not beside the label; put both in one folder")


def _count(image: Mapping[str, Any], key: str) -> int:
    value = number(image.get(key))
    return int(value) if value is not None and abs(value) < 1e9 else 0


def _size(path: Path, image: Mapping[str, Any]) -> tuple[int, int]:
    rows, columns = number(image.get("LINES")), number(image.get("LINE_SAMPLES"))
    if rows is None or columns is None or max(abs(rows), abs(columns)) > 1e15:
        raise InputError(f"{path}: LINES and LINE_SAMPLES of IMAGE can't be read; the label is damaged")
    return int(rows), int(columns)


def _dtype(path: Path, image: Mapping[str, Any]) -> str:
    name = str(image.get("SAMPLE_TYPE") or "").upper()
    bits = number(image.get("SAMPLE_BITS"))
    kind = _KINDS.get(name)
    size = None if bits is None else bits / 8
    if kind is None or size not in ({4, 8} if kind[1] == "f" else {1, 2, 4}):
        raise InputError(
            f"{path}: IMAGE has SAMPLE_TYPE {name[:40] or 'missing'} of {image.get('SAMPLE_BITS')} bits, "
            "which is not read; convert the product first"
        )
    return f"{kind}{int(size)}"


def mask_pds(image: Mapping[str, Any], data: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mask of missing, invalid and saturated pixels by the constants that the label gives."""
    names = ("MISSING_CONSTANT", "INVALID_CONSTANT", "NULL_CONSTANT", "CORE_NULL", "PIXEL_SATURATION_VALUE")
    out = mask_unusable(data, mask, *(number(image.get(n)) for n in names))
    if data.dtype == np.uint8 and image.get("MISSING_CONSTANT") is None:
        out |= data == 255  # the top of an 8-bit converter
    valid = number(image.get("VALID_MAXIMUM"))
    if valid is not None:
        out |= data > valid
    return out


_STATISTIC_TOLERANCE: Final = 0.02
"""Share of the image's spread by which a label's statistic may differ: archives leave out masked borders."""


def check_statistics(image: Mapping[str, Any], data: NDArray[Any], bad: NDArray[np.bool_]) -> list[HeaderWarning]:
    """Compare the label's own minimum, maximum, mean and standard deviation of the image with the pixels read."""
    good = data[~bad] if bad.any() else data.ravel()
    if good.size == 0 or bad.mean() > 0.01:
        return []
    with np.errstate(all="ignore"):
        plain = good.astype(np.float64) if good.size <= 4_000_000 else good[:: good.size // 4_000_000 + 1].astype(float)
        ours = {"MEAN": plain.mean(), "STANDARD_DEVIATION": plain.std()}
    spread = float(ours["STANDARD_DEVIATION"])
    out = []
    for key, value in ours.items():
        stated = number(image.get(key))
        if stated is not None and abs(stated - float(value)) > _STATISTIC_TOLERANCE * spread + 1e-3 * abs(stated):
            out.append(
                HeaderWarning(
                    key, "the label's statistic is not that of the pixels", f"{stated:.6g}", f"{float(value):.6g}"
                )
            )
    return out


def _check_vicar_prefix(place: Path, image: Mapping[str, Any]) -> list[HeaderWarning]:
    from terraluna.frames.vicar import parse_vicar_label

    with place.open("rb") as file:
        system = parse_vicar_label(file.read(40_000))
    ours, theirs = _count(image, "LINE_PREFIX_BYTES"), number(system.get("NBB"))
    if theirs is None or int(theirs) == ours:
        return []
    return [
        HeaderWarning(
            "LINE_PREFIX_BYTES", "differs from NBB of the VICAR label in the data file", str(ours), str(theirs)
        )
    ]


def describe_only(path: Path, sha256: str, limits: Limits) -> tuple[Observation, tuple[HeaderWarning, ...]]:
    """The observation of a PDS3 label without its pixels; InputError only if it describes no IMAGE."""
    with path.open("rb") as file:
        label, warnings = parse_label(file.read(limits.label_bytes).decode("latin-1"))
    try:
        shape = _size(path, _image_object(path, label))
    except InputError as error:
        shape = (0, 0)
        warnings.append(HeaderWarning("IMAGE", str(error)))
    return observation_from_label(path, sha256, "pds3", label, shape), tuple(warnings)
