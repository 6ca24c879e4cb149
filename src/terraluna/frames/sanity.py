"""Checking what a header claims against the ephemeris and against itself.

A contradiction is a warning that names the keyword; nothing is ever corrected. Two kinds of evidence are used: where
the Sun, the planets and the Moon are (DE440), and whether the header's own positions, distances and angles fit one
another. Tolerances are physical, not statistical: how far a body moves while the header's epoch is uncertain, plus
light time and aberration (archives mix geometric and apparent places), plus the digits printed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terraluna.ephemeris import Ephemeris, angle_between, from_angles, unit
from terraluna.ephemeris.constants import NAIF_IDS
from terraluna.errors import CoverageError, InputError
from terraluna.frames.instruments import flight
from terraluna.frames.observation import Claim, HeaderWarning, Observation
from terraluna.frames.values import find, parse_time

Vector = NDArray[np.float64]

APPARENT: Final = 4e-4
"""Share of a distance by which an apparent place may differ from the geometric one: light time and stellar aberration
are v/c each, and no body here moves faster than 60 km/s."""

PRINTED: Final = 1e-5
"""Share of a value lost by printing six significant digits (Hayabusa2 ONC keyword dictionary)."""

ANGLE_DEG: Final = 0.1
"""Rounding and aberration in printed angles, degrees."""

VELOCITY_KM_S: Final = 0.05
"""Change of the velocities of Moon and Sun about the Earth in ten minutes (under 0.01 km/s), with room, km/s."""

OBLIQUITY_RAD: Final = np.radians(84381.448 / 3600.0)
"""Obliquity of the ecliptic at J2000 (IAU 1976, SPICE's ECLIPJ2000)."""

DIAMETER_SHARE: Final = 0.05
"""Apparent diameters depend on the limb that was meant and on the scale of the picture, share."""

MOONS: Final = {
    "io": "jupiter", "europa": "jupiter", "ganymede": "jupiter", "callisto": "jupiter", "amalthea": "jupiter",
    "j rings": "jupiter", "enceladus": "saturn", "titan": "saturn", "rhea": "saturn", "phobos": "mars",
    "deimos": "mars",
}  # fmt: skip
ORBIT_KM: Final = {"jupiter": 1.9e6, "saturn": 1.3e6, "mars": 2.4e4}
"""Distance of the outermost moon listed above from its planet, km."""


class _Places:
    """Where everything is at the time of the frame, from the ephemeris and from the header's own positions."""

    def __init__(self, observation: Observation, ephemeris: Ephemeris, et: float) -> None:
        self.ephemeris = ephemeris
        self.et = et
        self.slack_s = observation.epoch_slack_s
        self._states: dict[str, Vector] = {}
        self._claimed: dict[str, tuple[Vector, Claim]] = {}
        for claim in observation.claims:
            if claim.quantity != "position" or self.known(claim.body):
                continue
            origin = self.place(claim.origin)
            if origin is not None and np.isfinite(claim.value).all():
                self._claimed.setdefault(claim.body, (origin[:3] + np.asarray(claim.value), claim))

    def known(self, body: str) -> bool:
        """Whether the ephemeris itself has the body."""
        return body in NAIF_IDS or body in MOONS

    def place(self, body: str) -> Vector | None:
        """Barycentric state (6,) of a body of the ephemeris, km and km/s; position alone (3,) if the header gave it."""
        if body in NAIF_IDS:
            if body not in self._states:
                self._states[body] = self.ephemeris.state(body, self.et, "ssb")
            return self._states[body]
        if body in MOONS:
            return self.place(MOONS[body])
        return self._claimed[body][0] if body in self._claimed else None

    def slack_km(self, *bodies: str) -> float:
        """How far the line between bodies can be off: motion in the epoch slack, and orbits of unlisted moons."""
        total = 0.0
        for body in bodies:
            total += ORBIT_KM.get(MOONS.get(body, ""), 0.0)
        states = [p for b in bodies if (p := self.place(b)) is not None and p.size == 6]
        if len(states) >= 2:
            return total + self.slack_s * float(np.linalg.norm(states[0][3:] - states[1][3:]))
        origin = self.place("sun")
        if states and origin is not None:
            # One end is the header's: how that end was tied to the ephemeris decides; allow the body's own motion.
            return total + self.slack_s * float(np.linalg.norm(states[0][3:] - origin[3:]))
        return total


def check_header(observation: Observation, ephemeris: Ephemeris) -> tuple[HeaderWarning, ...]:
    """Every contradiction between a header, the ephemeris and itself.

    Args:
        observation: what the header says, with ``et``.
        ephemeris: an open ephemeris.

    Returns:
        One warning a contradicting keyword, in the order of the checks; empty if all is well or nothing can be checked.
    """
    warnings = list(check_times(observation))
    warnings += _check_pointing(observation)
    if observation.et is None:
        return tuple(warnings)
    try:
        places = _Places(observation, ephemeris, observation.et)
        for check in (_bodies, _velocities, _distances, _spacecraft, _phases, _subpoints, _directions, _diameters):
            warnings += check(observation.claims, places)
    except CoverageError:
        warnings.append(
            HeaderWarning("time", "the time lies outside the ephemeris, so positions weren't checked", observation.utc)
        )
    return tuple(_once(warnings))


def _once(warnings: Iterable[HeaderWarning]) -> list[HeaderWarning]:
    seen: set[str] = set()
    return [w for w in warnings if not ((key := f"{w.keyword} {w.text}") in seen or seen.add(key))]  # type: ignore[func-returns-value]


def check_times(observation: Observation) -> list[HeaderWarning]:
    """Times against each other, against the exposure, against the mission's flight and against the file name."""
    out = []
    start, middle = parse_time(observation.utc_start), parse_time(observation.utc)
    stop_text = find(observation.label, "STOP_TIME", "DATE-END", "stop_date_time", "end_time")
    start_text = find(observation.label, "START_TIME", "DATE-BEG", "start_date_time", "begin_time")
    stop, first = parse_time(stop_text), parse_time(start_text)
    if stop and first and stop < first:
        out.append(
            HeaderWarning("STOP_TIME", "the end of the exposure is before its start", str(stop_text), str(start_text))
        )
    exposure = observation.exposure_s
    if exposure is not None and exposure < 0:
        out.append(HeaderWarning("exposure", "the exposure time is negative", f"{exposure:g} s"))
    if stop and first and exposure and stop >= first and observation.format in {"pds3", "fits"}:
        span = (stop - first).total_seconds()
        scan = find(observation.label, "MRO:LINE_EXPOSURE_DURATION") is not None
        # Both ends are printed to the millisecond at best.
        if not scan and abs(span - exposure) > 0.002 + 0.05 * exposure:
            out.append(
                HeaderWarning("EXPOSURE_DURATION", "differs from end minus start", f"{exposure:g} s", f"{span:g} s")
            )
    moment = middle or start
    days = flight(observation.spacecraft)
    if moment and days:
        launch, last = datetime.fromisoformat(days[0]), days[1]
        if moment < launch or (last and moment > datetime.fromisoformat(f"{last}T23:59:59")):
            text = f"the picture's time lies outside the flight of {observation.spacecraft}"
            out.append(HeaderWarning("time", text, moment.isoformat(), f"{days[0]} to {last or 'today'}"))
    if "time zone unknown" in str(observation.label.get("time_from", "")):
        out.append(
            HeaderWarning(
                str(observation.label["time_from"]).split()[0],
                "the camera's clock has no time zone; it was taken as UTC and may be hours off",
                observation.utc_start,
            )
        )
    return out + _check_file_name(observation, moment)


_NAME_STAMP = re.compile(r"(?<!\d)((?:19|20)\d{6})[T_]?(\d{6})(?!\d)")
_NAME_SLACK_S: Final = 900.0
"""EPIC names its files 4 min 48 s after the exposure; ONC and TIR to the second, s."""


def _check_file_name(observation: Observation, moment: datetime | None) -> list[HeaderWarning]:
    name = re.split(r"[\\/]", observation.path)[-1]
    found = _NAME_STAMP.search(name)
    if not found or moment is None or not observation.spacecraft:
        return []
    try:
        stamp = datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S")
    except ValueError:
        return []
    if abs((stamp - moment).total_seconds()) <= _NAME_SLACK_S:
        return []
    text = "the header's time is far from the one in the file name"
    return [HeaderWarning("time", text, moment.isoformat(), stamp.isoformat())]


def _check_pointing(observation: Observation) -> list[HeaderWarning]:
    pointing = observation.pointing
    out = []
    if pointing and pointing.quaternion:
        norm = float(np.linalg.norm(pointing.quaternion))
        if abs(norm - 1.0) > 1e-3:
            out.append(HeaderWarning(pointing.keyword, "the quaternion's length is not 1", f"{norm:.6g}", "1"))
    if pointing and pointing.dec_deg is not None and abs(pointing.dec_deg) > 90.0:
        out.append(HeaderWarning(pointing.keyword, "the declination is over 90 degrees", f"{pointing.dec_deg:g} deg"))
    return out


def _km(value: float) -> str:
    return f"{value:,.0f} km" if abs(value) >= 1000 else f"{value:.4g} km"


def _name(body: str) -> str:
    return {"spacecraft": "the spacecraft", "sun": "the Sun", "earth": "the Earth", "moon": "the Moon"}.get(
        body, body.capitalize()
    )


def _bodies(claims: tuple[Claim, ...], places: _Places) -> list[HeaderWarning]:
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
                text = f"{_name(claim.body)} is {_km(off)} from where the ephemeris has it"
                turned = float(np.linalg.norm(expected - _equatorial(claim.value)))
                if turned < 0.1 * off:
                    text += f"; read as ecliptic axes it is {_km(turned)} off"
                out.append(HeaderWarning(claim.keyword, text, _vector(claim.value), _vector(expected)))
    return out


def _velocities(claims: tuple[Claim, ...], places: _Places) -> list[HeaderWarning]:
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
            text = f"the velocity of {_name(claim.body)} is {off:.3f} km/s off"
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


def _vector(value: Iterable[float]) -> str:
    return "(" + ", ".join(f"{v:,.0f}" for v in value) + ") km"


def _distances(claims: tuple[Claim, ...], places: _Places) -> list[HeaderWarning]:
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
                text = f"the distance from {_name(claim.origin)} to {_name(claim.body)} contradicts the ephemeris"
                out.append(HeaderWarning(claim.keyword, text, _km(claim.value[0]), _km(expected)))
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
                f"{_name(ends[0])} at this distance and {_name(ends[1])} at {two.keyword} can't both be true: "
                f"they are {_km(side)} apart"
            )
            out.append(HeaderWarning(one.keyword, text, _km(a), f"within {_km(side)} of {_km(b)}"))
    return out


def _spacecraft(claims: tuple[Claim, ...], places: _Places) -> list[HeaderWarning]:
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
                parts.append(f"{other.keyword} says {_km(other.value[0])}, this place gives {_km(expected)}")
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
                parts.append(f"{other.keyword} is {_km(off)} away")
        if len(parts) > agree:
            length = float(np.linalg.norm(claim.value))
            twins = [c.keyword for c in distances if abs(c.value[0] - length) < PRINTED * length]
            twin = f"; its length {_km(length)} is {twins[0]}" if twins and wrong else ""
            text = f"this is not the place of {_name(claim.body)}: {'; '.join(parts)}{twin}"
            out.append(HeaderWarning(claim.keyword, text, _vector(claim.value)))
            blamed.add(claim.keyword)
        else:
            for other, said, gives in wrong:
                text = f"the distance contradicts the position {claim.keyword}"
                spare.append(HeaderWarning(other.keyword, text, _km(said), _km(gives)))
    return out if blamed else spare


def _distance_fits(claim: Claim, place: Vector, distance: Claim, places: _Places) -> tuple[bool, float] | None:
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


def _phases(claims: tuple[Claim, ...], places: _Places) -> list[HeaderWarning]:
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
            text = f"the phase angle of {_name(claim.body)} contradicts the geometry"
            out.append(HeaderWarning(claim.keyword, text, f"{claim.value[0]:.2f} deg", f"{expected:.2f} deg"))
    return out


def _stated(claims: tuple[Claim, ...], body: str) -> float | None:
    for claim in claims:
        if claim.quantity == "distance" and {claim.body, claim.origin} == {body, "spacecraft"}:
            return claim.value[0]
    return None


def _subpoints(claims: tuple[Claim, ...], places: _Places) -> list[HeaderWarning]:
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
            text = f"the point of {_name(claim.body)} under {_name(claim.origin)} contradicts the geometry"
            stated = f"lat {claim.value[0]:.2f}, lon {claim.value[1]:.2f} deg"
            out.append(HeaderWarning(claim.keyword, text, stated, f"lat {lat:.2f}, lon {lon:.2f} deg"))
    return out


def _directions(claims: tuple[Claim, ...], places: _Places) -> list[HeaderWarning]:
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
            text = f"the direction of {_name(claim.body)} is {off:.2f} degrees off"
            right = np.degrees(np.arctan2(line[1], line[0])) % 360.0, np.degrees(np.arcsin(line[2]))
            value = f"RA {claim.value[0]:.3f}, Dec {claim.value[1]:.3f} deg"
            out.append(HeaderWarning(claim.keyword, text, value, f"RA {right[0]:.3f}, Dec {right[1]:.3f} deg"))
    return out


def _diameters(claims: tuple[Claim, ...], places: _Places) -> list[HeaderWarning]:
    from terraluna.ephemeris.constants import EARTH_RADII_KM
    from terraluna.frames.epic import IFOV_RAD

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


def fill_times(observation: Observation, ephemeris: Ephemeris) -> tuple[float | None, float | None]:
    """``et`` of the middle and of the start of the exposure; None where the label gives no time."""
    out = []
    for stamp in (observation.utc, observation.utc_start):
        try:
            out.append(None if stamp is None else ephemeris.et(stamp))
        except InputError:
            out.append(None)
    return out[0], out[1]
