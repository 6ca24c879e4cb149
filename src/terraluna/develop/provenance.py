"""What a picture was made of and how, stored inside it, so that it can be made again byte for byte."""

from __future__ import annotations

import json
import re
import warnings as python_warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import unescape

from terraluna import __version__
from terraluna.develop.options import DevelopOptions, options_from
from terraluna.errors import InputError

TAG: Final = "terraluna:Provenance"
FITS_KEY: Final = "TLPROV"

_LIBRARIES: Final = ("numpy", "scipy", "scikit-image", "pillow", "tifffile", "astropy", "pyavm")
_FOUND = re.compile(rf"<{TAG}>(.*?)</{TAG}>", re.DOTALL)
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Provenance:
    """The stored block.

    Attributes:
        version: of terraluna.
        libraries: versions of the libraries that the bytes depend on.
        inputs: file name as given and SHA-256, in order.
        options: how it was developed.
        format: ``png``, ``jpeg``, ``tiff`` or ``fits``.
    """

    version: str
    libraries: dict[str, str]
    inputs: tuple[tuple[str, str], ...]
    options: DevelopOptions
    format: str

    def text(self) -> str:
        """The block as one line of ASCII JSON."""
        data = {
            "software": "terraluna",
            "version": self.version,
            "libraries": self.libraries,
            "inputs": [{"file": name, "sha256": digest} for name, digest in self.inputs],
            "options": self.options.as_dict(),
            "format": self.format,
        }
        return json.dumps(data, separators=(",", ":"), ensure_ascii=True)


def provenance_of(inputs: tuple[tuple[str, str], ...], options: DevelopOptions, kind: str) -> Provenance:
    """The block of a picture that is made now."""
    libraries = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            libraries[name] = ""
    return Provenance(__version__, libraries, inputs, options, kind)


def parse_provenance(text: str, where: str) -> Provenance:
    """A stored block; InputError if it is damaged or from a version with other options."""
    try:
        data: dict[str, Any] = json.loads(text)
        inputs = tuple((str(i["file"]), str(i["sha256"])) for i in data["inputs"])
        options = dict(data["options"])
        kind, made, libraries = str(data["format"]), str(data["version"]), dict(data["libraries"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{where}: its provenance block is damaged; develop the frames anew") from None
    try:
        return Provenance(made, {str(k): str(v) for k, v in libraries.items()}, inputs, options_from(options), kind)
    except (InputError, TypeError) as error:
        raise InputError(f"{where}: its provenance block cannot be used: {error}") from None


def read_provenance(path: Path) -> Provenance:
    """The block inside a picture that was developed by terraluna.

    Raises:
        InputError: the file can't be read, is no picture, or holds no block.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check the name") from None
    text = _from_fits(path) if head == b"SIMPLE  =" else _from_picture(path)
    if text is None:
        raise InputError(f"{path}: holds no provenance block; only pictures from 'terraluna develop' can be made again")
    return parse_provenance(text, str(path))


def _from_picture(path: Path) -> str | None:
    packet = read_xmp(path)
    found = _FOUND.search(packet) if packet is not None else None
    return unescape(found.group(1), {"&quot;": '"', "&#10;": "\n"}) if found else None


def read_xmp(path: Path) -> str | None:
    """The XMP packet of a PNG, JPEG or TIFF; None if there is none; InputError if it is no such picture."""
    from PIL import Image

    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            with Image.open(path, formats=["PNG", "JPEG", "TIFF"]) as image:
                info = dict(image.info)
                tag = image.tag_v2.get(700) if hasattr(image, "tag_v2") else None
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError ... on damaged files
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path}: is not a picture that can be read ({reason}); name a developed picture") from None
    packet = tag if tag is not None else info.get("xmp", info.get("XML:com.adobe.xmp"))
    if isinstance(packet, bytes):
        packet = packet.decode("utf-8", "replace")
    return packet[:_LARGEST] if isinstance(packet, str) else None


def _from_fits(path: Path) -> str | None:
    from astropy.io import fits

    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            with fits.open(path) as file:
                return str(file[0].header[FITS_KEY])
    except KeyError:
        return None
    except Exception as error:  # astropy raises OSError, VerifyError, ValueError ... on damaged files
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path}: the FITS file cannot be read ({reason})") from None


def differences(stored: Provenance) -> list[str]:
    """Versions that differ from those the picture was made with: the bytes may differ then."""
    now = provenance_of(stored.inputs, stored.options, stored.format)
    pairs = [("terraluna", stored.version, now.version)]
    pairs += [(n, v, now.libraries.get(n, "")) for n, v in stored.libraries.items()]
    return [f"{name} {then or 'absent'} then, {here or 'absent'} now" for name, then, here in pairs if then != here]


def locate_inputs(stored: Provenance, picture: Path, given: list[Path]) -> list[Path]:
    """The files of a stored block, checked by their SHA-256.

    Each is looked for among the files given, then where it was, then beside the picture.

    Raises:
        InputError: a file is missing or has changed.
    """
    from terraluna.frames.read import sha256_of

    for path in given:
        if not path.is_file():
            raise InputError(f"{path}: is not a file; name the inputs of the picture, or none")
    digests = {sha256_of(p): p for p in given}
    found = []
    for name, digest in stored.inputs:
        if digest in digests:
            found.append(digests[digest])
            continue
        places = [p for p in (Path(name), picture.parent / Path(name).name) if p.is_file()]
        right = [p for p in places if sha256_of(p) == digest]
        if right:
            found.append(right[0])
        elif places:
            raise InputError(f"{places[0]}: has changed since {picture} was made (SHA-256 differs); restore the file")
        else:
            raise InputError(f"{name}: the input of {picture} is not there; name it behind --again {picture}")
    return found
