"""Charts of a plan (angles, phases and sizes against time; the geometry from ecliptic north) and a preview strip."""

from __future__ import annotations

import io
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.constants import EARTH_RADII_KM, MOON_RADII_KM
from terraluna.ephemeris.segments import Floats
from terraluna.errors import TerralunaError
from terraluna.plan.conditions import Scalar, half_diagonal_rad
from terraluna.plan.planner import Leg, Plan
from terraluna.plan.report import Detail, proposal_scene
from terraluna.plan.search import sample

if TYPE_CHECKING:
    from terraluna.render.materials import Material

_POINTS: Final = 1500
_AROUND: Final = 600
_STRIP: Final = 4
_COLOURS: Final = {"earth": "#1f77b4", "moon": "#7f7f7f", "sun": "#e6a700"}
_OBLIQUITY: Final = math.radians(23.4392911)


def chart_files(
    plan: Plan, details: list[Detail], ephemeris: Ephemeris, materials: dict[str, Material] | None = None
) -> dict[str, bytes]:
    """``timeline.png`` (whole span), ``best.png`` and ``geometry.png`` (best window), ``preview.png``: PNG by name."""
    if not details:
        return {}
    import matplotlib

    matplotlib.use("Agg")
    out = {
        "timeline.png": _png(_timeline(plan, details, ephemeris)),
        "best.png": _png(_best(details[0], ephemeris)),
        "geometry.png": _png(_geometry(details[0], ephemeris)),
    }
    strip = preview(details[:_STRIP], ephemeris, materials)
    if strip is not None:
        from PIL import Image

        data = io.BytesIO()
        Image.fromarray(strip).save(data, format="PNG")
        out["preview.png"] = data.getvalue()
    return out


def _png(figure: Any) -> bytes:
    import matplotlib.pyplot as plt

    data = io.BytesIO()
    figure.savefig(data, dpi=110, format="png")
    plt.close(figure)
    return data.getvalue()


def _dates(ets: Floats, ephemeris: Ephemeris) -> list[datetime]:
    return [datetime.fromisoformat(ephemeris.utc(float(t), 3)) for t in ets]


def _value(leg: Leg, quantity: Any, ets: Floats, a: str = "earth", **more: Any) -> Floats:
    return sample(Scalar(quantity, "at least", 0.0, a=a, **more), leg.grid.sky, ets)


def _rows(detail: Detail, leg: Leg, ets: Floats, when: list[datetime], axes: Any) -> None:
    """Angles to the boresight with the field of view, phases, and diameters."""
    p = detail.proposal
    for body in ("earth", "moon", "sun"):
        angle = np.degrees(_value(leg, "boresight_angle", ets, body, pointing=p.pointing))
        axes[0].plot(when, angle, color=_COLOURS[body], label=body.capitalize())
    if p.camera is not None:
        half = math.degrees(half_diagonal_rad(p.camera))
        short = 0.5 * min(p.camera.field_of_view_deg)
        axes[0].axhspan(0.0, short, color="#2ca02c", alpha=0.15, label="field: inscribed circle")
        axes[0].axhline(half, color="#2ca02c", ls=":", lw=1.0, label="field: corner")
    axes[0].set_ylabel("from boresight, deg")
    for body in ("earth", "moon"):
        axes[1].plot(when, np.degrees(_value(leg, "phase", ets, body)), color=_COLOURS[body])
    axes[1].set_ylabel("phase, deg")
    scale = 1.0 if p.camera is None else 1.0 / p.camera.ifov_rad
    for body, radius in (("earth", EARTH_RADII_KM[0]), ("moon", MOON_RADII_KM[0])):
        ranges = _value(leg, "range", ets, body)
        half_angle = np.arcsin(np.minimum(1.0, radius / ranges))
        size = np.degrees(2.0 * half_angle) if p.camera is None else 2.0 * scale * np.tan(half_angle)
        axes[2].plot(when, size, color=_COLOURS[body])
    axes[2].set_yscale("log")
    axes[2].set_ylabel("diameter, deg" if p.camera is None else "diameter, px")
    axes[0].legend(loc="upper right", fontsize=7, ncols=3)


def _timeline(plan: Plan, details: list[Detail], ephemeris: Ephemeris) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(10, 7), sharex=True, layout="constrained")
    first = details[0]
    for n, leg in enumerate(plan.legs):
        a, b = leg.span
        ets = np.linspace(a, b, _POINTS)
        _rows(first, leg, ets, _dates(ets, ephemeris), axes)
        if n == 0:
            axes[0].legend(loc="upper right", fontsize=7, ncols=3)
    handles, labels = axes[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes[0].legend(unique.values(), unique.keys(), loc="upper right", fontsize=7, ncols=3)
    for k, detail in enumerate(details):
        ends = _dates(np.array([detail.proposal.start, detail.proposal.end]), ephemeris)
        best = _dates(np.array([detail.proposal.best]), ephemeris)[0]
        for axis in axes:
            axis.axvspan(*ends, color="#d62728", alpha=0.25, lw=0)
            axis.axvline(best, color="#d62728", lw=0.6)
        axes[0].annotate(
            str(k + 1), (best, 1.0), xycoords=("data", "axes fraction"), fontsize=7, ha="center", va="bottom"
        )
    figure.suptitle(f"{plan.title}: {len(details)} of {plan.found} windows")
    axes[-1].set_xlabel("UTC")
    return figure


def _best(detail: Detail, ephemeris: Ephemeris) -> Any:
    import matplotlib.pyplot as plt

    p = detail.proposal
    figure, axes = plt.subplots(3, 1, figsize=(8, 7), sharex=True, layout="constrained")
    low, high = p.leg.span
    room = max(0.25 * (p.end - p.start), 60.0)
    ets = np.linspace(max(low, p.start - room), min(high, p.end + room), _AROUND)
    _rows(detail, p.leg, ets, _dates(ets, ephemeris), axes)
    for axis in axes:
        axis.axvspan(*_dates(np.array([p.start, p.end]), ephemeris), color="#d62728", alpha=0.15, lw=0)
        axis.axvline(_dates(np.array([p.best]), ephemeris)[0], color="#d62728", lw=0.8)
    figure.suptitle(f"best window: {ephemeris.utc(p.start, 0)} to {ephemeris.utc(p.end, 0)} UTC", fontsize=10)
    axes[-1].set_xlabel("UTC")
    return figure


def _geometry(detail: Detail, ephemeris: Ephemeris) -> Any:
    """Earth, Moon, spacecraft and the directions of the Sun and the boresight, seen from ecliptic north."""
    import matplotlib.pyplot as plt

    p = detail.proposal
    scene = proposal_scene(p, ephemeris)
    c, s = math.cos(_OBLIQUITY), math.sin(_OBLIQUITY)
    turn = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    craft = turn @ scene.observer.position_j2000_km
    moon = turn @ ephemeris.position("moon", p.best, "earth")
    sun = turn @ ephemeris.position("sun", p.best, "earth")
    figure, axis = plt.subplots(figsize=(7, 7), layout="constrained")
    axis.plot([0.0, craft[0]], [0.0, craft[1]], color=_COLOURS["earth"], lw=0.8)
    axis.plot([moon[0], craft[0]], [moon[1], craft[1]], color=_COLOURS["moon"], lw=0.8)
    reach = max(float(np.hypot(*craft[:2])), float(np.hypot(*moon[:2])))
    for name, place, size in (("Earth", np.zeros(3), 90), ("Moon", moon, 50), (p.leg.trajectory.name, craft, 40)):
        colour = _COLOURS.get(name.lower(), "#d62728")
        axis.scatter(place[0], place[1], s=size, color=colour, zorder=3)
        axis.annotate(name, (place[0], place[1]), textcoords="offset points", xytext=(7, 7), fontsize=9)
    to_sun = sun[:2] / np.hypot(*sun[:2]) * 0.35 * reach
    axis.annotate("", xy=to_sun, xytext=(0, 0), arrowprops={"arrowstyle": "->", "color": _COLOURS["sun"], "lw": 2})
    axis.annotate("to the Sun", to_sun, fontsize=9, color="#a07500")
    if scene.attitude is not None:
        ahead = turn @ scene.attitude[2]
        end = craft[:2] + 0.35 * reach * ahead[:2]
        style = {"arrowstyle": "->", "color": "#2ca02c", "lw": 2}
        axis.annotate("", xy=(end[0], end[1]), xytext=(craft[0], craft[1]), arrowprops=style)
        axis.annotate("boresight", end, fontsize=9, color="#2ca02c")
        axis.plot(*end, alpha=0.0)
    axis.set_aspect("equal", adjustable="datalim")
    axis.margins(0.15)
    axis.set_xlabel("toward the equinox, km from the Earth")
    axis.set_ylabel("km")
    axis.set_title(f"{ephemeris.utc(p.best, 0)} UTC, from ecliptic north", fontsize=10)
    return figure


def preview(
    details: list[Detail], ephemeris: Ephemeris, materials: dict[str, Material] | None = None, height: int = 320
) -> np.ndarray | None:
    """The frames of some proposals side by side, (H, W, 3) 8 bit; None where there is no camera."""
    from PIL import Image

    from terraluna.ephemeris.constants import AU_KM
    from terraluna.render.frame import render_frame
    from terraluna.render.from_scene import render_bodies
    from terraluna.render.stretch import to_picture, white_level

    tiles = []
    for detail in details:
        camera = detail.proposal.camera
        if camera is None:
            continue
        try:
            scene = proposal_scene(detail.proposal, ephemeris)
            frame = render_frame(camera, render_bodies(scene, materials), psf=camera.psf, reference_sun_range_km=AU_KM)
        except TerralunaError:
            continue
        image = to_picture(frame.image, white=white_level(frame.image), monochrome=not camera.colour_filters())
        width = max(1, round(camera.width * height / camera.height))
        tiles.append(np.asarray(Image.fromarray(image.astype(np.uint8)).resize((width, height))))
    if not tiles:
        return None
    gap = np.full((height, 4, 3), 90, dtype=np.uint8)
    parts = [part for tile in tiles for part in (tile, gap)][:-1]
    return np.ascontiguousarray(np.concatenate(parts, axis=1))
