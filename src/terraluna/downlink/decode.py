"""The decoder that users call: sources in, images with damage map and accounts out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terraluna.downlink.assemble import DEFAULT_MAX_GAP_S, ImagePackets, group_images
from terraluna.downlink.conceal import CONCEALMENTS, Concealment, conceal
from terraluna.downlink.formats import PacketFormat, formats_for
from terraluna.downlink.picture import DEFAULT_MAX_PIXELS, Picture, decode_picture
from terraluna.downlink.streams import Container, Sighting, SourceReader
from terraluna.errors import InputError, RefusedError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DecodeOptions:
    """How to decode.

    Attributes:
        format: auto, longjiang2, standard or jy1sat.
        container: auto, raw, kiss or hex.
        conceal: none, fill or inpaint, see `conceal`.
        erasure: whether to use erasure packets (FEC over packets) where there are any.
        max_pixels: largest picture that is decoded.
        max_gap_s: packets with one description that are further apart in time are different pictures.
    """

    format: str = "auto"
    container: Container = "auto"
    conceal: Concealment = "none"
    erasure: bool = True
    max_pixels: int = DEFAULT_MAX_PIXELS
    max_gap_s: float = DEFAULT_MAX_GAP_S

    def formats(self) -> tuple[PacketFormat, ...]:
        """The packet formats to look for; InputError if an option is not known."""
        if self.conceal not in CONCEALMENTS:
            raise InputError(f"--conceal '{self.conceal}' is not known: use one of {', '.join(CONCEALMENTS)}")
        if self.container not in ("auto", "raw", "kiss", "hex"):
            raise InputError(f"--container '{self.container}' is not known: use one of auto, raw, kiss, hex")
        if self.max_pixels < 256:
            raise InputError(f"--max-pixels {self.max_pixels} allows no picture: give at least 256")
        return formats_for(self.format)


@dataclass(frozen=True)
class DecodedImage:
    """One image with what is known of its quality.

    Attributes:
        pixels: uint8 (height, width, 3) after concealment.
        missing: bool (height, width), True where the MCU did not arrive whole.
        invented: bool (height, width), True where concealment put something.
        picture: coefficients, JPEG and MCU map before concealment.
        packets: its packets.
        sources: names of the inputs that brought packets of it.
        bad_crc: packets that claim its id and were dropped for their CRC.
        repaired_bytes: bytes that Reed-Solomon corrected in its packets.
        sole: True if its only source brought no other image.
    """

    pixels: NDArray[np.uint8]
    missing: NDArray[np.bool_]
    invented: NDArray[np.bool_]
    picture: Picture
    packets: ImagePackets
    sources: tuple[str, ...]
    bad_crc: int
    repaired_bytes: int
    sole: bool

    @property
    def image_id(self) -> int:
        """The 8-bit id that the packets carry."""
        return self.packets.first.image_id

    @property
    def width(self) -> int:
        """Pixels."""
        return self.packets.first.width

    @property
    def height(self) -> int:
        """Pixels."""
        return self.packets.first.height

    @property
    def missing_mcus(self) -> int:
        """MCUs that did not arrive whole."""
        return int(np.count_nonzero(~self.picture.mcu_received))

    @property
    def stem(self) -> str:
        """A file name without suffix: the source's own if it holds this image alone, else `name`."""
        if self.sole and self.sources[0] != "-":
            return Path(self.sources[0]).stem
        return self.name

    @property
    def name(self) -> str:
        """A file name without suffix, built from callsign and id."""
        call = f"{self.packets.first.callsign}_" if self.packets.first.callsign else ""
        part = f"_{self.packets.part + 1}" if self.packets.part else ""
        return f"{call}image_{self.image_id:03d}{part}"


@dataclass(frozen=True)
class DecodeResult:
    """All images, and one line for each thing that could not be decoded."""

    images: tuple[DecodedImage, ...]
    refused: tuple[str, ...]
    bad_crc: int
    skipped_bytes: int


@dataclass
class Downlink:
    """Collects packets from any number of inputs and decodes the images that they make so far."""

    options: DecodeOptions = field(default_factory=DecodeOptions)

    def __post_init__(self) -> None:
        self._formats = self.options.formats()
        self._readers: list[SourceReader] = []
        self._sightings: list[Sighting] = []

    def open(self, name: str) -> int:
        """Registers an input; returns the number to feed it with."""
        self._readers.append(SourceReader(name, len(self._readers), self._formats, self.options.container))
        return len(self._readers) - 1

    def feed(self, source: int, data: bytes) -> int:
        """Takes bytes of an input; returns how many packets they completed."""
        found = self._readers[source].feed(data)
        self._sightings += found
        return len(found)

    def close(self, source: int) -> int:
        """Ends an input; returns how many more packets that gave."""
        found = self._readers[source].close()
        self._sightings += found
        return len(found)

    def add(self, name: str, data: bytes) -> int:
        """A whole input at once; returns how many packets it held."""
        source = self.open(name)
        count = self.feed(source, data) + self.close(source)
        reader = self._readers[source]
        if count == 0 and reader.container == "kiss" and self.options.container == "auto":
            # Packets of image 192 begin with KISS's delimiter; a file that gave nothing as KISS may be plain.
            plain = SourceReader(name, source, self._formats, "raw")
            found = plain.feed(data) + plain.close()
            if found or plain.count.bad_ids:
                self._readers[source] = plain
                self._sightings += found
                count = len(found)
        return count

    def result(self) -> DecodeResult:
        """Decodes everything collected so far."""
        images: list[DecodedImage] = []
        refused: list[str] = []
        groups = group_images(self._sightings, self.options.max_gap_s, self.options.erasure)
        per_source = [0] * len(self._readers)
        for group in groups:
            for source in {s.source for s in group.sightings}:
                per_source[source] += 1
        for group in groups:
            sources = sorted({s.source for s in group.sightings})
            try:
                picture = decode_picture(group, self.options.max_pixels)
            except RefusedError as error:
                refused.append(f"{self._readers[sources[0]].name}: image {group.first.image_id} refused: {error}")
                continue
            pixels, invented = conceal(picture.pixels, picture.missing, self.options.conceal)
            images.append(
                DecodedImage(
                    pixels=pixels,
                    missing=picture.missing,
                    invented=invented,
                    picture=picture,
                    packets=group,
                    sources=tuple(self._readers[s].name for s in sources),
                    bad_crc=self._bad_crc(group, sources, per_source),
                    repaired_bytes=sum(s.packet.repaired for s in group.sightings),
                    sole=len(sources) == 1 and per_source[sources[0]] == 1,
                )
            )
        extra = {s.source for s in self._sightings if s.packet.systematic_count}
        refused += [explain(reader, i in extra) for i, reader in enumerate(self._readers) if per_source[i] == 0]
        counts = [r.count for r in self._readers]
        return DecodeResult(
            tuple(images), tuple(refused), sum(len(c.bad_ids) for c in counts), sum(c.skipped for c in counts)
        )

    def _bad_crc(self, group: ImagePackets, sources: list[int], per_source: list[int]) -> int:
        """Dropped packets: all of a source that holds only this image, else those whose header says its id."""
        total = 0
        for source in sources:
            ids = self._readers[source].count.bad_ids
            total += len(ids) if per_source[source] == 1 else ids.count(group.first.image_id)
        return total


def explain(reader: SourceReader, only_erasure: bool = False) -> str:
    """One line that says why an input gave no image; `only_erasure`: it had right packets, but only such."""
    count, name = reader.count, reader.name
    if only_erasure:
        return f"{name}: only erasure packets, which do not say the picture's size: add at least one ordinary packet"
    if count.received == 0:
        return f"{name}: the input is empty: give a file of SSDV packets"
    if count.bad_ids:
        kinds = ", ".join(sorted(set(count.bad_formats)))
        line = f"{name}: refused, the CRC of all {len(count.bad_ids)} packets of format {kinds} is wrong"
        if count.inner_longjiang2:
            return f"{line}, but Longjiang-2 packets with a right CRC are wrapped in them: try --format longjiang2"
        return f"{line}: receive it again or check the format"
    return f"{name}: no SSDV packet with a right CRC in {count.received} bytes: check the file or --format"


def decode_sources(sources: list[tuple[str, bytes]], options: DecodeOptions | None = None) -> DecodeResult:
    """Decodes named byte strings together: packets of one image are merged whatever source they came from."""
    downlink = Downlink(options or DecodeOptions())
    for name, data in sources:
        downlink.add(name, data)
    return downlink.result()


def decode_files(paths: list[Path], options: DecodeOptions | None = None) -> list[DecodedImage]:
    """Decodes packet files together; InputError for an unreadable file, RefusedError if there is no image at all."""
    result = decode_sources([(str(p), read_source(p)) for p in paths], options)
    if not result.images:
        raise RefusedError("; ".join(result.refused) or "no input was given: name at least one file")
    for line in result.refused:
        log.warning("%s", line)
    return list(result.images)


def read_source(path: Path) -> bytes:
    """The bytes of a file; InputError in one line if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}): check the name") from error
