"""Land at any wavelength from the land map's three channels."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from terraluna.render.earth import tables
from terraluna.render.maps import BANDS_NM
from terraluna.render.pyramid import FULL_SCALE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from terraluna.render.pyramid import Pyramid

    Floats = NDArray[np.float64]

_BLOCK = 64
"""Rows that are worked on at a time: float64 copies of a whole map would take a quarter of a gigabyte."""


def endmember_shares(land: Floats) -> Floats:
    """Return (h, w, 3) amounts of bare land, vegetation and snow that make up a map of three channels.

    The three channels fix three amounts; those that come out negative are set to zero.
    """
    members = np.stack(tables.land_spectra(np.array(BANDS_NM)))
    return np.asarray(np.maximum(land @ np.linalg.inv(members), 0.0), dtype=np.float64)


def band_reflectance(land: Floats, bands_nm: Sequence[float]) -> Floats:
    """Return (h, w, bands) reflectance of land from a map (h, w, 3) at 680, 551, 443 nm.

    At 443, 551 and 680 nm the map's own channels. Between them linear in wavelength, plus what the endmembers (bare
    land, vegetation, snow; Wen et al. 2019) depart there from their own straight line. Beyond them the nearest channel
    times the ratio of the endmembers' mixture between the two wavelengths: this is the vegetation's red edge.
    """
    out = np.empty((*land.shape[:2], len(bands_nm)))
    shares = None
    at_channels = np.stack(tables.land_spectra(np.array(BANDS_NM)))
    for b, nm in enumerate(bands_nm):
        if nm in BANDS_NM:
            out[..., b] = land[..., BANDS_NM.index(float(nm))]
            continue
        shares = endmember_shares(land) if shares is None else shares
        here = np.stack(tables.land_spectra(np.array([nm])))[:, 0]
        if BANDS_NM[2] < nm < BANDS_NM[0]:
            upper = 0 if nm > BANDS_NM[1] else 1
            f = (nm - BANDS_NM[upper + 1]) / (BANDS_NM[upper] - BANDS_NM[upper + 1])
            bend = here - f * at_channels[:, upper] - (1.0 - f) * at_channels[:, upper + 1]
            value = f * land[..., upper] + (1.0 - f) * land[..., upper + 1] + shares @ bend
        else:
            channel = 0 if nm > BANDS_NM[0] else 2
            value = land[..., channel] * (shares @ here) / np.maximum(shares @ at_channels[:, channel], 1e-6)
        out[..., b] = np.clip(value, 0.0, 0.95)
    return out


@lru_cache(maxsize=6)
def land_bands(land: Pyramid, index: int, bands_nm: tuple[float, ...]) -> NDArray[np.uint16]:
    """Return (h, w, bands) reflectance of land in 1 / `FULL_SCALE`, kept in memory for the last few maps and bands.

    Args:
        land: three channels, 680, 551, 443 nm.
        index: which halved copy of it.
        bands_nm: wavelengths.
    """
    channels = land.fixed(index)
    out = np.empty((*channels.shape[:2], len(bands_nm)), np.uint16)
    for top in range(0, channels.shape[0], _BLOCK):
        rows = slice(top, top + _BLOCK)
        out[rows] = np.rint(FULL_SCALE * band_reflectance(channels[rows] / FULL_SCALE, bands_nm))
    return out
