"""The XMP packet of a picture: AVM 1.2 tags through pyavm, the colour space, and the provenance block."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from terraluna import __version__

if TYPE_CHECKING:
    from terraluna.camera.model import Filter

_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_SPACES: Final = {
    "rdf": _RDF,
    "x": "adobe:ns:meta/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "terraluna": "https://terraluna.readthedocs.io/ns/1.0/",
}
_COLOURS: Final = ("Red", "Green", "Blue")


@dataclass(frozen=True)
class Description:
    """What the metadata says of a picture.

    Attributes:
        title: short.
        caption: one paragraph.
        facility: spacecraft, or empty.
        instrument: camera, or empty.
        bands: one filter a channel.
        utc: mid-exposure a channel, ISO 8601, or None.
        bodies: names of what is in the picture.
        stretch: linear or asinh.
        white: level that became white.
        moderate: part of the picture is filled in.
    """

    title: str
    caption: str
    facility: str
    instrument: str
    bands: tuple[Filter, ...]
    utc: tuple[str | None, ...]
    bodies: tuple[str, ...]
    stretch: str
    white: float
    moderate: bool = False
    extra: dict[str, str] = field(default_factory=dict)


def xmp_packet(description: Description, provenance: str) -> bytes:
    """The packet, UTF-8. It holds no time of writing, so that the same picture gives the same bytes."""
    from pyavm import AVM

    avm: Any = AVM()
    avm.MetadataVersion = 1.2
    avm.Title = description.title
    avm.Description = description.caption
    avm.Type = "Planetary"
    avm.Image.ProductQuality = "Moderate" if description.moderate else "Good"
    if description.bodies:
        avm.Subject.Name = [b.capitalize() for b in description.bodies]
    count = len(description.bands)
    avm.Facility = [description.facility or "unknown"] * count
    avm.Instrument = [description.instrument or "unknown"] * count
    avm.Spectral.ColorAssignment = list(_COLOURS) if count == 3 else ["Grayscale"]
    avm.Spectral.Band = [_band(b.centre_nm) for b in description.bands]
    avm.Spectral.Bandpass = [b.name for b in description.bands]
    avm.Spectral.CentralWavelength = [round(b.centre_nm, 2) for b in description.bands]
    times = [_time(u) for u in description.utc]
    if times and all(t is not None for t in times):
        avm.Temporal.StartTime = times
    avm.FL.StretchFunction = ["Linear" if description.stretch == "linear" else "ArcSinh"] * count
    avm.FL.WhiteLevel = [round(description.white, 6)] * count
    for prefix, uri in _SPACES.items():
        ElementTree.register_namespace(prefix, uri)
    root = ElementTree.fromstring(avm.to_xml())
    holder = next(iter(root.iter(f"{{{_RDF}}}Description")))
    holder.set(f"{{{_RDF}}}about", "")
    for item in holder:
        if item.tag.endswith("}MetadataVersion"):
            item.text = "1.2"
    _add(holder, "xmp", "CreatorTool", f"terraluna {__version__}")
    _add(holder, "photoshop", "ICCProfile", "sRGB IEC61966-2.1")
    _add(holder, "exif", "ColorSpace", "1")
    for key, value in description.extra.items():
        _add(holder, "terraluna", key, value)
    _add(holder, "terraluna", "Provenance", provenance)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{body}\n<?xpacket end="w"?>'.encode()


def _add(holder: ElementTree.Element, prefix: str, name: str, value: str) -> None:
    ElementTree.SubElement(holder, f"{{{_SPACES[prefix]}}}{name}").text = value


def _band(nm: float) -> str:
    return "Ultraviolet" if nm < 380.0 else "Optical" if nm < 780.0 else "Infrared"


def _time(utc: str | None) -> datetime | None:
    if utc is None:
        return None
    try:
        return datetime.fromisoformat(utc.rstrip("Z")[:26]).replace(microsecond=0, tzinfo=None)
    except ValueError:
        return None
