"""How exact a limb point of a small Earth under clouds can be: the least scatter of any linear estimate.

Run: python benchmarks/limb_bound.py. The views are those of tests/truth/test_measure_simulated.py. Each stretch of 2 px
gives the mean light of eight bins of depth, less the mean profile over all views and a trend of its height along it;
their covariance C over all stretches, the noise added, and the profile's slope g bound the standard deviation of an
unbiased linear estimate of the limb's offset: 1/sqrt(g C^-1 g). Sky, profile, curve and C are taken as known.
"""

from __future__ import annotations

import numpy as np
import with_tests  # noqa: F401
from scipy.interpolate import UnivariateSpline

import test_measure_simulated as views

BODIES = ("ONC-T Earth", "MapCam Earth", "Tianwen Earth", "Longjiang-2 Earth")
DEPTHS = np.arange(-3.0, 5.1)
TREND = 3
HALF_ARC = np.radians(70.0)
SKY = 10.0


def rim(name: str, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
    """Depth, light over the trend and angle from the Sun of the rim's pixels; radius, and noise over the trend."""
    camera, body, image = views.noiseless_view(name, k)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    points = np.column_stack((x.ravel(), y.ravel())).astype(float)
    center, sunward = camera.project(np.stack((body.center_km, body.center_km + 1e3 * body.sun_direction)))
    radius = camera.focal_px_x * body.radii_km[0] / np.linalg.norm(body.center_km)
    offset = points - center
    angle = np.arctan2(offset[:, 1], offset[:, 0]) - np.arctan2(*(sunward - center)[::-1])
    angle = (angle + np.pi) % (2.0 * np.pi) - np.pi
    near = (np.abs(np.hypot(*offset.T) - radius) < 7.0) & (np.abs(angle) < HALF_ARC)
    depth = -views._errors(camera, body, points[near], views.LIMB_HEIGHT_KM)
    kept = (depth > DEPTHS[0]) & (depth < DEPTHS[-1])
    depth, angle, light = depth[kept], angle[near][kept], image.ravel()[near][kept] - SKY
    inside = (depth > 0.5) & (depth < 2.5)
    fit = np.polynomial.polynomial.polyfit(angle[inside], light[inside], TREND - 1)
    trend = np.polynomial.polynomial.polyval(angle, fit)
    return depth, light / trend, angle, radius, 100.0 * views.GRAIN / float(np.median(trend))


def bound(name: str) -> tuple[float, float, int]:
    """The bound with clouds and with noise alone, px, and the number of stretches behind it."""
    parts = [rim(name, k) for k in range(len(views.VIEWS))]
    depth, light = (np.concatenate([p[j] for p in parts]) for j in (0, 1))
    grid = np.arange(DEPTHS[0] + 0.05, DEPTHS[-1], 0.1)
    mean = [light[np.abs(depth - d) < 0.1].mean() for d in grid]
    profile = UnivariateSpline(grid, mean, s=grid.size * 1e-5)
    slope = profile.derivative()
    rows, slopes, counts = [], [], []
    for d, v, angle, radius, _ in parts:
        stretch = ((angle + np.pi) * radius / views.STRETCH_PX).astype(int)
        layer = np.digitize(d, DEPTHS) - 1
        cell = stretch * (DEPTHS.size - 1) + layer
        size = (stretch.max() + 1) * (DEPTHS.size - 1)
        count = np.bincount(cell, minlength=size).reshape(-1, DEPTHS.size - 1)
        whole = (count > 0).all(axis=1)
        for out, values in ((rows, v - profile(d)), (slopes, slope(d))):
            total = np.bincount(cell, values, size).reshape(count.shape)
            out.append(total[whole] / count[whole])
        counts.append(count[whole])
    ground, gradient = np.concatenate(rows), np.concatenate(slopes).mean(axis=0)
    noise = np.diag(np.mean([p[4] for p in parts]) ** 2 / np.concatenate(counts).mean(axis=0))
    both = [1.0 / np.sqrt(gradient @ np.linalg.solve(c, gradient)) for c in (np.cov(ground.T) + noise, noise)]
    return float(both[0]), float(both[1]), len(ground)


def main() -> None:
    """Print the bounds."""
    for name in BODIES:
        clouds, noise, count = bound(name)
        print(f"{name}: {clouds:.3f} px; {noise:.3f} px with noise alone ({count} stretches)")


if __name__ == "__main__":
    main()
