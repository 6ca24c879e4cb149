"""Pictures whose scale nobody knows: cropped, resized, published. Both discs and the Earth-Moon distance give it back.

With both radii R and the separation D in pixels, the focal length f (px) puts a body of radius rho at f rho / R. The
triangle of both bodies then has to close on the Earth-Moon distance d:

    d^2 = f^2 (rho_e/R_e - rho_m/R_m)^2 + (rho_e/R_e)(rho_m/R_m) D^2.

The ratio of the discs gives the range, the separation the direction from the line of both bodies; what remains free is
the turn about that line, as in any frame. Angles are taken as small, which such pictures of distant bodies meet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.errors import RefusedError
from terraluna.missions.model import PictureEvidence
from terraluna.opnav.baseline import baseline
from terraluna.opnav.evidence import DirectionLaw, SunEvidence
from terraluna.opnav.limb_height import limb_height_prior
from terraluna.opnav.measure import MeasuredBody
from terraluna.opnav.sights import DIRECTION_SIGMA_DEG
from terraluna.opnav.twobody import fix_two_bodies
from terraluna.opnav.types import BodyFix, Floats, PositionFix
from terraluna.opnav.vectors import tangent_basis, unit

EARTH_RADIUS_SIGMA_KM: Final = 6.0
"""Mean radius for an ellipse of unknown orientation (4 km) and the height of the limb (a few km)."""

MOST_RAD: Final = 0.2
"""Largest angle for which sines are replaced: an error of 0.7 %, as large as the discs' own."""

MOST_RANGE_SIGMA: Final = 0.3
"""A range less certain than this share of it is none: the covariance doesn't describe it."""

SHORT_ARC_PX: Final = 1.5
"""Systematic error of a disc known from a short arc: the Moon in the transit still is off by 1-2 px."""

_NAMES: Final = ("earth", "moon")


@dataclass(frozen=True)
class ScaleFreeFix:
    """A position from a picture of unknown scale.

    Attributes:
        fix: place and attitude; its covariance contains that of the scale.
        focal_px, focal_sigma_px: what the scale came out as.
        ranges_km, ranges_sigma_km: of Earth and Moon (2,).
    """

    fix: PositionFix
    focal_px: float
    focal_sigma_px: float
    ranges_km: Floats
    ranges_sigma_km: Floats


@dataclass(frozen=True)
class _Discs:
    """Places (2, 2), radii (2,) and errors (2, 3) of x, y, radius in px; radii of the bodies (2,) km."""

    places: Floats
    radii: Floats
    sigmas: Floats
    bodies_km: Floats

    def moved(self, body: int, axis: int, step: float) -> _Discs:
        """With one number changed: axis 0, 1 the place, 2 the radius in the picture, 3 the body's own."""
        places, radii, own = self.places.copy(), self.radii.copy(), self.bodies_km.copy()
        if axis < 2:
            places[body, axis] += step
        elif axis == 2:
            radii[body] += step
        else:
            own[body] += step
        return replace(self, places=places, radii=radii, bodies_km=own)

    def focal(self, distance_km: float) -> float:
        """Focal length, px, at which the triangle closes; RefusedError where none does."""
        e, m = self.bodies_km / self.radii
        across = math.sqrt(e * m) * math.dist(self.places[0], self.places[1])
        if across >= distance_km or e == m:
            raise RefusedError("the discs don't fit the distance of Earth and Moon at any scale")
        return math.sqrt(distance_km**2 - across**2) / float(abs(e - m))


def scale_free_evidence(
    bodies: Mapping[str, MeasuredBody], sun_rad: Mapping[str, float], name: str, systematic_px: float
) -> PictureEvidence:
    """The numbers of a picture that don't depend on its scale, for :func:`~terraluna.missions.dating.date_picture`.

    Args:
        bodies: measured discs of "earth" and "moon".
        sun_rad: from :func:`~terraluna.opnav.sights.sun_angles`.
        name: of the picture.
        systematic_px: error of centre and radius of each disc.

    Raises:
        RefusedError: not both bodies were measured.
    """
    discs = _discs(bodies, systematic_px)
    apart = math.dist(discs.places[0], discs.places[1])
    diameter = 2.0 * float(discs.radii[0])
    sigma = apart / diameter * math.hypot(
        float(np.hypot(*discs.sigmas[:, 0])) / apart, float(discs.sigmas[0, 2]) / float(discs.radii[0])
    )  # fmt: skip
    dx, dy = discs.places[1] - discs.places[0]
    pair = math.degrees(math.atan2(dy, dx))

    def direction(body: str) -> float | None:
        # Counter-clockwise in the sky; image angles run clockwise.
        return None if body not in sun_rad else (pair - math.degrees(sun_rad[body]) + 180.0) % 360.0 - 180.0

    return PictureEvidence(
        file=name,
        separation_over_earth_diameter=apart / diameter,
        separation_over_earth_diameter_sigma=sigma,
        earth_bright_limb_minus_pair_deg=direction("earth"),
        moon_bright_limb_minus_pair_deg=direction("moon"),
        direction_sigma_deg=DIRECTION_SIGMA_DEG,
        source="measured",
    )


def scale_free_fix(
    bodies: Mapping[str, MeasuredBody],
    ephemeris: Ephemeris,
    et: float,
    *,
    systematic_px: float,
    sun_rad: Mapping[str, float] | None = None,
    laws: Sequence[DirectionLaw] = (),
    north_deg: float | None = None,
    north_sigma_deg: float = 20.0,
) -> ScaleFreeFix:
    """Place of the camera of a picture of unknown scale.

    Args:
        bodies: measured discs of "earth" and "moon".
        ephemeris: open ephemeris.
        et: time of the picture.
        systematic_px: error of centre and radius of each disc.
        sun_rad: from :func:`~terraluna.opnav.sights.sun_angles`.
        laws: directions known in camera and in J2000.
        north_deg: direction of the Earth's north in the picture, from up, counter-clockwise.
        north_sigma_deg: its standard deviation.

    Raises:
        RefusedError: a body is missing, no scale closes the triangle, the discs' ratio gives no range, or the field is
            too wide.
    """
    discs = _discs(bodies, systematic_px)

    def solve(given: _Discs) -> tuple[float, Floats, PositionFix]:
        # The distance that counts is that of the places that the light left from.
        position = ephemeris.position("moon", et, "earth")
        for _ in range(3):
            ends = baseline(ephemeris, et, position)
            focal = given.focal(float(np.linalg.norm(ends.moon_km - ends.earth_km)))
            fixes = _body_fixes(given, focal)
            sun = _sun(sun_rad or {}, given, focal, ephemeris, et, north_deg, north_sigma_deg)
            fix = fix_two_bodies(fixes[0], fixes[1], ends, sun=sun, laws=laws)
            if fix.status == "refused":
                break
            position = fix.position_earth_j2000_km
        return focal, np.array([f.range_km for f in fixes]), fix

    focal, ranges, fix = solve(discs)
    if float(discs.radii.max()) + math.dist(discs.places[0], discs.places[1]) > MOST_RAD * focal:
        raise RefusedError("the field is too wide for a picture of unknown scale: name its camera")
    change_focal, change_ranges = [], []
    spread = np.zeros((3, 3))
    # One standard deviation of each measured number, the scale found anew each time.
    steps = [(b, a, float(discs.sigmas[b, a])) for b in range(2) for a in range(3)]
    for body, axis, step in (*steps, (0, 3, EARTH_RADIUS_SIGMA_KM)):
        other, moved, again = solve(discs.moved(body, axis, step))
        change_focal.append(other - focal)
        change_ranges.append(moved - ranges)
        if fix.status != "refused" and again.status != "refused":
            options = [again, *again.alternatives]
            differences = [f.position_earth_j2000_km - fix.position_earth_j2000_km for f in options]
            difference = min(differences, key=lambda d: float(d @ d))
            spread += np.outer(difference, difference)
    sigmas = np.sqrt(np.sum(np.square(change_ranges), axis=0))
    if (sigmas > MOST_RANGE_SIGMA * ranges).any():
        raise RefusedError("the ratio of the discs is too near that of equal distances: it gives no range")
    if fix.status != "refused":
        fix = _with_spread(fix, spread, ephemeris.position("moon", et, "earth"))
    return ScaleFreeFix(
        fix,
        focal,
        float(np.linalg.norm(change_focal)),
        ranges,
        sigmas,
    )


def _discs(bodies: Mapping[str, MeasuredBody], systematic_px: float) -> _Discs:
    missing = [name for name in _NAMES if name not in bodies or bodies[name].limb is None]
    if missing:
        raise RefusedError(f"the {' and the '.join(missing)} isn't measured: a picture of unknown scale needs both")
    both = [bodies[name] for name in _NAMES]
    sigmas = np.array([np.sqrt(np.diag(b.covariance)) for b in both])
    floor = np.array([SHORT_ARC_PX if "short_arc" in b.reasons else systematic_px for b in both])
    earth = float(np.mean([EARTH_RADII_KM[0], EARTH_RADII_KM[0], EARTH_RADII_KM[2]]))
    return _Discs(
        np.array([[b.x, b.y] for b in both]),
        np.array([b.radius for b in both]),
        np.hypot(sigmas, floor[:, None]),
        np.array([earth + limb_height_prior("visible").mean_km, MOON_RADII_KM[0]]),
    )


def _body_fixes(discs: _Discs, focal: float) -> list[BodyFix]:
    """Both bodies in a camera that looks at the middle between them."""
    middle = discs.places.mean(axis=0)
    out = []
    for name, place, radius, sigma, own in zip(
        _NAMES, discs.places, discs.radii, discs.sigmas, discs.bodies_km, strict=True
    ):
        direction = unit(np.array([*((place - middle) / focal), 1.0]))
        distance = float(own * focal / radius)
        along = np.outer(direction, direction)
        across = (np.eye(3) - along) * (distance * float(np.hypot(sigma[0], sigma[1])) / focal / math.sqrt(2.0)) ** 2
        out.append(BodyFix(name, distance * direction, across + along * (distance * sigma[2] / radius) ** 2))
    return out


def _sun(
    sun_rad: Mapping[str, float],
    discs: _Discs,
    focal: float,
    ephemeris: Ephemeris,
    et: float,
    north_deg: float | None,
    north_sigma_deg: float,
) -> list[SunEvidence]:
    """Directions of the lit limbs, or of the Earth's north where its limb is lit all round."""
    middle = discs.places.mean(axis=0)
    out = []
    for name, place in zip(_NAMES, discs.places, strict=True):
        if name in sun_rad:
            toward, sigma, source = sun_rad[name], DIRECTION_SIGMA_DEG, "bright_limb"
            reference = unit(ephemeris.position("sun", et, name))
        elif name == "earth" and north_deg is not None:
            toward, sigma, source = math.radians(-90.0 - north_deg), north_sigma_deg, "north"
            reference = ephemeris.rotation("earth", et)[2]
        else:
            continue
        direction = unit(np.array([*((place - middle) / focal), 1.0]))
        e1, e2 = tangent_basis(direction)
        aside = np.array([math.cos(toward), math.sin(toward), 0.0])
        angle = math.atan2(float(aside @ e2), float(aside @ e1))
        out.append(SunEvidence(name, reference, angle, math.radians(sigma), source=source))
    return out


def _with_spread(fix: PositionFix, spread: Floats, moon_km: Floats) -> PositionFix:
    """The fix with the covariance of the measured numbers, and of the turn about the Earth-Moon line."""
    tangent = unit(np.cross(moon_km, fix.position_earth_j2000_km))
    covariance = spread + np.outer(tangent, tangent) * float(tangent @ fix.covariance_km2 @ tangent)
    state = fix.state_covariance.copy()
    state[:3, :3] = covariance
    sigma = {n: float(np.sqrt(a @ covariance @ a)) for n, a in zip(fix.sigma_km, fix.axes_j2000, strict=True)}
    return replace(fix, covariance_km2=covariance, state_covariance=state, sigma_km=sigma)
