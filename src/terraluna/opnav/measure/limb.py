"""One disc from a rough circle to limb points, a fitted curve and its covariance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numba import njit

from terraluna.opnav.measure.arcs import lit_arc, sun_direction
from terraluna.opnav.measure.blur import Profile, fit_profile, spread_shares, stacked_profile
from terraluna.opnav.measure.circles import arc_of
from terraluna.opnav.measure.edges import Edges, fit_edges
from terraluna.opnav.measure.lit import Light, light_of
from terraluna.opnav.measure.median import median
from terraluna.opnav.measure.patchy import fit_patchy
from terraluna.opnav.measure.picture import Bools, Prepared
from terraluna.opnav.measure.profile import AIRS, km_in_px
from terraluna.opnav.measure.rim import RimPixels, collect
from terraluna.opnav.measure.shapes import (
    CircleLimb,
    ConeLimb,
    EllipseLimb,
    LimbFit,
    Polar,
    Projector,
    fit_limb,
    polar_of,
)
from terraluna.opnav.measure.shared import correlation_length, stated_covariance, unseen_terminator
from terraluna.opnav.measure.sunward import sunward, within
from terraluna.opnav.types import Floats
from terraluna.opnav.vectors import unit

_WIDTH_PX = 2.0
"""Length of a stretch of limb that gives one point."""

_MOST_POINTS = 1500
"""Longer limbs get longer stretches: more points would cost time and add nothing."""

_TANGENTIAL_PX2 = 1e-4
"""Points sit at the middle of their stretch: along the limb they have no error of measurement."""

_FLOORS_PX = (1.5, 0.8, 0.3, 0.1, 0.05)
"""Departure from the curve allowed to a run of points, turn by turn, as the profile becomes known."""

_LEAST_KEPT = {True: 0.5, False: 0.7}
_ROUGH_PX = 0.16
"""Where mountains or night move stretches of a small disc by more (median), or leave less than such a share of them on
the curve, the limb around doesn't foretell a stretch's light: then each is measured alone. Real limbs of clean discs
have 0.04 to 0.14 px. Of large discs, whose mountains show, more have to stay, and no farther from the curve."""

_GAP = 0.25
"""Stretches so far from a chosen one, in roots of the number of stretches, are not measured against the limb around:
some 0.4 of the reach of the mean of the light along the limb."""

_BLURS = np.geomspace(0.35, 6.0, 12)
_FRONT_FLOOR_PX = 0.5
"""Against another body's clouds single edges go astray, and the colours of a filter wheel's frames don't match."""

_SUNLIT_FLOORS_PX = (0.3, 0.15)
_SMALL_PX = 60.0
"""Where the sunward side is known mountains and clouds may move a run of points so far, on smaller and on larger discs:
no terminator has to be kept out. Without it half of the lit limb was left of a large Moon, between its mountains."""

_LIT_ROWS = 72
"""Where the terminator may be near the profile changes along the limb: so many rows of the stack, some, a turn."""

_NEAR_BLURS = {1: np.array([0.55, 0.7, 0.85, 1.0, 1.2, 1.5]), 2: np.array([0.8, 0.9, 1.0, 1.1, 1.25])}
_PATCHY_DEPTH2 = 4.0
"""Mean square depth, px^2, of the pixels that tell how patchy a surface is."""

_MOST_FADE = 0.9
"""A pixel one blur deep keeps at least half of its weight: without it step and place of the edge are one."""

_PIXEL_SIGMA = 12.0**-0.5
_LEAST_KM_PX = 0.055
"""With smaller kilometres the air is thin beside the blur."""

_TAILS = (0.0, 0.2, 0.4, 0.6)
_FLAT_ARC_RAD = np.radians(150.0)
_FLAT_CHI2 = 13.8
"""Chi-square of two parameters from which a flattening is believed: a round limb reaches it once in a thousand."""

_MOST_FLAT = 0.003
"""Half the difference of a cone's half angles over their mean: the Earth's own is 0.0017, the rest is for errors."""


@dataclass(frozen=True, eq=False)
class MeasuredLimb:
    """A limb with its points.

    Attributes:
        fit: the fitted curve.
        polar: it as a polar table.
        points: (n, 2) px.
        covariance: (n, 2, 2) px^2.
        arc_rad: covered angle.
        sun_rad: direction of the Sun in the image, NaN if unknown.
        blur_px: standard deviation of the limb's blur.
        clipped: share of the stretches whose inside is saturated.
        step: median height of the limb's edge.
        step_noise: median scatter of the pixels about the profile.
        cut: share of the rim outside the frame, lost or hidden.
        offsets: all stretches, for diagnosis.
    """

    fit: LimbFit
    polar: Polar
    points: Floats
    covariance: Floats
    arc_rad: float
    sun_rad: float
    blur_px: float
    clipped: float
    step: float
    step_noise: float
    cut: float
    edges: Edges = field(repr=False)
    chosen: Bools = field(repr=False)


def _width(radius: float) -> float:
    return max(_WIDTH_PX, 2.0 * np.pi * radius / _MOST_POINTS) if radius < 4000.0 else _WIDTH_PX


def _rim(picture: Prepared, polar: Polar, blur: float, others: Floats, thin: bool) -> RimPixels:
    radius = polar.mean
    inner, outer = _reach(radius, blur, thin)
    return collect(
        picture.light, picture.bad, picture.full, (polar.x, polar.y), polar.radius, inner, outer, _width(radius), others
    )


def measure_limb(
    picture: Prepared,
    circle: tuple[float, float, float],
    others: Floats,
    camera: Projector | None = None,
    *,
    in_front: bool = False,
    thin: bool = False,
    psf_px: float | None = None,
) -> MeasuredLimb | None:
    """Limb points and fit of one disc.

    Args:
        picture: the prepared picture.
        circle: x, y, radius within about 3 px.
        others: (m, 3) other discs, whose pixels are not used.
        camera: fits the cone that it sees, or None for a circle or an ellipse in the picture.
        thin: use only the outermost pixels, for crescents a few pixels thick.
        in_front: the disc stands before another, so that its outside may be the brighter side.
        psf_px: standard deviation of the optics' blur where it is known, px; None: fitted.

    Returns:
        The limb; None where no lit limb could be followed.
    """
    limb: CircleLimb | EllipseLimb | ConeLimb = CircleLimb(*circle)
    known = None if psf_px is None else float(np.hypot(psf_px, _PIXEL_SIGMA))
    profile = Profile(known or 1.0)
    fade, sun, half = 0.0, float("nan"), np.pi
    light: Light | None = None
    patchiness = 0.0
    edges = rim = chosen = fit = polar = variance = None
    for turn, floor in enumerate(_FLOORS_PX):
        polar = polar_of(limb)
        if turn == 1 and not profile.blur < 5.9:
            return None
        # Until the blur is known a wide rim is needed to find it.
        wide = max(profile.blur, 2.0 if turn < 2 and polar.mean > 40.0 else 0.6)
        rim = _rim(picture, polar, wide, others, thin)
        bins = len(rim.angle)
        airy = not in_front and km_in_px(polar.mean) > _LEAST_KM_PX
        # Of a disc so large that air would show the terminator lies far from the limb, in pixels.
        if turn in (1, 3) and not (in_front or airy):
            light = light_of(picture, polar)
            if turn == 1:
                profile = replace(profile, light=light)
        tables, which = profile.tables(polar.mean), profile.which(rim.angle)
        shares = spread_shares(profile.shares, bins)
        edges = fit_edges(rim, tables, which, shares, wide=turn == 0, signed=in_front, fade=fade)
        usable = edges.good & (np.abs(edges.step) > 1.5 * edges.noise)
        if 1 <= turn <= 3 and not (thin or in_front):
            sun, half = sunward(picture, polar, profile.blur, others)
        usable &= within(rim.angle, sun, half)
        allowed = max(
            floor,
            _FRONT_FLOOR_PX if in_front else 0.0,
            _SUNLIT_FLOORS_PX[int(polar.mean > _SMALL_PX)] if np.isfinite(sun) else 0.0,
        )
        chosen = _lit(rim, edges, usable, allowed)
        if np.count_nonzero(chosen) < 8:
            return None
        variance = _variances(edges, chosen)
        last = turn == len(_FLOORS_PX) - 1 and not (thin or in_front)
        patchy = fit_patchy(rim, edges, chosen, tables, which, shares, profile.blur) if last else None
        if patchy is not None:
            around, found = patchy
            # Beside a terminator the light falls off in patches too, where the profile doesn't follow it.
            patchiness = 0.0 if profile.light is not None else found
            kept = _lit(rim, around, usable & around.good & _beside(chosen), allowed)
            if _even(edges, around, chosen, kept, polar.mean < _SMALL_PX):
                edges, chosen, variance = around, kept, np.maximum(around.variance[kept], 1e-6)
        points = polar.points(rim.angle[chosen], edges.offset[chosen])
        if turn == 2:
            limb = _better_shape(limb, points, rim.angle[chosen], variance, camera)
        fit = fit_limb(limb, points, variance)
        if fit is None:
            return None
        if turn == 0:
            profile = Profile(known or (0.9 if thin else _first_blur(rim, edges, chosen, polar.mean)))
        elif turn < (3 if light is None else 4) and not thin:
            # The profile is stacked on the fitted curve, so it waits for the second turn.
            blurs = profile.blur * (_NEAR_BLURS[turn] if known is None and turn < 3 else np.ones(1))
            profile = _learned_profile(rim, edges, chosen, polar.mean, wide, fade, blurs, light, airy)
        if turn >= 1 and not in_front:
            fade = _fade(edges, chosen, profile.blur)
        limb = fit.limb
    assert edges is not None
    assert rim is not None
    assert chosen is not None
    assert variance is not None
    assert fit is not None
    polar = polar_of(limb)
    return _result(fit, polar, rim, edges, chosen, variance, profile.blur, sun, patchiness)


def _learned_profile(
    rim: RimPixels,
    edges: Edges,
    chosen: Bools,
    radius: float,
    wide: float,
    fade: float,
    blurs: Floats,
    light: Light | None,
    airy: bool,
) -> Profile:
    """The profile of the chosen stretches, whose pixels reach by ``wide`` from the limb."""
    sectors = int(np.clip(round(2.0 * np.pi * radius / 24.0), 4, 24))
    rows = sectors if light is None else sectors * max(1, round(_LIT_ROWS / sectors))
    grid, mean, count = stacked_profile(rim, edges, chosen, rows, 0.25, _reach(radius, wide, False))
    count = count / (1.0 + fade * np.maximum(grid, 0.0) ** 2)
    airs = (None, *AIRS) if airy else (None,)
    return fit_profile(grid, mean, count, radius, blurs, _TAILS, airs, sectors, () if light is None else light.near())


def _reach(radius: float, blur: float, thin: bool) -> tuple[float, float]:
    """Depths inside and outside that are used; a thin crescent's other side must stay out."""
    return min((0.5 if thin else 2.5) * blur + (1.2 if thin else 2.0), 0.6 * radius), 3.0 * blur + 1.8


def _lit(rim: RimPixels, edges: Edges, usable: Bools, allowed: float) -> Bools:
    return lit_arc(rim.angle, edges.offset, edges.variance, np.abs(edges.step), usable, allowed)


def _beside(chosen: Bools) -> Bools:
    """Stretches that are chosen or near one."""
    near = chosen.copy()
    for k in range(1, int(_GAP * len(chosen) ** 0.5) + 1):
        near |= np.roll(chosen, k) | np.roll(chosen, -k)
    return near


def _even(alone: Edges, patchy: Edges, chosen: Bools, kept: Bools, small: bool) -> bool:
    """Whether stretches measured against the limb around them stay on the curve."""
    if np.count_nonzero(kept) < max(8.0, _LEAST_KEPT[small] * np.count_nonzero(chosen)):
        return False
    off = float(np.median(np.abs(patchy.offset[kept])))
    return off < _ROUGH_PX if small else off <= float(np.median(np.abs(alone.offset[chosen])))


def _fade(edges: Edges, chosen: Bools, blur: float) -> float:
    """How fast pixels lose weight with depth: from the surface's patchiness, the scatter that the sky hasn't got."""
    known = chosen & np.isfinite(edges.inside)
    if not known.any():
        return 0.0
    size = edges.step[known] ** 2
    inside, outside = median(edges.inside[known] / size), median(edges.outside[known] / size)
    return min(max(inside / max(outside, 1e-9) - 1.0, 0.0) / _PATCHY_DEPTH2, _MOST_FADE / blur**2)


def _first_blur(rim: RimPixels, edges: Edges, chosen: Bools, radius: float) -> float:
    """Blur from the stacked profile of all lit stretches together."""
    reach = _reach(radius, 2.0 if radius > 40.0 else 1.0, False)
    grid, mean, count = stacked_profile(rim, edges, chosen, 1, 0.25, reach)
    return fit_profile(grid, mean, count, radius, _BLURS, (0.0,), (None,), 1).blur


def _variances(edges: Edges, chosen: Bools) -> Floats:
    """Variance (n,) of the points, with each stretch's few pixels supported by the scatter of all of them."""
    return np.asarray(_supported(edges.variance[chosen], edges.noise[chosen]))


@njit(nogil=True, cache=True)
def _supported(own: Floats, noise: Floats) -> Floats:
    spread = np.maximum(noise**2, 1e-12)
    typical = median(noise**2)
    variance: Floats = np.maximum(own * (10.0 * spread + 10.0 * typical) / (20.0 * spread), 1e-6)
    return variance


def _better_shape(
    limb: CircleLimb | EllipseLimb | ConeLimb,
    points: Floats,
    angle: Floats,
    variance: Floats,
    camera: Projector | None,
) -> CircleLimb | EllipseLimb | ConeLimb:
    """The camera's cone, or an ellipse where the points demand one."""
    first: CircleLimb | ConeLimb
    if isinstance(limb, CircleLimb) and camera is not None:
        rough = camera.unproject(points)
        if not np.isfinite(rough).all():
            return limb
        first = cone_through(camera, rough)
    elif isinstance(limb, CircleLimb | ConeLimb):
        first = limb
    else:
        return limb
    plain = fit_limb(first, points, variance)
    if plain is None:
        return limb
    if arc_of(angle) < _FLAT_ARC_RAD or len(points) < 40:
        return plain.limb
    flat = _flattened(plain.limb)
    fuller = fit_limb(flat, points, variance)
    if fuller is None:
        return plain.limb
    found = fuller.limb
    if isinstance(found, ConeLimb) and np.hypot(found.c2, found.s2) > _MOST_FLAT * found.half_angle:
        return plain.limb
    return found if _flattening(fuller, angle) > _FLAT_CHI2 else plain.limb


def _flattening(fit: LimbFit, angle: Floats) -> float:
    """Chi-square of the last two parameters, the flattening, by all that the covariance of a limb holds."""
    flat = fit.limb.parameters[3:5]
    return float(flat @ np.linalg.solve(stated_covariance(fit, angle)[3:5, 3:5], flat))


def _flattened(limb: CircleLimb | EllipseLimb | ConeLimb) -> EllipseLimb | ConeLimb:
    if isinstance(limb, ConeLimb):
        return ConeLimb(limb.camera, limb.axis, limb.half_angle, 0.0, 0.0, True)
    return EllipseLimb(limb.x, limb.y, limb.radius, 0.0, 0.0)


def cone_through(camera: Projector, directions: Floats) -> ConeLimb:
    """Cone through directions (n, 3): their tips lie in a plane across its axis."""
    middle = directions.mean(axis=0)
    _, _, vt = np.linalg.svd(directions - middle, full_matrices=False)
    axis = unit(vt[2])
    if axis @ middle < 0.0:
        axis = -axis
    return ConeLimb(camera, axis, float(np.arccos(np.clip(axis @ middle, -1.0, 1.0))))


def _result(
    fit: LimbFit,
    polar: Polar,
    rim: RimPixels,
    edges: Edges,
    chosen: Bools,
    variance: Floats,
    blur: float,
    sun: float,
    patchiness: float,
) -> MeasuredLimb:
    angle = rim.angle[chosen]
    points = polar.points(angle, np.zeros(len(angle)))
    # The measured points lie their residual outside the final curve.
    points = polar.points(angle, fit.residuals)
    normal = np.column_stack((np.cos(angle), np.sin(angle)))
    along = np.column_stack((-normal[:, 1], normal[:, 0]))
    variance = variance * max(fit.chi_square, 1.0) * correlation_length(fit.residuals)
    stated = stated_covariance(fit, angle, patchiness)
    if not np.isfinite(sun) and arc_of(angle) > np.pi:
        stated = stated + unseen_terminator(fit, angle, polar.mean < _SMALL_PX)
    fit = replace(fit, covariance=stated)
    covariance = variance[:, None, None] * normal[:, :, None] * normal[:, None, :]
    covariance += _TANGENTIAL_PX2 * along[:, :, None] * along[:, None, :]
    seen = (np.diff(rim.start) > 0) & (rim.spoilt * 4 <= np.diff(rim.start))
    return MeasuredLimb(
        fit=fit,
        polar=polar,
        points=points,
        covariance=covariance,
        arc_rad=arc_of(angle),
        sun_rad=sun if np.isfinite(sun) else sun_direction(rim.angle, edges.step, seen, chosen),
        blur_px=blur,
        clipped=float(np.mean(edges.clipped[chosen] > 0.3)),
        step=median(edges.step[chosen]),
        step_noise=median(edges.noise[chosen]),
        cut=float(1.0 - np.count_nonzero(seen) / len(seen)),
        edges=edges,
        chosen=chosen,
    )
