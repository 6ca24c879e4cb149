"""Spectral properties of air, water and ground from packaged tables and published formulas.

Sources are listed in ``data/photometry/earth_SOURCES.md``. Wavelengths in nm, arrays in, arrays of the same shape out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from terraluna.errors import InputError
from terraluna.photometry.tables import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RANGE_NM: Final = (300.0, 1100.0)
"""Wavelengths for which the model is defined, nm."""

SEA_LEVEL_HPA: Final = 1013.25
DOBSON_M2: Final = 2.687e20
"""Molecules per m2 in one Dobson unit."""

OZONE_HUGGINS: Final = {
    300.0: 3.9e-23,
    305.0: 2.0e-23,
    310.0: 9.8e-24,
    315.0: 5.0e-24,
    320.0: 2.7e-24,
    325.0: 1.3e-24,
    330.0: 5.8e-25,
    335.0: 2.6e-25,
    340.0: 1.2e-25,
    345.0: 5.0e-26,
    350.0: 2.0e-26,
    355.0: 7.0e-27,
}
"""Ozone cross sections m2 below the packaged table, rounded to some 20 %: no primary source was at hand."""

CONTINUUM_NM: Final = (670.0, 680.0, 710.0, 755.0, 780.0, 870.0, 1040.0)
"""Windows between the bands of oxygen and water vapour; what the composite lacks of the line through them is lost."""

_MEAN_ROOT_AIRMASS: Final = 1.2
"""Mean of mu^-1/2 over a full disc, weighted by the light of a Lambert sphere."""


def check_bands(bands_nm: Floats) -> Floats:
    """Return the wavelengths as float64; InputError if one lies outside `RANGE_NM`."""
    bands = np.ascontiguousarray(bands_nm, dtype=np.float64)
    if not bool(np.all((bands >= RANGE_NM[0]) & (bands <= RANGE_NM[1]))):
        raise InputError(
            f"the Earth's reflectance is modelled from {RANGE_NM[0]:g} to {RANGE_NM[1]:g} nm: "
            f"choose bands inside that range (got {', '.join(f'{b:g}' for b in bands.ravel())})"
        )
    return bands


def king_factor(bands_nm: Floats) -> Floats:
    """Return the King factor of air with 360 ppm CO2 (Bodhaine et al. 1999, eqs. 5, 6 and 23)."""
    inverse = (np.asarray(bands_nm) * 1e-3) ** -2
    nitrogen = 1.034 + 3.17e-4 * inverse
    oxygen = 1.096 + 1.385e-3 * inverse + 1.448e-4 * inverse**2
    total = 78.084 * nitrogen + 20.946 * oxygen + 0.934 + 0.036 * 1.15
    return np.asarray(total / (78.084 + 20.946 + 0.934 + 0.036), dtype=np.float64)


def rayleigh_depth(bands_nm: Floats) -> Floats:
    """Return the vertical Rayleigh optical depth at 1013.25 hPa, 45 degrees: Bodhaine et al. 1999, eqs. 20 to 30.

    Air with 360 ppm CO2; the closed form agrees with the full formula to 1e-5 (J. Atmos. Oceanic Technol. 16, 1854).
    """
    square = (np.asarray(bands_nm, dtype=np.float64) * 1e-3) ** 2
    top = 1.0455996 - 341.29061 / square - 0.90230850 * square
    return np.asarray(0.0021520 * top / (1.0 + 0.0027059889 / square - 85.968563 * square), dtype=np.float64)


def ozone_depth(bands_nm: Floats, dobson: float) -> Floats:
    """Return the vertical optical depth of an ozone column in Dobson units; none beyond 740 nm."""
    columns = table("earth_ozone.csv")
    nm = np.concatenate([list(OZONE_HUGGINS), columns["nm"], [columns["nm"][-1] + 10.0]])
    sigma = np.concatenate([list(OZONE_HUGGINS.values()), columns["sigma_m2"], [0.0]])
    return np.asarray(np.interp(bands_nm, nm, sigma) * dobson * DOBSON_M2, dtype=np.float64)


def gas_exponent(bands_nm: Floats) -> Floats:
    """Return k of the transmission exp(-k / sqrt(mu)) that oxygen and water vapour have on each of the two legs.

    From the Earth's composite spectrum (5 nm means) over its continuum: the square root is the law of strong lines.
    One mean value for the Earth: clouds, which shorten the path, and moisture are not told apart.
    """
    columns = table("earth_composite.csv")
    nm, albedo = columns["nm"], columns["albedo"]
    window = np.interp(nm, CONTINUUM_NM, np.interp(CONTINUUM_NM, nm, albedo))
    share = np.where((nm > CONTINUUM_NM[0]) & (nm < CONTINUUM_NM[-1]), np.minimum(albedo / window, 1.0), 1.0)
    transmission = np.interp(bands_nm, nm, share)
    return np.asarray(-np.log(transmission) / (2.0 * _MEAN_ROOT_AIRMASS), dtype=np.float64)


def land_spectra(bands_nm: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the reflectance of bare land, vegetation (Wen et al. 2019, held beyond 400-800 nm) and snow.

    Snow: 0.90 in the visible, falling to 0.75 at 1000 nm as grains of some 0.1 mm do.
    """
    columns = table("earth_land_spectra.csv")
    bare = np.interp(bands_nm, columns["nm"], columns["bare"])
    green = np.interp(bands_nm, columns["nm"], columns["vegetation"])
    snow = np.interp(bands_nm, [300.0, 700.0, 800.0, 900.0, 1000.0, 1100.0], [0.9, 0.9, 0.88, 0.84, 0.75, 0.7])
    return bare, green, snow


def sea_index(bands_nm: Floats) -> Floats:
    """Return the refractive index of sea water: Hale & Querry 1973 plus 0.006 for salt."""
    columns = table("sea_water_index.csv")
    return np.asarray(np.interp(bands_nm, columns["nm"], columns["index"]), dtype=np.float64)


def foam_reflectance(bands_nm: Floats) -> Floats:
    """Return the effective reflectance of whitecaps: 0.22 in the visible, 0.20 at 1000 nm (Koepke 1984)."""
    return np.asarray(np.interp(bands_nm, [700.0, 800.0, 900.0, 1000.0], [0.22, 0.215, 0.21, 0.20]), dtype=np.float64)


def foam_fraction(wind_m_s: float) -> float:
    """Return the part of the sea under whitecaps: 2.951e-6 W^3.52 (Monahan & O'Muircheartaigh 1980)."""
    return float(min(1.0, 2.951e-6 * wind_m_s**3.52))


def water_leaving(bands_nm: Floats, chlorophyll: float) -> Floats:
    """Return the diffuse reflectance of the water body just above the surface, case 1 waters of Morel 1988.

    Irradiance reflectance below the surface R = 0.33 bb / (u Kd), u = 0.90 (1 - R) / (1 + 2.25 R); above it
    0.52 R / (1 - 0.48 R) for passage both ways. Held below 400 nm; none from 720 nm on.

    Args:
        bands_nm: wavelengths.
        chlorophyll: mg per m3.
    """
    columns = table("sea_morel1988.csv")
    nm = columns["nm"]
    scattering = 0.30 * chlorophyll**0.62
    share = 0.002 + 0.02 * (0.5 - 0.25 * np.log10(chlorophyll)) * 550.0 / nm
    ratio = (0.5 * columns["water_scattering_per_m"] + share * scattering) / (
        columns["kw_per_m"] + columns["chi"] * chlorophyll ** columns["exponent"]
    )
    below = 0.33 * ratio / 0.75
    for _ in range(40):
        below = 0.33 * ratio * (1.0 + 2.25 * below) / (0.90 * (1.0 - below))
    above = 0.52 * below / (1.0 - 0.48 * below)
    return np.asarray(np.interp(bands_nm, [*nm, 720.0], [*above, 0.0]), dtype=np.float64)


def water_cloud_phase() -> tuple[Floats, Floats, Floats]:
    """Return the phase function of water droplets: cosines of the scattering angle (rising), values, moments."""
    phase = table("cloud_water_phase.csv")
    cosines = np.cos(np.radians(phase["scattering_angle_deg"]))[::-1]
    return (
        np.ascontiguousarray(cosines),
        np.ascontiguousarray(phase["phase_function"][::-1]),
        table("cloud_water_moments.csv")["moment"],
    )
