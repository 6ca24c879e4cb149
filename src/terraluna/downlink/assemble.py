"""Sightings of packets to images: groups, copies, the wrap of the 8-bit image id, several stations.

Packets belong to one image when variant, callsign, image id, size, quality and sampling agree. The id wraps after 256
images, so the same description can belong to two pictures; that shows when one packet number comes with two contents,
or when the times are far apart. Then the packets' order (and times) tell the pictures apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

from terraluna.downlink.fec import recover_packets
from terraluna.downlink.formats import Packet
from terraluna.downlink.streams import Sighting

# A wrap takes 256 pictures: on every mission with SSDV so far that is months; a week is far below, a pass far above.
DEFAULT_MAX_GAP_S = 7 * 86400.0

ImageKey: TypeAlias = tuple[str, str, int, int, int, int, int]


@dataclass(frozen=True)
class ImagePackets:
    """The packets of one image.

    Attributes:
        packets: packet id -> packet, each once; recovered ones included.
        sightings: all received copies, erasure packets included.
        recovered: ids that only the erasure code gave.
        part: 0, or 1, 2, ... where one description stands for several pictures (the id wrapped).
    """

    packets: dict[int, Packet]
    sightings: tuple[Sighting, ...]
    recovered: tuple[int, ...] = ()
    part: int = 0

    @property
    def first(self) -> Packet:
        """Any packet: all agree on size, quality and sampling."""
        return next(iter(self.packets.values()))

    @property
    def duplicates(self) -> int:
        """Copies beyond the first of each packet."""
        return len(self.sightings) - len(
            {(s.packet.packet_id, bool(s.packet.systematic_count)) for s in self.sightings}
        )

    @property
    def last_id(self) -> int | None:
        """Id of the last packet, if it or an erasure packet arrived."""
        ends = [p.packet_id for p in self.packets.values() if p.last]
        counts = [s.packet.systematic_count - 1 for s in self.sightings if s.packet.systematic_count]
        return max(ends + counts, default=None)

    @property
    def missing(self) -> list[int]:
        """Ids that did not arrive, up to the last one known of."""
        end = self.last_id
        top = max(self.packets) if end is None else end
        return [i for i in range(top + 1) if i not in self.packets]


@dataclass
class _Run:
    """Sightings of one description that followed each other without a break."""

    sightings: list[Sighting] = field(default_factory=list)
    contents: dict[int, bytes] = field(default_factory=dict)

    def agrees(self, sighting: Sighting) -> bool:
        held = self.contents.get(sighting.packet.packet_id)
        return held is None or held == sighting.packet.data

    def add(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)
        self.contents[sighting.packet.packet_id] = sighting.packet.data

    def span(self) -> tuple[float, float] | None:
        times = [s.time for s in self.sightings if s.time is not None]
        return (min(times), max(times)) if times else None


def group_images(
    sightings: list[Sighting], max_gap_s: float = DEFAULT_MAX_GAP_S, erasure: bool = True
) -> list[ImagePackets]:
    """The images in order of first sighting; other order matters only where an image id is used twice."""
    groups: dict[ImageKey, list[Sighting]] = defaultdict(list)
    extra: dict[tuple[str, str, int, int, int], list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        p = sighting.packet
        if p.systematic_count:
            extra[p.format.name, p.callsign, p.image_id, p.quality, p.sampling].append(sighting)
        else:
            groups[p.format.name, p.callsign, p.image_id, p.width, p.height, p.quality, p.sampling].append(sighting)
    images: list[ImagePackets] = []
    for key, members in groups.items():
        parts = _split(members, max_gap_s)
        fec = extra.get((key[0], key[1], key[2], key[5], key[6]), []) if erasure else []
        for number, part in enumerate(parts):
            # Erasure packets say neither size nor part: they are used only where one picture alone can own them.
            mine = fec if len(parts) == 1 and _sole_owner(groups, key) else []
            images.append(_image(part, mine, number if len(parts) > 1 else 0))
    return images


def _sole_owner(groups: dict[ImageKey, list[Sighting]], key: ImageKey) -> bool:
    return sum(1 for k in groups if k[:3] == key[:3] and k[5:] == key[5:]) == 1


def _image(members: list[Sighting], extra: list[Sighting], part: int) -> ImagePackets:
    votes: dict[int, Counter[Packet]] = defaultdict(Counter)
    for sighting in members:
        votes[sighting.packet.packet_id][_unrepaired(sighting.packet)] += 1
    packets = {i: votes[i].most_common(1)[0][0] for i in sorted(votes)}
    recovered = recover_packets(list(packets.values()), [s.packet for s in extra])
    packets.update({p.packet_id: p for p in recovered})
    ordered = {i: packets[i] for i in sorted(packets)}
    return ImagePackets(ordered, tuple(members + extra), tuple(p.packet_id for p in recovered), part)


def _unrepaired(packet: Packet) -> Packet:
    """The packet as sent, so that a repaired copy equals a clean one."""
    if packet.repaired == 0:
        return packet
    return replace(packet, repaired=0)


def _split(members: list[Sighting], max_gap_s: float) -> list[list[Sighting]]:
    """Parts of a group that must be different pictures; one part if nothing says otherwise."""
    if members[0].packet.format.crc_initial is None:
        # Without a CRC two contents mean damage, not two pictures: the vote in _image decides.
        return [members]
    contents: dict[int, bytes] = {}
    conflict = any(contents.setdefault(s.packet.packet_id, s.packet.data) != s.packet.data for s in members)
    times = sorted(s.time for s in members if s.time is not None)
    gap = any(b - a > max_gap_s for a, b in pairwise(times))
    if not conflict and not gap:
        return [members]
    pictures: list[_Run] = []
    latest: _Run | None = None
    for run in _runs(members, max_gap_s):
        latest = _merge(run, pictures, latest, max_gap_s)
    return [p.sightings for p in pictures]


def _runs(members: list[Sighting], max_gap_s: float) -> list[_Run]:
    """Cuts a group where contents clash, the source changes, others come between, numbers fall or time jumps."""
    timed = all(s.time is not None for s in members)
    ordered = sorted(
        members, key=(lambda s: (s.time or 0.0, s.source, s.order)) if timed else (lambda s: (s.source, s.order))
    )
    runs: list[_Run] = []
    before: Sighting | None = None
    for sighting in ordered:
        fresh = before is None or not runs[-1].agrees(sighting)
        if before is not None and not fresh:
            if timed and sighting.time is not None and before.time is not None:
                fresh = sighting.time - before.time > max_gap_s
            else:
                fresh = (
                    sighting.source != before.source
                    or sighting.order != before.order + 1
                    or sighting.packet.packet_id < before.packet.packet_id
                )
        if fresh:
            runs.append(_Run())
        runs[-1].add(sighting)
        before = sighting
    return runs


def _merge(run: _Run, pictures: list[_Run], latest: _Run | None, max_gap_s: float) -> _Run:
    """Adds a run to the picture it shares most packets with, else to the latest that fits, else to a new one."""
    fitting = [p for p in pictures if all(p.agrees(s) for s in run.sightings)]
    shared = [(sum(i in p.contents for i in run.contents), p) for p in fitting]
    best = max(shared, key=lambda pair: pair[0], default=None)
    target: _Run | None = None
    if best is not None and best[0] > 0:
        target = best[1]
    else:
        near = [p for p in fitting if _near(p, run, max_gap_s)]
        target = latest if latest is not None and any(p is latest for p in near) else (near[-1] if near else None)
    if target is None:
        target = _Run()
        pictures.append(target)
    for sighting in run.sightings:
        target.add(sighting)
    return target


def _near(picture: _Run, run: _Run, max_gap_s: float) -> bool:
    a, b = picture.span(), run.span()
    return a is None or b is None or max(a[0], b[0]) - min(a[1], b[1]) <= max_gap_s
