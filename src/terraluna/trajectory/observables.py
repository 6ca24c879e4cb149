"""Published facts that say something about where a spacecraft was.

Each is a small frozen record: what was published, at which time, how well (``sigma``). A record computes the same
quantity from a trial state; :mod:`terraluna.trajectory.reconstruct` makes the two agree. All can be written in TOML.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from terraluna.trajectory.orbit_facts import (
    PlaneThrough,
    Position,
    Range,
    RangeBound,
    RangeRate,
    SpeedBound,
    SubPoint,
    Velocity,
)
from terraluna.trajectory.sightings import (
    Contact,
    Direction,
    DiscOffset,
    DiscRatio,
    Landmark,
    LimbAngle,
    MotionAngle,
    Phase,
    Separation,
    SeparationRatio,
)

Observable = Annotated[
    Range
    | RangeRate
    | SubPoint
    | Separation
    | SeparationRatio
    | Phase
    | DiscRatio
    | DiscOffset
    | Landmark
    | MotionAngle
    | LimbAngle
    | Contact
    | Direction
    | Position
    | Velocity
    | RangeBound
    | SpeedBound
    | PlaneThrough,
    Field(discriminator="type"),
]
"""Any of the records; in a file the key ``type`` says which."""

OBSERVABLES: Final[TypeAdapter[list[Observable]]] = TypeAdapter(list[Observable])
"""Reads a list of tables into records."""
