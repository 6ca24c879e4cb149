"""The camera: geometry, detector, optics, filters. Frozen values; the catalogue fills them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from terraluna.camera import kernels
from terraluna.camera.curves import filter_curve
from terraluna.camera.distortion import Distortion
from terraluna.camera.kernels import Floats
from terraluna.camera.psf import Psf
from terraluna.errors import InputError

Shutter = Literal["frame-transfer", "mechanical", "global", "rolling", "vidicon", "tdi"]
Channel = Literal["r", "g", "b"]

_HC_J_M = 6.62607015e-34 * 299792458.0
_SIGMA_PER_FWHM = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))


@dataclass(frozen=True)
class Filter:
    """One spectral band.

    Attributes:
        name: short name, as the mission writes it.
        centre_nm: centre of the band.
        fwhm_nm: full width at half maximum.
        channel: the channel ("r", "g", "b") it feeds in the mission's colour portrait, or None.
        exposure_s: a usual exposure for the Earth.
        throughput: peak share of the photons that become electrons (optics, filter and detector).
        responsivity_dn_s: measured DN/s for a band-mean radiance of 1 W m^-2 sr^-1 nm^-1, or None.
        focal_length_mm: focal length in this band, or None for the camera's.
        curve: name of the packaged response curve, or None; then the band is a Gaussian.
    """

    name: str
    centre_nm: float
    fwhm_nm: float
    channel: Channel | None = None
    exposure_s: float | None = None
    throughput: float | None = None
    responsivity_dn_s: float | None = None
    focal_length_mm: float | None = None
    curve: str | None = None

    def response(self, wavelength_nm: ArrayLike) -> Floats:
        """Relative response per photon, peak 1, at each wavelength (n,): the curve, or a Gaussian where none exists."""
        w = np.asarray(wavelength_nm, dtype=np.float64)
        if self.curve is None:
            return np.asarray(np.exp(-0.5 * ((w - self.centre_nm) / (self.fwhm_nm * _SIGMA_PER_FWHM)) ** 2))
        grid, values = filter_curve(self.curve)
        return np.asarray(np.interp(w, grid, values, left=0.0, right=0.0))

    def band(self) -> tuple[Floats, Floats]:
        """Wavelengths (n,) nm and relative photon response (n,) that cover the band."""
        if self.curve is not None:
            return filter_curve(self.curve)
        w = np.linspace(self.centre_nm - 1.5 * self.fwhm_nm, self.centre_nm + 1.5 * self.fwhm_nm, 121)
        return w, self.response(w)


@dataclass(frozen=True)
class Detector:
    """What turns electrons into numbers.

    Attributes:
        gain_e_dn: electrons a DN.
        full_well_e: electrons at which a pixel is full.
        read_noise_e: rms, electrons.
        dark_e_s: dark current, electrons a second.
        bias_dn: DN of a dark, zero-time frame.
        bits: of the converter.
        saturation_dn: largest DN that still means something.
        shutter: how the exposure ends.
        transfer_s_per_row: time a row's charge takes to move on during frame transfer: the length of the smear.
        bayer: the colours of the first 2x2 pixels, row by row ("RGGB"), or None.
    """

    gain_e_dn: float
    full_well_e: float
    read_noise_e: float
    dark_e_s: float
    bias_dn: float
    bits: int
    saturation_dn: float
    shutter: Shutter = "global"
    transfer_s_per_row: float | None = None
    bayer: str | None = None


@dataclass(frozen=True)
class Optics:
    """Aperture, as far as light is concerned: focal ratio."""

    f_number: float


@dataclass(frozen=True)
class Ccd:
    """One array of a pushbroom's focal plane: its band and the centre of its array from the optical axis, px.

    ``along_px`` counts along the motion, ``across_px`` across it; None where the place isn't known.
    """

    name: str
    band: str
    along_px: float | None = None
    across_px: float | None = None


@dataclass(frozen=True)
class Pushbroom:
    """How a scanning camera builds its lines.

    Attributes:
        line_time_s: time from line to line.
        tdi_stages: lines over which charge is summed.
        ccd_width_px: pixels in the line of one CCD.
        ccds: the arrays.
        distortion: of the whole focal plane about the optical axis (the frame equivalent has it removed).
    """

    line_time_s: float
    tdi_stages: int
    ccd_width_px: int
    ccds: tuple[Ccd, ...]
    distortion: Distortion = field(default_factory=Distortion)


@dataclass(frozen=True)
class Camera:
    """A camera.

    Frame: +Z boresight, +X right in the image, +Y down; pixel (0, 0) is the centre of the first pixel, x right, y down.

    Attributes:
        id: name in the catalogue.
        name: name for people.
        width: pixels along x.
        height: pixels along y.
        focal_px_x: focal length along x, px.
        focal_px_y: focal length along y, px.
        cx: principal point, px to the right.
        cy: principal point, px down.
        pixel_um: pixel size, micrometres, or None.
        distortion: see :class:`Distortion`.
        psf: see :class:`Psf`.
        detector: see :class:`Detector`.
        optics: see :class:`Optics`, or None.
        filters: the bands.
        pushbroom: line timing of a scanning camera, or None.
        assumed: keys of the values that no source states; they reproduce the published frame.
        sources: (key, source) of every number.
        notes: what a user should know.
        focal_sigma_px: standard deviation of the focal length where a calibration gives one, or None.
    """

    id: str
    name: str
    width: int
    height: int
    focal_px_x: float
    focal_px_y: float
    cx: float
    cy: float
    detector: Detector
    pixel_um: float | None = None
    distortion: Distortion = field(default_factory=Distortion)
    psf: Psf = field(default_factory=Psf)
    optics: Optics | None = None
    filters: tuple[Filter, ...] = ()
    pushbroom: Pushbroom | None = None
    assumed: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    notes: str = ""
    focal_sigma_px: float | None = None

    @cached_property
    def _params(self) -> Floats:
        params = self.distortion.parameters(
            (self.focal_px_x, self.focal_px_y),
            (self.cx, self.cy),
            None if self.pixel_um is None else self.pixel_um * 1e-3,
        )
        params.flags.writeable = False
        return params

    def kernel_parameters(self) -> Floats:
        """Parameter vector, a copy, for ``project_kernel`` and ``unproject_kernel`` of the module ``kernels``."""
        return self._params.copy()

    def project(self, directions: ArrayLike) -> Floats:
        """Pixels of directions.

        Args:
            directions: (n, 3) or (3,) in the camera frame, any length.

        Returns:
            (n, 2) or (2,) px; NaN behind the camera or outside the validity of the distortion.
        """
        d = np.asarray(directions, dtype=np.float64)
        if d.ndim not in (1, 2) or d.shape[-1] != 3:
            raise InputError(f"directions must have the shape (n, 3), not {d.shape}")
        out = kernels.project_array(self.kernel_parameters(), np.ascontiguousarray(np.atleast_2d(d)))
        return np.asarray(out[0] if d.ndim == 1 else out, dtype=np.float64)

    def unproject(self, pixels: ArrayLike) -> Floats:
        """Unit directions in the camera frame of pixels.

        Args:
            pixels: (n, 2) or (2,) px; points outside the frame are allowed.

        Returns:
            (n, 3) or (3,); NaN outside the validity of the distortion.
        """
        p = np.asarray(pixels, dtype=np.float64)
        if p.ndim not in (1, 2) or p.shape[-1] != 2:
            raise InputError(f"pixels must have the shape (n, 2), not {p.shape}")
        out = kernels.unproject_array(self.kernel_parameters(), np.ascontiguousarray(np.atleast_2d(p)))
        return np.asarray(out[0] if p.ndim == 1 else out, dtype=np.float64)

    @property
    def ifov_rad(self) -> float:
        """Nominal angle of one pixel on the axis: pixel size over focal length, distortion left aside."""
        return float(1.0 / np.sqrt(self.focal_px_x * self.focal_px_y))

    @property
    def field_of_view_deg(self) -> tuple[float, float]:
        """Angles between the middles of opposite edges of the frame (outer edges of the pixels): along x, along y."""
        mx, my = (self.width - 1) / 2.0, (self.height - 1) / 2.0
        edges = [[-0.5, my], [self.width - 0.5, my], [mx, -0.5], [mx, self.height - 0.5]]
        left, right, top, bottom = self.unproject(edges)
        return _angle_deg(left, right), _angle_deg(top, bottom)

    def contains(self, pixels: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which pixels (n, 2) lie inside the frame: (n,); NaN doesn't."""
        p = np.atleast_2d(np.asarray(pixels, dtype=np.float64))
        return np.asarray(
            (p[:, 0] >= -0.5) & (p[:, 0] < self.width - 0.5) & (p[:, 1] >= -0.5) & (p[:, 1] < self.height - 0.5)
        )

    def filter(self, name: str) -> Filter:
        """The filter of that name; InputError that lists the names if there is none."""
        for item in self.filters:
            if item.name == name:
                return item
        names = ", ".join(item.name for item in self.filters) or "none"
        raise InputError(f"camera {self.id!r} has no filter {name!r}; its filters: {names}")

    def colour_filters(self) -> dict[Channel, Filter]:
        """The filters of the colour portrait by channel; empty for a monochrome camera."""
        return {item.channel: item for item in self.filters if item.channel is not None}

    def with_filter(self, name: str) -> Camera:
        """This camera with the focal length of a filter; itself where the filter states none."""
        mm = self.filter(name).focal_length_mm
        if mm is None or self.pixel_um is None:
            return self
        focal = mm / (self.pixel_um * 1e-3)
        return dataclasses.replace(self, focal_px_x=focal, focal_px_y=focal)

    def responsivity_e_s(self, name: str) -> float:
        """Electrons a second and pixel for a band-mean radiance of 1 W m^-2 sr^-1 nm^-1 in a filter.

        Band mean: the mean over wavelength weighted with the photon response times the wavelength. Taken from the
        measured responsivity where one is known, otherwise from focal ratio, pixel size and throughput.

        Raises:
            InputError: the camera states neither.
        """
        item = self.filter(name)
        if item.responsivity_dn_s is not None:
            return item.responsivity_dn_s * self.detector.gain_e_dn
        if item.throughput is None or self.optics is None or self.pixel_um is None:
            raise InputError(
                f"camera {self.id!r}, filter {name!r}: give responsivity_dn_s, or throughput, f_number and pixel_um"
            )
        w, response = item.band()
        photons = np.trapezoid(response * w * 1e-9, w) / _HC_J_M
        solid_angle = np.pi / (4.0 * self.optics.f_number**2)
        return float((self.pixel_um * 1e-6) ** 2 * solid_angle * item.throughput * photons)


def _angle_deg(a: Floats, b: Floats) -> float:
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))
