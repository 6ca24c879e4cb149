"""Cameras with another frame: a cut (a tile, a window) or a finer grid, looking the same way."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from terraluna.errors import InputError

if TYPE_CHECKING:
    from terraluna.camera.model import Camera


def cut_camera(camera: Camera, column: int, row: int, width: int, height: int) -> Camera:
    """Return the camera of a part of the frame whose first pixel is (column, row).

    Raises:
        InputError: the part does not lie inside the frame.
    """
    if not (width > 0 and height > 0 and column >= 0 and row >= 0):
        raise InputError(f"tile {column},{row},{width},{height}: needs a first pixel >= 0 and a size > 0")
    if column + width > camera.width or row + height > camera.height:
        raise InputError(
            f"tile {column},{row},{width},{height} reaches outside the frame of {camera.id!r}, "
            f"{camera.width} x {camera.height} px"
        )
    distortion = camera.distortion
    if distortion.center_px is not None:
        x, y = distortion.center_px
        distortion = dataclasses.replace(distortion, center_px=(x - column, y - row))
    return dataclasses.replace(
        camera, width=width, height=height, cx=camera.cx - column, cy=camera.cy - row, distortion=distortion
    )


def finer_camera(camera: Camera, times: int) -> Camera:
    """Return the camera with ``times`` x ``times`` pixels in place of each, over the same field.

    Only for cameras whose distortion does not count in pixels.

    Raises:
        InputError: ``times`` below 1, or a distortion polynomial in pixels.
    """
    if times < 1:
        raise InputError(f"a finer camera needs a factor of at least 1 (got {times})")
    if times == 1:
        return camera
    if camera.distortion.model == "onc-radial":
        raise InputError(f"camera {camera.id!r}: its distortion counts in pixels and cannot be refined")
    distortion = camera.distortion
    if distortion.center_px is not None:
        x, y = distortion.center_px
        distortion = dataclasses.replace(distortion, center_px=((x + 0.5) * times - 0.5, (y + 0.5) * times - 0.5))
    return dataclasses.replace(
        camera,
        width=camera.width * times,
        height=camera.height * times,
        focal_px_x=camera.focal_px_x * times,
        focal_px_y=camera.focal_px_y * times,
        cx=(camera.cx + 0.5) * times - 0.5,
        cy=(camera.cy + 0.5) * times - 0.5,
        pixel_um=None if camera.pixel_um is None else camera.pixel_um / times,
        psf=dataclasses.replace(
            camera.psf, sigma_px=camera.psf.sigma_px * times, wing_radius_px=camera.psf.wing_radius_px * times
        ),
        distortion=distortion,
    )
