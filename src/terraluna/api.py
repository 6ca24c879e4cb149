"""The one import a user needs: the public names of terraluna, and no logic of its own.

Each name is loaded when it is first asked for, so importing this module is cheap.

Example:
    >>> from terraluna.api import Ephemeris, MissionView
    >>> with Ephemeris() as ephemeris:
    ...     scene = MissionView.open("mro", ephemeris).scene()
    >>> round(scene.earth.range_km / 1e6, 1)
    142.1
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from terraluna.errors import (
    CatalogueError,
    CoverageError,
    GeometryError,
    InputError,
    OutputError,
    RefusedError,
    TerralunaError,
)

if TYPE_CHECKING:
    from terraluna.camera import Camera, camera_names, load_camera
    from terraluna.ephemeris import Ephemeris
    from terraluna.missions import MISSION_IDS, load_mission
    from terraluna.missions.claims import ClaimResult, check_claims
    from terraluna.missions.dating import PictureDate, date_picture
    from terraluna.missions.model import MissionSpec
    from terraluna.missions.scenefile import load_scene_file
    from terraluna.missions.view import MissionView
    from terraluna.publish.annotate import annotate
    from terraluna.publish.pictures import write_picture
    from terraluna.publish.portrait import Portrait, make_portrait
    from terraluna.publish.sheet import contact_sheet
    from terraluna.render.frame import RenderedFrame, render_frame
    from terraluna.render.from_scene import render_bodies
    from terraluna.scene import BodyPixels, BodyView, Observer, Scene, build_scene, scene_report
    from terraluna.trajectory import ForceOptions, PropagatedTrajectory, Trajectory, trajectory_from_spec

__all__ = [
    "MISSION_IDS",
    "BodyPixels",
    "BodyView",
    "Camera",
    "CatalogueError",
    "ClaimResult",
    "CoverageError",
    "Ephemeris",
    "ForceOptions",
    "GeometryError",
    "InputError",
    "MissionSpec",
    "MissionView",
    "Observer",
    "OutputError",
    "PictureDate",
    "Portrait",
    "PropagatedTrajectory",
    "RefusedError",
    "RenderedFrame",
    "Scene",
    "TerralunaError",
    "Trajectory",
    "annotate",
    "build_scene",
    "camera_names",
    "check_claims",
    "contact_sheet",
    "date_picture",
    "load_camera",
    "load_mission",
    "load_scene_file",
    "make_portrait",
    "render_bodies",
    "render_frame",
    "scene_report",
    "trajectory_from_spec",
    "write_picture",
]

_HOMES = {
    "camera": ("Camera", "camera_names", "load_camera"),
    "ephemeris": ("Ephemeris",),
    "missions": ("MISSION_IDS", "load_mission"),
    "missions.claims": ("ClaimResult", "check_claims"),
    "missions.dating": ("PictureDate", "date_picture"),
    "missions.model": ("MissionSpec",),
    "missions.scenefile": ("load_scene_file",),
    "missions.view": ("MissionView",),
    "publish.annotate": ("annotate",),
    "publish.pictures": ("write_picture",),
    "publish.portrait": ("Portrait", "make_portrait"),
    "publish.sheet": ("contact_sheet",),
    "render.frame": ("RenderedFrame", "render_frame"),
    "render.from_scene": ("render_bodies",),
    "scene": ("BodyPixels", "BodyView", "Observer", "Scene", "build_scene", "scene_report"),
    "trajectory": ("ForceOptions", "PropagatedTrajectory", "Trajectory", "trajectory_from_spec"),
}
_MODULE_OF = {name: f"terraluna.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public name, loaded from its module; AttributeError if there is none."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'terraluna.api' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    # Kept, so that this function is called once a name.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
