"""How far the Earth's apparent limb stands above the ellipsoid, by band.

Scattered light in the atmosphere lifts the limb by 10-27 km. At 1.5e6 km one kilometre of height is 235 km of range,
so that the height, not the pixels, limits an Earth range; it is therefore a bias state with a prior.

Source of the priors: single-scattering estimates 23-27 km at 443 nm, 17-20 at 551, 14-18 at 680, 10-18 in the near
infrared; Artemis I is reported at about 25 km (second-hand, Inman & Holt 2024). Half of each span is taken as one
standard deviation, which errs on the wide side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from terraluna.errors import InputError


@dataclass(frozen=True)
class LimbHeight:
    """Height of the apparent limb above the body's surface and its standard deviation, km."""

    mean_km: float
    sigma_km: float


LIMB_HEIGHTS_KM: Final[dict[str, LimbHeight]] = {
    "443": LimbHeight(25.0, 2.0),
    "551": LimbHeight(18.5, 1.5),
    "680": LimbHeight(16.0, 2.0),
    "nir": LimbHeight(14.0, 4.0),
    # A panchromatic or unknown visible band can be any of the three.
    "visible": LimbHeight(20.5, 6.5),
}
"""Prior of the Earth's limb height by band (wavelength in nm)."""

_WAVELENGTHS_NM = (443.0, 551.0, 680.0)
_NIR_FROM_NM = 740.0
_BLUE_LIMIT_NM = 420.0


def limb_height_prior(band: str | float) -> LimbHeight:
    """Prior of the Earth's limb height in a band.

    Args:
        band: a key of :data:`LIMB_HEIGHTS_KM`, or a wavelength in nm between 420 and 1100: interpolated between the
            three visible bands, ``nir`` from 740 nm.

    Raises:
        InputError: an unknown band or a wavelength without an estimate.
    """
    if str(band) in LIMB_HEIGHTS_KM:
        return LIMB_HEIGHTS_KM[str(band)]
    try:
        wavelength = float(band)
    except ValueError:
        raise InputError(f"no limb height for band {band!r}; use one of {', '.join(LIMB_HEIGHTS_KM)} or nm") from None
    if not _BLUE_LIMIT_NM <= wavelength <= 1100.0:
        raise InputError(f"no limb height for {wavelength:g} nm; it is known from {_BLUE_LIMIT_NM:g} to 1100 nm")
    if wavelength >= _NIR_FROM_NM:
        return LIMB_HEIGHTS_KM["nir"]
    knots = [LIMB_HEIGHTS_KM[f"{w:.0f}"] for w in _WAVELENGTHS_NM]
    first, middle, last = _WAVELENGTHS_NM
    low, high, start, end = (0, 1, first, middle) if wavelength < middle else (1, 2, middle, last)
    share = min(max((wavelength - start) / (end - start), 0.0), 1.0)
    return LimbHeight(
        (1.0 - share) * knots[low].mean_km + share * knots[high].mean_km,
        (1.0 - share) * knots[low].sigma_km + share * knots[high].sigma_km,
    )
