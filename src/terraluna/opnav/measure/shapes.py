"""Limbs as curves in the picture: a circle, an ellipse, and the cone that a camera sees; and their fits to points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numba import njit

from terraluna.errors import GeometryError
from terraluna.opnav.measure.median import median
from terraluna.opnav.measure.rim import slope_of
from terraluna.opnav.types import Floats, Unprojector
from terraluna.opnav.vectors import tangent_basis, unit
from terraluna.scene.limb import Ellipse, fit_ellipse

POLAR = 720
"""Points of a limb's polar table."""

_TURNS = 25
_CONVERGED_PX = 3e-4
"""Steps that move no point by more are far below any point's error."""

_HUBER = 1.8
"""Residuals beyond so many standard deviations lose weight."""


class Projector(Unprojector, Protocol):
    """A camera: directions to pixels and back."""

    def project(self, directions: Floats) -> Floats:
        """Pixels (n, 2) of directions (n, 3) in the camera frame; NaN where there is none."""
        ...


class Limb(Protocol):
    """A curve with a few parameters."""

    @property
    def parameters(self) -> Floats:
        """The parameters (p,), px or rad."""
        ...

    def moved(self, step: Floats) -> Limb:
        """The curve with its parameters changed by (p,)."""
        ...

    def residuals(self, points: Floats) -> Floats:
        """Distance (n,) of points (n, 2) from the curve, px, outward positive."""
        ...

    def steps(self) -> Floats:
        """Steps (p,) for numerical derivatives."""
        ...


@dataclass(frozen=True)
class CircleLimb:
    """A circle: x, y, radius, px."""

    x: float
    y: float
    radius: float

    @property
    def parameters(self) -> Floats:
        """x, y, radius."""
        return np.array([self.x, self.y, self.radius])

    def moved(self, step: Floats) -> CircleLimb:
        """The circle changed by (3,)."""
        return CircleLimb(self.x + step[0], self.y + step[1], self.radius + step[2])

    def residuals(self, points: Floats) -> Floats:
        """Distance (n,) outside the circle."""
        return np.asarray(_outside_circle(points, self.x, self.y, self.radius))

    def steps(self) -> Floats:
        """Steps (3,)."""
        return np.full(3, 1e-3)


@njit(nogil=True, cache=True)
def _outside_circle(points: Floats, x: float, y: float, radius: float) -> Floats:
    outside = np.empty(len(points))
    for i in range(len(points)):
        dx, dy = points[i, 0] - x, points[i, 1] - y
        outside[i] = math.sqrt(dx * dx + dy * dy) - radius
    return outside


@njit(nogil=True, cache=True, error_model="numpy")
def _circle_derivatives(points: Floats, x: float, y: float) -> Floats:
    """Change (n, 3) of the residuals by x, y and radius."""
    out = np.full((len(points), 3), -1.0)
    for i in range(len(points)):
        dx, dy = points[i, 0] - x, points[i, 1] - y
        distance = math.sqrt(dx * dx + dy * dy)
        out[i, 0], out[i, 1] = -dx / distance, -dy / distance
    return out


@dataclass(frozen=True)
class EllipseLimb:
    """An ellipse: x, y, mean radius, half the difference of the semi-axes as a vector of twice its angle."""

    x: float
    y: float
    radius: float
    c2: float
    s2: float

    @property
    def parameters(self) -> Floats:
        """x, y, radius, c2, s2."""
        return np.array([self.x, self.y, self.radius, self.c2, self.s2])

    def moved(self, step: Floats) -> EllipseLimb:
        """The ellipse changed by (5,)."""
        return EllipseLimb(*(self.parameters + step))

    def ellipse(self) -> Ellipse:
        """As semi-axes and angle."""
        half = float(np.hypot(self.c2, self.s2))
        angle = 0.5 * float(np.arctan2(self.s2, self.c2))
        return Ellipse(self.x, self.y, self.radius + half, self.radius - half, angle % np.pi)

    def residuals(self, points: Floats) -> Floats:
        """Distance (n,) outside the ellipse: Sampson's, with the second-order term; 1e-6 of the radius near it."""
        return np.asarray(_outside_ellipse(points, self.parameters))

    def steps(self) -> Floats:
        """Steps (5,)."""
        return np.full(5, 1e-3)


@njit(nogil=True, cache=True, error_model="numpy")
def _outside_ellipse(points: Floats, ellipse: Floats) -> Floats:
    """Distance (n,) of points (n, 2) outside an :class:`EllipseLimb` of parameters (5,); NaN where it is none."""
    half = math.hypot(ellipse[3], ellipse[4])
    angle = 0.5 * math.atan2(ellipse[4], ellipse[3])
    a, b = ellipse[2] + half, ellipse[2] - half
    if not b > 0.0:
        return np.full(len(points), np.nan)
    c, s = math.cos(angle), math.sin(angle)
    outside = np.empty(len(points))
    for i in range(len(points)):
        dx, dy = points[i, 0] - ellipse[0], points[i, 1] - ellipse[1]
        u, v = (c * dx + s * dy) / a, (c * dy - s * dx) / b
        # The distance along the gradient of sqrt(u^2/a^2 + v^2/b^2), which is linear along every ray from the centre.
        q = math.sqrt(u * u + v * v)
        slope = math.sqrt((u / a) * (u / a) + (v / b) * (v / b)) / max(q, 1e-12)
        outside[i] = (q - 1.0) / max(slope, 1e-12)
    return outside


@njit(nogil=True, cache=True)
def _ellipse_derivatives(points: Floats, ellipse: Floats, steps: Floats, residual: Floats) -> Floats:
    """Change (n, 5) of the residuals by each parameter, from steps (5,)."""
    out = np.empty((len(points), 5))
    for k in range(5):
        moved = ellipse.copy()
        moved[k] += steps[k]
        out[:, k] = (_outside_ellipse(points, moved) - residual) / steps[k]
    return out


@dataclass(frozen=True, eq=False)
class ConeLimb:
    """A cone of directions seen through a camera: axis, half angle, and its ellipticity for a flattened body.

    Attributes:
        camera: the camera.
        axis: (3,) unit vector.
        half_angle: mean half angle, rad.
        c2, s2: half the difference of the largest and the smallest half angle, as a vector of twice its angle, rad.
        flat: whether c2 and s2 are parameters.
    """

    camera: Projector
    axis: Floats
    half_angle: float
    c2: float = 0.0
    s2: float = 0.0
    flat: bool = False

    @property
    def parameters(self) -> Floats:
        """Turn about the two axes across the cone's (0, 0), half angle, and c2, s2 where the cone is flat."""
        full = np.array([0.0, 0.0, self.half_angle, self.c2, self.s2])
        return full if self.flat else full[:3]

    def moved(self, step: Floats) -> ConeLimb:
        """The cone changed by (3,) or (5,)."""
        e1, e2 = tangent_basis(self.axis)
        axis = unit(self.axis + step[0] * e1 + step[1] * e2)
        more = step[3:] if self.flat else (0.0, 0.0)
        return ConeLimb(self.camera, axis, self.half_angle + step[2], self.c2 + more[0], self.s2 + more[1], self.flat)

    def _excess(self, points: Floats) -> Floats:
        """Angle (n,) by which the pixels lie outside the cone."""
        d = self.camera.unproject(points)
        e1, e2 = tangent_basis(self.axis)
        x, y, z = d @ e1, d @ e2, d @ self.axis
        angle = np.arctan2(np.hypot(x, y), z)
        turn = 2.0 * np.arctan2(y, x)
        return np.asarray(angle - self.half_angle - self.c2 * np.cos(turn) - self.s2 * np.sin(turn))

    def residuals(self, points: Floats) -> Floats:
        """Distance (n,) outside the limb's image, px: the excess angle over its slope in the picture."""
        h = 0.25
        base = self._excess(points)
        gx = (self._excess(points + np.array([h, 0.0])) - self._excess(points - np.array([h, 0.0]))) / (2.0 * h)
        gy = (self._excess(points + np.array([0.0, h])) - self._excess(points - np.array([0.0, h]))) / (2.0 * h)
        return np.asarray(base / np.hypot(gx, gy))

    def steps(self) -> Floats:
        """Steps: a thousandth of the angle of a pixel at the limb."""
        scale = 1e-4 * max(self.half_angle, 1e-7)
        return np.full(5 if self.flat else 3, scale)

    def outline(self, n: int = POLAR) -> Floats:
        """Pixels (n, 2) of the limb; NaN where the camera can't see it."""
        e1, e2 = tangent_basis(self.axis)
        t = np.arange(n) * (2.0 * np.pi / n)
        rho = self.half_angle + self.c2 * np.cos(2.0 * t) + self.s2 * np.sin(2.0 * t)
        across = np.cos(t)[:, None] * e1 + np.sin(t)[:, None] * e2
        return np.asarray(self.camera.project(np.cos(rho)[:, None] * self.axis + np.sin(rho)[:, None] * across))


@dataclass(frozen=True, eq=False)
class Polar:
    """A limb as radius over angle about a point inside it."""

    x: float
    y: float
    radius: Floats

    @cached_property
    def mean(self) -> float:
        """Mean radius."""
        return float(self.radius.mean())

    def points(self, angles: Floats, outward: Floats) -> Floats:
        """Points (n, 2) at polar angles, moved outward along the limb's normal by ``outward`` (n,) px."""
        return np.asarray(_polar_points(self.x, self.y, self.radius, slope_of(self.radius), angles, outward))


@njit(nogil=True, cache=True)
def _polar_points(x: float, y: float, radius: Floats, slope: Floats, angles: Floats, outward: Floats) -> Floats:
    n = len(radius)
    points = np.empty((len(angles), 2))
    for k in range(len(angles)):
        place = (angles[k] / (2.0 * np.pi)) % 1.0 * n
        i = min(int(place), n - 1)
        j = i + 1 if i + 1 < n else 0
        r = radius[i] + (place - i) * (radius[j] - radius[i])
        dr = slope[i] + (place - i) * (slope[j] - slope[i])
        cos, sin = math.cos(angles[k]), math.sin(angles[k])
        size = math.hypot(r, dr)
        points[k, 0] = x + r * cos + outward[k] * (r * cos + dr * sin) / size
        points[k, 1] = y + r * sin + outward[k] * (r * sin - dr * cos) / size
    return points


def polar_of(limb: CircleLimb | EllipseLimb | ConeLimb) -> Polar:
    """The polar table of a limb; GeometryError where the camera sees none of it."""
    t = np.arange(POLAR) * (2.0 * np.pi / POLAR)
    if isinstance(limb, CircleLimb):
        return Polar(limb.x, limb.y, np.full(POLAR, limb.radius))
    if isinstance(limb, EllipseLimb):
        e = limb.ellipse()
        r = (
            e.semi_minor
            * e.semi_major
            / np.hypot(e.semi_minor * np.cos(t - e.angle), e.semi_major * np.sin(t - e.angle))
        )
        return Polar(limb.x, limb.y, r)
    pixels = limb.outline()
    seen = np.isfinite(pixels).all(axis=1)
    if np.count_nonzero(seen) < 8:
        raise GeometryError("the limb's cone lies outside the camera's model; check the camera")
    pixels = pixels[seen]
    try:
        e = fit_ellipse(pixels)
        x, y = e.x, e.y
    except (GeometryError, np.linalg.LinAlgError):
        x, y = pixels.mean(axis=0)
    dx, dy = pixels[:, 0] - x, pixels[:, 1] - y
    angle = np.arctan2(dy, dx) % (2.0 * np.pi)
    order = np.argsort(angle)
    return Polar(float(x), float(y), np.interp(t, angle[order], np.hypot(dx, dy)[order], period=2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class LimbFit:
    """A fitted limb.

    Attributes:
        limb: the curve.
        residuals: (n,) px, outward positive.
        covariance: (p, p) of the parameters, scaled by the points' real scatter.
        chi_square: of the points' own variances, per degree of freedom.
        gain: (p, n) change of the parameters by each point's move outward.
    """

    limb: CircleLimb | EllipseLimb | ConeLimb
    residuals: Floats
    covariance: Floats
    chi_square: float
    gain: Floats


def _derivatives(limb: CircleLimb | EllipseLimb | ConeLimb, points: Floats, residual: Floats) -> Floats:
    """Change (n, p) of the points' residuals by each parameter."""
    if isinstance(limb, CircleLimb):
        return np.asarray(_circle_derivatives(points, limb.x, limb.y))
    steps = limb.steps()
    if isinstance(limb, EllipseLimb):
        return np.asarray(_ellipse_derivatives(points, limb.parameters, steps, residual))
    moved = [limb.moved(step).residuals(points) for step in np.diag(steps)]
    return np.column_stack([(m - residual) / h for m, h in zip(moved, steps, strict=True)])


@njit(nogil=True, cache=True)
def _huber_weights(residual: Floats, base: Floats) -> Floats:
    """Weights (n,) from the inverse variances ``base``, lower where a residual exceeds the typical one."""
    size = np.abs(residual) * np.sqrt(base)
    scale = max(1.4826 * median(size), 1e-9)
    weight: Floats = base * np.minimum(_HUBER * scale / np.maximum(size, 1e-12), 1.0)
    return weight


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _step(design: Floats, residual: Floats, weight: Floats) -> tuple[Floats, Floats, Floats, float]:
    """Step (p,) of least squares, its normal matrix in unknowns scaled by a size (p,), that, and the largest move.

    The columns differ by orders of magnitude (rad and px), hence the scale; a size of 0 has no solution.
    """
    n, p = design.shape
    normal = np.zeros((p, p))
    right = np.zeros(p)
    for i in range(n):
        for a in range(p):
            by = weight[i] * design[i, a]
            right[a] -= by * residual[i]
            for b in range(a + 1):
                normal[a, b] += by * design[i, b]
    size = np.sqrt(np.diag(normal))
    if not (size > 0.0).all():
        return np.zeros(p), normal, size, 0.0
    for a in range(p):
        for b in range(a + 1):
            normal[a, b] /= size[a] * size[b]
            normal[b, a] = normal[a, b]
    step = np.linalg.solve(normal, right / size) / size
    most = 0.0
    for i in range(n):
        move = 0.0
        for a in range(p):
            move += design[i, a] * step[a]
        most = max(most, abs(move))
    return step, normal, size, most


def fit_limb(
    limb: CircleLimb | EllipseLimb | ConeLimb, points: Floats, variance: Floats, *, robust: bool = True
) -> LimbFit | None:
    """Least squares of the points' distances from a limb, from a starting curve.

    Args:
        limb: start.
        points: (n, 2) px.
        variance: (n,) of each point along the limb's normal, px^2.
        robust: Huber's weights, so that a mountain or a star doesn't pull.

    Returns:
        The fit, or None without convergence.
    """
    base = 1.0 / variance
    for _ in range(_TURNS):
        residual = limb.residuals(points)
        if not np.isfinite(residual).all():
            return None
        design = _derivatives(limb, points, residual)
        weight = _huber_weights(residual, base) if robust else base
        try:
            step, normal, size, most = _step(design, residual, weight)
        except np.linalg.LinAlgError:
            return None
        if not (size > 0.0).all():
            return None
        limb = limb.moved(step)
        if most < _CONVERGED_PX:
            break
    else:
        return None
    residual = limb.residuals(points)
    freedom = max(len(points) - design.shape[1], 1)
    chi = float(np.sum(weight * residual**2)) / freedom
    inverse = np.linalg.inv(normal) / np.outer(size, size)
    # Points' variances are estimated from the pixels; terrain and clouds scatter more and raise the covariance.
    # Residuals fall as parameters grow, hence the sign.
    gain = -inverse @ (design * weight[:, None]).T
    return LimbFit(limb, residual, inverse * max(chi, 1.0), chi, gain)
