"""The nine missions, read from TOML."""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from terraluna.errors import CatalogueError, InputError
from terraluna.missions.model import MissionSpec

MISSION_IDS = (
    "tianwen-1",
    "change-5-t1",
    "longjiang-2",
    "voyager-1",
    "mro",
    "messenger",
    "dscovr",
    "hayabusa2",
    "osiris-rex",
)


def mission_folder() -> Path:
    """Folder of the packaged mission files."""
    return Path(str(files("terraluna").joinpath("data/missions")))


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; InputError or CatalogueError in one line that names the file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{path}: is not UTF-8 text: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: is not valid TOML: {error}") from error


def parse_mission(path: Path) -> MissionSpec:
    """Read a mission file; CatalogueError names the file, the key and what is wrong with it."""
    try:
        return MissionSpec.model_validate(read_toml(path))
    except ValidationError as error:
        raise CatalogueError(f"{path}: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """One line for the first problem that pydantic found: the key as a dotted path, and what is wrong."""
    found = error.errors(include_url=False)
    first, key = found[0], _key(found[0]["loc"])
    # Where a key takes a number or a list, what is wrong inside the list that was given says more than that it is one.
    first = next((item for item in found if _key(item["loc"]).startswith(f"{key}.")), first)
    wrong = {_key(item["loc"]) for item in found} - {key}
    key = _key(first["loc"])
    text = {
        "extra_forbidden": "is not known; remove it or correct its name",
        "missing": "is missing; give it",
    }.get(first["type"], first["msg"].removeprefix("Value error, "))
    more = len(wrong - {key})
    rest = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
    return f"key {key}: {text}{rest}"


def _key(place: tuple[str | int, ...]) -> str:
    """Return a problem's place as a dotted path, without the kinds of value that pydantic tried one after the other."""
    kinds = ("constrained-", "list[", "literal[")
    return ".".join(str(part) for part in place if not str(part).startswith(kinds)) or "the file"


@cache
def load_mission(mission_id: str) -> MissionSpec:
    """A mission of the catalogue by id, in any case; InputError suggests the nearest names."""
    key = mission_id.strip().lower()
    if key not in MISSION_IDS:
        near = difflib.get_close_matches(key, MISSION_IDS, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"the missions are {', '.join(MISSION_IDS)}"
        raise InputError(f"unknown mission {mission_id!r}; {hint}")
    return parse_mission(mission_folder() / f"{key}.toml")


def load_all() -> list[MissionSpec]:
    """All nine, in the catalogue's order."""
    return [load_mission(m) for m in MISSION_IDS]
