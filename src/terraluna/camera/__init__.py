"""Cameras: projection and distortion, detector, optics, filters, attitude, and the catalogue of instruments."""

from terraluna.camera.attitude import frame_pair, look, look_away, matrix_to_quaternion, quaternion_to_matrix
from terraluna.camera.catalogue import camera_names, load_camera
from terraluna.camera.distortion import Distortion
from terraluna.camera.model import Camera, Ccd, Detector, Filter, Optics, Pushbroom
from terraluna.camera.psf import Psf

__all__ = [
    "Camera",
    "Ccd",
    "Detector",
    "Distortion",
    "Filter",
    "Optics",
    "Psf",
    "Pushbroom",
    "camera_names",
    "frame_pair",
    "load_camera",
    "look",
    "look_away",
    "matrix_to_quaternion",
    "quaternion_to_matrix",
]
