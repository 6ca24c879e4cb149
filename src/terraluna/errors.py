"""The exceptions of terraluna. Each text says what failed, on which input, and what to do."""

from __future__ import annotations


class TerralunaError(Exception):
    """Base of every error that terraluna raises on purpose; commands print it as one line and exit with 2."""


class InputError(TerralunaError):
    """A value, file or option given by the user cannot be used."""


class CatalogueError(InputError):
    """A camera, mission or request file is not valid; the text names the file and the key."""


class OutputError(TerralunaError):
    """A result cannot be written where the user asked."""


class CoverageError(TerralunaError):
    """A time lies outside the span that a trajectory or kernel covers.

    Attributes:
        what: name of the source that was asked.
        et: the time asked for, TDB seconds past J2000.
        span: first and last covered time, TDB seconds past J2000.
    """

    def __init__(self, what: str, et: float, span: tuple[float, float], text: str) -> None:
        super().__init__(text)
        self.what = what
        self.et = et
        self.span = span


class GeometryError(TerralunaError):
    """The geometry asked for does not exist: an observer inside a body, a body behind the camera, a NaN state."""


class RefusedError(TerralunaError):
    """A result exists but cannot be trusted; the text is the reason."""
