"""Raw frames to a finished picture: the one function that the command and the API call."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from terraluna.develop.align import Aligned, align
from terraluna.develop.balance import Balance, balance_on_moon, lunar_card
from terraluna.develop.bodies import sky_of
from terraluna.develop.describe import describe, factor_text, report_of
from terraluna.develop.developed import Developed, Picture
from terraluna.develop.disc import Disc, Floats
from terraluna.develop.geometry import Geometry, north_angle, sun_angle
from terraluna.develop.limb import light_direction
from terraluna.develop.load import Loaded, load
from terraluna.develop.options import DevelopOptions
from terraluna.develop.orient import cut, turn_up, turned_place
from terraluna.develop.provenance import Provenance, differences, locate_inputs, read_provenance
from terraluna.errors import InputError, RefusedError

if TYPE_CHECKING:
    from terraluna.camera.model import Camera
    from terraluna.ephemeris import Ephemeris
    from terraluna.scene import Scene

_CRESCENT_OFFSET = 0.15
"""Centre of light off the centre, over the radius, from which it shows the Sun's direction: some 25 deg of phase."""


def develop(
    paths: list[str] | list[Path],
    options: DevelopOptions | None = None,
    *,
    ephemeris: Ephemeris | None = None,
    names: tuple[str, ...] | None = None,
) -> Developed:
    """Develop one picture.

    Args:
        paths: one frame a filter, or one colour picture, or the SSDV files of one image.
        options: how; the defaults if None.
        ephemeris: an open one; one is opened for the call if None.
        names: what the provenance calls the files; ``paths`` if None.

    Raises:
        InputError: files or options that can't be used.
        RefusedError: what was asked for cannot be told from the frames (the Sun's direction on a full disc).
    """
    from terraluna.ephemeris import Ephemeris

    chosen = options or DevelopOptions()
    files = [Path(p) for p in paths]
    if ephemeris is None:
        with Ephemeris() as own:
            return _develop(files, chosen, own, names)
    return _develop(files, chosen, ephemeris, names)


def develop_again(picture: Path, given: list[Path]) -> tuple[Developed, Provenance, list[str]]:
    """Develop a picture again from the block inside it.

    Args:
        picture: made by terraluna.
        given: where the inputs are now, if they moved.

    Returns:
        The picture, its block, and one line for each version that differs from then.

    Raises:
        InputError: no block, or an input is missing or has changed.
    """
    stored = read_provenance(picture)
    paths = locate_inputs(stored, picture, given)
    made = develop(paths, stored.options, names=tuple(name for name, _ in stored.inputs))
    return made, stored, differences(stored)


def _develop(
    files: list[Path], options: DevelopOptions, ephemeris: Ephemeris, names: tuple[str, ...] | None
) -> Developed:
    camera, geometry = _camera(options, ephemeris)
    loaded = load(files, options, ephemeris, camera)
    if names is not None:
        loaded = replace(loaded, inputs=tuple((n, d) for n, (_, d) in zip(names, loaded.inputs, strict=True)))
    if options.at is not None:
        et = ephemeris.et(options.at)
        planes = tuple(p if p.et is not None else replace(p, et=et, utc=ephemeris.utc(et)) for p in loaded.planes)
        loaded = replace(loaded, planes=planes)
    if geometry is not None and loaded.camera is not None and options.camera is None:
        geometry = replace(geometry, camera=_fitting(geometry, loaded))
    aligned = align(loaded, options.register, options.conceal, options.target, geometry)
    scene = None if geometry is None else geometry.scene(loaded.planes[len(loaded.planes) // 2].et)
    notes = [*loaded.notes, *aligned.notes]
    image, balance = _balanced(loaded, aligned, options, scene, notes)
    if options.deconvolve:
        image = _sharpened(image, loaded, options)
    return _finished(loaded, aligned, image, balance, options, scene, notes)


def _camera(options: DevelopOptions, ephemeris: Ephemeris) -> tuple[Camera | None, Geometry | None]:
    from terraluna.camera.catalogue import load_camera

    camera = None if options.camera is None else load_camera(options.camera)
    if options.mission is None:
        return camera, None
    geometry = Geometry.open(options.mission, ephemeris, camera)
    return geometry.camera, geometry


def _fitting(geometry: Geometry, loaded: Loaded) -> Camera:
    """The mission's camera; the label's own model where the frame has another size (a window, a binning)."""
    height, width = loaded.planes[0].data.shape
    known = geometry.camera
    if (known.width, known.height) == (width, height) or loaded.camera is None:
        return known
    return loaded.camera if (loaded.camera.width, loaded.camera.height) == (width, height) else known


def _balanced(
    loaded: Loaded, aligned: Aligned, options: DevelopOptions, scene: Scene | None, notes: list[str]
) -> tuple[Floats, Balance | None]:
    """The picture balanced on the Moon, or as it is with a note that says why."""
    if not options.balance or aligned.image.shape[2] != 3:
        return aligned.image, None
    moon = aligned.discs.get("moon")
    if moon is None:
        lone = " (say --target moon if the lone body is the Moon)" if "unknown" in aligned.discs else ""
        notes.append(f"colour not balanced: no Moon was found in the frame{lone}")
        return aligned.image, None
    usable = ~(aligned.filled | aligned.invented | aligned.saturated)
    shape = (usable.shape[0], usable.shape[1])
    for name, disc in aligned.discs.items():
        if name != "moon" and not moon.front:
            usable &= ~disc.mask(shape, 3.0)
    filters = tuple(p.band for p in loaded.planes)
    if scene is None:
        card = lunar_card(filters)  # type: ignore[arg-type]
    else:
        view = scene.moon
        card = lunar_card(
            filters,  # type: ignore[arg-type]
            view.phase_rad,
            view.sub_solar.lon,
            view.sub_observer.lat,
            view.sub_observer.lon,
        )
    height, width = shape
    r = moon.radius
    whole = r < moon.x + 1 and moon.x + r < width and r < moon.y + 1 and moon.y + r < height
    point = "moon" if options.white_point == "moon" else "sun"
    try:
        return balance_on_moon(
            aligned.image,
            moon,
            card,
            usable=usable,
            white_point=point,  # type: ignore[arg-type]
            tone=loaded.processed,
            whole_disc=whole and scene is not None and scene.event != "earth_transits_moon",
        )
    except RefusedError as error:
        notes.append(f"colour not balanced: {error}")
        return aligned.image, None


def _sharpened(image: Floats, loaded: Loaded, options: DevelopOptions) -> Floats:
    from terraluna.develop.deconvolve import deconvolve

    if loaded.camera is None:
        raise InputError("--deconvolve needs the camera's PSF; name the camera with --camera")
    return deconvolve(image, loaded.camera.psf, options.deconvolve)


def _finished(
    loaded: Loaded,
    aligned: Aligned,
    image: Floats,
    balance: Balance | None,
    options: DevelopOptions,
    scene: Scene | None,
    notes: list[str],
) -> Developed:
    from terraluna.develop.finish import add_text, mark_regions
    from terraluna.render.stretch import to_picture, white_level

    shape = (image.shape[0], image.shape[1])
    if balance is None:
        image = image - _sky(image)
    stretched = _apart(image, aligned.discs, options.moon_factor)
    angle, up = _up(aligned, scene, image, options.orient)
    turned = turn_up(image, angle)
    shown = turn_up(stretched, angle)
    filled = turn_up(aligned.filled.astype(np.float64), angle, order=0) > 0.5
    invented = turn_up(aligned.invented.astype(np.float64), angle, order=0) > 0.5
    discs = {n: _placed(d, shape, angle) for n, d in aligned.discs.items()}
    rows, columns = cut((turned.shape[0], turned.shape[1]), options.crop, list(discs.values()))
    discs = {n: replace(d, x=d.x - columns.start, y=d.y - rows.start) for n, d in discs.items()}
    turned, shown = turned[rows, columns], shown[rows, columns]
    filled, invented = filled[rows, columns], invented[rows, columns]
    white = options.white if options.white is not None else white_level(shown)
    picture: Picture = to_picture(
        shown,
        white=white,
        curve=options.stretch,  # type: ignore[arg-type]
        softening=options.softening,
        bits=options.bits,  # type: ignore[arg-type]
    )
    if options.mark and options.conceal != "none":
        picture = mark_regions(picture, filled)
    description = describe(loaded, aligned, balance, options, scene, white, up, bool(filled.any()))
    lines = [description.title, description.caption] if options.caption else []
    if options.moon_factor != 1.0 and not options.caption:
        picture = add_text(picture, [factor_text(options.moon_factor)], strip=False)
    picture = add_text(picture, lines, strip=True)
    unit = balance.unit if balance is not None else loaded.unit
    report = report_of(loaded, aligned, discs, balance, options, white, unit, up, angle, filled, invented, notes)
    return Developed(
        picture, turned, filled, invented, discs, balance, white, unit, loaded.inputs, options, description, report
    )


def _sky(image: Floats) -> Floats:
    none = np.zeros(image.shape[:2], dtype=np.bool_)
    return np.array([sky_of(image[..., k], none)[0] for k in range(image.shape[2])])


def _apart(image: Floats, discs: dict[str, Disc], factor: float) -> Floats:
    """The picture with the Moon brighter by a factor, with a soft edge outside its limb."""
    if factor == 1.0:
        return image
    moon = discs.get("moon")
    if moon is None:
        raise InputError("--moon-factor: no Moon was found in the frame; leave the factor out or give --target moon")
    shape = (image.shape[0], image.shape[1])
    share = np.clip((3.0 - moon.distance(shape)) / 2.0, 0.0, 1.0)
    for name, disc in discs.items():
        if name != "moon" and disc.front:
            share *= np.clip(disc.distance(shape) / 2.0, 0.0, 1.0)
    return image * (1.0 + (factor - 1.0) * share)[..., None]


def _up(aligned: Aligned, scene: Scene | None, image: Floats, orient: str) -> tuple[float, str]:
    """Direction that becomes up (rad from up, counter-clockwise) and how it was found."""
    if orient == "as-shot":
        return 0.0, "as shot"
    if orient == "north-up":
        found = None if scene is None else north_angle(scene, aligned.discs)
        if found is None:
            raise RefusedError("--orient north-up: the bodies were not found, so north cannot be told; use as-shot")
        return found[0], f"north up ({found[1]})"
    angle = None if scene is None else sun_angle(scene, aligned.discs)
    if angle is not None:
        return angle, "Sun up (from the mission's geometry)"
    offsets = [_light(image.sum(axis=2), d) for d in aligned.discs.values()]
    seen = [o for o in offsets if o is not None]
    if not seen:
        raise RefusedError(
            "--orient sun-up: the discs are full, so the Sun's direction cannot be told; name the mission"
        )
    return seen[0], "Sun up (from the lit limb)"


def _light(light: Floats, disc: Disc) -> float | None:
    none = np.zeros(light.shape, dtype=np.bool_)
    t = light_direction(light, disc, none, 0.0, least=_CRESCENT_OFFSET)
    return None if t is None else math.atan2(-math.cos(t), -math.sin(t))


def _placed(disc: Disc, shape: tuple[int, int], angle: float) -> Disc:
    if abs(math.degrees(angle)) < 1e-9:
        return disc
    x, y = turned_place(disc.x, disc.y, shape, angle)
    return replace(disc, x=x, y=y)
