"""Packaged response curves of the filters."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np

from terraluna.camera.kernels import Floats
from terraluna.errors import InputError

_TABLE = "data/filters/curves.csv"


@cache
def _table() -> dict[str, tuple[Floats, Floats]]:
    rows: dict[str, list[tuple[float, float]]] = {}
    with files("terraluna").joinpath(_TABLE).open(encoding="utf-8") as stream:
        lines = (line for line in stream if not line.startswith("#"))
        for row in csv.DictReader(lines):
            rows.setdefault(row["filter"], []).append((float(row["nm"]), float(row["photon_response"])))
    out = {}
    for name, pairs in rows.items():
        grid, values = np.array(sorted(pairs)).T.copy()
        grid.flags.writeable = values.flags.writeable = False
        out[name] = (grid, values)
    return out


def curve_names() -> list[str]:
    """Names of the packaged curves."""
    return sorted(_table())


def filter_curve(name: str) -> tuple[Floats, Floats]:
    """Wavelengths (n,) nm and relative response per photon (n,), peak 1; InputError if no such curve is packaged."""
    try:
        return _table()[name]
    except KeyError:
        raise InputError(f"no packaged response curve {name!r}; the curves are {', '.join(curve_names())}") from None
