"""Distortion against real data and published geometry."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from terraluna.camera import Distortion, load_camera, look
from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import EARTH_RADII_KM, GM_KM3_S2

# The limb is read to about 1 px (12 steps of brightness, a smear on it); attitude of the header 0.01 deg.
LIMB_PX = 2.5

# Flight SPK, J2000 from Earth (km, km/s), and its epoch.
STATE_ET = 502403520.0
STATE = np.array([-1.27280723e3, -2.58666662e4, 3.20529444e4, 1.53750970, 5.19307217, -3.35965130])


def unit_vector(ra_deg: float, dec_deg: float) -> np.ndarray:
    ra, dec = np.radians([ra_deg, dec_deg])
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def spacecraft(ephemeris: Ephemeris, et: float) -> np.ndarray:
    """Position of Hayabusa2 from Earth by integration of the flight state with Earth, Moon and Sun."""

    def slope(t: float, y: np.ndarray) -> np.ndarray:
        pull = -GM_KM3_S2["earth"] * y[:3] / np.linalg.norm(y[:3]) ** 3
        for body in ("moon", "sun"):
            p = ephemeris.position(body, t, "earth")
            d = p - y[:3]
            pull = pull + GM_KM3_S2[body] * (d / np.linalg.norm(d) ** 3 - p / np.linalg.norm(p) ** 3)
        return np.concatenate([y[3:], pull])

    return np.asarray(solve_ivp(slope, (STATE_ET, et), STATE, rtol=1e-9, atol=1e-4).y[:3, -1])


def earth_in_frame(
    ephemeris: Ephemeris, header: object, distortion: Distortion | None
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the Earth's centre (2,) and its limb (n, 2) in the frame of the FITS file."""
    at = spacecraft(ephemeris, ephemeris.et(header["DATE-OBS"]))  # type: ignore[index]
    assert np.linalg.norm(at) == pytest.approx(header["S_DISTHE"], abs=1.0)  # type: ignore[index]
    corners = {k: unit_vector(header[f"S_RA{k}"], header[f"S_DEC{k}"]) for k in (1, 2, 3, 4)}  # type: ignore[index]
    boresight = unit_vector(header["S_RA"], header["S_DEC"])  # type: ignore[index]
    # Corners 1, 2 are called bottom left, right; FITS rows count from the bottom, so +Y (growing row) is their "up".
    attitude = look(boresight, (corners[1] + corners[2]) - (corners[3] + corners[4]))
    camera = load_camera("onc-w2")
    if distortion is not None:
        camera = dataclasses.replace(camera, distortion=distortion)
    toward = attitude @ -at
    toward /= np.linalg.norm(toward)
    rho = np.arcsin(EARTH_RADII_KM[0] / np.linalg.norm(at))
    a = np.cross(toward, [1.0, 0.0, 0.0])
    a /= np.linalg.norm(a)
    b = np.cross(toward, a)
    t = np.linspace(0.0, 2.0 * np.pi, 721)[:, None]
    limb = np.cos(rho) * toward + np.sin(rho) * (np.cos(t) * a + np.sin(t) * b)
    return camera.project(toward), camera.project(limb)


def measured_extremes(image: np.ndarray) -> tuple[float, float, float]:
    """Top and bottom row of the Earth over its middle columns, and its left (sunward) column over its middle rows."""
    sky = np.median(image)
    sub = image[700:850, 500:620] - sky
    # The frame-transfer smear brightens whole columns: take it from the rows far from the disc.
    smear = np.median(image[np.r_[680:730, 820:870], 500:620] - sky, axis=0)
    clean = sub - smear
    bright = clean > 400.0
    rows = np.flatnonzero(bright[:, 55:75].any(axis=1)) + 700
    columns = np.flatnonzero(bright[68:82].any(axis=0)) + 500
    return float(rows.min()), float(rows.max()), float(columns.min())


def test_onc_w2_earth_of_a_real_frame(ephemeris: Ephemeris, test_data: Path) -> None:
    """Hayabusa2, 2015-12-03T00:00:06: the Earth, 19 deg off axis, lies where the kernel's polynomial puts it."""
    from astropy.io import fits

    with fits.open(test_data / "hayabusa2" / "hyb2_onc_20151203_000006_w2f_l2a.fit") as hdus:
        header, image = hdus[1].header, hdus[1].data.astype(float)
    top, bottom, left = measured_extremes(image)
    centre, limb = earth_in_frame(ephemeris, header, None)
    assert limb[:, 1].min() == pytest.approx(top, abs=LIMB_PX)
    assert limb[:, 1].max() == pytest.approx(bottom, abs=LIMB_PX)
    assert limb[:, 0].min() == pytest.approx(left, abs=LIMB_PX)
    assert centre[1] == pytest.approx(0.5 * (top + bottom), abs=LIMB_PX)
    # Without distortion the frame contradicts the model by several pixels: the test can tell.
    pinhole, _ = earth_in_frame(ephemeris, header, Distortion())
    assert abs(pinhole[1] - 0.5 * (top + bottom)) > 5.0


def conic_center(points: np.ndarray) -> np.ndarray:
    """Centre of the conic through points (n, 2), by least squares."""
    p = points - points.mean(axis=0)
    scale = np.abs(p).max()
    x, y = (p / scale).T
    a, b, c, d, e = np.linalg.lstsq(np.column_stack([x * x, x * y, y * y, x, y]), np.ones_like(x), rcond=None)[0]
    center = np.linalg.solve([[2 * a, b], [b, 2 * c]], [-d, -e])
    return np.asarray(center * scale + points.mean(axis=0))


# Christian 2021 and the published sizes: 4.7 px and 6.7 px, quoted to 0.1 px.
CONIC_PX = 0.05


@pytest.mark.parametrize(
    ("focal_px", "angular_radius_deg", "offset_px"),
    [
        (None, 10.1589, 4.7),  # Earth from 36,161.659 km in ONC-W2
        (320.0 / np.tan(np.radians(18.7)), np.degrees(np.arcsin(1737.4 / 9000.0)), 6.7),  # Moon, a 37.4 deg pinhole
    ],
)
def test_conic_centre_is_not_the_body_centre(
    focal_px: float | None, angular_radius_deg: float, offset_px: float
) -> None:
    """Ten degrees off axis, pinhole part of the camera: Christian 2021, IEEE Access 9, 19819."""
    camera = dataclasses.replace(load_camera("onc-w2"), distortion=Distortion())
    if focal_px is not None:
        camera = dataclasses.replace(camera, focal_px_x=focal_px, focal_px_y=focal_px)
    off, rho = np.radians([10.0, angular_radius_deg])
    t = np.linspace(0.0, 2.0 * np.pi, 181)[:, None]
    toward = np.array([np.sin(off), 0.0, np.cos(off)])
    side = np.array([np.cos(off), 0.0, -np.sin(off)])
    limb = np.cos(rho) * toward + np.sin(rho) * (np.cos(t) * side + np.sin(t) * np.array([0.0, 1.0, 0.0]))
    shift = np.linalg.norm(conic_center(camera.project(limb)) - camera.project(toward))
    assert shift == pytest.approx(offset_px, abs=CONIC_PX)


def test_mapcam_corner_shift() -> None:
    """OCAMS polynomial by hand at 6 mm from its centre: 2.21e-5 + 1.71e-4 * 6 + 5.96e-5 * 36 = 3.1937e-3."""
    camera = load_camera("mapcam")
    radius = 6.0 / 0.0085
    u = np.array([486.2 + radius, 450.3])
    direction = [(u[0] - camera.cx) / camera.focal_px_x, (u[1] - camera.cy) / camera.focal_px_y, 1.0]
    assert camera.project(direction) == pytest.approx([u[0] + 3.1937e-3 * radius, u[1]], abs=1e-6)


def test_hirise_scale_of_the_focal_plane() -> None:
    """ISIS convention by hand at RED5 (90.297 mm off axis): 1 - (-0.0048509 + 2.41312e-7 r^2 - 1.62369e-13 r^4)."""
    scan = load_camera("hirise").pushbroom
    assert scan is not None
    params = scan.distortion.parameters((1e6, 1e6), (0.0, 0.0), 0.012)
    r = np.hypot(89.496, 12.001)
    g = np.polynomial.Polynomial(params[9:])(r / 0.012)
    assert g == pytest.approx(1.0 + 0.0048509 - 2.41312e-7 * 8153.558 + 1.62369e-13 * 8153.558**2, abs=1e-9)


def test_brown_conrady_is_opencv() -> None:
    """OpenCV's documented formula at one point, worked out by hand: x 0.3, y -0.2, r^2 0.13."""
    base = load_camera("onc-w2")
    camera = dataclasses.replace(base, distortion=Distortion("brown-conrady", (-0.2, 0.05, 0.001, 0.002, 0.01)))
    g = 1 - 0.2 * 0.13 + 0.05 * 0.0169 + 0.01 * 0.002197
    xd = 0.3 * g + 2 * 0.001 * -0.06 + 0.002 * (0.13 + 0.18)
    yd = -0.2 * g + 0.001 * (0.13 + 0.08) + 2 * 0.002 * -0.06
    expected = [base.cx + base.focal_px_x * xd, base.cy + base.focal_px_y * yd]
    assert camera.project([0.3, -0.2, 1.0]) == pytest.approx(expected, abs=1e-9)
