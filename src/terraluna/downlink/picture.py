"""One image's packets to pixels: stretches of MCUs, coefficients, JPEG, and the map of what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terraluna.downlink import mcu
from terraluna.downlink.assemble import ImagePackets
from terraluna.downlink.formats import NO_MCU_INDEX, SAMPLINGS, mcu_count
from terraluna.downlink.jpeg import Coefficients, jpeg_pixels, write_jpeg
from terraluna.downlink.jpegtables import quantisation, standard_decoding
from terraluna.errors import RefusedError

DEFAULT_MAX_PIXELS = 4_194_304


@dataclass(frozen=True)
class Picture:
    """A decoded image.

    Attributes:
        coefficients: all MCUs; missing blocks hold the last DC of their component.
        jpeg: the same as a baseline JPEG file.
        pixels: uint8 (height, width, 3), libjpeg's decoding of `jpeg`.
        mcu_received: bool (n_mcu,), True where the whole MCU arrived.
        stretches_bad: stretches of packets whose bits do not end where the next packet says.
    """

    coefficients: Coefficients
    jpeg: bytes
    pixels: NDArray[np.uint8]
    mcu_received: NDArray[np.bool_]
    stretches_bad: int

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Mask (height, width) of the pixels whose MCU did not arrive whole."""
        c = self.coefficients
        mode = SAMPLINGS[c.sampling]
        h, v = 8 * mode.horizontal, 8 * mode.vertical
        grid = ~self.mcu_received.reshape(c.height // v, c.width // h)
        return np.repeat(np.repeat(grid, v, axis=0), h, axis=1)


def check_size(width: int, height: int, sampling: int, max_pixels: int = DEFAULT_MAX_PIXELS) -> None:
    """RefusedError for a picture larger than `max_pixels` or with more MCUs than the 16-bit index can count."""
    if width * height > max_pixels:
        raise RefusedError(
            f"the header says {width}x{height} = {width * height} pixels, more than the limit of {max_pixels}: "
            f"raise --max-pixels if that is right"
        )
    total = mcu_count(width, height, sampling)
    if total > NO_MCU_INDEX:
        raise RefusedError(f"the header says {width}x{height} = {total} MCUs, more than SSDV can count (65535)")


def decode_picture(image: ImagePackets, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Decodes one image from the packets at hand; RefusedError for an impossible size or if no MCU is whole."""
    first = image.first
    check_size(first.width, first.height, first.sampling, max_pixels)
    luma = SAMPLINGS[first.sampling].blocks - 2
    total = mcu_count(first.width, first.height, first.sampling)
    data, stretches = _stretches(image, total)
    values, status = mcu.empty_coefficients(total, luma + 2)
    checked = first.format.crc_initial is not None
    bad = int(mcu.decode_stretches(data, stretches, standard_decoding(), luma, checked, values, status))
    received = status[:, -1] == mcu.COMPLETE
    if not received.any():
        raise RefusedError(f"{len(image.packets)} packet(s) hold no whole MCU of {total}: wait for more packets")
    mcu.hold_dc(values, status, luma)
    coefficients = Coefficients(first.width, first.height, first.sampling, quantisation(first.quality), values)
    jpeg = write_jpeg(coefficients)
    return Picture(coefficients, jpeg, jpeg_pixels(jpeg), received, bad)


def _stretches(image: ImagePackets, total: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All payloads end to end, and the stretches (n, 5) for `mcu.decode_stretches`.

    A stretch runs from the first MCU that starts in one packet to that of the next packet in which one starts; it ends
    early, with an unknown end, where a packet is missing.
    """
    payload = image.first.format.payload
    stretches: list[tuple[int, int, int, int, int]] = []
    start: tuple[int, int] | None = None
    previous = -2
    chunks: list[bytes] = []
    for position, (number, packet) in enumerate(image.packets.items()):
        base = position * payload
        if number != previous + 1 and start is not None:
            stretches.append((start[0], base, start[1], total, 0))
            start = None
        offset, index = packet.mcu_offset, packet.mcu_index
        if offset <= payload and index < total:
            if start is not None and index > start[1]:
                stretches.append((start[0], base + offset, start[1], index, 1))
            start = (base + offset, index)
        chunks.append(packet.payload)
        previous = number
    if start is not None:
        stretches.append((start[0], len(chunks) * payload, start[1], total, 0))
    # Where a stretch's end is unknown it may at most reach the next stretch's first MCU.
    bounded = [
        (a, b, m, min(stop, later[2]) if known == 0 and later[2] > m else stop, known)
        for (a, b, m, stop, known), later in zip(stretches, [*stretches, (0, 0, total, 0, 0)][1:], strict=True)
    ]
    return np.frombuffer(b"".join(chunks), np.uint8), np.array(bounded, np.int64).reshape(-1, 5)
