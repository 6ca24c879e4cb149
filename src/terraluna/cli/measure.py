"""``terraluna measure``: finds the discs in pictures and measures their limbs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from terraluna.cli.common import EXIT_NO, JsonFlag, fail, say, say_json
from terraluna.errors import InputError

if TYPE_CHECKING:
    from terraluna.camera.model import Camera
    from terraluna.opnav.measure import BodyHint, FileMeasurement
    from terraluna.scene.scene import Scene


def measure(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures, or SSDV packets.")],
    camera: Annotated[
        str | None, typer.Option("--camera", metavar="NAME", help="Camera of the catalogue, or a TOML file.")
    ] = None,
    mission: Annotated[
        str | None, typer.Option("--mission", metavar="M", help="Mission: its camera, and its geometry for names.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="UTC", help="With --mission: time of the picture.")] = None,
    overlay: Annotated[
        Path | None, typer.Option("--overlay", metavar="FILE.png", help="Draw points, fits and residuals.")
    ] = None,
    exaggerate: Annotated[float, typer.Option("--exaggerate", help="With --overlay: factor on the residuals.")] = 20.0,
    json: JsonFlag = False,
) -> None:
    """Find the Earth and the Moon in a picture and measure centre, radius and limb, without a guess."""
    from terraluna.opnav.measure import measure_files

    if camera is not None and mission is not None:
        raise InputError("--camera and --mission: give one of them; a mission names its camera")
    if at is not None and mission is None:
        raise InputError("--at says when a mission's picture was taken; give --mission too")
    if overlay is not None and (overlay.suffix.lower() != ".png" or len(images) != 1):
        raise InputError(f"{overlay}: --overlay draws one picture into a .png; give one picture and such a name")
    model, hints, scene = _geometry(camera, mission, at)
    results = measure_files(images, camera=model, hints=hints)
    if overlay is not None:
        _write_overlay(overlay, results[0], exaggerate, scene)
    reports = [r.report() for r in results]
    if json:
        say_json(reports[0] if len(reports) == 1 else {"images": reports})
    else:
        for result in results:
            _print(result)
    if all(r.measurement.status == "refused" for r in results):
        raise typer.Exit(EXIT_NO)


def _geometry(
    camera: str | None, mission: str | None, at: str | None
) -> tuple[Camera | None, tuple[BodyHint, ...], Scene | None]:
    if camera is not None:
        from terraluna.camera.catalogue import load_camera

        return load_camera(camera), (), None
    if mission is None:
        return None, (), None
    from terraluna.ephemeris import Ephemeris
    from terraluna.missions.view import MissionView
    from terraluna.opnav.measure.hints import scene_hints

    with Ephemeris() as ephemeris:
        view = MissionView.open(mission, ephemeris)
        scene = view.scene(None if at is None else ephemeris.et(at))
        return view.camera, scene_hints(scene), scene


def _write_overlay(path: Path, result: FileMeasurement, exaggerate: float, scene: Scene | None) -> None:
    import io

    from terraluna.opnav.measure.overlay import draw_overlay
    from terraluna.publish.files import write_bytes

    buffer = io.BytesIO()
    draw_overlay(result.pixels, result.measurement, exaggerate=exaggerate, scene=scene).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


def _print(result: FileMeasurement) -> None:
    found: Any = result.measurement
    if not found.bodies:
        fail(f"{result.path}: refused: {', '.join(found.reasons)}")
        return
    say(f"{result.path}: {found.status}")
    for body in found.bodies:
        sigma = body.covariance.diagonal() ** 0.5
        notes = f" ({', '.join(body.reasons)})" if body.reasons else ""
        say(
            f"  {body.name:7s} x {body.x:.3f} +- {sigma[0]:.3f}  y {body.y:.3f} +- {sigma[1]:.3f}  "
            f"radius {body.radius:.3f} +- {sigma[2]:.3f} px  {len(body.limb_points)} points over "
            f"{body.arc_deg:.0f} deg, rms {body.rms_px:.3f} px  {body.status}{notes}"
        )
