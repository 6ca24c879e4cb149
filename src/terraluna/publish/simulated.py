"""A picture made from the numbers of a simulated detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from terraluna.instrument.bayer import ColourChain, develop, mosaic, to_jpeg
from terraluna.publish.files import write_bytes
from terraluna.publish.pictures import write_picture

if TYPE_CHECKING:
    from terraluna.instrument.from_spec import SimulatedScene
    from terraluna.missions.view import MissionView


def write_simulated_picture(path: Path, view: MissionView, result: SimulatedScene) -> None:
    """Write what the detector saw as a picture.

    A camera with a Bayer mosaic develops its own picture, colours and cast included; a .jpg then is the camera's own
    file. Frames of other cameras are calibrated to I/F and stretched as the portrait says, without its brightening.

    Raises:
        InputError: a name that ends in neither .png nor .jpg.
        OutputError: the file cannot be written.
    """
    from terraluna.render.stretch import to_picture

    frame = result.frames[0]
    title = {"Title": f"{view.spec.name}, {result.scene.utc} UTC, simulated detector", "Software": "terraluna"}
    pattern = frame.camera.detector.bayer
    if pattern is not None and frame.dn.shape[2] == 3:
        chain = ColourChain(size=(frame.camera.width, frame.camera.height))
        detector = frame.camera.detector
        raw = mosaic(frame.dn, pattern)
        own = develop(raw, pattern, detector.bias_dn, detector.saturation_dn, chain)
        if path.suffix.lower() in (".jpg", ".jpeg"):
            write_bytes(path, to_jpeg(own, chain))
        else:
            write_picture(path, own, title)
        return
    spec = view.spec.portrait
    image = result.sequence.composite() if result.sequence is not None else frame.iof()
    if image.shape[2] not in (1, 3):
        image = image[:, :, :1]
    picture = to_picture(
        image,
        white=spec.white,
        curve=spec.stretch,
        softening=spec.softening / spec.white,
        monochrome=spec.monochrome,
    )
    write_picture(path, np.ascontiguousarray(picture, dtype=np.uint8), title)
