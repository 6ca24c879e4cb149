"""Whole frames: scene to numbers, tiles, sequences, exposure predictions, refusals."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest

from terraluna.camera import load_camera, look
from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import AU_KM
from terraluna.errors import InputError, RefusedError
from terraluna.instrument.cut import cut_camera, finer_camera
from terraluna.instrument.detector import DetectorEffects
from terraluna.instrument.exposure import auto_exposure, body_exposure, signal_to_noise
from terraluna.instrument.sequence import WheelStep, simulate_sequence
from terraluna.instrument.simulate import (
    SimulatedFrame,
    SimulationOptions,
    estimate_memory_bytes,
    simulate,
    tiles_of,
)
from terraluna.missions.view import MissionView
from terraluna.render.materials_basic import UniformMaterial
from terraluna.scene import Observer, Scene, build_scene

ALBEDO = {"earth": UniformMaterial(0.4), "moon": UniformMaterial(0.12)}
QUIET = SimulationOptions(materials=ALBEDO, stars=False, smear=None, trails=None)
# I/F at the middle of a Lambert disc: the point under the observer differs from the pixel by its slope.
MIDDLE = 0.01
# Noise of a prediction checked on some hundred pixels.
SHARE = 0.05


@pytest.fixture(scope="module")
def scene(ephemeris: Ephemeris) -> Scene:
    et = ephemeris.et("2015-07-16T04:00:00")
    sun = ephemeris.state("sun", et, "earth")
    observer = Observer.from_state(ephemeris, et, np.r_[sun[:3] * 0.0034, 0.0, 0.0, 0.0])
    sky = build_scene(ephemeris, observer, quality="ephemeris")
    camera = dataclasses.replace(load_camera("onc-t"), width=300, height=260, cx=149.5, cy=129.5)
    return dataclasses.replace(sky, camera=camera, attitude=look(sky.earth.center_j2000_km))


@pytest.fixture(scope="module")
def frame(scene: Scene) -> SimulatedFrame:
    return simulate(scene, options=QUIET, seed=4)


def test_level_of_a_lambert_earth(scene: Scene, frame: SimulatedFrame) -> None:
    assert frame.filters == ("w", "v", "b")
    assert frame.dn.shape == (260, 300, 3)
    # I/F = albedo x cos(incidence) at the sub-observer point (incidence = phase), less (1 au / Sun)^2.
    expected = 0.4 * np.cos(scene.earth.phase_rad) * (AU_KM / scene.earth.sun_range_km) ** 2
    row, column = 129, 149
    for b in range(3):
        assert frame.electrons[row, column, b] == pytest.approx(
            expected * frame.radiometry[b].electrons_s * frame.exposures_s[b], rel=MIDDLE
        )
    # Calibrating the noisy numbers gives the same I/F back in the mean.
    assert frame.iof()[row - 10 : row + 11, column - 10 : column + 11].mean() == pytest.approx(expected, rel=MIDDLE)
    assert set(frame.bodies["v"]) == {"earth"}
    assert frame.metadata["stages_ms"]["detector"] > 0.0


def test_tiles_are_parts_of_the_frame(scene: Scene, frame: SimulatedFrame) -> None:
    assert scene.camera is not None
    tiles = tiles_of(scene.camera, 160)
    assert sum(w * h for _, _, w, h in tiles) == 260 * 300
    out = np.zeros_like(frame.dn)
    for x, y, w, h in tiles:
        out[y : y + h, x : x + w] = simulate(scene, options=QUIET, seed=4, tile=(x, y, w, h)).dn
    # Rounding of the geometry may move a Poisson number by one step; hot pixels draw in their own order.
    assert (np.abs(out.astype(int) - frame.dn) > 1).mean() < 1e-3
    assert (out == frame.dn).mean() > 0.999


def test_tiles_of_a_distorted_camera_look_the_same_way() -> None:
    camera = load_camera("mapcam")
    part = cut_camera(camera, 300, 200, 100, 80)
    pixels = np.array([[0.0, 0.0], [99.0, 79.0], [40.0, 3.0]])
    assert part.unproject(pixels) == pytest.approx(camera.unproject(pixels + np.array([300.0, 200.0])), abs=1e-14)
    fine = finer_camera(camera, 2)
    assert fine.unproject((pixels + 0.5) * 2.0 - 0.5) == pytest.approx(camera.unproject(pixels), abs=1e-14)
    assert fine.field_of_view_deg == pytest.approx(camera.field_of_view_deg, abs=1e-12)
    with pytest.raises(InputError, match="outside the frame"):
        cut_camera(camera, 1000, 0, 100, 10)
    with pytest.raises(InputError, match="first pixel"):
        cut_camera(camera, -1, 0, 10, 10)


def test_seed_and_effects(scene: Scene, frame: SimulatedFrame) -> None:
    again = simulate(scene, options=QUIET, seed=np.random.SeedSequence(4))
    assert (again.dn == frame.dn).all()
    clean = simulate(scene, options=dataclasses.replace(QUIET, effects=DetectorEffects.none()), seed=4)
    gain = load_camera("onc-t").detector.gain_e_dn
    assert np.abs(clean.dn - clean.electrons / gain).max() <= 0.5 + 1e-9


def test_stars_come_through(scene: Scene) -> None:
    quiet = dataclasses.replace(QUIET, effects=DetectorEffects.none())
    dark = simulate(scene, exposures_s=10.0, options=quiet)
    starry = simulate(scene, exposures_s=10.0, options=dataclasses.replace(quiet, stars=True, faintest_v=8.0))
    # HIP 96488 (V 7.7) is the one bright enough in these two degrees.
    assert starry.points[0].name == ("HIP 96488",)
    added = (starry.rate_e_s - dark.rate_e_s)[:, :, 0]
    row, column = np.unravel_index(int(added.argmax()), added.shape)
    assert (column, row) == (round(float(starry.points[0].x[0])), round(float(starry.points[0].y[0])))
    assert starry.dn[row, column, 0] > dark.dn[row, column, 0]


def test_predictions(scene: Scene, frame: SimulatedFrame) -> None:
    detector = load_camera("onc-t").detector
    rate = frame.rate_e_s[:, :, 1]
    seconds = auto_exposure(rate, detector, percentile=99.0, target=0.5)
    lit = rate > 0.02 * rate.max()
    level = np.percentile(rate[lit], 99.0) * seconds / detector.gain_e_dn + detector.bias_dn
    assert level == pytest.approx(0.5 * (4095 - 300) + 300, rel=1e-6)
    automatic = simulate(scene, filters=["v"], exposures_s="auto", options=QUIET)
    assert automatic.exposures_s[0] == pytest.approx(auto_exposure(rate, detector), rel=1e-9)
    # Five times the exposure clips a share of the Earth, as the drawn frame shows.
    long = simulate(scene, filters=["v"], exposures_s=5.0 * automatic.exposures_s[0], options=QUIET, seed=1)
    predicted = long.bodies["v"]["earth"].clipped
    seen = long.layers.mask("earth") > 0.5
    drawn = (long.dn[:, :, 0] == 4095)[seen & (long.layers.incidence_rad < 0.5 * np.pi)].mean()
    assert 0.3 < predicted < 1.0
    assert drawn == pytest.approx(predicted, abs=SHARE)
    with pytest.raises(RefusedError, match="no light"):
        auto_exposure(np.zeros((4, 4)), detector)
    with pytest.raises(InputError, match="auto exposure"):
        auto_exposure(rate, detector, target=2.0)


def test_snr_is_what_the_noise_says(scene: Scene) -> None:
    detector = load_camera("onc-t").detector
    effects = DetectorEffects(prnu=False, hot_pixels=False, cosmic_rays=False)
    options = dataclasses.replace(QUIET, effects=effects)
    frames = [simulate(scene, filters=["v"], options=options, seed=s, tile=(120, 100, 60, 60)) for s in range(2)]
    noise = (frames[0].dn.astype(float) - frames[1].dn).std() / np.sqrt(2.0) * detector.gain_e_dn
    signal = frames[0].electrons.mean()
    snr = float(signal_to_noise(np.asarray(signal), frames[0].exposures_s[0], detector))
    assert signal / noise == pytest.approx(snr, rel=0.05)
    found = body_exposure(np.full((2, 2), 1e9), 1.0, detector, {"earth": np.ones((2, 2), dtype=bool)})
    assert found["earth"].clipped == 1.0


def test_memory_estimate_and_refusal(scene: Scene) -> None:
    assert scene.camera is not None
    near = dataclasses.replace(scene, camera=dataclasses.replace(scene.camera, focal_px_x=60000.0, focal_px_y=60000.0))
    simulate(near, options=QUIET)
    tracemalloc.start()
    try:
        simulate(near, options=QUIET)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert near.camera is not None
    estimate = estimate_memory_bytes(near.camera, 3)
    assert 0.8 * peak < estimate < 4.0 * peak
    huge = dataclasses.replace(scene.camera, width=100_000, height=100_000)
    with pytest.raises(InputError, match=r"100000 x 100000 px in 3 bands need about \d+.\d GB.*simulate tiles"):
        simulate(scene, huge, options=QUIET)
    part = simulate(scene, huge, options=QUIET, tile=(100, 100, 50, 40))
    assert part.dn.shape == (40, 50, 3)


def test_bad_input(scene: Scene) -> None:
    with pytest.raises(InputError, match=r"exposure must be 0 s or more \(got -0.1 s\)"):
        simulate(scene, exposures_s=-0.1, options=QUIET)
    with pytest.raises(InputError, match="3 filters need 3 exposures"):
        simulate(scene, exposures_s=[1.0], options=QUIET)
    with pytest.raises(InputError, match=r"no filter 'wid'; did you mean wide"):
        simulate(scene, filters=["wid"], options=QUIET)
    with pytest.raises(InputError, match="no usual filter sequence"):
        simulate_sequence(lambda et: scene, 0.0, load_camera("onc-w2"))
    with pytest.raises(InputError, match="at least one step"):
        simulate_sequence(lambda et: scene, 0.0, load_camera("onc-w2"), [])


def test_fringes_of_a_filter_wheel(ephemeris: Ephemeris) -> None:
    # Red first, green 60 s later: the Moon moves to the right of DSCOVR's picture meanwhile.
    view = MissionView.open("dscovr", ephemeris)
    start = view.portrait_et
    camera = view.camera
    first, last = view.scene(start).pixels("moon"), view.scene(start + 60.0).pixels("moon")
    assert first is not None
    assert last is not None
    dx, dy = last.x - first.x, last.y - first.y
    assert dx > 3.0
    tile = (round(first.x) - 360, round(first.y) - 40, 720, 80)
    steps = [WheelStep(f, t) for f, t in (("680", 0.0), ("443", 30.0), ("551", 60.0))]
    options = dataclasses.replace(QUIET, effects=DetectorEffects.none())
    result = simulate_sequence(view.scene, start, camera, steps, options=options, tile=tile)
    assert [f.filters for f in result.frames] == [("680",), ("443",), ("551",)]
    red, _, green = (f.layers.mask("moon") for f in result.frames)
    x = np.mgrid[:80, :720][1]
    # The middle rows cross both limbs, so that the mean column of the mask moves as the Moon does.
    middle = slice(30, 50)
    shift = [(m * x)[middle].sum() / m[middle].sum() for m in (red, green)]
    assert shift[1] - shift[0] == pytest.approx(dx, abs=0.3 + 0.1 * abs(dy))
    picture = result.composite()
    assert picture.shape == (80, 720, 3)
    # Where only the first (red) or only the last (green) exposure sees the dark Moon before the Earth, colour shows.
    left = (red > 0.99) & (green < 0.01)
    right = (green > 0.99) & (red < 0.01)
    assert np.count_nonzero(left) > 50
    assert np.count_nonzero(right) > 50
    assert (picture[left][:, 0] < picture[left][:, 1]).all()
    assert (picture[right][:, 1] < picture[right][:, 0]).all()
    both = (red > 0.99) & (green > 0.99) & (result.frames[0].layers.incidence_rad < 0.5)
    assert np.abs(picture[both][:, 0] / picture[both][:, 1] - 1.0).max() < 0.05
