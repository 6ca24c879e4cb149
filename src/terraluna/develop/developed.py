"""A developed picture and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terraluna.develop.balance import Balance
from terraluna.develop.disc import Disc, Floats, Mask
from terraluna.develop.options import DevelopOptions
from terraluna.develop.provenance import Provenance, provenance_of

if TYPE_CHECKING:
    from terraluna.develop.metadata import Description

Picture = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Developed:
    """A developed picture.

    Attributes:
        picture: (H, W, 3) sRGB, 8 or 16 bit, with marks and caption.
        image: (h, w, bands) linear, turned and cut, before white level and curve.
        filled: (h, w) lost pixels that were concealed.
        invented: (h, w) pixels whose colour comes from the neighbourhood.
        discs: the bodies in the picture, by name; in pixels of ``image`` where it was not turned by the caption.
        balance: the white balance, or None.
        white: linear level that became white.
        unit: of ``image``.
        inputs: names and SHA-256.
        options: as asked for.
        description: for the metadata.
        report: everything measured, JSON-ready.
    """

    picture: Picture
    image: Floats
    filled: Mask
    invented: Mask
    discs: dict[str, Disc]
    balance: Balance | None
    white: float
    unit: str
    inputs: tuple[tuple[str, str], ...]
    options: DevelopOptions
    description: Description
    report: dict[str, Any]

    def write(self, path: str | Path) -> Provenance:
        """Write PNG, TIFF, JPEG or FITS by the name's ending, with metadata; whole or not at all.

        Raises:
            InputError: an ending that isn't known, or 16 bits in a JPEG.
            OutputError: it cannot be written.
        """
        from terraluna.develop.finish import format_of, write_fits, write_picture
        from terraluna.develop.metadata import xmp_packet

        place = Path(path)
        kind = format_of(place, self.options.bits)
        block = provenance_of(self.inputs, self.options, kind)
        if kind == "fits":
            write_fits(place, self.image, self.filled | self.invented, self.description, self.unit, block.text())
        else:
            packet = xmp_packet(self.description, block.text())
            write_picture(place, self.picture, packet, self.description, self.options.quality)
        return block
