"""``terraluna plan``: windows for a group photo, with framing, exposure, chance and downlink."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terraluna.cli.common import EXIT_NO, JsonFlag, console, fail, output_folder, progress, say, say_json

if TYPE_CHECKING:
    from terraluna.plan.planner import Plan
    from terraluna.plan.report import Detail


def plan(
    request: Annotated[
        str, typer.Argument(metavar="REQUEST.toml", help="What is wanted; or the name of an example, as longjiang-2.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write tables, attitudes, charts, previews.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Find when Earth and Moon can be photographed together as a request file asks, and how."""
    from terraluna.ephemeris import Ephemeris
    from terraluna.plan.planner import make_plan
    from terraluna.plan.report import plan_report, work_out
    from terraluna.plan.request import find_request

    with Ephemeris() as ephemeris:
        found = make_plan(find_request(request), ephemeris)
        materials = None
        if found.proposals and (found.request.exposure is not None or output is not None):
            from terraluna.render.surfaces import surface_materials

            materials = surface_materials()
        details = []
        with progress("planning", len(found.proposals)) as bar:
            for proposal in found.proposals:
                details.append(work_out(found, proposal, ephemeris, materials))
                bar.advance(bar.task_ids[0])
        files: list[Path] = []
        if output is not None:
            from terraluna.plan.charts import chart_files
            from terraluna.plan.outputs import plan_files
            from terraluna.publish.files import write_bytes

            folder = output_folder(output)
            contents = plan_files(found, details, ephemeris)
            contents |= chart_files(found, details, ephemeris, materials)
            for name, data in contents.items():
                write_bytes(folder / name, data)
                files.append(folder / name)
        if json:
            say_json(plan_report(found, details, ephemeris))
        else:
            _show(found, details, ephemeris.utc, files)
    if not found.proposals:
        if not json:
            fail(f"no window: {found.conflict}")
        raise typer.Exit(EXIT_NO)


def _show(found: Plan, details: list[Detail], utc: object, files: list[Path]) -> None:
    from rich.table import Table

    if details:
        table = Table(title=f"{found.title}: {len(details)} of {found.found} windows, best first")
        for column in ("#", "start UTC", "end UTC", "best UTC", "view at best"):
            table.add_column(column, no_wrap=column != "view at best")
        for k, detail in enumerate(details):
            p = detail.proposal
            times = [str(utc(t, 0)) for t in (p.start, p.end, p.best)]  # type: ignore[operator]
            table.add_row(str(k + 1), *times, _line(detail))
        console().print(table)
    for file in files:
        say(str(file))


def _line(detail: Detail) -> str:
    parts = [detail.proposal.why]
    if detail.exposure:
        times = "; ".join(f"{e.filter} " + ", ".join(f"{t:.3g} s" for t in e.exposures_s) for e in detail.exposure)
        parts.append(f"expose {times}")
    if detail.chance is not None:
        c = detail.chance
        parts.append(f"{c.both:.0%} likely to hold both; {c.series.frames} frames: {c.series.probability:.0%}")
    if detail.budget is not None:
        parts.append(f"downlink {detail.budget.packets} packets, {detail.budget.minutes:.0f} min")
    parts += detail.notes
    return "\n".join(parts)
