"""``terraluna render``: one frame of a scene file, as a picture or as what the detector gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terraluna.cli.common import JsonFlag, say, say_json
from terraluna.cli.scene import AtOption
from terraluna.errors import InputError

if TYPE_CHECKING:
    from terraluna.instrument.from_spec import SimulatedScene
    from terraluna.missions.view import MissionView

FITS = (".fits", ".fit")
PICTURES = (".png", ".jpg", ".jpeg")

QuantityOption = Annotated[
    str | None,
    typer.Option("--quantity", help="FITS: dn, electrons, radiance or radiance-factor; the scene file's, else dn."),
]
TileOption = Annotated[
    str | None, typer.Option("--tile", metavar="X,Y,W,H", help="Simulate this part of the detector only.")
]


def render(
    source: Annotated[str, typer.Argument(metavar="SCENE.toml", help="A scene file, or a mission's id.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The frame: .fits, .png or .jpg by its name.")
    ],
    at: AtOption = None,
    quantity: QuantityOption = None,
    truth: Annotated[bool, typer.Option("--truth", help="FITS: add truth layers as extensions.")] = False,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of all noise; the scene file's, else 0.")] = None,
    detector: Annotated[
        bool, typer.Option("--detector", help="Picture: developed from the detector's numbers, noise and all.")
    ] = False,
    tile: TileOption = None,
    json: JsonFlag = False,
) -> None:
    """Render one frame: FITS (DN, electrons or radiance), or a picture (PNG, JPEG)."""
    from terraluna.ephemeris import Ephemeris
    from terraluna.missions.view import MissionView

    suffix = output.suffix.lower()
    if suffix not in (*FITS, *PICTURES):
        raise InputError(f"{output}: the name must end in .fits, .png or .jpg")
    if suffix not in FITS and (quantity is not None or truth):
        raise InputError(f"{output}: --quantity and --truth need a FITS file; choose a name that ends in .fits")
    with Ephemeris() as ephemeris:
        view = MissionView.open(source, ephemeris).with_simulation(
            quantity=quantity, truth=truth or None, seed=seed, tile=_tile(tile)
        )
        et = view.portrait_et if at is None else ephemeris.et(at)
        make = _simulate if suffix in FITS or detector else _portrait
        report = make(view, et, output)
    if json:
        say_json(report)
    else:
        say(str(output))


def _tile(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 4:
        raise InputError(f"--tile {text!r}: write it as column,row,width,height in px")
    return values


def _portrait(view: MissionView, et: float, output: Path) -> dict[str, object]:
    """The developed portrait, without noise, at the camera's own scale."""
    from terraluna.publish.pictures import write_picture
    from terraluna.publish.portrait import make_portrait
    from terraluna.render.surfaces import surface_materials

    portrait = make_portrait(view, et, surface_materials(view.spec.surface, view.folder))
    title = f"{portrait.title}, {portrait.scene.utc} UTC"
    write_picture(output, portrait.picture, {"Title": title, "Software": "terraluna"})
    height, width = portrait.picture.shape[:2]
    return {
        "file": str(output),
        "utc": portrait.scene.utc,
        "width": width,
        "height": height,
        "kind": "portrait",
        "moon_level": list(portrait.moon_level_notes),
    }


def _simulate(view: MissionView, et: float, output: Path) -> dict[str, object]:
    """The simulated frame as FITS, or a picture developed from its numbers."""
    from terraluna.instrument.from_spec import simulate_view
    from terraluna.publish.fits import write_fits
    from terraluna.publish.simulated import write_simulated_picture
    from terraluna.render.surfaces import surface_materials

    spec = view.spec.simulation
    result = simulate_view(view, et, surface_materials(view.spec.surface, view.folder))
    if output.suffix.lower() in FITS:
        write_fits(output, result.scene, result.frames, spec.quantity, seed=spec.seed, truth=spec.truth)
    else:
        write_simulated_picture(output, view, result)
    return _report(result, output)


def _report(result: SimulatedScene, output: Path) -> dict[str, object]:
    from terraluna.photometry.trust import moon_level_notes

    frame = result.frames[0]
    notes = moon_level_notes(result.scene.moon.phase_rad, (b.effective_nm for f in result.frames for b in f.radiometry))
    return {
        "file": str(output),
        "utc": result.scene.utc,
        "width": frame.camera.width,
        "height": frame.camera.height,
        "kind": "simulation",
        "moon_level": list(notes),
        "exposures": [
            {
                "filter": name,
                "exposure_s": seconds,
                "utc": f.metadata["utc"],
                "bodies": {
                    body: {"clipped": b.clipped, "snr": b.snr, "median_e": b.median_e, "peak_e": b.peak_e}
                    for body, b in f.bodies[name].items()
                },
            }
            for f in result.frames
            for name, seconds in zip(f.filters, f.exposures_s, strict=True)
        ],
    }
