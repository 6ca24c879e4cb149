"""The packaged cameras, and cameras from a user's own file."""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from terraluna.camera.model import Camera
from terraluna.camera.schema import parse_camera
from terraluna.errors import CatalogueError

_FOLDER = "data/cameras"


@cache
def camera_names() -> tuple[str, ...]:
    """Ids of the packaged cameras, sorted."""
    folder = files("terraluna").joinpath(_FOLDER)
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def load_camera(name_or_path: str | Path) -> Camera:
    """A camera by its id in the catalogue, or from a TOML file.

    Args:
        name_or_path: an id (see :func:`camera_names`), or a path that ends in ``.toml``.

    Raises:
        CatalogueError: no such id (the text proposes the nearest), the file can't be read, or a key in it is wrong.
    """
    text = str(name_or_path)
    if text.endswith(".toml"):
        return _from_file(Path(text))
    if text in camera_names():
        return _packaged(text)
    near = difflib.get_close_matches(text.lower(), camera_names(), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "a path to a camera file must end in .toml."
    raise CatalogueError(f"no camera {text!r}; {hint} The cameras are {', '.join(camera_names())}")


@cache
def _packaged(name: str) -> Camera:
    text = files("terraluna").joinpath(f"{_FOLDER}/{name}.toml").read_text(encoding="utf-8")
    return _parse(text, f"{name}.toml")


def _from_file(path: Path) -> Camera:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CatalogueError(f"camera file {path}: not UTF-8 text; a camera file is TOML") from None
    except OSError as error:
        raise CatalogueError(f"camera file {path}: cannot be read ({error.strerror or error})") from None
    return _parse(text, str(path))


def _parse(text: str, where: str) -> Camera:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"camera file {where}: not valid TOML: {error}") from None
    return parse_camera(raw, where)
