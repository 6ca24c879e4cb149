"""Finds the discs of Earth and Moon in a picture: a robust circle on the lit limb.

Good to some hundredths of the limb's blur, for developing; the navigation-grade measure is the work of ``opnav``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import RefusedError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_RAYS: Final = 720
_INLIER_PX: Final = 1.0
_LEAST_AREA_PX: Final = 12
_LEAST_ARC_DEG: Final = 60.0
_LEAST_RADIUS_PX: Final = 2.5
_TERMINATOR_OFFSET: Final = 0.04
"""Centre of light off the centre of the disc, over the radius, from which the far side is taken for a terminator:
about 8 degrees of phase; spots on a full disc shift the centre of light by less."""
_FRONT_COVERAGE: Final = 0.6
"""Share of the circumference that must show an edge before a disc is believed to stand in front of another."""


@dataclass(frozen=True)
class Disc:
    """A body's disc in a picture.

    Attributes:
        name: ``earth``, ``moon`` or ``unknown``.
        x: column of the centre, px.
        y: row of the centre, px.
        radius: px.
        rms_px: scatter of the limb points about the circle.
        arc_deg: how much of the circumference the limb points cover.
        front: stands in front of the other disc.
    """

    name: str
    x: float
    y: float
    radius: float
    rms_px: float
    arc_deg: float
    front: bool = False

    def distance(self, shape: tuple[int, int]) -> Floats:
        """Distance of every pixel (H, W) from the limb, px: negative inside."""
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        return np.asarray(np.hypot(columns - self.x, rows - self.y) - self.radius, dtype=np.float64)

    def mask(self, shape: tuple[int, int], grow: float = 0.0) -> Mask:
        """Pixels (H, W) inside the limb moved outward by ``grow`` px."""
        return np.asarray(self.distance(shape) < grow, dtype=np.bool_)


def find_discs(
    image: Floats, missing: Mask | None = None, front_ratio: float | None = None, seed: int = 0
) -> list[Disc]:
    """Find up to two discs, the one with more light first.

    Args:
        image: (H, W) linear, one band or a sum of bands.
        missing: (H, W) pixels that must not be used.
        front_ratio: radius of a disc in front of the first over the radius of that, where it is known; 0 if the
            geometry says that nothing stands in front; None if nothing is known.
        seed: of the random samples of the robust fit.

    Raises:
        RefusedError: nothing in the picture has a limb.
    """
    from scipy.ndimage import label

    bad = np.zeros(image.shape, dtype=np.bool_) if missing is None else missing
    sky, noise = sky_of(image, bad)
    level = lit_level(image, bad, sky, noise)
    lit = (image > level) & ~bad
    labels, count = label(lit)
    if not count:
        raise RefusedError("nothing in the frame is brighter than the sky; check the frame")
    flux = np.bincount(labels.ravel(), weights=np.where(lit, image - sky, 0.0).ravel())
    size = np.bincount(labels.ravel())
    flux[0] = 0.0
    flux[size < _LEAST_AREA_PX] = 0.0
    rng = np.random.default_rng(seed)
    discs: list[Disc] = []
    for k in np.argsort(flux)[::-1][:6]:
        if flux[k] <= 0.0 or len(discs) == 2:
            break
        part = np.asarray(labels == k, dtype=np.bool_)
        start = _ransac(_boundary(part, bad), part, rng)
        if start is None or any(np.hypot(start[0] - d.x, start[1] - d.y) < d.radius for d in discs):
            continue
        found = refine(image, Disc("unknown", *start, 0.0, 0.0), bad, sky)
        if found is not None and found.radius >= _LEAST_RADIUS_PX and _is_lit(lit, found):
            discs.append(found)
    if len(discs) == 1 and front_ratio != 0.0:
        inner = find_front(image, discs[0], bad, sky, noise, front_ratio)
        if inner is not None:
            discs.append(inner)
    if not discs:
        raise RefusedError("no lit limb was found in the frame; is there a body in it?")
    return discs


def _is_lit(lit: Mask, disc: Disc) -> bool:
    """Whether enough of the disc in the frame is lit for a body at up to some 155 degrees of phase."""
    own = disc.mask((lit.shape[0], lit.shape[1]))
    return bool(own.any()) and float(lit[own].mean()) > 0.04


def sky_of(image: Floats, bad: Mask) -> tuple[float, float]:
    """Level and scatter of the sky: mode-like median of the darker half, and its robust sigma."""
    values = image[~bad]
    if values.size > 400_000:
        values = values[:: values.size // 200_000]
    low = values[values <= np.median(values)]
    level = float(np.median(low)) if low.size else 0.0
    sigma = 1.4826 * float(np.median(np.abs(low - level))) if low.size else 0.0
    return level, sigma


def lit_level(image: Floats, bad: Mask, sky: float, noise: float) -> float:
    """Level that parts the lit bodies from the sky: Otsu's on the square root, above the noise."""
    from skimage import filters

    threshold_otsu: Any = filters.threshold_otsu

    values = np.sqrt(np.maximum(image[~bad] - sky, 0.0))
    peak = float(values.max(initial=0.0))
    if peak <= 0.0:
        raise RefusedError("nothing in the frame is brighter than the sky; check the frame")
    # Otsu balances areas: a body that covers few pixels would vanish in the sky, so only as much sky as body counts.
    lit = values[values > max(0.05 * peak, np.sqrt(8.0 * noise))]
    cut = 0.5 * float(threshold_otsu(np.concatenate([lit, np.zeros(max(lit.size, 16))]))) if lit.size else 0.5 * peak
    return sky + float(max(cut**2, 8.0 * noise))


def _boundary(part: Mask, bad: Mask) -> Floats:
    """Border pixels (n, 2) x, y of a component that do not touch the frame's edge or missing pixels."""
    from scipy.ndimage import binary_dilation, binary_erosion, binary_fill_holes

    solid = binary_fill_holes(part)
    edge = solid & ~binary_erosion(solid)
    edge &= ~binary_dilation(bad, iterations=2) if bad.any() else True
    edge[[0, -1], :] = False
    edge[:, [0, -1]] = False
    rows, columns = np.nonzero(edge)
    return np.column_stack([columns, rows]).astype(np.float64)


def _ransac(points: Floats, part: Mask, rng: np.random.Generator) -> tuple[float, float, float] | None:
    """Circle through most border points with the component inside it: the limb, not the terminator."""
    if len(points) < 8:
        return None
    best, best_score = None, 0.0
    few = points if len(points) <= 1500 else points[rng.choice(len(points), 1500, replace=False)]
    rows, columns = np.nonzero(part)
    sample = slice(None, None, max(1, len(rows) // 1500))
    body = np.column_stack([columns[sample], rows[sample]]).astype(np.float64)
    for _ in range(300):
        circle = _through(few[rng.choice(len(few), 3, replace=False)])
        if circle is None or circle[2] < 1.5 or circle[2] > 4.0 * max(part.shape):
            continue
        away = np.abs(np.hypot(few[:, 0] - circle[0], few[:, 1] - circle[1]) - circle[2])
        near = away < max(_INLIER_PX, 0.002 * circle[2])
        outside = np.hypot(body[:, 0] - circle[0], body[:, 1] - circle[1]) > circle[2] + 1.5
        score = float(near.mean()) - 3.0 * float(outside.mean())
        if score > best_score:
            best, best_score = circle, score
    if best is None:
        return None
    for _ in range(5):
        away = np.abs(np.hypot(points[:, 0] - best[0], points[:, 1] - best[1]) - best[2])
        near = away < max(1.5, 0.003 * best[2])
        if near.sum() < 6:
            return None
        best = fit_circle(points[near])
    return best


def _through(p: Floats) -> tuple[float, float, float] | None:
    (ax, ay), (bx, by), (cx, cy) = p
    d = 2.0 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by))
    if abs(d) < 1e-6:
        return None
    a, b, c = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
    x = (a * (by - cy) + b * (cy - ay) + c * (ay - by)) / d
    y = (a * (cx - bx) + b * (ax - cx) + c * (bx - ax)) / d
    return float(x), float(y), float(np.hypot(ax - x, ay - y))


def fit_circle(points: Floats, weights: Floats | None = None) -> tuple[float, float, float]:
    """Circle x, y, radius through points (n, 2): Kasa's start, then Gauss-Newton on the distances."""
    w = np.ones(len(points)) if weights is None else weights
    middle = points.mean(axis=0)
    p = points - middle
    design = np.column_stack([p, np.ones(len(p))]) * w[:, None]
    a, b, c = np.linalg.lstsq(design, w * (p**2).sum(axis=1), rcond=None)[0]
    x, y = a / 2.0, b / 2.0
    r = np.sqrt(max(c + x * x + y * y, 1e-12))
    for _ in range(10):
        dx, dy = p[:, 0] - x, p[:, 1] - y
        d = np.maximum(np.hypot(dx, dy), 1e-9)
        step = np.linalg.lstsq(np.column_stack([dx / d, dy / d, np.ones(len(d))]) * w[:, None], w * (d - r), rcond=None)
        x, y, r = x + step[0][0], y + step[0][1], r + step[0][2]
        if float(np.abs(step[0]).max()) < 1e-7:
            break
    return float(x + middle[0]), float(y + middle[1]), float(r)


def refine(
    image: Floats, disc: Disc, bad: Mask, sky: float, *, front: bool = False, reach: float | None = None
) -> Disc | None:
    """Sub-pixel circle from the edges along rays from the centre; None if too little limb is lit.

    Args:
        image: (H, W) linear.
        disc: start.
        bad: (H, W) pixels not to use.
        sky: level of the sky.
        front: the disc stands before a brighter one, so its edge may rise or fall.
        reach: how far from the start the edge may lie, px.
    """
    found: Disc | None = None
    start = disc
    for turn in range(5):
        half = (reach if reach is not None and turn == 0 else 0.0) or float(np.clip(0.04 * start.radius, 2.5, 8.0))
        edges = _edges(image, start, bad, sky, half, front)
        fitted = None if edges is None else _robust_circle(*edges)
        if fitted is None:
            break
        (x, y, radius), rms, arc = fitted
        if not (np.isfinite([x, y, radius]).all() and 1.0 < radius < 10.0 * max(image.shape)):
            break
        found = replace(disc, x=x, y=y, radius=radius, rms_px=rms, arc_deg=arc, front=front)
        start = found
    if found is None or found.arc_deg < _LEAST_ARC_DEG or found.rms_px > max(0.5, 0.02 * found.radius):
        return None
    return found


def _edges(image: Floats, disc: Disc, bad: Mask, sky: float, half: float, front: bool) -> tuple[Floats, Floats] | None:
    """Edge points (n, 2) and their angles (n,) along rays over the lit limb."""
    from scipy.ndimage import map_coordinates

    x, y, radius = disc.x, disc.y, disc.radius
    t = np.linspace(0.0, 2.0 * np.pi, int(np.clip(12 * radius, 72, _RAYS)), endpoint=False)
    s = np.arange(-half, half + 1e-9, 0.25)
    columns = x + (radius + s)[None, :] * np.cos(t)[:, None]
    rows = y + (radius + s)[None, :] * np.sin(t)[:, None]
    inside = (columns > 1) & (columns < image.shape[1] - 2) & (rows > 1) & (rows < image.shape[0] - 2)
    usable = inside.all(axis=1)
    ci = np.clip(np.rint(columns).astype(int), 0, image.shape[1] - 1)
    ri = np.clip(np.rint(rows).astype(int), 0, image.shape[0] - 1)
    usable &= ~bad[ri, ci].any(axis=1)
    if not front:
        light = light_direction(image, disc, bad, sky)
        if light is not None:
            usable &= np.cos(t - light) > np.cos(np.radians(80.0))
    profile = map_coordinates(image, [rows, columns], order=1, mode="nearest") - sky
    slope = -np.gradient(profile, axis=1)
    drop = np.abs(slope) if front else np.maximum(slope, 0.0)
    # The steepest place and its neighbourhood: texture further off must not pull the edge.
    peak = s[np.argmax(drop, axis=1)]
    weight = drop * (np.abs(s[None, :] - peak[:, None]) <= 1.5)
    total = weight.sum(axis=1)
    usable &= (total > 0.0) & (np.abs(peak) < half - 0.5)
    if usable.sum() < 8:
        return None
    top = drop.max(axis=1)
    usable &= top > 0.15 * float(np.percentile(top[usable], 80))
    edge = np.divide((weight * s).sum(axis=1), total, out=np.zeros_like(total), where=total > 0.0)
    points = np.column_stack([x + (radius + edge) * np.cos(t), y + (radius + edge) * np.sin(t)])
    return points[usable], t[usable]


def light_direction(
    image: Floats, disc: Disc, bad: Mask, sky: float, least: float = _TERMINATOR_OFFSET
) -> float | None:
    """Direction (from +x toward +y, rad) of the centre of light from the disc's centre.

    None for a full disc: the centre of light is less than ``least`` radii off.
    """
    r = disc.radius + 2.0
    left, top = max(int(disc.x - r), 0), max(int(disc.y - r), 0)
    box = image[top : max(int(disc.y + r) + 2, 0), left : max(int(disc.x + r) + 2, 0)]
    if box.size == 0:
        return None
    rows, columns = np.mgrid[top : top + box.shape[0], left : left + box.shape[1]]
    own = (np.hypot(columns - disc.x, rows - disc.y) < r) & ~bad[top : top + box.shape[0], left : left + box.shape[1]]
    light = np.where(own, np.maximum(box - sky, 0.0), 0.0)
    total = float(light.sum())
    whole = left > 0 and top > 0 and disc.x + r < image.shape[1] and disc.y + r < image.shape[0]
    if total <= 0.0 or not whole:
        return None
    dx = float((light * columns).sum()) / total - disc.x
    dy = float((light * rows).sum()) / total - disc.y
    return float(np.arctan2(dy, dx)) if np.hypot(dx, dy) > least * disc.radius else None


def _robust_circle(points: Floats, angles: Floats) -> tuple[tuple[float, float, float], float, float] | None:
    """Circle with its outliers clipped, rms (px) and covered arc (deg)."""
    if len(points) < 8:
        return None
    circle = fit_circle(points)
    for limit in (3.0, 2.5):
        away = np.hypot(points[:, 0] - circle[0], points[:, 1] - circle[1]) - circle[2]
        spread = max(1.4826 * float(np.median(np.abs(away - np.median(away)))), 0.05)
        keep = np.abs(away - np.median(away)) < limit * spread
        points, angles = points[keep], angles[keep]
        if len(points) < 8:
            return None
        circle = fit_circle(points)
    away = np.hypot(points[:, 0] - circle[0], points[:, 1] - circle[1]) - circle[2]
    arc = 360.0 * len(np.unique((angles * 36.0 / np.pi).astype(int))) / 72.0
    return circle, float(away.std()), arc


def find_front(
    image: Floats, behind: Disc, bad: Mask, sky: float, noise: float, ratio: float | None = None
) -> Disc | None:
    """A disc that stands in front of ``behind``: the circle on which most edges of the picture agree.

    Args:
        image: (H, W) linear.
        behind: the larger disc.
        bad: (H, W) pixels not to use.
        sky: level of the sky.
        noise: its scatter.
        ratio: radius over that of ``behind``, if it is known.
    """
    from scipy.ndimage import gaussian_filter

    if behind.radius < 20.0 or behind.arc_deg < 120.0:
        return None
    step = max(1, int(behind.radius // 80))
    small = _binned(np.where(bad, sky, image), step)
    cx, cy, r = ((v - (step - 1) / 2.0) / step for v in (behind.x, behind.y, behind.radius + (step - 1) / 2.0))
    smooth = gaussian_filter(small, 1.0)
    gy, gx = np.gradient(smooth)
    strength = np.hypot(gx, gy)
    rows, columns = np.mgrid[: small.shape[0], : small.shape[1]]
    inner = np.hypot(columns - cx, rows - cy) < r - 3.0
    if inner.sum() < 50:
        return None
    cut = max(float(np.percentile(strength[inner], 80)), 4.0 * noise / step)
    edge = inner & (strength > cut)
    px, py = columns[edge].astype(float), rows[edge].astype(float)
    ux, uy = gx[edge] / strength[edge], gy[edge] / strength[edge]
    radii = np.arange(max(5.0, 0.15 * r), 0.75 * r, 1.0) if ratio is None else ratio * r * np.array([0.98, 1.0, 1.02])
    best, best_score = None, 0.0
    for radius in radii:
        votes = np.zeros(small.shape)
        # What is behind may be darker or brighter than the limb: the gradient points out of the circle or into it.
        for sign in (1.0, -1.0):
            vx, vy = np.rint(px - sign * radius * ux).astype(int), np.rint(py - sign * radius * uy).astype(int)
            ok = (vx >= 0) & (vx < small.shape[1]) & (vy >= 0) & (vy < small.shape[0])
            np.add.at(votes, (vy[ok], vx[ok]), 1.0)
        votes = gaussian_filter(votes, 1.2) / radius
        row, column = divmod(int(np.argmax(votes)), len(small[0]))
        if votes[row, column] > best_score:
            best, best_score = (float(column), float(row), float(radius)), float(votes[row, column])
    if best is None:
        return None
    x, y, radius = (v * step + (step - 1) / 2.0 for v in best)
    start = Disc("unknown", x, y, radius, 0.0, 0.0)
    found = refine(image, start, bad, sky, front=True, reach=max(4.0, 2.5 * step))
    if found is None or found.arc_deg < 360.0 * _FRONT_COVERAGE or found.rms_px > max(0.3, 0.004 * found.radius):
        return None
    return None if abs(found.radius / radius - 1.0) > 0.05 or found.radius < 5.0 else found


def _binned(image: Floats, step: int) -> Floats:
    h, w = (n // step * step for n in image.shape)
    return np.asarray(image[:h, :w].reshape(h // step, step, w // step, step).mean(axis=(1, 3)), dtype=np.float64)


def name_discs(
    discs: list[Disc], image: Floats, radii: dict[str, float] | None = None, target: str | None = None
) -> list[Disc]:
    """Say which disc is which.

    By the geometry if it is given, else by surface brightness: in visible light the Earth is always the brighter.

    Args:
        discs: one or two.
        image: (H, W) linear.
        radii: expected radius of each body in the frame, any unit, by name.
        target: what a lone disc is, if that is known; otherwise it is what the geometry sees, or unknown.
    """
    expected = radii or {}
    if len(discs) == 1:
        name = target or (next(iter(expected)) if len(expected) == 1 else None)
        return [replace(discs[0], name=name or "unknown")]
    if len(expected) == 2:
        larger, smaller = sorted(expected, key=lambda n: -expected[n])
        order = sorted(range(2), key=lambda k: -discs[k].radius)
        return [replace(d, name=larger if k == order[0] else smaller) for k, d in enumerate(discs)]
    shape = (image.shape[0], image.shape[1])
    bright = []
    for d in discs:
        own = d.mask(shape, -0.1 * d.radius)
        for e in discs:
            if e is not d and e.front:
                own &= ~e.mask(shape, 2.0)
        bright.append(float(np.percentile(image[own], 90)) if own.any() else 0.0)
    first = int(np.argmax(bright))
    return [replace(d, name="earth" if k == first else "moon") for k, d in enumerate(discs)]
