"""A picture to measured bodies: find, fit, check, name, and say why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terraluna.opnav.measure.belief import WELL_KNOWN_DEG, doubt
from terraluna.opnav.measure.candidates import Candidate, find_candidates
from terraluna.opnav.measure.glare import find_glare, unresolved
from terraluna.opnav.measure.inside import find_inside
from terraluna.opnav.measure.limb import measure_limb
from terraluna.opnav.measure.naming import look_at, name_by_hint, name_by_look
from terraluna.opnav.measure.picture import Bools, Prepared, prepare
from terraluna.opnav.measure.result import assemble, camera_allows, from_outline
from terraluna.opnav.measure.shapes import Projector
from terraluna.opnav.measure.types import BodyHint, BodyLabel, MeasuredBody, Measurement, MeasureOptions
from terraluna.opnav.types import Floats, Status

_KEEP_OFF_PX = 3.0
"""Pixels so close to another disc are not used for a limb."""

_LEAST_INSIDE = 0.2
"""Least radius of a disc before another over that one's: the Moon before the Earth has 0.27 of it from afar."""

_MOST_ROUGH_PX = 1.0
"""Circles of clouds are rougher than the limb of a body before them."""

_MOST_APART = 30
"""An exposure in which a sunlit disc isn't full shows few stars, and none that cover a dozen pixels; frames with bodies
have up to four lit regions beside a disc, star fields and galaxies 60 (where the count ends)."""

_STAY_PX = 3.0
_STAY_SHARE = 0.1
"""A disc before another is found on a copy of a third of the resolution, to some px."""

_NONE: Floats = np.zeros((0, 3))

_SKY_LEVEL = 0.5
"""Where even the darkest part of the frame has this share of the bright level there is no sky in it."""


def measure_image(
    image: NDArray[Any],
    *,
    camera: Projector | None = None,
    hints: Sequence[BodyHint] = (),
    mask: Bools | None = None,
    options: MeasureOptions | None = None,
) -> Measurement:
    """Find and measure the Earth and the Moon in a picture, without a guess.

    Args:
        image: (H, W) or (H, W, 3), integers or floats; row 0 is y = 0.
        camera: fits the cones that it sees and checks that they can be; None: circles and ellipses in the picture.
        hints: what a mission's geometry expects; names the discs and allows unresolved ones.
        mask: (H, W) True where pixels are lost or invalid; lost blocks are also found without it.
        options: bounds of the search.

    Returns:
        The measurement, ``refused`` with reasons where there is no disc.

    Raises:
        InputError: not a picture, or mask or camera of another size.
    """
    chosen = options or MeasureOptions()
    picture = prepare(image, mask, chosen)
    _check_camera(camera, picture.light.shape)
    nothing = _no_picture(picture.sky, picture.noise, picture.bright)
    if nothing:
        return Measurement((), "refused", (nothing,), picture.sky, picture.noise, picture.saturation, picture.bad)
    candidates, why = find_candidates(picture, chosen)
    bodies: list[MeasuredBody] = []
    for candidate, body in zip(candidates, _each(picture, candidates, camera, chosen), strict=True):
        if _ground_of(candidate, bodies):
            continue
        if body is None:
            why.append("no_limb")
        elif candidate.apart > _MOST_APART and "overexposed" not in body.reasons:
            why.append("too_many_sources")
        else:
            bodies.append(body)
    bodies = _allowed(bodies, camera, why)
    if sum(body.status == "ok" for body in bodies) < 2:
        # Where both stand apart there is no third to look for.
        bodies += [front for body in list(bodies) if (front := _in_front(picture, body, camera, chosen)) is not None]
    bodies = _two_at_most(_allowed(bodies, camera, why), why)
    measured = len(bodies)
    bodies = _named(picture, bodies, hints, why, alone=camera is None and not hints)
    if not measured and "too_many_sources" not in why:
        bodies = unresolved(picture, [h for h in hints if h.in_frame]) if hints else find_glare(picture)
    status: Status = "refused"
    if bodies:
        status = "ok" if all(b.status == "ok" for b in bodies) else "degraded"
    reasons = tuple(dict.fromkeys(why)) if not bodies else ()
    if not bodies and not reasons:
        reasons = ("no_disc",)
    return Measurement(
        tuple(sorted(bodies, key=lambda b: -b.radius)),
        status,
        reasons,
        picture.sky,
        picture.noise,
        picture.saturation,
        picture.bad,
    )


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="measure")


def _each(
    picture: Prepared, candidates: Sequence[Candidate], camera: Projector | None, options: MeasureOptions
) -> Iterable[MeasuredBody | None]:
    """The body of each candidate, two at a time: most of the work is in kernels that run side by side."""

    def one(candidate: Candidate) -> MeasuredBody | None:
        others = _others([c.circle for c in candidates if c is not candidate])
        return _one(picture, candidate, others, camera, options)

    return map(one, candidates) if len(candidates) < 2 else _pool().map(one, candidates)


def _one(
    picture: Prepared, candidate: Candidate, others: Floats, camera: Projector | None, options: MeasureOptions
) -> MeasuredBody | None:
    """A candidate's body by its limb, else by its outline; None without either."""
    # The crescent that is too thin for a full profile gets a second chance with its outermost pixels.
    for thin in (False, True):
        limb = measure_limb(picture, candidate.circle, others, camera, thin=thin, psf_px=options.psf_sigma_px)
        body = None if limb is None else assemble(picture, limb, thin=thin)
        if body is not None and not _astray(body, candidate):
            return body
    return from_outline(picture, candidate, camera)


def _in_front(
    picture: Prepared, body: MeasuredBody, camera: Projector | None, options: MeasureOptions
) -> MeasuredBody | None:
    """The body before another one's disc, or None; a disc without a clean limb is no ground to see it against."""
    if "outline_only" in body.reasons:
        return None
    for circle in find_inside(picture, body):
        limb = measure_limb(picture, circle, _NONE, camera, in_front=True, psf_px=options.psf_sigma_px)
        found = None if limb is None else assemble(picture, limb, in_front=True)
        if found is not None and found.rms_px < _MOST_ROUGH_PX and _stayed(found, circle):
            return found
    return None


def _stayed(body: MeasuredBody, circle: tuple[float, float, float]) -> bool:
    """Whether a fit stayed near the circle that it started from."""
    x, y, r = circle
    allowed = max(_STAY_PX, _STAY_SHARE * r)
    return bool(np.hypot(body.x - x, body.y - y) < allowed and abs(body.radius - r) < allowed)


def _ground_of(candidate: Candidate, bodies: Sequence[MeasuredBody]) -> bool:
    """Whether a disc is a bit of ground of a larger one, as peaks beyond its terminator are.

    Of Earth and Moon the farther is hidden by the nearer, and in front of the other none appears so small.
    """
    x, y, r = candidate.circle
    return any(
        b.arc_deg > WELL_KNOWN_DEG and r < _LEAST_INSIDE * b.radius and np.hypot(x - b.x, y - b.y) < b.radius
        for b in bodies
    )


def _others(circles: Sequence[tuple[float, float, float]]) -> Floats:
    return np.array([(x, y, r + _KEEP_OFF_PX) for x, y, r in circles], dtype=np.float64).reshape(-1, 3)


def _check_camera(camera: Projector | None, shape: tuple[int, ...]) -> None:
    width, height = getattr(camera, "width", None), getattr(camera, "height", None)
    if width is not None and height is not None and (height, width) != shape[:2]:
        from terraluna.errors import InputError

        raise InputError(
            f"the picture has {shape[1]}x{shape[0]} px but the camera {getattr(camera, 'id', '')!r} {width}x{height}; "
            "name the camera that took it, or give the full frame"
        )


def _no_picture(sky: float, noise: float, bright: float) -> str:
    """Why a frame can't hold a disc at all, or an empty text."""
    if not np.isfinite(sky):
        return "all_lost"
    if not bright - sky > 8.0 * noise:
        return "empty_frame"
    if sky > _SKY_LEVEL * bright:
        return "no_sky"
    return ""


def _astray(body: MeasuredBody, candidate: Candidate) -> bool:
    """Whether the fit left the disc that was found: the outline then is the better witness."""
    r = candidate.circle[2]
    allowed = 3.0 + 0.03 * r
    # On a short arc centre and radius move together; the limb in the frame must not.
    inside = candidate.rim
    off = np.abs(np.hypot(inside[:, 0] - body.x, inside[:, 1] - body.y) - body.radius)
    return bool(np.median(off) > min(allowed, 4.0)) or body.radius > 2.0 * r or body.radius < 0.5 * r


def _allowed(bodies: list[MeasuredBody], camera: Projector | None, why: list[str]) -> list[MeasuredBody]:
    if camera is None:
        return bodies
    kept = []
    for body in bodies:
        reason = camera_allows(body, camera)
        if reason:
            why.append(reason)
        else:
            kept.append(body)
    return kept


def _two_at_most(bodies: list[MeasuredBody], why: list[str]) -> list[MeasuredBody]:
    """Earth and Moon are two: of more discs only the clean ones are kept, and none where there are still more."""
    if len(bodies) <= 2:
        return bodies
    clean = [body for body in bodies if body.status == "ok"]
    if 1 <= len(clean) <= 2:
        return clean
    why.append("too_many_discs")
    return []


def _named(
    picture: Prepared, bodies: list[MeasuredBody], hints: Sequence[BodyHint], why: list[str], *, alone: bool
) -> list[MeasuredBody]:
    """The discs that can be Earth or Moon, with their names; why the others can't goes to ``why``."""
    kept, looks = [], []
    for body in bodies:
        others = [o for o in bodies if o is not body]
        before = np.array([(o.x, o.y, o.radius + _KEEP_OFF_PX) for o in others if o.radius < body.radius])
        look = look_at(picture, body.x, body.y, body.radius, before.reshape(-1, 3))
        reason = doubt(picture, body, look, others, hints)
        if reason:
            why.append(reason)
        else:
            kept.append(body)
            looks.append(look)
    seen, _ = name_by_look(looks)
    expected = name_by_hint([(b.x, b.y, b.radius) for b in kept], [h for h in hints if h.in_frame])
    out = []
    for body, look_name, hint in zip(kept, seen, expected, strict=True):
        name: BodyLabel = hint if hint != "unknown" else look_name
        reasons = body.reasons
        status: Status = body.status
        if hint != "unknown" and look_name != "unknown" and hint != look_name:
            reasons = (*reasons, f"looks_like_{look_name}")
            status = "degraded"
        if name == "unknown" and alone:
            reasons = (*reasons, "unknown_body")
            status = "degraded"
        out.append(replace(body, name=name, reasons=reasons, status=status))
    return out
