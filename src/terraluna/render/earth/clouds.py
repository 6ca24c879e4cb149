"""Cloud maps from NetCDF files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from terraluna.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

COVER_NAMES = ("cloud_fraction", "cloudfraction", "cldtot", "CLDTOT", "tcc", "clt", "cloud_cover", "CloudFraction")
"""Names of total cloud cover in common products: satellite level 3, MERRA-2, ERA5, CMIP."""


def load_cloud_netcdf(path: str | Path, variable: str | None = None, time_index: int = 0) -> NDArray[np.float32]:
    """Return effective cloud cover (h, w), 0..1, north up and from -180 degrees east, of a NetCDF file.

    NetCDF-3 is read with scipy, NetCDF-4 with h5py. Per cent are recognised by the unit; scale, offset and fill value
    are applied (missing cells become clear); a grid in 0..360 degrees or south up is turned over. The grid must be
    global and equirectangular.

    Args:
        path: the file.
        variable: name of the cover; one of `COVER_NAMES` if None.
        time_index: which step, where there is a leading axis (negative counts from the end).

    Raises:
        InputError: unreadable file, no such variable, or a grid that is not (time, lat, lon) or (lat, lon).
    """
    path = Path(path)
    data, attributes, axes = _read(path, variable)
    while data.ndim > 2:
        if not -data.shape[0] <= time_index < data.shape[0]:
            raise InputError(f"{path}: the cover has {data.shape[0]} steps, step {time_index} does not exist")
        data = data[time_index]
        time_index = 0
    if data.ndim != 2 or data.shape != (axes["lat"].size, axes["lon"].size):
        raise InputError(f"{path}: cloud cover must be a grid of latitude and longitude (got shape {data.shape})")
    values = np.array(data, dtype=np.float64)
    missing = ~np.isfinite(values)
    for key in ("_FillValue", "missing_value"):
        if key in attributes:
            missing |= values == float(np.ravel(attributes[key])[0])
    values = values * float(np.ravel(attributes.get("scale_factor", 1.0))[0])
    values += float(np.ravel(attributes.get("add_offset", 0.0))[0])
    if str(attributes.get("units", "1")).strip() in ("%", "percent"):
        values /= 100.0
    values[missing] = 0.0
    if values.min() < -0.01 or values.max() > 1.01:
        raise InputError(f"{path}: cloud cover must lie between 0 and 1 (found {values.min():g} to {values.max():g})")
    lat, lon = axes["lat"], (axes["lon"] + 180.0) % 360.0 - 180.0
    if np.ptp(lat) < 150.0 or np.ptp(lon) < 340.0:
        raise InputError(f"{path}: the cloud map must cover the whole Earth")
    values = values[np.argsort(-lat)][:, np.argsort(lon)]
    return np.ascontiguousarray(np.clip(values, 0.0, 1.0), np.float32)


def _read(path: Path, variable: str | None) -> tuple[Any, dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Variable, its attributes, and the axes lat and lon."""
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise InputError(f"{path}: cannot read this cloud map ({error.strerror})") from None
    try:
        if magic[:3] == b"CDF":
            from scipy.io import netcdf_file

            with netcdf_file(path, "r", mmap=False) as store:
                found = {name: (v[:].copy(), dict(v._attributes)) for name, v in store.variables.items()}
        else:
            import h5py

            with h5py.File(path, "r") as store:
                found = {name: (v[...], dict(v.attrs)) for name, v in store.items() if isinstance(v, h5py.Dataset)}
    except (OSError, TypeError, ValueError) as error:
        raise InputError(f"{path}: cannot read this cloud map ({error}); give NetCDF, PNG or TIFF") from None
    names = COVER_NAMES if variable is None else (variable,)
    name = next((n for n in names if n in found), None)
    axes = {}
    for axis, choices in (("lat", ("lat", "latitude")), ("lon", ("lon", "longitude"))):
        key = next((n for n in choices if n in found), None)
        if key is not None:
            axes[axis] = np.asarray(found[key][0], dtype=np.float64)
    if name is None or len(axes) < 2:
        raise InputError(
            f"{path}: no cloud cover on lat and lon ({', '.join(names)}); variables are {', '.join(sorted(found))}"
        )
    data, attributes = found[name]
    text = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
    return data, text, axes
