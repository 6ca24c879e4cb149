"""From the portrait's three bands to the colours that an eye would see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from terraluna.errors import InputError
from terraluna.render.materials import RGB_NM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NATURAL: Final = (
    (0.4659, 0.8254, -0.2913),
    (-0.0010, 0.9631, 0.0379),
    (-0.0088, 0.0158, 0.9930),
)
"""Linear sRGB (rows) of I/F at 680, 551 and 443 nm (columns); each row adds up to 1, so that grey stays grey.

Narrow bands show vegetation too green and deserts too red: 680 nm lies in chlorophyll's band and beyond the red of an
eye. ``tools/build_natural_colour.py`` fits the matrix to spectra of this renderer's Earth and Moon in sunlight; it
leaves 4.0 % in red (11.4 % without it), 1.3 % in green, 0.8 % in blue, rms relative to the pixel's level.
"""

_SAME_NM: Final = 10.0
"""Bands this near to the matrix's own may stand for them."""


def has_natural_colour(bands_nm: Sequence[float]) -> bool:
    """Tell whether three bands are those of the matrix."""
    return len(bands_nm) == 3 and all(abs(a - b) < _SAME_NM for a, b in zip(bands_nm, RGB_NM, strict=True))


def natural_colour(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the linear sRGB picture of I/F in the bands of `RGB_NM`; white is a white surface in sunlight.

    Args:
        image: (..., 3) I/F at 680, 551, 443 nm.

    Returns:
        The same shape. Colours that sRGB does not have come out negative and are set to zero.

    Raises:
        InputError: not three bands.
    """
    if image.shape[-1] != 3:
        raise InputError(f"natural colour needs three bands (got {image.shape[-1]})")
    return np.asarray(np.maximum(image @ np.asarray(NATURAL).T, 0.0), dtype=np.float64)
