"""Reading a plain array of samples from a place in a file, with whatever of it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.frames.limits import Limits
from terraluna.frames.observation import HeaderWarning


def read_raster(
    path: Path,
    offset: int,
    shape: tuple[int, int],
    dtype: str,
    limits: Limits,
    *,
    prefix_bytes: int = 0,
    suffix_bytes: int = 0,
    keyword: str = "IMAGE",
) -> tuple[NDArray[Any], NDArray[np.bool_], list[HeaderWarning]]:
    """Read ``shape`` samples that start at ``offset``, each row between a prefix and a suffix.

    Rows that the file doesn't hold are zero and masked, with a warning that names ``keyword``.

    Returns:
        Samples (rows, columns) in native byte order, mask of the missing ones, warnings.

    Raises:
        InputError: the shape is over the limits, or the file holds no whole row.
    """
    kind = np.dtype(dtype)
    limits.check_array(path, shape, kind)
    rows, columns = shape
    if min(offset, prefix_bytes, suffix_bytes) < 0 or max(prefix_bytes, suffix_bytes) > 1_000_000:
        raise InputError(
            f"{path}: {keyword} starts at byte {offset} with impossible line lengths; the label is damaged"
        )
    step = prefix_bytes + columns * kind.itemsize + suffix_bytes
    if rows * step > 2 * limits.data_bytes:
        raise InputError(
            f"{path}: {keyword} spans {rows * step} bytes, over the limit of {2 * limits.data_bytes}; "
            "raise Limits.data_bytes if that is right"
        )
    size = path.stat().st_size
    # The last row may lack its suffix and still be whole.
    here = max(0, min(rows, (size - offset + suffix_bytes) // step)) if size > offset else 0
    if here == 0:
        raise InputError(f"{path}: {keyword} should start at byte {offset} but the file ends at {size}; fetch it again")
    data = np.zeros(shape, dtype=kind.newbyteorder("="))
    mask = np.zeros(shape, dtype=np.bool_)
    with path.open("rb") as file:
        file.seek(offset)
        if prefix_bytes == 0 and suffix_bytes == 0:
            block = np.fromfile(file, dtype=kind, count=here * columns)
            data[:here] = block.reshape(here, columns)
        else:
            for row in range(here):
                line = file.read(step)
                data[row] = np.frombuffer(line, dtype=kind, count=columns, offset=prefix_bytes)
    warnings = []
    if here < rows:
        mask[here:] = True
        warnings.append(
            HeaderWarning(
                keyword,
                f"the file ends after {here} of {rows} rows; the rest is masked",
                stated=f"{rows} rows",
                expected=f"{here} rows",
            )
        )
    return data, mask, warnings


def mask_unusable(data: NDArray[Any], mask: NDArray[np.bool_], *invalid: float | None) -> NDArray[np.bool_]:
    """The mask with pixels that are not numbers, or that equal one of the ``invalid`` values, added."""
    out = mask.copy()
    plane = data if data.ndim == 2 else data[..., 0]
    if plane.dtype.kind == "f":
        out |= ~np.isfinite(plane)
    for value in invalid:
        if value is not None:
            out |= plane == value
    return out
