"""Frames of a series, the unknowns beside the orbit, and what a fit says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from terraluna.errors import InputError
from terraluna.opnav.evidence import AttitudePrior, DirectionLaw
from terraluna.opnav.types import BodyFix, Floats, LineOfSight, Status

Sight = BodyFix | LineOfSight


@dataclass(frozen=True, eq=False)
class SeriesFrame:
    """What one frame of a series measured.

    Attributes:
        name: file or image.
        et: logged time, TDB seconds past J2000.
        sights: fixes or lines of sight, at most one for each body.
        camera: which camera took it; boresight offset and scale belong to a camera.
        band: band of the limb; limb biases belong to body and band.
        attitude: attitude of the spacecraft in camera axes (star tracker), or None.
        laws: directions known in spacecraft axes and in J2000.
    """

    name: str
    et: float
    sights: tuple[Sight, ...]
    camera: str = "camera"
    band: str = "visible"
    attitude: AttitudePrior | None = None
    laws: tuple[DirectionLaw, ...] = ()

    def __post_init__(self) -> None:
        bodies = [s.body for s in self.sights]
        if len(set(bodies)) != len(bodies) or not set(bodies) <= {"earth", "moon"}:
            raise InputError(f"{self.name}: sights must be of the earth and the moon, once each; got {bodies}")


@dataclass(frozen=True)
class Unknown:
    """Prior of a quantity that is estimated, or only considered.

    A considered quantity is not improved, but its uncertainty widens the covariance of the rest.
    """

    sigma: float
    mean: float = 0.0
    considered: bool = False

    def __post_init__(self) -> None:
        if not (self.sigma > 0.0 and np.isfinite(self.mean)):
            raise InputError(f"an unknown needs a positive sigma and a finite mean, got {self.sigma} and {self.mean}")


@dataclass(frozen=True)
class Unknowns:
    """What is not known beside the orbit.

    Attributes:
        clock: seconds to add to the logged times; None: the clock is right.
        along_track: seconds by which the spacecraft is ahead of a known trajectory; None: it is not.
        boresight: per camera, rotation about its x and y axes from the attitude's frame, rad (both get this prior).
        scale: per camera, relative error of its focal length: true over assumed, less 1.
        limb_km: per (body, band), height of the apparent limb over the surface.
    """

    clock: Unknown | None = None
    along_track: Unknown | None = None
    boresight: Mapping[str, Unknown] = field(default_factory=dict)
    scale: Mapping[str, Unknown] = field(default_factory=dict)
    limb_km: Mapping[tuple[str, str], Unknown] = field(default_factory=dict)

    def table(self) -> dict[str, Unknown]:
        """All of them by name (without the path's): ``clock_s``, ``boresight_x_rad:CAMERA``, ``scale:CAMERA``,
        ``limb_km:BODY:BAND``."""
        out: dict[str, Unknown] = {}
        if self.clock is not None:
            out["clock_s"] = self.clock
        for camera, unknown in self.boresight.items():
            out[f"boresight_x_rad:{camera}"] = unknown
            out[f"boresight_y_rad:{camera}"] = unknown
        out.update({f"scale:{camera}": unknown for camera, unknown in self.scale.items()})
        out.update({f"limb_km:{body}:{band}": unknown for (body, band), unknown in self.limb_km.items()})
        return out


GATE: Final = 1e-4
"""Probability at which a good measurement is rejected."""

MOST_REJECTED: Final = 1.0 / 3.0
"""Largest share of measured frames that editing may drop; beyond it the model is wrong, not the frames."""


@dataclass(frozen=True)
class Editing:
    """Rejection of frames whose chi-square given all others is less likely than ``gate``.

    Attributes:
        gate: probability; 0 switches editing off.
        most: largest share of the frames that may be rejected.
    """

    gate: float = GATE
    most: float = MOST_REJECTED


@dataclass(frozen=True, eq=False)
class FrameResult:
    """One frame after a fit.

    Attributes:
        name: of the frame.
        et: its time with the clock's correction, TDB seconds past J2000.
        position_earth_km, velocity_earth_km_s: of the spacecraft from the Earth, J2000.
        position_moon_km: of the spacecraft from the Moon.
        covariance_km2: (3, 3) of the position.
        attitude: (3, 3) J2000 -> camera, boresight offset included; NaN where it could not be determined.
        chi_square: of the frame after the fit (whitened, attitude taken out), with ``degrees`` of freedom.
        used: bodies that the fit used; empty where the frame was rejected.
        reasons: why something was not used.
    """

    name: str
    et: float
    position_earth_km: Floats
    velocity_earth_km_s: Floats
    position_moon_km: Floats
    covariance_km2: Floats
    attitude: Floats
    chi_square: float
    degrees: int
    used: tuple[str, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SeriesFit:
    """A fit of a whole series.

    Attributes:
        names: unknowns: those of the path first (corrections of the nominal state, or ``along_track_s``).
        values: (k,) estimates; a considered unknown keeps its prior mean.
        covariance: (k, k), considered uncertainty included.
        formal_covariance: (k, k) of the estimated ones alone.
        epoch: of the state, or NaN with a known trajectory.
        state: (6,) about ``center`` at the epoch; NaN with a known trajectory.
        chi_square: of all residuals and priors, with ``degrees`` of freedom.
        frames: per frame, in the order given.
        rejected: names of frames that editing dropped.
        iterations: steps taken.
    """

    names: tuple[str, ...]
    values: Floats
    covariance: Floats
    formal_covariance: Floats
    epoch: float
    state: Floats
    center: str
    chi_square: float
    degrees: int
    frames: tuple[FrameResult, ...]
    rejected: tuple[str, ...]
    iterations: int
    status: Status = "ok"
    reasons: tuple[str, ...] = ()

    def value(self, name: str) -> tuple[float, float]:
        """Estimate and standard deviation of one unknown; InputError that lists the names if there is none."""
        if name not in self.names:
            raise InputError(f"the fit has no unknown {name!r}; it has {', '.join(self.names)}")
        i = self.names.index(name)
        return float(self.values[i]), float(np.sqrt(self.covariance[i, i]))

    @property
    def state_covariance(self) -> Floats:
        """(6, 6) of the state at the epoch; InputError with a known trajectory."""
        if len(self.names) < 6 or self.names[0] != "x_km":
            raise InputError("a fit to a known trajectory has no state of its own")
        return self.covariance[:6, :6]


@dataclass(frozen=True, eq=False)
class FilterStep:
    """The filter after one frame, or the smoother at it.

    Attributes:
        name: of the frame.
        et: time that the state is at: logged time plus the clock offset estimated then.
        state: (6,) about ``center``, J2000 km and km/s.
        biases: values of the other unknowns.
        covariance: (6 + biases, 6 + biases).
        chi_square: of the innovation, with ``degrees`` of freedom (attitude taken out).
        used: bodies that were used.
        reasons: why one was not.
    """

    name: str
    et: float
    state: Floats
    biases: Floats
    covariance: Floats
    chi_square: float
    degrees: int
    used: tuple[str, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FilterResult:
    """A series through the filter.

    Attributes:
        names: state names, then biases.
        steps: after each frame, in time order.
        smoothed: the same with all frames known at each; empty unless asked for.
        center: body that states are about.
    """

    names: tuple[str, ...]
    steps: tuple[FilterStep, ...]
    smoothed: tuple[FilterStep, ...]
    center: str
    status: Status = "ok"
    reasons: tuple[str, ...] = ()
