"""Weighted nonlinear least squares for position, attitude error and limb height from both bodies in one frame.

Unknowns (7): position (km, J2000), attitude error (rad, rotation about the camera axes that follows the current
attitude: R <- exp([delta]x) R), Earth's limb height (km). Residual rows, each whitened to unit variance:

    0-1 Earth direction, 2 Earth range given the direction; 3-4, 5 the same for the Moon; 6-8 attitude prior;
    9-11 position prior; 12 limb height prior; 13-14 direction of the bright limb of Earth, Moon; 15-16 phase of Earth,
    Moon; from 17, two rows per direction law.

A body's direction and range come whitened by the lower Cholesky factor, so the first two rows carry what the direction
alone knows and the third what the range adds: sources can be told apart even where both come from one correlated limb
fit. Ranges enter as 1/range, in which a limb fit is close to Gaussian.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from terraluna.opnav.types import Floats

UNKNOWNS: Final = 7
FIXED_ROWS: Final = 17
FLOOR: Final = 1e-13
"""Least damping of the scaled normal equations: keeps them definite in double precision."""

SINGULAR: Final = 1e-11
"""Singular values of the column-scaled Jacobian below this fraction of the largest are a free direction."""


class Problem(NamedTuple):
    """One frame's measurements as plain arrays for the kernels; a zero weight switches a row off."""

    anchors: Floats
    """(2, 3) apparent places of Earth and Moon from the origin of the position, km."""
    basis: Floats
    """(2, 3, 3) rows e1, e2, measured direction; camera frame."""
    inverse_range: Floats
    """(2,) measured 1/range, 1/km."""
    whiten: Floats
    """(2, 3, 3) inverse lower Cholesky factor of the covariance of (e1 part, e2 part, 1/range)."""
    height_partial: Floats
    """(2, 3) derivative of those three by the limb height, 1/km."""
    beta: Floats
    """(2, 3) observer velocity over c for each body whose directions still contain aberration, else 0; J2000."""
    attitude: Floats
    """(3, 3) prior attitude J2000 -> camera."""
    attitude_whiten: Floats
    """(3, 3)"""
    position: Floats
    """(3,) prior position, km."""
    position_whiten: Floats
    """(3, 3)"""
    height: Floats
    """(2,) prior limb height, km, and 1/sigma."""
    sun: Floats
    """(2, 3) unit vectors body -> Sun, J2000."""
    bright: Floats
    """(2, 2) angle of the bright limb about the measured direction, rad, and 1/sigma."""
    phase: Floats
    """(2, 2) phase angle, rad, and 1/sigma."""
    law_basis: Floats
    """(m, 3, 3) rows e1, e2, direction of each law in the camera frame."""
    law_inertial: Floats
    """(m, 3) the same directions in J2000."""
    law_weight: Floats
    """(m,) 1/sigma, 1/rad."""


class Solution(NamedTuple):
    """What :func:`solve` found.

    Attributes:
        rank_deficient: the Jacobian has a free direction; the covariance is then that of the rest.
    """

    position: Floats
    attitude: Floats
    height: float
    covariance: Floats
    jacobian: Floats
    residuals: Floats
    cost: float
    converged: bool
    rank_deficient: bool


@njit(cache=True)
def _exp(v: Floats) -> Any:
    angle2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2]
    k = np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])
    if angle2 < 1e-16:
        return np.eye(3) + k + 0.5 * (k @ k)
    angle = np.sqrt(angle2)
    return np.eye(3) + np.sin(angle) / angle * k + (1.0 - np.cos(angle)) / angle2 * (k @ k)


@njit(cache=True)
def _log(r: Floats) -> Any:
    """Rotation vector (3,) of a matrix, angle 0 to pi."""
    v = 0.5 * np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    sine = np.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
    cosine = 0.5 * (r[0, 0] + r[1, 1] + r[2, 2] - 1.0)
    if cosine > 0.0 and sine < 1e-9:
        return v
    if cosine > -0.99:
        return v * (np.arctan2(sine, cosine) / sine)
    # Close to half a turn the antisymmetric part fades: the axis is the largest column of (R + R')/2 - cos I.
    best = 0
    for k in range(1, 3):
        if r[k, k] > r[best, best]:
            best = k
    axis = 0.5 * (r[:, best] + r[best, :])
    axis[best] -= cosine
    axis = axis / np.sqrt(axis @ axis)
    if axis @ v < 0.0:
        axis = -axis
    return axis * np.arctan2(sine, cosine)


@njit(cache=True)
def _cross(a: Floats, b: Floats) -> Any:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


@njit(cache=True)
def _dot(a: Floats, b: Floats) -> Any:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True)
def _apply_matrix(m: Floats, v: Floats) -> Any:
    """Product of (3, 3) and (3,): written out, since a library call costs ten times the arithmetic."""
    out = np.empty(3)
    for i in range(3):
        out[i] = m[i, 0] * v[0] + m[i, 1] * v[1] + m[i, 2] * v[2]
    return out


@njit(cache=True)
def _aberrate(d: Floats, beta: Floats) -> Any:
    gamma = 1.0 / np.sqrt(1.0 - beta @ beta)
    cosine = d @ beta
    return (d / gamma + beta + gamma / (gamma + 1.0) * cosine * beta) / (1.0 + cosine)


@njit(cache=True)
def linearise(problem: Any, position: Floats, attitude: Floats, height: float) -> Any:
    """Whitened residuals (rows,) and their Jacobian (rows, 7) at a state."""
    laws = problem.law_weight.size
    rows = FIXED_ROWS + 2 * laws
    residual = np.zeros(rows)
    jacobian = np.zeros((rows, UNKNOWNS))
    z = np.zeros(3)
    dz = np.zeros((3, UNKNOWNS))
    for body in range(2):
        c = problem.anchors[body] - position
        distance = np.sqrt(_dot(c, c))
        d = c / distance
        beta = problem.beta[body]
        moving = beta[0] != 0.0 or beta[1] != 0.0 or beta[2] != 0.0
        seen = _apply_matrix(attitude, _aberrate(d, beta) if moving else d)
        for axis in range(3):
            dz[axis, :] = 0.0
        z[2] = 1.0 / distance - problem.inverse_range[body]
        dz[2, :3] = d / distance**2
        dz[:, 6] = -problem.height_partial[body]
        for axis in range(2):
            e = problem.basis[body, axis]
            z[axis] = _dot(e, seen)
            e_inertial = _apply_matrix(attitude.T, e)
            # d(direction)/d(position) = -(I - dd')/distance; aberration (1e-4) is left out of the derivative.
            dz[axis, :3] = -(e_inertial - d * _dot(d, e_inertial)) / distance
            dz[axis, 3:6] = _cross(seen, e)  # e.(delta x s) = delta.(s x e)
        z -= problem.height_partial[body] * (height - problem.height[0])
        for i in range(3):
            for j in range(i + 1):
                factor = problem.whiten[body, i, j]
                residual[3 * body + i] += factor * z[j]
                for column in range(UNKNOWNS):
                    jacobian[3 * body + i, column] += factor * dz[j, column]
        sun = _apply_matrix(attitude, problem.sun[body])
        if problem.bright[body, 1] > 0.0:
            s1 = _dot(sun, problem.basis[body, 0])
            s2 = _dot(sun, problem.basis[body, 1])
            angle = np.arctan2(s2, s1) - problem.bright[body, 0]
            residual[13 + body] = problem.bright[body, 1] * (angle - 2.0 * np.pi * np.round(angle / (2.0 * np.pi)))
            slope = (s1 * _cross(sun, problem.basis[body, 1]) - s2 * _cross(sun, problem.basis[body, 0])) / (
                s1 * s1 + s2 * s2
            )
            jacobian[13 + body, 3:6] = problem.bright[body, 1] * slope
        if problem.phase[body, 1] > 0.0:
            # Phase: angle at the body between the Sun and the observer, the observer being opposite the measured
            # direction.
            direction = problem.basis[body, 2]
            cosine = -_dot(sun, direction)
            sine = np.sqrt(max(1.0 - cosine * cosine, 1e-16))
            residual[15 + body] = problem.phase[body, 1] * (np.arctan2(sine, cosine) - problem.phase[body, 0])
            jacobian[15 + body, 3:6] = problem.phase[body, 1] * _cross(sun, direction) / sine
    error = _log(attitude @ problem.attitude.T)
    residual[6:9] = _apply_matrix(problem.attitude_whiten, error)
    jacobian[6:9, 3:6] = problem.attitude_whiten
    residual[9:12] = _apply_matrix(problem.position_whiten, position - problem.position)
    jacobian[9:12, :3] = problem.position_whiten
    residual[12] = (height - problem.height[0]) * problem.height[1]
    jacobian[12, 6] = problem.height[1]
    for law in range(laws):
        seen = _apply_matrix(attitude, problem.law_inertial[law])
        # Beyond 90 deg the tangent part shrinks again; scaling by angle/sine keeps the pull growing with the angle.
        cosine = _dot(seen, problem.law_basis[law, 2])
        sine = np.sqrt(max(1.0 - cosine * cosine, 1e-18))
        stretch = np.arctan2(sine, cosine) / sine if sine > 1e-8 else 1.0
        for axis in range(2):
            e = problem.law_basis[law, axis]
            row = FIXED_ROWS + 2 * law + axis
            residual[row] = problem.law_weight[law] * _dot(e, seen) * stretch
            jacobian[row, 3:6] = problem.law_weight[law] * _cross(seen, e)
    return residual, jacobian


@njit(cache=True)
def _damped_step(jacobian: Floats, residual: Floats, damping: float) -> Any:
    """Step (7,) of the damped normal equations in columns scaled to unit length; False if they are not definite."""
    n = UNKNOWNS
    scale = np.empty(n)
    normal = np.zeros((n, n))
    step = np.zeros(n)
    for i in range(n):
        total = 0.0
        for k in range(residual.size):
            total += jacobian[k, i] * jacobian[k, i]
        scale[i] = np.sqrt(total) if total > 0.0 else 1.0
    for i in range(n):
        for k in range(residual.size):
            step[i] -= jacobian[k, i] * residual[k]
        step[i] /= scale[i]
        for j in range(i + 1):
            total = 0.0
            for k in range(residual.size):
                total += jacobian[k, i] * jacobian[k, j]
            normal[i, j] = total / (scale[i] * scale[j])
        normal[i, i] += damping
    for i in range(n):
        for j in range(i + 1):
            total = normal[i, j]
            for k in range(j):
                total -= normal[i, k] * normal[j, k]
            if i == j:
                if total <= 0.0:
                    return step, False
                normal[i, i] = np.sqrt(total)
            else:
                normal[i, j] = total / normal[j, j]
    for i in range(n):
        for k in range(i):
            step[i] -= normal[i, k] * step[k]
        step[i] /= normal[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            step[i] -= normal[k, i] * step[k]
        step[i] /= normal[i, i]
    return step / scale, True


@njit(cache=True)
def _apply(problem: Any, position: Floats, attitude: Floats, step: Floats) -> Any:
    """Position and attitude after a step, to first order ``position + step[:3]`` and ``exp(step[3:6]) attitude``.

    The part of the step that turns the observer about the Earth-Moon line is done as a true rotation, attitude too.
    Both directions and ranges do not change under it, so a weakly known rotation (bright limb alone) is followed along
    its curved valley instead of creeping down it in tangents.
    """
    line = problem.anchors[1] - problem.anchors[0]
    axis = line / np.sqrt(line @ line)
    arm = position - problem.anchors[0]
    tangent = _cross(axis, arm)
    square = tangent @ tangent
    turn = (step[:3] @ tangent) / square if square > 0.0 else 0.0
    if abs(turn) < 1e-12:
        return position + step[:3], _exp(step[3:6]) @ attitude
    # The linear step is a guess of the angle: beyond a radian it says no more than the sign.
    turn = min(max(turn, -1.0), 1.0)
    rotation = _exp(turn * axis)
    rest = step[:3] - turn * tangent
    new_position = problem.anchors[0] + rotation @ (arm + rest)
    tilt = step[3:6] + turn * (attitude @ axis)
    return new_position, _exp(tilt) @ attitude @ rotation.T


@njit(cache=True)
def _decompose(jacobian: Floats) -> Any:
    """Column scale, singular factors and inverse singular values (0 where free) of the Jacobian."""
    scale = np.sqrt(np.sum(jacobian * jacobian, axis=0))
    scale[scale == 0.0] = 1.0
    u, s, vt = np.linalg.svd(jacobian / scale, False)
    keep = s > SINGULAR * s[0]
    inverse = np.where(keep, 1.0 / np.where(keep, s, 1.0), 0.0)
    return scale, u, inverse, vt


@njit(cache=True)
def solve(problem: Any, position: Floats, attitude: Floats, height: float, iterations: int) -> Any:
    """Levenberg-Marquardt from a starting state; returns the fields of :class:`Solution` in order.

    Steps come from normal equations, which are fast; the covariance comes from the singular value decomposition of the
    Jacobian itself, whose condition number is the square root of theirs.
    """
    residual, jacobian = linearise(problem, position, attitude, height)
    cost = residual @ residual
    damping = FLOOR
    converged = False
    for _ in range(iterations):
        step, definite = _damped_step(jacobian, residual, damping)
        if not definite:
            damping = max(damping * 10.0, 1e-12)
            continue
        new_position, new_attitude = _apply(problem, position, attitude, step)
        new_height = height + step[6]
        new_residual, new_jacobian = linearise(problem, new_position, new_attitude, new_height)
        new_cost = new_residual @ new_residual
        change = jacobian @ step
        small = change @ change
        if new_cost <= cost * (1.0 + 1e-12) + 1e-12:
            position, attitude, height = new_position, new_attitude, new_height
            residual, jacobian, cost = new_residual, new_jacobian, new_cost
            if small < 1e-8 and damping < 1e-6:  # the step is 1e-4 sigma
                converged = True
                break
            damping = max(FLOOR, damping * 0.1)
        elif small < 1e-10:
            converged = True
            break
        else:
            damping = max(damping * 10.0, 1e-6)
    scale, u, inverse, vt = _decompose(jacobian)
    if converged:
        # One exact step: what the normal equations lost in nearly free directions.
        step = -(vt.T @ (inverse * (u.T @ residual))) / scale
        new_position, new_attitude = _apply(problem, position, attitude, step)
        new_residual, new_jacobian = linearise(problem, new_position, new_attitude, height + step[6])
        if new_residual @ new_residual <= cost:
            position, attitude, height = new_position, new_attitude, height + step[6]
            residual, jacobian, cost = new_residual, new_jacobian, new_residual @ new_residual
    half = (vt.T * inverse) / np.reshape(scale, (UNKNOWNS, 1))
    deficient = not np.all(inverse > 0.0)
    return position, attitude, height, half @ half.T, jacobian, residual, cost, converged, deficient
