"""One picture from registered bands: each body moved by its own motion, put together at the limbs."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from terraluna.develop.disc import Disc
from terraluna.develop.register import Motion

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

LIMB_MARGIN_PX: Final = 2.0
"""The seam of a body in front lies this far outside its limb, so that the blurred limb moves with the body."""

_SOFT_PX: Final = 1.0


def body_weights(discs: dict[str, Disc], shape: tuple[int, int]) -> dict[str, Floats]:
    """How much of each pixel (H, W) belongs to each body's layer; they add up to 1.

    Beside each other the frame is parted at equal distance from both limbs; a body in front keeps its disc and a thin
    margin.
    """
    names = list(discs)
    if len(names) == 1:
        return {names[0]: np.ones(shape)}
    a, b = (discs[n].distance(shape) for n in names)
    front = next((n for n in names if discs[n].front), None)
    if front is None:
        share = _smooth((b - a) / 4.0 + 0.5)
        return {names[0]: share, names[1]: 1.0 - share}
    away = a if front == names[0] else b
    share = _smooth((LIMB_MARGIN_PX + _SOFT_PX - away) / (2.0 * _SOFT_PX))
    other = names[1] if front == names[0] else names[0]
    return {front: share, other: 1.0 - share}


def _smooth(x: Floats) -> Floats:
    t = np.clip(x, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float64)


def move(plane: Floats, missing: Mask, disc: Disc, motion: Motion) -> tuple[Floats, Mask, Mask]:
    """The other band (H, W) brought to the reference by one body's motion; where it lost data; where it ends."""
    from scipy.ndimage import binary_dilation, map_coordinates

    shape = (plane.shape[0], plane.shape[1])
    columns, rows = motion.field(disc, shape)
    moved = map_coordinates(plane, [rows, columns], order=3, mode="nearest")
    # A cubic spline rings a little below the sky beside a sharp limb.
    moved = np.clip(moved, float(plane.min()), float(plane.max()))
    outside = (columns < -0.5) | (columns > shape[1] - 0.5) | (rows < -0.5) | (rows > shape[0] - 0.5)
    lost: Mask = np.zeros(shape, dtype=np.bool_)
    if missing.any():
        wide = binary_dilation(missing)
        ci = np.clip(np.rint(columns).astype(int), 0, shape[1] - 1)
        ri = np.clip(np.rint(rows).astype(int), 0, shape[0] - 1)
        lost = np.asarray(wide[ri, ci] & ~outside, dtype=np.bool_)
    return np.asarray(moved, dtype=np.float64), lost, np.asarray(outside, dtype=np.bool_)


def compose_band(
    plane: Floats,
    missing: Mask,
    reference: Floats,
    discs: dict[str, Disc],
    motions: dict[str, Motion],
    discs_other: dict[str, Disc],
) -> tuple[Floats, Mask, Mask]:
    """One band on the reference's grid.

    Args:
        plane: (H, W) the band.
        missing: (H, W) its lost pixels.
        reference: (H, W) the reference band.
        discs: the bodies in the reference.
        motions: of each body.
        discs_other: the bodies in this band.

    Returns:
        The band (H, W); pixels that were invented, because a body in front hid them in this band or it ends before
        them; pixels without data.
    """
    shape = (plane.shape[0], plane.shape[1])
    weights = body_weights(discs, shape)
    out = np.zeros(shape)
    invented: Mask = np.zeros(shape, dtype=np.bool_)
    lost: Mask = np.zeros(shape, dtype=np.bool_)
    front = next((n for n in discs if discs[n].front), None)
    for name, weight in weights.items():
        moved, gone, outside = move(plane, missing, discs[name], motions[name])
        # Beyond the edge of the band its last pixel goes on: a thin border of invented colour.
        invented |= outside & (weight > 0.5)
        lost |= gone & (weight > 0.5)
        if front is not None and name != front and front in discs_other:
            hidden = discs_other[front].mask(shape, LIMB_MARGIN_PX + 1.0)
            columns, rows = motions[name].field(discs[name], shape)
            ci = np.clip(np.rint(columns).astype(int), 0, shape[1] - 1)
            ri = np.clip(np.rint(rows).astype(int), 0, shape[0] - 1)
            unseen = hidden[ri, ci] & (weight > 0.0)
            trusted = ~hidden[ri, ci] & (discs[front].distance(shape) > LIMB_MARGIN_PX) & ~gone
            moved = _filled(moved, reference, unseen, trusted)
            invented |= unseen & (weight > 0.5)
        out += weight * moved
    return out, invented, lost


def _filled(moved: Floats, reference: Floats, unseen: Mask, trusted: Mask) -> Floats:
    """What a body in front hid: the reference band times the colour of the neighbourhood."""
    from scipy.ndimage import gaussian_filter

    if not unseen.any() or not trusted.any():
        return moved
    width = 8.0
    here = trusted.astype(np.float64)
    own = gaussian_filter(moved * here, width)
    base = gaussian_filter(reference * here, width)
    ratio = np.divide(own, base, out=np.ones_like(own), where=base > 1e-12)
    return np.where(unseen, reference * ratio, moved)
