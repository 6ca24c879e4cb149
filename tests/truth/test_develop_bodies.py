"""Registration per body on simulated filter sequences, against the geometry that SPICE gives the simulated camera."""

from __future__ import annotations

import numpy as np
import pytest

import sequences
from terraluna.develop.develop import develop
from terraluna.develop.developed import Developed
from terraluna.develop.options import DevelopOptions
from terraluna.develop.register import Motion, turn_fields
from terraluna.ephemeris import Ephemeris

RESIDUAL_PX = 0.1
"""The requirement: no colour fringe that a pixel of a tenth shows."""

FRAME_PX = 1.0
"""The requirement: what a registration of the whole frame leaves on the Moon is more than this."""

CASES = {
    # mission, labels, seconds between bands, roll between bands (deg), drift (px), binning
    "voyager": ("voyager-1", ("VOYAGER 1", "ISS NARROW ANGLE"), 144.0, 0.05, (2.3, -1.1), 1),
    "mapcam": ("osiris-rex", ("OSIRIS-REX", "MAPCAM"), 60.0, 0.1, (1.7, 2.4), 1),
    "epic": ("dscovr", ("DSCOVR", "EPIC"), 30.0, 0.01, (0.8, -0.6), 2),
}


@pytest.fixture(scope="module", params=list(CASES))
def sequence(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ephemeris: Ephemeris):  # type: ignore[no-untyped-def]
    case = CASES[request.param]
    made = sequences.simulate(tmp_path_factory.mktemp(request.param), ephemeris, *case)
    return made, develop(made.files, DevelopOptions(mission=case[0]), ephemeris=ephemeris)


def _errors(made, picture: Developed):  # type: ignore[no-untyped-def]
    """(band, body, mean vector error of the registered places, what the frame as a whole leaves), px."""
    camera = made.scenes[0].camera
    index = {item.name: "rgb".index(channel) for channel, item in camera.colour_filters().items()}
    for band in picture.report["registration"]["bands"]:
        for name, entry in band["bodies"].items():
            here, there = sequences.surface_motion(made.scenes[1], made.scenes[index[band["band"]]], name)
            motion = Motion(name, *entry["shift_px"], tuple(entry["turn_rad"]), 0.0, 0, "")
            fx, fy = turn_fields(picture.discs[name], here[:, 0], here[:, 1])
            found = here + np.column_stack([motion.dx + fx @ motion.turn, motion.dy + fy @ motion.turn])
            mean = (there - here).mean(axis=0) - np.array(band["frame_shift_px"])
            yield band["band"], name, np.hypot(*(found - there).T), float(np.hypot(*mean)), entry


def test_each_body_is_registered(sequence) -> None:  # type: ignore[no-untyped-def]
    rows = list(_errors(*sequence))
    assert len(rows) == 4
    for band, name, error, _, entry in rows:
        assert float(np.sqrt(np.mean(error**2))) < RESIDUAL_PX, (band, name)
        assert float(np.hypot(*entry["residual_px"])) < RESIDUAL_PX, (band, name)


def test_the_whole_frame_cannot_hold_the_moon(sequence) -> None:  # type: ignore[no-untyped-def]
    for band, name, _, left, _ in _errors(*sequence):
        if name == "moon":
            assert left > FRAME_PX, band


@pytest.mark.parametrize("sequence", ["voyager"], indirect=True)
def test_no_fringe_at_the_limbs(sequence) -> None:  # type: ignore[no-untyped-def]
    """Red over blue in a ring about the Moon's lit limb varies less around it than with the frame as a whole."""
    made, picture = sequence
    whole = develop(made.files, DevelopOptions(mission=_mission(made), register="frame"))
    moon = picture.discs["moon"]
    scatter = []
    for image in (picture.image, whole.image):
        shape = image.shape[:2]
        ring = (np.abs(moon.distance(shape)) < 1.5) & (image.min(axis=2) > 0.2 * image[moon.mask(shape)].max())
        scatter.append(float(np.std(np.log(image[ring][:, 0] / image[ring][:, 2]))))
    assert scatter[0] < 0.5 * scatter[1]


def _mission(made) -> str:  # type: ignore[no-untyped-def]
    return str(made.files[0].name.rsplit("_", 1)[0])
