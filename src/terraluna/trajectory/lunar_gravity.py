"""The Moon's gravity field and the rotation that carries it.

The coefficients belong to the principal axes (PA). The rotation is the IAU series (mean-Earth axes, ME; Archinal et al.
2011, read from the text kernel) followed by the constant turn from ME to PA. The series is within 16 arcsec of the
ephemeris' own libration: on J2 that is an error of 8e-5 of an already small term.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import spiceypy as spice
from numba import njit

from terraluna.ephemeris.segments import Floats
from terraluna.errors import InputError

PA_FROM_ME_ARCSEC: Final = (67.92, 78.56, 0.30)
"""Turns about z, y and x from the mean-Earth to the principal axes of DE421, arcsec (Folkner, Williams & Boggs 2009,
IPN Progress Report 42-178). DE440 has 67.8526, 78.6944, 0.2785 (Park et al. 2021)."""

MAX_DEGREE: Final = 10


@dataclass(frozen=True)
class GravityField:
    """Unnormalised coefficients of a gravity field: ``c`` and ``s`` (n + 1, n + 1), without the central term."""

    model: str
    radius_km: float
    c: Floats
    s: Floats


@cache
def gravity_field(model: str = "GRGM900C", degree: int = MAX_DEGREE) -> GravityField:
    """The Moon's field to ``degree`` and order (0 gives none); InputError for an unknown model or degree."""
    if not 0 <= degree <= MAX_DEGREE or degree == 1:
        raise InputError(f"lunar_degree = {degree}: use 0 for a point mass, or 2 to {MAX_DEGREE}")
    text = files("terraluna").joinpath("data/lunar_gravity.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    chosen = [row for row in rows if row["model"] == model]
    if not chosen:
        known = ", ".join(sorted({row["model"] for row in rows}))
        raise InputError(f"lunar_model = {model!r}: the models are {known}")
    c = np.zeros((degree + 1, degree + 1))
    s = np.zeros((degree + 1, degree + 1))
    for row in chosen:
        n, m = int(row["n"]), int(row["m"])
        if n <= degree:
            factor = math.sqrt((2 - (m == 0)) * (2 * n + 1) * math.factorial(n - m) / math.factorial(n + m))
            c[n, m] = factor * float(row["Cbar_fully_normalised"])
            s[n, m] = factor * float(row["Sbar_fully_normalised"])
    return GravityField(model, float(chosen[0]["R_ref_m"]) / 1000.0, c, s)


@njit(cache=True)
def spherical_harmonics(x, y, z, gm, radius, c, s, v, w):  # type: ignore[no-untyped-def]
    """Acceleration of a field's terms, by Cunningham's recursion (Montenbruck & Gill 2000, equations 3.27 to 3.33).

    Free of the pole's singularity; unnormalised functions are safe to degree 10.

    Args:
        x: position in the body-fixed principal axes, km; so ``y`` and ``z``.
        gm: gravitational parameter, km^3/s^2.
        radius: reference radius, km.
        c: unnormalised cosine coefficients (n + 1, n + 1); so the sine coefficients ``s``.
        v: workspace (n + 2, n + 2); so ``w``.

    Returns:
        Three components in the body-fixed axes, km/s^2.
    """
    degree = c.shape[0] - 1
    r2 = x * x + y * y + z * z
    rho = radius * radius / r2
    x0, y0, z0 = radius * x / r2, radius * y / r2, radius * z / r2
    v[0, 0] = radius / math.sqrt(r2)
    w[0, 0] = 0.0
    for m in range(degree + 2):
        if m > 0:
            v[m, m] = (2 * m - 1) * (x0 * v[m - 1, m - 1] - y0 * w[m - 1, m - 1])
            w[m, m] = (2 * m - 1) * (x0 * w[m - 1, m - 1] + y0 * v[m - 1, m - 1])
        for n in range(m + 1, degree + 2):
            v[n, m] = (2 * n - 1) * z0 * v[n - 1, m] / (n - m)
            w[n, m] = (2 * n - 1) * z0 * w[n - 1, m] / (n - m)
            if n > m + 1:
                v[n, m] -= (n + m - 1) * rho * v[n - 2, m] / (n - m)
                w[n, m] -= (n + m - 1) * rho * w[n - 2, m] / (n - m)
    ax = ay = az = 0.0
    for n in range(2, degree + 1):
        ax -= c[n, 0] * v[n + 1, 1]
        ay -= c[n, 0] * w[n + 1, 1]
        az -= (n + 1) * c[n, 0] * v[n + 1, 0]
        for m in range(1, n + 1):
            f = (n - m + 2) * (n - m + 1)
            ax += 0.5 * (-c[n, m] * v[n + 1, m + 1] - s[n, m] * w[n + 1, m + 1])
            ax += 0.5 * f * (c[n, m] * v[n + 1, m - 1] + s[n, m] * w[n + 1, m - 1])
            ay += 0.5 * (-c[n, m] * w[n + 1, m + 1] + s[n, m] * v[n + 1, m + 1])
            ay += 0.5 * f * (-c[n, m] * w[n + 1, m - 1] + s[n, m] * v[n + 1, m - 1])
            az -= (n - m + 1) * (c[n, m] * v[n + 1, m] + s[n, m] * w[n + 1, m])
    k = gm / (radius * radius)
    return k * ax, k * ay, k * az


@dataclass(frozen=True)
class LunarRotation:
    """The IAU series of the Moon's rotation, in radians, ready for :func:`lunar_rotation`.

    Attributes:
        pole: (3, 3) coefficients of right ascension, declination (per century) and prime meridian (per day).
        angles: (k, 2) arguments: value at J2000 and rate per century.
        terms: (3, k) amplitudes of right ascension (sine), declination (cosine) and meridian (sine).
        body: (3, 3) constant turn from the series' mean-Earth axes to the axes wanted.
    """

    pole: Floats
    angles: Floats
    terms: Floats
    body: Floats

    @classmethod
    def from_pool(cls, *, principal: bool = True) -> LunarRotation:
        """The series of the loaded text kernel; ``principal`` adds the turn to the principal axes."""
        pole = np.zeros((3, 3))
        for i, item in enumerate(("POLE_RA", "POLE_DEC", "PM")):
            values = np.radians(_pool_values(301, item))
            pole[i, : values.size] = values
        angles = np.radians(_pool_values(3, "NUT_PREC_ANGLES")).reshape(-1, 2)
        terms = np.zeros((3, angles.shape[0]))
        for i, item in enumerate(("NUT_PREC_RA", "NUT_PREC_DEC", "NUT_PREC_PM")):
            values = np.radians(_pool_values(301, item))
            terms[i, : values.size] = values
        body = np.eye(3)
        if principal:
            z, y, x = np.radians(np.array(PA_FROM_ME_ARCSEC) / 3600.0)
            body = spice.rotate(z, 3) @ spice.rotate(y, 2) @ spice.rotate(x, 1)
        return cls(pole, angles, terms, np.ascontiguousarray(body))

    def matrix(self, et: float) -> Floats:
        """Rotation (3, 3) from J2000 to the body-fixed axes at ``et``."""
        out = np.empty((3, 3))
        lunar_rotation(et, self.pole, self.angles, self.terms, self.body, out)
        return out


def _pool_values(body: int, item: str) -> Floats:
    count, values = spice.bodvcd(body, item, 100)
    return np.asarray(values, dtype=np.float64)[:count]


@njit(cache=True)
def lunar_rotation(et, pole, angles, terms, body, out):  # type: ignore[no-untyped-def]
    """Rotation J2000 to body-fixed at ``et`` into ``out`` (3, 3); arguments as the fields of :class:`LunarRotation`."""
    days = et / 86400.0
    centuries = days / 36525.0
    ra = pole[0, 0] + centuries * (pole[0, 1] + centuries * pole[0, 2])
    dec = pole[1, 0] + centuries * (pole[1, 1] + centuries * pole[1, 2])
    pm = pole[2, 0] + days * (pole[2, 1] + days * pole[2, 2])
    for i in range(angles.shape[0]):
        theta = angles[i, 0] + angles[i, 1] * centuries
        sine = math.sin(theta)
        ra += terms[0, i] * sine
        dec += terms[1, i] * math.cos(theta)
        pm += terms[2, i] * sine
    # R3(pm) R1(90 - dec) R3(90 + ra), written out.
    ca, sa = -math.sin(ra), math.cos(ra)
    cd, sd = math.sin(dec), math.cos(dec)
    cw, sw = math.cos(pm), math.sin(pm)
    m00, m01, m02 = cw * ca - sw * cd * sa, cw * sa + sw * cd * ca, sw * sd
    m10, m11, m12 = -sw * ca - cw * cd * sa, -sw * sa + cw * cd * ca, cw * sd
    m20, m21, m22 = sd * sa, -sd * ca, cd
    for i in range(3):
        out[i, 0] = body[i, 0] * m00 + body[i, 1] * m10 + body[i, 2] * m20
        out[i, 1] = body[i, 0] * m01 + body[i, 1] * m11 + body[i, 2] * m21
        out[i, 2] = body[i, 0] * m02 + body[i, 1] * m12 + body[i, 2] * m22
