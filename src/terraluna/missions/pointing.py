"""From a pointing law to the camera's attitude."""

from __future__ import annotations

import numpy as np
import spiceypy as spice

from terraluna.ephemeris import from_angles, unit
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError
from terraluna.missions.model import PointingSpec
from terraluna.scene.scene import Scene


def attitude_for(scene: Scene, pointing: PointingSpec) -> Floats:
    """Attitude (3, 3), J2000 to camera axes, that a pointing law gives in a scene."""
    earth, moon = scene.earth.direction_j2000, scene.moon.direction_j2000
    ahead = np.array([0.0, 0.0, 1.0])
    match pointing:
        case PointingSpec(law="quaternion", quaternion=list(q)):
            return np.asarray(spice.q2m(unit(q)))
        case PointingSpec(law="radec", ra_deg=float(ra), dec_deg=float(dec)):
            target, seat = from_angles(np.radians(ra), np.radians(dec)), ahead
        case PointingSpec(law="anti-sun"):
            target = -unit(scene.sun.vector_km)
            x, y = np.tan(np.radians([pointing.offset_x_deg, pointing.offset_y_deg]))
            seat = unit(np.array([x, y, 1.0]))
        case _:
            target, seat = unit((1.0 - pointing.weight) * earth + pointing.weight * moon), ahead
    base = _place(target, seat)
    if pointing.pair_angle_deg is not None:
        return _roll(base, seat, earth, moon - earth, np.radians(pointing.pair_angle_deg))
    if pointing.earth_north_angle_deg is not None:
        return _roll(base, seat, earth, scene.earth.rotation[2], np.radians(pointing.earth_north_angle_deg))
    north = np.array([0.0, 0.0, 1.0])
    return _roll(base, seat, target, north, np.radians(pointing.celestial_north_angle_deg or 0.0))


def _place(target: Floats, seat: Floats) -> Floats:
    """Some attitude that puts the sky direction ``target`` (3,) on the camera direction ``seat`` (3,)."""
    up = np.eye(3)[int(np.argmin(np.abs(target)))]
    x = unit(np.cross(target, up))
    sky = np.stack([x, np.cross(target, x), target])
    down = np.eye(3)[int(np.argmin(np.abs(seat)))]
    u = unit(np.cross(seat, down))
    camera = np.stack([u, np.cross(seat, u), seat])
    return np.asarray(camera.T @ sky)


def _roll(base: Floats, axis: Floats, start: Floats, direction: Floats, angle: float) -> Floats:
    """Turn ``base`` about the camera direction ``axis`` until ``direction`` at ``start`` has ``angle`` in the image.

    The angle in the image is not exactly the roll where ``start`` is off the axis, so the turn is refined.
    """
    attitude = base
    for _ in range(30):
        p = attitude @ start
        q = attitude @ unit(start + 1e-4 * unit(direction - float(direction @ start) * start))
        if p[2] <= 0.0:
            raise GeometryError("the pointing law leaves the Earth behind the camera; choose another law or time")
        dx, dy = q[0] / q[2] - p[0] / p[2], q[1] / q[2] - p[1] / p[2]
        error = (angle - np.arctan2(-dx, -dy) + np.pi) % (2.0 * np.pi) - np.pi
        if abs(error) < 1e-13:
            break
        # Image angles count counter-clockwise with y down: a turn by -error about +z.
        attitude = _about(axis, -error) @ attitude
    return attitude


def _about(axis: Floats, angle: float) -> Floats:
    """Rotation matrix (3, 3) of vectors by ``angle`` about the unit ``axis``."""
    x, y, z = axis
    K = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * (K @ K))
