"""What a request may say: the schema of the TOML files that ``terraluna plan`` reads."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from terraluna.errors import CatalogueError, InputError
from terraluna.missions.catalogue import first_problem, read_toml

Part = Annotated[float, Field(ge=0.0, le=1.0)]
Degrees = Annotated[float, Field(ge=0.0, le=180.0)]
Span = Annotated[list[float], Field(min_length=2, max_length=2)]
Positive = Annotated[float, Field(gt=0.0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PointingTable(_Table):
    """[pointing]: how the camera is held; angles in the image run from up, counter-clockwise.

    ``balanced``: the middle between both outer limbs on the boresight. ``pair``: a point of the arc between both
    centres (``weight``). ``earth``, ``moon``: that body on the boresight, or at ``pixel``. ``thirds``: the Earth on an
    upper third point, the Moon toward the opposite one. ``anti-sun``: as Longjiang-2, the point opposite to the Sun
    ``offset_x_deg`` right of and ``offset_y_deg`` below the boresight. ``nadir``: the body of the orbit. ``radec``,
    ``quaternion``: inertial. ``mission``: as the mission's own file says.
    """

    law: Literal[
        "balanced", "pair", "earth", "moon", "thirds", "anti-sun", "nadir", "radec", "quaternion", "mission"
    ] = "balanced"
    weight: Part = 0.5
    pixel: Span | None = None
    offset_x_deg: Annotated[float, Field(gt=-60.0, lt=60.0)] = 0.0
    offset_y_deg: Annotated[float, Field(gt=-60.0, lt=60.0)] = 0.0
    ra_deg: float | None = None
    dec_deg: Annotated[float, Field(ge=-90.0, le=90.0)] | None = None
    quaternion: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    roll: Literal["pair", "north", "sun", "velocity", "earth-north"] | None = None
    roll_angle_deg: float | None = None

    @model_validator(mode="after")
    def _complete(self) -> PointingTable:
        if self.law == "radec" and (self.ra_deg is None or self.dec_deg is None):
            raise ValueError("the law radec needs ra_deg and dec_deg")
        if self.law == "quaternion" and (
            self.quaternion is None or not 0.99 < sum(q * q for q in self.quaternion) < 1.01
        ):
            raise ValueError("the law quaternion needs a unit quaternion of four numbers")
        if self.pixel is not None and self.law not in ("earth", "moon"):
            raise ValueError("pixel goes with the laws earth and moon")
        return self


class FeatureTable(_Table):
    """A place that must be lit and in view: a name of the gazetteer, or body, lat_deg and lon_deg."""

    place: str | None = None
    body: Literal["earth", "moon"] | None = None
    lat_deg: Annotated[float, Field(ge=-90.0, le=90.0)] | None = None
    lon_deg: Annotated[float, Field(ge=-360.0, le=360.0)] | None = None
    max_incidence_deg: Degrees | None = 75.0
    max_emission_deg: Degrees = 70.0

    @model_validator(mode="after")
    def _one(self) -> FeatureTable:
        where = (self.body, self.lat_deg, self.lon_deg)
        if (self.place is None) == all(v is None for v in where) or (self.place is None and None in where):
            raise ValueError("give either place, or body, lat_deg and lon_deg")
        return self


class CrescentTable(_Table):
    """Where the lit limb of a body points in the image."""

    body: Literal["earth", "moon"] = "earth"
    angle_deg: float
    tolerance_deg: Annotated[float, Field(gt=0.0, le=180.0)] = 20.0


class WantTable(_Table):
    """[want]: what the picture shall show; everything given must hold."""

    both_inside: bool | None = None
    earth_inside: bool | None = None
    moon_inside: bool | None = None
    earth_part: Part = 1.0
    """Share of the Earth's radius that must be inside the frame: 1 the whole disc, 0 its centre."""
    moon_part: Part = 1.0
    margin_px: float = 0.0
    event: Literal["clear", "transit", "occultation", "hidden", "grazing", "earthrise", "earthset"] | None = None
    """``transit``: the nearer disc wholly before the other; ``occultation``: they overlap; ``hidden``: the farther one
    wholly behind; ``grazing``: limbs within ``grazing_deg``; ``earthrise``: Earth partly behind the Moon or within
    ``grazing_deg`` above its limb, and coming out (``earthset``: going in)."""
    grazing_deg: Positive = 0.5
    separation_deg: Span | None = None
    earth_diameter_px: Span | None = None
    moon_diameter_px: Span | None = None
    earth_range_km: Span | None = None
    moon_range_km: Span | None = None
    earth_phase_deg: Span | None = None
    moon_phase_deg: Span | None = None
    crescent: CrescentTable | None = None
    features: list[FeatureTable] = []
    eclipse: Literal["lunar-penumbral", "lunar-umbral", "solar"] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> WantTable:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, list) and len(value) == 2 and isinstance(value[0], float) and value[0] > value[1]:
                raise ValueError(f"{name}: the lower end {value[0]:g} is above the upper end {value[1]:g}")
        return self


class KeepOutTable(_Table):
    """A direction that the boresight must stay away from, or near to."""

    ra_deg: float
    dec_deg: Annotated[float, Field(ge=-90.0, le=90.0)]
    min_deg: Degrees | None = None
    max_deg: Degrees | None = None


class StationTable(_Table):
    """A pass over a ground station must begin within some hours after the picture."""

    place: str | None = None
    lat_deg: Annotated[float, Field(ge=-90.0, le=90.0)] | None = None
    lon_deg: Annotated[float, Field(ge=-360.0, le=360.0)] | None = None
    min_elevation_deg: Annotated[float, Field(ge=0.0, lt=90.0)] = 5.0
    within_hours: Annotated[float, Field(ge=0.0)] = 24.0

    @model_validator(mode="after")
    def _one(self) -> StationTable:
        if (self.place is None) == (self.lat_deg is None) or (self.lat_deg is None) != (self.lon_deg is None):
            raise ValueError("give either place, or lat_deg and lon_deg")
        return self


class ForbidTable(_Table):
    """[forbid]: what must not be."""

    sun_within_deg: Degrees | None = None
    """Least angle of the Sun from the boresight."""
    earth_hidden: bool = False
    """No part of the Earth behind the Moon."""
    moon_hidden: bool = False
    sun_up: bool = False
    """Only while the Sun is behind the Moon or the Earth."""
    attitude: list[KeepOutTable] = []
    max_slew_deg_s: Positive | None = None
    station: StationTable | None = None


class ExposureTable(_Table):
    """[exposure]: bounds on clipping and noise, and how still the camera is."""

    filters: list[str] = []
    max_clipped: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.01
    min_snr: Positive = 20.0
    min_s: Annotated[float, Field(ge=0.0)] = 1e-6
    max_s: Positive = 100.0
    rate_deg_s: Annotated[float, Field(ge=0.0)] = 0.0
    """Residual turning of the camera during an exposure."""
    max_smear_px: Positive = 0.5


class ErrorsTable(_Table):
    """[errors]: standard deviations of orbit, clock and pointing; for the probability of success."""

    along_km: Annotated[float, Field(ge=0.0)] = 0.0
    radial_km: Annotated[float, Field(ge=0.0)] = 0.0
    cross_km: Annotated[float, Field(ge=0.0)] = 0.0
    clock_s: Annotated[float, Field(ge=0.0)] = 0.0
    pointing_deg: Annotated[float, Field(ge=0.0)] = 0.0
    """Per axis across the boresight."""
    roll_deg: Annotated[float, Field(ge=0.0)] = 0.0
    draws: Annotated[int, Field(ge=100, le=100_000)] = 2000
    seed: int = 1
    wished: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.95
    limb_noise_px: Positive = 0.2
    """Noise of a limb point, for the expected navigation covariance."""


class DownlinkTable(_Table):
    """[downlink]: what it takes to bring the frames home."""

    frames: Annotated[int, Field(ge=1)] = 1
    bits_per_px: Positive = 1.0
    """Of the compressed picture; 1 is a usual JPEG of a dark sky with two discs."""
    bit_rate: Positive = 250.0
    """Bits a second on the air, after error correction."""
    loss: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the packets that are lost."""
    format: Literal["longjiang2", "standard-fec", "standard-nofec", "jy1sat", "none"] = "longjiang2"
    retransmit: bool = False


class Request(_Table):
    """A request file."""

    name: str | None = None
    mission: str | None = None
    trajectory: dict[str, Any] | list[dict[str, Any]] | None = None
    """A table of any kind of trajectory, or several, each with ``valid_from`` and ``valid_until``."""
    camera: str | list[str] | None = None
    start: str
    stop: str
    resolution_s: Annotated[float, Field(ge=0.01, le=3600.0)] = 10.0
    min_duration_s: Annotated[float, Field(ge=0.0)] = 0.0
    max_windows: Annotated[int, Field(ge=1, le=10_000)] = 20
    prefer: Literal["margin", "earliest", "longest", "large-earth", "large-moon", "near"] = "margin"
    """What ranks the windows: room to the frame's edge, time, length, size of a body, or small separation."""
    pointing: PointingTable = PointingTable()
    want: WantTable = WantTable()
    forbid: ForbidTable = ForbidTable()
    exposure: ExposureTable | None = None
    errors: ErrorsTable | None = None
    downlink: DownlinkTable | None = None

    @model_validator(mode="after")
    def _source(self) -> Request:
        if (self.mission is None) == (self.trajectory is None):
            raise ValueError("give either mission or trajectory")
        return self

    @property
    def cameras(self) -> list[str]:
        """Names of the cameras; empty where the mission's own serves or none is needed."""
        return [self.camera] if isinstance(self.camera, str) else list(self.camera or [])


def example_names() -> tuple[str, ...]:
    """Names of the requests that come with the package, in alphabetical order."""
    return tuple(sorted(path.stem for path in _examples().glob("*.toml")))


def find_request(name: str) -> Path:
    """The file of a request: a path, or the name of an example that comes with the package.

    Raises:
        InputError: neither.
    """
    path = Path(name)
    if path.exists() or path.suffix:
        return path
    if name not in example_names():
        known = ", ".join(example_names())
        raise InputError(f"{name}: neither a request file nor an example that comes along ({known})")
    return _examples() / f"{name}.toml"


def _examples() -> Path:
    return Path(str(files("terraluna").joinpath("data/requests")))


def read_request(path: Path) -> Request:
    """A request file; InputError or CatalogueError names the file, the key and what is wrong, in one line."""
    try:
        return Request.model_validate(read_toml(path))
    except ValidationError as error:
        raise CatalogueError(f"{path}: {first_problem(error)}") from None
