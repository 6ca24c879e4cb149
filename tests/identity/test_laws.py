"""Conservation of energy, reciprocity and limits of the reflectance laws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from terraluna.photometry.discs import hemispherical_albedo
from terraluna.photometry.hapke import moon_parameters
from terraluna.photometry.laws import Law, evaluate, hapke, lunar_lambert_weight, roughness

SMOOTH = np.array([0.3, 0.23, 0.35, 1.8, 0.06, 0.0])
ROUGH = np.array([0.3, 0.23, 0.35, 1.8, 0.06, math.radians(23.6566)])
# Reciprocity is exact in the law; float64 leaves rounding only.
RECIPROCITY = 1e-12


def geometries(count: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    mu0, mu, psi = rng.random(count), rng.random(count), math.pi * rng.random(count)
    sines = np.sqrt((1.0 - mu0**2) * (1.0 - mu**2))
    return np.column_stack([mu0, mu, np.arccos(np.clip(mu0 * mu + sines * np.cos(psi), -1.0, 1.0))])


def test_hapke_is_reciprocal() -> None:
    for mu0, mu, g in geometries(2000):
        forth = hapke(ROUGH, mu0, mu, g) / mu0
        back = hapke(ROUGH, mu, mu0, g) / mu
        assert forth == pytest.approx(back, rel=RECIPROCITY)


@pytest.mark.parametrize("nm", [415.0, 643.0, 900.0, 1200.0])
def test_no_place_on_the_moon_returns_more_than_it_gets(nm: float) -> None:
    maps = moon_parameters(nm)
    flat = maps.parameters.reshape(-1, 5)
    extremes = {int(pick(flat[:, column])) for column in range(5) for pick in (np.argmax, np.argmin)}
    for index in extremes:
        params = np.append(flat[index], maps.theta_rad)
        for mu0 in (0.02, 0.3, 1.0):
            assert 0.0 < hemispherical_albedo(Law.HAPKE, params, mu0) < 1.0


def test_lambert_returns_its_albedo() -> None:
    assert hemispherical_albedo(Law.LAMBERT, np.array([0.4]), 0.6) == pytest.approx(0.4, rel=1e-9)


def test_roughness_vanishes_and_only_darkens_oblique_views() -> None:
    assert roughness(0.7, 0.4, 0.9, 0.0) == (0.7, 0.4, 1.0)
    mu0e, mue, shadow = roughness(0.7, 0.4, 0.9, 1e-4)
    assert (mu0e, mue, shadow) == pytest.approx((0.7, 0.4, 1.0), abs=1e-6)
    # Seen from the Sun no shadow shows: backward reflectance of a rough surface at normal incidence changes little.
    assert hapke(ROUGH, 1.0, 1.0, 0.0) == pytest.approx(hapke(SMOOTH, 1.0, 1.0, 0.0), rel=0.02)
    assert hapke(ROUGH, 0.1, 0.9, 1.5) < hapke(SMOOTH, 0.1, 0.9, 1.5)


def test_roughness_is_continuous_where_its_two_branches_meet() -> None:
    for psi in np.linspace(0.0, math.pi, 25):
        mu = 0.55
        g = math.acos(max(-1.0, min(1.0, mu * mu + (1.0 - mu * mu) * math.cos(psi))))
        below, above = hapke(ROUGH, mu - 1e-9, mu, g), hapke(ROUGH, mu + 1e-9, mu, g)
        assert below == pytest.approx(above, rel=1e-6)


@pytest.mark.parametrize("law", list(Law))
def test_dark_and_hidden_surfaces_are_black(law: Law) -> None:
    assert evaluate(int(law), ROUGH, 0.0, 0.5, 1.0) == 0.0
    assert evaluate(int(law), ROUGH, -0.2, 0.5, 1.0) == 0.0
    assert evaluate(int(law), ROUGH, 0.5, -0.1, 1.0) == 0.0


@pytest.mark.parametrize("law", list(Law))
def test_every_geometry_is_finite_and_not_negative(law: Law) -> None:
    corners = [(a, b, g) for a in (1e-12, 1e-4, 1.0) for b in (1e-12, 1e-4, 1.0) for g in (0.0, 1.0, math.pi)]
    for mu0, mu, g in [*corners, *geometries(500)]:
        value = evaluate(int(law), ROUGH, mu0, mu, g)
        assert math.isfinite(value)
        assert value >= 0.0


def test_no_surge_where_its_width_is_zero() -> None:
    narrow = ROUGH.copy()
    narrow[4] = 0.0
    without = ROUGH.copy()
    without[3] = 0.0
    assert hapke(narrow, 0.8, 0.8, 0.3) == hapke(without, 0.8, 0.8, 0.3)


def test_lunar_lambert_between_its_parents() -> None:
    assert lunar_lambert_weight(0.0) == 1.0
    # McEwen's cubic: 0.416 at 60 deg.
    assert lunar_lambert_weight(math.radians(60.0)) == pytest.approx(0.41584, abs=1e-9)
    assert 0.0 <= lunar_lambert_weight(math.radians(170.0)) <= 1.0
    one = np.array([1.0])
    weight = lunar_lambert_weight(0.5)
    parts = weight * evaluate(1, one, 0.6, 0.7, 0.5) + (1.0 - weight) * evaluate(0, one, 0.6, 0.7, 0.5)
    assert evaluate(2, one, 0.6, 0.7, 0.5) == pytest.approx(parts, rel=1e-12)


def test_unknown_law_is_nan() -> None:
    assert math.isnan(evaluate(9, ROUGH, 0.5, 0.5, 0.5))
