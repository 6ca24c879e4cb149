"""Other real pictures: Hayabusa2, EPIC, and the published DSCOVR and Voyager 1 ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from terraluna.opnav.measure import MeasuredBody, Measurement, measure_file


def _measure(path: Path) -> Measurement:
    (result,) = measure_file(path)
    return result.measurement


def _body(found: Measurement, name: str) -> MeasuredBody:
    body = found.body(name)
    assert body is not None, [(b.name, b.x, b.y) for b in found.bodies]
    return body


def test_hayabusa2(test_data: Path) -> None:
    found = _measure(test_data / "hayabusa2/hyb2_onc_20151203_000006_w2f_l2a.fit")
    # One body: neither the smear nor the streak at x 834 is the Moon.
    assert len(found.bodies) == 1
    earth = _body(found, "earth")
    # Predicted from the ephemeris: radius 25-27 px (and some tenths of limb height), phase 56.6 deg.
    assert 25.0 < earth.radius < 27.5
    # The lit share of a soft terminator; twilight and clouds move it by some degrees.
    assert earth.phase_deg == pytest.approx(56.6, abs=8.0)
    # Kept from a first measurement, no outside truth. Rows count upwards in the file; the picture is measured upright.
    assert earth.x == pytest.approx(568.9, abs=1.5)
    assert earth.y == pytest.approx(1023.0 - 773.7, abs=1.5)


def test_epic(test_data: Path) -> None:
    earth = _body(_measure(test_data / "epic/epic_1b_20190613184124.png"), "earth")
    # A circle fit in the notes on the data: 1526.6 px across at (1022.5, 1023.2). The metadata's 1529.395 px is not
    # met: half light of this blurred display picture lies 3-4 px inside it (measured 1521.7 px).
    assert earth.x == pytest.approx(1022.5, abs=1.0)
    assert earth.y == pytest.approx(1023.2, abs=1.0)
    assert 2.0 * earth.radius == pytest.approx(1526.6, abs=6.0)
    assert earth.limb is not None


def test_dscovr_transit(test_data: Path) -> None:
    found = _measure(test_data / "published/dscovr_transit_20150716_still.jpg")
    assert len(found.bodies) == 2
    earth, moon = _body(found, "earth"), _body(found, "moon")
    # Measured by hand for the notes; the lit limb's own centre lies up to 2 px from that of the whole outline.
    assert 2.0 * earth.radius == pytest.approx(620.8, abs=1.5)
    assert np.hypot(earth.x - 381.5, earth.y - 429.0) < 2.5
    assert 2.0 * moon.radius == pytest.approx(228.4, abs=3.0)
    assert np.hypot(moon.x - 242.4, moon.y - 499.3) < 3.0
    assert "in_front_of_other" in moon.reasons


def test_voyager1(test_data: Path) -> None:
    found = _measure(test_data / "published/voyager1_PIA00013.jpg")
    assert len(found.bodies) == 2
    earth, moon = _body(found, "earth"), _body(found, "moon")
    assert 2.0 * earth.radius == pytest.approx(138.8, abs=1.5)
    # The Moon was within 3.3 % of the Earth's distance of 11.66e6 km: the discs' ratio is bound by the radii.
    assert moon.radius / earth.radius == pytest.approx(1737.4 / 6378.1, rel=0.04)
    # Crescents, lit from the right.
    assert earth.phase_deg > 90.0
    assert abs(earth.sun_angle_deg) < 60.0
