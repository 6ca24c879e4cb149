"""Pointing laws against the scenes that they make: what a law says is where the scene shows it."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from terraluna.camera import load_camera
from terraluna.ephemeris import Ephemeris
from terraluna.plan.conditions import Scalar, solve
from terraluna.plan.framing import attitudes
from terraluna.plan.planner import Leg, make_plan
from terraluna.plan.request import PointingTable
from terraluna.plan.search import sample
from terraluna.plan.windows import Windows
from terraluna.plan.wishes import pointing_of
from terraluna.scene import Observer, Scene, build_scene
from terraluna.scene.scene import BodyPixels

PX = 1e-6
"""Roll is iterated to 1e-12 rad."""

ANGLE_DEG = 1e-3
"""An edge is found to 0.1 ms; the angle moves by some degrees a minute at most."""


@pytest.fixture(scope="module")
def leg(ephemeris: Ephemeris) -> Leg:
    example = Path(str(files("terraluna").joinpath("data/requests/longjiang-2.toml")))
    return make_plan(example, ephemeris).legs[0]


CAMERA = load_camera("longjiang-2")


def _scene(ephemeris: Ephemeris, leg: Leg, et: float, **keys: object) -> Scene:
    pointing = pointing_of(PointingTable.model_validate(keys), CAMERA, None)
    observer = Observer.from_state(ephemeris, et, leg.trajectory.state(et), leg.trajectory.center)
    turn = attitudes(pointing, leg, np.array([et]))[0]
    return build_scene(ephemeris, observer, quality="navigation", camera=CAMERA, attitude=turn)


def _pixels(scene: Scene, body: str) -> BodyPixels:
    found = scene.pixels(body)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def et(ephemeris: Ephemeris) -> float:
    return ephemeris.et("2019-02-03T15:00:00")


def test_thirds(ephemeris: Ephemeris, leg: Leg, et: float) -> None:
    """The Earth on the upper right third point, the Moon on the line to the lower left one."""
    scene = _scene(ephemeris, leg, et, law="thirds")
    earth, moon = _pixels(scene, "earth"), _pixels(scene, "moon")
    assert (earth.x, earth.y) == pytest.approx((639.0 * 2.0 / 3.0, 479.0 / 3.0), abs=PX)
    assert moon.x < earth.x
    assert moon.y > earth.y


def test_a_body_at_a_pixel_with_the_sun_to_the_left(ephemeris: Ephemeris, leg: Leg, et: float) -> None:
    scene = _scene(ephemeris, leg, et, law="moon", pixel=[200.0, 300.0], roll="north", roll_angle_deg=30.0)
    moon = _pixels(scene, "moon")
    assert (moon.x, moon.y) == pytest.approx((200.0, 300.0), abs=PX)


def test_balanced_puts_both_outer_limbs_equally_far(ephemeris: Ephemeris, leg: Leg, et: float) -> None:
    scene = _scene(ephemeris, leg, et, law="balanced")
    assert scene.attitude is not None
    outer = []
    for body in scene.bodies:
        angle = math.acos(float(scene.attitude[2] @ body.center_j2000_km) / float(np.linalg.norm(body.center_j2000_km)))
        outer.append(angle + body.angular_radius_rad)
    # The Earth is flattened: its radius on the sky is not the equator's in every direction.
    assert outer[0] == pytest.approx(outer[1], abs=4e-3 * scene.bodies[0].angular_radius_rad)


def test_anti_sun_with_an_offset(ephemeris: Ephemeris, leg: Leg, et: float) -> None:
    scene = _scene(ephemeris, leg, et, law="anti-sun", offset_x_deg=3.0, offset_y_deg=-2.0)
    assert scene.attitude is not None
    x, y, z = scene.attitude @ -scene.sun.vector_km
    assert math.degrees(math.atan2(x, z)) == pytest.approx(3.0, abs=1e-6)
    assert math.degrees(math.atan2(y, z)) == pytest.approx(-2.0, abs=1e-6)


@pytest.mark.parametrize("body", ["earth", "moon"])
def test_the_lit_limb_points_as_wished_at_a_windows_edge(ephemeris: Ephemeris, leg: Leg, et: float, body: str) -> None:
    """The scene's own direction of the bright limb, 10 degrees from that of one moment."""
    keys = {"law": body, "roll": "velocity"}
    wished = _pixels(_scene(ephemeris, leg, et, **keys), body).bright_limb_angle_rad
    pointing = pointing_of(PointingTable.model_validate(keys), CAMERA, None)
    scalar = Scalar("bright_limb_offset", "at most", math.radians(10.0), a=body, pointing=pointing, angle_rad=wished)
    start = leg.span[0]
    inside = Windows(((start, start + 8.0 * 86400.0),))
    found = solve(scalar, leg.grid, inside)
    assert et in found
    edges = [t for span in found for t in span if start < t < inside.spans[0][1]]
    assert len(edges) > 4
    for t in edges:
        angle = _pixels(_scene(ephemeris, leg, t, **keys), body).bright_limb_angle_rad
        off = math.degrees(angle - wished)
        assert abs((off + 180.0) % 360.0 - 180.0) == pytest.approx(10.0, abs=ANGLE_DEG)


@pytest.mark.parametrize("quantity", ["frame_margin", "boresight_angle"])
@pytest.mark.parametrize("keys", [{"law": "anti-sun", "roll": "pair", "offset_x_deg": 3.5}, {"law": "moon"}])
def test_long_steps_pass_over_nothing(leg: Leg, quantity: str, keys: dict[str, object]) -> None:
    """What the bounded steps find is what a sample each 30 seconds says, also where the law has no roll."""
    pointing = pointing_of(PointingTable.model_validate(keys), CAMERA, None)
    limit = 0.0 if quantity == "frame_margin" else math.radians(100.0)
    start = leg.span[0]
    inside = Windows(((start, start + 10.0 * 86400.0),))
    ets = np.arange(start, inside.spans[0][1], 30.0)
    for body in ("earth", "moon", "sun") if quantity == "boresight_angle" else ("earth", "moon"):
        scalar = Scalar(quantity, "at least", limit, a=body, camera=CAMERA, pointing=pointing)  # type: ignore[arg-type]
        found = solve(scalar, leg.grid, inside)
        dense = sample(scalar, leg.grid.sky, ets) >= limit
        ends = np.array(found.spans).reshape(-1)
        within = np.searchsorted(ends, ets, side="right") % 2 == 1
        assert np.array_equal(within, dense)
