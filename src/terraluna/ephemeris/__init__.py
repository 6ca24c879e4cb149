"""Times, positions and orientation of the bodies, with SPICE's process-wide pool out of sight."""

from terraluna.ephemeris.pool import Ephemeris, unit

__all__ = ["Ephemeris", "unit"]
