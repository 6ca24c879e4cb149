"""``terraluna navigate``: where the pictures say the spacecraft was, and when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terraluna.cli.common import EXIT_NO, JsonFlag, fail, output_folder, say, say_json
from terraluna.errors import InputError

if TYPE_CHECKING:
    from terraluna.ephemeris import Ephemeris
    from terraluna.opnav.navigation import ImageFix, Navigation
    from terraluna.opnav.setting import Setting

_IMAGE_COLUMNS = ("image", "image_id", "file")
_TIME_COLUMNS = ("utc", "taken_utc", "time")


def navigate(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Pictures, or SSDV packets.")],
    mission: Annotated[str | None, typer.Option("--mission", metavar="M", help="Mission, or a scene file.")] = None,
    trajectory: Annotated[
        Path | None,
        typer.Option("--trajectory", metavar="FILE", help="OEM or SPK; the camera then comes from the picture's EXIF."),
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--log", metavar="FILE.csv", help="Times: columns image (name or number) and utc.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="UTC", help="Time of a single picture.")] = None,
    camera: Annotated[
        str | None, typer.Option("--camera", metavar="NAME", help="Camera, if not the mission's.")
    ] = None,
    sigma_px: Annotated[
        float, typer.Option("--sigma-px", help="Error of centre and radius beside the limb's noise.")
    ] = 0.3,
    search: Annotated[
        float, typer.Option("--search", metavar="S", help="Search the clock so far from the log.")
    ] = 3600.0,
    clock_sigma: Annotated[
        float,
        typer.Option("--clock-sigma", metavar="S", help="Error of an EXIF time, while the focal length is refined."),
    ] = 2.0,
    fitted_times: Annotated[
        bool, typer.Option("--fitted-times", help="Fix at the times that the trajectory dates the pictures to.")
    ] = False,
    stars: Annotated[bool, typer.Option("--stars/--no-stars", help="Look for stars.")] = True,
    scale_free: Annotated[
        bool, typer.Option("--scale-free", help="Published pictures, cropped or resized: their scale is not known.")
    ] = False,
    north: Annotated[
        float | None,
        typer.Option("--north", metavar="DEG", help="Earth's north in such a picture, from up, counter-clockwise."),
    ] = None,
    smooth: Annotated[
        bool, typer.Option("--smooth", help="Run a series through the sequential filter and its smoother too.")
    ] = False,
    overlay: Annotated[
        Path | None, typer.Option("--overlay", metavar="DIR", help="Draw points, fits and residuals of each picture.")
    ] = None,
    oem: Annotated[
        Path | None, typer.Option("--oem", metavar="FILE", help="Write the orbit of a series, with covariance.")
    ] = None,
    spk: Annotated[
        Path | None, typer.Option("--spk", metavar="FILE", help="Write the orbit of a series as an SPK.")
    ] = None,
    spk_id: Annotated[int, typer.Option("--spk-id", metavar="N", help="NAIF number of the spacecraft in it.")] = -999,
    json: JsonFlag = False,
) -> None:
    """Fix the spacecraft's position from the Earth and the Moon in each picture; date the pictures; fit the orbit."""
    from terraluna.ephemeris import Ephemeris
    from terraluna.opnav.navigate import NavigateOptions, navigate_files

    if at is not None and len(images) != 1:
        raise InputError("--at is the time of a single picture; give a table with --log for several")
    if mission is None and trajectory is None and camera is None and not scale_free:
        raise InputError(
            "say what is known: --mission M, --trajectory FILE (a photo with EXIF), --camera NAME, or --scale-free"
        )
    times = {} if log is None else read_log(log)
    if at is not None:
        times[images[0].name] = at
    options = NavigateOptions(
        systematic_px=sigma_px,
        search_s=search,
        clock_sigma_s=clock_sigma,
        fitted_times=fitted_times,
        stars=stars,
        scale_free=scale_free,
        north_deg=north,
        filtered=smooth,
    )
    with Ephemeris() as ephemeris:
        result = navigate_files(images, _setting(ephemeris, mission, trajectory, camera), times=times, options=options)
        if overlay is not None:
            _write_overlays(overlay, result)
        if oem is not None or spk is not None:
            _write_orbit(result, ephemeris, oem, spk, spk_id, Path(mission or "spacecraft").stem)
        report = result.report(ephemeris)
    if json:
        say_json(report)
    else:
        _print(result)
    if result.status == "refused":
        if not json:
            fail(f"refused: {', '.join(result.reasons)}")
        raise typer.Exit(EXIT_NO)


def _setting(ephemeris: Ephemeris, mission: str | None, trajectory: Path | None, camera: str | None) -> Setting:
    from dataclasses import replace

    from terraluna.camera.catalogue import load_camera
    from terraluna.missions.view import MissionView
    from terraluna.opnav.setting import Setting
    from terraluna.trajectory import trajectory_from_file

    known = None if camera is None else load_camera(camera)
    if mission is None:
        setting = Setting(ephemeris, known)
    else:
        setting = Setting.of_mission(MissionView.open(mission, ephemeris), known)
    return setting if trajectory is None else replace(setting, trajectory=trajectory_from_file(trajectory, ephemeris))


def read_log(path: Path) -> dict[str, str]:
    """Times by image from a CSV file with columns ``image`` and ``utc``; rows without a time are left out."""
    import csv

    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table: {error}") from None
    columns = set(rows[0]) if rows else set()
    image = next((c for c in _IMAGE_COLUMNS if c in columns), None)
    time = next((c for c in _TIME_COLUMNS if c in columns), None)
    if image is None or time is None:
        raise InputError(
            f"{path}: needs the columns image and utc; it has {', '.join(sorted(map(str, columns))) or 'none'}"
        )
    return {str(row[image]).strip(): str(row[time]).strip() for row in rows if row[image] and row[time]}


def _write_overlays(folder: Path, result: Navigation) -> None:
    import io

    from terraluna.opnav.measure.overlay import draw_overlay
    from terraluna.publish.files import write_bytes

    target = output_folder(folder)
    for item in result.fixes:
        buffer = io.BytesIO()
        draw_overlay(item.measured.pixels, item.measured.measurement).save(buffer, "PNG")
        write_bytes(target / f"{Path(item.image).stem}.png", buffer.getvalue())


def _write_orbit(
    result: Navigation, ephemeris: Ephemeris, oem: Path | None, spk: Path | None, spk_id: int, name: str
) -> None:
    import numpy as np

    from terraluna.errors import RefusedError
    from terraluna.opnav.sequential import write_series_oem, write_series_spk

    if result.orbit is None or result.dynamics is None or result.orbit.status == "refused":
        option = "--oem" if oem is not None else "--spk"
        raise RefusedError(
            f"{option}: the pictures gave no orbit; at least three with both bodies and one clock are needed"
        )
    ets = [f.et for f in result.orbit.frames]
    times = np.arange(min(ets), max(ets) + 60.0, 60.0)
    if oem is not None:
        write_series_oem(oem, result.orbit, result.dynamics, times, ephemeris, name=name)
    if spk is not None:
        write_series_spk(spk, result.orbit, result.dynamics, times, spk_id)


def _print(result: Navigation) -> None:
    for item in result.fixes:
        _print_fix(item)
    clock = result.clock
    if clock is not None and clock.status != "refused":
        lost = f"; {', '.join(Path(n).name for n in clock.fit.rejected)} contradict" if clock.fit.rejected else ""
        say(f"clock: {clock.offset_s:+.1f} +- {clock.sigma_s:.1f} s to be added to the log{lost}")
    if result.orbit is not None and result.orbit.status != "refused":
        sigma = result.orbit.state_covariance.diagonal() ** 0.5
        x, y, z, vx, vy, vz = result.orbit.state
        say(
            f"orbit about the {result.orbit.center}: {x:.1f} {y:.1f} {z:.1f} km, {vx:.5f} {vy:.5f} {vz:.5f} km/s; "
            f"sigma {sigma[:3].max():.1f} km, {sigma[3:].max() * 1e3:.1f} m/s at most"
        )


def _print_fix(item: ImageFix) -> None:
    fix = item.fix
    notes = f" ({', '.join(item.reasons)})" if item.reasons else ""
    if fix.status == "refused":
        say(f"{item.image}: no position{notes}")
    else:
        moon = float((fix.position_moon_j2000_km**2).sum() ** 0.5)
        sigma = fix.covariance_km2.diagonal() ** 0.5
        say(
            f"{item.image}: {item.utc}  {moon:,.0f} km from the Moon, sigma {sigma.max():.0f} km at most  "
            f"{item.status}{notes}"
        )
    for warning in item.measured.warnings:
        say(f"  header: {warning}")
    if item.stars is not None and item.stars.status != "refused":
        seen = item.report()["stars"]
        planets = "".join(f", {p['name']} at {p['x']:.1f} {p['y']:.1f}" for p in seen["planets"])
        say(
            f"  {seen['matched']} stars and planets: boresight {seen['boresight_ra_deg']:.3f} "
            f"{seen['boresight_dec_deg']:+.3f} deg, false match {seen['false_match_probability']:.0e}{planets}"
        )
    if item.focal is not None:
        say(
            f"  focal length {item.focal.focal_px:.1f} +- {item.focal.sigma_px:.1f} px by the discs "
            f"(the label says {item.focal.label_px:.1f})"
        )
    if item.scale is not None and item.scale.found is not None:
        found = item.scale.found
        ranges, sigmas = found.ranges_km, found.ranges_sigma_km
        say(
            f"  scale free: Earth at {ranges[0]:,.0f} +- {sigmas[0]:,.0f} km, "
            f"Moon at {ranges[1]:,.0f} +- {sigmas[1]:,.0f} km"
        )
    offset = item.offset
    if offset is not None and item.scale is not None:
        say(f"  the picture dates itself {offset[0] / 60.0:+.0f} +- {offset[1] / 60.0:.0f} min from its logged time")
    elif offset is not None:
        say(f"  the orbit dates it {offset[0]:+.1f} +- {offset[1]:.1f} s from its logged time")
