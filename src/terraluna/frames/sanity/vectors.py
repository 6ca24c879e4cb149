"""Positions, velocities and distances that a header claims, against the ephemeris and against each other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Final

import numpy as np

from terraluna.frames.observation import Claim, HeaderWarning
from terraluna.frames.sanity.places import APPARENT, PRINTED, Places, Vector, km_text, name_text, vector_text

VELOCITY_KM_S: Final = 0.05
"""Change of the velocities of Moon and Sun about the Earth in ten minutes (under 0.01 km/s), with room, km/s."""

OBLIQUITY_RAD: Final = np.radians(84381.448 / 3600.0)
"""Obliquity of the ecliptic at J2000 (IAU 1976, SPICE's ECLIPJ2000)."""


def check_bodies(claims: tuple[Claim, ...], places: Places) -> list[HeaderWarning]:
    """Positions of bodies that the ephemeris knows from each other."""
    out = []
    for claim in claims:
        body, origin = places.place(claim.body), places.place(claim.origin)
        if not (places.known(claim.body) and places.known(claim.origin)) or body is None or origin is None:
            continue
        if claim.quantity == "position":
            expected = (body - origin)[:3]
            off = float(np.linalg.norm(expected - claim.value))
            if off > places.slack_km(claim.body, claim.origin) + APPARENT * float(np.linalg.norm(expected)):
                text = f"{name_text(claim.body)} is {km_text(off)} from where the ephemeris has it"
                turned = float(np.linalg.norm(expected - _equatorial(claim.value)))
                if turned < 0.1 * off:
                    text += f"; read as ecliptic axes it is {km_text(turned)} off"
                out.append(HeaderWarning(claim.keyword, text, vector_text(claim.value), vector_text(expected)))
    return out


def check_velocities(claims: tuple[Claim, ...], places: Places) -> list[HeaderWarning]:
    """Velocities of bodies that the ephemeris knows relative to each other."""
    out = []
    for claim in claims:
        body, origin = places.place(claim.body), places.place(claim.origin)
        if claim.quantity != "velocity" or not (places.known(claim.body) and places.known(claim.origin)):
            continue
        if body is None or origin is None:
            continue
        expected = (body - origin)[3:]
        off = float(np.linalg.norm(expected - claim.value))
        if off > VELOCITY_KM_S:
            text = f"the velocity of {name_text(claim.body)} is {off:.3f} km/s off"
            stated = "(" + ", ".join(f"{v:.3f}" for v in claim.value) + ") km/s"
            out.append(
                HeaderWarning(claim.keyword, text, stated, "(" + ", ".join(f"{v:.3f}" for v in expected) + ") km/s")
            )
    return out


def _equatorial(value: Iterable[float]) -> Vector:
    """A vector in ecliptic J2000 axes turned to J2000."""
    x, y, z = value
    c, s = np.cos(OBLIQUITY_RAD), np.sin(OBLIQUITY_RAD)
    return np.array([x, c * y - s * z, s * y + c * z])


def check_distances(claims: tuple[Claim, ...], places: Places) -> list[HeaderWarning]:
    """Distances between bodies of the ephemeris, and triangles of two stated distances over a known side."""
    out = []
    stated = [c for c in claims if c.quantity == "distance"]
    for claim in stated:
        if places.known(claim.body) and places.known(claim.origin):
            body, origin = places.place(claim.body), places.place(claim.origin)
            if body is None or origin is None:
                continue
            expected = float(np.linalg.norm((body - origin)[:3]))
            allowed = places.slack_km(claim.body, claim.origin) + (APPARENT + PRINTED) * expected + claim.slack
            if abs(claim.value[0] - expected) > allowed:
                line = f"{name_text(claim.origin)} to {name_text(claim.body)}"
                text = f"the distance from {line} contradicts the ephemeris"
                out.append(HeaderWarning(claim.keyword, text, km_text(claim.value[0]), km_text(expected)))
    from_craft = [c for c in stated if "spacecraft" in {c.body, c.origin}]
    for one, two in combinations(from_craft, 2):
        ends = [c.body if c.origin == "spacecraft" else c.origin for c in (one, two)]
        first, second = (places.place(e) for e in ends)
        if first is None or second is None or not all(places.known(e) for e in ends):
            continue
        side = float(np.linalg.norm((first - second)[:3]))
        a, b = one.value[0], two.value[0]
        allowed = places.slack_km(*ends) + (APPARENT + PRINTED) * (a + b + side)
        if abs(a - b) > side + allowed or a + b < side - allowed:
            text = (
                f"{name_text(ends[0])} at this distance and {name_text(ends[1])} at {two.keyword} can't both be true: "
                f"they are {km_text(side)} apart"
            )
            out.append(HeaderWarning(one.keyword, text, km_text(a), f"within {km_text(side)} of {km_text(b)}"))
    return out


def check_spacecraft(claims: tuple[Claim, ...], places: Places) -> list[HeaderWarning]:
    """Stated places of the spacecraft (and of bodies that only the header knows) against distances and each other.

    A place that contradicts more of the header than it agrees with is the one to blame; otherwise the distance is.
    """
    stated = [c for c in claims if c.quantity == "position" and not places.known(c.body)]
    distances = [c for c in claims if c.quantity == "distance"]
    out: list[HeaderWarning] = []
    blamed: set[str] = set()
    spare: list[HeaderWarning] = []
    for claim in stated:
        origin = places.place(claim.origin)
        if origin is None or not np.isfinite(claim.value).all():
            continue
        place = origin[:3] + np.asarray(claim.value)
        wrong: list[tuple[Claim, float, float]] = []
        parts: list[str] = []
        agree = 0
        for other in distances:
            result = _distance_fits(claim, place, other, places)
            if result is None:
                continue
            fits, expected = result
            if fits:
                agree += 1
            else:
                wrong.append((other, other.value[0], expected))
                parts.append(f"{other.keyword} says {km_text(other.value[0])}, this place gives {km_text(expected)}")
        for other in stated:
            base = places.place(other.origin)
            if other is claim or other.body != claim.body or base is None:
                continue
            off = float(np.linalg.norm(base[:3] + np.asarray(other.value) - place))
            allowed = places.slack_km(claim.origin, other.origin) + APPARENT * (
                float(np.linalg.norm(claim.value)) + float(np.linalg.norm(other.value))
            )
            if off <= allowed:
                agree += 1
            else:
                parts.append(f"{other.keyword} is {km_text(off)} away")
        if len(parts) > agree:
            length = float(np.linalg.norm(claim.value))
            twins = [c.keyword for c in distances if abs(c.value[0] - length) < PRINTED * length]
            twin = f"; its length {km_text(length)} is {twins[0]}" if twins and wrong else ""
            text = f"this is not the place of {name_text(claim.body)}: {'; '.join(parts)}{twin}"
            out.append(HeaderWarning(claim.keyword, text, vector_text(claim.value)))
            blamed.add(claim.keyword)
        else:
            for other, said, gives in wrong:
                text = f"the distance contradicts the position {claim.keyword}"
                spare.append(HeaderWarning(other.keyword, text, km_text(said), km_text(gives)))
    return out if blamed else spare


def _distance_fits(claim: Claim, place: Vector, distance: Claim, places: Places) -> tuple[bool, float] | None:
    """Whether a stated distance fits a stated place, and the distance that the place gives; None if unrelated."""
    ends = {distance.body, distance.origin}
    if claim.body not in ends or len(ends) != 2:
        return None
    other = next(iter(ends - {claim.body}))
    there = places.place(other)
    if there is None:
        return None
    expected = float(np.linalg.norm(place - there[:3]))
    # The claim's own origin ties it to the ephemeris exactly; any other body brings its motion in.
    moved = 0.0
    if other != claim.origin and places.known(other):
        moved = places.slack_km(claim.origin, other) + APPARENT * float(np.linalg.norm(claim.value))
    allowed = moved + (APPARENT + PRINTED) * expected + distance.slack
    return abs(distance.value[0] - expected) <= allowed, expected
