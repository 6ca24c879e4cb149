"""What a picture file says: the pixels as stored, and what its label knows of when, where and how they were taken.

Orientation: arrays are kept in the order of the file, row 0 first. :attr:`Observation.first_row` and
:attr:`Observation.first_column` say on which side the archive displays that row and column: ``top`` and ``left`` for
PDS, VICAR, IMQ, HDF5 and pictures unless the label says otherwise, ``bottom`` for FITS, whose standard counts rows
upwards. :meth:`RawFrame.upright` turns any frame the archive's way up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import hypot, isfinite
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

FULL_FRAME_MM: Final = (36.0, 24.0)
"""Size of the film frame behind every "35 mm equivalent" (CIPA DCG-001), mm."""

Quantity = Literal["position", "distance", "phase", "subpoint", "direction", "diameter_px", "velocity"]


@dataclass(frozen=True)
class HeaderWarning:
    """One thing that is wrong with a header or a file.

    Attributes:
        keyword: the keyword, record or part that it is about, as the file spells it.
        text: one line: what is wrong.
        stated: what the file says, or None.
        expected: what it should say, or None where that isn't known.
    """

    keyword: str
    text: str
    stated: str | None = None
    expected: str | None = None

    def __str__(self) -> str:
        return f"{self.keyword}: {self.text}"


@dataclass(frozen=True)
class Claim:
    """A quantity in a label that an ephemeris can check.

    Attributes:
        keyword: name in the label; several names are joined by ``/``.
        quantity: ``position`` (vector from ``origin`` to ``body``, J2000, km), ``velocity`` (the same in km/s),
            ``distance`` (km), ``phase`` (Sun-body-origin, degrees), ``subpoint`` (planetocentric latitude and east
            longitude of ``origin`` on ``body``, degrees), ``direction`` (right ascension and declination of ``body``
            from ``origin``, J2000, degrees), ``diameter_px`` (equatorial diameter of ``body``, pixels).
        body: lower-case name; ``spacecraft`` is the observer.
        origin: lower-case name.
        value: the numbers.
        slack: extra tolerance in the unit of the value, for quantities that are local (a phase angle at the centre
            of the field) or loosely defined.
    """

    keyword: str
    quantity: Quantity
    body: str
    origin: str
    value: tuple[float, ...]
    slack: float = 0.0


@dataclass(frozen=True)
class Pointing:
    """Where the label says that the camera looked.

    Attributes:
        keyword: names in the label.
        ra_deg: right ascension of the boresight, J2000, degrees, or None.
        dec_deg: declination, degrees, or None.
        twist_deg: angle about the boresight as the label defines it, degrees, or None.
        quaternion: spacecraft or camera attitude as stored (order and frame as the label defines them), or None.
        note: what the label says about the convention.
    """

    keyword: str
    ra_deg: float | None = None
    dec_deg: float | None = None
    twist_deg: float | None = None
    quaternion: tuple[float, float, float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class CameraHint:
    """What the label knows of the optics; enough for a pinhole model when ``focal_px`` is not None.

    Attributes:
        width: columns of the image, pixels.
        height: rows of the image, pixels.
        focal_length_mm: focal length, or None.
        pixel_pitch_um: size of an image pixel (after binning or resizing), or None.
        focal_35mm: focal length that gives the same diagonal field on a 36 x 24 mm frame, or None.
        ifov_rad: angle of one pixel at the centre, or None.
        make: maker and model of the camera.
        source: keywords that the values come from.
    """

    width: int
    height: int
    focal_length_mm: float | None = None
    pixel_pitch_um: float | None = None
    focal_35mm: float | None = None
    ifov_rad: float | None = None
    make: str = ""
    source: tuple[str, ...] = ()

    @property
    def focal_px(self) -> float | None:
        """Focal length in pixels from the best evidence: pixel size, then IFOV, then 35 mm equivalent; or None."""
        if self.focal_length_mm and self.pixel_pitch_um:
            return self.focal_length_mm / (self.pixel_pitch_um * 1e-3)
        if self.ifov_rad:
            return 1.0 / self.ifov_rad
        if self.focal_35mm:
            return self.focal_35mm * hypot(self.width, self.height) / hypot(*FULL_FRAME_MM)
        return None


@dataclass(frozen=True)
class Observation:
    """One exposure as its label describes it; whatever the label doesn't say is None or empty.

    Attributes:
        path: the file that was read.
        sha256: checksum of that file, hexadecimal.
        format: ``fits``, ``pds3``, ``pds4``, ``vicar``, ``imq``, ``hdf5``, ``png``, ``jpeg`` or ``tiff``.
        instrument: id in the camera catalogue (``onc-w2``), or None if the camera has none.
        instrument_name: the camera in the label's own words.
        spacecraft: the spacecraft in the label's own words.
        target: the target, lower case, or None.
        utc: middle of the exposure, ISO 8601 UTC, or None.
        utc_start: start of the exposure, or None.
        et: middle of the exposure, TDB seconds past J2000, or None.
        et_start: start of the exposure, or None.
        exposure_s: exposure time, s, or None.
        filter: filter name, or None.
        unit: unit of the stored pixels (``DN`` unless the label says otherwise).
        pointing: attitude, or None.
        claims: everything that an ephemeris can check.
        epoch_slack_s: how far the label's geometry may lie from the stated time, s.
        camera: hint for a camera model, or None.
        first_row: where the archive displays row 0.
        first_column: where the archive displays column 0.
        label: the whole label, nested as in the file.
    """

    path: str
    sha256: str
    format: str
    instrument: str | None = None
    instrument_name: str = ""
    spacecraft: str = ""
    target: str | None = None
    utc: str | None = None
    utc_start: str | None = None
    et: float | None = None
    et_start: float | None = None
    exposure_s: float | None = None
    filter: str | None = None
    unit: str = "DN"
    pointing: Pointing | None = None
    claims: tuple[Claim, ...] = ()
    epoch_slack_s: float = 60.0
    camera: CameraHint | None = None
    first_row: Literal["top", "bottom"] = "top"
    first_column: Literal["left", "right"] = "left"
    label: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RawFrame:
    """The pixels as stored.

    Attributes:
        data: (rows, columns), or (rows, columns, 3) for a colour picture; the type of the file, native byte order.
        mask: (rows, columns) bool, True where a pixel is missing, invalid or saturated by the label's own limits.
        observation: what the label says.
        warnings: what is wrong with the header or the file.
    """

    data: NDArray[Any]
    mask: NDArray[np.bool_]
    observation: Observation
    warnings: tuple[HeaderWarning, ...] = ()

    def upright(self) -> NDArray[Any]:
        """The pixels with the archive's top row first and its left column first (a view)."""
        rows = slice(None, None, -1) if self.observation.first_row == "bottom" else slice(None)
        columns = slice(None, None, -1) if self.observation.first_column == "right" else slice(None)
        return self.data[rows, columns]


@dataclass(frozen=True, eq=False)
class CalibratedFrame:
    """The pixels in a physical unit.

    Attributes:
        data: (rows, columns) float64.
        unit: ``electron``, ``DN``, ``DN/s``, ``reflectance`` or the label's radiance unit.
        mask: (rows, columns) bool, True where the value can't be used.
        variance: (rows, columns) float64 in the square of the unit, or None where gain and noise aren't known.
        observation: what the label says.
        history: one line a step, in order.
        warnings: those of the raw frame and those of the calibration.
    """

    data: NDArray[np.float64]
    unit: str
    mask: NDArray[np.bool_]
    variance: NDArray[np.float64] | None
    observation: Observation
    history: tuple[str, ...] = ()
    warnings: tuple[HeaderWarning, ...] = ()


def finite(*values: float | None) -> bool:
    """Whether all values are numbers."""
    return all(v is not None and isfinite(v) for v in values)
