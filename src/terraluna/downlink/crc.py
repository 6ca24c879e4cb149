"""CRC-32 with a chosen start value, the check that ends every SSDV packet.

All SSDV variants use the reflected polynomial 0xEDB88320 with final xor 0xFFFFFFFF; they differ in the register's
start value and in the first byte covered. zlib computes exactly this, with the start value complemented.
"""

from __future__ import annotations

import zlib

INITIAL_STANDARD = 0xFFFFFFFF
# Longjiang-2 sends no type and callsign; its register starts as if those bytes had already been fed in.
INITIAL_LONGJIANG2 = 0x4EE4FDE1


def crc32(data: bytes | bytearray | memoryview, initial: int = INITIAL_STANDARD) -> int:
    """CRC-32 of `data` with the register starting at `initial`; the value that a packet carries big endian."""
    return zlib.crc32(data, initial ^ 0xFFFFFFFF)
