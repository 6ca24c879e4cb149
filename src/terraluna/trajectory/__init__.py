"""Where the spacecraft is: state vectors and propagation, SPK, CCSDS OEM, tables, planets, reconstructions."""

from terraluna.trajectory.base import Quality, Trajectory
from terraluna.trajectory.forces import ForceOptions
from terraluna.trajectory.propagate import PropagatedTrajectory
from terraluna.trajectory.source import parse_spec, trajectory_from_file, trajectory_from_spec

__all__ = [
    "ForceOptions",
    "PropagatedTrajectory",
    "Quality",
    "Trajectory",
    "parse_spec",
    "trajectory_from_file",
    "trajectory_from_spec",
]
