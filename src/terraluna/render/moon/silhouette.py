"""The Moon's outline: how far mountains and valleys stand above or below the limb of the sphere, around the disc."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit, prange

from terraluna.render.angles import fast_atan2
from terraluna.render.moon.castshadow import height_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.pyramid import Pyramid

MOST_DIRECTIONS: Final = 5760
"""Directions around the disc are no closer: four a cell of the packaged relief map."""

REACH_RAD: Final = 0.13
"""Ground farther than this from the limb of the sphere cannot show: the dip of the highest peak (10.8 km) is 0.11 rad,
and the lowest ground (-9.1 km) lets peaks be seen 0.02 rad deeper."""

SHIFT_RAD: Final = 0.03
"""10.8 km over the distance to the horizon, from 35 km above the ground; less from higher up."""

STEP_CELLS: Final = 0.5
"""Step along the line of sight, cells of the relief map: its heights are bilinear between the cells' centres."""


@njit(cache=True, parallel=True, error_model="numpy")
def _march(relief_m, exaggeration, radius_km, distance_km, frame, angles, step, out):  # type: ignore[no-untyped-def]
    """Write the silhouette's height in each direction; see `limb_heights_km`."""
    middle = math.acos(min(1.0, radius_km / distance_km))
    steps = math.ceil(REACH_RAD / step)
    top_km = radius_km + exaggeration * 1e-3 * relief_m.max()
    for i in prange(out.size):
        c = math.cos(angles[i])
        s = math.sin(angles[i])
        ux = c * frame[1, 0] + s * frame[2, 0]
        uy = c * frame[1, 1] + s * frame[2, 1]
        uz = c * frame[1, 2] + s * frame[2, 2]
        highest = 0.0
        for k in range(2 * steps + 1):
            # From the limb of the sphere outward, until not even the highest ground could stand out. A ray past high
            # ground comes nearest to the centre up to SHIFT_RAD from where the sphere's own limb is.
            offset = ((k + 1) // 2) * step * (1.0 if k % 2 == 0 else -1.0)
            if top_km * math.cos(max(0.0, abs(offset) - SHIFT_RAD)) <= highest:
                break
            theta = middle + offset
            if theta <= 0.0:
                continue
            sine = math.sin(theta)
            cosine = math.cos(theta)
            x = cosine * frame[0, 0] + sine * ux
            y = cosine * frame[0, 1] + sine * uy
            z = cosine * frame[0, 2] + sine * uz
            lat = fast_atan2(z, math.sqrt(x * x + y * y))
            r = radius_km + exaggeration * height_at(relief_m, lat, fast_atan2(y, x))
            across = r * sine
            along = distance_km - r * cosine
            # Distance of the centre from the ray through the point.
            impact = distance_km * across / math.sqrt(across * across + along * along)
            highest = max(highest, impact)
        out[i] = highest - radius_km


def limb_frame(observer_km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (3, 3) axes, body-fixed: toward the observer, and two across from which directions are counted.

    Args:
        observer_km: (3,) body centre to observer, body-fixed.
    """
    axis = observer_km / np.linalg.norm(observer_km)
    helper = np.zeros(3)
    helper[int(np.argmin(np.abs(axis)))] = 1.0
    first = np.cross(axis, helper)
    first /= np.linalg.norm(first)
    return np.ascontiguousarray([axis, first, np.cross(axis, first)])


def limb_heights_km(
    relief_m: NDArray[np.float32],
    observer_km: NDArray[np.float64],
    radius_km: float,
    angles: NDArray[np.float64],
    exaggeration: float = 1.0,
) -> NDArray[np.float64]:
    """Return the silhouette's height above the limb of the sphere in some directions, (n,) km.

    The height is that of the impact parameter: the distance of the Moon's centre from the ray that touches the ground
    in that direction, less the radius.

    Args:
        relief_m: (h, w) heights above the sphere, m.
        observer_km: (3,) Moon's centre to observer, body-fixed, outside the highest ground.
        radius_km: of the sphere.
        angles: (n,) directions around the disc, from the second axis of `limb_frame` toward the third, rad.
        exaggeration: factor on the heights.
    """
    out = np.empty(angles.size)
    step = STEP_CELLS * math.pi / relief_m.shape[0]
    distance = float(np.linalg.norm(observer_km))
    _march(relief_m, float(exaggeration), radius_km, distance, limb_frame(observer_km), angles, step, out)
    return out


def even_angles(count: int) -> NDArray[np.float64]:
    """Return ``count`` angles around a circle, from -pi on, rad."""
    return np.asarray(-math.pi + 2.0 * math.pi / count * np.arange(count), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Silhouette:
    """The outline of the Moon as an observer sees it.

    Attributes:
        frame: (3, 3) axes of `limb_frame`.
        heights: (n,) `limb_heights_km` in radii, at n even steps of the angle from -pi on.
    """

    frame: NDArray[np.float64]
    heights: NDArray[np.float64]


@lru_cache(maxsize=4)
def moon_silhouette(
    relief_m: Pyramid,
    observer_km: tuple[float, float, float],
    radius_km: float,
    directions: int,
    exaggeration: float,
) -> Silhouette:
    """Return the silhouette; the last few are kept, since a frame may be made in strips.

    Args:
        relief_m: the relief map. Its full copy is used for small discs too: the mean silhouette of smoothed ground is
            half a kilometre lower, since it is the highest ground that shows.
        observer_km: Moon's centre to observer, body-fixed.
        radius_km: of the sphere.
        directions: wished for; at least 64 and at most `MOST_DIRECTIONS` are made.
        exaggeration: factor on the heights.
    """
    observer = np.array(observer_km)
    angles = even_angles(min(max(directions, 64), MOST_DIRECTIONS))
    heights = limb_heights_km(relief_m.base, observer, radius_km, angles, exaggeration)
    return Silhouette(limb_frame(observer), heights / radius_km)
