"""CRC-32 with a chosen start value, the check that ends every SSDV packet.

All SSDV variants use the reflected polynomial 0xEDB88320 with final xor 0xFFFFFFFF; they differ in the register's
start value and in the first byte covered. zlib computes exactly this, with the start value complemented.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

INITIAL_STANDARD = 0xFFFFFFFF
# Longjiang-2 sends no type and callsign; its register starts as if those bytes had already been fed in.
INITIAL_LONGJIANG2 = 0x4EE4FDE1


def crc32(data: bytes | bytearray | memoryview, initial: int = INITIAL_STANDARD) -> int:
    """CRC-32 of `data` with the register starting at `initial`; the value that a packet carries big endian."""
    return zlib.crc32(data, initial ^ 0xFFFFFFFF)


def find_packet(data: bytes, start: int, length: int, initial: int) -> int:
    """First place from `start` at which `length` bytes end in their own CRC-32, or -1; linear in the data."""
    if len(data) - start < length:
        return -1
    table, leaving, constant = _rolling_tables(length - 4, initial)
    return int(_find(np.frombuffer(data, np.uint8), start, length, table, leaving, constant))


@lru_cache(maxsize=4)
def _rolling_tables(window: int, initial: int) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """The byte table, what a byte that leaves the window still adds, and what the start value and final xor add."""
    table = np.arange(256, dtype=np.int64)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, 0xEDB88320, 0)
    leaving = table.copy()
    constant = np.array([initial], np.int64)
    for _ in range(window):
        leaving = (leaving >> 8) ^ table[leaving & 0xFF]
        constant = (constant >> 8) ^ table[constant & 0xFF]
    return table, leaving, int(constant[0]) ^ 0xFFFFFFFF


@njit(cache=True)
def _find(data, start, length, table, leaving, constant):  # type: ignore[no-untyped-def]
    window = length - 4
    register = 0
    for i in range(start, start + window):
        register = (register >> 8) ^ table[(register ^ data[i]) & 0xFF]
    for at in range(start, data.size - length + 1):
        stored = 0
        for k in range(4):
            stored = stored << 8 | data[at + window + k]
        if register ^ constant == stored:
            return at
        # CRCs are linear: the byte that leaves is taken out by the value it would have alone.
        register = (register >> 8) ^ table[(register ^ data[at + window]) & 0xFF] ^ leaving[data[at]]
    return -1
