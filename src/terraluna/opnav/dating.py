"""Date the picture: the clock from the picture where the orbit is known, or the orbit where the clock is.

Radius, separation and directions of both discs move with time; so do they with an error of the orbit along its track.
The spacecraft's own motion looks the same in both, and only the motion of Earth, Moon and Sun meanwhile differs:
0.55 degrees in an hour for the Earth as seen from a lunar orbiter. One of the two must be given, or both stay with the
uncertainty that is left. An error of the focal length moves the radius and the separation in the same direction, but
not by the same time, so that several frames tell it from the clock: give it a sigma in ``unknowns``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import MOON_RADII_KM
from terraluna.errors import CoverageError, InputError
from terraluna.opnav.baseline import baseline
from terraluna.opnav.sequential.batch import fit_series
from terraluna.opnav.sequential.dynamics import KnownPath
from terraluna.opnav.sequential.model import FrameModel
from terraluna.opnav.sequential.types import Editing, SeriesFit, SeriesFrame, Unknown, Unknowns
from terraluna.opnav.types import BodyFix, Floats, LimbDirections, Status
from terraluna.opnav.vectors import tangent_basis, unit
from terraluna.trajectory.base import Trajectory

SEARCH_S: Final = 3600.0
"""Time to either side of the log that is searched."""

STEP_S: Final = 60.0
"""First step of the search: the misfit of a lunar orbit turns once in minutes."""

_RIVAL: Final = 9.0
"""A second time whose chi-square is not higher by this much (3 sigma) is possible too."""

_SEARCH_TURNS: Final = 2
"""Iterations of each attitude while searching: the first comes from two directions and is near already."""

_WIDE: Final = 1e6
"""Sigma, s, of a clock or shift about which nothing is known."""


@dataclass(frozen=True, eq=False)
class PictureTime:
    """When a picture, or a series with one clock, was taken.

    Attributes:
        offset_s: seconds to add to the logged time (clock), or by which the spacecraft is ahead (along the track).
        sigma_s: its standard deviation, the considered uncertainties included.
        alternatives: other offsets in the span that fit as well.
        fit: residuals, attitudes and everything else; its frames hold the true times and positions.
    """

    offset_s: float
    sigma_s: float
    alternatives: tuple[float, ...]
    fit: SeriesFit
    status: Status = "ok"
    reasons: tuple[str, ...] = ()


def date_frames(
    frames: Sequence[SeriesFrame],
    trajectory: Trajectory,
    ephemeris: Ephemeris,
    *,
    unknowns: Unknowns | None = None,
    search_s: float = SEARCH_S,
    step_s: float = STEP_S,
    editing: Editing | None = None,
) -> PictureTime:
    """Clock offset of one frame or of a series that shares one clock, when the trajectory is known.

    Args:
        frames: the measurements with their logged times.
        trajectory: where the spacecraft was.
        ephemeris: open ephemeris.
        unknowns: a prior of the clock (wide if left out), an along-track error to be considered or estimated, camera
            and limb biases.
        search_s: how far to either side of the log to look.
        step_s: step of the search.
        editing: rejection of frames.

    Returns:
        The offset; ``refused`` where the picture does not change with time, no time fits or the fit fails;
        ``degraded`` where another time fits as well or residuals exceed the noise.

    Raises:
        CoverageError: the trajectory does not cover the logged times.
    """
    chosen = unknowns or Unknowns()
    if chosen.clock is None:
        chosen = replace(chosen, clock=Unknown(_WIDE))
    return _search("clock_s", frames, trajectory, ephemeris, chosen, search_s, step_s, editing)


def locate_along_track(
    frames: Sequence[SeriesFrame],
    trajectory: Trajectory,
    ephemeris: Ephemeris,
    *,
    unknowns: Unknowns | None = None,
    search_s: float = SEARCH_S,
    step_s: float = STEP_S,
    editing: Editing | None = None,
) -> PictureTime:
    """Correction of a trajectory along its track, in seconds ahead, when the clock is known.

    Arguments and result as for :func:`date_frames`; a clock in ``unknowns`` counts with its own prior. One second is
    the spacecraft's speed about the trajectory's centre in km.
    """
    chosen = unknowns or Unknowns()
    if chosen.along_track is None:
        chosen = replace(chosen, along_track=Unknown(_WIDE))
    return _search("along_track_s", frames, trajectory, ephemeris, chosen, search_s, step_s, editing)


def date_by_limb(
    frame: SeriesFrame,
    limb: LimbDirections,
    trajectory: Trajectory,
    ephemeris: Ephemeris,
    *,
    radius_km: float | Floats = MOON_RADII_KM[0],
    systematic_rad: float = 0.0,
    scale_sigma: float = 0.0,
    search_s: float = SEARCH_S,
    step_s: float = STEP_S,
) -> PictureTime:
    """Clock offset from a short piece of the Moon's limb beside the whole Earth.

    So short an arc gives no radius: the trajectory gives it, and the place of the arc then says how far the Moon's
    centre is from the Earth's.

    Args:
        frame: one frame with the Earth among its sights.
        limb: directions of the points on the arc.
        trajectory: where the spacecraft was.
        ephemeris: open ephemeris.
        radius_km: of the limb's terrain from the Moon's centre, one for all or one a point (n,).
        systematic_rad: error of the separation common to all points (calibration, terrain, blur).
        scale_sigma: relative error of the focal length.
        search_s: how far to either side of the log to look.
        step_s: step of the search.

    Returns:
        The offset; its fit holds the Earth alone at the time found. ``refused`` where no time fits; ``degraded`` where
        several do (the nearest to the log is given) and always marked ``radius_from_trajectory``.

    Raises:
        InputError: the frame has no sight of the Earth.
    """
    from scipy.optimize import brentq

    earth = next((s for s in frame.sights if s.body == "earth" and s.status != "refused"), None)
    if earth is None:
        raise InputError(f"{frame.name}: dating by the Moon's limb needs a sight of the Earth")
    seen = earth.direction

    def excess(offset: float) -> float:
        """Separation of the arc's centre from the Earth, less the trajectory's."""
        et = frame.et + offset
        state = trajectory.states_about("earth", [et], ephemeris)[0]
        place = baseline(ephemeris, et, state[:3], state[3:])
        vectors = np.vstack((place.earth_km, place.moon_km)) - state[:3]
        distance = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        if distance[1] <= np.max(radius_km):
            return float("nan")
        expected = np.arccos(np.clip(vectors[0] @ vectors[1] / distance.prod(), -1.0, 1.0))
        center = arc_center(limb.directions, np.arcsin(radius_km / distance[1]), seen, float(expected))
        return float(np.arccos(np.clip(center @ seen, -1.0, 1.0)) - expected)

    first, last = trajectory.span
    low, high = max(-search_s, first - frame.et + 1.0), min(search_s, last - frame.et - 1.0)
    if low >= high:
        trajectory.states(np.array([frame.et]))
    offsets = np.arange(low, high, step_s)
    values = np.array([excess(float(o)) for o in offsets])
    roots = [
        float(brentq(excess, offsets[i], offsets[i + 1], xtol=1e-3))
        for i in range(offsets.size - 1)
        # A jump of more than half a radian is a change of the arc's side and no root.
        if np.isfinite(values[i : i + 2]).all()
        and values[i] * values[i + 1] <= 0.0
        and abs(values[i + 1] - values[i]) < 0.5
    ]
    path = KnownPath(trajectory, ephemeris)
    alone = replace(frame, sights=(earth,), laws=())
    if not roots:
        fit = fit_series([alone], ephemeris, path, unknowns=Unknowns(clock=Unknown(1.0)))
        return PictureTime(float("nan"), float("nan"), (), fit, "refused", ("no_time_fits",))
    roots.sort(key=abs)
    offset = roots[0]
    rate = (excess(offset + 1.0) - excess(offset - 1.0)) / 2.0
    # The gap between the Earth's centre and the limb is what is measured.
    gap = float(np.abs(np.arccos(np.clip(limb.directions @ seen, -1.0, 1.0))).min())
    noise = float(np.sqrt(np.trace(limb.covariance_rad2.mean(axis=0)) / 2.0 / len(limb.directions)))
    noise = (
        float(np.hypot(noise, np.sqrt(np.trace(earth.line_of_sight().covariance_rad2) / 2.0)))
        if isinstance(earth, BodyFix)
        else noise
    )
    sigma = float(np.sqrt(noise**2 + systematic_rad**2 + (scale_sigma * gap) ** 2) / abs(rate))
    fit = fit_series([alone], ephemeris, path, unknowns=Unknowns(clock=Unknown(sigma, offset)))
    reasons = ("radius_from_trajectory", *(("another_time_fits",) if len(roots) > 1 else ()))
    return PictureTime(offset, sigma, tuple(roots[1:]), fit, "degraded", reasons)


def arc_center(directions: Floats, half_angle: float | Floats, earth: Floats, separation: float) -> Floats:
    """Centre (3,) of a circle of known angular radius (one, or one a point) through an arc, away from the Earth."""
    middle = unit(directions.mean(axis=0))
    away = unit(middle - earth * (middle @ earth))
    center = unit(earth * np.cos(separation) + away * np.sin(separation))
    for _ in range(30):
        e1, e2 = tangent_basis(center)
        local = np.column_stack((directions @ e1, directions @ e2))
        theta = np.arctan2(np.hypot(local[:, 0], local[:, 1]), directions @ center)
        radial = local / np.hypot(local[:, 0], local[:, 1])[:, None]
        step = np.linalg.lstsq(radial, theta - half_angle, rcond=None)[0]
        size = float(np.hypot(step[0], step[1]))
        if size > 0.2:
            step = step * (0.2 / size)
        center = unit(center + step[0] * e1 + step[1] * e2)
        if size < 1e-12:
            break
    return center


def _search(
    name: str,
    frames: Sequence[SeriesFrame],
    trajectory: Trajectory,
    ephemeris: Ephemeris,
    unknowns: Unknowns,
    search_s: float,
    step_s: float,
    editing: Editing | None,
) -> PictureTime:
    if not (search_s > 0.0 and 0.0 < step_s <= search_s):
        raise InputError("the search needs a positive span and a step no longer than it")
    path = KnownPath(trajectory, ephemeris, along_track=unknowns.along_track is not None)
    for frame in frames:
        trajectory.states(np.array([frame.et]))
    offsets = np.arange(-search_s, search_s + 0.5 * step_s, step_s)
    names = (*path.names, *unknowns.table())
    models = [FrameModel(f, ephemeris, names, len(path.names), unknowns.limb_km) for f in frames]
    costs = np.array([_cost(name, models, path, unknowns, names, float(o)) for o in offsets])
    inside = np.isfinite(costs)
    padded = np.concatenate(([np.inf], np.where(inside, costs, np.inf), [np.inf]))
    valleys = [
        i for i in range(offsets.size) if inside[i] and padded[i + 1] <= padded[i] and padded[i + 1] <= padded[i + 2]
    ]
    fits: list[SeriesFit] = []
    for i in sorted(valleys, key=lambda k: costs[k])[:4]:
        try:
            fit = fit_series(
                frames, ephemeris, path, unknowns=unknowns, editing=editing, start={name: float(offsets[i])}
            )
        except CoverageError:
            continue
        if fit.status != "refused" or not fits:
            fits.append(fit)
    good = sorted((f for f in fits if f.status != "refused"), key=lambda f: (len(f.rejected), f.chi_square))
    if not good:
        fit = fits[0] if fits else fit_series(frames, ephemeris, path, unknowns=unknowns, editing=editing)
        return PictureTime(float("nan"), float("nan"), (), fit, "refused", fit.reasons or ("no_time_fits",))
    best = good[0]
    offset, sigma = best.value(name)
    # Three sigma beyond the span that was searched: the pictures say nothing of the clock.
    if not 3.0 * sigma < search_s or abs(offset) > search_s:
        why = "picture_does_not_tell_time" if not 3.0 * sigma < search_s else "best_time_outside_search"
        return PictureTime(float("nan"), float("nan"), (), best, "refused", (why,))
    others = tuple(
        dict.fromkeys(
            round(f.value(name)[0], 3)
            for f in good[1:]
            if f.rejected == best.rejected
            and f.chi_square < best.chi_square + _RIVAL
            and abs(f.value(name)[0] - offset) > max(3.0 * sigma, 1.0)
        )
    )
    reasons = (*best.reasons, *(("another_time_fits",) if others else ()))
    status: Status = "degraded" if reasons else "ok"
    return PictureTime(offset, sigma, others, best, status, reasons)


def _cost(
    name: str,
    models: Sequence[FrameModel],
    path: KnownPath,
    unknowns: Unknowns,
    names: tuple[str, ...],
    offset: float,
) -> float:
    """Chi-square of all frames at one offset, other unknowns at their priors; infinite outside the trajectory."""
    values = np.zeros(len(names))
    for key, unknown in unknowns.table().items():
        values[names.index(key)] = unknown.mean
    if path.names and unknowns.along_track is not None:
        values[0] = unknowns.along_track.mean
    values[names.index(name)] = offset
    clock = values[names.index("clock_s")] if "clock_s" in names else 0.0
    try:
        states, partials = path.states(np.array([m.frame.et for m in models]) + clock, values[: len(path.names)])
    except CoverageError:
        return float("inf")
    total = 0.0
    for i, model in enumerate(models):
        rows = model.rows(states[i], partials[i], values, turns=_SEARCH_TURNS)
        if rows is not None:
            # A single bad frame must not decide where the search starts.
            total += min(float(rows.residual @ rows.residual), 1e8)
    return total
