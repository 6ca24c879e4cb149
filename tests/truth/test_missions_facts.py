"""The recomputed column of the published facts, from the states and the catalogue."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from terraluna.ephemeris import Ephemeris
from terraluna.missions import MISSION_IDS, load_all
from terraluna.missions.claims import check_claims
from terraluna.missions.dating import date_picture
from terraluna.missions.view import MissionView

Open = Callable[[str], MissionView]

ABERRATION = 1e-4
"""v/c of a planet's motion about the Sun, by which it changes the size of a disc."""


@pytest.fixture(scope="module")
def views(ephemeris: Ephemeris) -> Open:
    made = {m: MissionView.open(m, ephemeris) for m in MISSION_IDS}
    return lambda name: made[name]


def test_every_claim_agrees_or_is_a_known_contradiction(ephemeris: Ephemeris) -> None:
    results = check_claims(ephemeris, MISSION_IDS)
    assert {r.mission for r in results} == set(MISSION_IDS)
    assert [(r.mission, r.claim) for r in results if r.verdict == "disagrees"] == []
    contradictions = [r for r in results if r.verdict == "contradiction"]
    assert [r.mission for r in contradictions] == ["voyager-1"]
    assert "disagree" in contradictions[0].note


def test_catalogue_is_complete_and_sourced() -> None:
    for spec in load_all():
        assert spec.sources
        assert spec.observation.source
        assert spec.pointing.source
        assert spec.claims
        for claim in spec.claims:
            assert claim.source
            if claim.tolerance is not None:
                assert claim.tolerance_origin


def test_tianwen(views: Open) -> None:
    scene = views("tianwen-1").scene()
    # The facts give separation 3.75, phases 104.9 and 103.3: half a unit of the last digit.
    assert math.degrees(scene.separation_rad) == pytest.approx(3.75, abs=0.01)
    assert math.degrees(scene.earth.phase_rad) == pytest.approx(104.9, abs=0.05)
    assert math.degrees(scene.moon.phase_rad) == pytest.approx(103.3, abs=0.05)


# UTC of 2019-02-03: Moon km, Earth km, separation, radius of Moon and Earth, deg; from another propagator.
LONGJIANG_TABLE = [
    ("14:30", 10887, 416222, 10.99, 9.18, 0.877),
    ("15:00", 10077, 415370, 13.16, 9.93, 0.879),
    ("15:20", 9484, 414720, 15.27, 10.56, 0.880),
    ("15:50", 8505, 413605, 19.59, 11.79, 0.883),
]


@pytest.mark.parametrize("row", LONGJIANG_TABLE)
def test_longjiang_table(row: tuple[str, float, float, float, float, float], views: Open, ephemeris: Ephemeris) -> None:
    clock, moon_km, earth_km, separation, moon_radius, earth_radius = row
    scene = views("longjiang-2").scene(ephemeris.et(f"2019-02-03T{clock}"))
    allowed_km = 30.0  # the requirement: two propagators with different force models
    assert abs(scene.moon.range_km - moon_km) < allowed_km
    assert abs(scene.earth.range_km - earth_km) < allowed_km
    # 30 km at 9,000 km is 0.19 degree; the digits of the table are finer.
    assert math.degrees(scene.separation_rad) == pytest.approx(separation, abs=0.05)
    assert math.degrees(scene.moon.angular_radius_rad) == pytest.approx(moon_radius, abs=0.03)
    # The table takes the Earth's mean radius, 6371 km.
    mean_radius = math.degrees(math.asin(6371.0 / scene.earth.range_km))
    assert mean_radius == pytest.approx(earth_radius, abs=0.001)


def test_voyager_dates_itself(views: Open, ephemeris: Ephemeris) -> None:
    date = date_picture(views("voyager-1"))
    everest, caption_range = ephemeris.et("1977-09-18T22:46:00"), ephemeris.et("1977-09-18T19:24:00")
    assert abs(date.et - everest) < 3.0 * date.sigma_s
    assert abs(date.et - caption_range) > 5.0 * date.sigma_s
    assert abs(date.et - views("voyager-1").portrait_et) < 0.5 * date.sigma_s
    assert math.degrees(views("voyager-1").scene().earth.sub_observer.lat) == pytest.approx(25.7, abs=0.05)


def test_mro(views: Open) -> None:
    scene = views("mro").scene()
    assert scene.earth.range_km == pytest.approx(142.07e6, abs=0.005e6)
    assert math.degrees(scene.earth.phase_rad) == pytest.approx(97.90, abs=0.005)
    assert math.degrees(scene.separation_rad) == pytest.approx(0.02646, abs=0.00001)
    # Native scale of 1.000 microradian: 89.75 and 24.45 px, without aberration; the camera's own scale is 1.0004.
    native = scene.camera.ifov_rad / 1e-6  # type: ignore[union-attr]
    for body, published in (("earth", 89.75), ("moon", 24.45)):
        pixels = scene.pixels(body)  # type: ignore[arg-type]
        assert pixels is not None
        plain = 2e6 * scene.body(body).angular_radius_rad  # type: ignore[arg-type]
        assert plain == pytest.approx(published, rel=0.003)
        assert 2.0 * pixels.limb.semi_major * native == pytest.approx(plain, rel=ABERRATION)


def test_messenger(views: Open) -> None:
    scene = views("messenger").scene()
    assert scene.earth.range_km == pytest.approx(182.9e6, abs=0.05e6)
    assert math.degrees(scene.separation_rad) == pytest.approx(0.125, abs=0.0005)
    assert math.degrees(scene.earth.phase_rad) == pytest.approx(11.7, abs=0.05)
    earth, moon = scene.pixels("earth"), scene.pixels("moon")
    assert earth is not None
    assert moon is not None
    # Caption-derived: 0.39 and 0.11 px across, 12.2 px apart.
    assert 2.0 * earth.limb.radius == pytest.approx(0.39, abs=0.01)
    assert 2.0 * moon.limb.radius == pytest.approx(0.11, abs=0.01)
    assert np.hypot(earth.x - moon.x, earth.y - moon.y) == pytest.approx(12.2, abs=0.1)


def test_hayabusa2(views: Open) -> None:
    scene = views("hayabusa2").scene()
    # Solar pressure, which is not modelled, matters at the 24 km level.
    assert scene.earth.range_km == pytest.approx(2979358, abs=24)
    assert scene.moon.range_km == pytest.approx(3245375, abs=24)
    assert math.degrees(scene.separation_rad) == pytest.approx(4.656, abs=0.0005)
    assert math.degrees(scene.earth.phase_rad) == pytest.approx(50.6, abs=0.05)


def test_dscovr_still(views: Open) -> None:
    """Disc ratio and offset of the published still within 2 %, the far side before the Pacific, north up-left."""
    scene = views("dscovr").scene()
    earth, moon = scene.pixels("earth"), scene.pixels("moon")
    assert earth is not None
    assert moon is not None
    assert earth.limb.radius / moon.limb.radius == pytest.approx(620.8 / 228.4, rel=0.02)
    offset = np.array([moon.x - earth.x, moon.y - earth.y]) / (2.0 * earth.limb.radius)
    published = np.array([242.4 - 381.5, 499.3 - 429.0]) / 620.8
    assert np.hypot(*offset) == pytest.approx(np.hypot(*published), rel=0.02)
    assert math.degrees(math.atan2(*offset) - math.atan2(*published)) == pytest.approx(0.0, abs=2.0)
    assert scene.event == "moon_transits_earth"
    assert abs(math.degrees(scene.moon.sub_observer.lon)) > 90.0
    assert -160.0 < math.degrees(scene.earth.sub_observer.lon) < -110.0
    assert 0.0 < math.degrees(earth.north_angle_rad) < 90.0


def test_longjiang_portrait_is_frame_176(views: Open) -> None:
    """Discs of the real frame, fitted on its green channel: Moon (370.0, 210.7) 171.8 px, Earth (537.0, 378.2)."""
    scene = views("longjiang-2").scene()
    moon, earth = scene.pixels("moon"), scene.pixels("earth")
    assert moon is not None
    assert earth is not None
    assert (moon.limb.x, moon.limb.y) == pytest.approx((370.0, 210.7), abs=0.5)
    assert moon.limb.radius == pytest.approx(171.8, rel=0.002)
    assert (earth.x, earth.y) == pytest.approx((537.0, 378.2), abs=0.7)
