"""Random star fields as centroid lists, for the tests and the campaign in ``benchmarks``.

A field: a camera of 10 to 40 degrees, a random attitude, the discs of Earth and Moon with their glare, stars down to a
random limit with scattered magnitudes, some of them missing, false ones added, centroids with noise.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from terraluna.camera.attitude import quaternion_to_matrix
from terraluna.camera.model import Camera, Detector
from terraluna.opnav.stars import Detections, Sky

Floats = NDArray[np.float64]
SIZE = 1024


class Field(NamedTuple):
    camera: Camera
    attitude: Floats
    found: Detections
    real: int
    false: int


def make_camera(width_deg: float, size: int = SIZE) -> Camera:
    focal = 0.5 * size / math.tan(math.radians(width_deg) / 2.0)
    middle = 0.5 * (size - 1)
    detector = Detector(1.0, 1e5, 1.0, 0.0, 0.0, 16, 65535.0)
    return Camera("field", "field", size, size, focal, focal, middle, middle, detector)


def random_attitude(rng: np.random.Generator) -> Floats:
    return quaternion_to_matrix(rng.normal(size=4))


def detections(pixels: Floats, flux: Floats, sigma_px: float, free: float) -> Detections:
    order = np.argsort(-flux)
    cov = np.tile(np.eye(2) * sigma_px**2, (len(flux), 1, 1))
    return Detections(pixels[order], cov, flux[order], flux[order], np.zeros(len(flux), bool), free)


def glare(rng: np.random.Generator, camera: Camera) -> Floats:
    """Earth and Moon: rows x, y, radius with glare, px; near the frame, so that most fields lose something."""
    earth = math.radians(rng.uniform(0.5, 6.0)) * camera.focal_px_x
    moon = math.radians(rng.uniform(0.2, 2.0)) * camera.focal_px_x
    radius = np.minimum([earth, moon], 0.35 * SIZE) * rng.uniform(1.2, 1.6, 2)
    return np.column_stack([rng.uniform(-0.1 * SIZE, 1.1 * SIZE, (2, 2)), radius])


def random_field(rng: np.random.Generator, sky: Sky) -> Field:
    camera = make_camera(rng.uniform(10.0, 40.0))
    attitude = random_attitude(rng)
    sigma = rng.uniform(0.05, 0.4)
    bodies = glare(rng, camera)
    # The limit is that of a camera that sees 12 to 60 stars in an average field.
    solid = math.radians(camera.field_of_view_deg[0]) ** 2
    limit = sky.limit_for(rng.uniform(12.0, 60.0), solid)
    measured = sky.v_mag + rng.normal(0.0, 0.3, sky.v_mag.size)
    seen = np.flatnonzero((measured <= limit) & (sky.directions @ attitude[2] > math.cos(math.radians(35.0))))
    xy = camera.project(sky.directions[seen] @ attitude.T)
    ok = camera.contains(xy) & ~covered(xy, bodies) & (rng.random(len(xy)) > rng.uniform(0.0, 0.25))
    xy, flux = xy[ok], 10.0 ** (-0.4 * measured[seen][ok])
    false = int(rng.integers(0, 9))
    fake = rng.uniform(0, SIZE, (40, 2))
    fake = fake[~covered(fake, bodies)][:false]
    fake_flux = 10.0 ** (-0.4 * (limit - rng.exponential(1.0, len(fake))))
    pixels = np.concatenate([xy + rng.normal(0.0, sigma, xy.shape), fake])
    grid = np.stack(np.meshgrid(np.arange(0, SIZE, 16.0), np.arange(0, SIZE, 16.0)), -1).reshape(-1, 2)
    free = 1.0 - float(covered(grid, bodies).mean())
    found = detections(pixels, np.concatenate([flux, fake_flux]), sigma, free)
    return Field(camera, attitude, found, len(xy), len(fake))


def covered(xy: Floats, bodies: Floats) -> NDArray[np.bool_]:
    d = np.linalg.norm(xy[:, None, :] - bodies[None, :, :2], axis=2)
    return np.asarray((d <= bodies[:, 2]).any(axis=1))


def noise_field(rng: np.random.Generator, width_deg: float, count: int) -> tuple[Camera, Detections]:
    """Detections strewn at random: no star among them."""
    pixels = rng.uniform(0, SIZE, (count, 2))
    return make_camera(width_deg), detections(pixels, rng.random(count), 0.3, 1.0)


def off_by_deg(a: Floats, b: Floats) -> float:
    """Angle of the rotation between two attitudes."""
    return math.degrees(2.0 * math.asin(min(1.0, float(np.linalg.norm(a - b)) / math.sqrt(8.0))))


def draw(rng: np.random.Generator, camera: Camera, attitude: Floats, sky: Sky, limit_v: float) -> Floats:
    """A picture: background 100, noise 3, stars of width 1 px with 40,000 DN at V = 2."""
    image = rng.normal(100.0, 3.0, (camera.height, camera.width))
    rows = np.flatnonzero((sky.v_mag <= limit_v) & (sky.directions @ attitude[2] > 0.0))
    xy = camera.project(sky.directions[rows] @ attitude.T)
    y, x = np.mgrid[-6:7, -6:7]
    for (px, py), v in zip(xy, sky.v_mag[rows], strict=True):
        if 8 < px < camera.width - 9 and 8 < py < camera.height - 9:
            ix, iy = round(float(px)), round(float(py))
            stamp = np.exp(-0.5 * ((x - (px - ix)) ** 2 + (y - (py - iy)) ** 2)) / (2.0 * math.pi)
            image[iy - 6 : iy + 7, ix - 6 : ix + 7] += 4e4 * 10.0 ** (-0.4 * (v - 2.0)) * stamp
    return image
