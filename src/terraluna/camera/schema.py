"""The form of a camera file (TOML), checked with pydantic, and the step from the file to the frozen camera."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from terraluna.camera.distortion import COUNTS, Distortion, DistortionModel
from terraluna.camera.model import Camera, Ccd, Channel, Detector, Filter, Optics, Pushbroom, Shutter
from terraluna.camera.psf import Psf
from terraluna.errors import CatalogueError, InputError

ASSUMED = "assumed"
"""A source that begins with this word marks a value that nobody published."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class GeometryTable(_Table):
    """[geometry]: size of the frame, focal length, principal point."""

    width_px: int = Field(gt=0, le=100_000)
    height_px: int = Field(gt=0, le=100_000)
    focal_length_mm: float | None = Field(default=None, gt=0)
    pixel_um: float | None = Field(default=None, gt=0)
    focal_px: float | None = Field(default=None, gt=0)
    focal_sigma_px: float | None = Field(default=None, gt=0)
    principal_point_px: list[float] | None = Field(default=None, min_length=2, max_length=2)

    @model_validator(mode="after")
    def _one_focal_length(self) -> Self:
        if (self.focal_px is None) == (self.focal_length_mm is None):
            raise ValueError("give either focal_px, or focal_length_mm with pixel_um")
        if self.focal_length_mm is not None and self.pixel_um is None:
            raise ValueError("focal_length_mm needs pixel_um")
        return self


class DistortionTable(_Table):
    """[distortion]: model and coefficients, see :class:`terraluna.camera.distortion.Distortion`."""

    model: DistortionModel = "none"
    coefficients: list[float] = Field(default_factory=list)
    center_px: list[float] | None = Field(default=None, min_length=2, max_length=2)

    @model_validator(mode="after")
    def _count(self) -> Self:
        fewest, most = COUNTS[self.model]
        if not fewest <= len(self.coefficients) <= most:
            given = len(self.coefficients)
            raise ValueError(f"model {self.model!r} takes {fewest} to {most} coefficients, not {given}")
        return self

    def build(self) -> Distortion:
        """The frozen distortion."""
        center = None if self.center_px is None else (self.center_px[0], self.center_px[1])
        return Distortion(self.model, tuple(self.coefficients), center)


class PsfTable(_Table):
    """[psf]: see :class:`terraluna.camera.psf.Psf`."""

    sigma_px: float = Field(default=0.5, ge=0)
    wing_fraction: float = Field(default=0.0, ge=0, le=1)
    wing_radius_px: float = Field(default=2.0, gt=0)
    wing_power: float = Field(default=2.5, gt=1)
    measured: list[list[float]] | None = None


class DetectorTable(_Table):
    """[detector]: see :class:`terraluna.camera.model.Detector`."""

    gain_e_dn: float = Field(gt=0)
    full_well_e: float = Field(gt=0)
    read_noise_e: float = Field(ge=0)
    dark_e_s: float = Field(default=0.0, ge=0)
    bias_dn: float = Field(default=0.0, ge=0)
    bits: int = Field(ge=1, le=32)
    saturation_dn: float | None = Field(default=None, gt=0)
    shutter: Shutter = "global"
    transfer_s_per_row: float | None = Field(default=None, gt=0)
    bayer: Literal["RGGB", "BGGR", "GRBG", "GBRG"] | None = None


class OpticsTable(_Table):
    """[optics]: focal ratio."""

    f_number: float = Field(gt=0)


class FilterTable(_Table):
    """[[filters]]: see :class:`terraluna.camera.model.Filter`."""

    name: str = Field(min_length=1)
    centre_nm: float = Field(gt=0)
    fwhm_nm: float = Field(gt=0)
    channel: Channel | None = None
    exposure_s: float | None = Field(default=None, gt=0)
    throughput: float | None = Field(default=None, gt=0, le=1)
    responsivity_dn_s: float | None = Field(default=None, gt=0)
    focal_length_mm: float | None = Field(default=None, gt=0)
    curve: str | None = None


class CcdTable(_Table):
    """[[pushbroom.ccds]]: one array."""

    name: str = Field(min_length=1)
    band: str = Field(min_length=1)
    along_px: float | None = None
    across_px: float | None = None


class PushbroomTable(_Table):
    """[pushbroom]: see :class:`terraluna.camera.model.Pushbroom`."""

    line_time_s: float = Field(gt=0)
    tdi_stages: int = Field(gt=0)
    ccd_width_px: int = Field(gt=0)
    ccds: list[CcdTable] = Field(default_factory=list)
    distortion: DistortionTable = Field(default_factory=DistortionTable)


class CameraFile(_Table):
    """A whole camera file."""

    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    notes: str = ""
    geometry: GeometryTable
    detector: DetectorTable
    distortion: DistortionTable = Field(default_factory=DistortionTable)
    psf: PsfTable = Field(default_factory=PsfTable)
    optics: OpticsTable | None = None
    filters: list[FilterTable] = Field(default_factory=list)
    pushbroom: PushbroomTable | None = None
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [item.name for item in self.filters]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the filter name {twice[0]!r} appears twice")
        return self

    def build(self) -> Camera:
        """The frozen camera; InputError if the numbers don't fit together."""
        g = self.geometry
        focal = g.focal_px if g.focal_px is not None else _focal_px(g)
        center = g.principal_point_px or [(g.width_px - 1) / 2.0, (g.height_px - 1) / 2.0]
        detector = self.detector.model_dump()
        if detector["saturation_dn"] is None:
            detector["saturation_dn"] = float(2**self.detector.bits - 1)
        psf = self.psf.model_dump()
        if psf["measured"] is not None:
            psf["measured"] = tuple(tuple(row) for row in psf["measured"])
        camera = Camera(
            id=self.id,
            name=self.name,
            width=g.width_px,
            height=g.height_px,
            focal_px_x=focal,
            focal_px_y=focal,
            cx=center[0],
            cy=center[1],
            pixel_um=g.pixel_um,
            focal_sigma_px=g.focal_sigma_px,
            detector=Detector(**detector),
            distortion=self.distortion.build(),
            psf=Psf(**psf),
            optics=None if self.optics is None else Optics(self.optics.f_number),
            filters=tuple(Filter(**item.model_dump()) for item in self.filters),
            pushbroom=_pushbroom(self.pushbroom),
            assumed=tuple(key for key, source in self.sources.items() if source.startswith(ASSUMED)),
            sources=tuple(self.sources.items()),
            notes=self.notes,
        )
        camera.kernel_parameters()
        for item in camera.filters:
            item.band()
        return camera


def _focal_px(g: GeometryTable) -> float:
    if g.focal_length_mm is None or g.pixel_um is None:
        raise InputError("focal_length_mm needs pixel_um")
    return g.focal_length_mm / (g.pixel_um * 1e-3)


def _pushbroom(table: PushbroomTable | None) -> Pushbroom | None:
    if table is None:
        return None
    ccds = tuple(Ccd(**item.model_dump()) for item in table.ccds)
    return Pushbroom(table.line_time_s, table.tdi_stages, table.ccd_width_px, ccds, table.distortion.build())


def parse_camera(raw: dict[str, Any], where: str) -> Camera:
    """Camera from the content of a TOML file; CatalogueError of one line that names ``where`` and the key."""
    try:
        return CameraFile.model_validate(raw).build()
    except ValidationError as error:
        raise CatalogueError(f"camera file {where}: {describe(error)}") from None
    except InputError as error:
        raise CatalogueError(f"camera file {where}: {error}") from None


def describe(error: ValidationError) -> str:
    """The first problem of a validation, one line: the key, what is wrong, how many more there are."""
    problems = error.errors(include_url=False)
    first = problems[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        text = f"the key {key!r} is missing; add it"
    elif first["type"] == "extra_forbidden":
        text = f"the key {key!r} is not known; remove it or check its spelling"
    else:
        message = first["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        given = first.get("input")
        shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
        text = f"the key {key!r}: {message}{shown}" if key else f"{message}{shown}"
    more = len(problems) - 1
    return text + (f" (and {more} more)" if more else "")


def unsourced_keys(raw: dict[str, Any]) -> list[str]:
    """Keys of a camera file that hold a number without an entry in [sources].

    The entry of a table covers what is below it; ``filters.*.exposure_s`` covers that key of every filter.
    """
    sources = raw.get("sources", {})

    def covered(path: str) -> bool:
        parts = path.split(".")
        every = [*parts[:1], "*", *parts[2:]]
        return any(".".join(p[:n]) in sources for p in (parts, every) for n in range(1, len(p) + 1))

    found: list[str] = []

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{path}.{key}" if path else key)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                walk({k: v for k, v in item.items() if k != "name"}, f"{path}.{item.get('name', '?')}")
        elif isinstance(value, int | float | list) and not isinstance(value, bool) and not covered(path):
            found.append(path)

    walk({k: v for k, v in raw.items() if k != "sources"}, "")
    return found
