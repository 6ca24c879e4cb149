"""``terraluna fetch``: public frames of a mission, checked and cached."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from terraluna.cli.common import JsonFlag, progress, say, say_json


def fetch(
    mission: Annotated[str, typer.Argument(metavar="MISSION", help="A mission with public frames: longjiang-2.")],
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="Another place that holds the same files.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder; default: the user's cache.")
    ] = None,
    files: Annotated[
        list[str] | None, typer.Option("--file", metavar="NAME", help="Only this file; may be repeated.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Use the cache only; never ask the network.")] = False,
    json: JsonFlag = False,
) -> None:
    """Download public frames of a mission with checksums; what is in the cache already isn't fetched again."""
    from terraluna.frames.fetch import fetch_mission, load_registry

    registry = load_registry(mission)
    names = registry.select(files)
    with progress(f"fetching {mission}", len(names)) as bar:
        result = fetch_mission(
            registry,
            folder=output,
            base_url=base_url,
            names=names,
            offline=offline,
            step=lambda _: bar.advance(bar.task_ids[0]),
        )
    if json:
        say_json(
            {
                "mission": registry.mission,
                "folder": str(result.folder),
                "base_url": result.base_url,
                "licence": registry.licence,
                "files": [{"file": str(p), "fetched": p.name in result.fetched} for p in result.paths],
            }
        )
        return
    for path in result.paths:
        say(str(path))
    say(f"{len(result.fetched)} fetched, {len(result.paths) - len(result.fetched)} in the cache; {registry.licence}")
