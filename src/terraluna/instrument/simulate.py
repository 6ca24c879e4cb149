"""A scene through a camera: rendered, exposed and read out, one exposure a filter."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from terraluna.ephemeris.constants import AU_KM
from terraluna.errors import GeometryError, InputError
from terraluna.instrument.cut import cut_camera
from terraluna.instrument.detector import DetectorEffects, Window, expose
from terraluna.instrument.exposure import BodyExposure, auto_exposure, body_exposure, lit_masks
from terraluna.instrument.radiance import Radiometry, fill_rates, find_filter, radiance_factor, radiometry
from terraluna.instrument.random import Seed
from terraluna.instrument.smear import SmearModel, TrailModel, smear_model, trail_model
from terraluna.instrument.stars import Points, deposit_points, point_rates, points_in_frame
from terraluna.render.frame import render_frame, render_truth
from terraluna.render.from_scene import render_bodies
from terraluna.render.psf import reach_px

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.camera.model import Camera
    from terraluna.instrument.planets import PlanetView
    from terraluna.render.composite import TruthLayers
    from terraluna.render.materials import Material
    from terraluna.render.scene_arrays import RenderBody
    from terraluna.scene.scene import Scene

MEMORY_LIMIT: Final = 4_000_000_000
"""Bytes that a simulation may need unless the caller allows more."""

STRIP_ROWS: Final = 128
"""Rows that are rendered at a time, so that memory holds the rates of a frame but not every sample's geometry."""

STRIP_REACHES: Final = 8
"""Least rows of a strip in units of the optics' reach: what lies in its margins is rendered twice."""

Exposures = Sequence[float] | float | Literal["catalogue", "auto"]


@dataclass(frozen=True)
class SimulationOptions:
    """What is simulated.

    Attributes:
        effects: effects of the detector.
        materials: surfaces of Earth and Moon (``earth``, ``moon``); None: the packaged maps, loaded each time.
        stars: draw stars.
        faintest_v: faintest star.
        planets: planets as the observer sees them (``planets.view_planet``); drawn as points or even discs.
        smear: smear; "camera" takes what the catalogue knows.
        trails: charge trails, the same way.
        shadows: eclipse shadows.
        oversample: least samples a pixel along each axis.
        auto_percentile, auto_target: of the automatic exposure, see :func:`auto_exposure`.
        memory_limit: bytes above which a frame is refused.
    """

    effects: DetectorEffects = field(default_factory=DetectorEffects)
    materials: Mapping[str, Material] | None = None
    stars: bool = True
    faintest_v: float = 8.0
    planets: tuple[PlanetView, ...] = ()
    smear: SmearModel | Literal["camera"] | None = "camera"
    trails: TrailModel | Literal["camera"] | None = "camera"
    shadows: bool = True
    oversample: int = 1
    auto_percentile: float = 99.5
    auto_target: float = 0.8
    memory_limit: int = MEMORY_LIMIT


@dataclass(frozen=True, eq=False)
class SimulatedFrame:
    """A simulated frame; arrays are (rows, columns, bands), the bands in the order of ``filters``.

    Attributes:
        dn: numbers, uint16.
        rate_e_s: expected electrons s-1 by light, stars included.
        camera: the camera, cut to the tile.
        filters: names.
        exposures_s: one a band.
        radiometry: one a band.
        full: pixels whose well ran full.
        points: stars and planets drawn, per band.
        record: what each effect of the detector did.
        metadata: time, camera, tile, memory estimate, milliseconds of each stage.
        truth: makes ``layers`` when they are first asked for.
    """

    dn: NDArray[np.uint16]
    rate_e_s: NDArray[np.float64]
    camera: Camera
    filters: tuple[str, ...]
    exposures_s: tuple[float, ...]
    radiometry: tuple[Radiometry, ...]
    full: NDArray[np.bool_]
    points: tuple[Points, ...]
    record: dict[str, Any]
    metadata: dict[str, Any]
    truth: Callable[[], TruthLayers]

    @cached_property
    def layers(self) -> TruthLayers:
        """What each pixel shows, at the first band's scale."""
        return self.truth()

    @cached_property
    def bodies(self) -> dict[str, dict[str, BodyExposure]]:
        """By filter and body: clipped share, signal, signal to noise."""
        masks = lit_masks(self.layers)
        return {
            name: body_exposure(self.rate_e_s[:, :, b], self.exposures_s[b], self.camera.detector, masks)
            for b, name in enumerate(self.filters)
        }

    @cached_property
    def electrons(self) -> NDArray[np.float64]:
        """Expected electrons by light, without any effect of the detector."""
        return np.asarray(self.rate_e_s * np.asarray(self.exposures_s))

    def iof(self) -> NDArray[np.float64]:
        """Return I/F at 1 au as a calibration of the numbers gives it: bias and mean dark current removed."""
        detector, effects = self.camera.detector, self.metadata["effects"]
        out = np.empty(self.dn.shape)
        for b, (seconds, band) in enumerate(zip(self.exposures_s, self.radiometry, strict=True)):
            bias = detector.bias_dn if effects.bias else 0.0
            dark = detector.dark_e_s * seconds if effects.dark else 0.0
            electrons = (self.dn[:, :, b].astype(np.float64) - bias) * detector.gain_e_dn - dark
            out[:, :, b] = radiance_factor(electrons, seconds, band)
        return out


def estimate_memory_bytes(camera: Camera, bands: int = 1, oversample: int = 1) -> int:
    """Return the bytes that simulating a frame may need, bodies filling it: an upper estimate.

    A pixel keeps its rate, its number and a flag a band, and the fixed pattern; some columns are drawn twice. A sample
    has eight values of geometry and four a band while its strip is shaded. Truth layers, if they are asked for, hold
    fourteen values a pixel and need eight a sample.
    """
    pixels = camera.width * camera.height
    strip = camera.width * min(camera.height, max(STRIP_ROWS, STRIP_REACHES * reach_px(camera.psf)))
    kept = pixels * (19 * bands + 4)
    shading = strip * 8 * ((8 + 4 * bands) * oversample**2 + 4 * bands)
    truth = pixels * 8 * (14 + 8 * oversample**2)
    return int(kept + max(shading, truth))


def simulate(
    scene: Scene,
    camera: Camera | None = None,
    filters: Sequence[str] | None = None,
    exposures_s: Exposures = "catalogue",
    *,
    options: SimulationOptions | None = None,
    seed: Seed = 0,
    tile: tuple[int, int, int, int] | None = None,
) -> SimulatedFrame:
    """Simulate a frame: one exposure a filter, all at the scene's time (see ``sequence`` for a filter wheel).

    Args:
        scene: with an attitude.
        camera: the camera; None: the scene's.
        filters: names; None: the filters of the colour portrait in the order r, g, b, or the first filter.
        exposures_s: one a filter, one for all, "catalogue" (the usual ones), or "auto".
        options: see :class:`SimulationOptions`.
        seed: seed of all noise.
        tile: column, row, width, height: simulate this part of the detector only. Noise and defects are those of the
            whole frame; smear, blooming and trails see only the tile.

    Raises:
        InputError: unknown filter, an exposure that makes no sense, a frame that needs too much memory.
        GeometryError: no camera or attitude, or both bodies behind the camera.
    """
    opts = SimulationOptions() if options is None else options
    whole = scene.camera if camera is None else camera
    if whole is None or scene.attitude is None:
        raise GeometryError("a simulation needs a camera and an attitude; name a mission or give both")
    names = _names(whole, filters)
    part = whole if tile is None else cut_camera(whole, *tile)
    column, row = (0, 0) if tile is None else tile[:2]
    memory = estimate_memory_bytes(part, len(names), opts.oversample)
    if memory > opts.memory_limit:
        raise InputError(
            f"camera {whole.id!r}: {part.width} x {part.height} px in {len(names)} bands need about "
            f"{memory / 1e9:.1f} GB, more than the limit of {opts.memory_limit / 1e9:.1f} GB; "
            "simulate tiles (--tile) or raise the limit (memory_limit_gb)"
        )
    bands = tuple(radiometry(whole, name) for name in names)
    given = None if exposures_s == "auto" else _exposures(whole, names, exposures_s)

    clock, times = time.perf_counter, {}
    start = clock()
    surfaces = render_bodies(scene, None if opts.materials is None else dict(opts.materials))
    rate = _render(surfaces, whole, part, (column, row), bands, opts)
    times["render"] = clock() - start
    start = clock()
    points: list[Points] = []
    if opts.stars or opts.planets:
        seen: dict[float, Points] = {}
        for b, name in enumerate(names):
            eye = _with_filter(whole, name, tile)
            if eye.focal_px_x not in seen:
                faintest = opts.faintest_v if opts.stars else -np.inf
                seen[eye.focal_px_x] = points_in_frame(scene, eye, faintest_v=faintest, planets=opts.planets)
            found = seen[eye.focal_px_x]
            deposit_points(rate, b, found, point_rates(eye, name, found), eye.psf)
            points.append(found)
    times["points"] = clock() - start
    seconds = given or tuple(
        auto_exposure(rate[:, :, b], whole.detector, percentile=opts.auto_percentile, target=opts.auto_target)
        for b in range(len(names))
    )

    start = clock()
    exposed = expose(
        rate,
        seconds,
        whole.detector,
        effects=opts.effects,
        seed=seed,
        pixel_um=whole.pixel_um,
        smear=smear_model(whole) if opts.smear == "camera" else opts.smear,
        trails=trail_model(whole) if opts.trails == "camera" else opts.trails,
        window=Window(row, column, whole.height, whole.width),
    )
    times["detector"] = clock() - start
    metadata = {
        "utc": scene.utc,
        "et": scene.et,
        "camera": whole.id,
        "tile": tile,
        "effects": opts.effects,
        "memory_bytes": memory,
        "stages_ms": {name: 1e3 * value for name, value in times.items()},
    }
    return SimulatedFrame(
        exposed.dn,
        rate,
        part,
        names,
        seconds,
        bands,
        exposed.full,
        tuple(points),
        exposed.record,
        metadata,
        partial(_truth, surfaces, whole, part, (column, row), bands, opts),
    )


def _names(camera: Camera, filters: Sequence[str] | None) -> tuple[str, ...]:
    if filters is not None:
        names = tuple([filters] if isinstance(filters, str) else filters)
        if not names:
            raise InputError("a simulation needs at least one filter")
        return tuple(find_filter(camera, name).name for name in names)
    colour = camera.colour_filters()
    if colour:
        return tuple(colour[c].name for c in ("r", "g", "b") if c in colour)
    if not camera.filters:
        raise InputError(f"camera {camera.id!r} has no filter; add one to its file")
    return (camera.filters[0].name,)


def _exposures(camera: Camera, names: tuple[str, ...], given: Exposures) -> tuple[float, ...]:
    if isinstance(given, str):
        if given != "catalogue":
            raise InputError(f"exposures {given!r}: give seconds, 'catalogue' or 'auto'")
        found = [camera.filter(name).exposure_s for name in names]
        for name, seconds in zip(names, found, strict=True):
            if seconds is None:
                raise InputError(
                    f"camera {camera.id!r}, filter {name!r}: no usual exposure is known; give one or 'auto'"
                )
        return tuple(s for s in found if s is not None)
    values = [float(given)] * len(names) if isinstance(given, int | float) else [float(v) for v in given]
    if len(values) != len(names):
        raise InputError(f"{len(names)} filters need {len(names)} exposures (got {len(values)})")
    for value in values:
        if not (np.isfinite(value) and value >= 0.0):
            raise InputError(f"an exposure must be 0 s or more (got {value:g} s)")
    return tuple(values)


def _with_filter(camera: Camera, name: str, tile: tuple[int, int, int, int] | None) -> Camera:
    eye = camera.with_filter(name)
    return eye if tile is None else cut_camera(eye, *tile)


def _groups(whole: Camera, bands: tuple[Radiometry, ...]) -> list[list[int]]:
    """Bands whose filters have one focal length: they share a pass of geometry."""
    groups: dict[float, list[int]] = {}
    for b, band in enumerate(bands):
        groups.setdefault(whole.with_filter(band.filter).focal_px_x, []).append(b)
    return list(groups.values())


def _render(
    bodies: list[RenderBody],
    whole: Camera,
    part: Camera,
    origin: tuple[int, int],
    bands: tuple[Radiometry, ...],
    opts: SimulationOptions,
) -> NDArray[np.float64]:
    """Return electrons s-1 (rows, columns, bands) by the bodies, rendered strip by strip."""
    column, row = origin
    rate = np.empty((part.height, part.width, len(bands)))
    for members in _groups(whole, bands):
        eye = whole.with_filter(bands[members[0]].filter)
        wavelengths = [nm for b in members for nm in bands[b].samples_nm]
        edges = np.cumsum([0, *(len(bands[b].samples_nm) for b in members)])
        gains = np.array([bands[b].electrons_s for b in members])
        step = max(STRIP_ROWS, STRIP_REACHES * reach_px(eye.psf))
        for top in range(0, part.height, step):
            rows = min(step, part.height - top)
            frame = render_frame(
                cut_camera(eye, column, row + top, part.width, rows),
                bodies,
                bands_nm=wavelengths,
                psf=eye.psf,
                shadows=opts.shadows,
                oversample=opts.oversample,
                reference_sun_range_km=AU_KM,
            )
            fill_rates(frame.image, edges, gains, np.array(members), rate[top : top + rows])
    return rate


def _truth(
    bodies: list[RenderBody],
    whole: Camera,
    part: Camera,
    origin: tuple[int, int],
    bands: tuple[Radiometry, ...],
    opts: SimulationOptions,
) -> TruthLayers:
    """Return what each pixel shows at the first band's scale."""
    members = _groups(whole, bands)[0]
    eye = cut_camera(whole.with_filter(bands[members[0]].filter), *origin, part.width, part.height)
    return render_truth(
        eye,
        bodies,
        bands_nm=[nm for b in members for nm in bands[b].samples_nm],
        psf=eye.psf,
        shadows=opts.shadows,
        oversample=opts.oversample,
    )


def tiles_of(camera: Camera, size: int) -> list[tuple[int, int, int, int]]:
    """Return tiles (column, row, width, height) of at most ``size`` px that cover a camera's frame."""
    if size < 1:
        raise InputError(f"tiles need a size of at least 1 px (got {size})")
    return [
        (x, y, min(size, camera.width - x), min(size, camera.height - y))
        for y in range(0, camera.height, size)
        for x in range(0, camera.width, size)
    ]
