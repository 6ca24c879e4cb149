"""What a mission file may say: the schema of ``data/missions/*.toml``.

Every number in a mission file carries its source; `quality` says how well the geometry is known and is printed with
every result that rests on it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Quality = Literal["telemetry", "navigation", "ephemeris", "fitted", "reconstructed"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ObservationSpec(_Strict):
    """When the picture was taken."""

    utc: str
    """Mid-exposure of the portrait, UTC."""
    note: str = ""
    """How the time is known."""
    source: str = ""


class PointingSpec(_Strict):
    """How the camera is turned. Angles in the image run from up, counter-clockwise.

    ``pair``: boresight between the two centres (``weight`` 0 at the Earth, 1 at the Moon).
    ``anti-sun``: the point opposite to the Sun falls ``offset_x_deg`` right and ``offset_y_deg`` below the boresight.
    ``radec``: boresight at J2000 ``ra_deg``, ``dec_deg``.
    These three are rolled by exactly one of the angles. ``quaternion``: J2000 to camera axes, scalar first, as SPICE's
    ``q2m`` takes it; no roll.
    """

    law: Literal["pair", "anti-sun", "radec", "quaternion"]
    weight: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    offset_x_deg: Annotated[float, Field(gt=-60.0, lt=60.0)] = 0.0
    offset_y_deg: Annotated[float, Field(gt=-60.0, lt=60.0)] = 0.0
    ra_deg: float | None = None
    dec_deg: Annotated[float, Field(ge=-90.0, le=90.0)] | None = None
    quaternion: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    celestial_north_angle_deg: float | None = None
    """Direction of J2000 north at the boresight."""
    earth_north_angle_deg: float | None = None
    """Direction of the Earth's north pole at the Earth."""
    pair_angle_deg: float | None = None
    """Direction from the Earth to the Moon."""
    source: str = ""
    """Why this turn: the published picture, or a choice."""

    @model_validator(mode="after")
    def _complete(self) -> PointingSpec:
        rolls = (self.celestial_north_angle_deg, self.earth_north_angle_deg, self.pair_angle_deg)
        if self.law == "quaternion":
            if self.quaternion is None or not 0.99 < sum(q * q for q in self.quaternion) < 1.01:
                raise ValueError("the law quaternion needs a unit quaternion of four numbers")
            return self
        if sum(r is not None for r in rolls) != 1:
            raise ValueError("give exactly one of celestial_north_angle_deg, earth_north_angle_deg and pair_angle_deg")
        if self.law == "radec" and (self.ra_deg is None or self.dec_deg is None):
            raise ValueError("the law radec needs ra_deg and dec_deg")
        return self


class PortraitSpec(_Strict):
    """How the portrait is developed."""

    width: Annotated[int, Field(gt=0, le=4096)] | None = None
    """Width of the cut around the two bodies, camera px; the whole detector if left out."""
    height: Annotated[int, Field(gt=0, le=4096)] | None = None
    magnify: Annotated[int, Field(ge=1, le=32)] = 1
    """Each camera pixel becomes this many picture pixels."""
    monochrome: bool = False
    stretch: Literal["linear", "asinh"] = "linear"
    white: Annotated[float, Field(gt=0.0)] = 0.6
    """Radiance factor that becomes white."""
    softening: Annotated[float, Field(gt=0.0)] = 0.1
    """Radiance factor at which the asinh stretch turns from linear to logarithmic."""
    moon_brightening: Annotated[float, Field(gt=0.0)] = 1.0
    """Factor on the Moon, where the released picture had one."""
    note: str = ""


class SurfaceSpec(_Strict):
    """What the bodies' surfaces and the Earth's air are like on the day."""

    clouds: str | None = None
    """Cloud map of the date (PNG, TIFF or NetCDF, equirectangular), relative to the file; None: the packaged one."""
    cloud_cover: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """Area mean of the effective cover that the cloud map is scaled to."""
    wind_m_s: Annotated[float, Field(ge=0.0, le=50.0)] | None = None
    """Wind that roughens the sea."""
    moon_relief: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """Factor on the Moon's relief; 0 draws a smooth sphere."""


class ScanSpec(_Strict):
    """How a pushbroom scans: its lines one after the other, each at its own time and attitude."""

    lines: Annotated[int, Field(gt=0, le=20000)] | None = None
    """Lines of the strip; the height of the camera's frame if left out."""
    rate_factor: Annotated[float, Field(gt=0.0)] = 1.0
    """Turn rate over the one at which the image moves a pixel a line: off 1, the stages smear and the scale changes."""
    line_time_s: Annotated[float, Field(gt=0.0)] | None = None
    """Time from line to line; the camera's if left out."""
    stages: Annotated[int, Field(gt=0, le=1024)] | None = None
    """TDI stages; the camera's if left out. The exposure is stages times line time."""


class SimulationSpec(_Strict):
    """How the camera's frame is simulated."""

    quantity: Literal["dn", "electrons", "radiance", "radiance-factor"] = "dn"
    """``dn``: with every effect of the detector; the others are what arrives, without noise."""
    filters: list[str] | None = None
    """Filters in the order of the bands; the colour filters (r, g, b), or the first, if left out."""
    exposure_s: (
        Annotated[float, Field(ge=0.0)] | list[Annotated[float, Field(ge=0.0)]] | Literal["catalogue", "auto"]
    ) = "catalogue"
    sequence: bool = False
    """Take the filters one after the other, each at its own time, as the camera's filter wheel does."""
    scan: ScanSpec | None = None
    """Take the frame line by line with a pushbroom camera."""
    stars: bool = True
    faintest_v: float = 8.0
    planets: bool = True
    shadows: bool = True
    seed: int = 0
    truth: bool = False
    """Add truth layers: body, latitude, longitude, incidence, emission, phase, range."""
    tile: Annotated[list[int], Field(min_length=4, max_length=4)] | None = None
    """Column, row, width, height of the part of the detector that is simulated; not with ``scan`` or ``sequence``."""
    memory_limit_gb: Annotated[float, Field(gt=0.0)] = 4.0
    effects: dict[str, bool | float | str] = Field(default_factory=dict)
    """Effects of the detector by name (``shot = false``), see the page *Rendering*."""


class ClaimSpec(_Strict):
    """One published claim, as a quantity that can be recomputed."""

    id: str
    claim: str
    """The claim in a few words of our own."""
    quantity: str
    """Name of a function in :mod:`terraluna.missions.quantities`."""
    at: str | None = None
    """UTC at which it is evaluated; the observation's time if left out."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    published: float | str
    tolerance: float | None = None
    tolerance_origin: str = ""
    unit: str = ""
    contradicts: str | None = None
    """Id of another claim of the same caption that cannot hold at the same time."""
    note: str = ""
    source: str

    @model_validator(mode="after")
    def _has_tolerance(self) -> ClaimSpec:
        if not isinstance(self.published, str) and (self.tolerance is None or not self.tolerance_origin):
            raise ValueError("a number needs a tolerance and its tolerance_origin")
        return self


class PictureEvidence(_Strict):
    """What a published picture shows, measured on it: scale-free numbers that date it or place its camera."""

    file: str
    separation_over_earth_diameter: float | None = None
    separation_over_earth_diameter_sigma: Annotated[float, Field(gt=0.0)] | None = None
    earth_bright_limb_minus_pair_deg: float | None = None
    moon_bright_limb_minus_pair_deg: float | None = None
    direction_sigma_deg: Annotated[float, Field(gt=0.0)] | None = None
    source: str


class MissionSpec(_Strict):
    """A mission file."""

    id: str
    name: str
    spacecraft: str
    camera: str
    quality: Quality
    summary: str
    observation: ObservationSpec
    trajectory: dict[str, Any]
    pointing: PointingSpec
    portrait: PortraitSpec = PortraitSpec()
    surface: SurfaceSpec = SurfaceSpec()
    simulation: SimulationSpec = SimulationSpec()
    claims: list[ClaimSpec] = Field(default_factory=list)
    evidence: PictureEvidence | None = None
    sources: list[str]
