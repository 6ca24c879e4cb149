"""What it takes to bring pictures home: bytes, packets, minutes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from terraluna.camera.model import Camera
from terraluna.downlink.formats import FORMATS
from terraluna.plan.request import DownlinkTable


@dataclass(frozen=True)
class Budget:
    """The downlink of some frames.

    Attributes:
        picture_bytes: of one compressed frame.
        packets: of all frames, 0 where no packets are used.
        sent_bytes: on the air, packets' heads and repeats included.
        minutes: at the bit rate.
        expected_lost: packets expected to be missing at the end.
        complete_probability: that one frame arrives whole.
    """

    picture_bytes: int
    packets: int
    sent_bytes: int
    minutes: float
    expected_lost: float
    complete_probability: float


def budget(camera: Camera, table: DownlinkTable) -> Budget:
    """Downlink of ``table.frames`` frames of a camera.

    With ``retransmit`` lost packets are sent again until all have come: 1 / (1 - loss) sendings a packet on average.
    """
    channels = 3 if camera.detector.bayer is not None or len(camera.colour_filters()) == 3 else 1
    size = math.ceil(camera.width * camera.height * table.bits_per_px * (1.0 if channels == 3 else 0.75) / 8.0)
    if table.format == "none":
        sent = size * table.frames
        return Budget(size, 0, sent, 8.0 * sent / table.bit_rate / 60.0, 0.0, 1.0)
    spec = FORMATS[table.format]
    each = math.ceil(size / spec.payload)
    packets = each * table.frames
    sendings = 1.0 / (1.0 - table.loss) if table.retransmit else 1.0
    sent = math.ceil(packets * sendings * spec.length)
    lost = 0.0 if table.retransmit else packets * table.loss
    whole = 1.0 if table.retransmit else (1.0 - table.loss) ** each
    return Budget(size, packets, sent, 8.0 * sent / table.bit_rate / 60.0, lost, whole)
