"""The colour fringes of DSCOVR's transit against the published still."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from terraluna.ephemeris import Ephemeris
from terraluna.instrument.detector import DetectorEffects
from terraluna.instrument.sequence import simulate_sequence
from terraluna.instrument.simulate import SimulationOptions
from terraluna.missions.view import MissionView
from terraluna.render.materials_basic import UniformMaterial

# The Moon in the still of 800 px: centre and radius, read off its limb to 1 px.
STILL = (241.0, 499.5, 113.0)
# Where bright clouds stand behind the right limb, deg from +x toward +y.
ANGLES_DEG = (-40.0, -30.0, -20.0)


def edges(picture: NDArray[np.float64], x: float, y: float, radius: float, scale: float) -> NDArray[np.float64]:
    """Mean radius (3,) at which red, green and blue rise from the Moon to the Earth, px of the picture."""
    out = []
    for angle in np.radians(ANGLES_DEG):
        r = np.linspace(radius - 8.0 * scale, radius + 8.0 * scale, 321)
        row = []
        for c in range(3):
            q = map_coordinates(picture[:, :, c], [y + r * np.sin(angle), x + r * np.cos(angle)], order=1)
            row.append(r[np.argmax(q > 0.5 * (q[:50].mean() + q[-50:].mean()))])
        out.append(row)
    return np.asarray(np.mean(out, axis=0))


def test_fringes_as_published(ephemeris: Ephemeris, test_data: Path) -> None:
    from PIL import Image

    with Image.open(test_data / "published" / "dscovr_transit_20150716_still.jpg") as image:
        still = np.asarray(image.convert("RGB")).astype(float)
    view = MissionView.open("dscovr", ephemeris)
    options = SimulationOptions(
        materials={"earth": UniformMaterial(0.8), "moon": UniformMaterial(0.1)},
        stars=False,
        effects=DetectorEffects.none(),
    )
    scene = view.scene(view.portrait_et)
    moon = scene.pixels("moon")
    assert moon is not None
    tile = (int(moon.x) + 150, int(moon.y) - 230, 180, 180)
    result = simulate_sequence(view.scene, view.portrait_et, view.camera, options=options, tile=tile)
    ours = edges(result.composite(), moon.x - tile[0], moon.y - tile[1], moon.limb.radius, 2.0)
    theirs = edges(still, *STILL, 1.0) * moon.limb.radius / STILL[2]
    # Green's Moon ends first: a green fringe on the right. How far depends on the clouds behind (3 to 5 px).
    for found in (ours, theirs):
        assert found[1] < found[0]
        assert found[1] < found[2]
    # The caption's order, red first and green last, gives the opposite.
    steps = [dataclasses.replace(s, start_s=30.0 - s.start_s) for s in result.steps]
    other = simulate_sequence(view.scene, view.portrait_et, view.camera, steps, options=options, tile=tile)
    wrong = edges(other.composite(), moon.x - tile[0], moon.y - tile[1], moon.limb.radius, 2.0)
    assert wrong[1] > wrong[0]
    assert wrong[1] > wrong[2]
