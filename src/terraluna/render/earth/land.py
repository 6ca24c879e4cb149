"""Land at any wavelength from the land map's three channels."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from terraluna.render.earth import tables
from terraluna.render.maps import BANDS_NM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_KEPT = 6
_made: OrderedDict[tuple[int, bytes], tuple[NDArray[np.float32], NDArray[np.float32]]] = OrderedDict()


def endmember_shares(land: NDArray[np.float32]) -> Floats:
    """Return (h, w, 3) amounts of bare land, vegetation and snow that make up a map of three channels.

    The three channels fix three amounts; those that come out negative are set to zero.
    """
    members = np.stack(tables.land_spectra(np.array(BANDS_NM)))
    amounts = np.asarray(land, dtype=np.float64) @ np.linalg.inv(members)
    return np.asarray(np.maximum(amounts, 0.0), dtype=np.float64)


def land_bands(land: NDArray[np.float32], bands_nm: Floats) -> NDArray[np.float32]:
    """Return (h, w, bands) reflectance of land, kept in memory for the last few maps and bands.

    At 443, 551 and 680 nm the map's own channels. Between them linear in wavelength, plus what the endmembers (bare
    land, vegetation, snow; Wen et al. 2019) depart there from their own straight line. Beyond them the nearest channel
    times the ratio of the endmembers' mixture between the two wavelengths: this is the vegetation's red edge.

    Args:
        land: (h, w, 3) at 680, 551, 443 nm.
        bands_nm: (bands,).
    """
    key = (id(land), bands_nm.tobytes())
    if key in _made and _made[key][0] is land:
        _made.move_to_end(key)
        return _made[key][1]
    out = np.empty((*land.shape[:2], bands_nm.size), np.float32)
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
    _made[key] = (land, out)
    while len(_made) > _KEPT:
        _made.popitem(last=False)
    return out
