"""Places by name: where on the Earth or the Moon, as the vectors that conditions take."""

from __future__ import annotations

import csv
import difflib
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.errors import InputError

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Place:
    """A point of a body's ellipsoid.

    Attributes:
        body: ``earth`` or ``moon``.
        name: what it is called.
        lat_deg: geodetic latitude.
        lon_deg: east longitude.
    """

    body: str
    name: str
    lat_deg: float
    lon_deg: float

    @property
    def normal(self) -> Vector:
        """Unit vector (3,), body-fixed, straight up."""
        lat, lon = math.radians(self.lat_deg), math.radians(self.lon_deg)
        return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)

    @property
    def position_km(self) -> Vector:
        """Point (3,) of the surface, body-fixed km."""
        a, _, c = EARTH_RADII_KM if self.body == "earth" else MOON_RADII_KM
        x, y, z = self.normal
        n = math.sqrt(a * a * (x * x + y * y) + c * c * z * z)
        return a * a * x / n, a * a * y / n, c * c * z / n


@cache
def gazetteer() -> tuple[Place, ...]:
    """The packaged names."""
    text = files("terraluna").joinpath("data/places.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(Place(r["body"], r["name"], float(r["lat_deg"]), float(r["lon_deg"])) for r in rows)


def find_place(name: str) -> Place:
    """A place of the gazetteer, in any case; InputError suggests the nearest names."""
    known = {place.name.lower(): place for place in gazetteer()}
    key = name.strip().lower()
    if key in known:
        return known[key]
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(known[n].name for n in near)}?" if near else "give body, lat_deg and lon_deg"
    raise InputError(f"unknown place {name!r}; {hint}")
