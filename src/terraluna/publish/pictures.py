"""Writing pictures: whole or not at all."""

from __future__ import annotations

from pathlib import Path

from terraluna.errors import InputError
from terraluna.publish.files import atomic_write
from terraluna.publish.portrait import Picture


def write_png(path: Path, picture: Picture, text: dict[str, str] | None = None) -> None:
    """Write an 8-bit RGB picture (H, W, 3) as PNG with text chunks.

    Raises:
        InputError: the name does not end in .png.
        OutputError: the file cannot be written; nothing is left behind.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: only PNG is written; choose a name that ends in .png")
    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    with atomic_write(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG", pnginfo=info, optimize=False)
