"""From the words of a request to conditions: each wish with its name, in the order in which they are searched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import spiceypy as spice

from terraluna.camera.model import Camera
from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.errors import CatalogueError
from terraluna.missions.model import PointingSpec
from terraluna.plan.conditions import All, Any, Condition, Not, Relation, Scalar, Within
from terraluna.plan.laws import Pointing, Reference
from terraluna.plan.places import Place, find_place
from terraluna.plan.quantities import Quantity
from terraluna.plan.request import CrescentTable, FeatureTable, PointingTable, Request, StationTable, WantTable

_RADII = {"earth": EARTH_RADII_KM[0], "moon": MOON_RADII_KM[0]}


@dataclass(frozen=True)
class Wish:
    """One thing asked for.

    Attributes:
        key: key of the request file.
        text: what it says, for people.
        condition: when it holds.
    """

    key: str
    text: str
    condition: Condition


def pointing_of(table: PointingTable, camera: Camera | None, mission: PointingSpec | None) -> Pointing:
    """The law of a request; CatalogueError where it needs what is not given."""
    if table.law == "mission":
        if mission is None:
            raise CatalogueError("pointing.law: 'mission' needs mission = \"...\" in the request")
        return _mission_pointing(mission)
    # The diagonal of the frame has most room for a pair.
    diagonal = 90.0 if camera is None else math.degrees(math.atan2(camera.width, camera.height))
    usual: Reference = "pair" if table.law in ("balanced", "pair", "earth", "moon", "thirds") else "north"
    roll: Reference = table.roll or usual
    angle = table.roll_angle_deg if table.roll_angle_deg is not None else diagonal if roll == "pair" else 0.0
    turn = math.radians(angle)
    match table.law:
        case "balanced" | "pair":
            return Pointing(table.law, roll, turn, table.weight)
        case "earth" | "moon":
            return Pointing(table.law, roll, turn, seat=_seat(camera, table.pixel))
        case "thirds":
            if camera is None:
                raise CatalogueError("pointing.law: 'thirds' needs a camera")
            w, h = camera.width - 1.0, camera.height - 1.0
            along = math.atan2(w / 3.0, -h / 3.0) if table.roll_angle_deg is None else turn
            return Pointing("earth", "pair", along, seat=_seat(camera, [w * 2.0 / 3.0, h / 3.0]))
        case "anti-sun":
            x, y = (math.tan(math.radians(v)) for v in (table.offset_x_deg, table.offset_y_deg))
            n = math.sqrt(x * x + y * y + 1.0)
            return Pointing("anti-sun", roll, turn, seat=(x / n, y / n, 1.0 / n))
        case "nadir":
            return Pointing("nadir", table.roll or "velocity", turn)
        case "radec":
            return Pointing("fixed", roll, turn, direction=_sky(table.ra_deg or 0.0, table.dec_deg or 0.0))
        case "quaternion":
            return held(np.asarray(spice.q2m(np.array(table.quaternion) / np.linalg.norm(table.quaternion or [1.0]))))


def held(attitude: np.ndarray) -> Pointing:
    """The inertial law of one attitude (3, 3), J2000 to camera."""
    z, up = attitude[2], -attitude[1]
    return Pointing(
        "fixed", "fixed", 0.0, direction=(float(z[0]), float(z[1]), float(z[2])),
        up=(float(up[0]), float(up[1]), float(up[2])),
    )  # fmt: skip


def _mission_pointing(spec: PointingSpec) -> Pointing:
    if spec.law == "quaternion":
        q = np.array(spec.quaternion)
        return held(np.asarray(spice.q2m(q / np.linalg.norm(q))))
    reference: Reference = "pair"
    angle = spec.pair_angle_deg
    if angle is None:
        reference, angle = "earth-north", spec.earth_north_angle_deg
    if angle is None:
        reference, angle = "north", spec.celestial_north_angle_deg
    turn = math.radians(angle or 0.0)
    if spec.law == "anti-sun":
        x, y = (math.tan(math.radians(v)) for v in (spec.offset_x_deg, spec.offset_y_deg))
        n = math.sqrt(x * x + y * y + 1.0)
        return Pointing("anti-sun", reference, turn, seat=(x / n, y / n, 1.0 / n))
    if spec.law == "radec":
        return Pointing("fixed", reference, turn, direction=_sky(spec.ra_deg or 0.0, spec.dec_deg or 0.0))
    return Pointing("pair", reference, turn, spec.weight)


def _sky(ra_deg: float, dec_deg: float) -> tuple[float, float, float]:
    ra, dec = math.radians(ra_deg), math.radians(dec_deg)
    return math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)


def _seat(camera: Camera | None, pixel: list[float] | None) -> tuple[float, float, float]:
    if pixel is None:
        return 0.0, 0.0, 1.0
    if camera is None:
        raise CatalogueError("pointing.pixel needs a camera")
    x, y, z = (float(v) for v in camera.unproject(pixel))
    if not math.isfinite(x + y + z):
        raise CatalogueError(f"pointing.pixel: {pixel} lies outside what camera {camera.id} can see")
    return x, y, z


def wishes_of(request: Request, camera: Camera | None, pointing: Pointing, screen: str = "") -> list[Wish]:
    """All wishes of a request, cheap ones first; CatalogueError where one needs a camera and there is none.

    ``screen`` names the body that the orbit is about where that is another planet, which may hide the others.
    """
    want, forbid = request.want, request.forbid
    out: list[Wish] = []
    for body in ("earth", "moon"):
        out += _between(f"want.{body}_range_km", f"{body.capitalize()}'s range (km)", "range", body, 1.0,
                        getattr(want, f"{body}_range_km"))  # fmt: skip
        out += _sizes(want, body, camera)
        out += _between(f"want.{body}_phase_deg", f"{body.capitalize()}'s phase (deg)", "phase", body,
                        math.radians(1.0), getattr(want, f"{body}_phase_deg"))  # fmt: skip
    out += _between("want.separation_deg", "separation (deg)", "separation", "earth", math.radians(1.0),
                    want.separation_deg)  # fmt: skip
    out += _eclipse(want)
    if forbid.sun_within_deg is not None:
        sun = Scalar("boresight_angle", "at least", math.radians(forbid.sun_within_deg), a="sun", pointing=pointing)
        out.append(Wish("forbid.sun_within_deg", f"Sun at least {forbid.sun_within_deg:g} deg from the boresight", sun))
    for k, keep in enumerate(forbid.attitude):
        for relation, limit in (("at least", keep.min_deg), ("at most", keep.max_deg)):
            if limit is not None:
                scalar = Scalar("direction_angle", relation, math.radians(limit), pointing=pointing,  # type: ignore[arg-type]
                                place_km=_sky(keep.ra_deg, keep.dec_deg))  # fmt: skip
                where = f"({keep.ra_deg:g}, {keep.dec_deg:g})"
                out.append(Wish(f"forbid.attitude.{k}", f"boresight {relation} {limit:g} deg from {where}", scalar))
    out += _hidden(request, screen)
    out += _inside(want, camera, pointing)
    out += _event(want)
    out += [wish for k, f in enumerate(want.features) for wish in _feature(k, f)]
    if want.crescent is not None:
        out.append(_crescent(want.crescent, pointing))
    if forbid.max_slew_deg_s is not None:
        slew = Scalar("slew_rate", "at most", math.radians(forbid.max_slew_deg_s), pointing=pointing)
        out.append(Wish("forbid.max_slew_deg_s", f"slew rate at most {forbid.max_slew_deg_s:g} deg/s", slew))
    if forbid.station is not None:
        out.append(_station(forbid.station, screen))
    return out


def _between(key: str, name: str, quantity: Quantity, body: str, unit: float, ends: list[float] | None) -> list[Wish]:
    if ends is None:
        return []
    low = Scalar(quantity, "at least", ends[0] * unit, a=body)
    high = Scalar(quantity, "at most", ends[1] * unit, a=body)
    parts: list[Wish] = []
    if ends[0] > 0.0:
        parts.append(Wish(key, f"{name} at least {ends[0]:g}", low))
    parts.append(Wish(key, f"{name} at most {ends[1]:g}", high))
    return parts


def _sizes(want: WantTable, body: str, camera: Camera | None) -> list[Wish]:
    ends = getattr(want, f"{body}_diameter_px")
    if ends is None:
        return []
    if camera is None:
        raise CatalogueError(f"want.{body}_diameter_px: a size in px needs a camera; give camera")
    f = math.sqrt(camera.focal_px_x * camera.focal_px_y)
    key, name = f"want.{body}_diameter_px", f"{body.capitalize()}'s diameter"
    out: list[Wish] = []
    # A disc of d px on the axis of a pinhole: tan(radius) = d / 2f, and sin(radius) = R / range.
    for size, relation, word in ((ends[0], "at most", "at least"), (ends[1], "at least", "at most")):
        if size > 0.0:
            limit = _RADII[body] / math.sin(math.atan(size / (2.0 * f)))
            relation_: Relation = "at most" if relation == "at most" else "at least"
            out.append(Wish(key, f"{name} {word} {size:g} px", Scalar("range", relation_, limit, a=body)))
    return out


def _behind(quantity: Quantity, near: str, far: str) -> Scalar:
    """``far`` behind ``near``: Earth and Moon as a picture shows them, screens that are not drawn as gfoclt."""
    return Scalar(quantity, "at least", 0.0, a=near, b=far, as_seen={near, far} == {"earth", "moon"})


def _either(quantity: Quantity) -> Condition:
    """One body before the other, whichever is nearer."""
    return Any((_behind(quantity, "moon", "earth"), _behind(quantity, "earth", "moon")))


def _limbs(relation: Relation, degrees: float) -> Scalar:
    return Scalar("separation", relation, math.radians(degrees), limbs=("a", "b"))


def _event(want: WantTable) -> list[Wish]:
    hides = _behind("covered", "moon", "earth")
    edge = want.grazing_deg
    conditions: dict[str, Condition] = {
        "clear": Not(_either("overlap")),
        "transit": _either("annular"),
        "occultation": _either("overlap"),
        "hidden": _either("covered"),
        "grazing": All((_limbs("at most", edge), _limbs("at least", -edge))),
        "earthrise": All((_limbs("at most", edge), Not(hides), Scalar("separation_rate", "at least", 0.0))),
        "earthset": All((_limbs("at most", edge), Not(hides), Scalar("separation_rate", "at most", 0.0))),
    }
    return [] if want.event is None else [Wish("want.event", want.event, conditions[want.event])]


def _eclipse(want: WantTable) -> list[Wish]:
    conditions = {
        "lunar-penumbral": Scalar("shadow", "at least", 0.0, a="earth", b="moon"),
        "lunar-umbral": Scalar("shadow", "at least", 0.0, a="earth", b="moon", umbra=True),
        "solar": Scalar("shadow", "at least", 0.0, a="moon", b="earth"),
    }
    if want.eclipse is None:
        return []
    return [Wish("want.eclipse", f"{want.eclipse} eclipse", conditions[want.eclipse])]


def _hidden(request: Request, screen: str) -> list[Wish]:
    out = []
    for body, other in (("earth", "moon"), ("moon", "earth")):
        if not getattr(request.forbid, f"{body}_hidden"):
            continue
        for code, name in ((other, f"the {other.capitalize()}"), ("sun", "the Sun"), *_screen(screen)):
            text = f"no part of the {body.capitalize()} behind {name}"
            out.append(Wish(f"forbid.{body}_hidden", text, Not(_behind("overlap", code, body))))
    if request.forbid.sun_up:
        screens = ["moon", "earth", *(code for code, _ in _screen(screen))]
        dark = Any(tuple(_behind("covered", body, "sun") for body in screens))
        out.append(Wish("forbid.sun_up", "Sun hidden", dark))
    return out


def _screen(name: str) -> tuple[tuple[str, str], ...]:
    """Code and name of the further body that hides, if there is one."""
    return (("center", name.capitalize()),) if name else ()


def _inside(want: WantTable, camera: Camera | None, pointing: Pointing) -> list[Wish]:
    out = []
    for body, part in (("earth", want.earth_part), ("moon", want.moon_part)):
        if not (want.both_inside or getattr(want, f"{body}_inside")):
            continue
        if camera is None:
            raise CatalogueError(f"want.{body}_inside: needs a camera with a field of view; give camera")
        how = "whole" if part == 1.0 else f"inner {part:.0%} of the"
        text = f"{how} {body.capitalize()} inside the frame with {want.margin_px:g} px to spare"
        scalar = Scalar(
            "frame_margin", "at least", want.margin_px, a=body, camera=camera, pointing=pointing, part=max(part, 1e-6)
        )
        out.append(Wish("want.both_inside" if want.both_inside else f"want.{body}_inside", text, scalar))
    return out


def _feature(k: int, table: FeatureTable) -> list[Wish]:
    if table.place is not None:
        place = find_place(table.place)
    else:
        where = f"({table.lat_deg:g}, {table.lon_deg:g})"
        place = Place(table.body or "earth", where, table.lat_deg or 0.0, table.lon_deg or 0.0)
    seat = {"a": place.body, "place_km": place.position_km, "normal": place.normal}
    view = Scalar("emission", "at most", math.radians(table.max_emission_deg), **seat)  # type: ignore[arg-type]
    key = f"want.features.{k}"
    out = [Wish(key, f"{place.name} seen at most {table.max_emission_deg:g} deg from its vertical", view)]
    if table.max_incidence_deg is not None:
        light = Scalar("incidence", "at most", math.radians(table.max_incidence_deg), **seat)  # type: ignore[arg-type]
        out.append(Wish(key, f"{place.name} lit at most {table.max_incidence_deg:g} deg from its vertical", light))
    return out


def _crescent(table: CrescentTable, pointing: Pointing) -> Wish:
    scalar = Scalar(
        "bright_limb_offset", "at most", math.radians(table.tolerance_deg), a=table.body, pointing=pointing,
        angle_rad=math.radians(table.angle_deg),
    )  # fmt: skip
    text = f"{table.body.capitalize()}'s lit limb within {table.tolerance_deg:g} deg of {table.angle_deg:g} deg"
    return Wish("want.crescent", text, scalar)


def _station(table: StationTable, screen: str) -> Wish:
    if table.place is not None:
        place = find_place(table.place)
        if place.body != "earth":
            raise CatalogueError(f"forbid.station.place: {place.name} is on the Moon; name a place on the Earth")
    else:
        place = Place("earth", f"({table.lat_deg:g}, {table.lon_deg:g})", table.lat_deg or 0.0, table.lon_deg or 0.0)
    up = Scalar(
        "zenith_angle", "at most", math.radians(90.0 - table.min_elevation_deg), a="earth", place_km=place.position_km,
        normal=place.normal,
    )  # fmt: skip
    # Parts of an orbit behind the Moon or another planet are no pass.
    hiders = ["moon", *(code for code, _ in _screen(screen))]
    seen = All((up, *(Not(Scalar("overlap", "at least", 0.0, a=code, b="earth")) for code in hiders)))
    text = f"a pass over {place.name} within {table.within_hours:g} h"
    return Wish("forbid.station", text, Within(seen, before_s=3600.0 * table.within_hours))
