"""Writing pictures: whole or not at all."""

from __future__ import annotations

from pathlib import Path

from terraluna.errors import InputError
from terraluna.publish.files import atomic_write
from terraluna.publish.portrait import Picture


def write_picture(path: Path, picture: Picture, text: dict[str, str] | None = None) -> None:
    """Write an 8-bit RGB picture (H, W, 3) as PNG (with text chunks) or JPEG, by the name of the file.

    Raises:
        InputError: the name ends in neither .png nor .jpg.
        OutputError: the file cannot be written; nothing is left behind.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    suffix = path.suffix.lower()
    image = Image.fromarray(picture)
    if suffix == ".png":
        info = PngInfo()
        for key, value in (text or {}).items():
            info.add_itxt(key, value)
        with atomic_write(path) as temporary:
            image.save(temporary, format="PNG", pnginfo=info, compress_level=3)
    elif suffix in (".jpg", ".jpeg"):
        with atomic_write(path) as temporary:
            image.save(temporary, format="JPEG", quality=95, subsampling=0, comment="; ".join((text or {}).values()))
    else:
        raise InputError(f"{path}: the name of a picture must end in .png or .jpg")
