"""A scanning camera: every line its own time and attitude, charge summed over the stages of a TDI array.

The scene is rendered with a frame camera that looks along one attitude, and each line of the scan looks up where its
pixels fall in that picture. That is exact for the geometry of a scene that stands still during the strip; for a longer
strip the picture is rendered anew for blocks of lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange

from terraluna.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from terraluna.camera.model import Camera, Ccd


@dataclass(frozen=True, eq=False)
class Scan:
    """A strip as one CCD takes it.

    Attributes:
        start_et: time of the middle of the first line, TDB seconds past J2000.
        lines: number of lines.
        line_time_s: time from line to line.
        attitude_at: J2000 -> camera (3, 3) at a time; the lines run along the camera's y.
        stages: TDI stages.
        along_px: place of the CCD in the focal plane along the scan (positive down), px from the optical axis.
        columns: first column and number of columns on the frame camera's grid.
    """

    start_et: float
    lines: int
    line_time_s: float
    attitude_at: Callable[[float], NDArray[np.float64]]
    stages: int = 1
    along_px: float = 0.0
    columns: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if not (self.lines > 0 and self.line_time_s > 0.0 and np.isfinite(self.line_time_s)):
            raise InputError(f"a scan needs lines and a line time above 0 (got {self.lines}, {self.line_time_s} s)")
        if self.stages < 1:
            raise InputError(f"a scan needs at least one TDI stage (got {self.stages})")

    @property
    def exposure_s(self) -> float:
        """Time for which a pixel collects light: stages times line time."""
        return self.stages * self.line_time_s

    def line_et(self, line: float) -> float:
        """Return the time of the middle of a line's exposure."""
        return self.start_et + line * self.line_time_s


def scan_attitude(
    attitude: NDArray[np.float64], et: float, rate_rad_s: float
) -> Callable[[float], NDArray[np.float64]]:
    """Return an attitude law that turns about the camera's x axis at a constant rate.

    Args:
        attitude: (3, 3) J2000 -> camera at ``et``.
        et: time of that attitude.
        rate_rad_s: rate; positive moves the boresight down the image (toward +y), so that later lines lie lower.
    """

    def at(time: float) -> NDArray[np.float64]:
        angle = rate_rad_s * (time - et)
        c, s = np.cos(angle), np.sin(angle)
        return np.asarray(np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]]) @ attitude)

    return at


def matched_rate_rad_s(camera: Camera, line_time_s: float) -> float:
    """Return the rate at which the image moves by one pixel a line: TDI without smear."""
    return float(1.0 / (camera.focal_px_y * line_time_s))


def ccd_delay_s(camera: Camera, first: str, second: str, along_px: dict[str, float] | None = None) -> float:
    """Return how much later the second CCD sees what the first saw, in a scan at the matched rate.

    Args:
        camera: with a pushbroom.
        first, second: names of CCDs.
        along_px: places along the scan that the catalogue does not know, by CCD.

    Raises:
        InputError: no pushbroom, unknown CCD, or a CCD whose place is not known.
    """
    if camera.pushbroom is None:
        raise InputError(f"camera {camera.id!r} is not a pushbroom")
    places = [_along(camera, name, along_px or {}) for name in (first, second)]
    # The image runs toward -y on the focal plane while the boresight moves toward +y: lower CCDs look ahead.
    return float((places[0] - places[1]) * camera.pushbroom.line_time_s)


def find_ccd(camera: Camera, name: str) -> Ccd:
    """Return a CCD of a pushbroom by name; InputError that lists the names."""
    ccds = () if camera.pushbroom is None else camera.pushbroom.ccds
    for ccd in ccds:
        if ccd.name == name:
            return ccd
    raise InputError(f"camera {camera.id!r} has no CCD {name!r}; its CCDs: {', '.join(c.name for c in ccds) or 'none'}")


def _along(camera: Camera, name: str, given: dict[str, float]) -> float:
    place = given.get(name, find_ccd(camera, name).along_px)
    if place is None:
        raise InputError(f"camera {camera.id!r}: the place of CCD {name!r} is not known; give along_px for it")
    return place


@njit(cache=True, parallel=True, error_model="numpy")
def _sample_lines(image, u, v, out, weight):  # type: ignore[no-untyped-def]
    """Add weight x the bilinear value of ``image`` at (u, v) (lines, columns) to out (lines, columns, bands)."""
    rows, columns, bands = image.shape
    for i in prange(u.shape[0]):
        for j in range(u.shape[1]):
            x = u[i, j]
            y = v[i, j]
            if not (x >= 0.0 and y >= 0.0 and x <= columns - 1 and y <= rows - 1):
                continue
            x0 = min(int(x), columns - 2)
            y0 = min(int(y), rows - 2)
            fx = x - x0
            fy = y - y0
            for b in range(bands):
                top = (1.0 - fx) * image[y0, x0, b] + fx * image[y0, x0 + 1, b]
                low = (1.0 - fx) * image[y0 + 1, x0, b] + fx * image[y0 + 1, x0 + 1, b]
                out[i, j, b] += weight * ((1.0 - fy) * top + fy * low)


def scan_strip(
    render: Callable[[float], NDArray[np.float64]],
    camera: Camera,
    attitude: NDArray[np.float64],
    scan: Scan,
    *,
    blocks: int = 1,
    samples: int = 8,
) -> NDArray[np.float64]:
    """Return the strip (lines, columns, bands) that a scan makes, in the unit of the pictures.

    Args:
        render: gives the picture (rows, columns, bands) of ``camera`` at ``attitude`` for a time; called once a block,
            at the middle of its lines. Light outside the picture is zero.
        camera: frame camera of the picture: it must be at least 2 x 2 px and hold what the scan sees.
        attitude: (3, 3) J2000 -> camera of the picture.
        scan: lines, times and attitudes.
        blocks: parts of the strip with a picture of their own.
        samples: stages that stand for all stages of the TDI (all of them if there are fewer).

    Raises:
        InputError: blocks or samples below 1.
    """
    if blocks < 1 or samples < 1:
        raise InputError(f"a scan needs at least one block and one sample (got {blocks} and {samples})")
    first, count = scan.columns if scan.columns[1] > 0 else (0, camera.width)
    u_on_chip = np.arange(first, first + count, dtype=np.float64)
    stages = np.linspace(-0.5, 0.5, 2 * min(samples, scan.stages) + 1)[1::2] * scan.stages
    strip: NDArray[np.float64] | None = None
    edges = np.linspace(0, scan.lines, min(blocks, scan.lines) + 1).round().astype(int)
    for low, high in pairwise(edges):
        picture = np.ascontiguousarray(render(scan.line_et(0.5 * (low + high - 1))))
        picture = picture[..., None] if picture.ndim == 2 else picture
        if strip is None:
            strip = np.zeros((scan.lines, count, picture.shape[2]))
        for stage in stages:
            # The charge moves with the image that a matched scan makes: one pixel toward -y a line time.
            on_chip = camera.cy + scan.along_px - stage
            rays = camera.unproject(np.stack([u_on_chip, np.full(count, on_chip)], axis=1))
            uv = np.empty((high - low, count, 2))
            for i in range(low, high):
                turn = attitude @ scan.attitude_at(scan.line_et(i + stage)).T
                uv[i - low] = camera.project(rays @ turn.T)
            u, v = np.ascontiguousarray(uv[..., 0]), np.ascontiguousarray(uv[..., 1])
            _sample_lines(picture, u, v, strip[low:high], 1.0 / stages.size)
    assert strip is not None
    return strip
