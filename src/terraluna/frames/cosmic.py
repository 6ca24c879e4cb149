"""Cosmic rays by Laplacian edges (L.A.Cosmic, van Dokkum 2001, PASP 113, 1420; astroscrappy)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError

SIGMA: Final = 4.5
"""Laplacian signal to noise from which a pixel is a cosmic ray (van Dokkum 2001, section 4)."""

OBJECT_LIMIT: Final = 5.0
"""Contrast to the fine structure that stars and limbs have; the paper's 2 to 5, high because limbs are sharp here."""


EDGE_SHARE: Final = 0.5
"""Excess over the 5 x 5 median, in units of that median's change over 3 x 3 pixels, below which a hit is a limb. A step
blurred by one pixel gives 0.1 at most, a straight sharp step 0.5."""


def find_cosmic_rays(
    electrons: NDArray[np.float64],
    mask: NDArray[np.bool_],
    read_noise_e: float,
    *,
    sigma: float = SIGMA,
    object_limit: float = OBJECT_LIMIT,
    saturation_e: float | None = None,
) -> NDArray[np.bool_]:
    """Find pixels hit by cosmic rays.

    Args:
        electrons: (rows, columns) signal including the sky, electrons.
        mask: (rows, columns), True where a pixel can't be used; such pixels are never reported.
        read_noise_e: read noise, electrons.
        sigma: detection limit in Laplacian signal to noise.
        object_limit: minimum contrast to the fine structure.
        saturation_e: full well; pixels around saturated stars are protected.

    Returns:
        (rows, columns) bool, True on the hits; the outermost pixels of the frame aren't searched.

    Raises:
        InputError: the array isn't a plane of at least 7 x 7 pixels, or the noise isn't positive.
    """
    if electrons.ndim != 2 or min(electrons.shape) < 7 or not read_noise_e > 0.0:
        raise InputError("cosmic rays need a plane of at least 7 x 7 pixels and a read noise above 0 electrons")
    from astroscrappy import detect_cosmics

    plane = np.ascontiguousarray(np.where(np.isfinite(electrons), electrons, 0.0), dtype=np.float32)
    hits, _ = detect_cosmics(
        plane,
        inmask=np.ascontiguousarray(mask | ~np.isfinite(electrons)),
        sigclip=sigma,
        objlim=object_limit,
        gain=1.0,
        readnoise=read_noise_e,
        satlevel=float(saturation_e) if saturation_e is not None else np.inf,
        niter=4,
        cleantype="medmask",
    )
    found = np.asarray(hits, dtype=np.bool_) & ~mask
    return found & ~_limbs(plane) if found.any() else found


def _limbs(plane: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels that stand out less than the smoothed picture itself changes around them: limbs and terminators.

    The algorithm was made for stars and galaxies and takes a sharp planetary limb for a row of hits; a hit stands out
    from its 5 x 5 median, which a limb hardly does, while that median changes steeply across a limb.
    """
    from scipy.ndimage import maximum_filter, median_filter, minimum_filter

    smooth = median_filter(plane, size=5)
    change = maximum_filter(smooth, size=3) - minimum_filter(smooth, size=3)
    return np.asarray(np.abs(plane - smooth) < EDGE_SHARE * change, dtype=np.bool_)
