"""Read the packaged photometric tables."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@cache
def table(name: str) -> dict[str, NDArray[np.float64]]:
    """Return the columns of a packaged CSV file by their header names.

    Args:
        name: file name in ``terraluna/data/photometry``. Lines that start with ``#`` are comments.

    Returns:
        Read-only float64 arrays of equal length, in file order.
    """
    text = files("terraluna").joinpath("data", "photometry", name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    header = lines[0].split(",")
    rows = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    columns = {key: np.ascontiguousarray(rows[:, index]) for index, key in enumerate(header)}
    for column in columns.values():
        column.setflags(write=False)
    return columns
