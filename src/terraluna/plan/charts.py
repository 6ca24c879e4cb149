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
_LABELS_APART: Final = 0.02
"""Ranks stand in the timeline where they are this share of the span apart."""
_NEAR: Final = 0.15
"""What lies nearer together than this share of the whole gets a second picture."""
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
        # Logarithmic: a field of a degree and the Sun at its back belong in one chart.
        axes[0].set_yscale("log")
        axes[0].set_ylim(0.1 * short, 200.0)
        axes[0].axhspan(0.1 * short, short, color="#2ca02c", alpha=0.15, label="field: inscribed circle")
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


def _finish(figure: Any, axes: Any, title: str) -> None:
    """Legend above the charts, plain numbers, dates without repetition."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis in axes:
        if axis.get_yscale() != "log":
            continue
        low, high = axis.get_ylim()
        narrow = high / low < 20.0
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes[-1].set_xlabel("UTC")
    handles, labels = axes[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.suptitle(title, fontsize=11)
    figure.legend(unique.values(), unique.keys(), loc="outside lower center", fontsize=8, ncols=len(unique))


def _timeline(plan: Plan, details: list[Detail], ephemeris: Ephemeris) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(10, 7), sharex=True, layout="constrained")
    for leg in plan.legs:
        ets = np.linspace(*leg.span, _POINTS)
        _rows(details[0], leg, ets, _dates(ets, ephemeris), axes)
    named: list[float] = []
    apart = _LABELS_APART * (plan.legs[-1].span[1] - plan.legs[0].span[0])
    for k, detail in enumerate(details):
        p = detail.proposal
        start, end, best = _dates(np.array([p.start, p.end, p.best]), ephemeris)
        for axis in axes:
            axis.axvspan(start, end, color="#d62728", alpha=0.25, lw=0)
            axis.axvline(best, color="#d62728", lw=0.6)
        if all(abs(p.best - other) > apart for other in named):
            named.append(p.best)
            place = {"xycoords": ("data", "axes fraction"), "xytext": (0, 2), "textcoords": "offset points"}
            axes[0].annotate(str(k + 1), (best, 1.0), fontsize=8, ha="center", va="bottom", **place)
    _finish(figure, axes, f"{plan.title}: {len(details)} of {plan.found} windows, the best with their ranks")
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
    _finish(figure, axes, f"best window: {ephemeris.utc(p.start, 0)} to {ephemeris.utc(p.end, 0)} UTC")
    return figure


def _geometry(detail: Detail, ephemeris: Ephemeris) -> Any:
    """Earth, Moon, spacecraft and the directions of the Sun and the boresight, seen from ecliptic north.

    A second picture shows the two that lie nearest together, where the first can't part them.
    """
    import matplotlib.pyplot as plt

    p = detail.proposal
    scene = proposal_scene(p, ephemeris)
    c, s = math.cos(_OBLIQUITY), math.sin(_OBLIQUITY)
    turn = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    places = {
        "Earth": np.zeros(2),
        "Moon": (turn @ ephemeris.position("moon", p.best, "earth"))[:2],
        "spacecraft": (turn @ scene.observer.position_j2000_km)[:2],
    }
    arrows = {"Sun": (turn @ ephemeris.position("sun", p.best, "earth"))[:2]}
    arrows["Sun"] = arrows["Sun"] / np.hypot(*arrows["Sun"])
    if scene.attitude is not None:
        arrows["boresight"] = (turn @ scene.attitude[2])[:2]
    pairs = [("Earth", "Moon"), ("Moon", "spacecraft"), ("Earth", "spacecraft")]
    sizes = {pair: float(np.hypot(*(places[pair[0]] - places[pair[1]]))) for pair in pairs}
    near = min(pairs, key=lambda pair: sizes[pair])
    close = sizes[near] < _NEAR * max(sizes.values())
    figure, found = plt.subplots(1, 2 if close else 1, figsize=(11 if close else 7, 6), layout="constrained")
    axes = list(np.atleast_1d(found))
    _map(axes[0], places, arrows, list(places), near if close else ())
    axes[0].set_title("the whole" if close else "", fontsize=9)
    if close:
        _map(axes[1], places, arrows, list(near), ())
        axes[1].set_title(f"{near[0]} and {near[1]}, enlarged", fontsize=9)
    figure.suptitle(f"{ephemeris.utc(p.best, 0)} UTC, from ecliptic north, x toward the equinox", fontsize=11)
    return figure


def _map(
    axis: Any, places: dict[str, Floats], arrows: dict[str, Floats], shown: list[str], joined: tuple[str, ...]
) -> None:
    """Places with the lines of sight, and the directions as arrows; ``joined`` names share one label."""
    points = np.array([places[name] for name in shown])
    reach = float(np.ptp(points, axis=0).max())
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    craft = places["spacecraft"]
    for body in ("Earth", "Moon"):
        line = np.array([places[body], craft])
        axis.plot(line[:, 0], line[:, 1], color=_COLOURS[body.lower()], lw=0.8, zorder=1)
    for name in shown:
        colour = _COLOURS.get(name.lower(), "#d62728")
        axis.scatter(*places[name], s={"Earth": 90, "Moon": 50}.get(name, 35), color=colour, zorder=3)
    labels = [name for name in shown if name not in joined[1:]]
    for name in labels:
        text = " and ".join(joined) if name in joined[:1] else name
        # Outward from the middle, so that the label stands off the lines of sight.
        out = places[name] - middle
        right, up = 1 if out[0] >= 0.0 else -1, 1 if out[1] >= 0.0 else -1
        axis.annotate(
            text, places[name], textcoords="offset points", xytext=(9 * right, 9 * up), fontsize=9,
            ha="left" if right > 0 else "right", va="bottom" if up > 0 else "top",
        )  # fmt: skip
    for name, start, colour in (("Sun", places[shown[0]], "#a07500"), ("boresight", craft, "#2ca02c")):
        if name not in arrows or (name == "boresight" and "spacecraft" not in shown):
            continue
        end = start + 0.3 * reach * arrows[name]
        axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": colour, "lw": 2})
        text = "to the Sun" if name == "Sun" else name
        side = 1 if arrows[name][0] >= 0.0 else -1
        axis.annotate(text, end, textcoords="offset points", xytext=(3 * side, -3), fontsize=9, color=colour,
                      ha="left" if side > 0 else "right", va="top")  # fmt: skip
    half = 0.85 * reach
    axis.set_xlim(middle[0] - half, middle[0] + half)
    axis.set_ylim(middle[1] - half, middle[1] + half)
    axis.set_aspect("equal")
    axis.tick_params(labelsize=8)
    axis.set_xlabel("km from the Earth", fontsize=8)
    axis.ticklabel_format(style="sci", scilimits=(-3, 5), useMathText=True)


def preview(
    details: list[Detail], ephemeris: Ephemeris, materials: dict[str, Material] | None = None, height: int = 320
) -> np.ndarray | None:
    """The frames of some proposals side by side with rank and time, (H, W, 3) 8 bit; None where there is no camera."""
    from PIL import Image, ImageDraw

    from terraluna.ephemeris.constants import AU_KM
    from terraluna.render.frame import render_frame
    from terraluna.render.from_scene import render_bodies
    from terraluna.render.natural import natural_colour
    from terraluna.render.stretch import to_picture, white_level

    tiles = []
    for k, detail in enumerate(details):
        camera = detail.proposal.camera
        if camera is None:
            continue
        try:
            scene = proposal_scene(detail.proposal, ephemeris)
            frame = render_frame(camera, render_bodies(scene, materials), psf=camera.psf, reference_sun_range_km=AU_KM)
        except TerralunaError:
            continue
        seen = natural_colour(frame.image)
        image = to_picture(seen, white=white_level(seen), monochrome=not camera.colour_filters())
        width = max(1, round(camera.width * height / camera.height))
        tile = Image.fromarray(image.astype(np.uint8)).convert("RGB").resize((width, height))
        text = f"{k + 1}   {ephemeris.utc(detail.proposal.best, 0).replace('T', ' ')} UTC"
        ImageDraw.Draw(tile).text((6, height - 16), text, fill=(170, 170, 170))
        tiles.append(np.asarray(tile))
    if not tiles:
        return None
    gap = np.full((height, 4, 3), 90, dtype=np.uint8)
    parts = [part for tile in tiles for part in (tile, gap)][:-1]
    return np.ascontiguousarray(np.concatenate(parts, axis=1))
