"""What the mission's geometry tells the developer: which bodies, how large, how lit, which way up, how far turned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from terraluna.develop.disc import Disc

if TYPE_CHECKING:
    from terraluna.camera.model import Camera
    from terraluna.ephemeris import Ephemeris
    from terraluna.missions.view import MissionView
    from terraluna.scene import Scene


@dataclass(frozen=True)
class Geometry:
    """A mission with an open ephemeris, and the camera of the frames."""

    view: MissionView
    camera: Camera

    @classmethod
    def open(cls, mission: str, ephemeris: Ephemeris, camera: Camera | None) -> Geometry:
        """Open a mission or scene file; the camera is the mission's own if None.

        Raises:
            InputError: an unknown mission.
        """
        from terraluna.missions.view import MissionView

        view = MissionView.open(mission, ephemeris)
        return cls(view, camera if camera is not None else view.camera)

    def scene(self, et: float | None) -> Scene:
        """The scene at a time, or at the mission's picture; its camera is that of the frames.

        Raises:
            CoverageError: the time lies outside the trajectory.
        """
        from dataclasses import replace

        return replace(self.view.scene(et), camera=self.camera)


def expected_radii(scene: Scene) -> dict[str, float]:
    """Angular radii, rad, of the bodies that the predicted frame shows, by name."""
    found: dict[str, float] = {}
    for body in scene.bodies:
        seen = scene.pixels(body.name)
        if seen is None or seen.partly_in_frame:
            found[body.name] = body.angular_radius_rad
    return found


def front_ratio(scene: Scene) -> float:
    """Radius of the nearer disc over the farther one's where one lies before the other; 0 where they are clear."""
    if scene.event == "clear":
        return 0.0
    near, far = (scene.body(name) for name in scene.depth_order)  # type: ignore[arg-type]
    return near.angular_radius_rad / far.angular_radius_rad


def globe_turn(reference: Scene, other: Scene, name: str) -> tuple[float, float, float]:
    """Turn (3,) of a body's globe between two scenes, rad, about the image's axes x right, y down, z away.

    It holds the body's own rotation and the change of the line of sight; the camera's roll is that of its pointing law.
    """
    from scipy.spatial.transform import Rotation

    assert reference.attitude is not None
    assert other.attitude is not None
    a, b = reference.body(name), other.body(name)  # type: ignore[arg-type]
    first = _facing(reference.attitude @ a.center_j2000_km) @ reference.attitude
    second = _facing(other.attitude @ b.center_j2000_km) @ other.attitude
    turn = Rotation.from_matrix(second @ b.rotation.T @ a.rotation @ first.T).as_rotvec()
    return float(turn[0]), float(turn[1]), float(turn[2])


def _facing(
    line_of_sight: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Smallest rotation (3, 3) that brings a direction of the camera frame to its axis."""
    d = line_of_sight / np.linalg.norm(line_of_sight)
    axis = np.cross(d, [0.0, 0.0, 1.0])
    c = float(d[2])
    K = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    return np.asarray(np.eye(3) + K + K @ K / (1.0 + c))


def north_angle(scene: Scene, discs: dict[str, Disc]) -> tuple[float, str] | None:
    """Direction of north in the picture, rad from up, counter-clockwise, and how it was found; None if nothing is seen.

    North is the Earth's pole, or the Moon's where the Earth is not in the picture. With both bodies found the
    predicted roll is corrected by the measured direction from one to the other.
    """
    name = "earth" if "earth" in discs else "moon"
    seen = scene.pixels(name)  # type: ignore[arg-type]
    if name not in discs or seen is None:
        return None
    angle, how = seen.north_angle_rad, "as the pointing law has it"
    moon = scene.pixels("moon")
    if len(discs) == 2 and moon is not None:
        e, m = discs["earth"], discs["moon"]
        measured = math.atan2(-(m.x - e.x), -(m.y - e.y))
        predicted = math.atan2(-(moon.x - seen.x), -(moon.y - seen.y))
        angle += measured - predicted
        how = "from the direction Earth to Moon in the picture"
    return angle, f"north pole of the {name.capitalize()}, {how}"


def sun_angle(scene: Scene, discs: dict[str, Disc]) -> float | None:
    """Direction of the lit limb in the picture, the same way; None if nothing is seen."""
    north = north_angle(scene, discs)
    name = "earth" if "earth" in discs else "moon"
    seen = scene.pixels(name)  # type: ignore[arg-type]
    if north is None or seen is None:
        return None
    return north[0] + seen.bright_limb_angle_rad - seen.north_angle_rad
