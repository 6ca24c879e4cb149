"""Edges of windows against rendered pixels: where the renderer's coverage says the limbs are."""

from __future__ import annotations

import dataclasses
import math
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.plan.conditions import Scalar, solve
from terraluna.plan.framing import attitudes
from terraluna.plan.planner import Plan, make_plan, plan_request
from terraluna.plan.request import read_request
from terraluna.plan.windows import Windows
from terraluna.render.frame import render_truth
from terraluna.render.from_scene import render_bodies
from terraluna.render.materials_basic import UniformMaterial
from terraluna.scene import Observer, Scene, build_scene

EDGE_PX = 0.05
"""The aim."""

ZOOM = 40
"""Rendered pixels a pixel of the camera: coverage at half is known to 0.0125 px without interpolation."""

CROP_PX = 16.0


def _example(name: str) -> Path:
    return Path(str(files("terraluna").joinpath(f"data/requests/{name}.toml")))


def _scene(plan: Plan, ephemeris: Ephemeris, et: float) -> Scene:
    p = plan.proposals[0]
    observer = Observer.from_state(ephemeris, et, p.leg.trajectory.state(et), p.leg.trajectory.center)
    turn = attitudes(p.pointing, p.leg, np.array([et]))[0]
    return build_scene(ephemeris, observer, quality="navigation", camera=p.camera, attitude=turn)


def _zoomed(camera: Camera, at: np.ndarray) -> Camera:
    """The camera with ``ZOOM`` times finer pixels, cropped about the point ``at``, outside its frame too."""
    n = int(CROP_PX * ZOOM)
    cx, cy = (np.array([camera.cx, camera.cy]) - at) * ZOOM + 0.5 * (n - 1)
    return dataclasses.replace(
        camera, width=n, height=n, focal_px_x=camera.focal_px_x * ZOOM, focal_px_y=camera.focal_px_y * ZOOM,
        cx=float(cx), cy=float(cy), pixel_um=None if camera.pixel_um is None else camera.pixel_um / ZOOM,
    )  # fmt: skip


def _covered(scene: Scene, body: str, at: np.ndarray) -> np.ndarray:
    """Points (n, 2), px of the camera, that the renderer fills with a body alone, near ``at``."""
    assert scene.camera is not None
    close = _zoomed(scene.camera, at)
    # The solid body counts, as in a plan: a surface without the shell of air about it.
    bodies = [
        b for b in render_bodies(scene, {name: UniformMaterial() for name in ("earth", "moon")}) if b.name == body
    ]
    mask = render_truth(close, bodies, shadows=False).mask(body)
    rows, columns = np.nonzero(mask >= 0.5)
    assert 0 < rows.size < mask.size
    return at + (np.column_stack([columns, rows]) - 0.5 * (close.width - 1)) / ZOOM


def _outline(scene: Scene, body: str) -> np.ndarray:
    assert scene.camera is not None
    assert scene.attitude is not None
    pixels = scene.camera.project(scene.body(body).limb_j2000_km(4000) @ scene.attitude.T)  # type: ignore[arg-type]
    return np.asarray(pixels[np.isfinite(pixels).all(axis=1)])


@pytest.mark.parametrize(("wish", "sides"), [("both_inside", 2), ("earth_inside", 2)])
def test_the_rendered_limb_touches_the_frame_at_a_windows_edge(ephemeris: Ephemeris, wish: str, sides: int) -> None:
    request = read_request(_example("longjiang-2"))
    wishes = {"margin_px": 0.0, "separation_deg": None, "moon_phase_deg": None, "both_inside": None, wish: True}
    want = request.want.model_copy(update=wishes)
    request = request.model_copy(update={"want": want, "exposure": None, "errors": None, "downlink": None})
    plan = plan_request(request, ephemeris, Path(), "x")
    touched: set[tuple[str, int, int]] = set()
    for p in plan.proposals:
        for et in (p.start, p.end):
            scene = _scene(plan, ephemeris, et)
            assert p.camera is not None
            size = np.array([p.camera.width, p.camera.height])
            for body in ("earth", "moon") if wish == "both_inside" else ("earth",):
                outline = _outline(scene, body)
                for axis in range(2):
                    for sign, edge in ((1.0, -0.5), (-1.0, size[axis] - 0.5)):
                        k = int(np.argmin(sign * outline[:, axis]))
                        if abs(outline[k, axis] - edge) > 1.0:
                            continue
                        points = _covered(scene, body, outline[k])
                        half = 0.5 / ZOOM
                        limb = sign * float((sign * points[:, axis]).min() - half)
                        assert limb == pytest.approx(edge, abs=EDGE_PX)
                        touched.add((body, axis, int(sign)))
    # More than one side of the frame, by the body that was asked for.
    assert len({(axis, sign) for body, axis, sign in touched if wish == "both_inside" or body == "earth"}) >= sides


def _apart(scene: Scene, kind: str) -> float:
    """Distance (px) of the two rendered limbs along the line of the centres: zero at a contact of ``kind``."""
    assert scene.camera is not None
    assert scene.attitude is not None
    earth, moon = (scene.attitude @ scene.body(b).center_j2000_km for b in ("earth", "moon"))
    earth, moon = earth / np.linalg.norm(earth), moon / np.linalg.norm(moon)
    away = earth - moon * (earth @ moon)
    # The way in the image from the Moon's centre to the Earth's, at the Earth, which may be far from the Moon's.
    step = earth + 1e-6 * away / np.linalg.norm(away)
    line = np.subtract(*scene.camera.project(np.array([step, earth])))
    u = line / np.linalg.norm(line)
    # The side of the Earth's limb that makes the contact: near the Moon, or away from it.
    side = {"overlap": -1.0, "covered": 1.0, "annular": -1.0}[kind]
    outline = _outline(scene, "earth")
    at = outline[int(np.argmax(side * (outline @ u)))]
    points = {body: _covered(scene, body, at) @ u for body in ("earth", "moon")}
    e = side * float((side * points["earth"]).max())
    # In a transit both limbs are on the same side; outside, the Moon's far side meets the Earth.
    m = float(points["moon"].min()) if kind == "annular" else float(points["moon"].max())
    return e - m


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sun-earth-l1", "annular"),
        ("sun-earth-l1", "overlap"),
        ("lunar-orbiter", "overlap"),
        ("lunar-orbiter", "covered"),
    ],
)
def test_rendered_limbs_touch_at_a_contact(ephemeris: Ephemeris, name: str, kind: str) -> None:
    """Transits seen from L1, Earthrise and Earthset from a low lunar orbit: both ends of three windows."""
    plan = make_plan(_example(name), ephemeris)
    leg = plan.legs[0]
    start = leg.span[0]
    inside = Windows(((start, start + (60.0 if name == "sun-earth-l1" else 0.4) * 86400.0),))
    found = solve(Scalar(kind, "at least", 0.0, a="moon", b="earth", as_seen=True), leg.grid, inside)  # type: ignore[arg-type]
    contacts = [t for span in found for t in span if inside.spans[0][0] < t < inside.spans[0][1]][:6]
    assert len(contacts) >= 2
    for et in contacts:
        assert _apart(_scene(plan, ephemeris, et), kind) == pytest.approx(0.0, abs=EDGE_PX)
    # And not before: ten seconds change it.
    late = _apart(_scene(plan, ephemeris, contacts[0] + 10.0), kind)
    assert abs(late) > 2.0 * EDGE_PX


def test_the_frame_edge_of_the_zoomed_camera_is_the_cameras(ephemeris: Ephemeris) -> None:
    """The crop shows the same directions at the same places: the zoom itself moves nothing."""
    camera = make_plan(_example("longjiang-2"), ephemeris).proposals[0].camera
    assert camera is not None
    at = np.array([-0.5, 200.0])
    close = _zoomed(camera, at)
    middle = 0.5 * (close.width - 1)
    where = at + (np.array([[3.0, 7.0], [600.0, 100.0]]) - middle) / ZOOM
    seen = camera.unproject(where)
    np.testing.assert_allclose(close.unproject([[3.0, 7.0], [600.0, 100.0]]), seen, atol=1e-12)
    assert math.isclose(float(np.linalg.norm(seen[0])), 1.0)
