"""``terraluna scene``: the geometry of both bodies at an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from terraluna.cli.common import JsonFlag, console, say_json

if TYPE_CHECKING:
    from terraluna.scene import Scene

SourceArgument = Annotated[str, typer.Argument(metavar="MISSION|FILE.toml", help="A mission's id or a scene file.")]
AtOption = Annotated[str | None, typer.Option("--at", metavar="UTC", help="Time; the picture's own if left out.")]


def scene(source: SourceArgument, at: AtOption = None, json: JsonFlag = False) -> None:
    """Say where Earth, Moon and Sun stand for a mission or a scene file, and where they fall in the frame."""
    from terraluna.ephemeris import Ephemeris
    from terraluna.missions.view import MissionView
    from terraluna.scene import scene_report

    with Ephemeris() as ephemeris:
        view = MissionView.open(source, ephemeris)
        stage = view.scene(None if at is None else ephemeris.et(at))
        report = {"mission": view.spec.id, **scene_report(stage)}
    if json:
        say_json(report)
    else:
        _print(stage, report)


def _print(stage: Scene, report: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"{report['mission']}  {report['utc']} UTC", title_justify="left")
    for column in ("", "Earth", "Moon"):
        table.add_column(column, justify="right" if column else "left")
    earth, moon = report["earth"], report["moon"]
    rows = (
        ("range, km", "range_km", ",.1f"),
        ("angular radius, deg", "angular_radius_deg", ".6f"),
        ("phase, deg", "phase_deg", ".3f"),
        ("lit fraction", "lit_fraction", ".4f"),
        ("right ascension, deg", "ra_deg", ".6f"),
        ("declination, deg", "dec_deg", ".6f"),
        ("bright limb, position angle, deg", "bright_limb_pa_deg", ".2f"),
        ("north pole, position angle, deg", "north_pole_pa_deg", ".2f"),
    )
    for label, key, form in rows:
        table.add_row(label, *(format(b[key], form) for b in (earth, moon)))
    for label, key in (("under observer", "sub_observer"), ("under Sun", "sub_solar")):
        table.add_row(
            f"{label}, lat lon, deg", *(f"{b[key]['lat_deg']:.3f} {b[key]['lon_deg']:.3f}" for b in (earth, moon))
        )
    table.add_row("pixel x y radius", *(_pixel(b["pixel"]) for b in (earth, moon)))
    out = console()
    out.print(table)
    out.print(
        f"separation {report['separation_deg']:.6f} deg, event {report['event']}, "
        f"nearest first: {', '.join(report['depth_order'])}; geometry: {stage.quality}",
        highlight=False,
    )


def _pixel(pixel: dict[str, Any] | None) -> str:
    if pixel is None:
        return "not in view"
    where = "" if pixel["in_frame"] else " (cut)" if pixel["partly_in_frame"] else " (outside)"
    return f"{pixel['x']:.2f} {pixel['y']:.2f} {pixel['radius']:.3f}{where}"
