"""Finds packets in bytes: raw packet files with lost or added bytes, KISS frames, lines of hexadecimal.

Every reader is fed bytes as they come and gives back what it could check so far, so that files, pipes and growing files
take the same way. A packet counts only when its CRC holds (after Reed-Solomon, where the format has it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from terraluna.downlink.fec import rs_correct
from terraluna.downlink.formats import (
    LONGJIANG2,
    STANDARD_FEC,
    SYNC,
    Packet,
    PacketFormat,
    parse_packet,
)

Container = Literal["auto", "raw", "kiss", "hex"]
_LONGEST = 256
_LONGEST_GAP = 65536
_RS_FREE_ATTEMPTS = 8
_FEND, _FESC = 0xC0, 0xDB
_KISS_TIMESTAMP = 0x09
_HEX_RUN = re.compile(r"(?:[0-9A-Fa-f]{2}[ \t:]?){100,}")
_TEXT = frozenset(range(32, 127)) | {9, 10, 13}
_SNIFF = 218


@dataclass(frozen=True, slots=True)
class Sighting:
    """One received copy of a packet: its source, its place among that source's packets, its time if known (Unix s)."""

    packet: Packet
    source: int
    order: int
    time: float | None = None


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
        while at < len(view):
            taken = self._take(view, at, final)
            if taken is None:
                break
            length, packet = taken
            if length == 0:
                at += 1
                self._since_lock += 1
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

    def _take(self, view: bytes, at: int, final: bool) -> tuple[int, Packet | None] | None:
        """(bytes used, packet or None if its CRC is wrong); (0, None) if none is at `at`; None to wait for more."""
        left = len(view) - at
        if self._longjiang2 and left >= LONGJIANG2.length and LONGJIANG2.valid(memoryview(view)[at : at + 218]):
            found = _sized(parse_packet(LONGJIANG2, view[at : at + 218]))
            if found is not None:
                self._locked = LONGJIANG2
                return LONGJIANG2.length, found
        # At the distance of whole packets from the last one, a damaged sync or type byte need not hide a packet.
        expected = self._locked if self._locked is not None else self._typed.get(STANDARD_FEC.packet_type)
        aligned = expected is not None and self._since_lock % expected.length == 0
        candidates = [expected] if expected is not None and aligned and expected is not LONGJIANG2 else []
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
        """Books a gap: packets of the locked format's length with a wrong CRC, and bytes that are no packet."""
        fmt = self._locked
        if fmt is None and whole and self._longjiang2 and len(gap) >= LONGJIANG2.length and len(gap) % 218 == 0:
            fmt = LONGJIANG2
        pieces = len(gap) // fmt.length if fmt is not None else 0
        for i in range(pieces):
            assert fmt is not None
            self._count.bad(fmt, gap[i * fmt.length : (i + 1) * fmt.length])
        self._count.skipped += len(gap) - pieces * (fmt.length if fmt is not None else 0)


def _sized(packet: Packet) -> Packet | None:
    """None for a packet whose header says a picture without pixels."""
    return packet if packet.systematic_count or (packet.width and packet.height) else None


class KissReader:
    """Frames of a KISS stream; control byte 0x09 carries the next frame's time (ms since 1970, 8 bytes big endian)."""

    def __init__(self) -> None:
        self._frame = bytearray()
        self._escaped = False
        self._time: float | None = None

    def feed(self, data: bytes) -> list[tuple[float | None, bytes]]:
        """Takes more bytes; returns (time, content) of each whole frame."""
        frames: list[tuple[float | None, bytes]] = []
        for byte in data:
            if byte == _FEND:
                self._end(frames)
            elif self._escaped:
                self._frame.append({0xDC: _FEND, 0xDD: _FESC}.get(byte, byte))
                self._escaped = False
            elif byte == _FESC:
                self._escaped = True
            else:
                self._frame.append(byte)
        return frames

    def _end(self, frames: list[tuple[float | None, bytes]]) -> None:
        frame, self._frame, self._escaped = bytes(self._frame), bytearray(), False
        if not frame:
            return
        if frame[0] == _KISS_TIMESTAMP and len(frame) == 9:
            self._time = int.from_bytes(frame[1:], "big") / 1000.0
        elif frame[0] & 0x0F == 0:
            frames.append((self._time, frame[1:]))
            self._time = None


class HexReader:
    """Frames in lines of text: the longest run of hexadecimal of a line, and the time if another field has one."""

    def __init__(self) -> None:
        self._line = ""

    def feed(self, data: bytes) -> list[tuple[float | None, bytes]]:
        """Takes more bytes; returns (time, content) of each whole line that holds a frame."""
        *lines, self._line = (self._line + data.decode("ascii", "replace")).split("\n")
        return [frame for line in lines if (frame := self._read(line)) is not None]

    def close(self) -> list[tuple[float | None, bytes]]:
        """The frame of a last line without line end."""
        line, self._line = self._line, ""
        frame = self._read(line)
        return [] if frame is None else [frame]

    @staticmethod
    def _read(line: str) -> tuple[float | None, bytes] | None:
        found = max(_HEX_RUN.finditer(line), key=lambda m: len(m.group()), default=None)
        if found is None:
            return None
        digits = re.sub(r"[^0-9A-Fa-f]", "", found.group())
        rest = line[: found.start()] + "," + line[found.end() :]
        times = [t for piece in re.split(r"[,;\t]", rest) if (t := _read_time(piece.strip(" \r\"'"))) is not None]
        return (times[0] if times else None), bytes.fromhex(digits)


def _read_time(text: str) -> float | None:
    """Unix seconds of an ISO 8601 time (UTC unless it says otherwise) or of such a number; None for other text."""
    if re.fullmatch(r"\d{9,10}(\.\d+)?", text):
        return float(text)
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class SourceReader:
    """One input, of whatever container: turns its bytes into sightings."""

    def __init__(self, name: str, index: int, formats: tuple[PacketFormat, ...], container: Container = "auto") -> None:
        self.name = name
        self.count = ScanCount()
        self._index = index
        self._formats = formats
        self._container = container
        self._seen = 0
        self._head = b""
        self._frames: KissReader | HexReader | None = None
        self._raw: RawScanner | None = None
        if container != "auto":
            self._open(container)

    @property
    def container(self) -> str:
        """What the input turned out to be: raw, kiss or hex; auto as long as that is open."""
        return self._container

    def feed(self, data: bytes) -> list[Sighting]:
        """Takes more bytes; returns the packets found."""
        if self._container == "auto":
            self._head += data
            if len(self._head) < _SNIFF:
                return []
            data, self._head = self._head, b""
            self._open(sniff_container(data, self._formats))
        if self._raw is not None:
            return self._sightings(self._raw.feed(data), None)
        assert self._frames is not None
        return self._from_frames(self._frames.feed(data))

    def close(self) -> list[Sighting]:
        """Ends the input; returns the packets that only its end makes certain."""
        found: list[Sighting] = []
        if self._container == "auto":
            data, self._head = self._head, b""
            self._open(sniff_container(data, self._formats))
            found = self.feed(data)
        if self._raw is not None:
            return found + self._sightings(self._raw.close(), None)
        if isinstance(self._frames, HexReader):
            found += self._from_frames(self._frames.close())
        return found

    def _open(self, container: Container) -> None:
        self._container = container
        if container == "raw":
            self._raw = RawScanner(self._formats, self.count)
        else:
            self._frames = KissReader() if container == "kiss" else HexReader()

    def _from_frames(self, frames: list[tuple[float | None, bytes]]) -> list[Sighting]:
        found: list[Sighting] = []
        for time, frame in frames:
            scanner = RawScanner(self._formats, self.count)
            found += self._sightings(scanner.feed(frame) + scanner.close(), time)
        return found

    def _sightings(self, packets: list[Packet], time: float | None) -> list[Sighting]:
        found = [Sighting(p, self._index, self._seen + i, time) for i, p in enumerate(packets)]
        self._seen += len(found)
        return found


def sniff_container(head: bytes, formats: tuple[PacketFormat, ...]) -> Container:
    """Guesses from the first bytes whether an input is raw packets, KISS or text; raw when in doubt."""
    start = head[:_SNIFF]
    if start and all(b in _TEXT for b in start.removeprefix(b"\xef\xbb\xbf")):
        return "hex"
    if start[:1] == bytes([_FEND]) and not (
        LONGJIANG2 in formats and len(start) >= 218 and LONGJIANG2.valid(start[:218])
    ):
        # A raw packet of image 192 starts with the same byte, but then the packets' CRCs show it sooner or later.
        inner = start.lstrip(bytes([_FEND]))
        if inner[:1] and (inner[0] & 0x0F == 0 or inner[0] == _KISS_TIMESTAMP):
            return "kiss"
    return "raw"
