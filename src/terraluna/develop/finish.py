"""The last steps: caption, marks, and the files PNG, TIFF, JPEG and FITS, each with its metadata."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from terraluna import __version__
from terraluna.errors import InputError
from terraluna.publish.files import atomic_write, write_bytes

if TYPE_CHECKING:
    from terraluna.develop.metadata import Description

Picture = NDArray[np.uint8] | NDArray[np.uint16]

FORMATS: Final = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".fits": "fits", ".fit": "fits",
}  # fmt: skip

_MARK: Final = (255, 176, 0)
_LEAST_MARKED_PX: Final = 64
_STRIP: Final = (16, 18, 24)
_PALE: Final = (225, 225, 225)


def format_of(path: Path, bits: int = 8) -> str:
    """Format by the name's ending; InputError for an unknown one or one that can't hold the depth."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: cannot tell the format; choose a name that ends in .png, .jpg, .tif or .fits")
    if kind == "jpeg" and bits == 16:
        raise InputError(f"{path}: JPEG holds 8 bits; use --bits 8, or a name that ends in .png or .tif")
    return kind


def mark_regions(picture: Picture, filled: NDArray[np.bool_]) -> Picture:
    """The picture (H, W, 3) with a thin amber outline around each filled region of 64 px and more."""
    from scipy.ndimage import binary_dilation, label

    labels, count = label(filled)
    if not count:
        return picture
    large = np.bincount(labels.ravel()) >= _LEAST_MARKED_PX
    large[0] = False
    region: NDArray[np.bool_] = large[labels]
    line = binary_dilation(region) & ~region
    out: Picture = picture.copy()
    out[line] = np.array(_MARK, dtype=picture.dtype) * (257 if picture.dtype == np.uint16 else 1)
    return out


def add_text(picture: Picture, lines: list[str], *, strip: bool) -> Picture:
    """The picture with lines of text in a strip below it, or over its lower left corner.

    Args:
        picture: (H, W, 3).
        lines: of text; long ones are broken.
        strip: below the picture, or on it.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not lines:
        return picture
    height, width = picture.shape[:2]
    size = int(np.clip(width / 45, 11, 26))
    font = ImageFont.load_default(size)
    step = int(size * 1.35)
    pad = size // 2 + 2
    shown = [part for line in lines for part in _wrapped(line, font, width - 2 * pad)]
    tall = step * len(shown) + 2 * pad
    scale = 257 if picture.dtype == np.uint16 else 1
    if strip:
        canvas = Image.new("RGB", (width, tall), _STRIP)
        pen = ImageDraw.Draw(canvas)
        for k, line in enumerate(shown):
            pen.text((pad, pad + k * step), line, fill=_PALE, font=font)
        below = (np.asarray(canvas, dtype=np.uint16) * scale).astype(picture.dtype)
        return np.concatenate([picture, below], axis=0)
    mask = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(mask)
    for k, line in enumerate(shown):
        pen.text((pad, height - tall + pad + k * step), line, fill=255, font=font)
    share = np.asarray(mask, dtype=np.float64)[..., None] / 255.0
    mixed = picture * (1.0 - share) + share * np.array(_PALE) * scale
    out: Picture = np.rint(mixed).astype(picture.dtype)
    return out


def _wrapped(line: str, font: object, width: int) -> list[str]:
    out: list[str] = []
    for word in line.split():
        longer = f"{out[-1]} {word}" if out else word
        if out and font.getlength(longer) <= width:  # type: ignore[attr-defined]
            out[-1] = longer
        else:
            out.append(word)
    return out


def write_picture(path: Path, picture: Picture, xmp: bytes, description: Description, quality: int = 92) -> None:
    """Write PNG, TIFF or JPEG with its XMP packet; whole or not at all.

    Args:
        path: the name's ending chooses the format.
        picture: (H, W, 3) sRGB, 8 or 16 bit (JPEG: 8).
        xmp: the packet.
        description: for the formats' own title fields.
        quality: of JPEG.

    Raises:
        InputError: format and depth don't go together.
        OutputError: it cannot be written.
    """
    kind = format_of(path, 16 if picture.dtype == np.uint16 else 8)
    if kind == "png":
        write_bytes(path, png_bytes(picture, {"Title": description.title, "Description": description.caption}, xmp))
        return
    with atomic_write(path) as temporary:
        if kind == "jpeg":
            from PIL import Image

            Image.fromarray(picture).save(temporary, format="JPEG", quality=quality, subsampling=0, xmp=xmp)
        else:
            import tifffile

            tifffile.imwrite(
                temporary,
                picture,
                photometric="rgb",
                metadata=None,
                software=f"terraluna {__version__}",
                description=description.title.encode("ascii", "replace").decode(),
                extratags=[(700, 1, len(xmp), xmp, True)],
            )


def png_bytes(picture: Picture, text: dict[str, str], xmp: bytes) -> bytes:
    """A PNG file (W3C PNG, third edition) of an (H, W, 3) picture, 8 or 16 bit, marked as sRGB."""
    height, width = picture.shape[:2]
    deep = picture.dtype == np.uint16
    parts = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16 if deep else 8, 2, 0, 0, 0)),
    ]
    parts.append(_chunk(b"sRGB", b"\0"))
    # For readers that don't know sRGB: gamma 1/2.2, the primaries and white point D65 of ITU-R BT.709.
    parts.append(_chunk(b"gAMA", struct.pack(">I", 45455)))
    parts.append(_chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)))
    for key, value in text.items():
        parts.append(_chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + value.encode()))
    parts.append(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    rows = picture.astype(">u2").view(np.uint8) if deep else picture.astype(np.uint8)
    parts.append(_chunk(b"IDAT", zlib.compress(_filtered(rows.reshape(height, -1), 6 if deep else 3), 6)))
    parts.append(_chunk(b"IEND", b""))
    return b"".join(parts)


def _filtered(rows: NDArray[np.uint8], step: int) -> bytes:
    """Rows with the PNG filter (none, sub or up) of the least sum of absolute differences."""
    left = np.zeros_like(rows)
    left[:, step:] = rows[:, :-step]
    above = np.zeros_like(rows)
    above[1:] = rows[:-1]
    choices = np.stack([rows, rows - left, rows - above])
    cost = np.abs(choices.view(np.int8).astype(np.int32)).sum(axis=2)
    best = np.argmin(cost, axis=0)
    out = np.empty((rows.shape[0], rows.shape[1] + 1), dtype=np.uint8)
    out[:, 0] = best
    out[:, 1:] = choices[best, np.arange(rows.shape[0])]
    return out.tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_fits(
    path: Path,
    image: NDArray[np.float64],
    filled: NDArray[np.bool_],
    description: Description,
    unit: str,
    provenance: str,
) -> None:
    """Write the linear picture as FITS: one plane a band, float32, and the mask of filled pixels.

    Args:
        path: ends in .fits.
        image: (H, W, bands), before white level and curve.
        filled: (H, W).
        description: title, bands and times.
        unit: of the pixels.
        provenance: the block, stored under ``TLPROV``.
    """
    from astropy.io import fits

    from terraluna.develop.provenance import FITS_KEY

    # FITS shows its first row at the bottom.
    cube = np.moveaxis(image[::-1], 2, 0).astype(np.float32)
    header = fits.Header()
    header["OBJECT"] = " and ".join(b.capitalize() for b in description.bodies) or "unknown"
    header["TELESCOP"] = description.facility or "unknown"
    header["INSTRUME"] = description.instrument or "unknown"
    header["BUNIT"] = unit
    header["ROWORDER"] = ("BOTTOM-UP", "first row is displayed at the bottom")
    if description.utc and description.utc[0] is not None:
        header["DATE-OBS"] = (str(description.utc[0]), "mid-exposure of the first band, UTC")
    for k, band in enumerate(description.bands, start=1):
        header[f"FILTER{k}"] = (band.name, "band of this plane")
        header[f"WAVELN{k}"] = (round(band.centre_nm, 3), "[nm] its centre")
    header["CREATOR"] = f"terraluna {__version__}"
    header["TITLE"] = description.title.encode("ascii", "replace").decode()
    header[FITS_KEY] = provenance
    mask = fits.ImageHDU(filled[::-1].astype(np.uint8), name="FILLED")
    with atomic_write(path) as temporary:
        fits.HDUList([fits.PrimaryHDU(cube, header), mask]).writeto(temporary, overwrite=True)
