"""The packaged star cut: Hipparcos stars brighter than Hp 8."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

__all__ = ["EPOCH_JYEAR", "StarTable", "load_stars"]

#: Epoch of the positions, Julian year (TT).
EPOCH_JYEAR = 1991.25


@dataclass(frozen=True)
class StarTable:
    """Stars of the Hipparcos new reduction (van Leeuwen 2007, CDS I/311), brightest first; all fields are (n,).

    Positions are ICRS at J1991.25, as seen from the solar system's barycentre. ``pm_ra_cosdec`` is the motion along
    right ascension times cos(dec). ``hp_mag`` is the Hipparcos magnitude, not V; ``b_v_mag`` is Johnson B-V.
    """

    hip: NDArray[np.int32]
    ra_rad: NDArray[np.float64]
    dec_rad: NDArray[np.float64]
    parallax_mas: NDArray[np.float32]
    pm_ra_cosdec_mas_yr: NDArray[np.float32]
    pm_dec_mas_yr: NDArray[np.float32]
    hp_mag: NDArray[np.float32]
    b_v_mag: NDArray[np.float32]


@lru_cache(maxsize=1)
def load_stars() -> StarTable:
    """The packaged stars, read once per process; the arrays are shared and read-only."""
    with files("terraluna").joinpath("data", "stars", "hipparcos_hp8.npz").open("rb") as stream:
        table = np.load(stream, allow_pickle=False)["stars"]
    columns = {name: np.ascontiguousarray(table[name]) for name in table.dtype.names}
    for values in columns.values():
        values.setflags(write=False)
    return StarTable(**columns)
