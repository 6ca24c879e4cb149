"""Cloud cover of a map: from opacities to what a layer reflects, with a given mean over the sphere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.render.pyramid import Floats

_GAIN_LIMIT = 1.0e4


def thickness_of(opacity: NDArray[Any]) -> NDArray[Any]:
    """Optical thickness whose transmission leaves an opacity; a wholly opaque cell counts as 0.999."""
    return np.asarray(-np.log1p(-np.minimum(opacity, 0.999)))


def effective_cover(thickness: NDArray[Any], gain: float) -> NDArray[Any]:
    """Reflectance, relative to an infinitely thick cloud, of a layer that does not absorb (two-stream form)."""
    scaled = thickness * gain
    return np.asarray(scaled / (1.0 + scaled))


def area_shares(classes: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Share of the sphere that each class 0..count-1 of an equirectangular map (h, w) takes."""
    height, width = classes.shape
    area = np.cos((0.5 - (np.arange(height) + 0.5) / height) * np.pi)
    share = np.zeros(count)
    for row, weight in zip(classes, area / (area.sum() * width), strict=True):
        share += weight * np.bincount(row, minlength=count)
    return share


def solve_gain(opacity: NDArray[np.float64], share: NDArray[np.float64], cover: float) -> float:
    """Bisect for the gain at which classes of opacity with these shares have the mean effective cover ``cover``."""
    thickness = thickness_of(opacity)
    low, high = 0.0, _GAIN_LIMIT
    most = float(share @ effective_cover(thickness, high))
    if not 0.0 < cover < most:
        raise InputError(f"cloud cover {cover:g} is out of this map's reach: choose a value between 0 and {most:.3f}")
    for _ in range(60):
        middle = 0.5 * (low + high)
        if float(share @ effective_cover(thickness, middle)) < cover:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def cloud_gain(opacity: NDArray[Any], cover: float) -> float:
    """Factor on the clouds' optical thickness that gives an opacity map (h, w) the area mean ``cover``.

    Opacity o has the thickness t = -ln(1 - o) and becomes the effective cover g t / (1 + g t), which rises with o
    everywhere and keeps thick cloud apart from thin. InputError if the map is too clear, or ``cover`` not positive.
    """
    # The mean needs the distribution only: 4096 classes, finer where the opacity is small.
    classes = np.rint(np.sqrt(np.clip(opacity, 0.0, 1.0)) * 4095.0).astype(np.int64)
    return solve_gain((np.arange(4096) / 4095.0) ** 2, area_shares(classes, 4096), cover)


def load_cloud_map(path: str | Path, cover: float | None = None) -> Floats:
    """Effective cloud cover (h, w), 0..1, from the user's equirectangular PNG or TIFF.

    North is up and the first column starts at -180 degrees of east longitude.

    A picture with transparency gives its opacity, any other its grey value, full scale meaning 1. With ``cover`` the
    optical depth is scaled to that area mean (see `cloud_gain`); without it the values are used as they are.
    InputError names a file that cannot be read, is not twice as wide as high, or has values that are not finite.
    """
    from PIL import Image

    path = Path(path)
    try:
        with Image.open(path) as picture:
            if "A" in picture.getbands() or "transparency" in picture.info:
                raw = np.asarray(picture.convert("RGBA").getchannel("A"))
            elif picture.mode in ("I;16", "I;16B", "I", "F"):
                raw = np.asarray(picture)
            else:
                raw = np.asarray(picture.convert("L"))
            sixteen_bit = picture.mode.startswith("I")
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot read this cloud map ({error}); give a PNG or TIFF") from None
    height, width = raw.shape
    if width != 2 * height:
        raise InputError(f"{path}: a cloud map must be twice as wide as high, this one is {width} x {height} pixels")
    values = raw.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: the cloud map has values that are not finite; replace them by 0")
    if raw.dtype.kind != "f":
        values /= np.float32(65535.0 if sixteen_bit else 255.0)
    low, high = float(values.min()), float(values.max())
    if low < 0.0 or high > 1.0:
        raise InputError(f"{path}: the cloud map's values must lie between 0 and 1, found {low:g} to {high:g}")
    if cover is None:
        return values
    return np.asarray(effective_cover(thickness_of(values), cloud_gain(values, cover)), np.float32)
