"""SSDV packet formats as parameters, and the header that all of them share.

A packet is `[sync, type, callsign] header payload [CRC-32] [Reed-Solomon parity]`. The nine header bytes are the same
in every variant: image id, packet id (16 bits), width/16, height/16, flags, offset of the first MCU that starts in the
payload, index of that MCU (16 bits). Sources: UKHAS SSDV guide; Longjiang-2 frames; the JY1SAT stream.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from terraluna.downlink.crc import INITIAL_LONGJIANG2, INITIAL_STANDARD, crc32
from terraluna.errors import InputError

FormatChoice = Literal["auto", "longjiang2", "standard", "jy1sat"]
SYNC = 0x55
NO_MCU_OFFSET = 255
NO_MCU_INDEX = 65535
_HEADER = struct.Struct(">BHBBBBH")
_FLAG_LAST = 0x04
_FLAG_ERASURE = 0x40
_QUALITY_XOR = 4
_CALLSIGN_LETTERS = "-0123456789---ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class PacketFormat:
    """The layout of one SSDV variant.

    Attributes:
        name: name for reports.
        length: bytes of a whole packet, from the sync byte (if any) to the last parity byte.
        prefix: bytes before the nine shared header bytes (sync, type, callsign), 0 or 6.
        payload: bytes of image data.
        packet_type: value of the type byte, or None where the format has none.
        crc_initial: start value of the CRC register, or None where the packets carry no CRC.
        crc_start: first byte that the CRC covers; it covers all up to itself.
        parity: Reed-Solomon parity bytes at the end, 0 or 32.
    """

    name: str
    length: int
    prefix: int
    payload: int
    packet_type: int | None
    crc_initial: int | None
    crc_start: int
    parity: int = 0

    @property
    def crc_end(self) -> int:
        """Index of the CRC's first byte (of the unused field where there is no CRC)."""
        return self.prefix + _HEADER.size + self.payload

    def valid(self, packet: bytes | memoryview) -> bool:
        """Whether the CRC of a packet of the right length holds; without a CRC, whether the header is possible."""
        stored = int.from_bytes(packet[self.crc_end : self.crc_end + 4], "big")
        if self.crc_initial is not None:
            return crc32(packet[self.crc_start : self.crc_end], self.crc_initial) == stored
        # JY1SAT leaves the CRC field zero and relies on the link's own code; only impossible headers can be seen.
        return packet[0] == SYNC and packet[1] == self.packet_type and stored == 0 and self.plausible(packet)

    def plausible(self, packet: bytes | memoryview) -> bool:
        """Whether sizes, offset and index of a packet's header are possible, whatever its CRC says."""
        _, _, width, height, flags, offset, index = _HEADER.unpack_from(packet, self.prefix)
        if width == 0 or height == 0 or flags & 0xC0:
            return False
        if offset == NO_MCU_OFFSET or index == NO_MCU_INDEX:
            return bool(offset == NO_MCU_OFFSET and index == NO_MCU_INDEX)
        return bool(offset <= self.payload and index < mcu_count(width * 16, height * 16, flags & 3))


LONGJIANG2 = PacketFormat("longjiang2", 218, 0, 205, None, INITIAL_LONGJIANG2, 0)
STANDARD_FEC = PacketFormat("standard-fec", 256, 6, 205, 0x66, INITIAL_STANDARD, 1, parity=32)
STANDARD_NO_FEC = PacketFormat("standard-nofec", 256, 6, 237, 0x67, INITIAL_STANDARD, 1)
JY1SAT = PacketFormat("jy1sat", 208, 6, 189, 0x68, None, 1)

FORMATS: dict[str, PacketFormat] = {f.name: f for f in (LONGJIANG2, STANDARD_FEC, STANDARD_NO_FEC, JY1SAT)}
_CHOICES: dict[str, tuple[PacketFormat, ...]] = {
    "auto": (LONGJIANG2, STANDARD_FEC, STANDARD_NO_FEC, JY1SAT),
    "longjiang2": (LONGJIANG2,),
    "standard": (STANDARD_FEC, STANDARD_NO_FEC),
    "jy1sat": (JY1SAT,),
}


def formats_for(choice: str) -> tuple[PacketFormat, ...]:
    """The formats behind a `--format` choice; InputError for an unknown one."""
    if choice not in _CHOICES:
        raise InputError(f"format '{choice}' is not known: use one of {', '.join(_CHOICES)}")
    return _CHOICES[choice]


@dataclass(frozen=True)
class Sampling:
    """How many luma blocks one MCU has, horizontally and vertically; each chroma component has one block."""

    horizontal: int
    vertical: int

    @property
    def blocks(self) -> int:
        """Blocks of one MCU, chroma included."""
        return self.horizontal * self.vertical + 2


SAMPLINGS: tuple[Sampling, ...] = (Sampling(2, 2), Sampling(1, 2), Sampling(2, 1), Sampling(1, 1))


def mcu_count(width: int, height: int, sampling: int) -> int:
    """MCUs of an image of `width` x `height` pixels with sampling mode 0-3 (2x2, 1x2, 2x1, 1x1)."""
    mode = SAMPLINGS[sampling]
    return (width // (8 * mode.horizontal)) * (height // (8 * mode.vertical))


@dataclass(frozen=True, slots=True)
class Packet:
    """One checked SSDV packet.

    Attributes:
        format: its variant.
        callsign: base-40 text, empty where the format has none.
        image_id: 0-255; wraps.
        packet_id: place within the image; for an erasure packet (FEC over packets), its abscissa.
        width, height: pixels; 0 in an erasure packet.
        quality: SSDV quality index 0-7.
        sampling: sampling mode 0-3.
        last: end-of-image flag.
        systematic_count: packets of the image, as an erasure packet says; 0 in an ordinary packet.
        data: offset byte, two index bytes and payload: what the erasure code works on.
        repaired: bytes that Reed-Solomon corrected.
    """

    format: PacketFormat
    callsign: str
    image_id: int
    packet_id: int
    width: int
    height: int
    quality: int
    sampling: int
    last: bool
    systematic_count: int
    data: bytes
    repaired: int = 0

    @property
    def mcu_offset(self) -> int:
        """Payload byte at which the first new MCU starts; 255: none starts here."""
        return self.data[0]

    @property
    def mcu_index(self) -> int:
        """Index of that MCU; 65535: none starts here."""
        return self.data[1] << 8 | self.data[2]

    @property
    def payload(self) -> bytes:
        """The image bytes."""
        return self.data[3:]


def parse_packet(fmt: PacketFormat, packet: bytes, repaired: int = 0) -> Packet:
    """Reads a packet whose CRC has been checked; the layout is the module's docstring."""
    at = fmt.prefix
    image_id, packet_id, width, height, flags, _, _ = _HEADER.unpack_from(packet, at)
    erasure = bool(flags & _FLAG_ERASURE)
    return Packet(
        format=fmt,
        callsign=decode_callsign(int.from_bytes(packet[2:6], "big")) if fmt.prefix else "",
        image_id=image_id,
        packet_id=packet_id,
        width=0 if erasure else width * 16,
        height=0 if erasure else height * 16,
        quality=(flags >> 3 & 7) ^ _QUALITY_XOR,
        sampling=flags & 3,
        last=bool(flags & _FLAG_LAST),
        systematic_count=(width << 8 | height) if erasure else 0,
        data=bytes(packet[at + 6 : at + 9 + fmt.payload]),
        repaired=repaired,
    )


def build_packet(packet: Packet) -> bytes:
    """The bytes of a packet with its CRC; Reed-Solomon parity where the format has it."""
    fmt = packet.format
    flags = (packet.quality ^ _QUALITY_XOR) << 3 | packet.sampling
    flags |= _FLAG_LAST if packet.last else 0
    if packet.systematic_count:
        flags |= _FLAG_ERASURE
        width, height = divmod(packet.systematic_count, 256)
    else:
        width, height = packet.width // 16, packet.height // 16
    body = bytearray()
    if fmt.packet_type is not None:
        body += bytes((SYNC, fmt.packet_type)) + encode_callsign(packet.callsign).to_bytes(4, "big")
    body += struct.pack(">BHBBB", packet.image_id, packet.packet_id, width, height, flags)
    body += packet.data
    check = crc32(memoryview(body)[fmt.crc_start :], fmt.crc_initial) if fmt.crc_initial is not None else 0
    body += check.to_bytes(4, "big")
    if fmt.parity:
        from terraluna.downlink.fec import rs_parity

        body += rs_parity(bytes(body[1:]))
    return bytes(body)


def decode_callsign(code: int) -> str:
    """Text of a base-40 callsign, up to six characters."""
    text = ""
    while code and len(text) < 6:
        code, digit = divmod(code, 40)
        text += _CALLSIGN_LETTERS[digit]
    return text


def encode_callsign(text: str) -> int:
    """Base-40 code of up to six letters and digits; InputError for anything else."""
    code = 0
    for letter in reversed(text.upper()):
        if letter == "-" or letter not in _CALLSIGN_LETTERS or len(text) > 6:
            raise InputError(f"callsign '{text}' is not usable: give up to six letters or digits")
        code = code * 40 + _CALLSIGN_LETTERS.index(letter)
    return code
