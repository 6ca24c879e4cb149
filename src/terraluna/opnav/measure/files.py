"""Files to measurements: pictures of any format, SSDV packets with their damage maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terraluna.camera.model import Camera
from terraluna.errors import InputError
from terraluna.opnav.measure.image import measure_image
from terraluna.opnav.measure.picture import Bools
from terraluna.opnav.measure.types import BodyHint, Measurement, MeasureOptions

_SSDV_SUFFIXES = (".ssdv", ".bin")


@dataclass(frozen=True, eq=False)
class FileMeasurement:
    """A measured file.

    Attributes:
        path: the file as named; with several images in it, ``#id`` follows.
        pixels: the picture that was measured, row 0 at the top.
        measurement: what was found.
        warnings: of the reader.
    """

    path: str
    pixels: NDArray[Any]
    measurement: Measurement
    warnings: tuple[str, ...] = ()

    def report(self) -> dict[str, object]:
        """The object that ``measure --json`` prints."""
        return self.measurement.report(self.path)


def measure_files(
    paths: Sequence[str | Path],
    *,
    camera: Camera | None = None,
    hints: Sequence[BodyHint] = (),
    options: MeasureOptions | None = None,
) -> list[FileMeasurement]:
    """Measure the pictures of several files, in order; see :func:`measure_file`."""
    return [item for path in paths for item in measure_file(path, camera=camera, hints=hints, options=options)]


def measure_file(
    path: str | Path,
    *,
    camera: Camera | None = None,
    hints: Sequence[BodyHint] = (),
    options: MeasureOptions | None = None,
) -> list[FileMeasurement]:
    """Measure every picture of a file: one, or as many as a file of SSDV packets holds.

    Pixel coordinates count from the archive's top left pixel (``RawFrame.upright``), as camera models do.

    Args:
        path: a picture of any format that ``frames`` reads, or SSDV packets.
        camera: the camera that took it, or None.
        hints: what a mission's geometry expects.
        options: bounds of the search.

    Raises:
        InputError: the file can't be read, or the camera has another size.
    """
    out = []
    for name, pixels, mask, warnings in _pictures(Path(path)):
        try:
            found = measure_image(pixels, camera=camera, hints=hints, mask=mask, options=options)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        out.append(FileMeasurement(name, pixels, found, warnings))
    return out


def _pictures(path: Path) -> list[tuple[str, NDArray[Any], Bools | None, tuple[str, ...]]]:
    if path.suffix.lower() in _SSDV_SUFFIXES:
        return _decoded(path)
    from terraluna.frames import read_frame

    if not path.is_file():
        raise InputError(f"{path}: no such file; name a picture or a file of SSDV packets")
    frame = read_frame(path, check=False)
    observation = frame.observation
    # Saturated pixels are masked by some labels, but they are not lost: the search wants to see them.
    mask = replace(frame, data=frame.mask).upright()
    lost = mask & ~_at_top(frame.upright())
    return [(observation.path, frame.upright(), lost, tuple(str(w.text) for w in frame.warnings))]


def _at_top(pixels: NDArray[Any]) -> Bools:
    """Pixels within 1 % of the picture's maximum."""
    if pixels.dtype.kind not in "uif" or not pixels.size:
        return np.zeros(pixels.shape[:2], np.bool_)
    values = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    top = float(np.nanmax(values)) if values.dtype.kind == "f" else float(values.max())
    return np.asarray(values >= 0.99 * top)


def _decoded(path: Path) -> list[tuple[str, NDArray[Any], Bools | None, tuple[str, ...]]]:
    from terraluna.downlink.decode import DecodeOptions, decode_sources, read_source

    result = decode_sources([(str(path), read_source(path))], DecodeOptions())
    if not result.images:
        text = result.refused[0] if result.refused else "it holds no image"
        raise InputError(f"{path}: {text}")
    many = len(result.images) > 1
    return [
        (f"{path}#{image.image_id}" if many else str(path), image.pixels, image.missing, ()) for image in result.images
    ]
