"""What `decode` says of an image: the entry of its JSON report."""

from __future__ import annotations

from typing import Any

import numpy as np

from terraluna.downlink.decode import DecodedImage


def image_report(image: DecodedImage, file: str | None = None) -> dict[str, Any]:
    """One image as the entry of `decode --json`; counts first, then what they count."""
    packets = image.packets
    missing = np.flatnonzero(~image.picture.mcu_received)
    return {
        "file": file,
        "image_id": image.image_id,
        "width": image.width,
        "height": image.height,
        "packets": len(packets.packets) - len(packets.recovered),
        "missing_packets": len(packets.missing),
        "duplicates": packets.duplicates,
        "bad_crc": image.bad_crc,
        "missing_mcus": image.missing_mcus,
        "total_mcus": int(image.picture.mcu_received.size),
        "missing_packet_ids": packets.missing,
        "missing_mcu_ranges": _ranges(missing.tolist()),
        "end_received": packets.last_id is not None,
        "recovered_packets": len(packets.recovered),
        "repaired_bytes": image.repaired_bytes,
        # Not zero where packets contradict each other: damage that no CRC shows, or two pictures under one id.
        "inconsistent_stretches": image.picture.stretches_bad,
        "invented_pixels": int(np.count_nonzero(image.invented)),
        "format": packets.first.format.name,
        "callsign": packets.first.callsign,
        "quality": packets.first.quality,
        "sampling": packets.first.sampling,
        "sources": list(image.sources),
    }


def _ranges(numbers: list[int]) -> list[list[int]]:
    """Sorted numbers as [first, last] pairs."""
    pairs: list[list[int]] = []
    for n in numbers:
        if pairs and n == pairs[-1][1] + 1:
            pairs[-1][1] = n
        else:
            pairs.append([n, n])
    return pairs
