"""Angles in pictures against spherical trigonometry and SPICE's apparent places."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy as spice

from terraluna.ephemeris import Ephemeris
from terraluna.trajectory.observables import DiscOffset, Landmark, LimbAngle
from terraluna.trajectory.view import View

PLACE = np.array([1150878.1, 277370.2, 352185.0, 3.288377, 0.846132, 1.033307])
UTC = "2020-07-26T23:58:50.816"
ANGLE_DEG = 0.01  # light time and aberration shift the three bodies by up to 20 arcsec, the plane is that of one body
APPARENT_ARCSEC = 0.01  # two routes to CN+S: first order in v/c squared is 0.001 arcsec


def _view(ephemeris: Ephemeris, rolls: dict[str, float] | None = None) -> View:
    et = ephemeris.et(UTC)
    return View(et, PLACE + ephemeris.state("earth", et, "ssb"), rolls or {}, ephemeris)


def _position_angle(a: np.ndarray, b: np.ndarray) -> float:
    """Position angle of b from a, degrees east of north (Meeus, Astronomical Algorithms, chapter 48)."""
    (_, ra1, dec1), (_, ra2, dec2) = spice.recrad(a), spice.recrad(b)
    d = ra2 - ra1
    y = np.cos(dec2) * np.sin(d)
    return float(np.degrees(np.arctan2(y, np.sin(dec2) * np.cos(dec1) - np.cos(dec2) * np.sin(dec1) * np.cos(d))))


@pytest.mark.parametrize("body", ["earth", "moon"])
def test_apparent_place_is_spice_s(ephemeris: Ephemeris, body: str) -> None:
    view = _view(ephemeris)
    vector, _ = view.light_time(body)
    truth = spice.stelab(vector, view.state_from_ssb[3:])
    assert spice.vsep(view.toward(body), truth) * 206265.0 < APPARENT_ARCSEC


def test_limb_angle(ephemeris: Ephemeris) -> None:
    view = _view(ephemeris)
    earth, moon, sun = (view.toward(body) for body in ("earth", "moon", "sun"))
    # Clockwise in the picture is from east to north: the other way round than position angles.
    truth = -(_position_angle(earth, sun) - _position_angle(earth, moon))
    fact = LimbAngle(at="x", sigma=1.0, body="earth", other="moon", lit="earth", angle_deg=truth)
    assert abs(fact.difference(view)[0]) < ANGLE_DEG


@pytest.mark.parametrize("roll_deg", [0.0, 35.0, -120.0])
def test_offset_turns_with_the_roll(ephemeris: Ephemeris, roll_deg: float) -> None:
    view = _view(ephemeris, {"photo": np.radians(roll_deg)})
    fact = DiscOffset(at="x", sigma=1.0, body="earth", other="moon", x=0.0, y=0.0, roll="photo")
    x, y = fact.computed(view)
    # Position angle in the picture, counterclockwise from up, plus the position angle of up.
    seen = np.degrees(np.arctan2(-x, -y)) + roll_deg
    assert (seen - _position_angle(view.toward("earth"), view.toward("moon")) + 180.0) % 360.0 - 180.0 == pytest.approx(
        0.0, abs=1e-6
    )


def test_landmarks(ephemeris: Ephemeris) -> None:
    view = _view(ephemeris, {"photo": 0.0})
    vector, tau = view.light_time("earth")
    x, y, z = ephemeris.rotation("earth", view.et - tau) @ -vector
    lat, lon = np.degrees([np.arctan2(z, np.hypot(x, y)), np.arctan2(y, x)])
    below = Landmark(at="x", sigma=1.0, body="earth", lat_deg=lat, lon_deg=lon, x=0, y=0, roll="photo")
    assert below.computed(view) == pytest.approx([0.0, 0.0], abs=1e-4)
    north = Landmark(at="x", sigma=1.0, body="earth", lat_deg=90.0, lon_deg=0.0, x=0, y=0, roll="photo")
    place = north.computed(view)
    # The pole is up and foreshortened by the sub-spacecraft latitude; 1 % for the perspective.
    assert place[1] == pytest.approx(-np.cos(np.radians(lat)), rel=0.01)
    assert abs(place[0]) < 0.01
