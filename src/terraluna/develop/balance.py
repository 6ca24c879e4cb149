"""White balance on the lunar disc: a grey card whose reflectance is known.

The Moon's reflectance in each band of the camera comes from the disc model (LIME 2025-10 at the phase of the frame,
with the mean lunar spectrum between its bands), so "white" has a physical meaning: a flat grey surface in sunlight.
A camera that had processed its frames (8-bit pictures) also has a tone curve. The disc holds every level from mare to
ray, all of nearly one colour, so it serves as a grey scale too: each channel's curve against green is read from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import RefusedError

if TYPE_CHECKING:
    from terraluna.camera.model import Filter
    from terraluna.develop.disc import Disc

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MEAN_PHASE_DEG: Final = 6.0
"""Phase angle of the mean lunar spectrum, used where the frame's own phase isn't known."""

_LEAST_PIXELS: Final = 20
_TONE_LIMITS: Final = (0.6, 1.6)
_TONE_SPAN: Final = 0.25
"""Least spread (ln) of the disc's levels that fixes a tone curve."""


@dataclass(frozen=True)
class LunarCard:
    """The grey card.

    Attributes:
        bands_nm: (3,) effective wavelengths of R, G, B.
        reflectance: (3,) disc reflectance (mean I/F over the whole disc) in each band.
        phase_deg: phase angle it holds for.
        note: how it was made.
    """

    bands_nm: tuple[float, float, float]
    reflectance: tuple[float, float, float]
    phase_deg: float
    note: str


@dataclass(frozen=True)
class Balance:
    """What the balance did.

    Attributes:
        gains: (3,) factor on each channel after its tone curve.
        tone: (3,) exponent on each channel: 1 where the channel is linear against green.
        sky: (3,) level of the sky that was subtracted.
        before: (3,) mean of the lunar disc over its green, before.
        after: (3,) mean over the disc in units of the expected one, 1 is perfect.
        card: the grey card.
        white_point: ``sun`` or ``moon``.
        unit: ``radiance factor`` where the whole disc was seen at a known phase, otherwise ``relative`` (green kept).
        pixels: number of pixels used.
    """

    gains: tuple[float, float, float]
    tone: tuple[float, float, float]
    sky: tuple[float, float, float]
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    card: LunarCard
    white_point: Literal["sun", "moon"]
    unit: str
    pixels: int


def lunar_card(
    filters: tuple[Filter, Filter, Filter],
    phase_rad: float | None = None,
    sun_longitude_rad: float = 0.0,
    latitude_rad: float = 0.0,
    longitude_rad: float = 0.0,
) -> LunarCard:
    """The Moon's disc reflectance in three bands.

    Args:
        filters: red, green and blue.
        phase_rad: phase angle, or None for that of the mean spectrum.
        sun_longitude_rad: selenographic longitude of the Sun.
        latitude_rad: selenographic latitude of the observer.
        longitude_rad: its longitude.

    The far side is outside of what disc photometry from the Earth has seen: there the near side's colour at the same
    phase is used, since highlands differ from the disc mean by a few per cent in colour.
    """
    from terraluna.photometry.band import Band
    from terraluna.photometry.lunar_disc import disc_reflectance

    phase = math.radians(MEAN_PHASE_DEG) if phase_rad is None else phase_rad
    far = abs(math.remainder(longitude_rad, 2.0 * math.pi)) > math.radians(30.0)
    lit = 0.0 if far or phase_rad is None else sun_longitude_rad
    place = (0.0, 0.0) if far or phase_rad is None else (latitude_rad, longitude_rad)
    # The model ends at 90 degrees; the colour changes slowly with phase, so its last value is kept.
    held = float(np.clip(abs(phase), math.radians(2.0), math.radians(90.0)))
    shares = (np.arange(9) + 0.5) / 9.0
    nm, values = [], []
    for item in filters:
        band = Band.curve(item.name, *item.band())
        samples = band.quantiles_nm(shares)
        values.append(float(np.mean([disc_reflectance(float(w), held, lit, *place).value for w in samples])))
        nm.append(float(samples.mean()))
    parts = ["LIME 2025-10"]
    parts.append("mean phase assumed" if phase_rad is None else f"phase {math.degrees(phase):.1f} deg")
    if held != abs(phase):
        parts.append(f"held at {math.degrees(held):.0f} deg")
    if far and phase_rad is not None:
        parts.append("far side: near-side colour")
    return LunarCard((nm[0], nm[1], nm[2]), (values[0], values[1], values[2]), math.degrees(phase), ", ".join(parts))


def balance_on_moon(
    image: Floats,
    moon: Disc,
    card: LunarCard,
    *,
    usable: Mask,
    white_point: Literal["sun", "moon"] = "moon",
    tone: bool = False,
    whole_disc: bool = True,
) -> tuple[Floats, Balance]:
    """Balance a picture on its lunar disc.

    Args:
        image: (H, W, 3) linear light, R, G, B.
        moon: its disc.
        card: what it should look like.
        usable: (H, W) pixels of the Moon alone that are neither saturated nor invented.
        white_point: ``sun`` keeps the Moon's own colour, ``moon`` makes its mean grey.
        tone: whether to read the channels' tone curves against green from the disc.
        whole_disc: the full lunar disc is in the frame and its phase is known, so its mean gives the level of the
            radiance factor as well.

    Returns:
        The picture (H, W, 3), and what was done.

    Raises:
        RefusedError: too little of the Moon can be used.
    """
    from terraluna.develop.bodies import sky_of

    shape = (image.shape[0], image.shape[1])
    sky = [sky_of(image[..., k], np.zeros(shape, dtype=np.bool_))[0] for k in range(3)]
    light = image - np.array(sky)
    own = usable & moon.mask(shape, -max(1.0, 0.03 * moon.radius))
    lit = light.min(axis=2) > 0.02 * float(np.percentile(light[own].max(axis=1), 95)) if own.any() else own
    own = own & lit
    disc = moon.mask(shape, 0.0)
    seen = own.sum() / max(int(disc.sum()), 1)
    if own.sum() < _LEAST_PIXELS or seen < 0.02:
        raise RefusedError("too little of the Moon can be used as a grey card: it is small, saturated or lost")
    exponent = np.ones(3)
    curved = light.copy()
    if tone:
        exponent = _tone_curves(light, own, moon)
        level = float(np.mean(light[own][:, 1]))
        for k in (0, 2):
            curved[..., k] = level * np.sign(light[..., k]) * (np.abs(light[..., k]) / level) ** exponent[k]
    mean = curved[own].mean(axis=0)
    expected = np.array(card.reflectance)
    target = expected if white_point == "sun" else np.full(3, expected[1])
    gains = target / mean
    unit = "relative"
    if whole_disc and moon.arc_deg >= 100.0:
        # Disc reflectance is the mean over the whole disc, dark part included.
        total = curved[disc & usable].sum(axis=0) / max(int((disc & usable).sum()), 1)
        gains = gains * (target[1] / (total[1] * gains[1]))
        unit = "radiance factor"
    else:
        gains = gains / gains[1]
    out = curved * gains
    after = out[own].mean(axis=0) / target
    before = light[own].mean(axis=0)
    return out, Balance(
        gains=_three(gains),
        tone=_three(exponent),
        sky=_three(np.array(sky)),
        before=_three(before / before[1]),
        after=_three(after / after.mean()),
        card=card,
        white_point=white_point,
        unit=unit,
        pixels=int(own.sum()),
    )


def _tone_curves(light: Floats, own: Mask, moon: Disc) -> Floats:
    """Exponents (3,) that make red and blue follow green over the disc's levels; 1 where the levels are too alike."""
    from scipy.ndimage import gaussian_filter

    width = max(1.0, 0.015 * moon.radius)
    share = np.maximum(gaussian_filter(own.astype(np.float64), width), 1e-6)
    smooth = [gaussian_filter(np.where(own, light[..., k], 0.0), width) / share for k in range(3)]
    use = own & (share > 0.9) & (np.min(smooth, axis=0) > 0.0)
    exponent = np.ones(3)
    if use.sum() < 500:
        return exponent
    log = [np.log(s[use]) for s in smooth]
    if float(np.percentile(log[1], 95) - np.percentile(log[1], 5)) < _TONE_SPAN:
        return exponent
    for k in (0, 2):
        x, y = log[1], log[k]
        keep = np.ones(len(x), dtype=np.bool_)
        slope = 1.0
        for _ in range(5):
            slope, level = np.polyfit(x[keep], y[keep], 1)
            rest = y - slope * x - level
            keep = np.abs(rest) < 2.5 * 1.4826 * float(np.median(np.abs(rest)))
        exponent[k] = float(np.clip(1.0 / max(float(slope), 1e-3), *_TONE_LIMITS))
    return exponent


def _three(values: Floats) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
