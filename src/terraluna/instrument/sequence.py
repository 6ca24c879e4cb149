"""A filter wheel: each colour at its own time, and the coloured fringes of stacking them as they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from terraluna.errors import InputError
from terraluna.instrument.random import Seed, child, seed_sequence
from terraluna.instrument.simulate import SimulatedFrame, SimulationOptions, simulate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.camera.model import Camera
    from terraluna.scene.scene import Scene


@dataclass(frozen=True)
class WheelStep:
    """One exposure of a sequence.

    Attributes:
        filter: name.
        start_s: seconds after the start of the sequence; the scene is that of the middle of the exposure.
        exposure_s: exposure; None: the catalogue's.
    """

    filter: str
    start_s: float
    exposure_s: float | None = None


SEQUENCES: Final[dict[str, tuple[WheelStep, ...]]] = {
    # The published still of 2015-07-16 has green's Moon 3 to 5 px behind the other two, 24 to 34 s of its motion to the
    # right: green came first. Red before blue and the even pace are assumed. (The caption says red first, green last,
    # about 30 s apart; that order would give the opposite of the green fringe that it names, and that the still shows.)
    "epic": (WheelStep("551", 0.0), WheelStep("680", 15.0), WheelStep("443", 30.0)),
    # Assumed: 48 s from frame to frame, the tube's readout.
    "voyager-1-na": (WheelStep("blue", 0.0), WheelStep("orange", 48.0), WheelStep("green", 96.0)),
    # Assumed: turning the wheel and reading out.
    "mapcam": (WheelStep("b", 0.0), WheelStep("v", 10.0), WheelStep("w", 20.0), WheelStep("x", 30.0)),
}
"""Usual colour sequences by camera."""


@dataclass(frozen=True, eq=False)
class SequenceResult:
    """Frames of a sequence, one a step.

    Attributes:
        steps: what was asked for.
        frames: one a step, each of one band and with its own time in its metadata.
    """

    steps: tuple[WheelStep, ...]
    frames: tuple[SimulatedFrame, ...]

    def composite(self, filters: tuple[str, str, str] | None = None) -> NDArray[np.float64]:
        """Return red, green and blue I/F (rows, columns, 3) laid on each other pixel by pixel: fringes and all.

        Args:
            filters: names for red, green and blue; None: the camera's colour filters.

        Raises:
            InputError: a filter that the sequence does not hold.
        """
        by_name = {step.filter: frame for step, frame in zip(self.steps, self.frames, strict=True)}
        if filters is None:
            colour = self.frames[0].camera.colour_filters()
            filters = tuple(colour[c].name if c in colour else "" for c in ("r", "g", "b"))  # type: ignore[assignment]
        assert filters is not None
        for name in filters:
            if name not in by_name:
                raise InputError(f"the sequence has no exposure in filter {name!r}; it has {', '.join(by_name)}")
        return np.concatenate([by_name[name].iof() for name in filters], axis=2)


def simulate_sequence(
    scene_at: Callable[[float], Scene],
    start_et: float,
    camera: Camera,
    steps: Sequence[WheelStep] | None = None,
    *,
    options: SimulationOptions | None = None,
    seed: Seed = 0,
    tile: tuple[int, int, int, int] | None = None,
) -> SequenceResult:
    """Simulate a sequence of exposures.

    Args:
        scene_at: gives the scene at a time (TDB seconds past J2000): trajectory and pointing are the caller's.
        start_et: start of the sequence.
        camera: the camera.
        steps: the exposures; None: the camera's usual sequence.
        options: see :class:`SimulationOptions`.
        seed: seed; each exposure has a stream of its own.
        tile: part of the detector.

    Raises:
        InputError: no steps, no usual sequence, an exposure that makes no sense.
    """
    if steps is None:
        if camera.id not in SEQUENCES:
            raise InputError(f"no usual filter sequence of camera {camera.id!r} is known; give the steps")
        steps = SEQUENCES[camera.id]
    if not steps:
        raise InputError("a filter sequence needs at least one step")
    sequence = seed_sequence(seed)
    frames = []
    for k, step in enumerate(steps):
        if not np.isfinite(step.start_s):
            raise InputError(f"filter {step.filter!r}: start_s must be a number (got {step.start_s})")
        seconds: float | Literal["catalogue"] = step.exposure_s if step.exposure_s is not None else "catalogue"
        length = step.exposure_s if step.exposure_s is not None else _usual(camera, step.filter)
        scene = dataclasses.replace(scene_at(start_et + step.start_s + 0.5 * length), camera=camera)
        frames.append(
            simulate(scene, camera, [step.filter], seconds, options=options, seed=child(sequence, k), tile=tile)
        )
    return SequenceResult(tuple(steps), tuple(frames))


def _usual(camera: Camera, name: str) -> float:
    from terraluna.instrument.radiance import find_filter

    return find_filter(camera, name).exposure_s or 0.0
