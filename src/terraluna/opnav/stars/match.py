"""Which detection is which star: trial attitudes from pairs, each checked against the whole sky.

The camera is known, so that the angle between two detections is an absolute measure: a table of catalogue pairs sorted
by angle gives the few hundred that fit (Mortari et al. 2004, Navigation 51(3), 171, use it the same way). Each of them,
both ways round, is a full attitude. It is kept if enough of the other detections then fall on catalogue stars, improved
with Davenport's method over all of them, and judged by the probability that chance does as well. Where the focal length
is uncertain every pair also gives a scale.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from terraluna.opnav.stars.attitude import q_method
from terraluna.opnav.stars.catalogue import Ints, Pairs, PairTable, Sky, pair_table
from terraluna.opnav.stars.falsematch import false_match_probability, poisson_binomial_tail
from terraluna.opnav.stars.trials import count_near, rays_of, rematch, tangents, try_pairs
from terraluna.opnav.types import Floats

if TYPE_CHECKING:
    from terraluna.camera.model import Camera

PATTERN_STARS: Final = 12
"""Stars of the pair table in a field, about."""

_SIGMAS: Final = 3.0
"""Match radius in standard deviations."""

_LONGEST_RAD: Final = math.radians(60.0)

_PREFIXES: Final = (6, 9, 13, 19, 28, 40, 60)
"""Numbers of brightest detections over which a match is judged, each down to its own magnitude."""

_SEARCH: Final = 24
"""Detections with which trials are checked; fainter ones come in when a trial has passed."""


@dataclass(frozen=True, eq=False)
class Match:
    """A pattern that was found.

    Attributes:
        attitude: (3, 3) J2000 -> camera.
        scale: focal length over the camera's; 1 where it was held.
        detections: (m,) indices of the matched detections.
        rows: (m,) their rows in the catalogue.
        false_match_probability: bound, over all trials.
        trials: attitudes tried.
        limit_v: magnitude down to which the sky was searched.
    """

    attitude: Floats
    scale: float
    detections: Ints
    rows: Ints
    false_match_probability: float
    trials: int
    limit_v: float


@dataclass(frozen=True)
class MatchOptions:
    """How to search.

    Attributes:
        tolerance_px: error of the camera model that the centroids' own errors don't contain, px.
        focal_tolerance: the focal length may be off by this fraction; 0 holds it.
        accept: false-match probability at which the search ends.
        weak: largest false-match probability of a result at all.
        pattern_detections: brightest detections that pairs are formed of.
        check_detections: brightest detections that are looked at at all.
        limit_v: faintest magnitude to match; None chooses it from the number of detections.
        most_trials: trial attitudes after which the search gives up.
    """

    tolerance_px: float = 0.5
    focal_tolerance: float = 0.0
    accept: float = 1e-6
    weak: float = 1e-3
    pattern_detections: int = 20
    check_detections: int = 60
    limit_v: float | None = None
    most_trials: int = 500_000


def _field(camera: Camera) -> tuple[float, float]:
    """Solid angle of the frame, sr, and its diagonal, rad."""
    w, h = camera.width - 1.0, camera.height - 1.0
    corners = camera.unproject(np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]]))
    if not np.isfinite(corners).all():
        wide = min(math.pi, math.hypot(*np.radians(camera.field_of_view_deg)))
        return 2.0 * math.pi * (1.0 - math.cos(wide / 2.0)), wide
    a, b, c, d = corners
    area = 0.0
    for p, q, r in ((a, b, c), (a, c, d)):
        area += 2.0 * math.atan2(abs(float(p @ np.cross(q, r))), 1.0 + float(p @ q + q @ r + r @ p))
    return area, float(math.acos(np.clip(a @ c, -1.0, 1.0)))


def _extra_pairs(sky: Sky, table: PairTable, longest: float) -> Pairs:
    """Pairs of each planet with the table's stars and the other planets, by rising angle."""
    stars = sky.hip.size
    rows = np.concatenate([table.chosen, np.arange(stars, stars + len(sky.planets))])
    angles, first, second = [], [], []
    for p in range(stars, stars + len(sky.planets)):
        others = rows[(rows < stars) | (rows > p)]
        chord = np.linalg.norm(sky.directions[others] - sky.directions[p], axis=1)
        near = chord < 2.0 * math.sin(longest / 2.0)
        angles.append(2.0 * np.arcsin(0.5 * chord[near]))
        first.append(np.full(int(near.sum()), p))
        second.append(others[near])
    if not angles:
        return Pairs(np.zeros(0), np.zeros(0, np.int32), np.zeros(0, np.int32))
    angle = np.concatenate(angles)
    order = np.argsort(angle)
    rows_a, rows_b = (np.concatenate(part)[order].astype(np.int32) for part in (first, second))
    return Pairs(angle[order], rows_a, rows_b)


def match_stars(
    pixels: Floats,
    sigma_px: Floats,
    camera: Camera,
    sky: Sky,
    options: MatchOptions | None = None,
    free_share: float = 1.0,
) -> Match | None:
    """Find the attitude that explains detections, with no prior knowledge of it.

    Args:
        pixels: (n, 2) places, brightest first.
        sigma_px: (n,) their standard deviations per axis, without ``options.tolerance_px``.
        camera: its model, right to that tolerance (and to ``focal_tolerance``).
        sky: the catalogue.
        options: see :class:`MatchOptions`.
        free_share: share of the frame that no mask covers.

    Returns:
        The best match whose false-match probability is at most ``options.weak``; None where there is none.
    """
    o = options or MatchOptions()
    sigma = np.hypot(sigma_px, o.tolerance_px) * camera.ifov_rad
    t = tangents(camera, np.asarray(pixels, dtype=np.float64))
    known = np.flatnonzero(np.isfinite(t[:, 0]))[: o.check_detections]
    if known.size < 4:
        return None
    t, sigma = np.ascontiguousarray(t[known]), sigma[known]
    area, diagonal = _field(camera)
    area_free = area * max(free_share, 0.05)
    # Classes of field, a quarter apart, share one table.
    radius = 1.25 ** round(math.log(math.sqrt(area / math.pi)) / math.log(1.25))
    longest = min(_LONGEST_RAD, 2.6 * radius)
    table = pair_table(sky.motion_year, radius, PATTERN_STARS, longest)
    extra = _extra_pairs(sky, table, longest)
    search = _Search(t, sigma, sky, area_free, diagonal, o)
    best: Match | None = None
    count = min(o.pattern_detections, known.size)
    pairs = sorted(itertools.combinations(range(count), 2), key=lambda p: (p[0] + p[1], p[1]))
    shortest = 0.1 * diagonal
    for i, j in pairs:
        for choice in (table.pairs, extra):
            if choice.angle.size == 0 or search.trials > o.most_trials:
                continue
            for found in search.pair(i, j, choice, shortest):
                if best is None or found.false_match_probability < best.false_match_probability:
                    best = found
                if best.false_match_probability <= o.accept:
                    return _named(best, known)
    return None if best is None else _named(best, known)


def _named(match: Match, known: Ints) -> Match:
    return Match(
        match.attitude, match.scale, known[match.detections], match.rows,
        match.false_match_probability, match.trials, match.limit_v,
    )  # fmt: skip


class _Search:
    """State of one search: the detections, the sky, and how many attitudes have been tried."""

    def __init__(self, t: Floats, sigma: Floats, sky: Sky, area_sr: float, diagonal: float, o: MatchOptions) -> None:
        self.t, self.sigma, self.sky, self.options = t, sigma, sky, o
        self.trials = 0
        self.diagonal = diagonal
        self.radii = _SIGMAS * sigma
        n = self.check = min(len(t), _SEARCH)
        self.limit = self._limit(n, area_sr)
        self.index = sky.index(self.limit)
        self.prefixes = [k for k in _PREFIXES if k < len(t)] + [len(t)]
        self.limits = [min(self._limit(k, area_sr), self.limit) for k in self.prefixes]
        bright = int((sky.v_mag <= self.limit).sum())
        # Chance level of one trial: the match circle grows with the lever, about threefold in area.
        p = np.full(max(0, n - 2), min(1.0, bright / (4.0 * math.pi) * math.pi * 3.0 * float(np.mean(self.radii**2))))
        self.gate = 4
        while self.gate < n and 2000.0 * poisson_binomial_tail(p, self.gate - 2) > 0.05:
            self.gate += 1

    def _limit(self, count: int, area_sr: float) -> float:
        """Magnitude that the camera may have reached if ``count`` detections are about half of the stars."""
        given = self.options.limit_v
        return self.sky.limit_for(1.5 * count + 8.0, area_sr) if given is None else given

    def pair(self, i: int, j: int, pairs: Pairs, shortest: float) -> list[Match]:
        """Matches that pass from trials with detections i and j; ends with the first that is good enough."""
        t, o = self.t, self.options
        u = rays_of(t[[i, j]])
        if math.acos(np.clip(u[0] @ u[1], -1.0, 1.0)) < shortest:
            return []
        found: list[Match] = []
        R, rows = np.empty((3, 3)), np.empty(self.check, np.int64)
        at, base = 0, self.trials
        while at >= 0:
            at, scale, trial = try_pairs(
                t, self.sigma, i, j, self.radii, pairs, o.focal_tolerance, at, self.gate, self.index, R, rows
            )
            self.trials = base + trial
            if at < 0:
                break
            result = self._improve(R, scale, rows)
            if result is not None:
                found.append(result)
                if result.false_match_probability <= o.accept:
                    break
        return found

    def _improve(self, R: Floats, scale: float, rows: Ints) -> Match | None:
        """Attitude over all matched detections, matched again; None if it falls apart or chance explains it."""
        t, sky, o = self.t, self.sky, self.options
        free = o.focal_tolerance > 0.0
        for _ in range(4):
            hit = np.flatnonzero(rows >= 0)
            if hit.size < 4:
                return None
            if free:
                scale = _best_scale(t[hit], sky.directions[rows[hit]], scale)
                if abs(scale - 1.0) > o.focal_tolerance:
                    return None
            R = q_method(rays_of(t[hit], scale), sky.directions[rows[hit]], self.sigma[hit] ** -2.0)
            previous = rows
            rows = rematch(t, self.radii, scale, R, self.index)
            if np.array_equal(rows, previous):
                break
        hit = np.flatnonzero(rows >= 0)
        if hit.size < 4:
            return None
        chance = self._chance(R, rows, 3 if free else 2)
        if chance > o.weak:
            return None
        return Match(R.copy(), scale, hit, rows[hit], chance, self.trials, self.limit)

    def _chance(self, R: Floats, rows: Ints, used: int) -> float:
        """False-match probability: the least over the prefixes, times their number."""
        t, sky = self.t, self.sky
        axis = R.T @ (lambda m: m / np.linalg.norm(m))(rays_of(t).mean(axis=0))
        cosine = math.cos(self.diagonal / 2.0)
        # The wider radius of the trials, in which a wrong attitude had its chance.
        wide = self.radii * math.sqrt(3.0)
        mags = np.where(rows >= 0, sky.v_mag[rows], np.inf)
        best = 1.0
        for k, limit in zip(self.prefixes, self.limits, strict=True):
            near = count_near(axis, cosine, sky.directions, sky.v_mag, limit)
            density = (near + 1.0) / (2.0 * math.pi * (1.0 - cosine))
            matched = int(np.count_nonzero(mags[:k] <= limit))
            best = min(best, false_match_probability(wide[:k], density, matched, used, self.trials))
        return min(1.0, best * len(self.prefixes))


def _best_scale(t: Floats, places: Floats, scale: float) -> float:
    """Scale that makes the angles between all pairs of matched detections right, by Gauss-Newton."""
    a, b = np.triu_indices(len(t), 1)
    target = 2.0 * np.arcsin(0.5 * np.linalg.norm(places[a] - places[b], axis=1))

    def angles(s: float) -> Floats:
        u = rays_of(t, s)
        return np.asarray(2.0 * np.arcsin(0.5 * np.linalg.norm(u[a] - u[b], axis=1)))

    for _ in range(3):
        here, slope = angles(scale), (angles(scale * 1.001) - angles(scale)) / (0.001 * scale)
        scale -= float(slope @ (here - target) / max(slope @ slope, 1e-30))
        if not 0.2 < scale < 5.0:
            break
    return scale
