"""Make the picture and the numbers of the page on the worked example.

    python tools/build_worked_example.py

Navigates frames 172 to 176 and 225, 226, 229 of Longjiang-2 (``TERRALUNA_TEST_DATA``; Harbin Institute of Technology
and the amateur-radio community, CC BY 4.0) as the page's commands do, prints the rows of its tables and draws
``docs/images/worked_example_times.png``. The numbers in the text are copied from here by hand.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from terraluna.cli.navigate import read_log
from terraluna.ephemeris import Ephemeris
from terraluna.missions.view import MissionView
from terraluna.opnav.dating import date_frames, locate_along_track
from terraluna.opnav.navigate import NavigateOptions, navigate_files
from terraluna.opnav.navigation import Navigation
from terraluna.opnav.sequential import Unknown, Unknowns
from terraluna.opnav.setting import Setting
from terraluna.opnav.types import BodyFix

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "worked-example.md"
PICTURE = ROOT / "docs" / "images" / "worked_example_times.png"
DATA = Path(os.environ.get("TERRALUNA_TEST_DATA", ROOT / ".." / "shared" / "data")) / "longjiang2"

SERIES = (172, 173, 174, 175, 176)
JULY = (225, 226, 229)
ALONG_TRACK_S = 600.0


def frames(numbers: tuple[int, ...]) -> list[str | Path]:
    """Packets of some frames."""
    return [DATA / "ssdv" / f"img_{n}.ssdv" for n in numbers]


def february(ephemeris: Ephemeris) -> None:
    """Print the table of the series and draw it."""
    view = MissionView.open("longjiang-2", ephemeris)
    found = navigate_files(
        frames(SERIES),
        Setting.of_mission(view),
        times=read_log(DATA / "frames.csv"),
        options=NavigateOptions(fitted_times=True),
    )
    clock = found.clock
    assert clock is not None
    print("frame  fitted time          clock offset   Moon range   orbit there  chi-square (3)  across, km")
    rows = []
    for number, item in zip(SERIES, found.fixes, strict=True):
        assert item.clock is not None
        et = item.frame.et + item.clock.offset_s
        orbit = view.trajectory.states_about("moon", [et], ephemeris)[0, :3]
        error = item.fix.position_moon_j2000_km - orbit
        chi2 = float(error @ np.linalg.solve(item.fix.covariance_km2, error))
        moon = next(s for s in item.frame.sights if s.body == "moon" and isinstance(s, BodyFix))
        axes = np.sqrt(np.linalg.eigvalsh(item.fix.covariance_km2))
        print(
            f"{number}  {ephemeris.utc(et, 0)}  {item.clock.offset_s:+7.1f} +- {item.clock.sigma_s:4.1f}  "
            f"{moon.range_km:8.1f} +- {moon.range_sigma_km:4.1f}  {np.linalg.norm(orbit):8.1f}  {chi2:6.2f}  "
            f"{axes.round(1).tolist()}"
        )
        rows.append((item, moon, et))
    print(f"common clock {clock.offset_s:+.1f} +- {clock.sigma_s:.1f} s, chi-square {clock.fit.chi_square:.1f} of "
          f"{clock.fit.degrees}, rejected {[Path(r).name for r in clock.fit.rejected]}")  # fmt: skip
    alone = rows[0][0].clock
    assert alone is not None
    print(f"172 wrong by {alone.offset_s - clock.offset_s:.0f} +- {np.hypot(alone.sigma_s, clock.sigma_s):.0f} s")
    kept = [replace(item.frame, laws=()) for item, _, _ in rows[1:]]
    ahead = locate_along_track(kept, view.trajectory, ephemeris)
    print(f"along the track {ahead.offset_s:+.0f} +- {ahead.sigma_s:.0f} s, "
          f"chi-square {ahead.fit.chi_square:.1f} of {ahead.fit.degrees}")  # fmt: skip
    both = date_frames(
        kept, view.trajectory, ephemeris, unknowns=Unknowns(along_track=Unknown(ALONG_TRACK_S, considered=True))
    )
    print(f"with an along-track error admitted: {both.offset_s:+.0f} +- {both.sigma_s:.0f} s")
    draw(found, rows, view)


def draw(found: Navigation, rows: list, view: MissionView) -> None:  # type: ignore[type-arg]
    """Clock offsets, and ranges against the orbit."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    ephemeris = view.ephemeris
    zero = ephemeris.et("2019-02-03T14:00:00")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.4))
    assert found.clock is not None
    for number, (item, moon, et) in zip(SERIES, rows, strict=True):
        colour = "tab:red" if item.image in found.clock.fit.rejected else "tab:blue"
        logged, offset = (item.frame.et - zero) / 60.0, item.clock.offset_s / 60.0
        left.errorbar(logged, offset, 3.0 * item.clock.sigma_s / 60.0, fmt="o", color=colour, capsize=4)
        left.annotate(str(number), (logged, offset), (9, 7), textcoords="offset points")
        right.errorbar((et - zero) / 60.0, moon.range_km, 3.0 * moon.range_sigma_km, fmt="o", color=colour, capsize=4)
    left.axhline(found.clock.offset_s / 60.0, color="gray", lw=1)
    left.set(xlabel="logged time, minutes after 14:00 UTC", ylabel="clock offset, minutes (bars: 3 sigma)")
    left.set(title="When were they taken?", xlim=(22.0, 88.0))
    minutes = np.linspace(22.0, 72.0, 60)
    orbit = view.trajectory.states_about("moon", zero + 60.0 * minutes, ephemeris)[:, :3]
    right.plot(minutes, np.linalg.norm(orbit, axis=1), color="gray", lw=1, label="published orbit")
    right.set(xlabel="fitted time, minutes after 14:00 UTC", ylabel="range of the Moon's centre, km (bars: 3 sigma)")
    right.set(title="Range from the limb, at the fitted time")
    right.legend()
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=100)
    print(PICTURE.relative_to(ROOT))


def july(ephemeris: Ephemeris) -> None:
    """Print the clock of the frames with a piece of the Moon, by the page's own scene file."""
    text = PAGE.read_text().partition('title="july.toml"\n')[2].partition("```")[0]
    with TemporaryDirectory() as folder:
        scene = Path(folder) / "july.toml"
        scene.write_text(text)
        view = MissionView.open(str(scene), ephemeris)
        found = navigate_files(frames(JULY), Setting.of_mission(view), times=read_log(DATA / "frames.csv"))
    for item in found.fixes:
        print(Path(item.image).name, item.offset)


def main() -> None:
    """Both series."""
    with Ephemeris() as ephemeris:
        february(ephemeris)
        july(ephemeris)


if __name__ == "__main__":
    main()
