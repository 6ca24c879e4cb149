"""How large an input may be before a reader refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from terraluna.errors import InputError


@dataclass(frozen=True)
class Limits:
    """Bounds that every reader keeps; raise one with ``dataclasses.replace`` when an input is really that large.

    The defaults admit a full HiRISE channel and any hand-held camera and keep a reader below about 1 GB of memory.

    Attributes:
        file_bytes: size of the file on disk, bytes.
        label_bytes: size of the text that describes the picture (label, header, text chunks), bytes.
        pixels: number of pixels of one plane.
        data_bytes: size of the decoded array, bytes.
        side: longest side, pixels.
        parts: number of HDUs, PDS objects, HDF5 objects or picture chunks that are looked at.
        unpacked_bytes: total size that compressed parts may unpack to, bytes.
        seconds: time that the HDF5 library may take for one file, s.
    """

    file_bytes: int = 2_000_000_000
    label_bytes: int = 4_000_000
    pixels: int = 128_000_000
    data_bytes: int = 400_000_000
    side: int = 200_000
    parts: int = 256
    unpacked_bytes: int = 400_000_000
    seconds: float = 3.0

    def check_array(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic] | str) -> None:
        """Refuse an array shape that is empty, negative or larger than the limits: InputError."""
        size = ", ".join(str(n) for n in shape)
        if not shape or any(n < 1 for n in shape):
            raise InputError(f"{path}: the header gives an image of ({size}) pixels; the file is damaged")
        if max(shape) > self.side:
            raise InputError(
                f"{path}: the header gives an image of ({size}) pixels, over the limit of {self.side} a side; "
                "raise Limits.side if that is right"
            )
        pixels = 1
        for n in shape:
            pixels *= n
        plane = pixels // min(shape) if len(shape) > 2 else pixels
        if plane > self.pixels:
            raise InputError(
                f"{path}: the header gives {plane} pixels, over the limit of {self.pixels}; "
                "raise Limits.pixels if that is right"
            )
        total = pixels * np.dtype(dtype).itemsize
        if total > self.data_bytes:
            raise InputError(
                f"{path}: the image would take {total} bytes, over the limit of {self.data_bytes}; "
                "raise Limits.data_bytes if that is right"
            )

    def check_file(self, path: Path) -> int:
        """Size of the file in bytes; InputError if it can't be read, is empty or is over the limit."""
        try:
            size = path.stat().st_size
        except OSError as error:
            raise InputError(f"{path}: can't be read ({error.strerror}); check the path") from None
        if not path.is_file():
            raise InputError(f"{path}: is not a file; name one picture file")
        if size == 0:
            raise InputError(f"{path}: the file is empty; fetch it again")
        if size > self.file_bytes:
            raise InputError(
                f"{path}: the file has {size} bytes, over the limit of {self.file_bytes}; "
                "raise Limits.file_bytes if that is right"
            )
        return size
