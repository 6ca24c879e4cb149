"""Registration of the bands of one picture, each body by itself.

Between two exposures the camera, the Earth and the Moon move, and the Earth turns: no single transform of the frame
brings both bodies together. Each body gets a shift and a turn of its globe about its own centre; both are found by
weighted least squares on the brightness of its disc (Lucas & Kanade 1981), starting from the fitted limbs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from terraluna.develop.disc import Disc

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_TURN_RADIUS_PX: Final = 60.0
"""Discs from this radius on show the turn of the globe in 30 s (2.2 mrad) as more than a tenth of a pixel."""

_BIN_RADIUS_PX: Final = 160.0
"""Larger discs are registered on a picture binned to about this radius: detail enough, and ten times as fast."""

_LIT_SHARE: Final = 0.1
_FIT_PIXELS: Final = 60_000
_ROUNDS: Final = 12
_CONVERGED_PX: Final = 1e-3
_LIMB_MARGIN_PX: Final = 3.0
_HUBER: Final = 1.345


@dataclass(frozen=True)
class Motion:
    """How a body moved from the reference band to another.

    A point of the reference disc at (x, y) lies at (x, y) + (dx, dy) + R (turn x s) in the other band, with s the place
    on the unit globe (x right, y down, z = -sqrt(1 - x^2 - y^2) toward the observer).

    Attributes:
        body: name of the body.
        dx, dy: shift, px.
        turn: (3,) small rotation of the globe, rad, about the image's axes.
        sigma_px: one sigma of the shift from the fit's own scatter.
        rounds: iterations of the fit.
        how: ``correlation``, ``limb`` (the fit did not hold) or ``none``.
    """

    body: str
    dx: float
    dy: float
    turn: tuple[float, float, float]
    sigma_px: float
    rounds: int
    how: str

    def field(self, disc: Disc, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        """Columns and rows (H, W) in the other band of every pixel of the reference."""
        rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
        fx, fy = turn_fields(disc, columns, rows)
        turn = np.asarray(self.turn)
        return columns + self.dx + fx @ turn, rows + self.dy + fy @ turn


def turn_fields(disc: Disc, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Displacement (..., 3) along x and along y, px, for a unit turn about each axis; constant beyond the limb."""
    x, y = (columns - disc.x) / disc.radius, (rows - disc.y) / disc.radius
    z = -np.sqrt(np.maximum(1.0 - x * x - y * y, 0.0))
    zero = np.zeros_like(x)
    # d = turn x s: components y and z of the turn move along x, z and x along y.
    return disc.radius * np.stack([zero, z, -y], axis=-1), disc.radius * np.stack([-z, zero, x], axis=-1)


def register_body(
    reference: Floats,
    other: Floats,
    disc: Disc,
    start: tuple[float, float],
    *,
    blocked: Mask | None = None,
    blocked_other: Mask | None = None,
    front: bool = False,
    turn: tuple[float, float, float] | None = None,
) -> Motion:
    """Motion of one body between two bands.

    Args:
        reference: (H, W) linear.
        other: (H, W) linear, another band.
        disc: the body in the reference.
        start: first guess of the shift, px.
        blocked: (H, W) pixels of the reference that show something else or nothing.
        blocked_other: the same in the other band.
        front: the body stands before another: what is beyond its limb does not move with it.
        turn: the globe's turn as the geometry has it, rad: only the roll about the line of sight is then fitted on
            top of it. Without it the turn of a large Earth is fitted too. Small discs never turn.

    Returns:
        The motion; ``how`` is ``limb`` and the shift is the guess where the fit runs away.
    """
    from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates, spline_filter

    step = round(disc.radius / _BIN_RADIUS_PX)
    if step > 1:
        small = replace(
            disc,
            x=(disc.x - (step - 1) / 2.0) / step,
            y=(disc.y - (step - 1) / 2.0) / step,
            radius=disc.radius / step,
        )
        found = register_body(
            _bin(reference, step),
            _bin(other, step),
            small,
            (start[0] / step, start[1] / step),
            blocked=None if blocked is None else _bin(blocked.astype(np.float64), step) > 0.0,
            blocked_other=None if blocked_other is None else _bin(blocked_other.astype(np.float64), step) > 0.0,
            front=front,
            turn=turn,
        )
        return replace(found, dx=found.dx * step, dy=found.dy * step, sigma_px=found.sigma_px * step)
    grow = -_LIMB_MARGIN_PX if front else _LIMB_MARGIN_PX
    r = disc.radius + _LIMB_MARGIN_PX + 2.0
    x0, x1 = max(int(disc.x - r), 0), min(int(disc.x + r) + 2, reference.shape[1])
    y0, y1 = max(int(disc.y - r), 0), min(int(disc.y + r) + 2, reference.shape[0])
    rows, columns = np.mgrid[y0:y1, x0:x1].astype(np.float64)
    own = np.hypot(columns - disc.x, rows - disc.y) < disc.radius + grow
    if blocked is not None:
        own &= ~blocked[y0:y1, x0:x1]
    box = reference[y0:y1, x0:x1]
    if own.sum() >= 12:
        # The night side is noise: only what is lit, and the sky at the limb, can be compared.
        level = float(np.percentile(box[own], 2)), float(np.percentile(box[own], 98))
        lit = gaussian_filter(box, 1.0) > level[0] + _LIT_SHARE * (level[1] - level[0])
        own &= binary_dilation(lit, iterations=3)
    if own.sum() < 12:
        return Motion(disc.name, *start, (0.0, 0.0, 0.0), float("inf"), 0, "limb")
    large = disc.radius >= _TURN_RADIUS_PX
    fine = spline_filter(other, order=3)
    fx, fy = turn_fields(disc, columns, rows)
    # Bands differ in tone across a disc (haze, limb): on large discs only detail is compared.
    width = 0.06 * disc.radius if large else 0.0
    target = _detail(box, own, width)
    shift = np.array(start, dtype=np.float64)
    globe = np.zeros(3) if turn is None or not large else np.array(turn, dtype=np.float64)
    axes = ([0, 1, 2] if disc.name == "earth" and turn is None else [2]) if large else []
    sigma, rounds = float("inf"), 0
    for rounds in range(1, _ROUNDS + 1):
        c, w = columns + shift[0] + fx @ globe, rows + shift[1] + fy @ globe
        use = own & (c > 2) & (c < other.shape[1] - 3) & (w > 2) & (w < other.shape[0] - 3)
        if blocked_other is not None:
            use &= ~blocked_other[
                np.clip(np.rint(w).astype(int), 0, other.shape[0] - 1),
                np.clip(np.rint(c).astype(int), 0, other.shape[1] - 1),
            ]
        if use.sum() < 12:
            return Motion(disc.name, *start, (0.0, 0.0, 0.0), float("inf"), rounds, "limb")
        moved = _detail(map_coordinates(fine, [w, c], order=3, mode="nearest", prefilter=False), use, width)
        wanted = target if width == 0.0 else _detail(box, use, width)
        gy, gx = np.gradient(gaussian_filter(moved, 0.5))
        inner = np.flatnonzero(use if not large else use & _eroded(use))
        inner = inner[:: max(1, len(inner) // _FIT_PIXELS)]
        design = [gx, gy, *(gx * fx[..., k] + gy * fy[..., k] for k in axes), -wanted, -np.ones_like(wanted)]
        A = np.stack([d.ravel()[inner] for d in design], axis=1)
        solution, covariance = _robust(A, -moved.ravel()[inner])
        change = solution[:2]
        shift = shift + change
        if axes:
            globe[axes] += solution[2 : 2 + len(axes)]
        sigma = float(np.sqrt(max(covariance[0, 0], covariance[1, 1])))
        if float(np.abs(change).max()) < _CONVERGED_PX:
            break
    runaway = float(np.hypot(*(shift - np.array(start)))) > max(6.0, 0.05 * disc.radius)
    if runaway or not np.isfinite(shift).all() or sigma > 0.5 or float(np.abs(globe).max()) > 0.2:
        return Motion(disc.name, *start, (0.0, 0.0, 0.0), float("inf"), rounds, "limb")
    return Motion(
        disc.name,
        float(shift[0]),
        float(shift[1]),
        (float(globe[0]), float(globe[1]), float(globe[2])),
        sigma,
        rounds,
        "correlation",
    )


def _bin(image: Floats, step: int) -> Floats:
    h, w = (n // step * step for n in image.shape)
    return np.asarray(image[:h, :w].reshape(h // step, step, w // step, step).mean(axis=(1, 3)), dtype=np.float64)


def _eroded(mask: Mask) -> Mask:
    from scipy.ndimage import binary_erosion

    return np.asarray(binary_erosion(mask, iterations=2), dtype=np.bool_)


def _detail(image: Floats, mask: Mask, width: float) -> Floats:
    """The picture minus its local mean within the mask, over its local contrast; the picture where width is 0."""
    from scipy.ndimage import gaussian_filter

    if width <= 0.0:
        return image
    share = np.maximum(gaussian_filter(mask.astype(np.float64), width), 1e-3)
    level = gaussian_filter(np.where(mask, image, 0.0), width) / share
    rest = np.where(mask, image - level, 0.0)
    contrast = np.sqrt(gaussian_filter(rest**2, width) / share)
    typical = float(np.median(contrast[mask])) if mask.any() else 1.0
    return np.asarray(rest / np.maximum(contrast, 0.2 * typical + 1e-30), dtype=np.float64)


def _robust(A: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Least squares with Huber weights; solution and covariance."""
    scale = np.maximum(np.sqrt((A**2).mean(axis=0)), 1e-30)
    N = A / scale
    weight = np.ones(len(b))
    solution = np.zeros(A.shape[1])
    normal = np.eye(A.shape[1])
    spread = 0.0
    for _ in range(4):
        normal = (N * weight[:, None]).T @ N + 1e-12 * len(b) * np.eye(A.shape[1])
        solution = np.linalg.solve(normal, (N * weight[:, None]).T @ b)
        rest = np.abs(N @ solution - b)
        spread = max(1.4826 * float(np.median(rest)), 1e-30)
        weight = 1.0 / np.maximum(rest / (_HUBER * spread), 1.0)
    return solution / scale, np.linalg.inv(normal) * spread**2 / np.outer(scale, scale)


def frame_shift(reference: Floats, other: Floats) -> tuple[float, float]:
    """Shift (dx, dy), px, of the frame as a whole: what a registration without bodies would find."""
    from skimage import registration

    phase_cross_correlation: Any = registration.phase_cross_correlation

    shift, _, _ = phase_cross_correlation(reference, other, upsample_factor=50, normalization=None)
    return -float(shift[1]), -float(shift[0])


def residual_shift(reference: Floats, other: Floats, disc: Disc, *, front: bool = False) -> tuple[float, float]:
    """Shift (dx, dy), px, that is left between two registered bands on one body, by an independent correlation.

    The body is cut out with a soft window (over its limb, or inside it where it stands in front of another) and the
    peak of the cross correlation is found to a hundredth of a pixel.
    """
    from scipy.ndimage import binary_erosion
    from skimage import registration

    phase_cross_correlation: Any = registration.phase_cross_correlation

    reach = disc.radius + (0.0 if front else 6.0)
    r = int(np.ceil(reach)) + 8
    x0, y0 = max(int(disc.x) - r, 0), max(int(disc.y) - r, 0)
    a, b = (plane[y0 : y0 + 2 * r + 2, x0 : x0 + 2 * r + 2] for plane in (reference, other))
    rows, columns = np.mgrid[y0 : y0 + a.shape[0], x0 : x0 + a.shape[1]]
    away = np.hypot(columns - disc.x, rows - disc.y)
    soft = max(4.0, 0.1 * disc.radius)
    window = np.clip((reach - away) / soft, 0.0, 1.0)
    window = window * window * (3.0 - 2.0 * window)
    # On large discs the bands differ in tone from limb to terminator, which would pass for a shift: detail only.
    width = 0.06 * disc.radius if disc.radius >= _TURN_RADIUS_PX else 0.0
    lit = (window > 0.0) & (a > _LIT_SHARE * float(np.percentile(a[window > 0.0], 98)))
    if width > 0.0 and lit.sum() > 100:
        window = window * binary_erosion(lit, iterations=2)
        a, b = _detail(a, lit, width), _detail(b, lit, width)
    out = []
    for part in (a, b):
        level = float((part * window).sum() / max(float(window.sum()), 1e-30))
        out.append((part - level) * window / max(float(np.abs(part * window).max()), 1e-30))
    shift, _, _ = phase_cross_correlation(out[0], out[1], upsample_factor=100, normalization=None)
    return -float(shift[1]), -float(shift[0])
