"""Inputs to planes: any readable frame, or SSDV packets decoded on the fly."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from terraluna.camera.model import Camera, Filter
from terraluna.develop.options import DevelopOptions
from terraluna.errors import InputError, TerralunaError

if TYPE_CHECKING:
    from terraluna.ephemeris import Ephemeris
    from terraluna.frames import RawFrame

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SIGNATURES: Final = (
    b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"SIMPLE  =", b"LBLSIZE=", b"\x89HDF", b"PDS_VERSION_ID", b"<?xml",
    b"CCSD", b"NJPL1I00",
)  # fmt: skip

PLAIN_FILTERS: Final = (
    Filter("red", 600.0, 90.0, "r"),
    Filter("green", 535.0, 90.0, "g"),
    Filter("blue", 460.0, 90.0, "b"),
)
"""Bands of a colour picture from an unknown camera: usual dyes of a Bayer mosaic (assumed)."""


@dataclass(frozen=True, eq=False)
class Plane:
    """One band of one exposure, linear.

    Attributes:
        data: (H, W) float64.
        missing: (H, W) lost or bad pixels.
        saturated: (H, W) pixels at the top of the scale.
        band: its filter.
        et: middle of the exposure, or None.
        utc: the same for people, or None.
        exposure: number of the exposure; planes of one exposure need no registration.
    """

    data: Floats
    missing: Mask
    saturated: Mask
    band: Filter
    et: float | None
    utc: str | None
    exposure: int


@dataclass(frozen=True, eq=False)
class Loaded:
    """Everything that was read.

    Attributes:
        planes: R, G, B, or one plane for a monochrome picture.
        camera: the camera, or None.
        processed: the frames went through a camera's or a viewer's tone curve (8-bit colour pictures).
        unit: of the pixel values.
        inputs: file name as given and SHA-256 of each.
        notes: one line each: calibration steps, warnings, what was assumed.
        target: what the label says is in the frame, ``earth`` or ``moon``, or None.
        facility: spacecraft, for the metadata.
        lost_note: how much of the frame was lost, in the words of its format; empty if nothing.
    """

    planes: tuple[Plane, ...]
    camera: Camera | None
    processed: bool
    unit: str
    inputs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    target: str | None
    facility: str
    lost_note: str = ""


def load(paths: list[Path], options: DevelopOptions, ephemeris: Ephemeris, camera: Camera | None) -> Loaded:
    """Read the files of one picture.

    Args:
        paths: frames, one a filter; or one colour picture; or the SSDV files of one image.
        options: camera, Bayer pattern and concealment are used.
        ephemeris: open, for times.
        camera: named by the user or the mission, or None.

    Raises:
        InputError: unreadable, or files that don't make one picture.
    """
    if not paths:
        raise InputError("no file was given: name at least one frame")
    twice = [p for k, p in enumerate(paths) if p in paths[:k]]
    if twice:
        raise InputError(f"{twice[0]}: named twice; name each frame once")
    ssdv = [_is_packets(p) for p in paths]
    if all(ssdv):
        return _packets(paths, camera)
    if any(ssdv):
        raise InputError(f"{paths[ssdv.index(True)]}: packets and frames cannot be mixed; develop them one by one")
    return _frames(paths, options, ephemeris, camera)


def _is_packets(path: Path) -> bool:
    """Whether a file is none of the frame formats and holds SSDV packets."""
    from terraluna.downlink.decode import Downlink, read_source

    try:
        with path.open("rb") as file:
            head = file.read(16)
            size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check the name") from None
    if size > 16_000_000 or any(head.startswith(s) for s in _SIGNATURES) or path.suffix.lower() in (".imq", ".lbl"):
        return False
    return Downlink().add(str(path), read_source(path)) > 0


def _packets(paths: list[Path], camera: Camera | None) -> Loaded:
    from terraluna.camera.catalogue import load_camera
    from terraluna.downlink.decode import decode_sources, read_source
    from terraluna.frames.read import sha256_of

    result = decode_sources([(str(p), read_source(p)) for p in paths])
    if len(result.images) != 1:
        ids = ", ".join(str(i.image_id) for i in result.images) or "none"
        raise InputError(
            f"{paths[0]}: the packets make {len(result.images)} images ({ids}), not one picture; "
            "give a folder with -o to develop each file by itself"
        )
    image = result.images[0]
    longjiang = image.packets.first.format.name == "longjiang2"
    known = camera if camera is not None else load_camera("longjiang-2") if longjiang else None
    planes = _colour_planes(image.pixels, image.missing, known, None, None)
    lost = image.missing_mcus
    total = int(image.picture.mcu_received.size)
    notes = [f"SSDV: {len(image.packets.packets)} packets, {lost} of {total} blocks lost"]
    return Loaded(
        planes=planes,
        camera=known,
        processed=True,
        unit="linear light of an sRGB picture",
        inputs=tuple((str(p), sha256_of(p)) for p in paths),
        notes=tuple(notes),
        target=None,
        facility="Longjiang-2" if longjiang else "",
        lost_note=f"{lost} of {total} blocks lost" if lost else "",
    )


def _colour_planes(
    pixels: NDArray[Any], missing: Mask, camera: Camera | None, et: float | None, utc: str | None
) -> tuple[Plane, ...]:
    """Planes of a colour picture: the sRGB curve undone; a pixel with a full channel counts as saturated in all."""
    top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0
    code = pixels.astype(np.float64) / top
    linear = np.where(code <= 0.04045, code / 12.92, ((np.maximum(code, 0.0) + 0.055) / 1.055) ** 2.4)
    saturated = np.asarray((code >= 0.996).any(axis=2), dtype=np.bool_)
    return tuple(
        Plane(np.ascontiguousarray(linear[..., k]), missing, saturated, band, et, utc, 0)
        for k, band in enumerate(colour_filters(camera))
    )


def colour_filters(camera: Camera | None) -> tuple[Filter, Filter, Filter]:
    """Red, green and blue of a camera; usual dyes where it has none."""
    own = camera.colour_filters() if camera is not None else {}
    return tuple(own.get(p.channel or "r", p) for p in PLAIN_FILTERS)  # type: ignore[return-value]


def _frames(paths: list[Path], options: DevelopOptions, ephemeris: Ephemeris, camera: Camera | None) -> Loaded:
    from terraluna.frames import calibrate, read_frame

    frames = [read_frame(p, ephemeris=ephemeris) for p in paths]
    notes = [f"{Path(f.observation.path).name}: {w}" for f in frames for w in f.warnings]
    known = camera
    if known is None:
        known = _camera_of(frames[0], notes)
    first = frames[0].observation
    inputs = tuple((str(p), f.observation.sha256) for p, f in zip(paths, frames, strict=True))
    target = first.target if first.target in ("earth", "moon") else None
    if frames[0].data.ndim == 3:
        if len(frames) > 1:
            raise InputError(f"{paths[1]}: a colour picture is developed by itself; name one file")
        missing = frames[0].mask & ~_full(frames[0].data)
        planes = _colour_planes(frames[0].upright(), _up(frames[0], missing), known, first.et, first.utc)
        eight = frames[0].data.dtype == np.uint8
        return Loaded(planes, known, eight, "linear light", inputs, tuple(notes), target, first.spacecraft)
    planes = ()
    unit = "DN"
    for number, frame in enumerate(frames):
        done = calibrate(frame)
        unit = done.unit
        notes += [f"{Path(frame.observation.path).name}: {line}" for line in done.history]
        notes += [f"{Path(frame.observation.path).name}: {w}" for w in done.warnings if w not in frame.warnings]
        saturated = _saturated(frame)
        missing = done.mask & ~saturated
        data = np.where(np.isfinite(done.data), done.data, 0.0)
        observation = frame.observation
        pattern = options.bayer or (known.detector.bayer if known is not None and observation.filter is None else None)
        if options.bayer is None and len(frames) > 1:
            pattern = None
        if pattern is not None:
            if len(frames) > 1:
                raise InputError(f"{paths[1]}: a Bayer frame is developed by itself; name one file")
            planes = _mosaic(data, missing, saturated, frame, pattern, known)
            notes.append(f"Bayer mosaic {pattern} interpolated")
            break
        band = find_filter(known, observation.filter) or _nameless(observation.filter, observation.path, len(frames))
        planes += (
            Plane(
                _up(frame, data),
                _up(frame, missing),
                _up(frame, saturated),
                band,
                observation.et,
                observation.utc,
                number,
            ),
        )
    return Loaded(order_planes(planes, paths), known, False, unit, inputs, tuple(notes), target, first.spacecraft)


def _camera_of(frame: RawFrame, notes: list[str]) -> Camera | None:
    from terraluna.camera.catalogue import load_camera
    from terraluna.frames import camera_of

    try:
        return camera_of(frame.observation)
    except TerralunaError as error:
        if frame.observation.instrument is not None:
            notes.append(f"camera geometry not used: {error}")
            return load_camera(frame.observation.instrument)
        return None


def _full(data: NDArray[Any]) -> Mask:
    top = data >= np.iinfo(data.dtype).max if data.dtype.kind == "u" else np.zeros(data.shape, dtype=np.bool_)
    return np.asarray(top.all(axis=2) if data.ndim == 3 else top, dtype=np.bool_)


def _saturated(frame: RawFrame) -> Mask:
    return frame.mask & _full(frame.data)


def _up(frame: RawFrame, array: NDArray[Any]) -> NDArray[Any]:
    """An array of the frame turned as the archive displays it."""
    return np.ascontiguousarray(replace(frame, data=array).upright())


def _mosaic(
    data: Floats, missing: Mask, saturated: Mask, frame: RawFrame, pattern: str, camera: Camera | None
) -> tuple[Plane, ...]:
    """Planes of a Bayer frame. The pattern belongs to the order of the file, so it is interpolated before turning."""
    from scipy.ndimage import binary_dilation

    from terraluna.develop.demosaic import demosaic

    rgb = demosaic(data, pattern)
    square = np.ones((3, 3), dtype=np.bool_)
    missing, saturated = (binary_dilation(m, square) if m.any() else m for m in (missing, saturated))
    o = frame.observation
    return tuple(
        Plane(_up(frame, rgb[..., k]), _up(frame, missing), _up(frame, saturated), band, o.et, o.utc, 0)
        for k, band in enumerate(colour_filters(camera))
    )


def find_filter(camera: Camera | None, name: str | None) -> Filter | None:
    """The camera's filter that a label means: the name itself, its number in nm, or the one that begins alike."""
    if camera is None or name is None:
        return None
    wanted = name.strip().lower()
    for item in camera.filters:
        if item.name.lower() == wanted:
            return item
    digits = "".join(c if c.isdigit() or c == "." else " " for c in wanted).split()
    if digits:
        near = min(camera.filters, key=lambda f: abs(f.centre_nm - float(digits[0])), default=None)
        if near is not None and abs(near.centre_nm - float(digits[0])) < 5.0:
            return near
    if wanted:
        alike = [f for f in camera.filters if f.name.lower().startswith(wanted) or wanted.startswith(f.name.lower())]
        if len(alike) == 1:
            return alike[0]
    return None


def _nameless(name: str | None, path: str, count: int) -> Filter:
    """A filter that no catalogue knows: by its wavelength, or, for a single frame, an open band."""
    digits = "".join(c if c.isdigit() or c == "." else " " for c in (name or "")).split()
    if digits and 300.0 <= float(digits[0]) <= 1100.0:
        return Filter(name or digits[0], float(digits[0]), 20.0)
    if count == 1:
        return Filter(name or "open", 600.0, 200.0)
    raise InputError(
        f"{path}: the wavelength of filter {name!r} isn't known; name the camera with --camera, so that its bands "
        "can be put in order"
    )


def order_planes(planes: tuple[Plane, ...], paths: list[Path]) -> tuple[Plane, ...]:
    """R, G, B by the camera's own channels, or by falling wavelength; one plane stays alone."""
    if len({p.data.shape for p in planes}) > 1:
        sizes = ", ".join(f"{p.data.shape[1]}x{p.data.shape[0]}" for p in planes)
        raise InputError(f"{paths[0]}: the frames have different sizes ({sizes}); use frames of one window and binning")
    if len(planes) == 1:
        return planes
    names = [p.band.name for p in planes]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"{paths[0]}: two frames were taken in filter {twice[0]}; name one frame a filter")
    channels = {p.band.channel: p for p in planes if p.band.channel is not None}
    if len(channels) == 3 and len(planes) == 3:
        return channels["r"], channels["g"], channels["b"]
    if len(planes) == 3:
        r, g, b = sorted(planes, key=lambda p: -p.band.centre_nm)
        return r, g, b
    raise InputError(
        f"{paths[0]}: {len(planes)} bands ({', '.join(names)}) do not make red, green and blue; name one frame or three"
    )
