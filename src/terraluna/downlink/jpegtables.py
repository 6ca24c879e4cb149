"""The JPEG tables that SSDV implies but never sends: close to ITU-T T.81 Annex K, scaled by the quality index.

Everything here is in zigzag order, as in a DQT segment.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# ITU-T T.81 Table A.6: zigzag position -> row-major index in the 8x8 block.
ZIGZAG = np.array(
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
        12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
        58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ],
    dtype=np.int64,
)  # fmt: skip

# Base tables at 100 percent, row-major, as the DQT segments of SSDV's reference pictures hold them. They are ITU-T T.81
# Tables K.1 and K.2 with every entry raised to an even number, save the two 24s of K.2's first three rows and columns,
# which are 22.
_LUMA = np.array(
    [
        16, 12, 10, 16, 24, 40, 52, 62, 12, 12, 14, 20, 26, 58, 60, 56, 14, 14, 16, 24, 40, 58, 70, 56,
        14, 18, 22, 30, 52, 88, 80, 62, 18, 22, 38, 56, 68, 110, 104, 78, 24, 36, 56, 64, 82, 104, 114, 92,
        50, 64, 78, 88, 104, 122, 120, 102, 72, 92, 96, 98, 112, 100, 104, 100,
    ]
)  # fmt: skip
_CHROMA = np.array(
    [
        18, 18, 22, 48, 100, 100, 100, 100, 18, 22, 26, 66, 100, 100, 100, 100,
        22, 26, 56, 100, 100, 100, 100, 100, 48, 66, 100, 100, 100, 100, 100, 100,
        100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,
        100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,
    ]
)  # fmt: skip

# Percent of the base tables for SSDV quality 0-7.
QUALITY_SCALES = (5000, 357, 172, 116, 100, 58, 28, 0)

# ITU-T T.81 Tables K.3-K.6: codes of each length 1-16, then the symbols in order of code.
DC_LUMA_COUNTS = bytes((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0))
DC_CHROMA_COUNTS = bytes((0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0))
DC_SYMBOLS = bytes(range(12))
AC_LUMA_COUNTS = bytes((0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D))
AC_LUMA_SYMBOLS = bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a"
    "434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9"
    "aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
)
AC_CHROMA_COUNTS = bytes((0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77))
AC_CHROMA_SYMBOLS = bytes.fromhex(
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536373839"
    "3a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7"
    "a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)
HUFFMAN = (
    (DC_LUMA_COUNTS, DC_SYMBOLS),
    (AC_LUMA_COUNTS, AC_LUMA_SYMBOLS),
    (DC_CHROMA_COUNTS, DC_SYMBOLS),
    (AC_CHROMA_COUNTS, AC_CHROMA_SYMBOLS),
)


def quantisation(quality: int) -> NDArray[np.int64]:
    """Luma and chroma quantisation tables (2, 64) of SSDV quality 0-7, zigzag order, clamped to 1..255."""
    scaled = (np.stack([_LUMA, _CHROMA])[:, ZIGZAG] * QUALITY_SCALES[quality] + 50) // 100
    tables: NDArray[np.int64] = np.clip(scaled, 1, 255).astype(np.int64)
    return tables


def decoding_table(counts: bytes, symbols: bytes) -> NDArray[np.uint16]:
    """Lookup (65536,) from the next 16 bits of the stream to `length << 8 | symbol`; 0 where no code matches."""
    table = np.zeros(65536, np.uint16)
    code, at = 0, 0
    for length, count in enumerate(counts, start=1):
        for _ in range(count):
            first = code << (16 - length)
            table[first : first + (1 << (16 - length))] = length << 8 | symbols[at]
            code += 1
            at += 1
        code <<= 1
    return table


def encoding_table(counts: bytes, symbols: bytes) -> NDArray[np.int64]:
    """Code and length (256, 2) of each symbol; length 0 where the symbol has none."""
    table = np.zeros((256, 2), np.int64)
    code, at = 0, 0
    for length, count in enumerate(counts, start=1):
        for _ in range(count):
            table[symbols[at]] = code, length
            code += 1
            at += 1
        code <<= 1
    return table


@lru_cache(maxsize=1)
def standard_decoding() -> NDArray[np.uint16]:
    """The Annex K lookups (4, 65536): luma DC, luma AC, chroma DC, chroma AC."""
    return np.stack([decoding_table(*pair) for pair in HUFFMAN])


@lru_cache(maxsize=1)
def standard_encoding() -> NDArray[np.int64]:
    """The Annex K codes (4, 256, 2): luma DC, luma AC, chroma DC, chroma AC."""
    return np.stack([encoding_table(*pair) for pair in HUFFMAN])
