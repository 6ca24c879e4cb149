"""``terraluna show``: the portrait of a mission."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terraluna.cli.common import output_folder, progress, say
from terraluna.cli.scene import AtOption

if TYPE_CHECKING:
    from terraluna.publish.portrait import Portrait

ALL = "all"


def show(
    mission: Annotated[str, typer.Argument(metavar="MISSION", help="A mission's id, or 'all' for the nine.")],
    at: AtOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")] = Path(),
) -> None:
    """Render a mission's portrait: PNG, annotated PNG and scene report (JSON); for 'all' a contact sheet too."""
    from terraluna.ephemeris import Ephemeris
    from terraluna.missions import MISSION_IDS, load_mission
    from terraluna.missions.view import MissionView
    from terraluna.publish.annotate import annotate
    from terraluna.publish.files import write_text
    from terraluna.publish.pictures import write_picture
    from terraluna.publish.portrait import make_portrait
    from terraluna.publish.sheet import contact_sheet
    from terraluna.render.surfaces import surface_materials
    from terraluna.scene import scene_report

    names = MISSION_IDS if mission == ALL else (load_mission(mission).id,)
    portraits: list[Portrait] = []
    with Ephemeris() as ephemeris, progress("portraits", len(names)) as bar:
        et = None if at is None else ephemeris.et(at)
        materials = surface_materials()
        for name in names:
            view = MissionView.open(name, ephemeris)
            portrait = make_portrait(view, et, materials)
            folder = output_folder(output)
            stem = folder / name
            text = {"Title": f"{portrait.title}, {portrait.scene.utc} UTC", "Software": "terraluna"}
            write_picture(stem.with_suffix(".png"), portrait.picture, text)
            write_picture(folder / f"{name}-annotated.png", annotate(portrait), text)
            report = {
                "mission": name,
                "cut": _cut(portrait),
                "moon_level": list(portrait.moon_level_notes),
                **scene_report(portrait.scene),
            }
            write_text(stem.with_suffix(".json"), json.dumps(report, indent=2) + "\n")
            portraits.append(portrait)
            bar.advance(bar.task_ids[0])
    for name in names:
        say(str(output / f"{name}.png"))
    if len(portraits) > 1:
        sheet = output / "portraits.png"
        write_picture(sheet, contact_sheet(portraits))
        say(str(sheet))


def _cut(portrait: Portrait) -> dict[str, int]:
    """Which part of the detector the picture shows; pixel positions in the report count from its corner."""
    camera = portrait.scene.camera
    assert camera is not None
    x, y = portrait.origin
    return {"x": x, "y": y, "width": camera.width, "height": camera.height, "magnify": portrait.spec.magnify}
