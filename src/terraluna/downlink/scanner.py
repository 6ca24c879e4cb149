"""Finds packets in a plain byte stream, also after lost, added or damaged bytes.

A packet counts only when its CRC holds (after Reed-Solomon, where the format has it).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from terraluna.downlink.crc import INITIAL_LONGJIANG2, find_packet
from terraluna.downlink.fec import rs_correct
from terraluna.downlink.formats import LONGJIANG2, STANDARD_FEC, SYNC, Packet, PacketFormat, parse_packet

_LONGEST = 256
_LONGEST_GAP = 65536
# Packets after the last good one during which its step is kept to.
_KEEP_STEP = 64
# Corrections tried before any data allow for more; then two for each 256 bytes, so that no input takes for ever.
_RS_FREE_ATTEMPTS = 8


@dataclass(slots=True)
class ScanCount:
    """What a reader met: bytes read, bytes in no packet, and format and image id of packets with a wrong CRC."""

    received: int = 0
    skipped: int = 0
    bad_ids: list[int] = field(default_factory=list)
    bad_formats: list[str] = field(default_factory=list)
    repaired: int = 0
    inner_longjiang2: int = 0

    def bad(self, fmt: PacketFormat, packet: bytes | memoryview) -> None:
        """Counts a packet-sized piece whose CRC is wrong."""
        self.bad_ids.append(packet[fmt.prefix])
        self.bad_formats.append(fmt.name)


class RawScanner:
    """Packets in a plain byte stream, found again after lost, added or damaged bytes."""

    def __init__(self, formats: tuple[PacketFormat, ...], count: ScanCount) -> None:
        self._typed: dict[int | None, PacketFormat] = {f.packet_type: f for f in formats if f.packet_type is not None}
        self._longjiang2 = LONGJIANG2 in formats
        self._count = count
        self._buffer = bytearray()
        self._locked: PacketFormat | None = None
        self._at = 0
        self._next_longjiang2 = 0
        self._since_lock = 0
        self._rs_budget = float(_RS_FREE_ATTEMPTS)

    def feed(self, data: bytes) -> list[Packet]:
        """Takes more bytes; returns the packets that are certain by now."""
        self._buffer += data
        self._count.received += len(data)
        self._rs_budget += 2 * len(data) / _LONGEST
        return self._scan(final=False)

    def close(self) -> list[Packet]:
        """Ends the stream; returns the packets that only its end makes certain."""
        packets = self._scan(final=True)
        self._lose(bytes(self._buffer), whole=True)
        self._buffer.clear()
        return packets

    def _scan(self, final: bool) -> list[Packet]:
        packets: list[Packet] = []
        view = bytes(self._buffer)
        start, at = 0, self._at
        self._next_longjiang2 = 0
        while at < len(view):
            taken = self._take(view, at, final)
            if taken is None:
                break
            length, packet = taken
            if length == 0:
                step = self._step(view, at, final)
                at += step
                self._since_lock += step
                continue
            self._lose(view[start:at], whole=False)
            at += length
            start = at
            self._since_lock = 0
            if packet is not None:
                packets.append(packet)
        # Bytes passed over stay until the next packet shows what they were, but not without end.
        if at - start > _LONGEST_GAP:
            self._lose(view[start:at], whole=False)
            start = at
        del self._buffer[:start]
        self._at = at - start
        return packets

    def _step(self, view: bytes, at: int, final: bool) -> int:
        """Bytes to the next place at which `_take` could find something or has to wait."""
        places = [max(at + 1, len(view) - (0 if final else _LONGEST - 1))]
        if self._typed and (sync := view.find(SYNC, at + 1)) >= 0:
            places.append(sync)
        expected = self._expected()
        if expected is not None:
            places.append(at + expected.length - self._since_lock % expected.length)
        if self._longjiang2:
            if 0 <= self._next_longjiang2 <= at:
                self._next_longjiang2 = find_packet(view, at + 1, LONGJIANG2.length, INITIAL_LONGJIANG2)
            if self._next_longjiang2 >= 0:
                places.append(self._next_longjiang2)
        return min(places) - at

    def _expected(self) -> PacketFormat | None:
        """The format looked for at whole packets' distance from the last good one, whatever its sync and type say."""
        expected = self._locked if self._locked is not None else self._typed.get(STANDARD_FEC.packet_type)
        if expected is None or expected is LONGJIANG2 or self._since_lock > _KEEP_STEP * expected.length:
            return None
        return expected

    def _take(self, view: bytes, at: int, final: bool) -> tuple[int, Packet | None] | None:
        """(bytes used, packet or None if its CRC is wrong); (0, None) if none is at `at`; None to wait for more."""
        left = len(view) - at
        if self._longjiang2 and left >= LONGJIANG2.length and LONGJIANG2.valid(memoryview(view)[at : at + 218]):
            found = _sized(parse_packet(LONGJIANG2, view[at : at + 218]))
            if found is not None:
                self._locked = LONGJIANG2
                return LONGJIANG2.length, found
        expected = self._expected()
        aligned = expected is not None and self._since_lock % expected.length == 0
        candidates = [expected] if expected is not None and aligned else []
        named = self._typed.get(view[at + 1]) if left > 1 and view[at] == SYNC else None
        if named is not None and named not in candidates:
            candidates.append(named)
        if not candidates:
            return (0, None) if final or left >= _LONGEST else None
        for fmt in candidates:
            if left < fmt.length:
                if not final:
                    return None
                continue
            taken = self._typed_packet(view, at, fmt, final)
            if taken is None or taken[0]:
                return taken
        return 0, None

    def _typed_packet(self, view: bytes, at: int, fmt: PacketFormat, final: bool) -> tuple[int, Packet | None] | None:
        piece = view[at : at + fmt.length]
        packet = self._checked(piece, fmt)
        if packet is not None:
            self._locked = fmt
            self._count.repaired += packet.repaired
            return fmt.length, packet
        if piece[0] != SYNC or piece[1] != fmt.packet_type or not fmt.plausible(piece):
            return 0, None
        following = at + fmt.length
        if not final and len(view) <= following:
            return None
        if following < len(view) and view[following] != SYNC:
            # Bytes were lost or added inside: the next packet may begin within this one's length.
            return 0, None
        # Sync, type, header and neighbour show a packet of this format, but a damaged one: not to be searched inside.
        self._count.bad(fmt, piece)
        inner = memoryview(piece)[fmt.prefix : fmt.prefix + LONGJIANG2.length]
        if len(inner) == LONGJIANG2.length and LONGJIANG2.valid(inner):
            self._count.inner_longjiang2 += 1
        self._locked = fmt
        return fmt.length, None

    def _checked(self, piece: bytes, fmt: PacketFormat) -> Packet | None:
        if fmt.valid(piece):
            return _sized(parse_packet(fmt, piece))
        if fmt is not STANDARD_FEC or self._rs_budget < 1:
            return None
        self._rs_budget -= 1
        corrected = rs_correct(piece[1:])
        if corrected is None:
            return None
        whole = bytes([SYNC]) + corrected[0]
        if whole[1] != fmt.packet_type or not fmt.valid(whole):
            return None
        return _sized(parse_packet(fmt, whole, corrected[1]))

    def _lose(self, gap: bytes, whole: bool) -> None:
        """Books a gap: damaged packets of the locked format (all, if the gap is of whole packets) and other bytes."""
        fmt = self._locked
        if fmt is None and whole and self._longjiang2 and gap and len(gap) % LONGJIANG2.length == 0:
            fmt = LONGJIANG2
        bad = 0
        if fmt is not None:
            exact = len(gap) % fmt.length == 0
            for at in range(0, len(gap) - fmt.length + 1, fmt.length):
                piece = gap[at : at + fmt.length]
                if exact or fmt.plausible(piece):
                    self._count.bad(fmt, piece)
                    bad += fmt.length
        self._count.skipped += len(gap) - bad


def _sized(packet: Packet) -> Packet | None:
    """None for a packet whose header says a picture without pixels."""
    return packet if packet.systematic_count or (packet.width and packet.height) else None
