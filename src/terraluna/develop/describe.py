"""What is said of a developed picture: title, caption and metadata, and the report of all that was measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from terraluna.develop.align import Aligned
from terraluna.develop.balance import Balance
from terraluna.develop.disc import Disc, Mask
from terraluna.develop.load import Loaded
from terraluna.develop.options import DevelopOptions

if TYPE_CHECKING:
    from terraluna.develop.metadata import Description
    from terraluna.scene import Scene


def factor_text(factor: float) -> str:
    """What the picture says where the Moon was made brighter or darker."""
    return f"Moon brightened x {factor:g}" if factor > 1.0 else f"Moon dimmed x {factor:g}"


def describe(
    loaded: Loaded,
    aligned: Aligned,
    balance: Balance | None,
    options: DevelopOptions,
    scene: Scene | None,
    white: float,
    up: str,
    damaged: bool,
) -> Description:
    """Title, caption and metadata; ``up`` says how the direction of up was found, ``damaged`` that pixels were lost."""
    from terraluna.develop.metadata import Description

    planes = loaded.planes
    facility = loaded.facility
    instrument = loaded.camera.name if loaded.camera is not None else ""
    utc = planes[len(planes) // 2].utc
    bodies = tuple(n for n in aligned.discs if n != "unknown")
    what = " and ".join(b.capitalize() for b in bodies)
    known = [p for p in (what, facility or instrument, f"{utc[:19].replace('T', ' ')} UTC" if utc else "") if p]
    title = options.title or ", ".join(known) or "Developed frame"
    parts = []
    if len(planes) == 3:
        parts.append("R, G, B: " + ", ".join(f"{p.band.centre_nm:.0f}" for p in planes) + " nm")
    else:
        parts.append(f"{planes[0].band.name}, {planes[0].band.centre_nm:.0f} nm")
    if balance is not None:
        parts.append(
            "white: a flat grey surface in sunlight" if balance.white_point == "sun" else "white: the mean Moon is grey"
        )
    elif len(planes) == 3:
        parts.append("colour not balanced")
    if options.moon_factor != 1.0:
        parts.append(factor_text(options.moon_factor))
    parts.append(f"{options.stretch} stretch, sRGB")
    if options.deconvolve:
        parts.append(f"sharpened (Richardson-Lucy, {options.deconvolve})")
    if damaged:
        filled = {"none": "left black", "fill": "filled with grey"}.get(options.conceal, "filled in")
        marked = " and outlined" if options.mark and options.conceal != "none" else ""
        parts.append(f"{loaded.lost_note or 'lost pixels'}, {filled}{marked}")
    if options.orient != "as-shot":
        parts.append(up)
    if options.title and len(known) > 1:
        parts.insert(0, ", ".join(known))
    return Description(
        title=title,
        caption="; ".join(parts) + ".",
        facility=facility,
        instrument=instrument,
        bands=tuple(p.band for p in planes),
        utc=tuple(p.utc for p in planes),
        bodies=bodies,
        stretch=options.stretch,
        white=white,
        moderate=damaged,
        extra={} if scene is None else {"GeometryQuality": scene.quality},
    )


def report_of(
    loaded: Loaded,
    aligned: Aligned,
    discs: dict[str, Disc],
    balance: Balance | None,
    options: DevelopOptions,
    white: float,
    unit: str,
    up: str,
    angle: float,
    filled: Mask,
    invented: Mask,
    notes: list[str],
) -> dict[str, Any]:
    """Everything measured, JSON-ready; arguments as in :class:`terraluna.develop.developed.Developed`."""
    card = None if balance is None else balance.card
    return {
        "inputs": [{"file": n, "sha256": d} for n, d in loaded.inputs],
        "camera": None if loaded.camera is None else loaded.camera.id,
        "bands": [{"filter": p.band.name, "centre_nm": p.band.centre_nm, "utc": p.utc} for p in loaded.planes],
        "bodies": [
            {
                "name": d.name,
                "x": d.x,
                "y": d.y,
                "radius": d.radius,
                "rms_px": d.rms_px,
                "arc_deg": d.arc_deg,
                "front": d.front,
            }
            for d in discs.values()
        ],
        "registration": aligned.report,
        "balance": None
        if balance is None or card is None
        else {
            "white_point": balance.white_point,
            "card": {"bands_nm": list(card.bands_nm), "reflectance": list(card.reflectance), "note": card.note},
            "gains": list(balance.gains),
            "tone": list(balance.tone),
            "sky": list(balance.sky),
            "moon_before": list(balance.before),
            "moon_after_over_expected": list(balance.after),
            "pixels": balance.pixels,
        },
        "unit": unit,
        "white": white,
        "stretch": options.stretch,
        "moon_factor": options.moon_factor,
        "orientation": {"up": up, "turned_deg": math.degrees(angle)},
        "filled_pixels": int(filled.sum()),
        "invented_pixels": int(invented.sum()),
        "saturated_pixels": int(aligned.saturated.sum()),
        "notes": notes,
    }
