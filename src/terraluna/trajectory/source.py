"""A trajectory from a table of a mission or request file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, assert_never

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import DAY_S, GM_KM3_S2
from terraluna.ephemeris.segments import Floats
from terraluna.errors import CatalogueError, InputError
from terraluna.trajectory.base import Quality, Trajectory
from terraluna.trajectory.elements import (
    Anomaly,
    KeplerianElements,
    earth_fixed_to_j2000,
    ecliptic_to_j2000,
    et_of_jd_tdb,
)
from terraluna.trajectory.forces import ForceOptions
from terraluna.trajectory.interpolate import DEFAULT_DEGREE, Method
from terraluna.trajectory.observables import Observable
from terraluna.trajectory.oem import OemTrajectory
from terraluna.trajectory.planet import PlanetTrajectory
from terraluna.trajectory.propagate import DEFAULT_DAYS, PropagatedTrajectory
from terraluna.trajectory.reconstruct import FreeRoll, FreeTime, Reconstruction, reconstruct
from terraluna.trajectory.spk import SpkTrajectory
from terraluna.trajectory.table import read_csv, read_xyzv

Vector = tuple[float, float, float]


class _Spec(BaseModel):
    """Keys that all kinds share."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str | None = None
    source: str = ""


class _Forced(_Spec):
    """Keys of the propagated kinds; the span is ``start`` to ``stop``, or ``span_days`` either way."""

    start: str | None = None
    stop: str | None = None
    span_days: float = Field(default=DEFAULT_DAYS, gt=0)
    cr_a_over_m: float = Field(default=0.0, ge=0)
    lunar_degree: int = Field(default=10, ge=0, le=10)
    lunar_model: str = "GRGM900C"
    shadow: bool = True

    def options(self) -> ForceOptions:
        """Forces of the propagation."""
        return ForceOptions(self.lunar_degree, self.lunar_model, self.cr_a_over_m, self.shadow)

    def span(self, epoch: float, ephemeris: Ephemeris) -> tuple[float, float]:
        """Span asked for, TDB seconds past J2000."""
        half = self.span_days * DAY_S
        return (
            epoch - half if self.start is None else ephemeris.et(self.start),
            epoch + half if self.stop is None else ephemeris.et(self.stop),
        )


class StateSpec(_Forced):
    """A state vector at an epoch, propagated.

    ``frame``: ``j2000``, ``ecliptic``, ``earth-fixed`` (position and velocity, about ``center``), or ``keplerian``
    (``elements``: a in km, e, then degrees). The epoch is one of ``utc``, ``et``, ``jd_tdb`` (a string keeps digits).
    ``propagate_about`` names the body that the integration runs about, ``center`` unless told otherwise.
    """

    kind: Literal["state"] = "state"
    frame: Literal["j2000", "ecliptic", "earth-fixed", "keplerian"] = "j2000"
    center: str = "earth"
    quality: Quality = "navigation"
    utc: str | None = None
    et: float | None = None
    jd_tdb: str | float | None = None
    position: Vector | None = None
    velocity: Vector | None = None
    elements: tuple[float, float, float, float, float, float] | None = None
    anomaly: Anomaly = "mean"
    propagate_about: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> StateSpec:
        if sum(value is not None for value in (self.utc, self.et, self.jd_tdb)) != 1:
            raise ValueError("give the epoch as exactly one of utc, et, jd_tdb")
        if self.frame == "keplerian":
            if self.elements is None or self.position is not None or self.velocity is not None:
                raise ValueError("frame 'keplerian' takes elements = [a_km, e, i, node, argp, anomaly], not a position")
        elif self.position is None or self.velocity is None or self.elements is not None:
            raise ValueError(f"frame {self.frame!r} takes position (km) and velocity (km/s), and no elements")
        if self.frame == "earth-fixed" and self.center != "earth":
            raise ValueError("frame 'earth-fixed' is about the earth: remove center")
        return self

    def epoch(self, ephemeris: Ephemeris) -> float:
        """Epoch, TDB seconds past J2000."""
        if self.utc is not None:
            return ephemeris.et(self.utc)
        return self.et if self.et is not None else et_of_jd_tdb(self.jd_tdb or "")

    def state(self, ephemeris: Ephemeris) -> Floats:
        """State (6,) about ``center``, J2000, km and km/s."""
        if self.elements is not None:
            if self.center not in GM_KM3_S2:
                raise InputError(f"center {self.center!r} has no GM here; use one of {', '.join(GM_KM3_S2)}")
            return KeplerianElements.from_degrees(self.elements, self.anomaly).state(GM_KM3_S2[self.center])
        given = np.array([*(self.position or ()), *(self.velocity or ())])
        if self.frame == "earth-fixed":
            return earth_fixed_to_j2000(given, self.epoch(ephemeris), ephemeris)
        return ecliptic_to_j2000(given) if self.frame == "ecliptic" else given


class SpkSpec(_Spec):
    """An SPK file; ``target`` is the NAIF number of the spacecraft."""

    kind: Literal["spk"]
    file: str
    target: int | None = None
    center: str | None = None
    quality: Quality = "navigation"


class OemSpec(_Spec):
    """A CCSDS OEM file, KVN or XML."""

    kind: Literal["oem"]
    file: str
    quality: Quality = "navigation"


class TableSpec(_Spec):
    """A CSV file of samples."""

    kind: Literal["table"]
    file: str
    center: str = "earth"
    frame: Literal["j2000", "ecliptic"] = "j2000"
    quality: Quality = "navigation"
    interpolation: Method = "hermite"
    degree: int = Field(default=DEFAULT_DEGREE, ge=1, le=27)


class XyzvSpec(_Spec):
    """A Celestia .xyzv file."""

    kind: Literal["xyzv"]
    file: str
    center: str = "sun"
    frame: Literal["j2000", "ecliptic"] = "ecliptic"
    quality: Quality = "navigation"
    degree: int = Field(default=DEFAULT_DEGREE, ge=1, le=27)


class PlanetSpec(_Spec):
    """At a body's centre."""

    kind: Literal["planet"]
    body: str
    quality: Quality = "ephemeris"
    offset_km: Vector = (0.0, 0.0, 0.0)


class TimeSpec(BaseModel):
    """A free time: first value and prior sigma."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    name: str
    utc: str
    sigma_s: float = Field(gt=0)


class RollSpec(BaseModel):
    """A free roll: position angle of the picture's "up" east of J2000 north, and prior sigma."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    name: str
    angle_deg: float
    sigma_deg: float = Field(gt=0)


class ReconstructSpec(_Forced):
    """A state solved from published facts; ``position`` and ``velocity`` are the first guess."""

    kind: Literal["reconstruct"]
    center: str = "earth"
    utc: str
    position: Vector
    velocity: Vector
    quality: Quality = "reconstructed"
    times: list[TimeSpec] = []
    rolls: list[RollSpec] = []
    observables: list[Observable]

    def solve(self, ephemeris: Ephemeris) -> Reconstruction:
        """The fit; errors as :func:`~terraluna.trajectory.reconstruct.reconstruct`."""
        return reconstruct(
            self.observables,
            ephemeris,
            ephemeris.et(self.utc),
            [*self.position, *self.velocity],
            self.center,
            name=self.name or "reconstruction",
            times=[FreeTime(t.name, ephemeris.et(t.utc), t.sigma_s) for t in self.times],
            rolls=[FreeRoll(r.name, r.angle_deg, r.sigma_deg) for r in self.rolls],
            options=self.options(),
            quality=self.quality,
        )


Spec = Annotated[
    StateSpec | SpkSpec | OemSpec | TableSpec | XyzvSpec | PlanetSpec | ReconstructSpec, Field(discriminator="kind")
]
"""Any kind of trajectory table; the key ``kind`` says which."""

_SPEC: Final[TypeAdapter[Spec]] = TypeAdapter(Spec)


def parse_spec(spec: Mapping[str, Any], where: str = "trajectory") -> Spec:
    """A checked table; CatalogueError that names ``where`` (the file) and the first wrong key."""
    try:
        return _SPEC.validate_python(dict(spec))
    except ValidationError as error:
        first = error.errors()[0]
        kinds = ("state", "spk", "oem", "table", "xyzv", "planet", "reconstruct")
        text = {
            "extra_forbidden": "is not known; remove it or correct its name",
            "missing": "is missing; give it",
            "union_tag_not_found": f"is missing; give one of {', '.join(kinds)}",
            "union_tag_invalid": f"this kind is not known; give one of {', '.join(kinds)}",
        }.get(first["type"], first["msg"].removeprefix("Value error, "))
        place = ".".join(str(part) for part in first["loc"] if part not in kinds)
        more = "" if error.error_count() == 1 else f" (and {error.error_count() - 1} more)"
        raise CatalogueError(f"{where}: {place or 'kind'}: {text}{more}") from None


def trajectory_from_spec(
    spec: Mapping[str, Any], ephemeris: Ephemeris, base_dir: str | Path = ".", *, where: str = "trajectory"
) -> Trajectory:
    """The trajectory that a table describes.

    Args:
        spec: keys of one of the ``...Spec`` models, ``kind`` among them.
        ephemeris: open ephemeris; an SPK source needs it as long as it lives.
        base_dir: folder that relative file names start from.
        where: what to call the table in messages, the file by custom.

    Raises:
        CatalogueError: a key is missing, unknown or wrong; names ``where`` and the key.
        InputError: a file cannot be used.
    """
    parsed = parse_spec(spec, where)
    try:
        return _build(parsed, ephemeris, Path(base_dir))
    except CatalogueError:
        raise
    except InputError as error:
        raise CatalogueError(f"{where}: {error}") from None


def _build(spec: Spec, ephemeris: Ephemeris, base: Path) -> Trajectory:
    match spec:
        case StateSpec():
            epoch, state = spec.epoch(ephemeris), spec.state(ephemeris)
            about = spec.propagate_about or spec.center
            if about != spec.center:
                state = state + ephemeris.state(spec.center, epoch, about)
            return PropagatedTrajectory(
                ephemeris, epoch, state, about, name=spec.name or "state", quality=spec.quality,
                span=spec.span(epoch, ephemeris), options=spec.options(),
            )  # fmt: skip
        case SpkSpec():
            path = base / spec.file
            return SpkTrajectory(
                path, ephemeris, target=spec.target, center=spec.center, name=spec.name, quality=spec.quality
            )
        case OemSpec():
            return OemTrajectory(base / spec.file, ephemeris, name=spec.name, quality=spec.quality)
        case TableSpec():
            return read_csv(
                base / spec.file, ephemeris, spec.center, name=spec.name, quality=spec.quality, frame=spec.frame,
                method=spec.interpolation, degree=spec.degree,
            )  # fmt: skip
        case XyzvSpec():
            return read_xyzv(
                base / spec.file,
                spec.center,
                name=spec.name,
                quality=spec.quality,
                frame=spec.frame,
                degree=spec.degree,
            )
        case PlanetSpec():
            return PlanetTrajectory(
                spec.body, ephemeris, name=spec.name, quality=spec.quality, offset_km=spec.offset_km
            )
        case ReconstructSpec():
            found = spec.solve(ephemeris)
            return found.trajectory(ephemeris, spec.span(found.epoch, ephemeris))
        case _:
            assert_never(spec)


def trajectory_from_file(path: str | Path, ephemeris: Ephemeris) -> Trajectory:
    """A trajectory from one file: an SPK by its ending ``.bsp``, else a CCSDS OEM.

    Raises:
        InputError: there is no such file, or it can't be used.
    """
    place = Path(path)
    if not place.is_file():
        raise InputError(f"{place}: no such file; name an OEM or an SPK")
    if place.suffix.lower() == ".bsp":
        return SpkTrajectory(place, ephemeris)
    return OemTrajectory(place, ephemeris)
