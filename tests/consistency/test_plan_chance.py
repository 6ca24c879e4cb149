"""Chances and exposures of a plan against independent computations."""

from __future__ import annotations

import dataclasses
import math
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from terraluna.camera.attitude import quaternion_to_matrix
from terraluna.ephemeris import Ephemeris
from terraluna.instrument.detector import clip_electrons
from terraluna.plan.exposure import plan_exposure
from terraluna.plan.framing import attitudes
from terraluna.plan.planner import Plan, make_plan
from terraluna.plan.probability import chance
from terraluna.plan.report import proposal_scene
from terraluna.plan.request import ErrorsTable, ExposureTable
from terraluna.scene import Observer, build_scene

FOUR_SIGMA = 4.0


@pytest.fixture(scope="module")
def plan(ephemeris: Ephemeris) -> Plan:
    return make_plan(Path(str(files("terraluna").joinpath("data/requests/longjiang-2.toml"))), ephemeris)


def test_no_errors_mean_certainty(ephemeris: Ephemeris, plan: Plan) -> None:
    p = plan.proposals[0]
    assert p.camera is not None
    found = chance(ephemeris, p.camera, p.pointing, p.leg, (p.start, p.end), p.best, ErrorsTable(draws=100))
    assert found.both == 1.0
    assert found.coverage == (1.0, 1.0)
    assert found.series.frames == 1


def test_chance_equals_full_scenes(ephemeris: Ephemeris, plan: Plan) -> None:
    """Draws of another generator, each a full scene at the displaced place and time with the turned camera."""
    p = plan.proposals[2]
    table = ErrorsTable(along_km=300.0, radial_km=50.0, cross_km=50.0, clock_s=60.0, pointing_deg=1.5, roll_deg=4.0,
                        draws=4000)  # fmt: skip
    assert p.camera is not None
    found = chance(ephemeris, p.camera, p.pointing, p.leg, (p.start, p.end), p.best, table)
    rng = np.random.default_rng(77)
    commanded = attitudes(p.pointing, p.leg, np.array([p.best]))[0]
    n, hits = 400, 0
    for _ in range(n):
        et = p.best + rng.normal(0.0, table.clock_s)
        state = p.leg.trajectory.state(et)
        r = state[:3] / np.linalg.norm(state[:3])
        c = np.cross(state[:3], state[3:])
        c /= np.linalg.norm(c)
        state = state.copy()
        state[:3] += rng.normal(0.0, [table.radial_km, table.along_km, table.cross_km]) @ np.array(
            [r, np.cross(c, r), c]
        )
        turn = np.radians(rng.normal(0.0, [table.pointing_deg, table.pointing_deg, table.roll_deg]))
        angle = np.linalg.norm(turn)
        q = np.concatenate([[math.cos(angle / 2)], math.sin(angle / 2) * turn / angle])
        observer = Observer.from_state(ephemeris, et, state, "moon")
        scene = build_scene(
            ephemeris, observer, quality="x", camera=p.camera, attitude=quaternion_to_matrix(q) @ commanded
        )
        pixels = [scene.pixels("earth", 24), scene.pixels("moon", 24)]
        hits += all(x is not None and x.in_frame for x in pixels)
    share = hits / n
    error = math.sqrt(share * (1.0 - share) / n + found.error**2)
    assert 0.1 < share < 0.9
    assert abs(share - found.both) < FOUR_SIGMA * error


def test_more_frames_help_and_the_wish_is_reached(ephemeris: Ephemeris, plan: Plan) -> None:
    p = plan.proposals[2]
    table = ErrorsTable(pointing_deg=1.5, roll_deg=3.0, wished=0.95)
    assert p.camera is not None
    found = chance(ephemeris, p.camera, p.pointing, p.leg, (p.start, p.end), p.best, table)
    assert found.both < 0.95
    assert found.reached
    assert found.series.frames > 1
    assert found.series.probability >= 0.95
    assert found.navigation_sigma_km["along"] > 0.0


def test_exposure_keeps_its_bounds(ephemeris: Ephemeris, plan: Plan) -> None:
    scene = proposal_scene(plan.proposals[0], ephemeris)
    table = ExposureTable(max_clipped=0.01, min_snr=3.0, rate_deg_s=1.0, max_smear_px=0.5)
    assert scene.camera is not None
    for found in plan_exposure(scene, table):
        assert set(found.bodies) == {"earth", "moon"}
        for body, item in found.bodies.items():
            assert found.clipped[body] <= 0.01 + 1e-9
            assert item.histogram.sum() == pytest.approx(1.0, abs=0.05)
        assert found.smear_px <= 0.5 + 1e-9
        assert clip_electrons(scene.camera.detector) > 0


def test_a_bracket_where_one_exposure_cannot_serve_both(ephemeris: Ephemeris, plan: Plan) -> None:
    """A wish for cleaner pixels than the brighter body allows leads to two exposures, or to a reason."""
    scene = proposal_scene(plan.proposals[0], ephemeris)
    one = plan_exposure(scene, ExposureTable(max_clipped=0.01, min_snr=3.0))[0]
    gap = {b: (r.shortest_s, r.longest_s) for b, r in one.bodies.items()}
    bright = min(gap, key=lambda b: gap[b][1])
    dark = next(b for b in gap if b != bright)
    assert scene.camera is not None
    detector = dataclasses.replace(scene.camera.detector, read_noise_e=200.0)
    noisy = dataclasses.replace(scene, camera=dataclasses.replace(scene.camera, detector=detector))
    limit = clip_electrons(detector)
    # The signal to noise that the darker body's median reaches just below its own clipping.
    snr = 0.5 * limit / math.sqrt(0.5 * limit + 200.0**2)
    found = plan_exposure(noisy, ExposureTable(max_clipped=0.01, min_snr=snr))[0]
    assert len(found.exposures_s) == 2 or found.refused
    assert max(found.exposures_s) <= gap[dark][1] * 1.0001
