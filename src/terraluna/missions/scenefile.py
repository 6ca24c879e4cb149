"""The user's scene file: one TOML that says where the camera is, how it is turned and when it looks.

With ``mission`` it starts from a mission of the catalogue and says only what differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from terraluna.errors import CatalogueError
from terraluna.missions.catalogue import first_problem, load_mission, mission_folder, read_toml
from terraluna.missions.model import (
    MissionSpec,
    ObservationSpec,
    PointingSpec,
    PortraitSpec,
    Quality,
    SimulationSpec,
    SurfaceSpec,
)


class SceneFile(BaseModel):
    """Keys of a scene file; see the documentation page *Scene files*."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mission: str | None = None
    name: str | None = None
    camera: str | None = None
    quality: Quality | None = None
    observation: ObservationSpec | None = None
    trajectory: dict[str, Any] | None = None
    pointing: PointingSpec | None = None
    portrait: PortraitSpec | None = None
    surface: SurfaceSpec | None = None
    simulation: SimulationSpec | None = None


def load_scene_file(path: Path) -> MissionSpec:
    """Read a scene file; InputError or CatalogueError names the file, the key and what is wrong."""
    try:
        scene = SceneFile.model_validate(read_toml(path))
    except ValidationError as error:
        raise CatalogueError(f"{path}: {first_problem(error)}") from error
    given = {k: getattr(scene, k) for k in scene.model_fields_set if k != "mission"}
    if scene.camera is not None and scene.camera.lower().endswith(".toml"):
        given["camera"] = str(path.resolve().parent / scene.camera)
    if scene.mission is not None:
        inherited = load_mission(scene.mission)
        table = inherited.trajectory
        if "trajectory" not in given and "file" in table:
            # The mission names its files from its own folder, which is not the scene's.
            given["trajectory"] = {**table, "file": str(mission_folder() / str(table["file"]))}
        # What the mission's file claims belongs to its own picture, not to a changed scene.
        return inherited.model_copy(update={**given, "claims": [], "evidence": None})
    for key in ("camera", "observation", "trajectory", "pointing"):
        if key not in given:
            raise CatalogueError(
                f'{path}: key {key}: is missing; give it, or start from a mission with mission = "..."'
            )
    title = scene.name or path.stem
    return MissionSpec(
        id=path.stem,
        spacecraft=title,
        summary="",
        sources=[str(path)],
        **{"quality": "navigation", "portrait": PortraitSpec(), **given, "name": title},
    )
