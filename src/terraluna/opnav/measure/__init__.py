"""Finding and measuring the Earth and the Moon in a picture, without a guess."""

from __future__ import annotations

from terraluna.opnav.measure.files import FileMeasurement, measure_file, measure_files
from terraluna.opnav.measure.image import measure_image
from terraluna.opnav.measure.types import BodyHint, MeasuredBody, Measurement, MeasureOptions

__all__ = [
    "BodyHint",
    "FileMeasurement",
    "MeasureOptions",
    "MeasuredBody",
    "Measurement",
    "measure_file",
    "measure_files",
    "measure_image",
]
