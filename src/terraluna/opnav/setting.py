"""What is known before the pictures: the camera, where the spacecraft should be, how it is pointed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.errors import CoverageError, GeometryError
from terraluna.missions.view import MissionView
from terraluna.opnav.evidence import DirectionLaw
from terraluna.opnav.types import Floats
from terraluna.opnav.vectors import two_vector_rotation, unit
from terraluna.scene.apparent import Observer
from terraluna.scene.scene import Scene, build_scene
from terraluna.trajectory.base import Trajectory

LAW_SIGMA_RAD: Final = float(np.radians(0.5))
"""How well a pointing law of the catalogue holds: Longjiang-2's axis is 0.3 degrees off the anti-Sun direction in one
series, and about 0.7 by what was published of another."""


@dataclass(frozen=True)
class Setting:
    """What is known before the pictures.

    Attributes:
        ephemeris: open ephemeris.
        camera: that took all pictures; None: each picture's own label says.
        trajectory: where the spacecraft should be; None: not known.
        view: the mission, for its pointing law; None: there is none.
    """

    ephemeris: Ephemeris
    camera: Camera | None = None
    trajectory: Trajectory | None = None
    view: MissionView | None = None

    @classmethod
    def of_mission(cls, view: MissionView, camera: Camera | None = None) -> Setting:
        """The setting of a mission, with its camera unless another is given."""
        return cls(view.ephemeris, camera or view.camera, view.trajectory, view)

    @property
    def center(self) -> str:
        """Body that orbits are about: the trajectory's where it is the Earth or the Moon."""
        known = "earth" if self.trajectory is None else self.trajectory.center
        return known if known in ("earth", "moon") else "earth"

    def observer(self, et: float) -> Observer:
        """The spacecraft at ``et``, or its centre where the trajectory doesn't say: 0.01 degrees at a planet, and the
        aberration of its own motion, 1 arcsec a km/s."""
        if self.trajectory is not None:
            try:
                return Observer.from_state(self.ephemeris, et, self.trajectory.state(et), self.trajectory.center)
            except CoverageError:
                pass
        return Observer.from_state(self.ephemeris, et, np.zeros(6), self.center)

    def sky(self, et: float) -> Scene | None:
        """Both bodies from the trajectory, without a camera; None where it doesn't say."""
        if self.trajectory is None:
            return None
        try:
            state = self.trajectory.state(et)
            observer = Observer.from_state(self.ephemeris, et, state, self.trajectory.center)
            return build_scene(self.ephemeris, observer, quality=self.trajectory.quality)
        except (CoverageError, GeometryError):
            return None

    def laws(self, et: float) -> tuple[DirectionLaw, ...]:
        """The mission's pointing law as evidence: only the anti-Sun law says more than the picture does."""
        if self.view is None or self.view.spec.pointing.law != "anti-sun":
            return ()
        pointing = self.view.spec.pointing
        x, y = np.tan(np.radians([pointing.offset_x_deg, pointing.offset_y_deg]))
        away = -unit(self.ephemeris.position("sun", et, "earth"))
        return (DirectionLaw(unit(np.array([x, y, 1.0])), away, LAW_SIGMA_RAD, "anti-Sun pointing"),)

    def attitude(self, et: float, seen: Mapping[str, Floats]) -> Floats | None:
        """J2000 -> camera (3, 3), to a few degrees: enough to know which ground is at a limb.

        From the directions ``seen`` of both bodies on the trajectory's sky, else from the mission's pointing law; None
        where neither is known.
        """
        sky = self.sky(et)
        if sky is not None and {"earth", "moon"} <= set(seen):
            return two_vector_rotation(sky.earth.direction_j2000, sky.moon.direction_j2000, seen["earth"], seen["moon"])
        if self.view is None:
            return None
        try:
            return self.view.scene(et).attitude
        except (CoverageError, GeometryError):
            return None
