"""Earthlight on the Moon against published albedos and the phase integral."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from terraluna.photometry.band import Band
from terraluna.photometry.earthshine import (
    earth_geometric_albedo,
    earth_phase_function,
    earthshine_band_ratio,
    earthshine_ratio,
)


def test_albedos_are_published() -> None:
    assert earth_geometric_albedo([441.0, 551.0, 659.0]) == pytest.approx([0.277, 0.226, 0.221], abs=1e-12)


def test_visual_albedo_of_robinson() -> None:
    # 0.242 +0.005/-0.004 over 0.4-0.7 um, sunlight weighted.
    band = Band.boxcar("visual", 550.0, 300.0)
    assert band.mean(earth_geometric_albedo(band.wavelength_nm)) == pytest.approx(0.242, abs=0.008)


def test_phase_integral_and_spherical_albedo() -> None:
    q = 2.0 * quad(lambda a: earth_phase_function(a) * math.sin(a), 0.0, math.pi)[0]
    assert q == pytest.approx(1.22, abs=1e-4)
    # Robinson 2025: spherical albedo 0.294 +- 0.002 = 1.22 x 0.242.
    assert q * 0.242 == pytest.approx(0.294, abs=0.002)


def test_phase_function_falls() -> None:
    values = np.array([earth_phase_function(a) for a in np.radians(np.arange(3.0, 180.0))])
    assert earth_phase_function(0.0) == 1.0
    assert np.all(np.diff(values) < 0.0)
    # Robinson: fainter than a Lambert sphere around quadrature for its zero-phase level (q 1.22 against 1.5).
    assert earth_phase_function(math.pi / 2) < 1.0 / math.pi


def test_full_earth_seen_from_the_moon() -> None:
    # V of the full Earth at mean distance: -16.9 with the superseded albedo 0.434, so 0.226 gives 0.7 mag less.
    ratio = earthshine_ratio(551.0, 0.0, 384400.0)
    assert -26.76 - 2.5 * math.log10(ratio) == pytest.approx(-16.9 + 2.5 * math.log10(0.434 / 0.226), abs=0.1)
    assert earthshine_ratio(551.0, 0.0, 768800.0) == pytest.approx(ratio / 4.0, rel=1e-12)
    assert earthshine_band_ratio(Band.gaussian("v", 551.0, 5.0), 0.0, 384400.0) == pytest.approx(ratio, rel=0.01)
