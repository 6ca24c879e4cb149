"""Window search of a year of Longjiang-2 beside SPICE's geometry finder at 60 s steps on the same trajectory.

Run: python benchmarks/bench_plan.py [days for SPICE, 45]. The propagated ephemeris is given to both: a track here, an
SPK file there.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import with_tests  # noqa: F401

import plan_gf as gf
from terraluna.ephemeris import Ephemeris
from terraluna.plan.conditions import All, Not, Scalar, solve
from terraluna.plan.laws import Pointing
from terraluna.plan.search import make_grid
from terraluna.plan.sky import make_sky
from terraluna.plan.track import Track, make_track
from terraluna.plan.windows import Windows
from terraluna.trajectory import PropagatedTrajectory

START = "2018-10-06T18:00:00"
STATE = [-4301.15007, -10422.358154, -3952.596061, 0.236622, -0.455283, 0.095034]
DAY = 86400.0
STEP_S = 60.0
FIELD = math.radians(23.0)
D = math.radians


def conditions() -> All:
    """Both within the field of an anti-Sun camera, not hidden, Sun kept out, phase, separation."""
    away = Pointing("anti-sun", "north")
    return All(
        (
            Scalar("boresight_angle", "at most", FIELD, a="earth", pointing=away),
            Scalar("separation", "at most", D(30)),
            Scalar("phase", "at most", D(40), a="moon"),
            Scalar("boresight_angle", "at most", FIELD, a="moon", pointing=away),
            Scalar("boresight_angle", "at least", D(90), a="sun", pointing=away),
            Not(Scalar("overlap", "at least", 0.0, a="moon", b="earth")),
        )
    )


def spice_chain(inside: Windows) -> Windows:
    """The same: an angle from the anti-Sun point is 180 degrees less the angle from the Sun."""
    w = gf.gf_separation("EARTH", "SUN", "POINT", ">", math.pi - FIELD, STEP_S, inside)
    w = gf.gf_separation("EARTH", "MOON", "POINT", "<", D(30), STEP_S, w)
    w = gf.gf_phase("MOON", "<", D(40), STEP_S, w)
    w = gf.gf_separation("MOON", "SUN", "POINT", ">", math.pi - FIELD, STEP_S, w)
    return w.without(gf.gf_occultation("ANY", "MOON", "EARTH", STEP_S, w))


def timed(work: Callable[[], Windows], turns: int = 3) -> tuple[float, float, Windows]:
    """Best wall clock and processor time (s) of some turns, and the result."""
    wall = cpu = math.inf
    out = Windows()
    for _ in range(turns):
        start, used = time.perf_counter(), time.process_time()
        out = work()
        wall, cpu = min(wall, time.perf_counter() - start), min(cpu, time.process_time() - used)
    return wall, cpu, out


def main() -> None:
    days = float(sys.argv[1]) if len(sys.argv) > 1 else 45.0
    with Ephemeris() as ephemeris:
        start = ephemeris.et(START)
        span = start - 0.5 * DAY, start + 366.0 * DAY
        craft = PropagatedTrajectory(ephemeris, start, STATE, "moon", span=span, stop_at_surface=False)
        clock = time.perf_counter()
        track = make_track(craft, start, start + 365.0 * DAY)
        print(f"propagation and track of a year: {time.perf_counter() - clock:.1f} s, {len(track.edges) - 1} pieces")
        condition = conditions()

        def search(length: float) -> Windows:
            pieces = int(np.searchsorted(track.edges, start + length * DAY, side="left"))
            part = Track(track.center, track.edges[: pieces + 1], track.coefficients[:pieces])
            return solve(condition, make_grid(make_sky(part, ephemeris)), Windows(((start, start + length * DAY),)))

        search(30.0)
        for length in (91.25, 182.5, 365.0):
            wall, cpu, found = timed(lambda length=length: search(length), 5)  # type: ignore[misc]
            each = 1e3 * cpu / length
            print(
                f"{length:6.1f} days: {wall:.3f} s, processor {cpu:.3f} s ({each:.2f} ms a day), {len(found)} windows"
            )
        inside = Windows(((start, start + days * DAY),))
        short = make_track(craft, start, start + days * DAY)
        ours, used, mine = timed(lambda: solve(condition, make_grid(make_sky(short, ephemeris)), inside))
        with tempfile.TemporaryDirectory() as folder, gf.spk_of(craft, *inside.spans[0], STEP_S, Path(folder)):
            theirs, spent, answer = timed(lambda: spice_chain(inside), 1)
        print(f"{days:g} days: {ours:.4f} s, SPICE {theirs:.2f} s: {theirs / ours:.0f} times as fast")
        print(f"processor time {used:.4f} s and {spent:.2f} s: {spent / used:.0f} times")
        print(f"windows {len(mine)} and {len(answer)}, worst edge {gf.worst_edge_s(mine, answer, STEP_S):.2e} s")


if __name__ == "__main__":
    main()
