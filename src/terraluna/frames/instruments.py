"""Which camera of the catalogue a label means, and when its mission flew."""

from __future__ import annotations

import re
from typing import Final

_CAMERAS: Final[tuple[tuple[str, str, str], ...]] = (
    # Spacecraft pattern, instrument pattern, id in the camera catalogue.
    (r"(VOYAGER|VGR)[ _-]*1", r"WIDE|WAC|\bWA\b", "voyager-1-wa"),
    (r"(VOYAGER|VGR)[ _-]*1", r"NARROW|NAC|\bNA\b", "voyager-1-na"),
    (r"MARS.RECONNAISSANCE|\bMRO\b", r"HIRISE|HIGH RESOLUTION IMAGING SCIENCE", "hirise"),
    (r"MESSENGER", r"MDIS.*(NAC|NARROW)|NARROW ANGLE", "mdis-nac"),
    (r"MESSENGER", r"MDIS.*(WAC|WIDE)|WIDE ANGLE", "mdis-wac"),
    (r"DSCOVR|DEEP SPACE CLIMATE", r"EPIC|POLYCHROMATIC", "epic"),
    (r"HAYABUSA2|HYB2", r"ONC-W2", "onc-w2"),
    (r"HAYABUSA2|HYB2", r"ONC-T", "onc-t"),
    (r"OSIRIS.?REX|\bOREX\b", r"MAPCAM", "mapcam"),
    (r"LONGJIANG|DSLWP", r".*", "longjiang-2"),
)

_FLIGHTS: Final[tuple[tuple[str, str, str | None], ...]] = (
    # Spacecraft pattern, launch day, and where the mission has ended the last day of its life (NSSDCA catalogue).
    (r"(VOYAGER|VGR)[ _-]*1", "1977-09-05", None),
    (r"(VOYAGER|VGR)[ _-]*2", "1977-08-20", None),
    (r"GALILEO", "1989-10-18", "2003-09-21"),
    (r"\bNEAR\b", "1996-02-17", "2001-02-28"),
    (r"MESSENGER", "2004-08-03", "2015-04-30"),
    (r"MARS.RECONNAISSANCE|\bMRO\b", "2005-08-12", None),
    (r"HAYABUSA2|HYB2", "2014-12-03", None),
    (r"DSCOVR|DEEP SPACE CLIMATE", "2015-02-11", None),
    (r"OSIRIS.?REX|\bOREX\b", "2016-09-08", None),
    (r"LONGJIANG|DSLWP", "2018-05-20", "2019-07-31"),
)


def identify(spacecraft: str, instrument: str) -> str | None:
    """Id of the camera in the catalogue from the label's names of spacecraft and instrument; None if it has none."""
    for host, camera, name in _CAMERAS:
        if re.search(host, spacecraft[:200], re.IGNORECASE) and re.search(camera, instrument[:200], re.IGNORECASE):
            return name
    return None


def flight(spacecraft: str) -> tuple[str, str | None] | None:
    """First and last day of a spacecraft's flight (None: it may still fly); None if the spacecraft isn't known."""
    for host, first, last in _FLIGHTS:
        if re.search(host, spacecraft[:200], re.IGNORECASE):
            return first, last
    return None
