"""The camera model of an observation: from the catalogue, or a pinhole from what the label knows of the optics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from terraluna.errors import InputError
from terraluna.frames.observation import Observation

if TYPE_CHECKING:
    from terraluna.camera.model import Camera


def camera_of(observation: Observation) -> Camera:
    """Camera model for the frame's :meth:`~terraluna.frames.RawFrame.upright` pixels.

    A camera of the catalogue comes from there, scaled if the frame is binned or resized as a whole. Any other camera
    becomes a pinhole with square pixels and a centred axis: focal length and pixel size, or 35 mm equivalent, from the
    label. What isn't in the label (centring, distortion, the detector's numbers) is listed in ``assumed``.

    Raises:
        InputError: the label says nothing of the focal length, or the frame is a window of the camera's frame.
    """
    from terraluna.camera.catalogue import load_camera
    from terraluna.camera.model import Camera, Detector

    hint = observation.camera
    if hint is None or hint.width < 1 or hint.height < 1:
        raise InputError(f"{observation.path}: the image size isn't known; name the camera")
    if observation.instrument is not None:
        known = load_camera(observation.instrument)
        if (known.width, known.height) == (hint.width, hint.height):
            return known
        ratio = hint.width / known.width
        if abs(hint.height / known.height - ratio) > 0.5 / known.height or known.pushbroom is not None:
            raise InputError(
                f"{observation.path}: {hint.width} x {hint.height} px is a window of {known.name} "
                f"({known.width} x {known.height} px); say where it lies, or use the full frame"
            )
        return replace(
            known,
            width=hint.width,
            height=hint.height,
            focal_px_x=known.focal_px_x * ratio,
            focal_px_y=known.focal_px_y * ratio,
            cx=(known.cx + 0.5) * ratio - 0.5,
            cy=(known.cy + 0.5) * ratio - 0.5,
            pixel_um=None if known.pixel_um is None else known.pixel_um / ratio,
        )
    focal = hint.focal_px
    if focal is None:
        raise InputError(
            f"{observation.path}: the label gives no focal length; name the camera or give its focal length"
        )
    if not 1.0 < focal < 1e9:
        raise InputError(f"{observation.path}: the focal length comes out as {focal:.3g} px; the label is damaged")
    return Camera(
        id="from-label",
        name=hint.make or observation.instrument_name or "camera of the label",
        width=hint.width,
        height=hint.height,
        focal_px_x=focal,
        focal_px_y=focal,
        cx=(hint.width - 1) / 2.0,
        cy=(hint.height - 1) / 2.0,
        pixel_um=hint.pixel_pitch_um,
        detector=Detector(
            gain_e_dn=1.0, full_well_e=255.0, read_noise_e=1.0, dark_e_s=0.0, bias_dn=0.0, bits=8, saturation_dn=255.0
        ),
        assumed=("cx_px", "cy_px", "distortion", "detector"),
        sources=tuple(("focal_length", key) for key in hint.source),
        notes="Pinhole from the picture's label; calibrate it on stars before measuring with it.",
    )
