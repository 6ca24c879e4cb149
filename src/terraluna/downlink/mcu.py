"""The bit work: Huffman-coded MCUs to coefficients and back (numba kernels).

Coefficients are int16 (n_mcu, blocks, 64) in zigzag order with absolute DC values, blocks in stream order (luma blocks
row by row, then Cb, Cr). The first MCU that starts in a packet starts on a byte and with DC predictors of zero, so
every stretch of bytes from one such start to the next can be decoded alone.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

MISSING = 0
COMPLETE = 1
PARTIAL = 2
_DC_LIMIT = 32767


@njit(cache=True)
def _peek16(data, bit, end_bit):  # type: ignore[no-untyped-def]
    """The next 16 bits at `bit`, zero past the end."""
    byte = bit >> 3
    last = end_bit >> 3
    value = 0
    for k in range(3):
        value <<= 8
        if byte + k < last:
            value |= data[byte + k]
    return (value >> (8 - (bit & 7))) & 0xFFFF


@njit(cache=True)
def decode_stretch(data, start, end, tables, luma_blocks, first, stop, coefficients, status):  # type: ignore[no-untyped-def]
    """Decodes MCUs `first`..`stop`-1 from bytes `start`..`end` of `data`; returns (next MCU, bits used, clean).

    Args:
        data: uint8 (n,), unstuffed bytes.
        tables: uint16 (4, 65536) from `jpegtables.standard_decoding`.
        coefficients: int16 (n_mcu, blocks, 64), written in place. A cut MCU keeps its decoded part.
        status: uint8 (n_mcu, blocks + 1): per block MISSING, COMPLETE or PARTIAL, and last the MCU's own.

    `clean` is False where a code is impossible; running out of bits is clean.
    """
    bit = start * 8
    end_bit = end * 8
    dc = np.zeros(3, np.int64)
    blocks = luma_blocks + 2
    for m in range(first, stop):
        for b in range(blocks):
            component = 0 if b < luma_blocks else b - luma_blocks + 1
            dc_table = tables[0] if component == 0 else tables[2]
            ac_table = tables[1] if component == 0 else tables[3]
            entry = int(dc_table[_peek16(data, bit, end_bit)])
            length = entry >> 8
            size = entry & 0xFF
            if length == 0:
                # Codes of all ones are impossible, but padding before the end of the data is not an error.
                return m, bit - start * 8, end_bit - bit < 16
            if bit + length + size > end_bit:
                return m, bit - start * 8, True
            bit += length
            value = 0
            if size > 0:
                value = _peek16(data, bit, end_bit) >> (16 - size)
                bit += size
                if value < (1 << (size - 1)):
                    value -= (1 << size) - 1
            dc[component] = min(max(dc[component] + value, -_DC_LIMIT), _DC_LIMIT)
            block = coefficients[m, b]
            block[:] = 0
            block[0] = dc[component]
            status[m, b] = PARTIAL
            status[m, blocks] = PARTIAL
            k = 1
            while k < 64:
                entry = int(ac_table[_peek16(data, bit, end_bit)])
                length = entry >> 8
                if length == 0:
                    return m, bit - start * 8, end_bit - bit < 16
                run = (entry >> 4) & 0xF
                size = entry & 0xF
                if bit + length + size > end_bit:
                    return m, bit - start * 8, True
                bit += length
                if size == 0:
                    if run != 15:
                        break
                    k += 16
                    continue
                k += run
                if k > 63:
                    return m, bit - start * 8, False
                value = _peek16(data, bit, end_bit) >> (16 - size)
                bit += size
                if value < (1 << (size - 1)):
                    value -= (1 << size) - 1
                block[k] = value
                k += 1
            status[m, b] = COMPLETE
        status[m, blocks] = COMPLETE
    return stop, bit - start * 8, True


@njit(cache=True)
def decode_stretches(data, stretches, tables, luma_blocks, checked, coefficients, status):  # type: ignore[no-untyped-def]
    """Decodes all stretches of one image; returns how many did not end where the next one starts.

    Args:
        stretches: int64 (n, 5): start byte, end byte, first MCU, MCU to stop before, 1 where the end is known.
        checked: False for packets without CRC: then a stretch that does not end where it must is dropped whole.
    """
    bad = 0
    for i in range(stretches.shape[0]):
        start, end, first, stop, known = stretches[i]
        reached, used, clean = decode_stretch(data, start, end, tables, luma_blocks, first, stop, coefficients, status)
        fits = clean and (known == 0 or (reached == stop and (end - start) * 8 - used < 8))
        if not fits:
            bad += 1
            if not checked:
                coefficients[first:stop] = 0
                status[first:stop] = MISSING
    return bad


@njit(cache=True)
def hold_dc(coefficients, status, luma_blocks):  # type: ignore[no-untyped-def]
    """Gives every block that did not arrive the last DC of its component, as zero differences would."""
    dc = np.zeros(3, np.int64)
    for m in range(coefficients.shape[0]):
        for b in range(coefficients.shape[1]):
            component = 0 if b < luma_blocks else b - luma_blocks + 1
            if status[m, b] == MISSING:
                coefficients[m, b, 0] = dc[component]
            dc[component] = coefficients[m, b, 0]


@njit(cache=True)
def _bit_length(value):  # type: ignore[no-untyped-def]
    value = abs(value)
    n = 0
    while value:
        value >>= 1
        n += 1
    return n


@njit(cache=True)
def _put(out, bit, value, count):  # type: ignore[no-untyped-def]
    """Writes `count` bits at `bit`, most significant first; returns the bit after."""
    for k in range(count - 1, -1, -1):
        if (value >> k) & 1:
            out[bit >> 3] |= np.uint8(128 >> (bit & 7))
        bit += 1
    return bit


@njit(cache=True)
def _put_value(out, bit, code, length, value, size):  # type: ignore[no-untyped-def]
    extra = value if value >= 0 else value + (1 << size) - 1
    return _put(out, bit, (code << size) | extra, length + size)


@njit(cache=True)
def _put_block(out, bit, block, predictor, dc_table, ac_table):  # type: ignore[no-untyped-def]
    """Writes one block; returns (bit after, bit before its last symbol)."""
    difference = int(block[0]) - predictor
    # Baseline tables end at 11 bits; only impossible input reaches the clamp.
    difference = min(max(difference, -2047), 2047)
    size = _bit_length(difference)
    before = bit
    bit = _put_value(out, bit, dc_table[size, 0], dc_table[size, 1], difference, size)
    run = 0
    for k in range(1, 64):
        value = int(block[k])
        if value == 0:
            run += 1
            continue
        while run > 15:
            bit = _put(out, bit, ac_table[0xF0, 0], ac_table[0xF0, 1])
            run -= 16
        value = min(max(value, -1023), 1023)
        size = _bit_length(value)
        symbol = run << 4 | size
        before = bit
        bit = _put_value(out, bit, ac_table[symbol, 0], ac_table[symbol, 1], value, size)
        run = 0
    if run:
        before = bit
        bit = _put(out, bit, ac_table[0, 0], ac_table[0, 1])
    return bit, before


@njit(cache=True)
def encode_scan(coefficients, luma_blocks, tables):  # type: ignore[no-untyped-def]
    """The entropy-coded segment (uint8, stuffed, padded with ones) of a whole baseline JPEG without restarts."""
    n, blocks, _ = coefficients.shape
    raw = np.zeros(n * blocks * 64 * 4 + 16, np.uint8)
    dc = np.zeros(3, np.int64)
    bit = 0
    for m in range(n):
        for b in range(blocks):
            component = 0 if b < luma_blocks else b - luma_blocks + 1
            at = 0 if component == 0 else 2
            bit, _ = _put_block(raw, bit, coefficients[m, b], dc[component], tables[at], tables[at + 1])
            dc[component] = coefficients[m, b, 0]
    while bit & 7:
        bit = _put(raw, bit, 1, 1)
    length = bit >> 3
    stuffed = np.zeros(2 * length, np.uint8)
    k = 0
    for i in range(length):
        stuffed[k] = raw[i]
        k += 1
        if raw[i] == 0xFF:
            k += 1
    return stuffed[:k]


@njit(cache=True)
def encode_stream(coefficients, luma_blocks, tables, payload):  # type: ignore[no-untyped-def]
    """Packs an image into payloads of `payload` bytes; returns (bytes, starts).

    Returns:
        stream: uint8 (n_packets * payload,); after the last MCU the filler that SSDV encoders use.
        starts: int64 (n_packets, 2): offset and index of the first MCU starting in each packet, (255, 65535) for none.

    The first MCU that starts in a packet is aligned to a byte with ones and resets the DC predictors.
    """
    n, blocks, _ = coefficients.shape
    stream = np.zeros(n * blocks * 64 * 4 + 2 * payload + n + 16, np.uint8)
    starts = np.full((stream.shape[0] // payload + 2, 2), -1, np.int64)
    dc = np.zeros(3, np.int64)
    bit = 0
    before = 0
    for m in range(n):
        # The packet being filled is the one that was open when the last symbol began, even if that symbol filled it.
        current = (before >> 3) // payload
        if starts[current, 1] < 0:
            while bit & 7:
                bit = _put(stream, bit, 1, 1)
            if (bit >> 3) > (current + 1) * payload:
                current += 1
            starts[current, 0] = (bit >> 3) - current * payload
            starts[current, 1] = m
            dc[:] = 0
        for b in range(blocks):
            component = 0 if b < luma_blocks else b - luma_blocks + 1
            at = 0 if component == 0 else 2
            bit, before = _put_block(stream, bit, coefficients[m, b], dc[component], tables[at], tables[at + 1])
            dc[component] = coefficients[m, b, 0]
    while bit & 7:
        bit = _put(stream, bit, 1, 1)
    packets = max(((bit >> 3) + payload - 1) // payload, 1)
    for i in range(packets):
        if starts[i, 1] < 0:
            starts[i, 0] = 255
            starts[i, 1] = 65535
    filler = 0
    for i in range(bit >> 3, packets * payload):
        filler = (filler * 245 + 45) & 0xFF
        stream[i] = filler
    return stream[: packets * payload], starts[:packets]


def empty_coefficients(n_mcu: int, blocks: int) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Zero coefficients (n_mcu, blocks, 64) and status (n_mcu, blocks + 1), all MISSING."""
    return np.zeros((n_mcu, blocks, 64), np.int16), np.zeros((n_mcu, blocks + 1), np.uint8)
