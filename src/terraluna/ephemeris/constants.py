"""Physical constants of the bodies, each with its source.

GM: DE440 (Park et al. 2021, AJ 161, 105, table 2). Radii and rotation: the text kernel
``data/kernels/terraluna.tpc`` (WGCCRE), which is what SPICE and this package both read.
"""

from __future__ import annotations

from typing import Final

C_KM_S: Final = 299792.458
"""Speed of light, km/s (exact)."""

AU_KM: Final = 149597870.7
"""Astronomical unit, km (IAU 2012 B2)."""

J2000_JD: Final = 2451545.0
"""Julian date (TDB) of the epoch J2000."""

DAY_S: Final = 86400.0

NAIF_IDS: Final[dict[str, int]] = {
    "ssb": 0,
    "mercury": 1,
    "venus": 2,
    "emb": 3,
    "mars": 4,
    "jupiter": 5,
    "saturn": 6,
    "uranus": 7,
    "neptune": 8,
    "sun": 10,
    "moon": 301,
    "earth": 399,
}
"""Bodies by name. The planets are system barycentres: DE440 has no segment for the body centre of Mars and beyond."""

GM_KM3_S2: Final[dict[str, float]] = {
    "sun": 132712440041.279419,
    "mercury": 22031.868551,
    "venus": 324858.592000,
    "earth": 398600.435507,
    "moon": 4902.800118,
    "mars": 42828.375816,
    "jupiter": 126712764.100000,
    "saturn": 37940584.841800,
}

EARTH_RADII_KM: Final = (6378.1366, 6378.1366, 6356.7519)
MOON_RADII_KM: Final = (1737.4, 1737.4, 1737.4)
MARS_RADII_KM: Final = (3396.19, 3396.19, 3376.20)
SUN_RADIUS_KM: Final = 695700.0
"""Nominal solar radius, km (IAU 2015 B3)."""

EARTH_J2: Final = 1.0826359e-3
"""Unnormalised J2 of the Earth (EGM2008, Pavlis et al. 2012; C20 = -4.84165e-4 normalised), radius 6378.1363 km."""

SOLAR_PRESSURE_1AU_N_M2: Final = 4.5390e-6
"""Solar radiation pressure at 1 au, N/m^2: 1360.8 W/m^2 (Kopp & Lean 2011) over c."""
