"""The rendered far side against the frames that Longjiang-2 took on 2019-02-03."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from terraluna.missions.view import MissionView
from terraluna.render.frame import render_frame
from terraluna.render.from_scene import render_bodies
from terraluna.render.maps import load_moon_maps
from terraluna.render.materials_basic import UniformMaterial
from terraluna.render.moon import EarthLight, RadiometricMoon

# The pace of the log, ten minutes, dated by the discs of 173 to 176 (see the mission file).
FRAMES = {172: "14:27:27", 173: "14:37:27", 174: "14:47:27", 175: "14:57:27", 176: "15:07:27"}
LEAST_CORRELATION = 0.85  # the requirement; measured 0.912, 0.926, 0.931, 0.928, 0.918
GREEN_GAMMA = 1.63  # published colour correction of this camera; 1.0 gives 0.912 to 0.936
GREEN_NM = 535.0
LOST_ROWS = 24  # packet 0 of every frame is missing: the first row of blocks
INSIDE = 0.97  # of the radius: the limb's own step would raise the correlation
LARGEST_SHIFT_PX = 5.0
SCALE_RTOL = 0.005  # the calibrated focal length to 0.05 %, the orbit to 0.1 %, the fit of the scale itself to 0.1 %


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize("frame", FRAMES)
def test_far_side_correlates(ephemeris, test_data, frame):
    """Two shifts, roll and scale are fitted (the camera's pointing is known for one frame only), then one number."""
    from PIL import Image
    from scipy.ndimage import label, map_coordinates
    from scipy.optimize import minimize

    scene = MissionView.open("longjiang-2", ephemeris).scene(ephemeris.et(f"2019-02-03T{FRAMES[frame]}"))
    camera = scene.camera
    wide = replace(camera, width=1280, height=1000, cx=camera.cx + 320.0, cy=camera.cy + 260.0)
    scene = replace(scene, camera=wide)
    moon = RadiometricMoon(load_moon_maps(), earth=EarthLight.from_scene(scene))
    bodies = render_bodies(scene, {"earth": UniformMaterial(), "moon": moon})
    image = render_frame(wide, bodies, bands_nm=[GREEN_NM], psf=wide.psf).image[..., 0]
    outline = scene.pixels("moon").outline
    centre, radius = 0.5 * (outline.min(axis=0) + outline.max(axis=0)), 0.5 * float(np.ptp(outline, axis=0).mean())

    rgb = np.asarray(Image.open(test_data / "longjiang2" / "reference" / f"img_{frame}.jpg").convert("RGB"), float)
    seen = (rgb[..., 1] / 255.0) ** GREEN_GAMMA
    bright = rgb.sum(axis=2) > 90.0
    bright[:LOST_ROWS] = False
    parts, _ = label(bright)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    v, u = np.nonzero(parts == sizes.argmax())
    x0, y0 = 0.5 * (u.min() + u.max()), 0.5 * (v.min() + v.max())
    size = 0.25 * (np.ptp(u) + np.ptp(v) + 2)
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    disc = (np.hypot(columns - x0, rows - y0) < INSIDE * size) & (rows >= LOST_ROWS)
    dx, dy = columns[disc] - x0, rows[disc] - y0

    def cost(p):
        x, y, c, s = (dx - p[0]) / p[3], (dy - p[1]) / p[3], math.cos(p[2]), math.sin(p[2])
        model = map_coordinates(image, [centre[1] + s * x + c * y, centre[0] + c * x - s * y], order=1)
        return -correlation(model, seen[disc])

    scale = size / radius
    roll = min(np.radians(np.arange(-6.0, 27.0, 2.0)), key=lambda r: cost((0.0, 0.0, r, scale)))
    start = np.array([0.0, 0.0, roll, scale])
    simplex = start + np.vstack([np.zeros(4), np.diag([2.0, 2.0, 0.02, 0.01 * scale])])
    fit = minimize(cost, start, method="Nelder-Mead", options={"initial_simplex": simplex, "maxiter": 120})
    assert -fit.fun > LEAST_CORRELATION
    assert np.hypot(*fit.x[:2]) < LARGEST_SHIFT_PX
    # The orbit's range gives the Moon's size.
    assert fit.x[3] == pytest.approx(1.0, rel=SCALE_RTOL)
