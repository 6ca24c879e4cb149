"""``terraluna missions`` and ``terraluna claims``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from terraluna.cli.common import EXIT_NO, JsonFlag, console, progress, say_json

if TYPE_CHECKING:
    from terraluna.missions.claims import ClaimResult


def missions(json: JsonFlag = False) -> None:
    """List the nine missions: date, camera, and how well the geometry is known."""
    from terraluna.missions import load_all

    specs = load_all()
    if json:
        say_json(
            {
                "missions": [
                    {
                        "id": s.id,
                        "name": s.name,
                        "spacecraft": s.spacecraft,
                        "utc": s.observation.utc,
                        "camera": s.camera,
                        "quality": s.quality,
                        "summary": s.summary,
                        "sources": s.sources,
                    }
                    for s in specs
                ]
            }
        )
        return
    from rich.table import Table

    table = Table(title="Earth-Moon group photos", title_justify="left")
    for column in ("mission", "UTC of the picture", "camera", "geometry", "what"):
        table.add_column(column, overflow="fold", no_wrap=column == "mission")
    for s in specs:
        table.add_row(s.id, s.observation.utc, s.camera, s.quality, s.summary)
    console().print(table)


def claims(
    mission: Annotated[str | None, typer.Argument(metavar="[MISSION]", help="A mission; all nine if left out.")] = None,
    json: JsonFlag = False,
) -> None:
    """Put each published claim beside the recomputed value. Exit code 1 if one disagrees without explanation."""
    from terraluna.ephemeris import Ephemeris
    from terraluna.missions import MISSION_IDS, load_mission
    from terraluna.missions.claims import check_claims

    chosen = MISSION_IDS if mission is None else (load_mission(mission).id,)
    results: list[ClaimResult] = []
    with Ephemeris() as ephemeris, progress("claims", len(chosen)) as bar:
        for mission_id in chosen:
            results += check_claims(ephemeris, [mission_id])
            bar.advance(bar.task_ids[0])
    if json:
        say_json({"claims": [asdict(r) for r in results]})
    else:
        _print_claims(results)
    if any(r.verdict == "disagrees" for r in results):
        raise typer.Exit(EXIT_NO)


def _print_claims(results: list[ClaimResult]) -> None:
    from rich.table import Table

    table = Table(title="Published claims, recomputed", title_justify="left")
    for column, justify in (
        ("mission", "left"),
        ("claim", "left"),
        ("published", "right"),
        ("computed", "right"),
        ("tolerance", "right"),
        ("unit", "left"),
        ("verdict", "left"),
    ):
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    colours = {"agrees": "green", "disagrees": "red", "contradiction": "yellow"}
    for r in results:
        table.add_row(
            r.mission,
            r.claim,
            _number(r.published),
            _number(r.computed),
            "" if r.tolerance is None else _number(r.tolerance),
            r.unit,
            f"[{colours[r.verdict]}]{r.verdict}[/]",
        )
    out = console()
    out.print(table)
    for r in results:
        if r.verdict != "agrees" and r.note:
            out.print(f"{r.mission}, {r.claim}: {r.note}", highlight=False)


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if abs(value) >= 1e5:
        return f"{value:,.0f}"
    return f"{value:.6g}"
