"""The Moon's field against its potential by scipy's spherical harmonics, and its rotation against SPICE."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np
import pytest
import spiceypy as spice
from scipy.special import sph_harm_y

from terraluna.ephemeris import Ephemeris
from terraluna.trajectory.lunar_gravity import LunarRotation, gravity_field, spherical_harmonics

GM = 4902.800118
RELATIVE = 1e-7  # central differences of the potential with a 20 m step
ROTATION = 1e-12  # the same series in double precision
ARCSEC = np.pi / 180.0 / 3600.0


def _potential(place: np.ndarray, model: str) -> float:
    """Non-central potential, km^2/s^2: fully normalised real harmonics made of scipy's complex ones."""
    r = float(np.linalg.norm(place))
    theta, phi = np.arccos(place[2] / r), np.arctan2(place[1], place[0])
    total = 0.0
    text = files("terraluna").joinpath("data/lunar_gravity.csv").read_text()
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        if row["model"] == model:
            n, m = int(row["n"]), int(row["m"])
            y = sph_harm_y(n, m, theta, phi) * (-1) ** m * np.sqrt(4 * np.pi * (2 if m else 1))
            c, s = float(row["Cbar_fully_normalised"]), float(row["Sbar_fully_normalised"])
            total += (1738.0 / r) ** n * (c * y.real + s * y.imag)
    return GM / r * total


@pytest.mark.parametrize(
    "place", [(1850.0, 120.0, -340.0), (-900.0, 1700.0, 800.0), (10.0, -5.0, 1900.0), (-4000.0, 100.0, 1.0)]
)
@pytest.mark.parametrize("model", ["GRGM900C", "LP165P"])
def test_acceleration_is_the_gradient_of_the_potential(place: tuple[float, float, float], model: str) -> None:
    field = gravity_field(model, 10)
    work = np.zeros((2, 12, 12))
    found = np.array(spherical_harmonics(*place, GM, field.radius_km, field.c, field.s, work[0], work[1]))
    step = 0.02
    truth = [
        (_potential(np.array(place) + h, model) - _potential(np.array(place) - h, model)) / (2 * step)
        for h in step * np.eye(3)
    ]
    assert np.linalg.norm(found - truth) < RELATIVE * np.linalg.norm(truth)


def test_published_unnormalised_coefficients() -> None:
    field = gravity_field("GRGM900C", 10)
    assert -field.c[2, 0] == pytest.approx(2.032287e-4, rel=1e-6)
    assert field.c[2, 2] == pytest.approx(2.238154e-5, rel=1e-6)
    assert field.c[3, 1] == pytest.approx(2.84807e-5, rel=1e-5)


@pytest.mark.parametrize("utc", ["1977-09-18T19:24:00", "2019-02-03T15:00:00", "2030-06-01T00:00:00"])
def test_rotation_is_spice_s(ephemeris: Ephemeris, utc: str) -> None:
    et = ephemeris.et(utc)
    mean_earth = LunarRotation.from_pool(principal=False).matrix(et)
    assert np.abs(mean_earth - spice.pxform("J2000", "IAU_MOON", et)).max() < ROTATION
    # The principal axes are turned by 67.92, 78.56 and 0.30 arcsec (DE421): 103.8 arcsec in all.
    turn = LunarRotation.from_pool().matrix(et) @ mean_earth.T
    assert np.arccos((np.trace(turn) - 1.0) / 2.0) == pytest.approx(103.8 * ARCSEC, rel=2e-3)
    # The direction to the Earth's mean place lies east of the long axis in these axes (Folkner et al. 2009).
    assert turn[0, 1] == pytest.approx(67.92 * ARCSEC, rel=1e-3)
