"""The sky as a camera sees it at an instant: stars and planets with apparent places, and how to find them fast.

Stars come from the packaged Hipparcos cut with proper motion, parallax and stellar aberration; planets from the
ephemeris with light time and the same aberration, as additional objects of the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.errors import GeometryError, InputError
from terraluna.instrument.planets import PLANETS, view_planet
from terraluna.instrument.stars import MEASURED_V, apparent_stars, v_from_hp
from terraluna.opnav.types import Floats
from terraluna.render.starmap import EPOCH_JYEAR, load_stars
from terraluna.scene.apparent import Observer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraluna.ephemeris import Ephemeris

Ints = NDArray[np.int64]

_CELLS: Final = 64
"""Cells of the search grid along each axis of the cube around the unit sphere; a cell is 1.8 deg wide."""

_YEAR_S: Final = 365.25 * 86400.0
_MAS: Final = np.pi / 180.0 / 3600.0e3


class SkyIndex(NamedTuple):
    """A sky for the kernels: places, magnitudes, the grid, and the faintest magnitude that counts."""

    places: Floats
    mags: Floats
    start: Ints
    items: Ints
    limit: float


@dataclass(frozen=True, eq=False)
class Sky:
    """Stars and planets as seen at one instant; stars first, brightest (Hp) first, then planets.

    Attributes:
        et: TDB seconds past J2000.
        directions: (n, 3) apparent unit vectors, J2000.
        v_mag: (n,) Johnson V.
        v_rising: (n,) the same, sorted.
        hip: (stars,) Hipparcos numbers.
        planets: names of the planets, in the order of the last rows.
        grid_start: (cells + 1,) first entry of each cell in ``grid_items``.
        grid_items: (n,) rows by cell.
        motion_year: Julian year, rounded to a decade, for which pattern tables are made.
    """

    et: float
    directions: Floats
    v_mag: Floats
    v_rising: Floats
    hip: NDArray[np.int32]
    planets: tuple[str, ...]
    grid_start: Ints
    grid_items: Ints
    motion_year: float

    def name(self, row: int) -> str:
        """Name of a row: "HIP 80763" or a planet's name."""
        return f"HIP {self.hip[row]}" if row < self.hip.size else self.planets[row - self.hip.size]

    def row(self, name: str) -> int:
        """Row of a name; InputError if it is not in the catalogue."""
        if name in self.planets:
            return self.hip.size + self.planets.index(name)
        number = name.removeprefix("HIP").strip()
        found = np.flatnonzero(self.hip == int(number)) if number.isdecimal() else np.zeros(0, np.int64)
        if not found.size:
            raise InputError(f"no star or planet {name!r} in the catalogue; write 'HIP 80763' or a planet's name")
        return int(found[0])

    def index(self, limit_v: float) -> SkyIndex:
        """The arrays for the kernels, down to a magnitude."""
        return SkyIndex(self.directions, self.v_mag, self.grid_start, self.grid_items, limit_v)

    def limit_for(self, count: float, solid_angle_sr: float) -> float:
        """V magnitude down to which an average field of that solid angle holds ``count`` objects."""
        rank = int(np.clip(count * 4.0 * np.pi / max(solid_angle_sr, 1e-9), 20.0, self.hip.size)) - 1
        return float(self.v_rising[rank])


def sky_at(
    ephemeris: Ephemeris,
    et: float,
    observer: Observer | None = None,
    planets: Sequence[str] = PLANETS,
) -> Sky:
    """Return the sky at an instant.

    Args:
        ephemeris: gives planets and velocities.
        et: TDB seconds past J2000.
        observer: who looks; None for the centre of the Earth, which is right to the difference of the velocities
            (3.4 arcsec for 1 km/s times the sine of the angle) and to the planets' parallax.
        planets: the planets to add; empty where the date isn't known. A planet too near the Sun for its magnitude
            formula is left out.

    Raises:
        InputError: an unknown planet.
        GeometryError: the observer's epoch differs from ``et``, or it is inside a planet.
    """
    if observer is None:
        observer = Observer.from_state(ephemeris, et, np.zeros(6), "earth")
    elif abs(observer.et - et) > 1.0:
        off = observer.et - et
        raise GeometryError(f"the observer's epoch is {off:.0f} s off the picture's; give the state at its time")
    table = load_stars()
    seen = [v for v in (view_planet(ephemeris, p, observer) for p in planets) if np.isfinite(v.v_mag)]
    places = np.concatenate([apparent_stars(observer), np.array([v.direction_j2000 for v in seen]).reshape(-1, 3)])
    mags = np.concatenate([_star_magnitudes(), [v.v_mag for v in seen]])
    start, items = _build_grid(np.ascontiguousarray(places))
    decade = 2000.0 + 10.0 * round(et / _YEAR_S / 10.0)
    return Sky(
        et,
        np.ascontiguousarray(places),
        mags,
        np.sort(mags),
        table.hip,
        tuple(v.name for v in seen),
        start,
        items,
        decade,
    )


@lru_cache(maxsize=1)
def _star_magnitudes() -> Floats:
    table = load_stars()
    v = v_from_hp(table.hp_mag.astype(np.float64), table.b_v_mag.astype(np.float64))
    for hip, value in MEASURED_V.items():
        v[table.hip == hip] = value
    v.flags.writeable = False
    return v


@njit(cache=True)
def _cell(x: float) -> int:
    return min(_CELLS - 1, max(0, int((x + 1.0) * (0.5 * _CELLS))))


@njit(cache=True)
def _build_grid(places: Floats) -> tuple[Ints, Ints]:
    n = places.shape[0]
    keys = np.empty(n, np.int64)
    start = np.zeros(_CELLS**3 + 1, np.int64)
    for i in range(n):
        keys[i] = (_cell(places[i, 0]) * _CELLS + _cell(places[i, 1])) * _CELLS + _cell(places[i, 2])
        start[keys[i] + 1] += 1
    for k in range(_CELLS**3):
        start[k + 1] += start[k]
    # A stable fill keeps the rows of a cell in the catalogue's order, brightest first.
    fill = start[:-1].copy()
    items = np.empty(n, np.int64)
    for i in range(n):
        items[fill[keys[i]]] = i
        fill[keys[i]] += 1
    return start, items


@njit(cache=True)
def nearest(x: float, y: float, z: float, radius: float, index: SkyIndex) -> tuple[int, float]:
    """Row of the object nearest to a unit vector and the chord to it, among those of ``index`` within ``radius``.

    ``radius`` (rad, small) is used as a chord. (-1, radius) where there is none.
    """
    best = -1
    least = radius * radius
    for ix in range(_cell(x - radius), _cell(x + radius) + 1):
        for iy in range(_cell(y - radius), _cell(y + radius) + 1):
            for iz in range(_cell(z - radius), _cell(z + radius) + 1):
                key = (ix * _CELLS + iy) * _CELLS + iz
                for at in range(index.start[key], index.start[key + 1]):
                    j = index.items[at]
                    dx = index.places[j, 0] - x
                    dy = index.places[j, 1] - y
                    dz = index.places[j, 2] - z
                    d = dx * dx + dy * dy + dz * dz
                    if d < least and index.mags[j] <= index.limit:
                        least = d
                        best = j
    return best, np.sqrt(least)


class Pairs(NamedTuple):
    """Pairs of objects by separation: ``angle`` (m,) rad, rising; rows ``first`` and ``second`` (m,)."""

    angle: Floats
    first: NDArray[np.int32]
    second: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class PairTable:
    """Pairs of bright, evenly spread stars, and the rows ``chosen`` of the stars that take part."""

    pairs: Pairs
    chosen: Ints


@lru_cache(maxsize=8)
def pair_table(year: float, radius_rad: float, stars_per_field: int, longest_rad: float) -> PairTable:
    """Return the pairs up to ``longest_rad`` of the stars that are among the brightest of their neighbourhood.

    A star takes part while fewer than ``stars_per_field`` brighter ones that take part lie within ``radius_rad``: poor
    fields get fainter stars, rich ones don't flood the table. Barycentric places at the Julian year: aberration changes
    a separation by at most 1e-4 of it.
    """
    table = load_stars()
    sd, cd = np.sin(table.dec_rad), np.cos(table.dec_rad)
    sr, cr = np.sin(table.ra_rad), np.cos(table.ra_rad)
    east, north = np.stack([-sr, cr, 0.0 * sr], 1), np.stack([-sd * cr, -sd * sr, cd], 1)
    years = (year - EPOCH_JYEAR) * _MAS
    u = np.stack([cd * cr, cd * sr, sd], 1)
    u += years * (table.pm_ra_cosdec_mas_yr[:, None] * east + table.pm_dec_mas_yr[:, None] * north)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    rows = _spread(u, np.cos(radius_rad), stars_per_field)
    angle, first, second = _pairs(u[rows], np.sin(0.5 * longest_rad) * 2.0)
    order = np.argsort(angle)
    lookup = rows.astype(np.int32)
    return PairTable(Pairs(angle[order], lookup[first[order]], lookup[second[order]]), rows)


@njit(cache=True)
def _spread(u: Floats, cosine: float, most: int) -> Ints:
    """Rows of the stars with fewer than ``most`` kept, brighter ones nearer than the angle of that cosine."""
    n = u.shape[0]
    kept = np.empty(n, np.int64)
    # By bands of z, so that a star is compared only with those that can be near.
    bands = 90
    band = np.empty((bands, n // 4), np.int64)
    filled = np.zeros(bands, np.int64)
    # A cap of that radius spans at most its chord in z.
    reach = int(np.ceil(np.sqrt(2.0 - 2.0 * cosine) * bands / 2.0)) + 1
    count = 0
    for i in range(n):
        b = min(bands - 1, int((u[i, 2] + 1.0) * bands / 2.0))
        near = 0
        for c in range(max(0, b - reach), min(bands, b + reach + 1)):
            for k in range(filled[c]):
                j = band[c, k]
                if u[i, 0] * u[j, 0] + u[i, 1] * u[j, 1] + u[i, 2] * u[j, 2] > cosine:
                    near += 1
                    if near >= most:
                        break
            if near >= most:
                break
        if near < most and filled[b] < band.shape[1]:
            band[b, filled[b]] = i
            filled[b] += 1
            kept[count] = i
            count += 1
    return kept[:count].copy()


@njit(cache=True)
def _pairs(u: Floats, chord: float) -> tuple[Floats, Ints, Ints]:
    order = np.argsort(u[:, 2])
    n = order.size
    total = 0
    for stage in range(2):
        if stage == 1:
            angle = np.empty(total)
            first = np.empty(total, np.int64)
            second = np.empty(total, np.int64)
            total = 0
        for a in range(n):
            i = order[a]
            for b in range(a + 1, n):
                j = order[b]
                dz = u[j, 2] - u[i, 2]
                if dz > chord:
                    break
                dx = u[j, 0] - u[i, 0]
                dy = u[j, 1] - u[i, 1]
                d = np.sqrt(dx * dx + dy * dy + dz * dz)
                if d <= chord:
                    if stage == 1:
                        angle[total] = 2.0 * np.arcsin(min(1.0, 0.5 * d))
                        first[total] = i
                        second[total] = j
                    total += 1
    return angle, first, second
