"""Coefficients and JPEG: the reassembled stream that libjpeg turns into pixels, and the way back for the encoder.

Writing a JPEG instead of doing our own inverse transform makes our pixels equal to libjpeg's of the same stream.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terraluna.downlink import mcu
from terraluna.downlink.formats import SAMPLINGS, mcu_count
from terraluna.downlink.jpegtables import (
    HUFFMAN,
    decoding_table,
    quantisation,
    standard_encoding,
)
from terraluna.errors import InputError


@dataclass(frozen=True)
class Coefficients:
    """A picture as quantised DCT coefficients.

    Attributes:
        width, height: pixels, multiples of 16.
        sampling: mode 0-3, see `formats.SAMPLINGS`.
        tables: (2, 64) quantisation tables, zigzag order: luma, chroma.
        values: int16 (n_mcu, blocks, 64), zigzag order, absolute DC.
    """

    width: int
    height: int
    sampling: int
    tables: NDArray[np.int64]
    values: NDArray[np.int16]

    @property
    def luma_blocks(self) -> int:
        """Luma blocks of one MCU."""
        return SAMPLINGS[self.sampling].blocks - 2


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def write_jpeg(picture: Coefficients) -> bytes:
    """A baseline JFIF file with exactly these coefficients (Annex K Huffman codes, no restarts)."""
    mode = SAMPLINGS[picture.sampling]
    parts = [b"\xff\xd8", _segment(0xE0, b"JFIF\0\x01\x01\x01\x00\x48\x00\x48\x00\x00")]
    parts += [_segment(0xDB, bytes([i]) + picture.tables[i].astype(np.uint8).tobytes()) for i in range(2)]
    frame = struct.pack(">BHHB", 8, picture.height, picture.width, 3)
    frame += bytes((1, mode.horizontal << 4 | mode.vertical, 0, 2, 0x11, 1, 3, 0x11, 1))
    parts.append(_segment(0xC0, frame))
    for identity, (counts, symbols) in zip((0x00, 0x10, 0x01, 0x11), HUFFMAN, strict=True):
        parts.append(_segment(0xC4, bytes([identity]) + counts + symbols))
    parts.append(_segment(0xDA, bytes((3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0))))
    scan: NDArray[np.uint8] = mcu.encode_scan(picture.values, picture.luma_blocks, standard_encoding())
    return b"".join(parts) + scan.tobytes() + b"\xff\xd9"


def jpeg_pixels(data: bytes) -> NDArray[np.uint8]:
    """RGB pixels (height, width, 3) of a JPEG, by libjpeg."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def read_jpeg(data: bytes, name: str = "JPEG") -> Coefficients:
    """Coefficients of a baseline colour JPEG with MCU-aligned size.

    InputError for progressive or arithmetic files, other samplings, sizes not multiples of 16, or damage.
    """
    try:
        return _read_jpeg(data, name)
    except (IndexError, KeyError, struct.error, ValueError) as error:
        raise InputError(f"{name}: not a whole baseline JPEG; save it again as baseline JPEG") from error


def _read_jpeg(data: bytes, name: str) -> Coefficients:
    if data[:2] != b"\xff\xd8":
        raise InputError(f"{name}: not a JPEG file; give a baseline JPEG or an array")
    quant: dict[int, NDArray[np.int64]] = {}
    huffman: dict[int, NDArray[np.uint16]] = {}
    frame = b""
    restart = 0
    at = 2
    while True:
        if data[at] != 0xFF:
            raise InputError(f"{name}: broken JPEG marker at byte {at}; save it again as baseline JPEG")
        marker, size = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        body = data[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == 0xDB:
            while body:
                wide = body[0] >> 4
                kind = ">u2" if wide else "u1"
                quant[body[0] & 15] = np.frombuffer(body, kind, 64, 1).astype(np.int64)
                body = body[1 + 64 * (1 + wide) :]
        elif marker == 0xC4:
            while body:
                total = sum(body[1:17])
                huffman[body[0]] = decoding_table(body[1:17], body[17 : 17 + total])
                body = body[17 + total :]
        elif marker in (0xC0, 0xC1):
            frame = body
        elif 0xC2 <= marker <= 0xCF:
            raise InputError(f"{name}: JPEG of type SOF{marker - 0xC0}; save it again as baseline JPEG")
        elif marker == 0xDD:
            restart = struct.unpack(">H", body)[0]
        elif marker == 0xDA:
            return _read_scan(data[at:], body, frame, quant, huffman, restart, name)


def _read_scan(
    data: bytes,
    scan: bytes,
    frame: bytes,
    quant: dict[int, NDArray[np.int64]],
    huffman: dict[int, NDArray[np.uint16]],
    restart: int,
    name: str,
) -> Coefficients:
    _, height, width, components = struct.unpack_from(">BHHB", frame)
    if components != 3:
        raise InputError(f"{name}: a JPEG with {components} component(s); give grey pictures as an array")
    shapes = [(frame[7 + 3 * i] >> 4, frame[7 + 3 * i] & 15) for i in range(3)]
    modes = [(s.horizontal, s.vertical) for s in SAMPLINGS]
    if scan[0] != 3 or shapes[1:] != [(1, 1), (1, 1)]:
        raise InputError(f"{name}: needs a JPEG with one interleaved scan and chroma at 1x1")
    if shapes[0] not in modes:
        raise InputError(f"{name}: luma sampling {shapes[0][0]}x{shapes[0][1]} is not one of 2x2, 1x2, 2x1, 1x1")
    if width % 16 or height % 16:
        raise InputError(f"{name}: {width}x{height} pixels; SSDV needs multiples of 16: crop or pad it")
    sampling = modes.index(shapes[0])
    luma = shapes[0][0] * shapes[0][1]
    tables = np.stack([quant[frame[8]], quant[frame[11]]])
    selectors = [scan[2], scan[4]]
    lookups = np.stack([t for s in selectors for t in (huffman[s >> 4], huffman[s & 15 | 0x10])])
    total = mcu_count(width, height, sampling)
    values, status = mcu.empty_coefficients(total, luma + 2)
    for first, piece in _restart_intervals(data, restart, total):
        stop = min(first + restart, total) if restart else total
        raw = np.frombuffer(piece.replace(b"\xff\x00", b"\xff"), np.uint8)
        reached, _, _ = mcu.decode_stretch(raw, 0, raw.size, lookups, luma, first, stop, values, status)
        if reached < stop:
            raise InputError(f"{name}: the JPEG ends in MCU {reached} of {total}; give the whole file")
    return Coefficients(width, height, sampling, tables, values)


def _restart_intervals(data: bytes, restart: int, total: int) -> list[tuple[int, bytes]]:
    """The entropy-coded pieces between restart markers, each with its first MCU."""
    pieces: list[tuple[int, bytes]] = []
    start = at = 0
    while (at := data.find(b"\xff", at)) >= 0:
        following = data[at + 1] if at + 1 < len(data) else 0xD9
        if following != 0:
            pieces.append((len(pieces) * restart, data[start:at]))
            if not 0xD0 <= following <= 0xD7 or len(pieces) * restart >= total:
                return pieces
            start = at + 2
        at += 2
    return [*pieces, (len(pieces) * restart, data[start:])]


def requantise(picture: Coefficients, quality: int) -> Coefficients:
    """The same picture with the tables of SSDV `quality`, rounded half away from zero; exact where the tables agree."""
    tables = quantisation(quality)
    ratio = np.concatenate([[0] * picture.luma_blocks, [1, 1]]).astype(np.int64)
    scaled = picture.values.astype(np.int64) * picture.tables[ratio]
    divisor = tables[ratio]
    rounded = np.sign(scaled) * ((2 * np.abs(scaled) + divisor) // (2 * divisor))
    limit = np.full(64, 1023)
    limit[0] = 2047
    values = np.clip(rounded, -limit, limit).astype(np.int16)
    return Coefficients(picture.width, picture.height, picture.sampling, tables, values)
