"""From loaded planes to one linear picture: bodies found in each band, moved, and put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terraluna.develop.bodies import find_discs, name_discs, sky_of
from terraluna.develop.compose import LIMB_MARGIN_PX, compose_band
from terraluna.develop.conceal import conceal_plane
from terraluna.develop.disc import Disc
from terraluna.develop.front import find_front
from terraluna.develop.geometry import Geometry, expected_radii, front_ratio, globe_turn
from terraluna.develop.register import Motion, frame_shift, register_body, residual_shift
from terraluna.errors import RefusedError

if TYPE_CHECKING:
    from terraluna.develop.load import Loaded, Plane
    from terraluna.scene import Scene

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Aligned:
    """One linear picture.

    Attributes:
        image: (H, W, bands).
        discs: the bodies by name, in the reference band.
        filled: (H, W) pixels that were lost in some band and are concealed.
        invented: (H, W) pixels whose colour was taken from the neighbourhood, because a body hid them in some band.
        saturated: (H, W) pixels that were at the top of the scale in some band.
        report: what was measured, JSON-ready.
        notes: one line each.
    """

    image: Floats
    discs: dict[str, Disc]
    filled: Mask
    invented: Mask
    saturated: Mask
    report: dict[str, Any]
    notes: tuple[str, ...]


def align(loaded: Loaded, how: str, conceal: str, target: str | None, geometry: Geometry | None) -> Aligned:
    """Bring the bands of one picture together.

    Args:
        loaded: the planes.
        how: ``bodies``, ``frame`` or ``none``.
        conceal: how lost pixels are filled.
        target: what a lone disc is.
        geometry: of the mission, or None.

    A frame without a limb comes out as it is, with a note.
    """
    planes = [replace(p, data=conceal_plane(p.data, p.missing, conceal)) for p in loaded.planes]
    middle = 1 if len(planes) == 3 else 0
    shape = (planes[0].data.shape[0], planes[0].data.shape[1])
    scenes = _scenes(planes, geometry)
    notes: list[str] = []
    together = len({p.exposure for p in planes}) == 1
    scene = scenes[middle]
    radii = None if scene is None else expected_radii(scene)
    named: list[dict[str, Disc]]
    try:
        named = _find(planes, together, radii, scene, target or loaded.target)
    except RefusedError as error:
        notes.append(f"no body was found ({error}); the frame is developed as it is")
        named = [{} for _ in planes]
    discs = named[middle]
    if together or how == "none" or not discs:
        missing = np.any([p.missing for p in planes], axis=0)
        return Aligned(
            np.stack([p.data for p in planes], axis=2),
            discs,
            missing,
            np.zeros(shape, dtype=np.bool_),
            np.any([p.saturated for p in planes], axis=0),
            {"how": "one exposure" if together else "none", "reference": planes[middle].band.name, "bands": []},
            tuple(notes),
        )
    return _register(planes, middle, named, scenes, how, notes)


def _scenes(planes: list[Plane], geometry: Geometry | None) -> list[Scene | None]:
    if geometry is None:
        return [None] * len(planes)
    return [geometry.scene(p.et) for p in planes]


def _find(
    planes: list[Plane], together: bool, radii: dict[str, float] | None, scene: Scene | None, target: str | None
) -> list[dict[str, Disc]]:
    """The bodies of every plane by name; in one exposure they are looked for once."""
    ratio = None if scene is None or radii is None or len(radii) < 2 else front_ratio(scene)
    if together:
        light = np.mean([p.data for p in planes], axis=0)
        bad = np.any([p.missing for p in planes], axis=0)
        found = {d.name: d for d in name_discs(find_discs(light, bad, ratio), light, radii, target)}
        return [found] * len(planes)
    each = [find_discs(p.data, p.missing, ratio) for p in planes]
    # The band that shows a disc in front best tells the others how large it is.
    whole = [d for d in each if len(d) == 2 and d[1].front]
    if whole and any(len(d) < 2 for d in each):
        known = min(whole, key=lambda d: d[1].rms_px)
        share = known[1].radius / known[0].radius
        for k, (plane, discs) in enumerate(zip(planes, each, strict=True)):
            if len(discs) == 2:
                continue
            sky, noise = sky_of(plane.data, plane.missing)
            inner = find_front(plane.data, discs[0], plane.missing, sky, noise, share)
            step = np.array([discs[0].x - known[0].x, discs[0].y - known[0].y])
            each[k] = [discs[0], inner or replace(known[1], x=known[1].x + step[0], y=known[1].y + step[1])]
    named = [{d.name: d for d in name_discs(d, p.data, radii, target)} for p, d in zip(planes, each, strict=True)]
    common = set.intersection(*(set(n) for n in named))
    return [{name: n[name] for name in n if name in common} for n in named]


def _register(
    planes: list[Plane],
    middle: int,
    named: list[dict[str, Disc]],
    scenes: list[Scene | None],
    how: str,
    notes: list[str],
) -> Aligned:
    reference = planes[middle]
    shape = (reference.data.shape[0], reference.data.shape[1])
    discs = named[middle]
    out: list[Floats] = []
    filled, invented = reference.missing.copy(), np.zeros(shape, dtype=np.bool_)
    saturated = reference.saturated.copy()
    bands: list[dict[str, Any]] = []
    for k, plane in enumerate(planes):
        if k == middle:
            out.append(plane.data)
            continue
        whole = frame_shift(reference.data, plane.data)
        if how == "frame":
            motions = {n: Motion(n, *whole, (0.0, 0.0, 0.0), float("nan"), 0, "frame") for n in discs}
        else:
            motions = {n: _motion(n, reference, plane, discs, named[k], scenes[middle], scenes[k]) for n in discs}
        band, made_up, gone = compose_band(plane.data, plane.missing, reference.data, discs, motions, named[k])
        band = conceal_plane(band, gone & ~made_up, "inpaint")
        if plane.saturated.any():
            hot, _, _ = compose_band(
                plane.saturated.astype(np.float64), plane.missing, reference.data, discs, motions, named[k]
            )
            saturated |= hot > 0.25
        out.append(band)
        filled |= gone
        invented |= made_up
        bands.append(
            {
                "band": plane.band.name,
                "frame_shift_px": list(whole),
                "bodies": _report(reference.data, plane.data, band, discs, motions, whole),
            }
        )
        for n, m in motions.items():
            if m.how == "limb":
                notes.append(f"band {plane.band.name}: the {n} was placed by its limb alone; fringes are possible")
    report = {"how": how, "reference": reference.band.name, "bands": bands}
    return Aligned(np.stack(out, axis=2), discs, filled, invented, saturated, report, tuple(notes))


def _motion(
    name: str,
    reference: Plane,
    plane: Plane,
    discs: dict[str, Disc],
    others: dict[str, Disc],
    scene: Scene | None,
    scene_other: Scene | None,
) -> Motion:
    shape = (reference.data.shape[0], reference.data.shape[1])
    disc = discs[name]
    start = (others[name].x - disc.x, others[name].y - disc.y)
    blocked, blocked_other = reference.missing.copy(), plane.missing.copy()
    for n in discs:
        if n != name and not disc.front:
            blocked |= discs[n].mask(shape, LIMB_MARGIN_PX + 1.0)
            blocked_other |= others[n].mask(shape, LIMB_MARGIN_PX + 1.0)
    known = reference.et is not None and plane.et is not None and scene is not None and scene_other is not None
    turn = globe_turn(scene, scene_other, name) if known and scene is not None and scene_other is not None else None
    return register_body(
        reference.data,
        plane.data,
        disc,
        start,
        blocked=blocked,
        blocked_other=blocked_other,
        front=disc.front,
        turn=turn,
    )


def _report(
    reference: Floats,
    before: Floats,
    after: Floats,
    discs: dict[str, Disc],
    motions: dict[str, Motion],
    whole: tuple[float, float],
) -> dict[str, Any]:
    """Motion and residual of each body, and what the frame as a whole would leave on it."""
    entry = {}
    for name, disc in discs.items():
        m = motions[name]
        left = residual_shift(reference, after, disc, front=disc.front)
        entry[name] = {
            "shift_px": [m.dx, m.dy],
            "turn_rad": list(m.turn),
            "sigma_px": m.sigma_px,
            "how": m.how,
            "residual_px": list(left),
            "frame_residual_px": [m.dx - whole[0], m.dy - whole[1]],
        }
    return entry
