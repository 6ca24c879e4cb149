"""HDF5 files of DSCOVR EPIC: L1A (counts) and L1B (counts per second, several bands, with geolocation).

Layout: one group a band, ``Band443nm`` and so on, each with a dataset ``Image`` and, in L1B, ``Geolocation``; times and
positions are attributes of the file or of the band. Rows are kept as stored. External files and links to other files
are never followed, and filters that aren't part of HDF5 itself are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from terraluna.errors import InputError
from terraluna.frames.epic import epic_observation
from terraluna.frames.limits import Limits
from terraluna.frames.observation import HeaderWarning, Observation, RawFrame
from terraluna.frames.raster import mask_unusable
from terraluna.frames.values import number

if TYPE_CHECKING:
    import h5py

_BAND: Final = re.compile(r"Band(\d{3})nm\Z")
_KNOWN_FILTERS: Final = frozenset({0, 1, 2, 3, 4, 5, 6})
"""Registered in HDF5 itself: none, deflate, shuffle, fletcher32, szip, nbit, scale-offset."""


def bands(path: Path, limits: Limits | None = None) -> list[str]:
    """Names of the bands in an EPIC HDF5 file, such as ``443``, in the file's order; InputError if it isn't one."""
    with _open(path) as file:
        return [name for name, _ in _images(file, limits or Limits())]


def read_hdf5(path: Path, sha256: str, limits: Limits, band: str | None = None) -> RawFrame:
    """Read one band of an EPIC HDF5 file.

    Args:
        path: the file.
        sha256: its checksum, for the observation.
        limits: bounds on the array.
        band: wavelength in nm such as ``443``; the first in the file if None.

    Raises:
        InputError: it isn't an HDF5 file with band images, the band isn't in it, or the limits forbid it.
    """
    warnings: list[HeaderWarning] = []
    with _open(path) as file:
        found = _images(file, limits)
        if not found:
            raise InputError(f"{path}: the HDF5 file has no band image (BandNNNnm/Image); name an EPIC L1A or L1B file")
        names = [name for name, _ in found]
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
        mask_values = (number(label.get(k)) for k in ("_FillValue", "missing_value"))
        label["_names"] = names
        earth_mask = _optional(file, place.rsplit("/", 1)[0] + "/Geolocation/Earth/Mask", data.shape, warnings)
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    mask = mask_unusable(data, np.zeros(data.shape, dtype=np.bool_), *mask_values)
    observation = _observation(path, sha256, label, name, (data.shape[0], data.shape[1]))
    if earth_mask is not None:
        observation.label["earth_pixels"] = int(np.count_nonzero(earth_mask))  # type: ignore[index]
    return RawFrame(data, mask, observation, tuple(warnings))


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


def _optional(file: h5py.File, place: str, shape: tuple[int, ...], warnings: list[HeaderWarning]) -> Any:
    try:
        if place not in file:
            return None
        dataset = file[place]
        return np.asarray(dataset[()]) if dataset.shape == shape and dataset.dtype.kind in "iub" else None
    except Exception:  # as in read_hdf5: geolocation that can't be read must not lose the picture
        warnings.append(HeaderWarning(place, "this dataset can't be read"))
        return None


def _observation(path: Path, sha256: str, label: Mapping[str, Any], band: str, shape: tuple[int, int]) -> Observation:
    # L1B holds counts per second, L1A counts; either says so only in the file name and the type of its samples.
    level_1b = "_1b_" in path.name.lower() or "l1b" in path.name.lower()
    return epic_observation(path, sha256, "hdf5", dict(label), shape, band=band, unit="DN/s" if level_1b else "DN")
