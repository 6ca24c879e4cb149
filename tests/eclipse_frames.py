"""Measurements on Longjiang-2's frames of the solar eclipse of 2 July 2019, the same for real and rendered pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import least_squares

from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris, unit
from terraluna.render.frame import render_frame
from terraluna.render.from_scene import render_bodies
from terraluna.render.materials import Material
from terraluna.scene.apparent import Observer
from terraluna.scene.scene import Scene, build_scene
from terraluna.trajectory.base import Trajectory

Floats = NDArray[np.float64]

GREEN_NM = 535.0
STATE_28_JUNE = {
    "kind": "state",
    "name": "longjiang-2",
    "frame": "keplerian",
    "center": "moon",
    "utc": "2019-06-28T03:00:00",
    "elements": [8704.163, 0.690187, 44.672, 71.711, 68.006, 176.09042928],
    "anomaly": "true",
}
"""Orbit of the mission: D. Estevez, jupyter_notebooks, GMAT script photo_planning of 2019-06-28 (CC BY 4.0)."""


@dataclass(frozen=True)
class Frame:
    """What is known of a real frame before it is measured.

    ``sky_side`` is +1 where the Moon lies below its limb in the picture, -1 where above; ``columns`` hold its limb;
    ``clear_row`` is where the search for the limb starts in columns that the Earth touches (``free_row`` elsewhere).
    ``start`` is a first guess, by eye, of clock offset (s) and direction to the Moon (rad, from +x to +y).
    """

    number: int
    logged_utc: str
    earth_near: tuple[float, float]
    sky_side: int
    columns: NDArray[np.int64]
    free_row: int
    clear_row: int
    start: tuple[float, float]


FRAMES = {
    226: Frame(226, "2019-07-02T18:57:00", (454.0, 223.0), 1, np.arange(380, 636, 6), 200, 264, (-18.0, 0.86)),
    229: Frame(229, "2019-07-02T19:33:00", (443.0, 200.0), -1, np.arange(12, 636, 8), 190, 163, (-13.0, -1.70)),
}


def disc(green: Floats, near: tuple[float, float]) -> tuple[float, float, float]:
    """Centre and radius of the Earth: a circle through the points where the limb has half the light inside it."""
    x, y = near
    radius = 34.0
    r = np.arange(24.0, 46.0, 0.1)
    for _ in range(3):
        points = []
        for angle in np.radians(np.arange(0.0, 360.0, 3.0)):
            q = map_coordinates(green, [y + r * np.sin(angle), x + r * np.cos(angle)], order=1)
            half = 0.5 * (q[:40].mean() + np.median(q[-40:]))
            above = np.flatnonzero(q > half)
            if above.size and above[-1] < r.size - 5:
                points.append((x + r[above[-1]] * np.cos(angle), y + r[above[-1]] * np.sin(angle)))
        p = np.array(points)

        def off(v: Floats, p: Floats = p) -> Floats:
            return np.asarray(np.hypot(p[:, 0] - v[0], p[:, 1] - v[1]) - v[2])

        x, y, radius = least_squares(off, [x, y, radius], loss="soft_l1", f_scale=0.3).x
    return float(x), float(y), float(radius)


def lunar_limb(green: Floats, frame: Frame, earth: tuple[float, float, float]) -> Floats:
    """Row of the Moon's limb in each of the frame's columns: where it first has half the light that follows; or NaN."""
    smooth = gaussian_filter(green, (1.0, 2.0))
    rows = []
    for x in frame.columns:
        start = frame.clear_row if abs(x - earth[0]) < earth[2] + 8.0 else frame.free_row
        line = smooth[start:, x] if frame.sky_side > 0 else smooth[start::-1, x]
        sky = line[:4].mean()
        rise = np.flatnonzero(line > sky + 0.5 * (np.percentile(line, 95.0) - sky) * 0.5)
        if rise.size == 0 or rise[0] < 1:
            rows.append(np.nan)
            continue
        first = int(rise[0])
        level = sky + 0.5 * (np.median(line[first + 4 : first + 30]) - sky)
        k = int(np.argmax(line > level))
        if k < 1:
            rows.append(np.nan)
            continue
        rows.append(start + frame.sky_side * (k - 1 + (level - line[k - 1]) / (line[k] - line[k - 1])))
    return np.array(rows)


def dark_spot(picture: Floats, earth: tuple[float, float, float], smooth_px: float = 2.0) -> Floats:
    """Centre of the darkest patch inside 90 % of the Earth's radius, px from the Earth's centre.

    The patch is what lies below the middle between its darkest pixel and the mean of the disc, joined to that pixel.
    """
    from scipy.ndimage import label

    x, y, radius = earth
    soft = gaussian_filter(picture, smooth_px)
    row, column = np.indices(soft.shape)
    inside = np.hypot(column - x, row - y) < 0.9 * radius
    darkest = np.unravel_index(np.argmin(np.where(inside, soft, np.inf)), soft.shape)
    level = soft[darkest] + 0.35 * (np.median(soft[inside]) - soft[darkest])
    patches, _ = label(inside & (soft < level))
    mine = patches == patches[darkest]
    weight = (level - soft)[mine]
    return np.array([np.average(column[mine] - x, weights=weight), np.average(row[mine] - y, weights=weight)])


def posed(
    ephemeris: Ephemeris, trajectory: Trajectory, camera: Camera, et: float, earth_px: tuple[float, float], roll: float
) -> Scene:
    """The scene at ``et`` with the Earth's centre on a pixel and the Moon toward ``roll`` (rad, from +x to +y)."""
    observer = Observer.from_state(ephemeris, et, trajectory.state(et), trajectory.center)
    sky = build_scene(ephemeris, observer, quality="navigation")
    e = sky.earth.direction_j2000
    n = unit(sky.moon.direction_j2000 - (sky.moon.direction_j2000 @ e) * e)
    c = camera.unproject(np.array([earth_px]))[0]
    u = unit(np.array([1.0, 0.0, 0.0]) - c[0] * c)
    d = np.cos(roll) * u + np.sin(roll) * np.cross(c, u)
    attitude = np.stack([c, d, np.cross(c, d)], axis=1) @ np.stack([e, n, np.cross(e, n)])
    return replace(sky, camera=camera, attitude=attitude)


def draw(
    scene: Scene, materials: dict[str, Material], only: str | None = None, shadows: bool = True, psf: bool = True
) -> Floats:
    """Green light of the scene, (rows, columns)."""
    camera = scene.camera
    assert camera is not None
    bodies = render_bodies(scene, materials)
    if only is not None:
        bodies = [b for b in bodies if b.name == only]
    return render_frame(camera, bodies, bands_nm=(GREEN_NM,), psf=camera.psf if psf else None, shadows=shadows).image[
        :, :, 0
    ]


def fit_pose(
    limb: Callable[[float, float], Floats], measured: Floats, start: tuple[float, float], steps: int = 3
) -> tuple[float, float, Floats]:
    """Clock offset (s) and roll (rad) at which the drawn lunar limb lies on the measured one, and what is left."""
    offset, roll = start
    for _ in range(steps):
        base = limb(offset, roll)
        by_offset = (limb(offset + 3.0, roll) - base) / 3.0
        by_roll = (limb(offset, roll + 0.01) - base) / 0.01
        J = np.stack([by_offset, by_roll], axis=1)
        rest = measured - base
        good = np.isfinite(rest) & np.isfinite(J).all(axis=1)
        # Mountains at the limb stand out: those beyond three times the median are left out.
        good &= np.abs(rest - np.nanmedian(rest)) < 3.0 * np.nanmedian(np.abs(rest - np.nanmedian(rest))) + 1.0
        change = np.linalg.lstsq(J[good], rest[good], rcond=None)[0]
        offset, roll = offset + float(change[0]), roll + float(change[1])
    return offset, roll, measured - limb(offset, roll)


def fitted(
    ephemeris: Ephemeris,
    trajectory: Trajectory,
    camera: Camera,
    frame: Frame,
    green: Floats,
    materials: dict[str, Material],
) -> tuple[Scene, float, Floats]:
    """The scene at the pose of a real frame's green light, its clock offset (s), and what is left of the limb (px)."""
    earth = disc(green, frame.earth_near)
    logged = ephemeris.et(frame.logged_utc)

    def scene(offset: float, roll: float) -> Scene:
        return posed(ephemeris, trajectory, camera, logged + offset, earth[:2], roll)

    def limb(offset: float, roll: float) -> Floats:
        return lunar_limb(draw(scene(offset, roll), materials, only="moon"), frame, earth)

    offset, roll, rest = fit_pose(limb, lunar_limb(green, frame, earth), frame.start)
    return scene(offset, roll), offset, rest


def shadow_axis(scene: Scene, attitude: Floats) -> Floats:
    """Where the axis of the Moon's shadow meets the Earth, px from the Earth's centre in the picture (nan: nowhere)."""
    camera = scene.camera
    assert camera is not None
    scale = scene.earth.rotation / scene.earth.radii_km[:, None]
    start = scale @ (scene.moon.center_j2000_km - scene.earth.center_j2000_km)
    way = scale @ -scene.moon.sun_direction_j2000
    a, b, c = way @ way, start @ way, start @ start - 1.0
    if b * b < a * c:
        return np.full(2, np.nan)
    length = (-b - np.sqrt(b * b - a * c)) / a
    point = scene.moon.center_j2000_km - length * scene.moon.sun_direction_j2000
    place, middle = camera.project(np.stack([point, scene.earth.center_j2000_km]) @ attitude.T)
    return np.asarray(place - middle)
