"""Frames: readers of the archive formats, header checks and calibration.

Importing this package is cheap: each reader and its libraries load when a file of that format is read.
"""

from terraluna.frames.calibrate import Calibration, calibrate, known_calibration
from terraluna.frames.camera_of import camera_of
from terraluna.frames.limits import Limits
from terraluna.frames.observation import (
    CalibratedFrame,
    CameraHint,
    Claim,
    HeaderWarning,
    Observation,
    Pointing,
    RawFrame,
)
from terraluna.frames.read import read_frame

__all__ = [
    "CalibratedFrame",
    "Calibration",
    "CameraHint",
    "Claim",
    "HeaderWarning",
    "Limits",
    "Observation",
    "Pointing",
    "RawFrame",
    "calibrate",
    "camera_of",
    "known_calibration",
    "read_frame",
]
