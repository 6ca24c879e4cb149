"""``terraluna decode``: SSDV packets to pictures, damage maps and reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from terraluna.cli.common import EXIT_NO, JsonFlag, fail, say, say_json
from terraluna.errors import InputError

if TYPE_CHECKING:
    from terraluna.downlink.decode import DecodeResult

FilesArgument = Annotated[list[str], typer.Argument(metavar="FILES...", help="Packet files; - is standard input.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for pictures, maps and reports.")]
FormatOption = Annotated[str, typer.Option("--format", help="auto, longjiang2, standard or jy1sat.")]
ContainerOption = Annotated[
    str, typer.Option("--container", help="auto, raw (packets), kiss, or hex (lines of hexadecimal, CSV).")
]
ConcealOption = Annotated[
    str, typer.Option("--conceal", help="none, fill (grey) or inpaint; the damage map marks what is invented.")
]
FollowOption = Annotated[bool, typer.Option("--follow", help="Update the pictures as packets arrive.")]
IdleOption = Annotated[
    float, typer.Option("--idle", metavar="S", help="With --follow: end after S seconds of silence.")
]
GapOption = Annotated[
    float, typer.Option("--max-gap-days", help="Timed packets of one image id further apart are different images.")
]
PixelsOption = Annotated[
    int, typer.Option("--max-pixels", help="Refuse larger pictures; raise it if the size is right.")
]
ErasureOption = Annotated[
    bool, typer.Option("--erasure/--no-erasure", help="Use erasure packets to restore missing ones.")
]
JpegOption = Annotated[bool, typer.Option("--jpeg", help="Also write the JPEG file that the packets make.")]


def decode(
    files: FilesArgument,
    out: OutOption = Path(),
    format: FormatOption = "auto",  # the option's name is the contract
    container: ContainerOption = "auto",
    conceal: ConcealOption = "none",
    follow: FollowOption = False,
    idle: IdleOption = 0.0,
    max_gap_days: GapOption = 7.0,
    max_pixels: PixelsOption = 4_194_304,
    erasure: ErasureOption = True,
    jpeg: JpegOption = False,
    json: JsonFlag = False,
) -> None:
    """Turn received SSDV packets into pictures; packets of one image are merged whatever file they are in."""
    from terraluna.downlink.decode import DecodeOptions, decode_sources, read_source
    from terraluna.downlink.follow import STDIN, read_stdin
    from terraluna.downlink.follow import follow as follow_sources

    if files.count(STDIN) > 1:
        raise InputError("-: standard input can be read only once: name it once")
    options = DecodeOptions(
        format=format,
        container=container,  # type: ignore[arg-type]  # checked by formats()
        conceal=conceal,  # type: ignore[arg-type]
        erasure=erasure,
        max_pixels=max_pixels,
        max_gap_s=max_gap_days * 86400.0,
    )
    options.formats()
    if follow:
        writer = _Writer(out, jpeg, by_id=True)
        written: list[dict[str, str]] = []
        result: DecodeResult | None = None
        for result in follow_sources(files, options, idle):
            written = writer.write(result)
            sys.stderr.write(_progress(result) + "\n")
        assert result is not None
    else:
        result = decode_sources([(n, read_stdin() if n == STDIN else read_source(Path(n))) for n in files], options)
        written = _Writer(out, jpeg, by_id=False).write(result)
    _finish(result, written, json)


class _Writer:
    """Writes images, and again only those that gained packets."""

    def __init__(self, folder: Path, jpeg: bool, by_id: bool) -> None:
        self._folder = folder
        self._jpeg = jpeg
        self._by_id = by_id
        self._done: dict[str, tuple[int, dict[str, str]]] = {}

    def write(self, result: DecodeResult) -> list[dict[str, str]]:
        from terraluna.publish.decoded import stems, write_image

        written = []
        for image, stem in zip(result.images, stems(result, self._by_id), strict=True):
            size, files = self._done.get(stem, (0, {}))
            if size != len(image.packets.sightings):
                files = write_image(image, self._folder, stem, self._jpeg)
                self._done[stem] = len(image.packets.sightings), files
            written.append(files)
        return written


def _progress(result: DecodeResult) -> str:
    parts = [
        f"image {i.image_id}: {len(i.packets.packets)} packets, "
        f"{i.missing_mcus} of {i.picture.mcu_received.size} MCUs missing"
        for i in result.images
    ]
    return "; ".join(parts) or "no image yet"


def _finish(result: DecodeResult, written: list[dict[str, str]], as_json: bool) -> None:
    from terraluna.publish.decoded import result_report

    report: dict[str, Any] = result_report(result, written)
    if as_json:
        say_json(report)
    else:
        for entry in report["images"]:
            size = f"{entry['width']}x{entry['height']}"
            lost = f"{entry['missing_packets']} missing, {entry['missing_mcus']} of {entry['total_mcus']} MCUs missing"
            say(f"{entry['file']}: image {entry['image_id']}, {size}, {entry['packets']} packets, {lost}")
    if not result.images:
        more = f" (and {len(result.refused) - 1} more inputs or images)" if len(result.refused) > 1 else ""
        fail((result.refused[0] if result.refused else "no input gave an image") + more)
        raise typer.Exit(EXIT_NO)
    for line in result.refused:
        fail(line)
