"""Inputs and their containers: raw packets, KISS frames, lines of hexadecimal.

Every reader is fed bytes as they come and gives back what it could check so far, so that files, pipes and growing files
take the same way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from terraluna.downlink.formats import LONGJIANG2, Packet, PacketFormat
from terraluna.downlink.scanner import RawScanner, ScanCount

Container = Literal["auto", "raw", "kiss", "hex"]
_FEND, _FESC = 0xC0, 0xDB
_KISS_TIMESTAMP = 0x09
_HEX_RUN = re.compile(r"(?:[0-9A-Fa-f]{2}[ \t:]?){100,}")
# A time before the frame is cut off first: where only a space follows, its digits could pass for the frame's.
_LEADING_TIME = re.compile(r"[\s\"']*(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}[^\s,;\"']*|\d{9,10}(?:\.\d+)?)[\s,;\"']+")
_TEXT = frozenset(range(32, 127)) | {9, 10, 13}
_SNIFF = 218


@dataclass(frozen=True, slots=True)
class Sighting:
    """One received copy of a packet: its source, its place among that source's packets, its time if known (Unix s)."""

    packet: Packet
    source: int
    order: int
    time: float | None = None


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
        leading = _LEADING_TIME.match(line)
        first = _read_time(leading.group(1)) if leading else None
        if leading and first is not None:
            line = line[leading.end() :]
        found = max(_HEX_RUN.finditer(line), key=lambda m: len(m.group()), default=None)
        if found is None:
            return None
        digits = re.sub(r"[^0-9A-Fa-f]", "", found.group())
        rest = line[: found.start()] + "," + line[found.end() :]
        times = [t for piece in re.split(r"[,;\t]", rest) if (t := _read_time(piece.strip(" \r\"'"))) is not None]
        return (first if first is not None else times[0] if times else None), bytes.fromhex(digits)


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
