"""The scalar quantities that conditions are made of, for compiled code.

Each is evaluated from Chebyshev records alone. Definitions follow SPICE where SPICE has them: separation (gfsep, point
or sphere), range (gfdist), phase (gfpa), occultation (gfoclt), declination (gfposc), light and view of a place
(gfilum); directions are CN+S, occultations CN, as there. An occultation in a picture is that of the outlines as seen,
where each ray of a limb has its own light time and aberration.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
from numba import njit

from terraluna.ephemeris.constants import C_KM_S
from terraluna.plan.discs import depth_inside, limb_gap, outline, plane_frame
from terraluna.plan.frame_edge import LIMB_POINTS, edge_margin, limb_pixels
from terraluna.plan.laws import angle_of, attitude, unit_into
from terraluna.plan.sky import (
    CENTER,
    EARTH,
    EARTH_SPIN,
    MOON,
    MOON_SPIN,
    SUN,
    aberrate,
    apparent,
    body_place,
    body_state,
    craft_state,
    disc_radius,
    earth_pole,
    light_vector,
    rotation,
    sun_from,
    to_limb,
)

Quantity = Literal[
    "separation", "range", "phase", "overlap", "covered", "annular", "declination", "boresight_angle", "frame_margin",
    "bright_limb_offset", "incidence", "emission", "shadow", "slew_rate", "separation_rate", "direction_angle",
    "zenith_angle",
]  # fmt: skip
QUANTITIES: Final[tuple[Quantity, ...]] = (
    "separation", "range", "phase", "overlap", "covered", "annular", "declination", "boresight_angle", "frame_margin",
    "bright_limb_offset", "incidence", "emission", "shadow", "slew_rate", "separation_rate", "direction_angle",
    "zenith_angle",
)  # fmt: skip
"""Order of the numbers in :func:`value`."""

ROLL: Final = 7
"""Place of a law's roll angle among the numbers of a scalar."""

_RATE_STEP_S: Final = 0.5


@njit(cache=True)
def aim(ip, fp, sky, craft, w6, w3, m, out):  # type: ignore[no-untyped-def]
    """Attitude (3, 3) of the law in ``ip``, ``fp``; returns the angle of start and reference, or -1.

    Leaves the apparent vectors of Earth, Moon and Sun (km) in ``w3[0:3]`` and the Earth's pole in ``w3[8]``.
    """
    et = w6[9, 0]
    for b in range(3):
        apparent(sky, b, et, craft, w6, w3[b])
        unit_into(w3[b], w3[3 + b])
    rho_e, rho_m = disc_radius(sky, EARTH, w3[0]), disc_radius(sky, MOON, w3[1])
    body_state(sky, CENTER, et, w6[0], w6[1])
    for k in range(3):
        w3[7, k] = craft[3 + k] - w6[1, 3 + k]
    if sky.center == CENTER:
        apparent(sky, CENTER, et, craft, w6, w3[6])
        unit_into(w3[6], w3[6])
    else:
        w3[6, :] = w3[3 + sky.center]
    earth_pole(sky, et, w3[8])
    return attitude(
        ip[3], ip[4], fp[4:15], w3[3], w3[4], rho_e, rho_m, w3[5], w3[6], w3[7], w3[8], m[0:3], out
    )  # fmt: skip


@njit(cache=True)
def _occultation(kind, front, back, seen, sky, et, craft, w6, w3, m):  # type: ignore[no-untyped-def]
    """Overlap, cover or ring of ``back`` behind ``front``, rad, positive where it is so: as ``seen``, or by gfoclt."""
    a, b = w3[0], w3[1]
    if seen:
        lt_a = apparent(sky, front, et, craft, w6, a)
        apparent(sky, back, et, craft, w6, b)
        to_limb(sky, front, et, craft, w6, a)
        to_limb(sky, back, et, craft, w6, b)
    else:
        lt_a = light_vector(sky, front, et, craft, w6, a)
        light_vector(sky, back, et, craft, w6, b)
    da, db = math.sqrt(a @ a), math.sqrt(b @ b)
    ra, rb = disc_radius(sky, front, a), disc_radius(sky, back, b)
    sep = angle_of(a, b)
    order = 1.0 if da <= db else -1.0
    far = sep - ra - rb
    if far > 0.05 * (ra + rb):
        # Apart by more than any flattening: the spheres' gap less 1 % is a lower bound of the ellipsoids'.
        return -(far - 0.01 * (ra + rb))
    if sep > 1.4:
        return -far
    plane_frame(a if ra >= rb else b, m[0])
    pole = w3[8]
    first, second = w6[4], w6[5]
    for which in range(2):
        body = front if which == 0 else back
        if body == EARTH:
            earth_pole(sky, et - lt_a, pole)
        elif body == CENTER:
            pole[:] = sky.center_pole
        else:
            pole[0], pole[1], pole[2] = 0.0, 0.0, 1.0
        good = outline(
            a if which == 0 else b, sky.radii[body], sky.polar[body], pole, m[0], first if which == 0 else second
        )
        if not good:
            return -max(abs(far), 1e-9)
    # An angle on the sky is at least the length in the plane times cos^2 of the largest angle from the axis, which is
    # the larger body's centre.
    reach = min(1.5, max(sep + min(ra, rb), max(ra, rb)) + 1e-3)
    shrink = math.cos(reach) ** 2
    if kind == 0:
        q = -limb_gap(first, second) * shrink
    elif kind == 1:
        q = depth_inside(first, second) * shrink
    else:
        q = depth_inside(second, first) * shrink
    return q if order > 0.0 else -abs(q)


@njit(cache=True)
def _place(ip, fp, sky, et, craft, w6, w3, m):  # type: ignore[no-untyped-def]
    """Incidence and emission angle (rad) at a place of Earth or Moon, as ilumin gives them with CN+S."""
    body = ip[1]
    lt = light_vector(sky, body, et, craft, w6, w3[0])
    for _ in range(3):
        # Light time of the place itself, not of the centre.
        rotation(sky, body, et - lt, m[0])
        body_state(sky, body, et - lt, w6[0], w6[1])
        for k in range(3):
            w3[1, k] = m[0, 0, k] * fp[16] + m[0, 1, k] * fp[17] + m[0, 2, k] * fp[18]
            w3[0, k] = w6[1, k] + w3[1, k] - craft[k]
        lt = math.sqrt(w3[0] @ w3[0]) / C_KM_S
    for k in range(3):
        w3[2, k] = m[0, 0, k] * fp[19] + m[0, 1, k] * fp[20] + m[0, 2, k] * fp[21]
        # Light of the Sun, seen from the place.
        w6[6, k] = w6[1, k] + w3[1, k]
    spin = EARTH_SPIN if body == EARTH else MOON_SPIN
    px, py, pz = m[0, 2, 0], m[0, 2, 1], m[0, 2, 2]
    w6[6, 3] = w6[1, 3] + spin * (py * w3[1, 2] - pz * w3[1, 1])
    w6[6, 4] = w6[1, 4] + spin * (pz * w3[1, 0] - px * w3[1, 2])
    w6[6, 5] = w6[1, 5] + spin * (px * w3[1, 1] - py * w3[1, 0])
    from_craft = w3[0]
    aberrate(from_craft, craft[3:])
    light_vector(sky, SUN, et - lt, w6[6], w6, w3[3])
    aberrate(w3[3], w6[6, 3:])
    for k in range(3):
        w3[4, k] = -from_craft[k]
    return angle_of(w3[3], w3[2]), angle_of(w3[4], w3[2])


@njit(cache=True)
def _zenith(ip, fp, sky, et, craft, w6, w3, m):  # type: ignore[no-untyped-def]
    """Angle (rad) of the craft from the vertical of a place when what is sent at ``et`` arrives there (XCN)."""
    body, lt = ip[1], 0.0
    for _ in range(4):
        rotation(sky, body, et + lt, m[0])
        body_place(sky, body, et + lt, w6[0], w6[1])
        for k in range(3):
            w3[0, k] = (
                craft[k] - w6[1, k] - (m[0, 0, k] * fp[16] + m[0, 1, k] * fp[17] + m[0, 2, k] * fp[18])
            )  # fmt: skip
        lt = math.sqrt(w3[0] @ w3[0]) / C_KM_S
    for k in range(3):
        w3[2, k] = m[0, 0, k] * fp[19] + m[0, 1, k] * fp[20] + m[0, 2, k] * fp[21]
    return angle_of(w3[0], w3[2])


@njit(cache=True)
def _shadow(ip, sky, et, w6, w3):  # type: ignore[no-untyped-def]
    """How deep (km) ``b`` reaches into the shadow of ``a``: penumbra (ip[5] = 0) or umbra (1), at ``et`` at ``b``.

    The light that is missing at ``b`` passed ``a`` a light time before, and left the Sun before that: with the Earth's
    30 km/s, the shadow stands 80 km beside the line through the bodies' places at one time.
    """
    caster, target = ip[1], ip[2]
    body_state(sky, target, et, w6[2], w6[6])
    passed = et - light_vector(sky, caster, et, w6[6], w6, w3[1])
    body_place(sky, caster, passed, w6[2], w6[3])
    light_vector(sky, SUN, passed, w6[3], w6, w3[0])
    d = math.sqrt(w3[0] @ w3[0])
    along = (w3[0] @ w3[1]) / d
    if along <= 0.0:
        return -d
    across = math.sqrt(max(w3[1] @ w3[1] - along * along, 0.0))
    # Distance of the target's centre from the cone that touches Sun and caster, along the cone's normal.
    sine = ((sky.radii[SUN] + sky.radii[caster]) if ip[5] == 0 else (sky.radii[caster] - sky.radii[SUN])) / d
    return sky.radii[target] + sky.radii[caster] + sine * along - math.sqrt(1.0 - sine * sine) * across


@njit(cache=True)
def value(ip, fp, cam, sky, et, w6, w3, m):  # type: ignore[no-untyped-def]
    """A quantity at ``et``: (value, angle of start and reference, factor from its unit to the unit of its bound).

    The factor is negative where a frame margin stands for the angle of a body outside the cone about the frame.

    Args:
        ip: (6,) quantity, body a, body b, target and reference of the law, option.
        fp: (24,) see :meth:`terraluna.plan.conditions.Scalar.arrays`.
        cam: parameters of the camera's projection.
        sky: see :class:`terraluna.plan.sky.Sky`.
        w6, w3, m: work (10, 6), (10, 3), (6, 3, 3).
    """
    q = ip[0]
    craft = w6[8]
    craft_state(sky, et, w6, craft)
    if q == 12:
        # Seen from the craft: what happens there happened a light time ago.
        lt = light_vector(sky, ip[2], et, craft, w6, w3[0])
        return _shadow(ip, sky, et - lt, w6, w3), 1.0, 1.0
    w6[9, 0] = et
    if q == 0:
        apparent(sky, ip[1], et, craft, w6, w3[0])
        apparent(sky, ip[2], et, craft, w6, w3[1])
        sep = angle_of(w3[0], w3[1])
        if ip[5] & 1:
            sep -= disc_radius(sky, ip[1], w3[0])
        if ip[5] & 2:
            sep -= disc_radius(sky, ip[2], w3[1])
        return sep, 1.0, 1.0
    if q == 1:
        light_vector(sky, ip[1], et, craft, w6, w3[0])
        return math.sqrt(w3[0] @ w3[0]), 1.0, 1.0
    if q == 2:
        lt = apparent(sky, ip[1], et, craft, w6, w3[0])
        sun_from(sky, ip[1], et - lt, w6, w3[1])
        for k in range(3):
            w3[0, k] = -w3[0, k]
        return angle_of(w3[0], w3[1]), 1.0, 1.0
    if q == 3 or q == 4 or q == 5:
        return _occultation(q - 3, ip[1], ip[2], ip[5] == 1, sky, et, craft, w6, w3, m), 1.0, 1.0
    if q == 6:
        apparent(sky, ip[1], et, craft, w6, w3[0])
        return math.atan2(w3[0, 2], math.sqrt(w3[0, 0] ** 2 + w3[0, 1] ** 2)), 1.0, 1.0
    if q == 10 or q == 11:
        incidence, emission = _place(ip, fp, sky, et, craft, w6, w3, m)
        return (incidence if q == 10 else emission), 1.0, 1.0
    if q == 16:
        return _zenith(ip, fp, sky, et, craft, w6, w3, m), 1.0, 1.0
    if q == 14:
        out = 0.0
        for side in range(2):
            t = et + (_RATE_STEP_S if side else -_RATE_STEP_S)
            craft_state(sky, t, w6, craft)
            apparent(sky, ip[1], t, craft, w6, w3[0])
            apparent(sky, ip[2], t, craft, w6, w3[1])
            out += angle_of(w3[0], w3[1]) * (1.0 if side else -1.0)
        return out / (2.0 * _RATE_STEP_S), 1.0, 1.0
    if q == 13:
        for side in range(2):
            t = et + (_RATE_STEP_S if side else -_RATE_STEP_S)
            craft_state(sky, t, w6, craft)
            w6[9, 0] = t
            if aim(ip, fp, sky, craft, w6, w3, m, m[4 + side]) < 0.0:
                return math.inf, 1.0, 1.0
        # |A - B|^2 = 8 sin^2(angle / 2) for two rotations: good for small angles, unlike the trace.
        size = 0.0
        for i in range(3):
            for j in range(3):
                size += (m[4, i, j] - m[5, i, j]) ** 2
        return 2.0 * math.asin(min(1.0, math.sqrt(size / 8.0))) / (2.0 * _RATE_STEP_S), 1.0, 1.0
    return _with_camera(ip, fp, cam, sky, et, craft, w6, w3, m)


@njit(cache=True)
def _with_camera(ip, fp, cam, sky, et, craft, w6, w3, m):  # type: ignore[no-untyped-def]
    """Quantities that need the camera's attitude."""
    q, body = ip[0], ip[1]
    turn = m[4]
    eta = aim(ip, fp, sky, craft, w6, w3, m, turn)
    if q == 7:
        return angle_of(turn[2], w3[body]), eta, 1.0
    if q == 15:
        return angle_of(turn[2], fp[16:19]), eta, 1.0
    center = w3[body]
    if q == 9:
        lt = math.sqrt(center @ center) / C_KM_S
        sun_from(sky, body, et - lt, w6, w3[9])
        unit_into(w3[9], w3[9])
        for k in range(3):
            # The step that scenes take to show a direction in the image.
            w3[7, k] = center[k] + 1e-4 * math.sqrt(center @ center) * w3[9, k]
        p, s = turn @ center, turn @ w3[7]
        dx, dy = s[0] / s[2] - p[0] / p[2], s[1] / s[2] - p[1] / p[2]
        off = (math.atan2(-dx, -dy) - fp[15] + math.pi) % (2.0 * math.pi) - math.pi
        return abs(off), eta, 1.0
    # Frame margin, px.
    f, half = fp[1], fp[2]
    pole = w3[8]
    if body != EARTH:
        pole[0], pole[1], pole[2] = 0.0, 0.0, 1.0
    polar, part = sky.polar[body], fp[3]
    off = angle_of(turn[2], center)
    pixels = np.empty((LIMB_POINTS, 2))
    outside = off - half
    if eta < 0.0:
        # No roll (its reference is behind, say), but the boresight lies on a cone about the target.
        away = max(angle_of(m[0, 0], center) - math.acos(min(1.0, fp[6])) - half, 0.0)
        return -1e6, eta, -1e-6 * away
    seen = outside <= 0.05 + half
    if seen:
        limb = w3[9]
        limb[:] = center
        to_limb(sky, body, w6[9, 0], craft, w6, limb)
        seen = limb_pixels(cam, turn, limb, sky.radii[body] * part, polar * part, pole, m[0:2], pixels)
    if not seen:
        # The centre must come within half a diagonal of the boresight before the disc can be inside; the factor's sign
        # says so.
        away = max(outside, 0.0)
        return -(away * f + 1.0), eta, -away / (away * f + 1.0)
    margin = edge_margin(pixels, fp[22], fp[23])
    if margin < 0.0 and outside > 0.0 and fp[0] >= 0.0:
        # The same holds here: inside the frame is inside the cone about its corners.
        return margin, eta, outside / margin
    reach = min(1.45, half + 2.0 * disc_radius(sky, body, center))
    return margin, eta, math.cos(reach) ** 2 / f
