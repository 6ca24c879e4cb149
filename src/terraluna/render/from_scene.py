"""From a scene to what the renderer is given: bodies in the camera frame, each with its material."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from terraluna.errors import GeometryError
from terraluna.render.moon import EarthLight, RadiometricMoon
from terraluna.render.scene_arrays import RenderBody
from terraluna.render.surfaces import surface_materials

if TYPE_CHECKING:
    from terraluna.render.materials import Material
    from terraluna.scene import BodyView, Scene


def render_bodies(scene: Scene, materials: dict[str, Material] | None = None) -> list[RenderBody]:
    """The bodies of a scene with a camera, as the renderer takes them.

    Args:
        scene: a scene with camera and attitude.
        materials: ``earth`` and ``moon``; the packaged maps with the default laws if left out.

    Raises:
        GeometryError: the scene has no attitude, or no body is in front of the camera.
    """
    if scene.attitude is None:
        raise GeometryError("a scene without a camera cannot be rendered; name a mission or give camera and pointing")
    surface = surface_materials() if materials is None else materials
    bodies = [_body(scene, view, surface[view.name]) for view in scene.bodies]
    if all(b.center_km[2] <= -b.radii_km[0] for b in bodies):
        raise GeometryError("both bodies are behind the camera; turn it with another pointing")
    return bodies


def _body(scene: Scene, view: BodyView, material: Material) -> RenderBody:
    attitude = scene.attitude
    assert attitude is not None
    if isinstance(material, RadiometricMoon):
        # The lunar night is lit by the Earth, which stands elsewhere in every scene.
        material = replace(material, earth=EarthLight.from_scene(scene))
    return RenderBody(
        name=view.name,
        center_km=attitude @ view.limb_center_j2000_km,
        radii_km=view.radii_km,
        body_from_camera=view.rotation @ attitude.T,
        sun_direction=attitude @ view.sun_direction_j2000,
        sun_range_km=view.sun_range_km,
        material=material,
    )
