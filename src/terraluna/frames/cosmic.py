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
        object_limit: minimum contrast to the fine structure; raise it where sharp limbs are taken for hits.
        saturation_e: full well; pixels around saturated stars are protected.

    Returns:
        (rows, columns) bool, True on the hits.

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
    return np.asarray(hits, dtype=np.bool_) & ~mask
