"""What every command shares: one-line errors, JSON on stdout, progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from terraluna.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

EXIT_NO = 1
"""The answer is no: a failed claim, a refused measurement, no window."""

EXIT_BAD_INPUT = 2

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def say_json(data: dict[str, Any]) -> None:
    """Print one JSON object on stdout; numbers that are not finite become null, since JSON has none."""
    sys.stdout.write(json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not (-float("inf") < value < float("inf")):
        return None
    return value


def say(text: str) -> None:
    """Print a line for people on stdout."""
    sys.stdout.write(text + "\n")


def fail(text: str) -> None:
    """Print one line on stderr."""
    sys.stderr.write(f"terraluna: {' '.join(text.split())}\n")


def console() -> Console:
    """Console for tables on stdout; wide where the output is a file or a pipe, which have no width of their own."""
    from rich.console import Console

    out = Console()
    return out if out.is_terminal else Console(width=160)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Progress]:
    """A progress bar on stderr, shown only on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    err = Console(stderr=True)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        bar.add_task(what, total=total)
        yield bar


def output_folder(path: Path) -> Path:
    """Make a folder for results; OutputError in one line if that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be made a folder: {error.strerror or error}; choose another with -o"
        ) from error
    return path
