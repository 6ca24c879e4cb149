"""One entry for every picture file: looks at the content, not at the name, and hands it to the reader of its format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from terraluna.errors import InputError
from terraluna.frames.limits import Limits
from terraluna.frames.observation import RawFrame

if TYPE_CHECKING:
    from terraluna.ephemeris import Ephemeris

_Reader = Callable[[Path, str, Limits], RawFrame]


def read_frame(
    path: str | Path,
    *,
    limits: Limits | None = None,
    ephemeris: Ephemeris | None = None,
    band: str | None = None,
    check: bool = True,
) -> RawFrame:
    """Read any supported picture file into pixels, what its label says, and what is wrong with it.

    Formats: FITS, PDS3 (attached or detached label), PDS4 (name the XML label), VICAR, compressed Voyager IMQ, EPIC
    HDF5, PNG, JPEG and TIFF. A missing or damaged part gives a warning and leaves the rest; an unusable file is an
    error of one line. For a bare data file of a product with a detached label, name the label.

    Args:
        path: the file.
        limits: bounds on sizes; the defaults keep memory below about 1 GB.
        ephemeris: an open ephemeris for times and checks; one is opened for the call if None.
        band: the band to read from a file that holds several (EPIC HDF5), in nm such as ``443``.
        check: compare the header with the ephemeris (:func:`terraluna.frames.sanity.check_header`).

    Raises:
        InputError: the file can't be read, isn't a picture in a supported format, or exceeds a limit.
    """
    from terraluna.frames.sanity import check_header, fill_times

    place, bounds = Path(path), limits or Limits()
    bounds.check_file(place)
    reader = _reader(place, band)
    try:
        frame = reader(place, sha256_of(place), bounds)
    except (OSError, MemoryError) as error:
        text = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(f"{place}: can't be read ({text}); check the file") from None
    if ephemeris is None:
        from terraluna.ephemeris import Ephemeris

        with Ephemeris() as own:
            et, et_start = fill_times(frame.observation, own)
            observation = replace(frame.observation, et=et, et_start=et_start)
            found = check_header(observation, own) if check else ()
    else:
        et, et_start = fill_times(frame.observation, ephemeris)
        observation = replace(frame.observation, et=et, et_start=et_start)
        found = check_header(observation, ephemeris) if check else ()
    return replace(frame, observation=observation, warnings=frame.warnings + found)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reader(path: Path, band: str | None) -> _Reader:
    """The reader for the content of a file."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        from terraluna.frames.hdf5 import read_hdf5

        return lambda p, s, limits: read_hdf5(p, s, limits, band)
    if band is not None:
        raise InputError(f"{path}: holds one picture, so no band can be chosen; leave the band out")
    if head[:8] == b"\x89PNG\r\n\x1a\n" or head[:3] == b"\xff\xd8\xff" or head[:4] in (b"II*\0", b"MM\0*"):
        from terraluna.frames.pictures import read_picture

        return read_picture
    if head[:9] == b"SIMPLE  =":
        from terraluna.frames.fits import read_fits

        return read_fits
    if head[:8] == b"LBLSIZE=":
        from terraluna.frames.vicar import read_vicar

        return read_vicar
    from terraluna.frames.imq import looks_like_imq, read_imq

    if looks_like_imq(head):
        return read_imq
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    if start[:5] == b"<?xml" or start[:22] == b"<Product_Observational":
        from terraluna.frames.pds4 import read_pds4

        return read_pds4
    if b"PDS_VERSION_ID" in head[:2048] or start[:4] == b"CCSD" or start[:8] == b"NJPL1I00":
        from terraluna.frames.pds import read_pds3

        return read_pds3
    if head[:2] == b"\x1f\x8b" or head[:4] in (b"PK\x03\x04", b"BZh9") or head[:6] == b"\xfd7zXZ\0":
        raise InputError(f"{path}: the file is packed; unpack it first")
    raise InputError(
        f"{path}: not a picture in a known format (FITS, PDS3, PDS4, VICAR, IMQ, HDF5, PNG, JPEG, TIFF); "
        "for a data file with a detached label, name the label"
    )
