"""Sharpening by Richardson-Lucy with the camera's own PSF: optional, and always said in the caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from terraluna.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.camera.psf import Psf


def deconvolve(image: NDArray[np.float64], psf: Psf, iterations: int) -> NDArray[np.float64]:
    """Return the image after some Richardson-Lucy iterations a channel (Richardson 1972; Lucy 1974).

    Args:
        image: (H, W, bands) linear; negative values count as zero.
        psf: of the camera, in pixels of this image.
        iterations: at least 1; noise grows with it.

    Returns:
        (H, W, bands); the flux of each band is kept within the rounding of the iteration.

    Raises:
        InputError: the PSF is a point, so that there is nothing to undo.
    """
    from skimage import restoration

    richardson_lucy: Any = restoration.richardson_lucy

    size = 2 * int(np.ceil(5.0 * max(psf.sigma_px, 0.5))) + 1
    kernel = np.asarray(psf.kernel(size), dtype=np.float64)
    if kernel.max() > 0.999:
        raise InputError("the camera's PSF is a point: there is nothing to deconvolve; leave --deconvolve out")
    out = np.empty_like(image)
    pad = size
    for k in range(image.shape[2]):
        plane = np.pad(np.maximum(image[..., k], 0.0), pad, mode="edge")
        level = float(plane.max())
        if not level > 0.0:
            out[..., k] = 0.0
            continue
        sharp = richardson_lucy(plane / level, kernel, num_iter=iterations, clip=False, filter_epsilon=1e-9)
        out[..., k] = np.nan_to_num(sharp[pad:-pad, pad:-pad]) * level
    return out
