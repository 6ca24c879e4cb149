"""PNG, JPEG and TIFF: pictures of any hand-held camera by their EXIF data, and EPIC's PNGs by their text chunks.

Pixels come out as displayed: row 0 at the top, the EXIF orientation applied. Sizes are checked before anything is
unpacked. Colour pictures are (rows, columns, 3) in R, G, B; transparency is dropped.
"""

from __future__ import annotations

import logging
import warnings as python_warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from terraluna.errors import InputError
from terraluna.frames.epic import epic_observation, parse_epic_text
from terraluna.frames.exif import picture_observation, read_exif
from terraluna.frames.limits import Limits
from terraluna.frames.observation import HeaderWarning, Observation, RawFrame

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_FORMATS: Final = {"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "TIFF": "tiff"}
_BYTES_PER_PIXEL: Final = {"I": 4, "F": 4, "I;16": 2, "I;16B": 2, "I;16L": 2, "L": 1, "1": 1, "P": 3}
_MAX_CHUNK_TEXT: Final = 1_000_000


def read_picture(path: Path, sha256: str, limits: Limits) -> RawFrame:
    """Read a PNG, JPEG or TIFF picture.

    A file that is cut short gives the rows that are there; the rest is masked, with a warning.

    Raises:
        InputError: it can't be decoded at all, or the limits forbid it.
    """
    # The file is opened here, not by Pillow, which leaves it open when it fails.
    with path.open("rb") as file:
        return _read(path, file, sha256, limits)


def _read(path: Path, file: BinaryIO, sha256: str, limits: Limits) -> RawFrame:
    from PIL import ImageFile

    try:
        image = _open(file)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error ... on damaged files
        raise InputError(f"{path}: the picture can't be opened ({_line(error)}); fetch it again") from None
    with image:
        picture: Image = image
        width, height = image.size
        channels = _BYTES_PER_PIXEL.get(image.mode, 4)
        limits.check_array(path, (height, width), f"V{channels}")
        kind = _FORMATS.get(image.format or "", "png")
        truncated: list[HeaderWarning] = []
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        try:
            with python_warnings.catch_warnings():
                python_warnings.simplefilter("ignore")
                try:
                    image.load()
                except Exception as error:  # as above: try once more for the rows that are there
                    truncated.append(HeaderWarning("pixels", f"the picture is damaged: {_line(error)}"))
                    ImageFile.LOAD_TRUNCATED_IMAGES = True
                    picture = _again(path, file, error)
                data = _pixels(path, picture)
                tags, bad = read_exif(picture)
                chunks = _chunks(picture)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
    mask = _saturated(data)
    if truncated:
        mask |= _blank_tail(data)
    turn = tags.get("Orientation")
    data, mask = _turned(data, turn), _turned(mask, turn)
    shape = (data.shape[0], data.shape[1])
    observation = _observation(path, sha256, kind, chunks, tags, shape)
    return RawFrame(data, mask, observation, tuple(truncated + bad))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__


def _open(file: BinaryIO) -> ImageFile:
    """Open a picture without Pillow's own limit on pixels; the caller checks the size against ours before loading."""
    from PIL import Image

    # Pillow logs what it finds wrong; without a handler those lines would end up on the terminal.
    logger = logging.getLogger("PIL")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            return Image.open(file, formats=["PNG", "JPEG", "TIFF", "MPO"])
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _again(path: Path, file: BinaryIO, error: BaseException) -> Image:
    try:
        file.seek(0)
        image = _open(file)
        image.load()
    except Exception:  # as in read_picture
        raise InputError(f"{path}: the picture can't be decoded ({_line(error)}); fetch it again") from None
    return image


def _pixels(path: Path, image: Image) -> Any:
    try:
        if image.mode in {"L", "I", "F", "RGB", "I;16", "I;16B", "I;16L"}:
            data = np.array(image)
        elif image.mode in {"1", "LA", "La"}:
            data = np.array(image.convert("L"))
        else:
            data = np.array(image.convert("RGB"))
    except Exception as error:  # as in read_picture
        raise InputError(f"{path}: the picture can't be decoded ({_line(error)}); fetch it again") from None
    if image.mode == "I" and data.size and data.min() >= 0 and data.max() < 65536:
        data = data.astype(np.uint16)
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def _saturated(data: Any) -> Any:
    """Pixels at the top of the scale in every channel of an 8- or 16-bit picture."""
    if data.dtype.kind != "u":
        return np.zeros(data.shape[:2], dtype=np.bool_)
    top = data == np.iinfo(data.dtype).max
    return top.all(axis=2) if data.ndim == 3 else top


def _blank_tail(data: Any) -> Any:
    """Rows behind the last one that differs from the row below it: what a decoder fills in for missing data."""
    same = (data[1:] == data[:-1]).reshape(data.shape[0] - 1, -1).all(axis=1)
    mask = np.zeros(data.shape[:2], dtype=np.bool_)
    changes = np.flatnonzero(~same)
    mask[(int(changes[-1]) + 1 if changes.size else 0) :] = True
    return mask


def _turned(array: Any, orientation: Any) -> Any:
    """Apply the EXIF orientation (CIPA DC-008, tag 274): 2-4 flips and half turn, 5-8 with rows and columns swapped."""
    turns = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a[::-1].swapaxes(0, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a[:, ::-1].swapaxes(0, 1),
    }
    turn = turns.get(orientation) if isinstance(orientation, int) else None
    return array if turn is None else np.ascontiguousarray(turn(array))


def _chunks(image: Image) -> dict[str, str]:
    """Text chunks of a PNG."""
    out: dict[str, str] = {}
    for key, value in dict(image.info).items():
        if isinstance(value, str) and isinstance(key, str) and len(out) < 200:
            out[key] = value[:_MAX_CHUNK_TEXT]
    return out


def _observation(
    path: Path, sha256: str, kind: str, chunks: dict[str, str], tags: dict[str, Any], shape: tuple[int, int]
) -> Observation:
    text = chunks.get("Comment", "") + chunks.get("OtherText", "")
    if kind == "png" and ("dscovr_" in text or "EPIC camera" in chunks.get("Description", "")):
        label: dict[str, Any] = {**chunks}
        label["Comment"] = parse_epic_text(chunks.get("Comment", ""))
        label["OtherText"] = parse_epic_text(chunks.get("OtherText", ""))
        return epic_observation(path, sha256, "png", label, shape, band="RGB 680/551/443 nm", unit="picture value")
    return picture_observation(path, sha256, kind, {**chunks, **tags}, shape)
