"""Measuring Earth and Moon in a frame of 1024x1024 px beside scikit-image: Canny's edges, labels, RANSAC circles.

Run: python benchmarks/bench_measure.py. The peer gives a circle a body; we also tell limb from terminator, fit the
profile of the edge and give covariances. Errors are those of the radius.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import with_tests  # noqa: F401

import render_scenes as scenes
from terraluna.camera.catalogue import load_camera
from terraluna.ephemeris.constants import EARTH_RADII_KM
from terraluna.opnav.measure import measure_image
from terraluna.render.frame import render_frame
from terraluna.render.surfaces import surface_materials

TURNS = 30
# Radius and place (from the middle) of Earth and Moon, px: the Tianwen-1 picture, and one from nearer.
FRAMES = {
    "discs of 53 and 15 px": ((53.0, (-180.0, 40.0)), (15.0, (190.0, -30.0))),
    "discs of 200 and 120 px": ((200.0, (-220.0, 100.0)), (120.0, (250.0, -150.0))),
}


def picture(discs: tuple[tuple[float, tuple[float, float]], ...]) -> np.ndarray:
    """A 10-bit frame of both bodies at 60 degrees of phase with read noise."""
    camera = load_camera("tianwen-1-nav")
    surfaces = surface_materials()
    bodies = []
    for name, (radius, (dx, dy)), radii in zip(
        ("earth", "moon"), discs, (EARTH_RADII_KM, [scenes.MOON_KM] * 3), strict=True
    ):
        direction = camera.unproject(np.array([[camera.cx + dx, camera.cy + dy]]))[0]
        center = direction * radii[0] * camera.focal_px_x / radius
        bodies.append(
            scenes.body(
                name,
                center,
                radii=radii,
                phase_rad=np.radians(60.0),
                material=surfaces[name],
                rotation=scenes.rotation(3),
            )
        )
    image = render_frame(camera, bodies, psf=camera.psf, bands_nm=(600.0,)).image[:, :, 0]
    image = image / np.percentile(image[image > 0.05 * image.max()], 98) * 800.0 + 20.0
    image += np.random.default_rng(0).normal(0.0, 2.0, image.shape)
    return np.clip(np.rint(image), 0, 1023).astype(np.uint16)


def peer(image: np.ndarray) -> list[float]:
    """Radii of the two largest edges' circles by scikit-image."""
    from scipy.ndimage import binary_erosion, binary_fill_holes
    from skimage.feature import canny
    from skimage.measure import CircleModel, label, ransac, regionprops

    light = image.astype(float)
    lit = label(light > 0.1 * np.percentile(light, 99.9))
    regions = sorted(regionprops(lit), key=lambda r: -r.area)[:2]
    edges = canny(light, sigma=1.5)
    radii = []
    for region in regions:
        top, left, bottom, right = region.bbox
        part = np.s_[max(top - 4, 0) : bottom + 4, max(left - 4, 0) : right + 4]
        points = np.argwhere(edges[part] & ~binary_erosion(binary_fill_holes(lit[part] == region.label), iterations=3))
        model, _ = ransac(points, CircleModel, min_samples=3, residual_threshold=1.0, max_trials=200, rng=0)
        radii.append(float(model.radius))
    return radii


def timed(work: Callable[[], Any], turns: int) -> tuple[float, float]:
    """Least wall and processor time of some turns, ms."""
    best_wall = best_cpu = np.inf
    for _ in range(turns):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        best_wall = min(best_wall, time.perf_counter() - wall)
        best_cpu = min(best_cpu, time.process_time() - cpu)
    return 1e3 * best_wall, 1e3 * best_cpu


def main() -> int:
    """Print times, ratio and errors; 1 where a body was missed."""
    missed = 0
    for text, discs in FRAMES.items():
        image = picture(discs)
        found = measure_image(image)
        missed += len(found.bodies) != 2
        theirs = peer(image)
        wall, cpu = timed(lambda image=image: measure_image(image), TURNS)
        other, _ = timed(lambda image=image: peer(image), 3)
        true = [radius for radius, _ in discs]
        ours = [round(float(b.radius) - t, 2) for b, t in zip(found.bodies, true, strict=False)]
        peers = [round(r - t, 2) for r, t in zip(theirs, true, strict=True)]
        print(f"{text}: {wall:.1f} ms ({cpu:.1f} ms of processor), scikit-image {other:.0f}: {other / wall:.1f} times")
        print(f"  radius errors {ours} px, scikit-image {peers} px")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
