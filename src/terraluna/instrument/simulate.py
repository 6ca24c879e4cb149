"""A scene through a camera: rendered, exposed and read out, one exposure a filter."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from terraluna.ephemeris.constants import AU_KM
from terraluna.errors import GeometryError, InputError
from terraluna.instrument.cut import cut_camera
from terraluna.instrument.detector import DetectorEffects, Window, expose
from terraluna.instrument.exposure import BodyExposure, auto_exposure, body_exposure, lit_masks
from terraluna.instrument.radiance import Radiometry, find_filter, radiance_factor, radiometry
from terraluna.instrument.random import Seed
from terraluna.instrument.smear import SmearModel, TrailModel, smear_model, trail_model
from terraluna.instrument.stars import Points, deposit_points, point_rates, points_in_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.camera.model import Camera
    from terraluna.instrument.planets import PlanetView
    from terraluna.render.composite import TruthLayers
    from terraluna.render.materials import Material
    from terraluna.scene.scene import Scene

MEMORY_LIMIT: Final = 4_000_000_000
"""Bytes that a simulation may need unless the caller allows more."""

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
        layers: what each pixel shows (rendered at the first band's scale).
        points: stars and planets drawn, per band.
        bodies: by filter and body: clipped share, signal, signal to noise.
        record: what each effect of the detector did.
        metadata: time, camera, tile, memory estimate, milliseconds of each stage.
    """

    dn: NDArray[np.uint16]
    rate_e_s: NDArray[np.float64]
    camera: Camera
    filters: tuple[str, ...]
    exposures_s: tuple[float, ...]
    radiometry: tuple[Radiometry, ...]
    full: NDArray[np.bool_]
    layers: TruthLayers
    points: tuple[Points, ...]
    bodies: dict[str, dict[str, BodyExposure]]
    record: dict[str, Any]
    metadata: dict[str, Any]

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

    A pixel keeps some twelve values of geometry and truth and a mask a body, and a sample seven values of geometry and
    four a band while it is shaded.
    """
    pixels = camera.width * camera.height
    per_pixel = 8 * (14 + 6 * bands) + 3 * bands
    per_sample = 8 * (8 + 4 * bands)
    return int(pixels * (per_pixel + per_sample * oversample**2))


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
            "simulate tiles or raise the limit"
        )
    bands = tuple(radiometry(whole, name) for name in names)
    given = None if exposures_s == "auto" else _exposures(whole, names, exposures_s)

    clock, times = time.perf_counter, {}
    start = clock()
    rate, layers = _render(scene, whole, part, (column, row), bands, opts)
    times["render"] = clock() - start
    start = clock()
    points: list[Points] = []
    if opts.stars or opts.planets:
        for b, name in enumerate(names):
            eye = _with_filter(whole, name, tile)
            faintest = opts.faintest_v if opts.stars else -np.inf
            found = points_in_frame(scene, eye, faintest_v=faintest, planets=opts.planets)
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
    masks = lit_masks(layers)
    bodies = {name: body_exposure(rate[:, :, b], seconds[b], whole.detector, masks) for b, name in enumerate(names)}
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
        layers,
        tuple(points),
        bodies,
        exposed.record,
        metadata,
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


def _render(
    scene: Scene,
    whole: Camera,
    part: Camera,
    origin: tuple[int, int],
    bands: tuple[Radiometry, ...],
    opts: SimulationOptions,
) -> tuple[NDArray[np.float64], TruthLayers]:
    """Return electrons s-1 (rows, columns, bands) by the bodies, and the truth layers of the first band."""
    from terraluna.render.frame import render_frame
    from terraluna.render.from_scene import render_bodies

    bodies = render_bodies(scene, None if opts.materials is None else dict(opts.materials))
    rate = np.empty((part.height, part.width, len(bands)))
    layers: TruthLayers | None = None
    # Filters of equal focal length share one pass of geometry.
    groups: dict[float, list[int]] = {}
    for b, band in enumerate(bands):
        groups.setdefault(whole.with_filter(band.filter).focal_px_x, []).append(b)
    for members in groups.values():
        eye = whole.with_filter(bands[members[0]].filter)
        if part is not whole:
            eye = cut_camera(eye, *origin, part.width, part.height)
        wavelengths = [nm for b in members for nm in bands[b].samples_nm]
        frame = render_frame(
            eye,
            bodies,
            bands_nm=wavelengths,
            psf=eye.psf,
            layers=layers is None,
            shadows=opts.shadows,
            oversample=opts.oversample,
            reference_sun_range_km=AU_KM,
        )
        layers = frame.layers if layers is None else layers
        first = 0
        for b in members:
            count = len(bands[b].samples_nm)
            mean = frame.image[:, :, first : first + count].mean(axis=2)
            # The FFT of wide wings leaves rounding noise below zero.
            rate[:, :, b] = np.maximum(mean, 0.0) * bands[b].electrons_s
            first += count
    assert layers is not None
    return rate, layers


def tiles_of(camera: Camera, size: int) -> list[tuple[int, int, int, int]]:
    """Return tiles (column, row, width, height) of at most ``size`` px that cover a camera's frame."""
    if size < 1:
        raise InputError(f"tiles need a size of at least 1 px (got {size})")
    return [
        (x, y, min(size, camera.width - x), min(size, camera.height - y))
        for y in range(0, camera.height, size)
        for x in range(0, camera.width, size)
    ]


def replace_effects(options: SimulationOptions, **changes: Any) -> SimulationOptions:
    """Return the options with some effects of the detector changed."""
    return dataclasses.replace(options, effects=dataclasses.replace(options.effects, **changes))
