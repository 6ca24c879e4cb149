"""The Moon as a whole: disc reflectance of ROLO and LIME, irradiance and magnitude at the observer.

ln A = sum a_i g^i + sum b_j Phi^(2j-1) + libration + d1 exp(-g/p1) + d2 exp(-g/p2) + d3 cos((g - p3)/p4).
Units are mixed inside the formula: g is in radians in the polynomial and in degrees in the exponentials and the
cosine, Phi (selenographic longitude of the Sun) in radians, observer latitude and longitude in degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from terraluna.errors import InputError
from terraluna.photometry.spectra import moon_spectrum, solar_irradiance
from terraluna.photometry.tables import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

DiscModel = Literal["lime-2025-10", "lime-2023-11", "lime-2023-01", "rolo"]

MOON_SOLID_ANGLE_SR: Final = 6.4177e-5
"""Solid angle of the Moon at 384400 km (Kieffer & Stone 2005)."""

MEAN_MOON_KM: Final = 384400.0

SOLAR_V_MAGNITUDE: Final = -26.76
"""V of the Sun at 1 au, Vega system (Willmer 2018, ApJS 236, 47)."""

_LIME_FILES: Final = {"lime-2025-10": "lime_20251010.csv", "lime-2023-11": "lime_20231120.csv"} | {
    "lime-2023-01": "lime_20230101.csv"
}

# ROLO: c1 and c3 go with observer longitude, c2 and c4 with latitude (Kieffer & Stone 2005, eq. 10).
_ROLO_C: Final = (0.00034115, -0.0013425, 0.00095906, 0.00066229)
_ROLO_P: Final = (4.06054, 12.8802, -30.5858, 16.7498)

_PHASE_RANGE_DEG: Final = {"rolo": (1.55, 97.0), "lime-2023-01": (2.0, 90.0), "lime-2023-11": (5.0, 90.0)} | {
    "lime-2025-10": (2.0, 90.0)
}
_BAND_RANGE_NM: Final = {"rolo": (350.0, 2383.6)} | dict.fromkeys(_LIME_FILES, (440.0, 1640.0))


@dataclass(frozen=True)
class DiscReflectance:
    """Disc-equivalent reflectance of the Moon: the mean I/F over its whole disc.

    Attributes:
        value: the reflectance A.
        wavelength_nm: where it holds.
        model: which model made it.
        extrapolated: phase or wavelength lies outside the model's data.
        notes: one line for each limit that was passed.
    """

    value: float
    wavelength_nm: float
    model: DiscModel
    extrapolated: bool
    notes: tuple[str, ...]


def band_wavelengths_nm(model: DiscModel = "lime-2025-10") -> NDArray[np.float64]:
    """Return the wavelengths of the model's own bands, nm."""
    return table(_table_name(model))["nm"]


def band_reflectances(
    phase_rad: float,
    sun_longitude_rad: float,
    latitude_rad: float,
    longitude_rad: float,
    model: DiscModel = "lime-2025-10",
) -> NDArray[np.float64]:
    """Return the disc reflectance in the model's own bands, as published.

    Args:
        phase_rad: phase angle; its absolute value is used.
        sun_longitude_rad: selenographic longitude of the Sun, positive east (waxing Moon), -pi..pi.
        latitude_rad: selenographic latitude of the observer.
        longitude_rad: selenographic longitude of the observer, positive east.
        model: coefficient set.

    Source: Kieffer & Stone 2005 (AJ 129, 2887); Toledano et al. 2024 (ACP 24, 3649).
    """
    t = table(_table_name(model))
    g = abs(phase_rad)
    g_deg = math.degrees(g)
    phi = math.remainder(sun_longitude_rad, 2.0 * math.pi)
    lat_deg = math.degrees(latitude_rad)
    lon_deg = math.degrees(longitude_rad)
    log_a = t["a0"] + t["a1"] * g + t["a2"] * g**2 + t["a3"] * g**3
    log_a = log_a + t["b1"] * phi + t["b2"] * phi**3 + t["b3"] * phi**5
    if model == "rolo":
        c1, c2, c3, c4 = _ROLO_C
        p1, p2, p3, p4 = (np.full(log_a.shape, value) for value in _ROLO_P)
        log_a = log_a + c1 * lon_deg + c2 * lat_deg + phi * (c3 * lon_deg + c4 * lat_deg)
    else:
        p1, p2, p3, p4 = (t[name] for name in ("p1", "p2", "p3", "p4"))
        log_a = log_a + t["c1"] * lat_deg + t["c2"] * lon_deg + phi * (t["c3"] * lat_deg + t["c4"] * lon_deg)
    log_a = log_a + t["d1"] * np.exp(-g_deg / p1) + t["d2"] * np.exp(-g_deg / p2) + t["d3"] * np.cos((g_deg - p3) / p4)
    return np.asarray(np.exp(log_a), dtype=np.float64)


def disc_reflectance(
    wavelength_nm: float,
    phase_rad: float,
    sun_longitude_rad: float = 0.0,
    latitude_rad: float = 0.0,
    longitude_rad: float = 0.0,
    model: DiscModel = "lime-2025-10",
) -> DiscReflectance:
    """Return the disc reflectance at any wavelength between 350 and 2500 nm.

    LIME: the six bands over the mean lunar spectrum (Velikodsky et al. 2011), that ratio linear in wavelength.
    ROLO: ln A linear in wavelength after the per-band factors that bring its 32 bands on one smooth spectrum.
    Beyond the end bands the lunar spectrum carries the shape, and the result is flagged.

    Raises:
        InputError: wavelength outside 350-2500 nm, phase not in 0..180 deg, or an unknown model.
    """
    _table_name(model)
    if not 0.0 <= abs(phase_rad) <= math.pi:
        raise InputError(
            f"phase angle {math.degrees(phase_rad):g} deg is outside 0-180: give the Sun-Moon-observer angle"
        )
    shape = float(moon_spectrum(wavelength_nm))
    bands = band_wavelengths_nm(model)
    values = band_reflectances(phase_rad, sun_longitude_rad, latitude_rad, longitude_rad, model)
    inside_nm = min(max(wavelength_nm, float(bands[0])), float(bands[-1]))
    if model == "rolo":
        smooth = np.log(values * table("rolo_2005.csv")["apollo_adjust"])
        value = float(np.exp(np.interp(inside_nm, bands, smooth))) * shape / float(moon_spectrum(inside_nm))
    else:
        value = float(np.interp(wavelength_nm, bands, values / moon_spectrum(bands))) * shape
    notes = []
    low, high = _PHASE_RANGE_DEG[model]
    g_deg = abs(math.degrees(phase_rad))
    if not low <= g_deg <= high:
        notes.append(f"{model}: phase {g_deg:.2f} deg is outside its data ({low:g}-{high:g} deg)")
    first, last = _BAND_RANGE_NM[model]
    if not first <= wavelength_nm <= last:
        notes.append(f"{model}: {wavelength_nm:g} nm is outside its bands ({first:g}-{last:g} nm)")
    if model == "lime-2023-11" and g_deg < 5.0:
        notes.append("lime-2023-11: up to 1.4x too bright in the blue below 5 deg, use lime-2025-10")
    return DiscReflectance(value, float(wavelength_nm), model, bool(notes), tuple(notes))


def irradiance_w_m2_nm(reflectance: DiscReflectance, sun_distance_au: float, observer_distance_km: float) -> float:
    """Return the Moon's spectral irradiance at the observer, W m-2 nm-1.

    Args:
        reflectance: from :func:`disc_reflectance`, inside the solar spectrum (250-1200 nm).
        sun_distance_au: Sun to Moon.
        observer_distance_km: Moon's centre to observer.
    """
    return float(
        reflectance.value
        * MOON_SOLID_ANGLE_SR
        / math.pi
        * solar_irradiance(reflectance.wavelength_nm)
        / sun_distance_au**2
        * (MEAN_MOON_KM / observer_distance_km) ** 2
    )


def magnitude(reflectance: float, sun_distance_au: float = 1.0, observer_distance_km: float = MEAN_MOON_KM) -> float:
    """Return the Moon's V magnitude from its disc reflectance near 550 nm (Sun V = -26.76)."""
    flux = reflectance * MOON_SOLID_ANGLE_SR / math.pi / sun_distance_au**2 * (MEAN_MOON_KM / observer_distance_km) ** 2
    return SOLAR_V_MAGNITUDE - 2.5 * math.log10(flux)


def krisciunas_schaefer_magnitude(phase_rad: float) -> float:
    """Return V of the Moon at mean distance, -12.73 + 0.026 |g| + 4e-9 g^4 with g in degrees: an independent check.

    Without the opposition surge. Source: Krisciunas & Schaefer 1991, PASP 103, 1033, eq. 9.
    """
    g_deg = abs(math.degrees(phase_rad))
    return -12.73 + 0.026 * g_deg + 4e-9 * g_deg**4


def _table_name(model: str) -> str:
    if model == "rolo":
        return "rolo_2005.csv"
    if model not in _LIME_FILES:
        raise InputError(f"lunar disc model {model!r} is unknown: use rolo, {', '.join(_LIME_FILES)}")
    return _LIME_FILES[model]
