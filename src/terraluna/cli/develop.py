"""``terraluna develop``: raw frames to a finished picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from terraluna.cli.common import EXIT_NO, JsonFlag, fail, output_folder, say, say_json
from terraluna.errors import InputError, RefusedError

if TYPE_CHECKING:
    from terraluna.develop.developed import Developed
    from terraluna.develop.options import DevelopOptions

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILES...", help="One frame a filter, or a colour picture, or SSDV packets of one image."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help=".png, .tif, .jpg or .fits; a folder develops each file by itself."
    ),
]
AgainOption = Annotated[
    Path | None,
    typer.Option("--again", metavar="PICTURE", help="Make a developed picture again from the block inside it."),
]


def develop(
    files: FilesArgument = None,
    output: OutOption = None,
    again: AgainOption = None,
    camera: Annotated[str | None, typer.Option(help="Camera id or camera file; default: from the label.")] = None,
    mission: Annotated[str | None, typer.Option(help="Mission (or scene file) whose geometry helps.")] = None,
    at: Annotated[str | None, typer.Option(metavar="UTC", help="Time of a frame that carries none.")] = None,
    target: Annotated[str | None, typer.Option(help="earth or moon: what a lone disc is.")] = None,
    balance: Annotated[bool, typer.Option(help="White balance on the lunar disc.")] = True,
    white_point: Annotated[
        str, typer.Option(help="moon: the mean Moon is grey; sun: grey in sunlight is white, the Moon stays brown.")
    ] = "moon",
    register: Annotated[
        str, typer.Option(help="bodies, frame or none: how the bands are brought together.")
    ] = "bodies",
    stretch: Annotated[str, typer.Option(help="linear or asinh.")] = "linear",
    white: Annotated[float | None, typer.Option(help="Linear level that becomes white; default: found.")] = None,
    softening: Annotated[float, typer.Option(help="Of asinh, in units of the white level.")] = 0.05,
    moon_factor: Annotated[float, typer.Option(help="Brighten the Moon by this; written on the picture.")] = 1.0,
    deconvolve: Annotated[int, typer.Option(metavar="N", help="Richardson-Lucy iterations with the PSF.")] = 0,
    conceal: Annotated[str, typer.Option(help="none, fill or inpaint: lost and bad pixels.")] = "inpaint",
    mark: Annotated[bool, typer.Option(help="Outline filled regions on the picture.")] = True,
    orient: Annotated[str, typer.Option(help="as-shot, north-up or sun-up.")] = "as-shot",
    crop: Annotated[str | None, typer.Option(metavar="X,Y,W,H", help="Cut of the turned picture, or auto.")] = None,
    caption: Annotated[bool, typer.Option(help="Caption below the picture.")] = True,
    title: Annotated[str | None, typer.Option(help="Title of caption and metadata.")] = None,
    bits: Annotated[int, typer.Option(help="8 or 16 a channel.")] = 8,
    quality: Annotated[int, typer.Option(help="Of JPEG files, 1 to 100.")] = 92,
    bayer: Annotated[str | None, typer.Option(help="RGGB, BGGR, GRBG or GBRG of a raw mosaic.")] = None,
    damage_map: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PNG of filled (255) and invented (128) pixels.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Turn raw frames into a finished picture: registered per body, balanced on the Moon, provenance inside."""
    from terraluna.develop.options import DevelopOptions

    if again is not None:
        _again(again, files or [], output, json)
        return
    options = DevelopOptions(
        camera=camera,
        mission=mission,
        at=at,
        target=target,
        balance=balance,
        white_point=white_point,
        register=register,
        stretch=stretch,
        white=white,
        softening=softening,
        moon_factor=moon_factor,
        deconvolve=deconvolve,
        conceal=conceal,
        mark=mark,
        orient=orient,
        crop=crop,
        caption=caption,
        title=title,
        bits=bits,
        quality=quality,
        bayer=bayer,
    )
    if not files:
        raise InputError("no file was given: name frames, or a picture with --again")
    if output is None:
        raise InputError("--output: say where the picture goes, for instance -o picture.png")
    if output.is_dir() or not output.suffix:
        if damage_map is not None:
            raise InputError("--damage-map names one file; develop one picture at a time for it")
        jobs = [([f], output / f"{f.stem}.png") for f in files]
        twice = [p for k, (_, p) in enumerate(jobs) if p in [q for _, q in jobs[:k]]]
        if twice:
            raise InputError(f"{twice[0]}: two inputs would be written there; develop them one by one")
        _check_outputs(jobs)
        output_folder(output)
    else:
        jobs = [(files, output)]
        _check_outputs(jobs, options)
    reports, refused = [], 0
    for paths, place in jobs:
        try:
            reports.append(_one(paths, place, options, damage_map))
        except RefusedError as error:
            # One frame that cannot be trusted says nothing about the others.
            fail(f"{paths[0]}: refused: {error}")
            refused += 1
    if json and reports:
        say_json(reports[0] if len(jobs) == 1 else {"pictures": reports})
    elif not json:
        for report in reports:
            _tell(report)
    if refused:
        raise typer.Exit(EXIT_NO)


def _check_outputs(jobs: list[tuple[list[Path], Path]], options: DevelopOptions | None = None) -> None:
    """Before any work: the format is known and no input would be overwritten."""
    from terraluna.develop.finish import format_of

    inputs = {f.resolve() for files, _ in jobs for f in files}
    for _, place in jobs:
        format_of(place, 8 if options is None else options.bits)
        if place.resolve() in inputs:
            raise InputError(f"{place}: is an input too; choose another name for the picture")


def _one(paths: list[Path], place: Path, options: DevelopOptions, damage_map: Path | None) -> dict[str, Any]:
    from terraluna.develop.develop import develop as develop_frames

    made = develop_frames(paths, options)
    made.write(place)
    if damage_map is not None:
        _write_map(made, damage_map)
    return {"output": str(place), **made.report}


def _write_map(made: Developed, path: Path) -> None:
    import io

    import numpy as np
    from PIL import Image

    from terraluna.publish.files import write_bytes

    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: the damage map is a PNG; choose a name that ends in .png")
    grey = np.where(made.filled, np.uint8(255), np.where(made.invented, np.uint8(128), np.uint8(0)))
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


def _again(picture: Path, given: list[Path], output: Path | None, as_json: bool) -> None:
    from terraluna.develop.develop import develop_again
    from terraluna.develop.finish import format_of
    from terraluna.develop.provenance import read_provenance

    stored = read_provenance(picture)
    if output is None:
        raise InputError("--output: say where the new picture goes, for instance -o again.png")
    kind = format_of(output, stored.options.bits)
    if kind != stored.format:
        raise InputError(f"{output}: {picture} is {stored.format.upper()}; choose a name with that ending")
    made, _, changed = develop_again(picture, given)
    for line in changed:
        fail(f"{picture}: the bytes may differ: {line}")
    made.write(output)
    same = output.read_bytes() == picture.read_bytes()
    report = {"output": str(output), "same_bytes": same, "changed": changed, **made.report}
    if as_json:
        say_json(report)
    else:
        say(f"{output}: {'the same bytes as' if same else 'not the same bytes as'} {picture}")
    if not same:
        raise typer.Exit(EXIT_NO)


def _tell(report: dict[str, Any]) -> None:
    say(report["output"])
    for body in report["bodies"]:
        say(f"  {body['name']}: centre {body['x']:.2f}, {body['y']:.2f} px, radius {body['radius']:.2f} px")
    for band in report["registration"]["bands"]:
        for name, b in band["bodies"].items():
            dx, dy = b["shift_px"]
            rx, ry = b["residual_px"]
            say(f"  band {band['band']}, {name}: moved {dx:+.2f}, {dy:+.2f} px; residual {rx:+.2f}, {ry:+.2f} px")
    if report["balance"] is not None:
        gains = ", ".join(f"{g:.3f}" for g in report["balance"]["gains"])
        say(f"  balance on the Moon: gains {gains}; white point: {report['balance']['white_point']}")
    for note in report["notes"]:
        fail(note)
