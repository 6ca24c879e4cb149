"""Which body hides which: depth order and the state of a transit or occultation."""

from __future__ import annotations

from typing import Literal

import numpy as np

from terraluna.ephemeris import unit
from terraluna.scene.bodies import BodyView

Event = Literal["clear", "moon_transits_earth", "earth_transits_moon", "moon_hidden", "earth_hidden", "partial"]

# Samples of the limb; the depth of a limb point inside the other disc is smooth, so a parabola through the extreme
# sample and its neighbours finds the extreme to about (2 pi / n)^4 of the disc's size.
_LIMB_SAMPLES = 180


def depth_order(earth: BodyView, moon: BodyView) -> tuple[str, str]:
    """Names of the two bodies, nearest first."""
    return ("earth", "moon") if earth.range_km <= moon.range_km else ("moon", "earth")


def classify_event(earth: BodyView, moon: BodyView) -> Event:
    """State of the two discs in the observer's sky, from the exact limbs of both ellipsoids."""
    near, far = (earth, moon) if earth.range_km <= moon.range_km else (moon, earth)
    near_low, near_high = _depth_in(near, far)
    far_low, far_high = _depth_in(far, near)
    if near_low >= 0.0:
        return "moon_transits_earth" if near is moon else "earth_transits_moon"
    if far_low >= 0.0:
        return "earth_hidden" if near is moon else "moon_hidden"
    return "partial" if near_high > 0.0 or far_high > 0.0 else "clear"


def _depth_in(body: BodyView, other: BodyView) -> tuple[float, float]:
    """Least and greatest depth of ``body``'s limb inside ``other``'s disc: positive inside, zero on its limb."""
    rays = unit(body.limb_j2000_km(_LIMB_SAMPLES))
    depth = np.einsum("ij,jk,ik->i", rays, other.cone, rays)
    # The cone is double: rays on the far side of the sky are outside.
    depth = np.where(rays @ other.center_j2000_km > 0.0, depth, -1.0)
    return -_extreme(-depth), _extreme(depth)


def _extreme(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Maximum of a smooth periodic sequence, with a parabola through the greatest sample and its neighbours."""
    i = int(np.argmax(values))
    a, b, c = values[i - 1], values[i], values[(i + 1) % len(values)]
    curve = a - 2.0 * b + c
    return float(b if curve >= 0.0 else b - (c - a) ** 2 / (8.0 * curve))
