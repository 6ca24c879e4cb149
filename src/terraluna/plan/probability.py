"""How likely a shot is to hold both bodies, given errors of orbit, clock and pointing, and how many shots to take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris, unit
from terraluna.ephemeris.segments import Floats
from terraluna.errors import TerralunaError
from terraluna.opnav import AttitudePrior, arc_points, baseline, horizon_covariance, two_body_covariance
from terraluna.plan.framing import attitudes
from terraluna.plan.laws import Pointing
from terraluna.plan.planner import Leg
from terraluna.plan.request import ErrorsTable
from terraluna.scene import Scene, build_scene
from terraluna.scene.apparent import Observer
from terraluna.scene.bodies import RADII_KM

_SERIES: Final = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 30)
_LIMB_POINTS: Final = 24


@dataclass(frozen=True)
class Series:
    """Frames at an even pace about the best moment: how many, seconds apart, and the chance that one holds both."""

    frames: int
    cadence_s: float
    probability: float


@dataclass(frozen=True)
class Chance:
    """Probability of a shot.

    Attributes:
        both: that both discs are wholly inside, with its standard error in ``error``.
        earth, moon: that this one is.
        coverage: (2,) expected share of Earth's and Moon's limb that is inside.
        series: the fewest frames that reach the wished probability, or the best tried.
        reached: whether they do.
        navigation_sigma_km: along, in_plane, out_of_plane of a two-body fix from the shot (attitude from the errors
            table); empty where the geometry gives none.
        navigation_driven_by: by direction.
    """

    both: float
    error: float
    earth: float
    moon: float
    coverage: tuple[float, float]
    series: Series
    reached: bool
    navigation_sigma_km: dict[str, float]
    navigation_driven_by: dict[str, str]


@dataclass(frozen=True)
class _Draws:
    """Errors of each draw: (n, 3) km along radial, along-track, cross; s; (n, 3) rad about the camera axes."""

    place: Floats
    clock: Floats
    turn: Floats


def _draw(table: ErrorsTable) -> _Draws:
    rng = np.random.default_rng(table.seed)
    n = table.draws
    place = rng.standard_normal((n, 3)) * [table.radial_km, table.along_km, table.cross_km]
    sigma = np.radians([table.pointing_deg, table.pointing_deg, table.roll_deg])
    return _Draws(place, rng.standard_normal(n) * table.clock_s, rng.standard_normal((n, 3)) * sigma)


def chance(
    ephemeris: Ephemeris, camera: Camera, pointing: Pointing, leg: Leg, span: tuple[float, float], best: float,
    table: ErrorsTable,
) -> Chance:  # fmt: skip
    """Monte Carlo of a shot at ``best`` and of series about it inside the window ``span``.

    The commanded attitude is the law's on the nominal orbit at the nominal time; the craft is elsewhere, the clock is
    off, and the camera is turned: what counts is where the limbs then fall. Orbit and clock errors are those of a
    series as a whole, pointing errors are drawn anew for each frame.
    """
    draws = _draw(table)
    inside, cover = _frames(ephemeris, camera, pointing, leg, best, draws)
    both = float(np.mean(inside.all(axis=1)))
    series, reached = _series(ephemeris, camera, pointing, leg, span, best, table, draws, both)
    sigma, driven = _navigation(ephemeris, camera, pointing, leg, best, table)
    return Chance(
        both, math.sqrt(both * (1.0 - both) / table.draws), float(inside[:, 0].mean()), float(inside[:, 1].mean()),
        (float(cover[:, 0].mean()), float(cover[:, 1].mean())), series, reached, sigma, driven,
    )  # fmt: skip


def _scene(ephemeris: Ephemeris, leg: Leg, et: float) -> Scene:
    observer = Observer.from_state(ephemeris, et, leg.trajectory.state(et), leg.trajectory.center)
    return build_scene(ephemeris, observer, quality=leg.trajectory.quality)


def _frames(
    ephemeris: Ephemeris, camera: Camera, pointing: Pointing, leg: Leg, et: float, draws: _Draws,
    turn: Floats | None = None,
) -> tuple[np.ndarray, Floats]:  # fmt: skip
    """Whether each body is wholly inside (n, 2), and the share of its limb that is (n, 2)."""
    scene = _scene(ephemeris, leg, et)
    commanded = attitudes(pointing, leg, np.array([et]))[0]
    state = leg.trajectory.state(et)
    radial = unit(state[:3])
    cross = unit(np.cross(state[:3], state[3:])) if np.linalg.norm(np.cross(state[:3], state[3:])) > 0 else radial
    axes = np.array([radial, np.cross(cross, radial), cross])
    small = draws.turn if turn is None else turn
    n = len(draws.clock)
    inside, cover = np.empty((n, 2), dtype=bool), np.empty((n, 2))
    for k, body in enumerate(scene.bodies):
        velocity = scene.observer.velocity_j2000_km_s - ephemeris.state(body.name, et, "earth")[3:]
        # Seen from a place off by d the body stands at -d; a second's motion is far under its distance.
        shift = draws.place @ axes + draws.clock[:, None] * velocity
        limb = body.limb_j2000_km(_LIMB_POINTS)
        seen = (limb[None] - shift[:, None]) @ commanded.T
        # A small rotation of the camera by w moves directions by -w x s; second order matters at some degrees.
        turned = _rotate(seen, -small)
        pixels = camera.project(turned.reshape(-1, 3)).reshape(n, _LIMB_POINTS, 2)
        good = camera.contains(pixels.reshape(-1, 2)).reshape(n, _LIMB_POINTS)
        inside[:, k], cover[:, k] = good.all(axis=1), good.mean(axis=1)
    return inside, cover


def _rotate(vectors: Floats, turns: Floats) -> Floats:
    """Vectors (n, m, 3) turned by rotation vectors (n, 3), Rodrigues."""
    angle = np.linalg.norm(turns, axis=1)
    axis = (turns / np.maximum(angle, 1e-300)[:, None])[:, None]
    c, s = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    along = np.sum(vectors * axis, axis=2, keepdims=True)
    return np.asarray(vectors * c + np.cross(axis, vectors) * s + axis * along * (1.0 - c))


def _series(
    ephemeris: Ephemeris, camera: Camera, pointing: Pointing, leg: Leg, span: tuple[float, float], best: float,
    table: ErrorsTable, draws: _Draws, single: float,
) -> tuple[Series, bool]:  # fmt: skip
    """The fewest frames, evenly over the window, of which at least one holds both with the wished probability."""
    if single >= table.wished:
        return Series(1, 0.0, single), True
    rng = np.random.default_rng(table.seed + 1)
    sigma = np.radians([table.pointing_deg, table.pointing_deg, table.roll_deg])
    found = Series(1, 0.0, single)
    for count in _SERIES:
        ets = np.linspace(span[0], span[1], count + 2)[1:-1]
        hit = np.zeros(table.draws, dtype=bool)
        for et in ets:
            turn = rng.standard_normal((table.draws, 3)) * sigma
            hit |= _frames(ephemeris, camera, pointing, leg, float(et), draws, turn)[0].all(axis=1)
        now = Series(count, float(ets[1] - ets[0]), float(hit.mean()))
        if now.probability > found.probability:
            found = now
        if now.probability >= table.wished:
            return now, True
    return found, False


def _navigation(
    ephemeris: Ephemeris, camera: Camera, pointing: Pointing, leg: Leg, et: float, table: ErrorsTable
) -> tuple[dict[str, float], dict[str, str]]:
    """Expected sigmas of a two-body fix, and what drives each."""
    scene = _scene(ephemeris, leg, et)
    turn = attitudes(pointing, leg, np.array([et]))[0]
    lines: list[float] = []
    ranges: list[float | None] = []
    for body in scene.bodies:
        radius_px = math.tan(body.angular_radius_rad) / camera.ifov_rad
        points = arc_points(radius_px, 0.5 * math.pi)
        lines.append(table.limb_noise_px * camera.ifov_rad / math.sqrt(max(points, 4) / 2.0))
        if points < 8:
            ranges.append(None)
            continue
        fix = horizon_covariance(
            body.range_km, RADII_KM[body.name][0], radius_px, 0.5 * math.pi, table.limb_noise_px, points
        )
        ranges.append(fix.range_sigma_km)
        lines[-1] = float(fix.cross_sigma_km.max()) / body.range_km
    cross, roll = (math.radians(max(v, 1e-4)) for v in (table.pointing_deg, table.roll_deg))
    prior = AttitudePrior.from_sigmas(turn, cross, roll)
    try:
        fix2 = two_body_covariance(
            scene.observer.position_j2000_km, baseline(ephemeris, et, scene.observer.position_j2000_km), prior,
            (lines[0], lines[1]), (ranges[0], ranges[1]),
        )  # fmt: skip
    except (TerralunaError, np.linalg.LinAlgError):
        return {}, {}
    return dict(fix2.sigma_km), dict(fix2.driven_by)
