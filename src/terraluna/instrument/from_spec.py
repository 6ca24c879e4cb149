"""The frame that a mission or scene file asks for."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from terraluna.errors import CatalogueError
from terraluna.instrument.detector import DetectorEffects, expose
from terraluna.instrument.planets import view_planets
from terraluna.instrument.pushbroom import Scan, matched_rate_rad_s, scan_attitude, scan_strip
from terraluna.instrument.sequence import SEQUENCES, SequenceResult, WheelStep, simulate_sequence
from terraluna.instrument.simulate import SimulatedFrame, SimulationOptions, simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraluna.missions.model import SimulationSpec
    from terraluna.missions.view import MissionView
    from terraluna.render.materials import Material
    from terraluna.scene import Scene


@dataclass(frozen=True, eq=False)
class SimulatedScene:
    """Frames of a scene: one of all bands, or one a filter where the wheel was turned.

    Attributes:
        scene: the scene at the start.
        frames: the frames.
        sequence: what the filter wheel did, or None.
    """

    scene: Scene
    frames: tuple[SimulatedFrame, ...]
    sequence: SequenceResult | None


def effects_from(table: Mapping[str, bool | float | str], where: str) -> DetectorEffects:
    """Detector effects from a table; CatalogueError names an unknown key or a value of the wrong kind."""
    known = {f.name: getattr(DetectorEffects(), f.name) for f in fields(DetectorEffects)}
    for key, value in table.items():
        if key not in known:
            raise CatalogueError(f"{where}: key simulation.effects.{key}: unknown; the effects are {', '.join(known)}")
        default = known[key]
        right = isinstance(value, bool) if isinstance(default, bool) else isinstance(value, type(default) | int)
        if not right or (isinstance(value, bool) and not isinstance(default, bool)):
            raise CatalogueError(f"{where}: key simulation.effects.{key}: must be like {default!r}, not {value!r}")
    return DetectorEffects(**table)  # type: ignore[arg-type]


def simulation_options(
    spec: SimulationSpec, view: MissionView, scene: Scene, materials: Mapping[str, Material]
) -> SimulationOptions:
    """Options of a simulation as a file states them."""
    return SimulationOptions(
        effects=effects_from(spec.effects, view.spec.id),
        materials=materials,
        stars=spec.stars,
        faintest_v=spec.faintest_v,
        planets=view_planets(view.ephemeris, scene.observer) if spec.planets else (),
        shadows=spec.shadows,
        memory_limit=int(spec.memory_limit_gb * 1e9),
    )


def _scanned(view: MissionView, scene: Scene, options: SimulationOptions) -> SimulatedFrame:
    """The strip that a pushbroom takes: the scene stands still, the camera turns line by line."""
    spec, camera = view.spec.simulation, view.camera
    scan, pushbroom = spec.scan, camera.pushbroom
    assert scan is not None
    assert scene.attitude is not None
    if pushbroom is None:
        raise CatalogueError(f"{view.spec.id}: key simulation.scan: camera {camera.id!r} is not a pushbroom")
    line_time = scan.line_time_s or pushbroom.line_time_s
    lines = scan.lines or camera.height
    rate = scan.rate_factor * matched_rate_rad_s(camera, line_time)
    law = scan_attitude(scene.attitude, scene.et, rate)
    start = scene.et - 0.5 * (lines - 1) * line_time
    strip = Scan(start, lines, line_time, law, scan.stages or pushbroom.tdi_stages)
    still = simulate(scene, camera, spec.filters, strip.exposure_s, options=options, seed=spec.seed)
    light = scan_strip(lambda _: still.rate_e_s, camera, scene.attitude, strip)
    exposures = (strip.exposure_s,) * len(still.filters)
    exposed = expose(
        light, exposures, camera.detector, effects=options.effects, seed=spec.seed, pixel_um=camera.pixel_um
    )
    return replace(
        still, dn=exposed.dn, rate_e_s=light, exposures_s=exposures, full=exposed.full, record=exposed.record
    )


def simulate_view(view: MissionView, et: float, materials: Mapping[str, Material]) -> SimulatedScene:
    """Simulate what a mission or scene file asks for.

    Args:
        view: the mission or scene file.
        et: time, TDB seconds past J2000.
        materials: surfaces of ``earth`` and ``moon``.

    Raises:
        InputError: unknown filter, an exposure that makes no sense, a frame that needs too much memory.
        CatalogueError: an unknown effect.
        GeometryError: no body in front of the camera.
    """
    spec = view.spec.simulation
    scene = view.scene(et)
    options = simulation_options(spec, view, scene, materials)
    tile = None if spec.tile is None else (spec.tile[0], spec.tile[1], spec.tile[2], spec.tile[3])
    if spec.scan is not None:
        if spec.sequence or tile is not None or spec.truth:
            raise CatalogueError(f"{view.spec.id}: key simulation.scan: goes with neither sequence, tile nor truth")
        return SimulatedScene(scene, (_scanned(view, scene, options),), None)
    if not spec.sequence:
        frame = simulate(scene, view.camera, spec.filters, spec.exposure_s, options=options, seed=spec.seed, tile=tile)
        return SimulatedScene(scene, (frame,), None)
    steps = SEQUENCES.get(view.camera.id)
    if spec.filters is not None:
        # The wheel's usual pace, 30 s where none is known; exposures of the catalogue unless the file states them.
        pace = 30.0 if steps is None or len(steps) < 2 else steps[1].start_s - steps[0].start_s
        given = spec.exposure_s if isinstance(spec.exposure_s, list) else [None] * len(spec.filters)
        if len(given) != len(spec.filters):
            raise CatalogueError(f"{view.spec.id}: key simulation.exposure_s: give one exposure a filter")
        steps = tuple(
            WheelStep(name, k * pace, seconds)
            for k, (name, seconds) in enumerate(zip(spec.filters, given, strict=True))
        )
    result = simulate_sequence(view.scene, et, view.camera, steps, options=options, seed=spec.seed, tile=tile)
    return SimulatedScene(scene, result.frames, result)
