"""What the renderer is given: the bodies as plain arrays in the camera frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from terraluna.errors import GeometryError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.render.materials import Material

    Grid = NDArray[np.float64]


class CameraModel(Protocol):
    """The part of a camera that the renderer uses."""

    @property
    def width(self) -> int:
        """Columns, px."""

    @property
    def height(self) -> int:
        """Rows, px."""

    def kernel_parameters(self) -> NDArray[np.float64]:
        """Return the flat parameter vector that ``camera.kernels`` reads."""


@dataclass(frozen=True, eq=False)
class RenderBody:
    """One body as the camera sees it.

    Camera frame: +Z boresight, +X image right, +Y image down. All vectors are apparent (light time and stellar
    aberration applied), so that nothing later needs to know of either. The centre is the one that gives the limb as
    seen, :attr:`terraluna.scene.BodyView.limb_center_j2000_km`.

    Attributes:
        name: "earth", "moon" or any other name; used as the key of masks and brightening factors.
        center_km: (3,) observer to body centre, camera frame.
        radii_km: (3,) semi-axes of the reference spheroid, the first two equal.
        body_from_camera: (3, 3) rotation that takes camera-frame vectors to the body-fixed frame.
        sun_direction: (3,) unit vector body centre to Sun, camera frame.
        sun_range_km: body centre to Sun.
        material: what the surface does with sunlight.
    """

    name: str
    center_km: NDArray[np.float64]
    radii_km: NDArray[np.float64]
    body_from_camera: NDArray[np.float64]
    sun_direction: NDArray[np.float64]
    sun_range_km: float
    material: Material

    def __post_init__(self) -> None:
        """Check and freeze the arrays.

        Raises:
            InputError: a wrong shape, a value that is not finite, a rotation that is none.
            GeometryError: the observer is inside the body.
        """
        for field, shape in (
            ("center_km", (3,)),
            ("radii_km", (3,)),
            ("body_from_camera", (3, 3)),
            ("sun_direction", (3,)),
        ):
            value = np.array(getattr(self, field), dtype=np.float64, order="C")
            if value.shape != shape or not np.all(np.isfinite(value)):
                raise InputError(f"render body '{self.name}': {field} must be {shape} finite numbers")
            value.setflags(write=False)
            object.__setattr__(self, field, value)
        if self.radii_km.min() <= 0.0 or self.radii_km[0] != self.radii_km[1]:
            raise InputError(f"render body '{self.name}': radii_km must be positive with equal equatorial radii")
        rotation = self.body_from_camera
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9) or np.linalg.det(rotation) < 0.0:
            raise InputError(f"render body '{self.name}': body_from_camera is not a rotation matrix")
        norm = float(np.linalg.norm(self.sun_direction))
        if abs(norm - 1.0) > 1e-6:
            raise InputError(f"render body '{self.name}': sun_direction must be a unit vector (norm {norm:.6g})")
        if not (np.isfinite(self.sun_range_km) and self.sun_range_km > 0.0):
            raise InputError(f"render body '{self.name}': sun_range_km must be positive")
        if float(np.linalg.norm(self.scaled_center)) <= 1.0:
            raise GeometryError(f"render body '{self.name}': the observer is inside the body")

    @property
    def scaled_from_camera(self) -> NDArray[np.float64]:
        """(3, 3) map from the camera frame to the frame in which the body is a unit sphere."""
        scaled: NDArray[np.float64] = self.body_from_camera / self.radii_km[:, None]
        return scaled

    @property
    def scaled_center(self) -> NDArray[np.float64]:
        """(3,) observer to centre in the frame in which the body is a unit sphere."""
        center: NDArray[np.float64] = self.scaled_from_camera @ self.center_km
        return center

    @property
    def range_km(self) -> float:
        """Observer to body centre, km."""
        return float(np.linalg.norm(self.center_km))

    @property
    def observer_body_km(self) -> NDArray[np.float64]:
        """(3,) body centre to observer, body-fixed frame, km."""
        observer: NDArray[np.float64] = -(self.body_from_camera @ self.center_km)
        return observer

    @property
    def sun_body(self) -> NDArray[np.float64]:
        """(3,) unit vector body centre to Sun, body-fixed frame."""
        sun: NDArray[np.float64] = self.body_from_camera @ self.sun_direction
        return sun


@dataclass(frozen=True, eq=False)
class BodyLayer:
    """What the geometry pass knows of one body: one value a sample inside the body's pixel box.

    A pixel holds ``oversample`` x ``oversample`` samples; sample (i, j) of the arrays lies in the pixel
    ((fine_row + i) // oversample, (fine_column + j) // oversample), so that the box of a body much smaller than a
    pixel is no larger than the body. All arrays have the same shape unless said otherwise.

    Attributes:
        row, column: first pixel of the box in image pixels (may be negative on a padded canvas).
        rows, columns: size of the box, px.
        fine_row, fine_column: first sample of the box, counted from the upper left corner of pixel (0, 0).
        oversample: samples a pixel along each axis.
        coverage: covered part of the sample's square, 0..1, by exact area against the limb.
        lat_rad: planetographic latitude (which is what maps of the Earth use); planetocentric on a sphere.
        lon_rad: longitude, east positive, -pi..pi.
        mu0: cosine of incidence (negative at night).
        mu: cosine of emission.
        cos_phase: cosine of the phase angle at the point.
        height_km: height of the sample's ray above the ellipsoid (tangent height; negative inside the limb);
            (1, 1) and unused where the material has no shell.
        sun: (.., .., n) visible fraction of the Sun, n = 1 or one a band; None where no shadow can fall.
        pixel_km: size of one sample at the body's centre, km.
        radius_px: mean radius of the disc, px.
    """

    row: int
    column: int
    rows: int
    columns: int
    fine_row: int
    fine_column: int
    oversample: int
    coverage: NDArray[np.float64]
    lat_rad: NDArray[np.float64]
    lon_rad: NDArray[np.float64]
    mu0: NDArray[np.float64]
    mu: NDArray[np.float64]
    cos_phase: NDArray[np.float64]
    height_km: NDArray[np.float64]
    sun: NDArray[np.float64] | None
    pixel_km: float
    radius_px: float

    @property
    def samples(self) -> tuple[Grid, Grid, Grid, Grid, Grid, Grid]:
        """What every kernel reads of the samples: coverage, latitude, longitude, mu0, mu and cosine of the phase."""
        return self.coverage, self.lat_rad, self.lon_rad, self.mu0, self.mu, self.cos_phase

    @property
    def box(self) -> tuple[int, int, int, int, int, int, int]:
        """Where the samples lie: row, column, rows, columns, fine row and column, oversample."""
        return (
            self.row, self.column, self.rows, self.columns, self.fine_row, self.fine_column, self.oversample,
        )  # fmt: skip

    def overlaps(self, other: BodyLayer) -> bool:
        """Tell whether two pixel boxes share a pixel."""
        return (
            self.row < other.row + other.rows
            and other.row < self.row + self.rows
            and self.column < other.column + other.columns
            and other.column < self.column + self.columns
        )


def as_bands(value: Any, bands: int, what: str) -> NDArray[np.float64]:
    """Return ``value`` as one float64 a band; a scalar is repeated.

    Raises:
        InputError: neither a scalar nor ``bands`` values.
    """
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 0:
        return np.full(bands, float(array))
    if array.shape != (bands,):
        raise InputError(f"{what}: {bands} bands need {bands} values (got shape {array.shape})")
    return np.ascontiguousarray(array)
