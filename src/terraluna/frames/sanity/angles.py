"""Phase angles, sub-points, directions and diameters that a header claims, against the geometry."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from terraluna.ephemeris import angle_between, from_angles, unit
from terraluna.ephemeris.constants import EARTH_RADII_KM
from terraluna.frames.epic import IFOV_RAD
from terraluna.frames.observation import Claim, HeaderWarning
from terraluna.frames.sanity.places import APPARENT, Places, name_text

ANGLE_DEG: Final = 0.1
"""Rounding and aberration in printed angles, degrees."""

DIAMETER_SHARE: Final = 0.05
"""Apparent diameters depend on the limb that was meant and on the scale of the picture, share."""


def check_phases(claims: tuple[Claim, ...], places: Places) -> list[HeaderWarning]:
    """Phase angles from the stated places, or from the triangle of stated distances."""
    out = []
    for claim in claims:
        if claim.quantity != "phase":
            continue
        body, sun = places.place(claim.body), places.place("sun")
        craft = places.place("spacecraft")
        if body is None or sun is None or not places.known(claim.body):
            continue
        to_sun = (sun - body)[:3]
        if craft is not None:
            cosine = float(unit(to_sun) @ unit(craft[:3] - body[:3]))
        else:
            reach = _stated(claims, claim.body)
            far = _stated(claims, "sun")
            if reach is None or far is None:
                continue
            side = float(np.linalg.norm(to_sun))
            if reach < APPARENT * side:
                continue  # too close for the difference of two solar distances to tell the angle
            cosine = (side**2 + reach**2 - far**2) / (2 * side * reach)
            if abs(cosine) > 1.0:
                continue
        expected = float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
        if not 0.0 <= claim.value[0] <= 180.0 or abs(claim.value[0] - expected) > ANGLE_DEG + claim.slack + 0.5:
            text = f"the phase angle of {name_text(claim.body)} contradicts the geometry"
            out.append(HeaderWarning(claim.keyword, text, f"{claim.value[0]:.2f} deg", f"{expected:.2f} deg"))
    return out


def _stated(claims: tuple[Claim, ...], body: str) -> float | None:
    for claim in claims:
        if claim.quantity == "distance" and {claim.body, claim.origin} == {body, "spacecraft"}:
            return claim.value[0]
    return None


def check_subpoints(claims: tuple[Claim, ...], places: Places) -> list[HeaderWarning]:
    """Sub-solar and sub-spacecraft points of the bodies whose rotation is known."""
    rates = {"earth": 360.0 / 86164.1, "moon": 360.0 / 2360591.5, "mars": 360.0 / 88642.66}
    out = []
    for claim in claims:
        body, origin = places.place(claim.body), places.place(claim.origin)
        if claim.quantity != "subpoint" or claim.body not in rates or body is None or origin is None:
            continue
        line = origin[:3] - body[:3]
        turn = places.ephemeris.rotation(claim.body, places.et)
        x, y, z = turn @ unit(line)
        lat, lon = np.degrees(np.arcsin(np.clip(z, -1.0, 1.0))), np.degrees(np.arctan2(y, x))
        lat_off = abs(lat - claim.value[0])
        lon_off = abs((lon - claim.value[1] + 180.0) % 360.0 - 180.0) * np.cos(np.radians(lat))
        # Planetographic latitudes differ by up to 0.2 degrees on the Earth, 0.34 on Mars.
        if lat_off > 0.5 or lon_off > 0.5 + rates[claim.body] * places.slack_s:
            text = f"the point of {name_text(claim.body)} under {name_text(claim.origin)} contradicts the geometry"
            stated = f"lat {claim.value[0]:.2f}, lon {claim.value[1]:.2f} deg"
            out.append(HeaderWarning(claim.keyword, text, stated, f"lat {lat:.2f}, lon {lon:.2f} deg"))
    return out


def check_directions(claims: tuple[Claim, ...], places: Places) -> list[HeaderWarning]:
    """Right ascension and declination of bodies from each other."""
    out = []
    for claim in claims:
        body, origin = places.place(claim.body), places.place(claim.origin)
        if claim.quantity != "direction" or body is None or origin is None:
            continue
        line = unit(body[:3] - origin[:3])
        off = math.degrees(angle_between(line, from_angles(*np.radians(claim.value))))
        moved = places.slack_km(claim.body, claim.origin) / float(np.linalg.norm(body[:3] - origin[:3]))
        # Places of date differ from J2000 by precession, 0.014 degrees a year.
        precession = 0.014 * abs(places.et) / (365.25 * 86400.0)
        if off > ANGLE_DEG + np.degrees(moved) + precession:
            text = f"the direction of {name_text(claim.body)} is {off:.2f} degrees off"
            right = np.degrees(np.arctan2(line[1], line[0])) % 360.0, np.degrees(np.arcsin(line[2]))
            value = f"RA {claim.value[0]:.3f}, Dec {claim.value[1]:.3f} deg"
            out.append(HeaderWarning(claim.keyword, text, value, f"RA {right[0]:.3f}, Dec {right[1]:.3f} deg"))
    return out


def check_diameters(claims: tuple[Claim, ...], places: Places) -> list[HeaderWarning]:
    """Diameter of the Earth in EPIC's pixels."""
    out = []
    for claim in claims:
        craft, earth = places.place("spacecraft"), places.place("earth")
        if claim.quantity != "diameter_px" or claim.body != "earth" or craft is None or earth is None:
            continue
        reach = float(np.linalg.norm(craft[:3] - earth[:3]))
        if reach <= EARTH_RADII_KM[0]:
            continue
        expected = 2.0 * float(np.arcsin(EARTH_RADII_KM[0] / reach)) / IFOV_RAD
        if abs(claim.value[0] / expected - 1.0) > DIAMETER_SHARE:
            text = "the diameter of the Earth contradicts its distance"
            out.append(HeaderWarning(claim.keyword, text, f"{claim.value[0]:.1f} px", f"{expected:.1f} px"))
    return out
