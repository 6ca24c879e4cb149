"""Finds the discs of Earth and Moon in a picture: a robust circle on the lit limb.

Good to some hundredths of the limb's blur, for developing; the navigation-grade measure is the work of ``opnav``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from terraluna.develop.circle import sampled_circle
from terraluna.develop.disc import Disc, Floats, Mask
from terraluna.develop.front import find_front
from terraluna.develop.limb import refine
from terraluna.errors import RefusedError

_LEAST_AREA_PX: Final = 12
_LEAST_RADIUS_PX: Final = 2.5


def find_discs(
    image: Floats, missing: Mask | None = None, front_ratio: float | None = None, seed: int = 0
) -> list[Disc]:
    """Find up to two discs, the one with more light first.

    Args:
        image: (H, W) linear, one band or a sum of bands.
        missing: (H, W) pixels that must not be used.
        front_ratio: radius of a disc in front of the first over the radius of that, where it is known; 0 if the
            geometry says that nothing stands in front; None if nothing is known.
        seed: of the random samples of the robust fit.

    Raises:
        RefusedError: nothing in the picture has a limb.
    """
    from scipy.ndimage import label

    bad = np.zeros(image.shape, dtype=np.bool_) if missing is None else missing
    sky, noise = sky_of(image, bad)
    level = lit_level(image, bad, sky, noise)
    lit = (image > level) & ~bad
    labels, count = label(lit)
    if not count:
        raise RefusedError("nothing in the frame is brighter than the sky; check the frame")
    flux = np.bincount(labels.ravel(), weights=np.where(lit, image - sky, 0.0).ravel())
    size = np.bincount(labels.ravel())
    flux[0] = 0.0
    flux[size < _LEAST_AREA_PX] = 0.0
    rng = np.random.default_rng(seed)
    discs: list[Disc] = []
    for k in np.argsort(flux)[::-1][:6]:
        if flux[k] <= 0.0 or len(discs) == 2:
            break
        part = np.asarray(labels == k, dtype=np.bool_)
        start = sampled_circle(_boundary(part, bad), part, rng)
        if start is None or any(np.hypot(start[0] - d.x, start[1] - d.y) < d.radius for d in discs):
            continue
        found = refine(image, Disc("unknown", *start, 0.0, 0.0), bad, sky)
        if found is not None and found.radius >= _LEAST_RADIUS_PX and _is_lit(lit, found):
            discs.append(found)
    if len(discs) == 1 and front_ratio != 0.0:
        inner = find_front(image, discs[0], bad, sky, noise, front_ratio)
        if inner is not None:
            discs.append(inner)
    if not discs:
        raise RefusedError("no lit limb was found in the frame; is there a body in it?")
    return discs


def _is_lit(lit: Mask, disc: Disc) -> bool:
    """Whether enough of the disc in the frame is lit for a body at up to some 155 degrees of phase."""
    own = disc.mask((lit.shape[0], lit.shape[1]))
    return bool(own.any()) and float(lit[own].mean()) > 0.04


def sky_of(image: Floats, bad: Mask) -> tuple[float, float]:
    """Level and scatter of the sky: mode-like median of the darker half, and its robust sigma."""
    values = image[~bad]
    if values.size > 400_000:
        values = values[:: values.size // 200_000]
    low = values[values <= np.median(values)]
    level = float(np.median(low)) if low.size else 0.0
    sigma = 1.4826 * float(np.median(np.abs(low - level))) if low.size else 0.0
    return level, sigma


def lit_level(image: Floats, bad: Mask, sky: float, noise: float) -> float:
    """Level that parts the lit bodies from the sky: Otsu's on the square root, above the noise."""
    from skimage import filters

    threshold_otsu: Any = filters.threshold_otsu

    values = np.sqrt(np.maximum(image[~bad] - sky, 0.0))
    peak = float(values.max(initial=0.0))
    if peak <= 0.0:
        raise RefusedError("nothing in the frame is brighter than the sky; check the frame")
    # Otsu balances areas: a body that covers few pixels would vanish in the sky, so only as much sky as body counts.
    lit = values[values > max(0.05 * peak, np.sqrt(8.0 * noise))]
    cut = 0.5 * float(threshold_otsu(np.concatenate([lit, np.zeros(max(lit.size, 16))]))) if lit.size else 0.5 * peak
    return sky + float(max(cut**2, 8.0 * noise))


def _boundary(part: Mask, bad: Mask) -> Floats:
    """Border pixels (n, 2) x, y of a component that do not touch the frame's edge or missing pixels."""
    from scipy.ndimage import binary_dilation, binary_erosion, binary_fill_holes

    solid = binary_fill_holes(part)
    edge = solid & ~binary_erosion(solid)
    edge &= ~binary_dilation(bad, iterations=2) if bad.any() else True
    edge[[0, -1], :] = False
    edge[:, [0, -1]] = False
    rows, columns = np.nonzero(edge)
    return np.column_stack([columns, rows]).astype(np.float64)


def name_discs(
    discs: list[Disc], image: Floats, radii: dict[str, float] | None = None, target: str | None = None
) -> list[Disc]:
    """Say which disc is which.

    By the geometry if it is given, else by surface brightness: in visible light the Earth is always the brighter.

    Args:
        discs: one or two.
        image: (H, W) linear.
        radii: expected radius of each body in the frame, any unit, by name.
        target: what a lone disc is, if that is known; otherwise it is what the geometry sees, or unknown.
    """
    expected = radii or {}
    if len(discs) == 1:
        name = target or (next(iter(expected)) if len(expected) == 1 else None)
        return [replace(discs[0], name=name or "unknown")]
    if len(expected) == 2:
        larger, smaller = sorted(expected, key=lambda n: -expected[n])
        order = sorted(range(2), key=lambda k: -discs[k].radius)
        return [replace(d, name=larger if k == order[0] else smaller) for k, d in enumerate(discs)]
    shape = (image.shape[0], image.shape[1])
    bright = []
    for d in discs:
        own = d.mask(shape, -0.1 * d.radius)
        for e in discs:
            if e is not d and e.front:
                own &= ~e.mask(shape, 2.0)
        bright.append(float(np.percentile(image[own], 90)) if own.any() else 0.0)
    first = int(np.argmax(bright))
    return [replace(d, name="earth" if k == first else "moon") for k, d in enumerate(discs)]
