"""Error correction: Reed-Solomon inside a packet, and the erasure code over the packets of an image.

Inside a standard packet of type 0x66: RS(255, 223) over GF(2^8) with polynomial 0x187, first root exponent 112, root
step 11, conventional basis, systematic; it covers bytes 1-255 (checked against the reference encoder's packets).

Over packets (D. Estevez, "An erasure FEC for SSDV", 2023): the k packets of an image are the values of a polynomial of
degree below k at 0..k-1 over GF(2^16), one polynomial for each 16-bit word of `Packet.data`; further packets are its
values at other points, so that any k distinct packets give the image back. GF(2^16) = GF(2^8)[y] / (y^2 + x^3 y + 1)
over GF(2^8) = GF(2)[x] / (x^8 + x^4 + x^3 + x^2 + 1), high byte the coefficient of y.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from terraluna.downlink.formats import Packet
from terraluna.errors import InputError

RS_PARITY = 32
RS_CORRECTS = RS_PARITY // 2
_RS_POLYNOMIAL = 0x187
_RS_FIRST_ROOT = 112
# alpha^11 in that field: root step 11 is the same code with this generator.
_RS_GENERATOR = 173
_GF256_POLYNOMIAL = 0x11D


@lru_cache(maxsize=1)
def _codec() -> Any:
    from reedsolo import RSCodec

    return RSCodec(RS_PARITY, nsize=255, fcr=_RS_FIRST_ROOT, prim=_RS_POLYNOMIAL, generator=_RS_GENERATOR)


def rs_parity(message: bytes) -> bytes:
    """The 32 parity bytes of a message of 223 bytes."""
    return bytes(_codec().encode(message))[-RS_PARITY:]


def rs_correct(codeword: bytes) -> tuple[bytes, int] | None:
    """A codeword of 255 bytes with up to 16 wrong ones put right, and how many were; None if there are more."""
    from reedsolo import ReedSolomonError

    try:
        _, whole, places = _codec().decode(codeword)
    except (ReedSolomonError, ZeroDivisionError, IndexError):
        return None
    return bytes(whole), len(places)


@lru_cache(maxsize=1)
def _gf256_tables() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    exponent, logarithm = np.zeros(510, np.int64), np.zeros(256, np.int64)
    value = 1
    for power in range(255):
        exponent[power] = exponent[power + 255] = value
        logarithm[value] = power
        value <<= 1
        if value & 0x100:
            value ^= _GF256_POLYNOMIAL
    return exponent, logarithm


@njit(cache=True)
def _mul8(a, b, exp, log):  # type: ignore[no-untyped-def]
    if a == 0 or b == 0:
        return 0
    return exp[log[a] + log[b]]


@njit(cache=True)
def _mul16(a, b, exp, log):  # type: ignore[no-untyped-def]
    """Product in GF(2^16): y^2 is replaced by x^3 y + 1."""
    a1, a0, b1, b0 = a >> 8, a & 0xFF, b >> 8, b & 0xFF
    top = _mul8(a1, b1, exp, log)
    high = _mul8(a1, b0, exp, log) ^ _mul8(a0, b1, exp, log) ^ _mul8(8, top, exp, log)
    return high << 8 | (_mul8(a0, b0, exp, log) ^ top)


@njit(cache=True)
def _inverse16(a, exp, log):  # type: ignore[no-untyped-def]
    """1/a as a^(2^16 - 2)."""
    result = 1
    power = a
    for _ in range(15):
        power = _mul16(power, power, exp, log)
        result = _mul16(result, power, exp, log)
    return result


@njit(cache=True)
def _interpolate(known, values, wanted, exp, log):  # type: ignore[no-untyped-def]
    """Values (m, words) at `wanted` of the polynomials through `values` (k, words) at `known`; all points distinct."""
    k, words = values.shape
    weights = np.ones(k, np.int64)
    for j in range(k):
        for m in range(k):
            if m != j:
                weights[j] = _mul16(weights[j], known[j] ^ known[m], exp, log)
    out = np.zeros((wanted.shape[0], words), np.int64)
    for i in range(wanted.shape[0]):
        product = 1
        for j in range(k):
            product = _mul16(product, wanted[i] ^ known[j], exp, log)
        for j in range(k):
            denominator = _mul16(weights[j], wanted[i] ^ known[j], exp, log)
            factor = _mul16(product, _inverse16(denominator, exp, log), exp, log)
            for w in range(words):
                out[i, w] ^= _mul16(factor, values[j, w], exp, log)
    return out


def _evaluate(packets: list[Packet], wanted: list[int]) -> list[bytes]:
    known = np.array([p.packet_id for p in packets], np.int64)
    values = np.stack([np.frombuffer(p.data, ">u2") for p in packets]).astype(np.int64)
    out = _interpolate(known, values, np.array(wanted, np.int64), *_gf256_tables())
    return [row.astype(">u2").tobytes() for row in out]


def erasure_packets(packets: list[Packet], count: int) -> list[Packet]:
    """The next `count` erasure packets after the k packets of one image, in order and without gaps.

    InputError if a packet is missing or there would be more than 65,536 in all.
    """
    k = len(packets)
    if [p.packet_id for p in packets] != list(range(k)) or not packets or k + count > 65536:
        raise InputError(
            f"erasure coding needs the packets 0 to n-1 of one image, at most 65536 in all; got {k} + {count}"
        )
    ids = list(range(k, k + count))
    if packets[0].format.crc_initial is None:
        raise InputError(f"format {packets[0].format.name} has no CRC, so erasures cannot be told: use another format")
    template = replace(packets[0], width=0, height=0, last=False, systematic_count=k)
    return [replace(template, packet_id=i, data=data) for i, data in zip(ids, _evaluate(packets, ids), strict=True)]


def recover_packets(packets: list[Packet], extra: list[Packet]) -> list[Packet]:
    """The missing packets of an image, from its `packets` and `extra` erasure packets; empty if they are too few.

    The number of packets comes from the erasure packets, which must agree; otherwise nothing is recovered.
    """
    counts = {p.systematic_count for p in extra}
    if not packets or len(counts) != 1:
        return []
    k = counts.pop()
    have = {p.packet_id: p for p in packets if p.packet_id < k}
    points = list(have.values()) + list({p.packet_id: p for p in extra if p.packet_id >= k}.values())
    missing = [i for i in range(k) if i not in have]
    if not missing or len(points) < k or any(p.last and p.packet_id != k - 1 for p in have.values()):
        return []
    template = packets[0]
    return [
        replace(template, packet_id=i, last=i == k - 1, data=data, repaired=0)
        for i, data in zip(missing, _evaluate(points[:k], missing), strict=True)
    ]
