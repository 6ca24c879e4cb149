"""What a user can ask of the developer, as one frozen object that is stored with every picture."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args

from terraluna.errors import InputError

Orientation = Literal["as-shot", "north-up", "sun-up"]
WhitePoint = Literal["sun", "moon"]
Stretch = Literal["linear", "asinh"]
Conceal = Literal["none", "fill", "inpaint"]
Registration = Literal["bodies", "frame", "none"]
Target = Literal["earth", "moon"]
Bayer = Literal["RGGB", "BGGR", "GRBG", "GBRG"]

DEFAULT_WHITE_POINT: WhitePoint = "moon"

_CHOICES: dict[str, tuple[str, ...]] = {
    "stretch": get_args(Stretch),
    "white_point": get_args(WhitePoint),
    "orient": get_args(Orientation),
    "conceal": get_args(Conceal),
    "register": get_args(Registration),
}


@dataclass(frozen=True)
class DevelopOptions:
    """How to develop. Every field is part of the provenance block, so a picture can be made again.

    Attributes:
        camera: id in the camera catalogue or a camera file; from the label or the mission if None.
        mission: mission whose geometry helps: which body is which, phase, north, the turn of the Earth.
        at: UTC of the frame, for frames that carry no time.
        target: the body, where the frame shows one only.
        balance: whether to balance the colour on the lunar disc.
        white_point: ``sun``: a flat grey surface in sunlight is white, so the Moon keeps its brown;
            ``moon``: the mean Moon is grey.
        register: ``bodies``: each body by itself; ``frame``: the frame as a whole; ``none``.
        stretch: curve before sRGB coding.
        white: linear level that becomes white (radiance factor where the picture is in one); found if None.
        softening: of the asinh stretch, in units of the white level.
        moon_factor: factor on the Moon's brightness, written on the picture.
        deconvolve: Richardson-Lucy iterations with the camera's PSF; 0 for none.
        conceal: how lost and bad pixels are filled.
        mark: whether filled regions are outlined on the picture.
        orient: which way is up.
        crop: ``x,y,width,height`` in pixels of the turned picture, ``auto`` (around the bodies), or None.
        caption: whether to write a caption below the picture.
        title: first words of the caption and title of the metadata.
        bits: 8 or 16 a channel.
        quality: of JPEG files.
        bayer: colours of the first 2x2 pixels of raw frames, row by row; the camera's if None.
    """

    camera: str | None = None
    mission: str | None = None
    at: str | None = None
    target: str | None = None
    balance: bool = True
    white_point: str = DEFAULT_WHITE_POINT
    register: str = "bodies"
    stretch: str = "linear"
    white: float | None = None
    softening: float = 0.05
    moon_factor: float = 1.0
    deconvolve: int = 0
    conceal: str = "inpaint"
    mark: bool = True
    orient: str = "as-shot"
    crop: str | None = None
    caption: bool = True
    title: str | None = None
    bits: int = 8
    quality: int = 92
    bayer: str | None = None

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise InputError(f"--{name.replace('_', '-')} {value!r} is not known: use {' or '.join(choices)}")
        if self.target not in (None, *get_args(Target)):
            raise InputError(f"--target {self.target!r} is not known: use {' or '.join(get_args(Target))}")
        if self.bayer not in (None, *get_args(Bayer)):
            raise InputError(f"--bayer {self.bayer!r} is not known: use {', '.join(get_args(Bayer))}")
        if self.bits not in (8, 16):
            raise InputError(f"--bits {self.bits} is not possible: use 8 or 16")
        if self.white is not None and not 0.0 < self.white < 1e9:
            raise InputError(f"--white {self.white:g} is not a level: give a positive number")
        if not 0.0 < self.softening < 1e3:
            raise InputError(f"--softening {self.softening:g} is not possible: give a positive number")
        if not 0.0 < self.moon_factor <= 1000.0:
            raise InputError(f"--moon-factor {self.moon_factor:g} is not possible: give a number from 0 to 1000")
        if not 0 <= self.deconvolve <= 200:
            raise InputError(f"--deconvolve {self.deconvolve} is not possible: give 0 to 200 iterations")
        if not 1 <= self.quality <= 100:
            raise InputError(f"--quality {self.quality} is not possible: give 1 to 100")
        if self.orient == "north-up" and self.mission is None:
            raise InputError("--orient north-up needs the geometry: name the mission with --mission")
        if self.at is not None and self.mission is None:
            raise InputError("--at serves the geometry only: name the mission too with --mission")
        if self.crop not in (None, "auto"):
            crop_box(str(self.crop))

    def as_dict(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return dataclasses.asdict(self)


def options_from(data: dict[str, Any]) -> DevelopOptions:
    """Options from a stored block; InputError if it holds something that this version doesn't know."""
    known = {f.name for f in dataclasses.fields(DevelopOptions)}
    extra = sorted(set(data) - known)
    if extra:
        raise InputError(f"the stored options hold {extra[0]!r}, which this version does not know; use a newer one")
    return DevelopOptions(**data)


def crop_box(text: str) -> tuple[int, int, int, int]:
    """``x,y,width,height`` as whole numbers; InputError otherwise."""
    parts = text.replace(" ", "").split(",")
    try:
        x, y, width, height = (int(p) for p in parts)
    except ValueError:
        raise InputError(f"--crop {text!r} is not possible: give x,y,width,height in pixels, or auto") from None
    if width < 1 or height < 1 or x < 0 or y < 0:
        raise InputError(f"--crop {text!r} is not possible: x and y from 0, width and height from 1")
    return x, y, width, height
