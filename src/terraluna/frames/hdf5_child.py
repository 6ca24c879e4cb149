"""The part of the HDF5 reader that calls the HDF5 library, run as a process of its own.

The library can loop for ever or crash on a damaged file (a broken global heap does it), and nothing inside the same
process can stop it. :mod:`terraluna.frames.hdf5` starts ``python -m terraluna.frames.hdf5_child``, waits for the line
``ready``, sends one line of JSON (path, band, limits) and gets one line of JSON (names, label, warnings or an error)
followed by the bytes of the image. Nothing is pickled.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.frames.limits import Limits
from terraluna.frames.observation import HeaderWarning

if TYPE_CHECKING:
    import h5py

_BAND: Final = re.compile(r"Band(\d{3})nm\Z")
_KNOWN_FILTERS: Final = frozenset({0, 1, 2, 3, 4, 5, 6})
"""Registered in HDF5 itself: none, deflate, shuffle, fletcher32, szip, nbit, scale-offset."""


def extract(path: Path, band: str | None, limits: Limits) -> tuple[dict[str, Any], NDArray[Any]]:
    """Names of the bands, label and warnings as plain values, and the pixels of one band (none for the band ``?``).

    Raises:
        InputError: it isn't an HDF5 file with band images, the band isn't in it, or the limits forbid it.
    """
    warnings: list[HeaderWarning] = []
    with _open(path) as file:
        found = _images(file, limits)
        if not found:
            raise InputError(f"{path}: the HDF5 file has no band image (BandNNNnm/Image); name an EPIC L1A or L1B file")
        names = [name for name, _ in found]
        if band == "?":
            return {"names": names}, np.zeros((1, 1), np.uint8)
        if band is not None and band not in names:
            raise InputError(f"{path}: the HDF5 file has no band {band}; its bands are {', '.join(names)}")
        name, place = found[0] if band is None else found[names.index(band)]
        try:
            dataset = file[place]
            _check(path, dataset, limits)
            data = np.asarray(dataset[()])
        except InputError:
            raise
        except Exception as error:  # h5py raises OSError, RuntimeError, KeyError, ValueError ... on damaged files
            raise InputError(
                f"{path}: the image {place} can't be read ({_line(error)}); fetch the file again"
            ) from None
        label, bad = _attributes(file, place)
        warnings += bad
        earth = _optional(file, place.rsplit("/", 1)[0] + "/Geolocation/Earth/Mask", data.shape, warnings, limits)
    if earth is not None:
        label["earth_pixels"] = int(np.count_nonzero(earth))
    answer = {"names": names, "name": name, "label": label, "warnings": [asdict(w) for w in warnings]}
    return answer, data.astype(data.dtype.newbyteorder("<"), copy=False)


def _open(path: Path) -> h5py.File:
    import h5py

    try:
        return h5py.File(path, "r", locking=False)
    except Exception as error:  # as in read_hdf5
        raise InputError(f"{path}: the HDF5 file can't be opened ({_line(error)}); fetch it again") from None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__


def _images(file: h5py.File, limits: Limits) -> list[tuple[str, str]]:
    """Band name and path of each band image, sorted as in the file, bounded; broken groups are left out."""
    import h5py

    found = []
    try:
        names = list(file)[: limits.parts]
    except Exception:  # as in read_hdf5
        return []
    for name in names:
        match = _BAND.match(name)
        try:
            if not match or not isinstance(file.get(name, getlink=True), h5py.HardLink):
                continue
            link = file[name].get("Image", getlink=True)
            if isinstance(link, h5py.HardLink) and isinstance(file[f"{name}/Image"], h5py.Dataset):
                found.append((match.group(1), f"{name}/Image"))
        except Exception:  # as in read_hdf5: one broken band must not lose the others
            continue
    return found


def _check(path: Path, dataset: h5py.Dataset, limits: Limits) -> None:
    if dataset.dtype.kind not in "iuf" or dataset.dtype.itemsize > 8:
        raise InputError(f"{path}: the image {dataset.name} doesn't hold plain numbers; name an EPIC L1A or L1B file")
    if dataset.ndim != 2:
        raise InputError(f"{path}: the image {dataset.name} has {dataset.ndim} axes, not two")
    limits.check_array(path, dataset.shape, dataset.dtype)
    creation = dataset.id.get_create_plist()
    if creation.get_external_count() > 0 or dataset.is_virtual:
        raise InputError(f"{path}: the image {dataset.name} lies in another file, which is refused; repack the file")
    filters = {creation.get_filter(i)[0] for i in range(creation.get_nfilters())}
    if not filters <= _KNOWN_FILTERS:
        raise InputError(
            f"{path}: the image {dataset.name} uses an HDF5 filter plugin, which is refused; repack the file"
        )
    if dataset.chunks is not None:
        size = int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize
        if size > limits.unpacked_bytes:
            raise InputError(
                f"{path}: the chunks of {dataset.name} unpack to {size} bytes; raise Limits.unpacked_bytes"
            )


def _attributes(file: h5py.File, place: str) -> tuple[dict[str, Any], list[HeaderWarning]]:
    """Attributes of the file, the band and the image, the inner ones winning."""
    out: dict[str, Any] = {}
    bad = []
    for part in ("/", place.split("/", 1)[0], place):
        try:
            names = list(file[part].attrs)[:1000]
        except Exception:  # as in read_hdf5
            bad.append(HeaderWarning(part, "the attributes can't be read"))
            continue
        for name in names:
            try:
                out[name] = _plain(file[part].attrs[name])
            except Exception:  # as in read_hdf5
                bad.append(HeaderWarning(str(name), "this attribute can't be read"))
    return out, bad[:5]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, np.ndarray):
        if value.size > 1000:
            return f"array of {value.size} values"
        return _plain(value.ravel()[0]) if value.size == 1 else [_plain(v) for v in value.ravel()]
    return value.item() if isinstance(value, np.generic) else value


def _optional(
    file: h5py.File, place: str, shape: tuple[int, ...], warnings: list[HeaderWarning], limits: Limits
) -> Any:
    try:
        if place not in file:
            return None
        dataset = file[place]
        if dataset.shape != shape or dataset.dtype.kind not in "iub":
            return None
        _check(Path(file.filename), dataset, limits)
        return np.asarray(dataset[()])
    except Exception:  # as in read_hdf5: geolocation that can't be read must not lose the picture
        warnings.append(HeaderWarning(place, "this dataset can't be read"))
        return None


def main() -> None:
    """Answer one request on standard input; see the module."""
    out = sys.stdout.buffer
    out.write(b"ready\n")
    out.flush()
    request = json.loads(sys.stdin.readline())
    try:
        answer, data = extract(Path(request["path"]), request["band"], Limits(**request["limits"]))
    except InputError as error:
        answer, data = {"error": str(error)}, np.zeros((1, 1), np.uint8)
    head = {**answer, "shape": data.shape, "dtype": data.dtype.str}
    out.write(json.dumps(head, default=str).encode() + b"\n" + np.ascontiguousarray(data).tobytes())
    out.flush()


if __name__ == "__main__":
    main()
