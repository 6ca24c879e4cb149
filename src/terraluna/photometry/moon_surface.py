"""The Moon's surface in one band: I/F at any place and geometry, at the level of the measured disc."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit, prange

from terraluna.photometry.hapke import HapkeMaps, moon_parameters, moon_radiance_factor
from terraluna.photometry.moon_scale import scale_coefficients, scale_factor
from terraluna.photometry.spectra import moon_spectrum

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from terraluna.photometry.band import Band


_BAND_SAMPLES: Final = 9
"""Wavelengths at which a band's parameters are averaged, each standing for an equal share of its electrons."""


@dataclass(frozen=True, eq=False)
class MoonSurface:
    """Photometric model of the lunar surface at one wavelength or in one band.

    Attributes:
        wavelength_nm: where the model is evaluated; for a band the mean wavelength of its electrons.
        maps: Hapke parameters, for a band their mean over it (within 1 % of the full integral over a 300 nm band).
        scale_a: ln of the disc factor at zero phase.
        scale_b: its slope per radian of phase.
    """

    wavelength_nm: float
    maps: HapkeMaps
    scale_a: float
    scale_b: float

    @classmethod
    def at(cls, wavelength_nm: float) -> MoonSurface:
        """Return the model at a wavelength; InputError outside 350-1200 nm."""
        return cls(float(wavelength_nm), moon_parameters(float(wavelength_nm)), *scale_coefficients(wavelength_nm))

    @classmethod
    def for_band(cls, band: Band) -> MoonSurface:
        """Return the model for a band.

        Raises:
            InputError: the band's light reaches outside 350-1200 nm.
        """
        samples = band.quantiles_nm((np.arange(_BAND_SAMPLES) + 0.5) / _BAND_SAMPLES)
        maps = [moon_parameters(float(nm)) for nm in samples]
        # The factor acts on the reflected light, so it is averaged with the lunar spectrum as weight.
        factors = np.array([scale_coefficients(float(nm)) for nm in samples])
        a, b = np.average(factors, axis=0, weights=moon_spectrum(samples))
        centre = float(samples.mean())
        mean = HapkeMaps(
            wavelength_nm=centre,
            parameters=np.mean([item.parameters for item in maps], axis=0),
            theta_rad=maps[0].theta_rad,
            extrapolated=any(item.extrapolated for item in maps),
            shape_held=any(item.shape_held for item in maps),
        )
        return cls(centre, mean, float(a), float(b))

    @property
    def extrapolated(self) -> bool:
        """The wavelength, or a part of the band, lies outside 400-900 nm."""
        return self.maps.extrapolated

    def scale(self, phase_rad: float) -> float:
        """Return the disc factor k for a phase angle."""
        return scale_factor(self.scale_a, self.scale_b, phase_rad)

    def radiance_factor(
        self,
        lat: ArrayLike,
        lon: ArrayLike,
        mu0: ArrayLike,
        mu: ArrayLike,
        phase_rad: float,
        ratio: ArrayLike = 1.0,
    ) -> NDArray[np.float64]:
        """Return I/F for arrays of places that share one phase angle.

        Args:
            lat: selenographic latitude, rad.
            lon: east longitude, rad.
            mu0: cosine of incidence; I/F is 0 where mu0 <= 0 or mu <= 0.
            mu: cosine of emission.
            phase_rad: phase angle.
            ratio: albedo detail (:func:`terraluna.photometry.hapke.sharpening_ratio` sampled at the places).

        Returns:
            Array of the broadcast shape. For an extended scene call it with the phase angle of the body's centre; over
            the disc of a body seen from afar the angle changes by less than its angular size.
        """
        arrays = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (lat, lon, mu0, mu, ratio)))
        places = np.ascontiguousarray(np.stack(arrays, axis=-1)).reshape(-1, 5)
        scale = self.scale(phase_rad)
        values = _radiance_factors(self.maps.parameters, self.maps.theta_rad, scale, float(phase_rad), places)
        return np.asarray(values, dtype=np.float64).reshape(arrays[0].shape)


@njit(cache=True, parallel=True)
def _radiance_factors(
    grid: NDArray[np.float64], theta: float, scale: float, g: float, places: NDArray[np.float64]
) -> NDArray[np.float64]:
    out = np.empty(places.shape[0])
    for n in prange(out.size):
        lat, lon, mu0, mu, ratio = places[n, 0], places[n, 1], places[n, 2], places[n, 3], places[n, 4]
        out[n] = moon_radiance_factor(grid, theta, scale, lat, lon, mu0, mu, g, ratio)
    return out
