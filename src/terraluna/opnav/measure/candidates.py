"""Discs worth measuring: circles of outlines that bend, are sharp and border on the sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.opnav.measure.circles import Circle, find_circles
from terraluna.opnav.measure.contours import Component, components
from terraluna.opnav.measure.picture import Prepared
from terraluna.opnav.measure.types import MeasureOptions
from terraluna.opnav.types import Floats

_LEAST_SHARE = 0.45
"""Least share of a region's outer outline that lies on the circle; photographs of other things stay below."""

_LEAST_SAGITTA_PX = 1.5
_LEAST_BEND = 0.008
"""Least sagitta over the length of the arc: a flatter one is a straight edge or a lost row."""

_LARGEST = 6.0
"""Largest radius over the longer side of the frame."""

_SHARP = 0.3
"""Least rise from 3 px outside to 3 px inside, over the region's own brightness; the skirts of a glare stay below."""

_NEAR_PX = 3.0
_FEW = 10


@dataclass(frozen=True, eq=False)
class Candidate:
    """A disc to be measured.

    Attributes:
        circle: x, y, radius, px.
        rim: (n, 5) its outline points, with the direction of the light.
        component: the lit region that it belongs to.
        share: of the region's outer outline on the circle.
        arc_rad: covered angle.
        first: whether it is the region's main disc.
        apart: how many lit regions the picture has beside this disc.
    """

    circle: tuple[float, float, float]
    rim: Floats
    component: Component
    share: float
    arc_rad: float
    first: bool
    apart: int = 0


def find_candidates(picture: Prepared, options: MeasureOptions) -> tuple[list[Candidate], list[str]]:
    """Discs of a picture, largest area first, and why lit regions are none."""
    found: list[Candidate] = []
    why: list[str] = []
    longest = max(picture.light.shape)
    regions = components(picture)
    for component in regions:
        if len(component.points) < _FEW or len(found) >= options.max_bodies:
            continue
        main = True
        for circle in find_circles(component.points, 2.0, 20.0 * longest, 3):
            reason = _reject(picture, component, circle, options, _LARGEST * longest, main)
            if reason:
                if component.area >= 60 or main:
                    why.append(reason)
                break
            candidate = Candidate(
                (circle.x, circle.y, circle.radius),
                component.points[circle.inliers],
                component,
                circle.share,
                circle.arc_rad,
                main,
                _apart(regions, circle),
            )
            if not any(_same(candidate, other) for other in found):
                found.append(candidate)
            main = False
    return found[: options.max_bodies], why


def _apart(regions: list[Component], circle: Circle) -> int:
    """How many regions lie outside a disc; clouds beyond a terminator lie inside."""
    return sum(bool(np.hypot(c.centroid[0] - circle.x, c.centroid[1] - circle.y) > circle.radius) for c in regions)


def _same(a: Candidate, b: Candidate) -> bool:
    """Whether a disc's outline lies on another's: a rough limb gives a second circle along the first."""
    x, y, r = b.circle
    off = np.abs(np.hypot(a.rim[:, 0] - x, a.rim[:, 1] - y) - r)
    return bool(np.median(off) < max(8.0, 0.03 * r)) and a.component is b.component


def _reject(
    picture: Prepared, component: Component, circle: Circle, options: MeasureOptions, largest: float, main: bool
) -> str:
    """Why a circle is no disc; empty if it is one."""
    rim = component.points[circle.inliers]
    if circle.radius < options.min_radius_px:
        return "unresolved"
    if circle.radius > largest:
        return "straight_edge"
    length = circle.arc_rad * circle.radius
    if circle.sagitta_px < max(_LEAST_SAGITTA_PX, _LEAST_BEND * length) or length < 8.0:
        return "straight_edge"
    if _sharpness(picture, component, rim) < _SHARP:
        return "soft_edge"
    if circle.radius < 3.0 * options.min_radius_px and _like_a_star(picture, circle):
        return "unresolved"
    outer = 0.35 * circle.radius * np.pi
    if main:
        if circle.share < _LEAST_SHARE:
            return "not_a_disc"
        own = np.count_nonzero(circle.inliers)
        inside_points = len(component.points)
        # A disc's outline is its limb and perhaps its terminator, which isn't longer than the limb by much.
        if own < 0.3 * inside_points:
            return "not_a_disc"
    elif length < min(outer, 60.0):
        # A second disc of the same region has to show a good part of itself, or it is a ragged bit of the first.
        return "not_a_disc"
    return ""


def _like_a_star(picture: Prepared, circle: Circle) -> bool:
    """Whether the light falls from the middle outward as a star's does: half gone at half the outline's radius.

    The outline of a bright star is drawn far down its skirts; a disc is as bright at half its radius as in the middle.
    """
    h, w = picture.light.shape
    y0, y1 = max(0, int(circle.y - circle.radius)), min(h, int(circle.y + circle.radius) + 2)
    x0, x1 = max(0, int(circle.x - circle.radius)), min(w, int(circle.x + circle.radius) + 2)
    gy, gx = np.mgrid[y0:y1, x0:x1]
    distance = np.hypot(gx - circle.x, gy - circle.y) / circle.radius
    light = picture.light[y0:y1, x0:x1] - picture.sky
    top = float(light.max())
    ring = light[(distance > 0.45) & (distance < 0.75)]
    return ring.size > 0 and float(np.percentile(ring, 80)) < 0.35 * top


def _sharpness(picture: Prepared, component: Component, rim: Floats) -> float:
    """Median rise of the light across the outline, over the region's brightness."""
    h, w = picture.light.shape
    inner = np.rint(rim[:, :2] + _NEAR_PX * rim[:, 2:4]).astype(int)
    outer = np.rint(rim[:, :2] - _NEAR_PX * rim[:, 2:4]).astype(int)
    inner = np.clip(inner, 0, [w - 1, h - 1])
    outer = np.clip(outer, 0, [w - 1, h - 1])
    rise = picture.light[inner[:, 1], inner[:, 0]] - picture.light[outer[:, 1], outer[:, 0]]
    return float(np.median(rise)) / max(component.brightness - picture.sky, 1e-12)
