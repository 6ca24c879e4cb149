"""Times, positions and orientation of the bodies, with SPICE's process-wide pool out of sight."""

from terraluna.ephemeris.directions import angle_between, from_angles, unit
from terraluna.ephemeris.pool import Ephemeris

__all__ = ["Ephemeris", "angle_between", "from_angles", "unit"]
