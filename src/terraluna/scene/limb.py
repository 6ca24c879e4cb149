"""The outline of an ellipsoid seen from outside: its cone of tangent rays and its image.

With A = R' diag(1/a^2, 1/b^2, 1/c^2) R the shape in the axes of the line of sight and c the vector from the eye to the
centre, the tangent directions s satisfy s' M s = 0 with M = A c c' A - (c' A c - 1) A.
Source: Christian 2021, IEEE Access 9, 19819, doi 10.1109/ACCESS.2021.3051914.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.ephemeris import unit
from terraluna.ephemeris.segments import Floats
from terraluna.errors import GeometryError


def shape_matrix(radii_km: Floats, rotation: Floats) -> Floats:
    """A (3, 3), 1/km^2, in the axes that ``rotation`` (3, 3) turns into body-fixed ones: l' A l = 1 on the surface."""
    return np.asarray(rotation.T @ np.diag(1.0 / np.square(radii_km)) @ rotation)


def limb_cone(radii_km: Floats, rotation: Floats, center_km: Floats) -> Floats:
    """M (3, 3) of the tangent cone, scaled so that s' M s is positive inside and about 1 - (angle / radius)^2 there."""
    A = shape_matrix(radii_km, rotation)
    Ac = A @ center_km
    k = float(center_km @ Ac)
    if k <= 1.0:
        raise GeometryError("the observer is inside the body; check the trajectory and its centre")
    return np.asarray(np.outer(Ac, Ac) / (k - 1.0) - A) * float(np.max(radii_km)) ** 2


def limb_points(radii_km: Floats, rotation: Floats, center_km: Floats, n: int = 360) -> Floats:
    """Tangent points (n, 3) from the eye, km, in the axes of ``center_km``; GeometryError for an eye inside."""
    q = -(rotation @ center_km) / radii_km
    k = float(q @ q)
    if k <= 1.0:
        raise GeometryError("the observer is inside the body; check the trajectory and its centre")
    # In the space where the body is the unit sphere the limb is a circle around the eye's direction.
    axis = q / np.sqrt(k)
    e1 = unit(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
    e2 = np.cross(axis, e1)
    t = np.linspace(0.0, 2.0 * np.pi, n, endpoint=False)[:, None]
    circle = axis / np.sqrt(k) + np.sqrt(1.0 - 1.0 / k) * (np.cos(t) * e1 + np.sin(t) * e2)
    return np.asarray((circle * radii_km) @ rotation + center_km)


@dataclass(frozen=True)
class Ellipse:
    """An ellipse in the image: centre and semi-axes in px, angle of the long axis from +x toward +y, rad."""

    x: float
    y: float
    semi_major: float
    semi_minor: float
    angle: float

    @property
    def radius(self) -> float:
        """Radius of the circle of the same area, px."""
        return float(np.sqrt(self.semi_major * self.semi_minor))


def fit_ellipse(points: Floats) -> Ellipse:
    """Ellipse through exact points (n, 2) by linear least squares of the conic; exact when they lie on one.

    Meant for noise-free outlines: the algebraic fit is biased for noisy ones.
    """
    middle = points.mean(axis=0)
    scale = float(np.sqrt(np.mean((points - middle) ** 2)))
    x, y = ((points - middle) / scale).T
    design = np.column_stack([x * x, x * y, y * y, x, y])
    a, b, c, d, e = np.linalg.lstsq(design, np.ones(len(x)), rcond=None)[0]
    Q = np.array([[a, b / 2.0], [b / 2.0, c]])
    center = np.linalg.solve(Q, [-d / 2.0, -e / 2.0])
    level = 1.0 + float(center @ Q @ center)
    values, vectors = np.linalg.eigh(Q / level)
    if values[0] <= 0.0:
        raise GeometryError(
            "the outline in the image is not an ellipse: part of the body is beside or behind the camera"
        )
    minor, major = (float(v) for v in 1.0 / np.sqrt(values[::-1]))
    angle = float(np.arctan2(vectors[1, 0], vectors[0, 0])) % np.pi
    cx, cy = middle + scale * center
    return Ellipse(float(cx), float(cy), major * scale, minor * scale, angle)
