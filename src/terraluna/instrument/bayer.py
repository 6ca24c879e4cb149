"""One-chip colour: the Bayer mosaic, a simple demosaic, and the chain of the Longjiang-2 camera up to its JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from terraluna.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHANNELS: Final = {"R": 0, "G": 1, "B": 2}


def pattern_index(pattern: str) -> NDArray[np.int64]:
    """Return the channel (2, 2) of the first pixels: 0 red, 1 green, 2 blue.

    Raises:
        InputError: not four letters of R, G and B with one red, two greens on a diagonal, and one blue.
    """
    letters = pattern.upper()
    if sorted(letters) != ["B", "G", "G", "R"] or letters.index("R") + letters.index("B") != 3:
        raise InputError(f"Bayer pattern {pattern!r}: give RGGB, BGGR, GRBG or GBRG")
    return np.array([_CHANNELS[c] for c in letters]).reshape(2, 2)


def mosaic(planes: NDArray[Any], pattern: str) -> NDArray[Any]:
    """Return what a chip under a mosaic keeps of red, green and blue planes (rows, columns, 3): (rows, columns)."""
    if planes.ndim != 3 or planes.shape[2] != 3:
        raise InputError(f"a Bayer mosaic needs red, green and blue planes (got shape {planes.shape})")
    out = np.empty(planes.shape[:2], dtype=planes.dtype)
    for (y, x), channel in np.ndenumerate(pattern_index(pattern)):
        out[y::2, x::2] = planes[y::2, x::2, channel]
    return out


def demosaic(raw: NDArray[Any], pattern: str) -> NDArray[np.float64]:
    """Return (rows, columns, 3) from a mosaic (rows, columns), bilinear.

    Each missing value is the mean of its nearest neighbours of that colour (two or four; fewer at the edge).
    """
    from scipy.ndimage import convolve

    index = pattern_index(pattern)
    rows, columns = raw.shape
    wide = np.array([[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]])
    cross = np.array([[0.0, 0.25, 0.0], [0.25, 1.0, 0.25], [0.0, 0.25, 0.0]])
    out = np.empty((rows, columns, 3))
    for channel in range(3):
        known = np.zeros((rows, columns))
        for (y, x), c in np.ndenumerate(index):
            if c == channel:
                known[y::2, x::2] = 1.0
        kernel = cross if channel == 1 else wide
        weight = convolve(known, kernel, mode="constant")
        out[:, :, channel] = convolve(raw * known, kernel, mode="constant") / np.maximum(weight, 1e-12)
        out[:, :, channel] = np.where(known > 0.0, raw, out[:, :, channel])
    return out


@dataclass(frozen=True)
class ColourChain:
    """From demosaiced numbers to the picture that a small camera writes.

    The defaults are assumed: they reproduce the colour of the Moon in the received Longjiang-2 frames (141, 172-176,
    203, 226 and others), where green G and blue B go with red R as G = 0.83 R - 20 and B = 1.12 R in 8-bit values from
    R = 65 to 206, seen through the assumed filters of the catalogue. No calibration of that camera is published.

    Attributes:
        gains: white balance of red, green, blue: factors on the linear values.
        matrix: (3, 3) rows of a colour matrix after the white balance, linear.
        gamma: exponent of the tone curve, value^(1 / gamma).
        pedestal: added to the 8-bit values of red, green, blue after the tone curve: green's black is too low.
        size: width and height of the picture; the frame must be a whole multiple and is averaged.
        quality: SSDV quality index 0-7 of the quantisation tables; the received frames hold those of 5.
        subsampling: chroma sampling as pillow counts: 1 is 4:2:2 (luma 2x1), as flown.
    """

    gains: tuple[float, float, float] = (1.0, 1.14, 1.99)
    matrix: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    gamma: float = 2.2
    pedestal: tuple[float, float, float] = (0.0, -20.0, 0.0)
    size: tuple[int, int] = (640, 480)
    quality: int = 5
    subsampling: int = 1

    def __post_init__(self) -> None:
        if not (self.gamma > 0.0 and all(g >= 0.0 for g in self.gains)):
            raise InputError("colour chain: gamma must be above 0 and the gains 0 or more")
        if not 0 <= self.quality <= 7 or self.subsampling not in (0, 1, 2):
            raise InputError("colour chain: quality is 0 to 7, subsampling 0 (4:4:4), 1 (4:2:2) or 2 (4:2:0)")


def develop(raw: NDArray[Any], pattern: str, bias_dn: float, white_dn: float, chain: ColourChain) -> NDArray[np.uint8]:
    """Return the picture (height, width, 3), 8 bit, of a raw mosaic.

    Args:
        raw: (rows, columns) DN; whole multiples of the size of the picture.
        pattern: Bayer pattern.
        bias_dn: black.
        white_dn: largest DN.
        chain: colours, tones and size.
    """
    width, height = chain.size
    rows, columns = raw.shape
    if rows % height or columns % width or rows // height != columns // width:
        raise InputError(f"a frame of {columns} x {rows} px cannot be averaged to {width} x {height} px")
    if not white_dn > bias_dn:
        raise InputError(f"the largest DN must be above the bias (got {white_dn:g} and {bias_dn:g})")
    k = rows // height
    linear = (demosaic(np.asarray(raw, dtype=np.float64), pattern) - bias_dn) / (white_dn - bias_dn)
    linear = linear.reshape(height, k, width, k, 3).mean(axis=(1, 3)) * np.asarray(chain.gains)
    linear = np.clip(linear @ np.asarray(chain.matrix).T, 0.0, 1.0)
    values = 255.0 * linear ** (1.0 / chain.gamma) + np.asarray(chain.pedestal)
    return np.asarray(np.clip(np.round(values), 0.0, 255.0), dtype=np.uint8)


def to_jpeg(picture: NDArray[np.uint8], chain: ColourChain) -> bytes:
    """Return the JPEG file of a picture (height, width, 3) with the chain's sampling and quantisation tables."""
    from PIL import Image

    from terraluna.downlink.jpegtables import ZIGZAG, quantisation

    # Pillow takes tables in rows and sorts them into zigzag order itself.
    tables = np.empty((2, 64), dtype=np.int64)
    tables[:, ZIGZAG] = quantisation(chain.quality)
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(
        stream, "JPEG", qtables=[t.tolist() for t in tables], subsampling=chain.subsampling
    )
    return stream.getvalue()
