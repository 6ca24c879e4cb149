"""How to hold the camera: attitudes of a law, how much roll is free, and what other laws would give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from terraluna.camera.model import Camera
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError
from terraluna.plan.conditions import Scalar
from terraluna.plan.laws import Pointing
from terraluna.plan.planner import Leg, margins
from terraluna.plan.quantities import aim
from terraluna.plan.search import sample, sample_rolls
from terraluna.plan.sky import craft_state
from terraluna.plan.wishes import held

_ROLL_STEP_DEG: Final = 1.0


@njit(cache=True)
def _aims(ip, fp, sky, ets, out, good):  # type: ignore[no-untyped-def]
    w6 = np.empty((10, 6))
    w3 = np.empty((10, 3))
    m = np.empty((6, 3, 3))
    for i in range(ets.shape[0]):
        craft_state(sky, ets[i], w6, w6[8])
        w6[9, 0] = ets[i]
        good[i] = aim(ip, fp, sky, w6[8], w6, w3, m, out[i]) >= 0.0


def attitudes(pointing: Pointing, leg: Leg, ets: Floats) -> Floats:
    """Attitudes (n, 3, 3), J2000 to camera, of a law at times (n,).

    Raises:
        GeometryError: the law is undefined at one of them (its roll reference lies on the line of sight, or behind).
    """
    ip, fp, _, _ = Scalar("slew_rate", "at most", 0.0, pointing=pointing).arrays()
    times = np.asarray(ets, dtype=np.float64)
    out, good = np.empty((times.size, 3, 3)), np.empty(times.size, dtype=np.bool_)
    _aims(ip, fp, leg.grid.sky, times, out, good)
    if not good.all():
        raise GeometryError(
            f"the pointing law {pointing.target} with roll by {pointing.reference} is undefined at a time of the "
            "window; choose another roll"
        )
    return out


@dataclass(frozen=True)
class Alternative:
    """Another way to hold the camera.

    Attributes:
        name: its law.
        earth_margin_px, moon_margin_px: room to the frame's edge at the best moment, negative outside.
        framed_share: share of the window during which both discs are wholly inside.
    """

    name: str
    earth_margin_px: float
    moon_margin_px: float
    framed_share: float


@dataclass(frozen=True)
class Framing:
    """The attitude of a proposal and its freedom.

    Attributes:
        attitude: (3, 3) J2000 to camera at the best moment.
        quaternion: (4,) of it, scalar first, as SPICE's m2q.
        ra_deg, dec_deg: J2000 direction of the boresight.
        roll_ranges_deg: turns of the picture relative to the law's roll that keep both discs inside with the wished
            margin, counter-clockwise; (-180, 180) where any does.
        slew_deg_s: rate of turning at the best moment.
        alternatives: other laws at the same moment.
    """

    attitude: Floats
    quaternion: Floats
    ra_deg: float
    dec_deg: float
    roll_ranges_deg: tuple[tuple[float, float], ...]
    slew_deg_s: float
    alternatives: tuple[Alternative, ...]


def frame(
    camera: Camera, pointing: Pointing, leg: Leg, span: tuple[float, float], best: float, margin_px: float,
    bodies: tuple[bool, bool] = (True, True),
) -> Framing:  # fmt: skip
    """Framing at the best moment of a window.

    Args:
        camera: the camera.
        pointing: its law.
        leg: trajectory and sky.
        span: the window.
        best: time of the picture.
        margin_px: room that both discs need.
        bodies: whether Earth and Moon must be inside.
    """
    from terraluna.camera.attitude import matrix_to_quaternion

    turn = attitudes(pointing, leg, np.array([best]))[0]
    x, y, z = turn[2]
    slew = sample(Scalar("slew_rate", "at most", 0.0, pointing=pointing), leg.grid.sky, np.array([best]))[0]
    return Framing(
        turn,
        matrix_to_quaternion(turn),
        math.degrees(math.atan2(y, x)) % 360.0,
        math.degrees(math.asin(max(-1.0, min(1.0, float(z))))),
        roll_ranges(camera, pointing, leg, best, margin_px, bodies),
        math.degrees(float(slew)),
        _alternatives(camera, pointing, leg, span, best, turn),
    )


def roll_ranges(
    camera: Camera, pointing: Pointing, leg: Leg, et: float, margin_px: float, bodies: tuple[bool, bool] = (True, True)
) -> tuple[tuple[float, float], ...]:
    """Turns relative to the law's roll, degrees, that keep the discs inside; found to 1 degree and interpolated."""
    turns = np.arange(-180.0, 180.0 + _ROLL_STEP_DEG, _ROLL_STEP_DEG)
    room = np.full(turns.size, math.inf)
    for body, needed in zip(("earth", "moon"), bodies, strict=True):
        if needed:
            scalar = Scalar("frame_margin", "at least", 0.0, a=body, camera=camera, pointing=pointing)
            room = np.minimum(room, sample_rolls(scalar, leg.grid.sky, et, np.radians(turns)))
    room -= margin_px
    good = room >= 0.0
    if good.all():
        return ((-180.0, 180.0),)
    out: list[tuple[float, float]] = []
    start: float | None = float(turns[0]) if good[0] else None
    for i in range(1, turns.size):
        if good[i] == good[i - 1]:
            continue
        edge = float(turns[i - 1] + _ROLL_STEP_DEG * room[i - 1] / (room[i - 1] - room[i]))
        if good[i]:
            start = edge
        elif start is not None:
            out.append((start, edge))
            start = None
    if start is not None:
        out.append((start, float(turns[-1])))
    return tuple(out)


def _alternatives(
    camera: Camera, pointing: Pointing, leg: Leg, span: tuple[float, float], best: float, turn: Floats
) -> tuple[Alternative, ...]:
    laws = {
        "pair in the middle": Pointing("balanced", "pair", pointing.angle_rad),
        "anti-Sun": Pointing("anti-sun", "pair", pointing.angle_rad),
        "nadir": Pointing("nadir", "pair", pointing.angle_rad),
        "inertial, held at the best attitude": held(turn),
    }
    out = []
    ets = np.linspace(span[0], span[1], 41)
    for name, law in laws.items():
        if law == pointing:
            continue
        at_best = margins(camera, law, leg, np.array([best]))[0]
        share = float(np.mean((margins(camera, law, leg, ets) >= 0.0).all(axis=1)))
        out.append(Alternative(name, float(at_best[0]), float(at_best[1]), share))
    return tuple(out)
