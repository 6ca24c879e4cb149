"""A scanning camera: even scenes stay even, matched scans are sharp, mismatched ones smear by the formula."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from terraluna.camera import load_camera, look
from terraluna.errors import InputError
from terraluna.instrument.pushbroom import (
    Scan,
    ccd_delay_s,
    find_ccd,
    matched_rate_rad_s,
    scan_attitude,
    scan_strip,
)

LINE_S = load_camera("hirise").pushbroom.line_time_s  # type: ignore[union-attr]
LINES = 120
# Bilinear interpolation at whole pixels of a picture whose tangent plane differs from the scan's by 1e-6 px.
SHARP = 1e-4


@pytest.fixture(scope="module")
def camera():  # type: ignore[no-untyped-def]
    whole = load_camera("hirise")
    return dataclasses.replace(whole, width=90, height=300, cx=44.5, cy=149.5)


def scan_over(camera, factor: float = 1.0, stages: int = 1, along: float = 0.0):  # type: ignore[no-untyped-def]
    """A scan whose middle line looks along the picture's axis."""
    attitude = look([1.0, 0.2, 0.1])
    start = 1000.0
    middle = start + 0.5 * (LINES - 1) * LINE_S
    law = scan_attitude(attitude, middle, factor * matched_rate_rad_s(camera, LINE_S))
    return attitude, Scan(start, LINES, LINE_S, law, stages, along, (10, 60))


def test_even_scene_gives_an_even_strip(camera) -> None:  # type: ignore[no-untyped-def]
    picture = np.full((camera.height, camera.width, 2), 0.37)
    for factor, stages in ((1.0, 64), (1.3, 64), (0.8, 1)):
        attitude, scan = scan_over(camera, factor, stages)
        strip = scan_strip(lambda et: picture, camera, attitude, scan)
        assert strip.shape == (LINES, 60, 2)
        assert strip == pytest.approx(0.37, rel=1e-12)
    assert scan.exposure_s == LINE_S


def test_matched_scan_is_the_picture(camera) -> None:  # type: ignore[no-untyped-def]
    picture = np.random.default_rng(1).uniform(size=(camera.height, camera.width, 1))
    attitude, scan = scan_over(camera, 1.0, 64)
    strip = scan_strip(lambda et: picture, camera, attitude, scan)
    # Line i looks at row cy + i - (LINES - 1) / 2 = 90 + i.
    assert strip == pytest.approx(picture[90 : 90 + LINES, 10:70], abs=SHARP)


def test_rate_error_smears_along_the_track(camera) -> None:  # type: ignore[no-untyped-def]
    # A line source under 64 stages with a rate 25 % off spreads over 64 x 0.25 = 16 px of ground: 12.8 lines of the
    # strip, whose lines are 1.25 px apart.
    picture = np.zeros((camera.height, camera.width, 1))
    picture[150] = 1.0
    attitude, scan = scan_over(camera, 1.25, 64)
    profile = scan_strip(lambda et: picture, camera, attitude, scan, samples=64)[:, 30, 0]
    y = np.arange(LINES)
    centre = (profile * y).sum() / profile.sum()
    width = np.sqrt(12.0 * (profile * (y - centre) ** 2).sum() / profile.sum())
    # Pillbox of 12.8 lines, with the triangle of the interpolation (variance 1/6 px^2).
    assert width == pytest.approx(np.sqrt(12.8**2 + 12.0 / 6.0 / 1.25**2), rel=0.02)
    assert profile.sum() == pytest.approx(1.0 / 1.25, rel=0.01)
    sharp = scan_strip(lambda et: picture, camera, attitude, scan_over(camera, 1.25, 1)[1])[:, 30, 0]
    assert np.count_nonzero(sharp) <= 2


def test_ccds_see_the_scene_one_after_the_other(camera) -> None:  # type: ignore[no-untyped-def]
    # A bar that moves down by half a pixel a line time: a CCD 40 px ahead sees it 40 line times earlier.
    places = {"BG12": 40.0, "IR10": 0.0}
    delay = ccd_delay_s(camera, "BG12", "IR10", places)
    assert delay == pytest.approx(40.0 * LINE_S)
    attitude, scan = scan_over(camera)
    still = np.zeros((camera.height, camera.width, 1))
    still[150] = 1.0
    rows = {}
    for name, along in places.items():
        started = dataclasses.replace(scan, along_px=along, start_et=scan.start_et - along * LINE_S)
        strip = scan_strip(lambda et: still, camera, attitude, started)
        rows[name] = int(strip[:, 30, 0].argmax())
    # Started earlier by the delay, both strips are in register for a scene that stands still.
    assert rows["BG12"] == rows["IR10"] == 60
    shifted = scan_strip(lambda et: still, camera, attitude, dataclasses.replace(scan, along_px=40.0))
    assert int(shifted[:, 30, 0].argmax()) == 20


def test_blocks_follow_a_moving_scene(camera) -> None:  # type: ignore[no-untyped-def]
    times: list[float] = []

    def render(et: float) -> np.ndarray:
        times.append(et)
        return np.full((camera.height, camera.width), et)

    attitude, scan = scan_over(camera)
    strip = scan_strip(render, camera, attitude, scan, blocks=4)
    assert len(times) == 4
    expected = np.repeat(np.asarray(times), LINES // 4)
    assert strip[:, 5, 0] == pytest.approx(expected, rel=1e-15)
    assert times[0] == pytest.approx(scan.line_et(14.5), abs=1e-9)


def test_bad_input(camera) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="place of CCD 'IR10' is not known"):
        ccd_delay_s(camera, "RED5", "IR10")
    with pytest.raises(InputError, match="no CCD 'X'; its CCDs: RED0"):
        find_ccd(camera, "X")
    with pytest.raises(InputError, match="not a pushbroom"):
        ccd_delay_s(load_camera("epic"), "a", "b")
    with pytest.raises(InputError, match="TDI stage"):
        Scan(0.0, 10, 1.0, lambda et: np.eye(3), 0)
    with pytest.raises(InputError, match="line time"):
        Scan(0.0, 10, 0.0, lambda et: np.eye(3))
