"""A mission brought to life: its trajectory, its camera, and the scene at any covered time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from terraluna.camera.catalogue import load_camera
from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.missions.catalogue import first_problem, load_mission, mission_folder
from terraluna.missions.model import MissionSpec, SimulationSpec
from terraluna.missions.pointing import attitude_for
from terraluna.missions.scenefile import load_scene_file
from terraluna.scene.apparent import Observer
from terraluna.scene.scene import Scene, build_scene
from terraluna.trajectory.base import Trajectory
from terraluna.trajectory.solution import solved_trajectory
from terraluna.trajectory.source import trajectory_from_spec


@dataclass(frozen=True)
class MissionView:
    """A mission with an open ephemeris. The trajectory is built at first use, since some are propagated or solved."""

    spec: MissionSpec
    ephemeris: Ephemeris
    folder: Path = field(default_factory=mission_folder)
    """Where the files that the specification names are."""

    @classmethod
    def open(cls, name: str, ephemeris: Ephemeris) -> MissionView:
        """A mission of the catalogue by id, or a scene file (a path that ends in ``.toml``).

        Raises:
            InputError: unknown mission (the text suggests names) or unreadable file.
            CatalogueError: a scene file that is not valid; the text names the key.
        """
        if name.lower().endswith(".toml"):
            path = Path(name)
            return cls(load_scene_file(path), ephemeris, path.resolve().parent)
        return cls(load_mission(name), ephemeris)

    @cached_property
    def trajectory(self) -> Trajectory:
        """Where the spacecraft is. A reconstruction may stand in a file of facts of its own, with its solution kept."""
        table = self.spec.trajectory
        if table.get("kind") == "reconstruct" and "file" in table:
            return solved_trajectory(self.folder / str(table["file"]), self.ephemeris)
        named: dict[str, object] = {"name": self.spec.id, **table}
        if table.get("kind") != "planet":
            named.setdefault("quality", self.spec.quality)
        return trajectory_from_spec(named, self.ephemeris, self.folder, where=f"{self.spec.id}: trajectory")

    def with_simulation(self, **changes: object) -> MissionView:
        """The same with keys of its simulation replaced; those given as None stay as they are.

        Raises:
            InputError: a value that the key does not take.
        """
        given = {k: v for k, v in changes.items() if v is not None}
        if not given:
            return self
        try:
            simulation = SimulationSpec.model_validate({**self.spec.simulation.model_dump(), **given})
        except ValidationError as error:
            raise InputError(f"{self.spec.id}: {first_problem(error)}") from error
        return replace(self, spec=self.spec.model_copy(update={"simulation": simulation}))

    @cached_property
    def camera(self) -> Camera:
        """The camera that took the picture."""
        return load_camera(self.spec.camera)

    @property
    def portrait_et(self) -> float:
        """Time of the portrait, TDB seconds past J2000."""
        return self.ephemeris.et(self.spec.observation.utc)

    def observer(self, et: float) -> Observer:
        """The spacecraft as an observer at ``et``; CoverageError outside the trajectory's span."""
        return Observer.from_state(self.ephemeris, et, self.trajectory.state(et), self.trajectory.center)

    def scene(self, et: float | None = None) -> Scene:
        """The scene at ``et`` (default: the portrait's time) with the camera turned as the mission's law says."""
        moment = self.portrait_et if et is None else et
        if moment not in self._scenes:
            sky = build_scene(self.ephemeris, self.observer(moment), quality=self.spec.quality)
            attitude = attitude_for(sky, self.spec.pointing)
            self._scenes[moment] = replace(sky, camera=self.camera, attitude=attitude)
        return self._scenes[moment]

    @cached_property
    def _scenes(self) -> dict[float, Scene]:
        """Scenes made so far: the claims of one picture ask for the same one many times."""
        return {}
