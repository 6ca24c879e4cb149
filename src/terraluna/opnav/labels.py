"""What is known of a picture beside its pixels: its time and its camera, by a log or by its own label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from terraluna.camera.model import Camera
from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.frames import RawFrame, camera_of, read_frame
from terraluna.opnav.limb_height import limb_height_prior


def read_label(path: Path, ephemeris: Ephemeris) -> RawFrame | None:
    """A picture with its label, checked against the ephemeris; None for SSDV packets, which have none, and no file.

    Raises:
        InputError: the file can't be read.
    """
    if path.suffix.lower() in (".ssdv", ".bin") or not path.is_file():
        return None
    return read_frame(path, ephemeris=ephemeris)


def label_camera(path: Path, label: RawFrame | None, ephemeris: Ephemeris) -> tuple[Camera, tuple[str, ...]]:
    """Camera of a picture's label (EXIF, FITS and so on), and remarks on its time.

    Raises:
        InputError: the file can't be read, or its label says nothing of the focal length.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; name a picture")
    # Packets are no picture: the reader says so.
    frame = read_frame(path, ephemeris=ephemeris, check=False) if label is None else label
    unknown_zone = "time zone unknown" in str(frame.observation.label.get("time_from", ""))
    return camera_of(frame.observation), ("time_zone_unknown",) if unknown_zone else ()


def time_of(path: str, times: Mapping[str, str], label: RawFrame | None, ephemeris: Ephemeris) -> float:
    """Time of a picture, TDB seconds past J2000: by the table, else by its own label.

    Raises:
        InputError: neither says.
    """
    name = Path(path)
    digits = "".join(c for c in name.stem if c.isdigit())
    keys = (path, name.name, name.stem, digits, digits.lstrip("0"))
    for key in keys:
        if key and key in times:
            return ephemeris.et(times[key])
    own = None if label is None else label.observation.et
    if own is not None:
        return own
    raise InputError(f"{path}: its time is not known; give it with --at, or in the table of --log (columns image, utc)")


def header_warnings(label: RawFrame | None) -> tuple[str, ...]:
    """What is wrong with a picture's header: damage, and what contradicts the ephemeris."""
    return () if label is None else tuple(str(w) for w in label.warnings)


def limb_band(label: RawFrame | None, camera: Camera) -> str:
    """Band of a picture for the height of the Earth's limb: its filter's wavelength (nm), or "visible".

    Filters outside of what is known of that height, colour pictures and SSDV packets count as visible.
    """
    name = None if label is None else label.observation.filter
    known = next((f for f in camera.filters if f.name == name), None)
    if known is None:
        return "visible"
    band = f"{known.centre_nm:g}"
    try:
        limb_height_prior(band)
    except InputError:
        return "visible"
    return band
