"""What the optics make of a point: a Gaussian core, optional wings, or a measured kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terraluna.camera.kernels import Floats
from terraluna.errors import InputError

_OVERSAMPLING = 5


@dataclass(frozen=True)
class Psf:
    """Point-spread function of a camera, in pixels.

    The light of a point is (1 - wing_fraction) in a Gaussian and wing_fraction in a Moffat profile
    (1 + (r / wing_radius_px)^2)^-wing_power; or wholly in ``measured``, if that is given.

    Attributes:
        sigma_px: standard deviation of the Gaussian core; 0 puts all core light into one pixel.
        wing_fraction: share of the light in the wings, 0 to 1.
        wing_radius_px: core radius of the Moffat profile.
        wing_power: exponent of the Moffat profile, above 1.
        measured: a square kernel of odd size (rows of numbers), centre in the middle; any scale.
    """

    sigma_px: float = 0.5
    wing_fraction: float = 0.0
    wing_radius_px: float = 2.0
    wing_power: float = 2.5
    measured: tuple[tuple[float, ...], ...] | None = None

    def kernel(self, n: int) -> Floats:
        """The PSF averaged over pixels, (n, n) with n odd, centred, sum 1.

        A measured kernel is cut or padded with zeros to n. InputError if n is even or not positive.
        """
        if n < 1 or n % 2 == 0:
            raise InputError(f"the size of a PSF kernel must be odd and positive, not {n}")
        half = n // 2
        if self.measured is not None:
            return _fit(np.asarray(self.measured, dtype=np.float64), n)
        out = self._profile(0.0, 0.0, half)
        return np.asarray(out / out.sum(), dtype=np.float64)

    def stamp(self, x: float, y: float, half: int) -> tuple[Floats, int, int]:
        """Light of a point at pixel (x, y), integrated over pixels.

        Args:
            x: position of the point to the right, px.
            y: position down, px.
            half: half size of the stamp.

        Returns:
            The stamp (2 half + 1, 2 half + 1), of total 1 less what falls outside it, and the pixel (column, row) of
            its first element. A measured kernel is shifted by whole pixels and then linearly.
        """
        column, row = round(x), round(y)
        dx, dy = x - column, y - row
        if self.measured is not None:
            out = _shift(_fit(np.asarray(self.measured, dtype=np.float64), 2 * half + 1), dx, dy)
        else:
            out = self._profile(dx, dy, half)
        return out, column - half, row - half

    def _profile(self, dx: float, dy: float, half: int) -> Floats:
        out = (1.0 - self.wing_fraction) * np.outer(
            gaussian_pixels(dy, self.sigma_px, half), gaussian_pixels(dx, self.sigma_px, half)
        )
        if self.wing_fraction > 0.0:
            m = _OVERSAMPLING
            fine = (np.arange((2 * half + 1) * m) + 0.5) / m - half - 0.5
            r2 = (fine[:, None] - dy) ** 2 + (fine[None, :] - dx) ** 2
            a2 = self.wing_radius_px**2
            density = (self.wing_power - 1.0) / (np.pi * a2) * (1.0 + r2 / a2) ** -self.wing_power
            out += self.wing_fraction * density.reshape(2 * half + 1, m, 2 * half + 1, m).mean(axis=(1, 3))
        return np.asarray(out, dtype=np.float64)


def gaussian_pixels(center: float, sigma: float, half: int) -> Floats:
    """Integral of a unit Gaussian at ``center`` over the pixels -half .. half: (2 half + 1,)."""
    from scipy.special import ndtr

    edges = np.arange(-half - 0.5, half + 1.0) - center
    if sigma <= 0.0:
        return np.diff((edges > 0.0).astype(np.float64))
    return np.asarray(np.diff(ndtr(edges / sigma)), dtype=np.float64)


def _fit(kernel: Floats, n: int) -> Floats:
    """A square odd kernel cut or padded to (n, n), sum 1."""
    have = kernel.shape[0]
    if kernel.ndim != 2 or kernel.shape != (have, have) or have % 2 == 0:
        raise InputError(f"a measured PSF must be a square of odd size, not {kernel.shape}")
    out = np.zeros((n, n))
    k = min(n, have)
    a, b = (n - k) // 2, (have - k) // 2
    out[a : a + k, a : a + k] = kernel[b : b + k, b : b + k]
    total = out.sum()
    if not (np.isfinite(total) and total > 0.0):
        raise InputError("a measured PSF must hold finite numbers with a positive sum")
    return np.asarray(out / total, dtype=np.float64)


def _shift(kernel: Floats, dx: float, dy: float) -> Floats:
    from scipy.ndimage import shift

    return np.asarray(shift(kernel, (dy, dx), order=1), dtype=np.float64)
