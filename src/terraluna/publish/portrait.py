"""The portrait of a mission: its scene rendered, cut, stretched and, on request, annotated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terraluna.ephemeris.constants import AU_KM
from terraluna.errors import GeometryError
from terraluna.instrument.cut import cut_camera
from terraluna.missions.model import PortraitSpec

if TYPE_CHECKING:
    from terraluna.missions.view import MissionView
    from terraluna.render.materials import Material
    from terraluna.scene import Scene

Picture = NDArray[np.uint8]

_NET = 65
"""Rays along each side of the frame that are asked whether they meet a body."""


@dataclass(frozen=True)
class Portrait:
    """A finished portrait.

    Attributes:
        title: name of the mission or scene.
        picture: (H, W, 3) sRGB, 8 bit; H and W are the cut's times ``magnify``.
        scene: the scene, its camera cut to the picture (pixels before magnification).
        origin: column and row of the cut's first pixel on the detector.
        spec: how it was developed.
    """

    title: str
    picture: Picture
    scene: Scene
    origin: tuple[int, int]
    spec: PortraitSpec

    @property
    def moon_level_notes(self) -> tuple[str, ...]:
        """Where the Moon's level goes beyond the data of the measured disc."""
        from terraluna.photometry.trust import moon_level_notes
        from terraluna.render.materials import RGB_NM

        return moon_level_notes(self.scene.moon.phase_rad, RGB_NM)


def cut_scene(scene: Scene, spec: PortraitSpec) -> tuple[Scene, tuple[int, int]]:
    """The scene with its camera cut to the portrait's size around both bodies, and the cut's first column and row.

    Raises:
        GeometryError: no camera, or no body on the detector.
    """
    camera = scene.camera
    if camera is None:
        raise GeometryError("a portrait needs a camera; name one in the scene file")
    seen = [p for p in (scene.pixels("earth"), scene.pixels("moon")) if p is not None and p.partly_in_frame]
    if not seen and not _in_view(scene):
        raise GeometryError(
            f"neither Earth nor Moon falls on the {camera.width} x {camera.height} px of {camera.id} at {scene.utc}; "
            "choose another time or pointing"
        )
    width, height = min(spec.width or camera.width, camera.width), min(spec.height or camera.height, camera.height)
    middle = np.mean([(p.x, p.y) for p in seen], axis=0) if seen else np.array([camera.cx, camera.cy])
    x0 = int(np.clip(round(middle[0] - (width - 1) / 2.0), 0, camera.width - width))
    y0 = int(np.clip(round(middle[1] - (height - 1) / 2.0), 0, camera.height - height))
    return replace(scene, camera=cut_camera(camera, x0, y0, width, height)), (x0, y0)


def _in_view(scene: Scene) -> bool:
    """Whether a body covers some part of the frame, though not all of its limb is where the camera projects."""
    camera, attitude = scene.camera, scene.attitude
    if camera is None or attitude is None:
        return False
    x, y = (np.linspace(0.0, size - 1.0, _NET) for size in (camera.width, camera.height))
    rays = camera.unproject(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)) @ attitude
    return any(
        bool(np.any((np.einsum("ni,ij,nj->n", rays, b.cone, rays) > 0.0) & (rays @ b.center_j2000_km > 0.0)))
        for b in scene.bodies
    )


def make_portrait(view: MissionView, et: float | None = None, materials: dict[str, Material] | None = None) -> Portrait:
    """Render the portrait of a mission or scene file, in natural colours.

    Args:
        view: the mission.
        et: time, TDB seconds past J2000; the picture's own if None.
        materials: surfaces of the bodies; loaded if None (pass them when many portraits are made).
    """
    from terraluna.render.frame import render_frame
    from terraluna.render.from_scene import render_bodies
    from terraluna.render.natural import natural_colour
    from terraluna.render.stretch import brighten, to_picture

    spec = view.spec.portrait
    scene, origin = cut_scene(view.scene(et), spec)
    camera = scene.camera
    assert camera is not None
    frame = render_frame(
        camera, render_bodies(scene, materials), psf=camera.psf, layers=True, reference_sun_range_km=AU_KM
    )
    image = frame.image
    if spec.moon_brightening != 1.0 and frame.layers is not None and "moon" in frame.layers.names:
        image = brighten(image, frame.layers, {"moon": spec.moon_brightening})
    picture = to_picture(
        natural_colour(image),
        white=spec.white,
        curve=spec.stretch,
        softening=spec.softening / spec.white,
        monochrome=spec.monochrome,
    )
    large = np.repeat(np.repeat(picture, spec.magnify, axis=0), spec.magnify, axis=1)
    return Portrait(view.spec.name, np.ascontiguousarray(large, dtype=np.uint8), scene, origin, spec)
