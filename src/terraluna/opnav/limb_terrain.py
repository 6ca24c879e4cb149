"""Where mountains put the Moon's limb: the outline of the relief as an observer sees it, point by point.

Terrain stands out by kilometres: 3 px in a picture from 3,000 km.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import MOON_RADII_KM
from terraluna.opnav.baseline import baseline
from terraluna.opnav.dating import SEARCH_S, PictureTime, arc_center, date_by_limb
from terraluna.opnav.sequential import SeriesFrame
from terraluna.opnav.types import Floats, LimbDirections
from terraluna.opnav.vectors import two_vector_rotation, unit
from terraluna.render.maps import load_moon_maps
from terraluna.render.moon.silhouette import limb_frame, limb_heights_km
from terraluna.trajectory.base import Trajectory

RELIEF_SIGMA_KM: Final = 0.5
"""What the packaged relief (a quarter of a degree, 7.6 km) leaves out, common to a short arc."""


def silhouette_radii(moon_km: Floats, limb_j2000: Floats, rotation: Floats) -> Floats:
    """Radius (n,) km from the Moon's centre that the outline has in each direction.

    Args:
        moon_km: (3,) observer -> Moon's centre, J2000.
        limb_j2000: (n, 3) directions of the limb's points, J2000.
        rotation: (3, 3) J2000 -> Moon-fixed.
    """
    observer = -(rotation @ moon_km)
    _, first, second = limb_frame(observer)
    fixed = limb_j2000 @ rotation.T
    angles = np.arctan2(fixed @ second, fixed @ first)
    radius = MOON_RADII_KM[0]
    return np.asarray(radius + limb_heights_km(load_moon_maps().relief_m.base, observer, radius, angles))


def date_by_terrain(
    frame: SeriesFrame,
    limb: LimbDirections,
    trajectory: Trajectory,
    ephemeris: Ephemeris,
    *,
    systematic_rad: float,
    scale_sigma: float,
    search_s: float = SEARCH_S,
) -> PictureTime:
    """Clock offset from a short piece of the Moon's limb beside the whole Earth, with the relief at that limb.

    Arguments, result and errors as for :func:`~terraluna.opnav.dating.date_by_limb`; what the relief leaves out is
    added to the systematic error.
    """
    earth = next((s for s in frame.sights if s.body == "earth"), None)
    found = date_by_limb(
        frame, limb, trajectory, ephemeris, systematic_rad=systematic_rad, scale_sigma=scale_sigma, search_s=search_s
    )
    for _ in range(2):
        if found.status == "refused" or earth is None:
            return found
        et = frame.et + found.offset_s
        state = trajectory.states_about("earth", [et], ephemeris)[0]
        place = baseline(ephemeris, et, state[:3], state[3:])
        to_earth, to_moon = place.earth_km - state[:3], place.moon_km - state[:3]
        distance = float(np.linalg.norm(to_moon))
        apart = float(np.arccos(unit(to_earth) @ unit(to_moon)))
        middle = arc_center(limb.directions, float(np.arcsin(MOON_RADII_KM[0] / distance)), earth.direction, apart)
        attitude = two_vector_rotation(unit(to_earth), unit(to_moon), earth.direction, middle)
        radii = silhouette_radii(to_moon, limb.directions @ attitude, ephemeris.rotation("moon", et))
        terrain = RELIEF_SIGMA_KM / float(np.sqrt(distance**2 - MOON_RADII_KM[0] ** 2))
        found = date_by_limb(
            frame, limb, trajectory, ephemeris, radius_km=radii, scale_sigma=scale_sigma, search_s=search_s,
            systematic_rad=float(np.hypot(systematic_rad, terrain)),
        )  # fmt: skip
    return found
