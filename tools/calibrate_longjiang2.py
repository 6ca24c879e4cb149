"""Calibrate the camera of Longjiang-2 in both readout modes from its own frames.

    python tools/calibrate_longjiang2.py DATA

``DATA`` is the folder of the test data. The stars of frames 038 and 213 and the discs of frames 173 to 176 give focal
length, axis and distortion of the full field, with the clock of the four free (it stands for an error of the orbit
along the track as well). The Earth's disc in frames 225, 226 and 229 then gives the scale of the 2x window. The window
is taken as a part of the same picture about the middle of the detector: then axis and distortion follow from the scale.

The measured edge of a disc lies inside its true limb, by a third of a pixel for the small Earth (blur and limb
darkening). The same measurement of a simulated frame has the same error, so each disc counts as measured in the real
frame less what its simulation is off.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from terraluna.camera import load_camera
from terraluna.camera.distortion import Distortion
from terraluna.camera.model import Camera
from terraluna.downlink import decode_files
from terraluna.ephemeris import Ephemeris
from terraluna.instrument.simulate import SimulationOptions, simulate
from terraluna.missions.view import MissionView
from terraluna.opnav.focal import visible_limb
from terraluna.opnav.measure import MeasuredBody, measure_file, measure_image
from terraluna.opnav.stars import (
    Calibration,
    CalibrationFrame,
    DiscSight,
    MatchOptions,
    calibrate,
    sky_at,
    solve_stars,
)
from terraluna.opnav.types import Floats
from terraluna.opnav.vectors import tangent_basis, two_vector_rotation
from terraluna.render.surfaces import surface_materials
from terraluna.scene.apparent import Observer
from terraluna.scene.scene import Scene, build_scene
from terraluna.trajectory import Trajectory, trajectory_from_spec

STARS = {"213": "2019-06-07T08:00:00", "038": "2018-08-04T03:00:00"}
"""Logged, and from the place of Mars; for stars a month is near enough."""

STAR_SIGMA_PX = 0.25
"""Error of a star's place in a JPEG beside its noise: with it chi-square per degree of freedom is 1."""

FREE = ("focal", "cx", "cy", "k1")
AXIS_PRIOR_PX = 100.0

SERIES = {
    "173": "2019-02-03T14:50:00",
    "174": "2019-02-03T15:00:00",
    "175": "2019-02-03T15:10:00",
    "176": "2019-02-03T15:20:00",
}
"""Logged times; their common error is fitted."""
FIRST_CLOCK_S = -740.0

ORBIT_SHARE = 1e-3
"""The published orbit against another propagation of it: 10 km of 10,000, which moves radius and separation alike."""
DISC_SIGMA_PX = 0.15
"""Error of a disc's centre (per axis) and radius after the simulation's correction."""

ECLIPSE = {
    "225": ("2019-07-02T18:56:09", 61.9),
    "226": ("2019-07-02T18:57:09", 61.9),
    "229": ("2019-07-02T19:32:51", -99.9),
}
"""UTC (the log corrected by the Moon's limb) and where the Moon is from the Earth in the picture, deg from +x to +y."""
STATE_28_JUNE = {
    "kind": "state", "frame": "keplerian", "center": "moon", "utc": "2019-06-28T03:00:00", "anomaly": "true",
    "elements": [8704.163, 0.690187, 44.672, 71.711, 68.006, 176.09042928], "span_days": 10.0,
}  # fmt: skip
"""D. Estevez, jupyter_notebooks, GMAT script photo_planning of 2019-06-28 (CC BY 4.0)."""
FIRST_SCALE = 2.02
WINDOW_SIGMA_PX = 0.2
"""Error of the Earth's radius common to the three frames; their own spread is 0.1 px."""


@dataclass(frozen=True)
class Window:
    """The 2x window: focal length, its sigma, the scale against the full field, and the three single values (px)."""

    focal_px: float
    sigma_px: float
    scale: float
    each_px: tuple[float, ...]


def pinhole(camera: Camera) -> Camera:
    """The camera as it was before any calibration: 210 arcsec/px, no distortion, the axis in the middle."""
    focal = 962.0
    return dataclasses.replace(
        camera, focal_px_x=focal, focal_px_y=focal, cx=0.5 * (camera.width - 1), cy=0.5 * (camera.height - 1),
        distortion=Distortion("none", ()),
    )  # fmt: skip


def star_frames(folder: Path, camera: Camera, ephemeris: Ephemeris) -> list[CalibrationFrame]:
    """The matched stars of both frames; a second turn with the camera of the first lets the faint ones in."""
    solved = []
    for number, utc in STARS.items():
        picture = decode_files([folder / f"img_{number}.ssdv"])[0]
        et = ephemeris.et(utc)
        sky = sky_at(ephemeris, et, Observer.from_state(ephemeris, et, np.zeros(6), "moon"), planets=())
        solved.append((picture, sky))
    tolerance = 1.0
    for _ in range(3):
        frames = []
        for picture, sky in solved:
            found = solve_stars(
                picture.pixels, camera, sky.et, sky=sky, mask=picture.missing,
                matching=MatchOptions(tolerance_px=tolerance),
            )  # fmt: skip
            frames.append(CalibrationFrame.from_solution(found, sky))
        camera = from_stars(camera, frames).camera
        tolerance = 0.3
    return frames


def from_stars(camera: Camera, frames: list[CalibrationFrame]) -> Calibration:
    """Full field from the stars alone."""
    priors = {"cx": AXIS_PRIOR_PX, "cy": AXIS_PRIOR_PX}
    return calibrate(camera, frames, FREE, priors, systematic_px=STAR_SIGMA_PX)


def sky_of(trajectory: Trajectory, ephemeris: Ephemeris, et: float) -> Scene:
    """Both bodies as seen from the trajectory, without a camera."""
    observer = Observer.from_state(ephemeris, et, trajectory.state(et), trajectory.center)
    return build_scene(ephemeris, observer, quality="navigation")


def measured(body: MeasuredBody) -> Floats:
    """Ellipse of the limb (3,): x, y, radius."""
    assert body.limb is not None
    return np.array([body.limb.x, body.limb.y, body.limb.radius])


def corrected(posed: Scene, name: str, real: MeasuredBody) -> Floats:
    """What was measured less the error of the same measurement in a simulation of the frame."""
    assert posed.camera is not None
    drawn = simulate(posed, options=SimulationOptions(materials=surface_materials(), stars=False)).dn
    again = measure_image(drawn, camera=posed.camera).body(name)
    truth = posed.pixels("earth" if name == "earth" else "moon")
    if again is None or truth is None:
        raise SystemExit(f"the {name} isn't found in the simulated frame")
    return measured(real) - (measured(again) - [truth.limb.x, truth.limb.y, truth.limb.radius])


def series_frames(folder: Path, camera: Camera, view: MissionView) -> list[CalibrationFrame]:
    """Both discs of the timelapse's frames, with their motion."""
    ephemeris, out = view.ephemeris, []
    for number, utc in SERIES.items():
        et = ephemeris.et(utc) + FIRST_CLOCK_S
        now, later = (sky_of(view.trajectory, ephemeris, t) for t in (et, et + 1.0))
        found = measure_file(folder / f"img_{number}.ssdv", camera=camera)[0].measurement
        earth, moon = found.body("earth"), found.body("moon")
        assert earth is not None
        assert moon is not None
        seen = camera.unproject(np.array([[earth.x, earth.y], [moon.x, moon.y]]))
        attitude = two_vector_rotation(now.earth.direction_j2000, now.moon.direction_j2000, seen[0], seen[1])
        posed = dataclasses.replace(now, camera=camera, attitude=attitude)
        discs = []
        for real, start, end in ((earth, now.earth, later.earth), (moon, now.moon, later.moon)):
            place = corrected(posed, real.name, real)
            sigma = np.array([DISC_SIGMA_PX, DISC_SIGMA_PX, np.hypot(DISC_SIGMA_PX, ORBIT_SHARE * place[2])])
            discs.append(
                DiscSight(place, np.diag(sigma**2), visible_limb(start), visible_limb(end) - visible_limb(start))
            )
        out.append(CalibrationFrame(attitude, discs=tuple(discs)))
    return out


def full_field(folder: Path, ephemeris: Ephemeris) -> tuple[Calibration, Calibration]:
    """Stars alone, and stars and discs together."""
    camera = pinhole(load_camera("longjiang-2"))
    view = MissionView.open("longjiang-2", ephemeris)
    stars = star_frames(folder, camera, ephemeris)
    alone = from_stars(camera, stars)
    frames = [*stars, *series_frames(folder, alone.camera, view)]
    priors = {"cx": AXIS_PRIOR_PX, "cy": AXIS_PRIOR_PX}
    return alone, calibrate(alone.camera, frames, (*FREE, "clock"), priors, systematic_px=STAR_SIGMA_PX)


def window_camera(full: Camera, scale: float) -> Camera:
    """The camera of a window about the detector's middle that shows everything larger by ``scale``."""
    middle = np.array([0.5 * (full.width - 1), 0.5 * (full.height - 1)])
    cx, cy = middle + scale * (np.array([full.cx, full.cy]) - middle)
    focal = scale * full.focal_px_x
    base = load_camera("longjiang-2-2x")
    return dataclasses.replace(base, focal_px_x=focal, focal_px_y=focal, cx=cx, cy=cy, distortion=full.distortion)


def window(folder: Path, full: Camera, ephemeris: Ephemeris) -> Window:
    """The 2x window's scale from the Earth's disc."""
    trajectory = trajectory_from_spec(STATE_28_JUNE, ephemeris)
    camera, each = window_camera(full, FIRST_SCALE), []
    for number, (utc, toward_deg) in ECLIPSE.items():
        sky = sky_of(trajectory, ephemeris, ephemeris.et(utc))
        earth = measure_file(folder / f"img_{number}.ssdv", camera=camera)[0].measurement.body("earth")
        assert earth is not None
        # The Earth where it is seen, the Moon in the direction where it is seen.
        seen = camera.unproject(np.array([[earth.x, earth.y]]))[0]
        e1, e2 = tangent_basis(seen)
        aside = np.cos(np.radians(toward_deg)) * e1 + np.sin(np.radians(toward_deg)) * e2
        attitude = two_vector_rotation(sky.earth.direction_j2000, sky.moon.direction_j2000, seen, seen + 0.1 * aside)
        posed = dataclasses.replace(sky, camera=camera, attitude=attitude)
        truth = posed.pixels("earth")
        assert truth is not None
        each.append(camera.focal_px_x * float(corrected(posed, "earth", earth)[2]) / truth.limb.radius)
        radius = truth.limb.radius
    focal = float(np.mean(each))
    sigma = focal * WINDOW_SIGMA_PX / radius
    return Window(focal, sigma, focal / full.focal_px_x, tuple(each))


def report(name: str, result: Calibration) -> None:
    """One calibration as text."""
    print(f"{name}: chi-square {result.chi_square:.1f} for {result.degrees}, stars' rms {result.rms_px:.2f} px")
    for parameter in result.names:
        first = FIRST_CLOCK_S if parameter == "clock" else 0.0
        print(f"  {parameter:6s} {first + result.value(parameter):10.4f} +- {result.sigma(parameter):.4f}")
    for residual in result.disc_residual_px:
        if len(residual):
            print("  Earth and Moon, x y radius, px:", np.round(residual, 2).tolist())


def main() -> None:
    """Print both calibrations."""
    data = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("TERRALUNA_TEST_DATA")
    if data is None:
        raise SystemExit("name the folder of the test data")
    folder = Path(data) / "longjiang2" / "ssdv"
    with Ephemeris() as ephemeris:
        alone, both = full_field(folder, ephemeris)
        report("full field, stars", alone)
        report("full field, stars and discs", both)
        two = window(folder, both.camera, ephemeris)
        camera = window_camera(both.camera, two.scale)
        print(f"2x window: focal length {two.focal_px:.1f} +- {two.sigma_px:.1f} px, scale {two.scale:.4f}")
        print(f"  each frame {', '.join(f'{f:.1f}' for f in two.each_px)}; axis at {camera.cx:.1f}, {camera.cy:.1f}")


if __name__ == "__main__":
    main()
