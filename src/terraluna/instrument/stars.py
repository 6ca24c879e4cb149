"""Stars and planets in the frame: places to the epoch, magnitudes to electrons, light through the optics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from terraluna.ephemeris.constants import AU_KM, C_KM_S
from terraluna.instrument.radiance import filter_band, find_filter
from terraluna.photometry.color import star_irradiance
from terraluna.render.starmap import EPOCH_JYEAR, load_stars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from terraluna.camera.model import Camera
    from terraluna.camera.psf import Psf
    from terraluna.instrument.planets import PlanetView
    from terraluna.scene.apparent import Observer
    from terraluna.scene.scene import Scene

_YEAR_S: Final = 365.25 * 86400.0
_J2000_YEAR: Final = 2000.0
_MAS: Final = np.pi / 180.0 / 3600.0e3

# Bessell 2000, PASP 112, 961, table 2, every second row: Tycho BT-VT, (B-V) - (BT-VT), V - Hp.
_BESSELL: Final = np.array(
    [
        (-0.25, 0.031, 0.066), (-0.15, 0.011, 0.036), (-0.05, 0.002, 0.006), (0.05, -0.010, -0.025),
        (0.15, -0.020, -0.048), (0.25, -0.023, -0.069), (0.35, -0.025, -0.087), (0.45, -0.030, -0.101),
        (0.55, -0.045, -0.114), (0.65, -0.060, -0.127), (0.75, -0.076, -0.134), (0.85, -0.094, -0.142),
        (0.95, -0.113, -0.151), (1.05, -0.131, -0.158), (1.15, -0.154, -0.160), (1.25, -0.178, -0.164),
        (1.35, -0.199, -0.166), (1.45, -0.222, -0.164), (1.55, -0.245, -0.157), (1.65, -0.266, -0.148),
        (1.75, -0.288, -0.137), (1.85, -0.309, -0.125), (1.95, -0.331, -0.112), (2.00, -0.342, -0.106),
    ]
)  # fmt: skip

MEASURED_V: Final = {32349: -1.46, 30438: -0.74, 91262: 0.03}
"""V of Sirius, Canopus and Vega by Hipparcos number (Ducati 2002, CDS II/237): their Hp is 0.1 to 0.4 mag too faint."""


def v_from_hp(hp_mag: NDArray[np.float64], b_v_mag: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Johnson V from Hipparcos magnitudes and B-V, (n,) each; within 0.02 mag but for M giants."""
    colour = _BESSELL[:, 0] + _BESSELL[:, 1]
    return np.asarray(hp_mag + np.interp(b_v_mag, colour, _BESSELL[:, 2]), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Points:
    """Points of light in the frame, each field (n,) unless said otherwise.

    Attributes:
        name: "HIP 32349" or a planet's name.
        x, y: px.
        v_mag, b_v_mag: magnitude and colour.
        radius_px: size on the detector; 0 for stars.
    """

    name: tuple[str, ...]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    v_mag: NDArray[np.float64]
    b_v_mag: NDArray[np.float64]
    radius_px: NDArray[np.float64]


@lru_cache(maxsize=1)
def _catalogue() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors (n, 3), motions (n, 3) rad a year, parallaxes rad, V."""
    table = load_stars()
    ra, dec = table.ra_rad, table.dec_rad
    sr, cr, sd, cd = np.sin(ra), np.cos(ra), np.sin(dec), np.cos(dec)
    u = np.stack([cd * cr, cd * sr, sd], axis=1)
    east = np.stack([-sr, cr, np.zeros_like(sr)], axis=1)
    north = np.stack([-sd * cr, -sd * sr, cd], axis=1)
    motion = (table.pm_ra_cosdec_mas_yr[:, None] * east + table.pm_dec_mas_yr[:, None] * north).astype(
        np.float64
    ) * _MAS
    v = v_from_hp(table.hp_mag.astype(np.float64), table.b_v_mag.astype(np.float64))
    for hip, value in MEASURED_V.items():
        v[table.hip == hip] = value
    parallax = np.maximum(table.parallax_mas.astype(np.float64), 0.0) * _MAS
    for array in (u, motion, parallax, v):
        array.setflags(write=False)
    return u, motion, parallax, v


def apparent_stars(observer: Observer) -> NDArray[np.float64]:
    """Return the apparent unit vectors (n, 3), J2000, of the packaged stars, in the table's order.

    Proper motion runs straight in space from J1991.25 (radial velocity left out), parallax is that of the observer's
    place, and aberration is the rotation of ``scene.apparent.aberrate``, so that stars and bodies move alike.
    """
    u, motion, parallax, _ = _catalogue()
    years = _J2000_YEAR + observer.et / _YEAR_S - EPOCH_JYEAR
    seen = u + motion * years - parallax[:, None] * (observer.position_ssb_km / AU_KM)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    # The same rotation as aberrate(), for all at once: by arcsin|u x v/c| about u x v.
    axis = np.cross(seen, observer.velocity_ssb_km_s / C_KM_S)
    s = np.linalg.norm(axis, axis=1, keepdims=True)
    k = np.divide(axis, s, out=np.zeros_like(axis), where=s > 0.0)
    return np.asarray(seen * np.sqrt(1.0 - s * s) + np.cross(k, seen) * s)


def points_in_frame(
    scene: Scene,
    camera: Camera,
    *,
    faintest_v: float = 8.0,
    planets: Sequence[PlanetView] = (),
    margin_px: float = 8.0,
) -> Points:
    """Return the stars and planets on the detector (and a margin around it) that no body hides.

    Args:
        scene: gives observer, attitude, and the discs of Earth and Moon that hide.
        camera: the camera, maybe a cut.
        faintest_v: faintest star.
        planets: planets as this observer sees them; those without a magnitude are left out.
        margin_px: light from just outside the frame reaches it through the optics.
    """
    assert scene.attitude is not None
    table = load_stars()
    v, colour = _catalogue()[3], table.b_v_mag.astype(np.float64)
    sky = apparent_stars(scene.observer)
    known = [p for p in planets if np.isfinite(p.v_mag)]
    # Stars far from the camera's field need no projection: compare with its corners.
    axis, reach = _field(camera)
    chosen = np.flatnonzero((v <= faintest_v) & (sky @ (scene.attitude.T @ axis) > np.cos(min(reach + 0.02, np.pi))))
    rays = np.concatenate([sky[chosen], np.array([p.direction_j2000 for p in known]).reshape(-1, 3)])
    names = [f"HIP {table.hip[i]}" for i in chosen] + [p.name for p in known]
    mags = np.concatenate([v[chosen], [p.v_mag for p in known]])
    colours = np.concatenate([colour[chosen], [p.b_v_mag for p in known]])
    size = np.concatenate([np.zeros(chosen.size), [p.angular_radius_rad / camera.ifov_rad for p in known]])
    hidden = np.zeros(len(names), dtype=np.bool_)
    ranges = np.concatenate([np.full(chosen.size, np.inf), [p.range_km for p in known]])
    for body in scene.bodies:
        inside = np.einsum("ni,ij,nj->n", rays, body.cone, rays) > 0.0
        hidden |= inside & (rays @ body.center_j2000_km > 0.0) & (ranges > body.range_km)
    xy = camera.project(rays @ scene.attitude.T) if len(names) else np.zeros((0, 2))
    m = margin_px
    with np.errstate(invalid="ignore"):
        there = (
            (xy[:, 0] > -m) & (xy[:, 0] < camera.width - 1 + m) & (xy[:, 1] > -m) & (xy[:, 1] < camera.height - 1 + m)
        )
    keep = np.flatnonzero(there & ~hidden)
    return Points(tuple(names[i] for i in keep), xy[keep, 0], xy[keep, 1], mags[keep], colours[keep], size[keep])


def point_rates(camera: Camera, filter_name: str, points: Points) -> NDArray[np.float64]:
    """Return the electrons s-1 (n,) that each point of light makes in a filter, over all its pixels.

    The pixel that sees a band-mean radiance of 1 collects the same from a band-mean irradiance equal to its solid angle
    at that place of the frame, so that stars and resolved bodies share one sensitivity.
    """
    band = filter_band(find_filter(camera, filter_name))
    weight = band.energy_response
    spectrum = star_irradiance(points.v_mag, points.b_v_mag, band.wavelength_nm).reshape(-1, weight.size)
    mean = np.trapezoid(spectrum * weight, band.wavelength_nm, axis=-1) / np.trapezoid(weight, band.wavelength_nm)
    return np.asarray(camera.responsivity_e_s(filter_name) * mean / pixel_solid_angle(camera, points.x, points.y))


def pixel_solid_angle(camera: Camera, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the solid angle (n,) sr of the pixels around the places (n,) px of the frame."""
    h = 0.5
    right, left = (camera.unproject(np.stack([x + d, y], axis=1)) for d in (h, -h))
    low, high = (camera.unproject(np.stack([x, y + d], axis=1)) for d in (h, -h))
    return np.asarray(np.linalg.norm(np.cross(right - left, low - high), axis=1))


@njit(cache=True, error_model="numpy")
def _add_stamp(image, stamp, left, top, band, amount):  # type: ignore[no-untyped-def]
    for i in range(stamp.shape[0]):
        for j in range(stamp.shape[1]):
            y = top + i
            x = left + j
            if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                image[y, x, band] += amount * stamp[i, j]


def deposit_points(image: NDArray[np.float64], band: int, points: Points, rates: NDArray[np.float64], psf: Psf) -> None:
    """Add points of light to one band of an image (rows, columns, bands), through the optics, in place.

    A planet wider than a pixel is spread over a round disc of even light (its phase is not drawn).
    """
    half = max(3, int(np.ceil(6.0 * psf.sigma_px)) + 1)
    if psf.measured is not None:
        half = len(psf.measured) // 2 + 1
    for x, y, radius, rate in zip(points.x, points.y, points.radius_px, rates, strict=True):
        # Wings carry light far: the brighter the star, the farther they matter.
        reach = half if psf.wing_fraction == 0.0 else int(np.clip(half + 2.0 * rate**0.25, half, 96))
        for dx, dy in _disc(float(radius)):
            stamp, left, top = psf.stamp(float(x) + dx, float(y) + dy, reach)
            _add_stamp(image, stamp, left, top, band, rate / len(_disc(float(radius))))


@lru_cache(maxsize=64)
def _disc(radius_px: float) -> tuple[tuple[float, float], ...]:
    """Places on a disc, evenly spread (sunflower), about eight a square pixel; one for a point."""
    if radius_px < 0.25:
        return ((0.0, 0.0),)
    count = int(np.clip(np.ceil(8.0 * np.pi * radius_px**2), 7, 4000))
    k = np.arange(count) + 0.5
    r, angle = radius_px * np.sqrt(k / count), np.pi * (1.0 + np.sqrt(5.0)) * k
    return tuple(zip((r * np.cos(angle)).tolist(), (r * np.sin(angle)).tolist(), strict=True))


def _field(camera: Camera) -> tuple[NDArray[np.float64], float]:
    """Middle of the frame (3,) in the camera frame and the largest angle from it to the edge, rad."""
    w, h = camera.width - 0.5, camera.height - 0.5
    xs, ys = np.linspace(-0.5, w, 9), np.linspace(-0.5, h, 9)
    edge = np.array([(x, y) for x in xs for y in ys if x in (xs[0], xs[-1]) or y in (ys[0], ys[-1])])
    rays = camera.unproject(edge)
    middle = camera.unproject(np.array([0.5 * (w - 0.5), 0.5 * (h - 0.5)]))
    if not (np.isfinite(rays).all() and np.isfinite(middle).all()):
        # Corners beyond the distortion's validity: look everywhere.
        return np.array([0.0, 0.0, 1.0]), float(np.pi)
    return middle, float(np.arccos(np.clip(rays @ middle, -1.0, 1.0)).max())
