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
    file. Frames of other cameras are calibrated to I/F and stretched as the portrait says, without its brightening;
    where the bands are those of the portrait (EPIC's), the colours are natural ones.

    Raises:
        InputError: a name that ends in neither .png nor .jpg.
        OutputError: the file cannot be written.
    """
    from terraluna.render.natural import has_natural_colour, natural_colour
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
    if has_natural_colour(_bands_nm(result)):
        image = natural_colour(image)
    picture = to_picture(
        image,
        white=spec.white,
        curve=spec.stretch,
        softening=spec.softening / spec.white,
        monochrome=spec.monochrome,
    )
    write_picture(path, np.ascontiguousarray(picture, dtype=np.uint8), title)


def _bands_nm(result: SimulatedScene) -> list[float]:
    """Effective wavelengths of the picture's channels."""
    known = {band.filter: band.effective_nm for frame in result.frames for band in frame.radiometry}
    first = result.frames[0]
    if result.sequence is None:
        return [known[name] for name in first.filters]
    colour = first.camera.colour_filters()
    return [known[colour[c].name] for c in ("r", "g", "b")]
