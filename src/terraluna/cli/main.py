"""The command ``terraluna``: registers the commands and turns every expected error into one line and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from terraluna import __version__
from terraluna.cli import catalogue, decode, develop, fetch, measure, navigate, plan, render, scene, show
from terraluna.cli.common import EXIT_BAD_INPUT, EXIT_NO, fail
from terraluna.errors import RefusedError, TerralunaError

app = typer.Typer(
    name="terraluna",
    help="Earth-Moon group photos from spacecraft: plan, predict, develop and navigate by them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"terraluna {__version__}\n")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say on stderr what is being done.")] = False,
) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING, stream=sys.stderr, format="terraluna: %(message)s"
    )
    if verbose:
        # The compiler's own notes would drown ours.
        logging.getLogger("numba").setLevel(logging.WARNING)


app.command()(catalogue.missions)
app.command()(show.show)
app.command()(catalogue.claims)
app.command()(scene.scene)
app.command()(render.render)
app.command()(decode.decode)
app.command()(develop.develop)
app.command()(fetch.fetch)
app.command()(measure.measure)
app.command()(plan.plan)
app.command()(navigate.navigate)


def run() -> None:
    """Entry point of the console script. Exit codes: 0 done, 1 the answer is no, 2 bad input or usage."""
    try:
        code = app(standalone_mode=False)
    except RefusedError as error:
        fail(f"refused: {error}")
        code = EXIT_NO
    except TerralunaError as error:
        fail(str(error))
        code = EXIT_BAD_INPUT
    except TyperException as error:
        fail(f"{error.format_message()} (see --help)" if hasattr(error, "format_message") else str(error))
        code = EXIT_BAD_INPUT
    except (KeyboardInterrupt, typer.Abort):
        fail("interrupted; nothing half-written was left")
        code = 130
    except BrokenPipeError:
        # The reader went away (| head): not an error, but Python must not complain at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
