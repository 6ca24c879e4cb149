"""Pointing laws for compiled code: which sky direction sits where in the image, and what the roll follows.

The same laws as :mod:`terraluna.missions.pointing`: a target direction falls on a place of the image, then the camera
turns about that place until a reference direction, seen at its start, has a given angle in the image (from up,
counter-clockwise).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numba import njit

from terraluna.ephemeris.segments import Floats

Target = Literal["pair", "balanced", "earth", "moon", "anti-sun", "nadir", "fixed"]
Reference = Literal["pair", "north", "sun", "velocity", "earth-north", "fixed"]

TARGETS: Final[tuple[Target, ...]] = ("pair", "balanced", "earth", "moon", "anti-sun", "nadir", "fixed")
REFERENCES: Final[tuple[Reference, ...]] = ("pair", "north", "sun", "velocity", "earth-north", "fixed")

_TURNS: Final = 30
_STEP: Final = 1e-4
"""Length of the step that shows a direction in the image; the one that scenes use."""


@dataclass(frozen=True)
class Pointing:
    """How the camera is held, as data.

    Attributes:
        target: what is put on ``seat``: a point of the arc between both centres (``weight`` 0 Earth, 1 Moon), the
            middle of the arc between both outer limbs (``balanced``), a body, the point opposite to the Sun, the body
            that the orbit is about (``nadir``), or a ``fixed`` direction.
        reference: what the roll follows: the direction from Earth to Moon, J2000 north, the Sun, the velocity, the
            Earth's pole, or a ``fixed`` direction.
        angle_rad: direction of the reference in the image, from up, counter-clockwise.
        weight: see ``target``.
        seat: (3,) unit vector in the camera frame where the target falls; the boresight by default.
        direction: (3,) J2000, for ``target`` fixed.
        up: (3,) J2000, for ``reference`` fixed.
    """

    target: Target = "balanced"
    reference: Reference = "pair"
    angle_rad: float = 0.0
    weight: float = 0.5
    seat: tuple[float, float, float] = (0.0, 0.0, 1.0)
    direction: tuple[float, float, float] = (0.0, 0.0, 1.0)
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def codes(self) -> tuple[int, int]:
        """Numbers of target and reference for the kernels."""
        return TARGETS.index(self.target), REFERENCES.index(self.reference)

    def parameters(self) -> Floats:
        """Numbers (11,) for the kernels: seat, angle, weight, direction, up."""
        return np.array([*self.seat, self.angle_rad, self.weight, *self.direction, *self.up], dtype=np.float64)


@njit(cache=True)
def unit_into(v, out):  # type: ignore[no-untyped-def]
    """Write the unit vector of ``v`` (3,) to ``out``, zero for a zero vector; returns the length."""
    r = max(math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), 1e-300)
    out[0], out[1], out[2] = v[0] / r, v[1] / r, v[2] / r
    return r


@njit(cache=True)
def angle_of(a, b):  # type: ignore[no-untyped-def]
    """Angle between two vectors (3,) of any length, precise for small and large ones."""
    x = a[1] * b[2] - a[2] * b[1]
    y = a[2] * b[0] - a[0] * b[2]
    z = a[0] * b[1] - a[1] * b[0]
    return math.atan2(math.sqrt(x * x + y * y + z * z), a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@njit(cache=True)
def _between(e, m, angle, out):  # type: ignore[no-untyped-def]
    """Direction on the great circle from ``e`` to ``m``, ``angle`` from ``e``."""
    sep = angle_of(e, m)
    s = math.sin(sep)
    if s < 1e-12:
        out[:] = e
        return
    a, b = math.sin(sep - angle) / s, math.sin(angle) / s
    for k in range(3):
        out[k] = a * e[k] + b * m[k]


@njit(cache=True)
def _triad(axis, out):  # type: ignore[no-untyped-def]
    """Rows of ``out``: x, axis x x, axis, for a unit vector."""
    k = int(np.argmin(np.abs(axis)))
    up = np.zeros(3)
    up[k] = 1.0
    x = np.cross(axis, up)
    x /= math.sqrt(x[0] ** 2 + x[1] ** 2 + x[2] ** 2)
    out[0, :] = x
    out[1, :] = np.cross(axis, x)
    out[2, :] = axis


@njit(cache=True)
def target_direction(target, lp, e, m, rho_e, rho_m, s, c, out):  # type: ignore[no-untyped-def]
    """Unit vector (3,) J2000 of what a law puts on its seat. ``e m s c``: unit vectors to Earth, Moon, Sun, centre."""
    if target == 0:
        _between(e, m, lp[4] * angle_of(e, m), out)
    elif target == 1:
        _between(e, m, 0.5 * (angle_of(e, m) + rho_m - rho_e), out)
    elif target == 2:
        out[:] = e
    elif target == 3:
        out[:] = m
    elif target == 4:
        out[:] = -s
    elif target == 5:
        out[:] = c
    else:
        unit_into(lp[5:8], out)


@njit(cache=True)
def attitude(target, reference, lp, e, m, rho_e, rho_m, s, c, v, pole, work, out):  # type: ignore[no-untyped-def]
    """Attitude (3, 3) J2000 to camera of a law; returns the angle (rad) between start and reference, or -1.

    Args:
        target, reference, lp: the law, see :class:`Pointing`.
        e, m, s, c: (3,) unit vectors to Earth, Moon, Sun and the orbit's centre.
        rho_e, rho_m: angular radii, rad.
        v: (3,) velocity about the centre.
        pole: (3,) the Earth's pole.
        work: (3, 3, 3), overwritten.
        out: (3, 3), receives the matrix.
    """
    aim, seat, start = work[0, 0], work[0, 1], work[0, 2]
    target_direction(target, lp, e, m, rho_e, rho_m, s, c, aim)
    seat[0], seat[1], seat[2] = lp[0], lp[1], lp[2]
    _triad(aim, work[1])
    _triad(seat, work[2])
    for i in range(3):
        for j in range(3):
            out[i, j] = work[2, 0, i] * work[1, 0, j] + work[2, 1, i] * work[1, 1, j] + work[2, 2, i] * work[1, 2, j]
    ref = work[1, 0]
    start[:] = aim
    if reference == 0:
        start[:] = e
        for k in range(3):
            ref[k] = m[k] - e[k]
    elif reference == 1:
        ref[0], ref[1], ref[2] = 0.0, 0.0, 1.0
    elif reference == 2:
        ref[:] = s
    elif reference == 3:
        ref[:] = v
    elif reference == 4:
        start[:] = e
        ref[:] = pole
    else:
        ref[:] = lp[8:11]
    eta = angle_of(e, m) if reference == 0 else angle_of(start, ref)
    if math.sin(eta) < 1e-10:
        return -1.0
    along = ref[0] * start[0] + ref[1] * start[1] + ref[2] * start[2]
    step = work[1, 1]
    for k in range(3):
        step[k] = ref[k] - along * start[k]
    unit_into(step, step)
    for k in range(3):
        step[k] = start[k] + _STEP * step[k]
    return eta if _roll(seat, start, step, lp[3], work[2], out) else -1.0


@njit(cache=True)
def _roll(axis, start, step, angle, turn, out):  # type: ignore[no-untyped-def]
    """Turn ``out`` about the camera direction ``axis`` until start -> step has ``angle`` in the image."""
    for _ in range(_TURNS):
        p0 = out[0, 0] * start[0] + out[0, 1] * start[1] + out[0, 2] * start[2]
        p1 = out[1, 0] * start[0] + out[1, 1] * start[1] + out[1, 2] * start[2]
        p2 = out[2, 0] * start[0] + out[2, 1] * start[1] + out[2, 2] * start[2]
        q0 = out[0, 0] * step[0] + out[0, 1] * step[1] + out[0, 2] * step[2]
        q1 = out[1, 0] * step[0] + out[1, 1] * step[1] + out[1, 2] * step[2]
        q2 = out[2, 0] * step[0] + out[2, 1] * step[1] + out[2, 2] * step[2]
        if p2 <= 0.0 or q2 <= 0.0:
            return False
        dx, dy = q0 / q2 - p0 / p2, q1 / q2 - p1 / p2
        error = (angle - math.atan2(-dx, -dy) + math.pi) % (2.0 * math.pi) - math.pi
        if abs(error) < 1e-12:
            break
        c, s = math.cos(-error), math.sin(-error)
        x, y, z = axis[0], axis[1], axis[2]
        turn[0, 0], turn[0, 1], turn[0, 2] = c + x * x * (1 - c), x * y * (1 - c) - z * s, x * z * (1 - c) + y * s
        turn[1, 0], turn[1, 1], turn[1, 2] = y * x * (1 - c) + z * s, c + y * y * (1 - c), y * z * (1 - c) - x * s
        turn[2, 0], turn[2, 1], turn[2, 2] = z * x * (1 - c) - y * s, z * y * (1 - c) + x * s, c + z * z * (1 - c)
        for j in range(3):
            a, b, d = out[0, j], out[1, j], out[2, j]
            out[0, j] = turn[0, 0] * a + turn[0, 1] * b + turn[0, 2] * d
            out[1, j] = turn[1, 0] * a + turn[1, 1] * b + turn[1, 2] * d
            out[2, j] = turn[2, 0] * a + turn[2, 1] * b + turn[2, 2] * d
    return True
