"""Elements, axes and dates against SPICE."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy as spice

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import GM_KM3_S2
from terraluna.errors import InputError
from terraluna.trajectory.elements import (
    KeplerianElements,
    earth_fixed_to_j2000,
    ecliptic_to_j2000,
    et_of_jd_tdb,
    true_anomaly,
)

RELATIVE = 1e-12  # two solutions of Kepler's equation in double precision
GM = GM_KM3_S2["moon"]


@pytest.mark.parametrize("e", [0.0, 0.1, 0.69, 0.97, 1.3, 4.0])
@pytest.mark.parametrize("mean", [-3.0, -0.4, 0.0, 0.02, 1.7, 3.1])
def test_state_equals_spice_conics(e: float, mean: float) -> None:
    a = 8944.73 if e < 1.0 else -8944.73
    found = KeplerianElements(a, e, 0.44, 4.8, 3.2, mean).state(GM)
    truth = spice.conics([a * (1.0 - e), e, 0.44, 4.8, 3.2, mean, 0.0, GM], 0.0)
    assert np.abs(found - truth)[:3].max() < RELATIVE * np.linalg.norm(truth[:3]) * 10
    assert np.abs(found - truth)[3:].max() < RELATIVE * np.linalg.norm(truth[3:]) * 10


def test_true_anomaly_given_directly() -> None:
    mean = KeplerianElements(8704.163, 0.690187, 0.7, 1.2, 1.1, 2.0).state()
    true = KeplerianElements(8704.163, 0.690187, 0.7, 1.2, 1.1, true_anomaly(2.0, 0.690187), "true").state()
    assert mean == pytest.approx(true, rel=RELATIVE)


@pytest.mark.parametrize(("a", "e"), [(-1.0, 0.5), (1.0, 1.5), (1.0, 1.0), (1.0, -0.1), (0.0, 0.0)])
def test_no_orbit_is_refused(a: float, e: float) -> None:
    with pytest.raises(InputError, match="no ellipse"):
        KeplerianElements(a, e, 0.1, 0.1, 0.1, 0.1).state()


def test_a_nan_element_is_refused() -> None:
    with pytest.raises(InputError, match="six finite numbers"):
        KeplerianElements.from_degrees([1.0, np.nan, 0, 0, 0, 0])


def test_beyond_the_asymptote_is_refused() -> None:
    with pytest.raises(InputError, match="asymptote"):
        KeplerianElements(-9000.0, 1.5, 0.1, 0.1, 0.1, 3.0, "true").state()


def test_earth_fixed_equals_sxform(ephemeris: Ephemeris) -> None:
    et = ephemeris.et("2019-01-29T08:00:00")
    fixed = np.array([378156.3662, -74553.31496, -100651.6548, -5.501538, -26.511569, -0.395207])
    truth = spice.sxform("ITRF93", "J2000", et) @ fixed
    assert earth_fixed_to_j2000(fixed, et, ephemeris) == pytest.approx(truth, rel=1e-11)


def test_ecliptic_equals_spice(ephemeris: Ephemeris) -> None:
    state = np.array([1.5e8, -1.0e7, 6.2e5, 6.8, 38.9, 0.7])
    truth = spice.sxform("ECLIPJ2000", "J2000", 0.0) @ state
    assert ecliptic_to_j2000(state) == pytest.approx(truth, rel=1e-14)
    assert ecliptic_to_j2000(np.stack([state, 2 * state]))[1] == pytest.approx(2 * truth, rel=1e-14)


def test_julian_date_as_text_keeps_its_digits() -> None:
    assert et_of_jd_tdb("2451545.000000000001") == pytest.approx(8.64e-8, rel=1e-12)
    assert et_of_jd_tdb(2451546.0) == 86400.0
    for bad in ("today", "nan", ""):
        with pytest.raises(InputError, match="Julian date"):
            et_of_jd_tdb(bad)
