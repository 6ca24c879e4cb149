"""Distortion as the instruments' kernels write it, turned into the parameters of the compiled models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from terraluna.camera import kernels
from terraluna.camera.kernels import Floats
from terraluna.errors import InputError

DistortionModel = Literal["none", "isis-radial", "onc-radial", "ocams-radial", "brown-conrady", "fisheye"]

COUNTS: Final[dict[str, tuple[int, int]]] = {
    "none": (0, 0),
    "isis-radial": (1, 3),
    "onc-radial": (1, 3),
    "ocams-radial": (1, 5),
    "brown-conrady": (4, 5),
    "fisheye": (0, 4),
}
"""Fewest and most coefficients of each model."""

# A polynomial that rises for ever still stops being a lens; px for the radial models, tangents for Brown-Conrady.
_FAR_PX = 1e6
_FAR_TANGENT = 1e3

MODELS: Final = get_args(DistortionModel)


@dataclass(frozen=True)
class Distortion:
    """A lens distortion, in the convention of the kernel that its numbers come from.

    The conventions (r is the distance from the centre of distortion, d a distorted and u an undistorted point):

    - ``none``: pinhole.
    - ``isis-radial`` (HiRISE ``OD_K``): u = d (1 - k0 - k1 r^2 - k2 r^4), r of the distorted point in mm.
      Source: USGS ISIS, CameraDistortionMap.
    - ``onc-radial`` (Hayabusa2 ``OD_K``): u = d (k0 + k1 r^2 + k2 r^4), r of the distorted point in **pixels**.
      Source: USGS ISIS, Hyb2OncDistortionMap, for the direction and the powers. That code inserts (r in mm) squared as
      r, with which the coefficients would do nothing beyond k0; only pixels give the lens of the real frame of
      2015-12-03T00:00:06, where the Earth's centre then falls within 2 px of its limb, and 8 px off without distortion.
    - ``ocams-radial`` (OSIRIS-REx ``OD_K``): d = u + (k0 + k1 r + k2 r^2 + k3 r^3 + k4 r^4) (u - centre), r of the
      undistorted point in mm. Source: USGS ISIS, OsirisRexDistortionMap.
    - ``brown-conrady``: k1, k2, p1, p2[, k3] of OpenCV's camera calibration.
    - ``fisheye``: radius = f theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8), OpenCV's fisheye.

    Attributes:
        model: one of the names above.
        coefficients: in the order above.
        center_px: (x, y) centre of distortion; None for the principal point. Radial models only.
    """

    model: DistortionModel = "none"
    coefficients: tuple[float, ...] = ()
    center_px: tuple[float, float] | None = None

    def parameters(self, focal: tuple[float, float], principal: tuple[float, float], pixel_mm: float | None) -> Floats:
        """Parameter vector of the compiled model.

        Args:
            focal: focal length along x and y, px.
            principal: principal point, px.
            pixel_mm: size of a pixel, mm; the models whose radius is in mm need it.

        Raises:
            InputError: wrong number of coefficients, or a pixel size is missing.
        """
        fewest, most = COUNTS[self.model]
        if not fewest <= len(self.coefficients) <= most:
            count = str(fewest) if fewest == most else f"{fewest} to {most}"
            given = len(self.coefficients)
            raise InputError(f"distortion model {self.model!r} takes {count} coefficients, not {given}")
        params = np.zeros(kernels.SIZE)
        params[1:5] = *focal, *principal
        params[5:7] = self.center_px if self.center_px is not None else principal
        params[0], values = self._polynomial(pixel_mm)
        params[kernels.FIRST : kernels.FIRST + len(values)] = values
        if self.model != "none":
            params[7], params[8] = _validity(int(params[0]), values)
        return params

    def _polynomial(self, pixel_mm: float | None) -> tuple[int, Floats]:
        c = np.asarray(self.coefficients, dtype=np.float64)
        if self.model == "none":
            return kernels.PINHOLE, np.zeros(0)
        if self.model == "brown-conrady":
            return kernels.BROWN, c
        g = np.zeros(kernels.COEFFICIENTS)
        if self.model == "fisheye":
            g[0] = 1.0
            g[2 : 2 * len(c) + 1 : 2] = c
            return kernels.FISHEYE, g
        if self.model == "onc-radial":
            g[0 : 2 * len(c) : 2] = c
            return kernels.RADIAL_UNDISTORT, g
        if pixel_mm is None:
            raise InputError(f"distortion model {self.model!r} counts in mm: give the camera's pixel_um")
        if self.model == "isis-radial":
            g[0 : 2 * len(c) : 2] = -c
        else:
            g[: len(c)] = c
        g[0] += 1.0
        model = kernels.RADIAL_UNDISTORT if self.model == "isis-radial" else kernels.RADIAL_DISTORT
        return model, g * pixel_mm ** np.arange(kernels.COEFFICIENTS)


def _validity(model: int, values: Floats) -> tuple[float, float]:
    """Largest argument up to which the radius rises, and the radius there."""
    if model == kernels.BROWN:
        k1, k2, k3 = values[0], values[1], values[4] if len(values) > 4 else 0.0
        rising = np.array([1.0, 0.0, k1, 0.0, k2, 0.0, k3])
        far = _FAR_TANGENT
    else:
        rising = values
        far = np.pi if model == kernels.FISHEYE else _FAR_PX
    if not rising[0] > 0.0:
        raise InputError("the distortion mirrors the image at its centre; check the first coefficient")
    # d/dr (r g(r)); its first positive zero ends the branch.
    slope = rising * np.arange(1, len(rising) + 1)
    roots = np.roots(np.trim_zeros(slope, "b")[::-1])
    ends = roots.real[(np.abs(roots.imag) < 1e-9 * np.abs(roots.real)) & (roots.real > 0.0)]
    limit = float(min(far, ends.min())) if ends.size else far
    return limit, float(limit * np.polyval(rising[::-1], limit))
