"""The Sun's direction and phase from the lit part of a disc, and the profile of a crescent's limb."""

from __future__ import annotations

import numpy as np
import pytest

import render_scenes as scenes
from terraluna.camera.psf import Psf
from terraluna.opnav.measure.lit import Light, light_of, lit_tables
from terraluna.opnav.measure.picture import prepare
from terraluna.opnav.measure.profile import TABLE_GRID, profile_table
from terraluna.opnav.measure.shapes import CircleLimb, polar_of
from terraluna.opnav.measure.types import MeasureOptions
from terraluna.render.frame import render_frame
from terraluna.render.materials_basic import UniformMaterial

RADIUS = 30.0


@pytest.mark.parametrize("phase", [85.0, 105.0, 130.0])
def test_direction_and_phase_of_a_sphere(phase: float) -> None:
    camera = scenes.pinhole(120, 120, 2000.0)
    distance = scenes.MOON_KM / np.sin(np.arctan(RADIUS / 2000.0))
    body = scenes.body(
        "moon",
        [0.0, 0.0, distance],
        phase_rad=np.radians(phase),
        material=UniformMaterial(0.1, "lommel-seeliger"),
        roll=1.2,
    )
    image = render_frame(camera, [body], psf=Psf(sigma_px=0.8), oversample=3, bands_nm=(550.0,)).image.mean(axis=2)
    image = 100.0 * image / image.max() + 10.0 + np.random.default_rng(1).normal(0.0, 0.5, image.shape)
    light = light_of(prepare(image, None, MeasureOptions()), polar_of(CircleLimb(camera.cx, camera.cy, RADIUS)))
    assert light is not None
    x, y = body.sun_direction[:2]
    off = np.degrees(light.sun_rad - np.arctan2(y, x))
    assert abs((off + 180.0) % 360.0 - 180.0) < 2.0
    assert -2.0 < np.degrees(light.phase_rad) - phase < 6.0


def test_a_cut_or_full_disc_tells_nothing() -> None:
    y, x = np.mgrid[:120, :120]
    image = np.where(np.hypot(x - 60.0, y - 60.0) < RADIUS, 100.0, 10.0)
    picture = prepare(image + np.random.default_rng(1).normal(0.0, 0.5, image.shape), None, MeasureOptions())
    assert light_of(picture, polar_of(CircleLimb(60.0, 60.0, RADIUS))) is None
    assert light_of(picture, polar_of(CircleLimb(20.0, 60.0, RADIUS))) is None


def test_tables_are_dark_at_night_and_plain_far_from_the_terminator() -> None:
    light = Light(0.0, np.radians(130.0))
    tables = lit_tables(RADIUS, 0.85, 0.0, light.phase_rad)
    sunward, cusp, night = tables[light.which(np.radians([0.0, 76.0, 180.0]))]
    assert not night.any()
    # On the terminator the cotangent of the emission angle is cos(polar angle) tan(180 deg - phase).
    sine = 1.0 / np.hypot(1.0, np.cos(np.radians(76.0)) * np.tan(np.pi - light.phase_rad))
    depth = RADIUS * (1.0 - sine)
    assert cusp[0][depth + 4.0 < TABLE_GRID].max() < 0.01
    # The slope of a table is that of its values.
    # As deep as pixels are used.
    used = np.flatnonzero(TABLE_GRID < 7.0)[5:]
    assert np.gradient(sunward[0], TABLE_GRID)[used] == pytest.approx(sunward[1][used], abs=5e-3)
    # A large disc lit from behind the observer: hardly any fall-off within a blur of the limb.
    full = lit_tables(3000.0, 0.85, 0.0, np.radians(40.0))[0, 0]
    plain = profile_table(3000.0, 0.85)[0]
    near = np.abs(TABLE_GRID) < 2.0
    assert (full / full[near].max())[near] == pytest.approx((plain / plain[near].max())[near], abs=0.03)
