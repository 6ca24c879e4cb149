"""Pictures to SSDV packets: for tests, and for those who build such a downlink."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from terraluna.downlink import mcu
from terraluna.downlink.formats import (
    FORMATS,
    NO_MCU_INDEX,
    SAMPLINGS,
    Packet,
    PacketFormat,
    build_packet,
    mcu_count,
)
from terraluna.downlink.jpeg import Coefficients, read_jpeg, requantise
from terraluna.downlink.jpegtables import ZIGZAG, quantisation, standard_encoding
from terraluna.errors import InputError

_MAX_SIDE = 4080


def packets_from_coefficients(
    picture: Coefficients, fmt: PacketFormat, image_id: int = 0, callsign: str = "", quality: int | None = None
) -> list[Packet]:
    """The packets of a picture whose tables are those of SSDV `quality` (found from the tables if not given).

    Raises InputError for a picture that the packet header cannot describe or the 16-bit MCU index cannot count.
    """
    if quality is None:
        matches = [q for q in range(8) if np.array_equal(quantisation(q), picture.tables)]
        if not matches:
            raise InputError(
                "the picture's quantisation tables are none of SSDV's: give a quality 0-7 to requantise to"
            )
        quality = matches[-1]
    if not 0 <= image_id <= 255:
        raise InputError(f"image id {image_id} does not fit: use 0-255")
    _check_size(picture.width, picture.height, picture.sampling)
    stream, starts = mcu.encode_stream(picture.values, picture.luma_blocks, standard_encoding(), fmt.payload)
    if len(starts) > 65535:
        raise InputError(f"the picture needs {len(starts)} packets, more than 65535: use a lower quality")
    packets = []
    for i, (offset, index) in enumerate(starts.tolist()):
        head = bytes((offset, index >> 8, index & 255))
        packets.append(
            Packet(
                fmt, callsign, image_id, i, picture.width, picture.height, quality, picture.sampling,
                last=i == len(starts) - 1, systematic_count=0,
                data=head + stream[i * fmt.payload : (i + 1) * fmt.payload].tobytes(),
            )
        )  # fmt: skip
    return packets


def encode_jpeg(
    data: bytes, format_name: str = "longjiang2", quality: int = 4, image_id: int = 0, callsign: str = ""
) -> list[bytes]:
    """Packets of a baseline JPEG, requantised to SSDV `quality` 0-7; lossless where its tables are already those."""
    picture = requantise(read_jpeg(data), _quality(quality))
    packets = packets_from_coefficients(picture, _format(format_name), image_id, callsign, quality)
    return [build_packet(p) for p in packets]


def encode_array(
    pixels: NDArray[np.uint8],
    format_name: str = "longjiang2",
    quality: int = 4,
    sampling: int = 2,
    image_id: int = 0,
    callsign: str = "",
) -> list[bytes]:
    """Packets of RGB (h, w, 3) or grey (h, w) pixels whose sides are multiples of 16."""
    picture = coefficients_from_array(pixels, _quality(quality), sampling)
    packets = packets_from_coefficients(picture, _format(format_name), image_id, callsign, quality)
    return [build_packet(p) for p in packets]


def coefficients_from_array(pixels: NDArray[np.uint8], quality: int, sampling: int) -> Coefficients:
    """Quantised coefficients of RGB (h, w, 3) or grey (h, w) pixels: JFIF colour, box-averaged chroma, float64 DCT."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    height, width = pixels.shape[:2]
    if pixels.shape[2:] != (3,) or pixels.dtype != np.uint8 or height % 16 or width % 16 or not pixels.size:
        raise InputError(f"pixels of shape {pixels.shape}: give uint8 RGB or grey with sides that are multiples of 16")
    if sampling not in range(4):
        raise InputError(f"sampling {sampling} is not known: 0 is 2x2, 1 is 1x2, 2 is 2x1, 3 is 1x1")
    _check_size(width, height, sampling)
    mode = SAMPLINGS[sampling]
    h, v = mode.horizontal, mode.vertical
    # JFIF 1.02: YCbCr from RGB by ITU-R BT.601 with full range.
    matrix = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    planes = pixels.astype(np.float64) @ matrix.T
    planes[..., 0] -= 128.0
    rows, columns = height // (8 * v), width // (8 * h)
    luma = _transform(planes[..., 0]).reshape(rows, v, columns, h, 64).transpose(0, 2, 1, 3, 4)
    parts = [luma.reshape(rows * columns, v * h, 64)]
    for c in (1, 2):
        small = planes[..., c].reshape(height // v, v, width // h, h).mean(axis=(1, 3))
        parts.append(_transform(small).reshape(rows * columns, 1, 64))
    tables = quantisation(quality)
    blocks = np.concatenate(parts, axis=1)[..., ZIGZAG]
    steps = tables[np.array([0] * (h * v) + [1, 1])]
    limit = np.full(64, 1023.0)
    limit[0] = 2047.0
    values = np.clip(np.rint(blocks / steps), -limit, limit).astype(np.int16)
    return Coefficients(width, height, sampling, tables, values)


def _transform(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal 8x8 DCT-II of a plane's blocks: (rows, columns, 64), row-major inside the block (T.81 A.3.3)."""
    k = np.arange(8)
    basis = np.cos((2 * k[None, :] + 1) * k[:, None] * np.pi / 16) * 0.5
    basis[0] /= np.sqrt(2.0)
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    blocks = plane.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)
    out: NDArray[np.float64] = (basis @ blocks @ basis.T).reshape(rows, columns, 64)
    return out


def _check_size(width: int, height: int, sampling: int) -> None:
    total = mcu_count(width, height, sampling)
    if max(width, height) > _MAX_SIDE or total >= NO_MCU_INDEX:
        raise InputError(
            f"{width}x{height} pixels ({total} MCUs) do not fit SSDV: at most {_MAX_SIDE} a side and 65534 MCUs"
        )


def _format(name: str) -> PacketFormat:
    if name not in FORMATS:
        raise InputError(f"packet format '{name}' is not known: use one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _quality(quality: int) -> int:
    if quality not in range(8):
        raise InputError(f"quality {quality} is not known: use 0 (coarse) to 7 (fine)")
    return quality
