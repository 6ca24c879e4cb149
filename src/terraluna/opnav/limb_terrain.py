"""Where mountains put the Moon's limb: the outline of the relief as an observer sees it, point by point.

Terrain stands out by kilometres: 3 px in a picture from 3,000 km, half a pixel in EPIC's from a million.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import MOON_RADII_KM
from terraluna.opnav.baseline import baseline
from terraluna.opnav.dating import SEARCH_S, PictureTime, arc_center, date_by_limb
from terraluna.opnav.sequential import SeriesFrame
from terraluna.opnav.types import Floats, LimbDirections
from terraluna.opnav.vectors import tangent_basis, two_vector_rotation, unit
from terraluna.render.maps import load_moon_maps
from terraluna.render.moon.silhouette import limb_frame, limb_heights_km
from terraluna.trajectory.base import Trajectory

RELIEF_SIGMA_KM: Final = 0.5
"""What the packaged relief (a quarter of a degree, 7.6 km) leaves out, common to a short arc."""

MEAN_HEIGHT_KM: Final = 0.55
HEIGHT_SIGMA_KM: Final = 2.3
ALIKE_RAD: Final = float(np.radians(40.0))
"""Height of the outline over the sphere, its standard deviation, and the stretch of limb that counts as one height, by
circles through the outline from 200 random directions with the packaged relief: arcs of 120 to 180 degrees give 13 to
55 degrees. The Moon's shape is mostly waves longer than that."""

_ACROSS = 9


def silhouette_radii(moon_km: Floats, limb: Floats, rotation: Floats) -> Floats:
    """Radius (n,) km from the Moon's centre that the outline has in each direction.

    Args:
        moon_km: (3,) observer -> Moon's centre, in any frame.
        limb: (n, 3) directions of the limb's points, in that frame.
        rotation: (3, 3) that frame -> Moon-fixed.
    """
    observer = -(rotation @ moon_km)
    _, first, second = limb_frame(observer)
    fixed = limb @ rotation.T
    angles = np.arctan2(fixed @ second, fixed @ first)
    radius = MOON_RADII_KM[0]
    return np.asarray(radius + limb_heights_km(load_moon_maps().relief_m.base, observer, radius, angles))


def leveled(limb: LimbDirections, moon_km: Floats, camera_to_moon: Floats) -> LimbDirections:
    """The limb's points where the sphere's limb would be: without what the relief adds to it.

    Args:
        limb: points on the Moon's limb, camera frame.
        moon_km: (3,) observer -> Moon's centre, camera frame; an error of some per cent does no harm.
        camera_to_moon: (3, 3) camera frame -> Moon-fixed, to about a degree: relief is alike that far.
    """
    axis = unit(moon_km)
    angle = _angles(limb, axis)
    # A point is the mean over its stretch of limb, which reaches half way to its neighbours.
    around = (angle + np.linspace(-0.5, 0.5, _ACROSS)[:, None] * _spacing(angle)).ravel()
    e1, e2 = tangent_basis(axis)
    distance = float(np.linalg.norm(moon_km))
    cone = MOON_RADII_KM[0] / distance
    tangent = np.outer(np.cos(around), e1) + np.outer(np.sin(around), e2)
    rays = np.sqrt(1.0 - cone**2) * axis + cone * tangent
    radii = silhouette_radii(moon_km, rays, camera_to_moon).reshape(_ACROSS, -1).mean(axis=0)
    turn = (np.arcsin(radii / distance) - np.arcsin(cone))[:, None]
    # Each direction turns toward the centre by as much as the ground stands out.
    return replace(limb, directions=np.cos(turn) * limb.directions + np.sin(turn) * _inward(limb, axis))


def roughened(limb: LimbDirections, moon_km: Floats) -> LimbDirections:
    """The limb's points with relief as an error, for a Moon whose orientation isn't known.

    Neighbours stand on the same ground, so each point gets the variance that makes a fit of them as independent ones
    come out right.

    Args:
        limb: points on the Moon's limb, camera frame.
        moon_km: (3,) observer -> Moon's centre, camera frame.
    """
    axis = unit(moon_km)
    together = max(ALIKE_RAD / _spacing(_angles(limb, axis)), 1.0)
    inward = _inward(limb, axis)
    variance = together * (HEIGHT_SIGMA_KM / float(np.linalg.norm(moon_km))) ** 2
    added = variance * inward[:, :, None] * inward[:, None, :]
    return replace(limb, covariance_rad2=limb.covariance_rad2 + added)


def _angles(limb: LimbDirections, axis: Floats) -> Floats:
    """Angles (n,) of a limb's points about the body's direction."""
    e1, e2 = tangent_basis(axis)
    return np.asarray(np.arctan2(limb.directions @ e2, limb.directions @ e1))


def _inward(limb: LimbDirections, axis: Floats) -> Floats:
    """Unit vectors (n, 3) across a limb's directions, toward the body's."""
    return unit(axis - (limb.directions @ axis)[:, None] * limb.directions)


def _spacing(angle: Floats) -> float:
    """Angle between neighbouring points."""
    return float(np.median(np.diff(np.sort(angle)))) if len(angle) > 1 else 2.0 * np.pi


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
