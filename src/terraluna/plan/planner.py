"""The plan: from a request to ranked windows, each with its best moment and what can be said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from terraluna.camera.catalogue import load_camera
from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.errors import CatalogueError, InputError
from terraluna.missions.catalogue import first_problem
from terraluna.missions.view import MissionView
from terraluna.plan.conditions import All, Scalar, half_diagonal_rad, solve
from terraluna.plan.conflicts import explain, spread
from terraluna.plan.laws import Pointing
from terraluna.plan.lissajous import LissajousSpec, LissajousTrajectory
from terraluna.plan.request import Request, read_request
from terraluna.plan.search import Grid, make_grid, sample
from terraluna.plan.sky import BODY_CODES, CENTER, make_sky
from terraluna.plan.track import make_track
from terraluna.plan.windows import Windows
from terraluna.plan.wishes import Wish, pointing_of, wishes_of
from terraluna.trajectory.base import Trajectory
from terraluna.trajectory.source import trajectory_from_spec

_RANKING_SAMPLES: Final = 60
_SCREEN_SAMPLES: Final = 25
_TIE_PX: Final = 1.0
_TIE: Final = 1e-3
"""Differences of a score (px of margin, or relative) that don't matter for the choice of the best moment."""


@dataclass(frozen=True)
class Leg:
    """A stretch of the span with one trajectory.

    Attributes:
        trajectory: where the spacecraft is.
        grid: its sky; it may reach farther than the span, to passes over a ground station.
        span: first and last time of pictures.
    """

    trajectory: Trajectory
    grid: Grid
    span: tuple[float, float]

    @property
    def screen(self) -> str:
        """The planet that the orbit is about and that may hide Earth and Moon; empty for none.

        A craft said to be at a planet's centre (for want of its orbit) isn't hidden by it.
        """
        radius = float(self.grid.sky.polar[CENTER])
        if self.trajectory.center in BODY_CODES or radius == 0.0:
            return ""
        places = self.trajectory.states(np.linspace(*self.span, _SCREEN_SAMPLES))[:, :3]
        return self.trajectory.center if np.linalg.norm(places, axis=1).min() > radius else ""


@dataclass(frozen=True)
class Proposal:
    """A window, its best moment, and the view then.

    Attributes:
        start, end, best: TDB seconds past J2000.
        score: larger is better; of the kind that the request prefers.
        leg: trajectory and sky.
        camera: the camera, or None.
        pointing: its law.
        view: quantities at ``best``, see :func:`view_at`.
        why: one line for people.
    """

    start: float
    end: float
    best: float
    score: float
    leg: Leg
    camera: Camera | None
    pointing: Pointing
    view: Mapping[str, float]
    why: str


@dataclass(frozen=True)
class Plan:
    """What a request leads to: proposals, best first; without any, ``conflict`` says why."""

    request: Request
    title: str
    legs: tuple[Leg, ...]
    proposals: tuple[Proposal, ...]
    found: int
    total_s: float
    conflict: str = ""


def make_plan(path: Path, ephemeris: Ephemeris) -> Plan:
    """Read a request file and plan it; every error is one line that names the file or key."""
    request = read_request(path)
    try:
        return plan_request(request, ephemeris, path.resolve().parent, path.stem)
    except InputError as error:
        text = str(error)
        raise CatalogueError(text if str(path) in text else f"{path}: {text}") from None


def plan_request(request: Request, ephemeris: Ephemeris, base: Path, title: str) -> Plan:
    """Plan a request.

    Args:
        request: the request.
        ephemeris: open ephemeris.
        base: folder that file names in the request start from.
        title: name where the request has none.

    Raises:
        InputError, CatalogueError: the request can't be used.
        CoverageError: the span leaves a trajectory.
    """
    start, stop = (_time(key, getattr(request, key), ephemeris) for key in ("start", "stop"))
    if not start < stop:
        raise CatalogueError(f"stop: {request.stop} is not after start, {request.start}")
    mission = None if request.mission is None else MissionView.open(_near(base, request.mission), ephemeris)
    cameras: list[Camera | None] = [load_camera(_near(base, name)) for name in request.cameras]
    if not cameras:
        cameras = [mission.camera if mission is not None else None]
    for camera in cameras:
        if camera is not None and not math.isfinite(half_diagonal_rad(camera)):
            raise CatalogueError(f"camera: {camera.id} has no field of view: its corners can't be unprojected")
    searches = []
    for camera in cameras:
        pointing = pointing_of(request.pointing, camera, None if mission is None else mission.spec.pointing)
        # What can't be asked for is said before anything is propagated.
        wishes_of(request, camera, pointing)
        if request.exposure is not None and camera is not None:
            for name in request.exposure.filters:
                camera.filter(name)
        searches.append((camera, pointing))
    legs = open_legs(request, mission, ephemeris, base, start, stop)
    proposals: list[Proposal] = []
    empty: list[tuple[Leg, list[Wish]]] = []
    total = 0.0
    for camera, pointing in searches:
        for leg in legs:
            wishes = wishes_of(request, camera, pointing, leg.screen)
            windows = _windows(leg, wishes, request)
            total += windows.duration_s
            proposals += [_propose(leg, span, camera, pointing, request) for span in windows]
            if not windows:
                empty.append((leg, wishes))
    proposals.sort(key=lambda p: (-p.score, p.start))
    kept = tuple(proposals[: request.max_windows])
    conflict = "" if proposals else _why_not(*empty[0], request, ephemeris)
    return Plan(request, request.name or title, legs, kept, len(proposals), total, conflict)


def _time(key: str, utc: str, ephemeris: Ephemeris) -> float:
    try:
        return ephemeris.et(utc)
    except InputError as error:
        raise CatalogueError(f"{key}: {error}") from None


def _near(base: Path, name: str) -> str:
    return str(base / name) if name.endswith(".toml") else name


def open_legs(
    request: Request, mission: MissionView | None, ephemeris: Ephemeris, base: Path, start: float, stop: float
) -> tuple[Leg, ...]:
    """The trajectories of a request, each over its part of the span."""
    station = request.forbid.station
    # A pass may come after the last picture, as long as the trajectory goes on.
    tail = 0.0 if station is None else 3600.0 * station.within_hours
    pieces: list[tuple[Trajectory, float, float]] = []
    if mission is not None:
        pieces.append((mission.trajectory, start, stop))
    else:
        tables = request.trajectory if isinstance(request.trajectory, list) else [request.trajectory or {}]
        for k, table in enumerate(tables):
            spec = dict(table)
            ends = [spec.pop(key, None) for key in ("valid_from", "valid_until")]
            names = ("valid_from", "valid_until")
            first, last = (
                e if t is None else _time(f"trajectory.{k}.{name}", str(t), ephemeris)
                for t, e, name in zip(ends, (start, stop), names, strict=True)
            )
            first, last = max(first, start), min(last, stop)
            if first < last:
                where = "trajectory" if len(tables) == 1 else f"trajectory.{k}"
                pieces.append((_trajectory(spec, ephemeris, base, where, first, last + tail), first, last))
    if not pieces:
        raise CatalogueError("trajectory: none is valid between start and stop; check valid_from and valid_until")
    turning = bool(request.want.features) or station is not None
    legs = []
    for trajectory, first, last in pieces:
        track = make_track(trajectory, first, max(last, min(last + tail, trajectory.span[1])))
        legs.append(Leg(trajectory, make_grid(make_sky(track, ephemeris, turning=turning)), (first, last)))
    return tuple(legs)


def _trajectory(
    spec: dict[str, Any], ephemeris: Ephemeris, base: Path, where: str, start: float, stop: float
) -> Trajectory:
    if spec.get("kind") == "lissajous":
        try:
            return LissajousTrajectory(LissajousSpec.model_validate(spec), ephemeris)
        except ValidationError as error:
            raise CatalogueError(f"{where}: {first_problem(error)}") from None
    if spec.get("kind", "state") == "state" and not {"start", "stop", "span_days"} & spec.keys():
        # A state is carried as far as the request asks.
        epoch = spec.get("utc")
        middle = ephemeris.et(epoch) if isinstance(epoch, str) else start
        first, last = min(start, middle) - 1.0, max(stop, middle) + 1.0
        spec = {**spec, "start": ephemeris.utc(first), "stop": ephemeris.utc(last)}
    return trajectory_from_spec(spec, ephemeris, base, where=where)


def _windows(leg: Leg, wishes: list[Wish], request: Request) -> Windows:
    condition = All(tuple(wish.condition for wish in wishes))
    found = solve(condition, leg.grid, Windows((leg.span,)), request.resolution_s)
    return found.at_least(request.min_duration_s)


def _why_not(leg: Leg, wishes: list[Wish], request: Request, ephemeris: Ephemeris) -> str:
    inside = Windows((leg.span,))
    found = solve(All(tuple(w.condition for w in wishes)), leg.grid, inside, request.resolution_s)
    if found:
        longest = max(b - a for a, b in found)
        return (
            f"min_duration_s: no window lasts {request.min_duration_s:g} s; the longest of {len(found)} "
            f"lasts {longest:.1f} s"
        )
    return explain(wishes, leg.grid, inside, request.resolution_s, ephemeris.utc)


def margins(camera: Camera, pointing: Pointing, leg: Leg, ets: np.ndarray) -> np.ndarray:
    """Least distance (n, 2) of Earth's and Moon's limb from the frame's edge, px; positive inside."""
    columns = [
        sample(Scalar("frame_margin", "at least", 0.0, a=body, camera=camera, pointing=pointing), leg.grid.sky, ets)
        for body in ("earth", "moon")
    ]
    return np.column_stack(columns)


def _scores(leg: Leg, camera: Camera | None, pointing: Pointing, request: Request, ets: np.ndarray) -> np.ndarray:
    sky, prefer = leg.grid.sky, request.prefer
    if prefer == "margin" and camera is not None:
        room = margins(camera, pointing, leg, ets)
        want = request.want
        chosen = [want.earth_inside or want.both_inside, want.moon_inside or want.both_inside]
        columns = [k for k in range(2) if chosen[k]] or [0, 1]
        return np.asarray(room[:, columns].min(axis=1))
    if prefer in ("large-earth", "large-moon"):
        body = prefer.split("-")[1]
        return np.negative(sample(Scalar("range", "at least", 0.0, a=body), sky, ets))
    if prefer == "near":
        return np.negative(sample(Scalar("separation", "at least", 0.0), sky, ets))
    # Earliest and longest rank windows, not moments: the middle of a window is its safest moment.
    return np.asarray(-np.abs(ets - 0.5 * (ets[0] + ets[-1])))


def _propose(
    leg: Leg, span: tuple[float, float], camera: Camera | None, pointing: Pointing, request: Request
) -> Proposal:
    ets = spread(Windows((span,)), _RANKING_SAMPLES)
    scores = _scores(leg, camera, pointing, request, ets)
    score = float(scores.max())
    # Of moments as good as the best, the one farthest from the window's ends.
    as_good = np.flatnonzero(scores >= score - (_TIE_PX if request.prefer == "margin" else _TIE * abs(score)))
    k = int(as_good[np.argmin(np.abs(ets[as_good] - 0.5 * (span[0] + span[1])))])
    if request.prefer == "earliest":
        score = -span[0]
    elif request.prefer == "longest":
        score = span[1] - span[0]
    view = view_at(leg, camera, pointing, float(ets[k]))
    return Proposal(span[0], span[1], float(ets[k]), score, leg, camera, pointing, view, _text(view))


def view_at(leg: Leg, camera: Camera | None, pointing: Pointing, et: float) -> dict[str, float]:
    """Ranges (km), separation, phases, angular radii, boresight angles (deg), and with a camera the margins (px)."""
    at = np.array([et])

    def one(quantity: Any, a: str = "earth", b: str = "moon", **more: Any) -> float:
        return float(sample(Scalar(quantity, "at least", 0.0, a=a, b=b, **more), leg.grid.sky, at)[0])

    out = {
        "earth_range_km": one("range"),
        "moon_range_km": one("range", "moon"),
        "separation_deg": math.degrees(one("separation")),
        "limb_separation_deg": math.degrees(one("separation", limbs=("a", "b"))),
        "earth_phase_deg": math.degrees(one("phase")),
        "moon_phase_deg": math.degrees(one("phase", "moon")),
    }
    for body in ("earth", "moon", "sun"):
        out[f"{body}_from_boresight_deg"] = math.degrees(one("boresight_angle", body, pointing=pointing))
    if camera is not None:
        room = margins(camera, pointing, leg, at)[0]
        out["earth_margin_px"], out["moon_margin_px"] = float(room[0]), float(room[1])
    return out


def _text(view: Mapping[str, float]) -> str:
    text = (
        f"Earth {view['earth_range_km']:,.0f} km, Moon {view['moon_range_km']:,.0f} km, "
        f"{view['separation_deg']:.3g} deg apart, phases {view['earth_phase_deg']:.0f} and "
        f"{view['moon_phase_deg']:.0f} deg, Sun {view['sun_from_boresight_deg']:.0f} deg from the boresight"
    )
    if "earth_margin_px" in view:
        room = min(view["earth_margin_px"], view["moon_margin_px"])
        text += f", {room:.0f} px to the frame's edge" if room >= 0.0 else ""
    return text
