"""The full physics at 2048 x 2048 in three bands, and a Lambert sphere, beside Mitsuba 3, Blender Cycles and xplanet.

    python benchmarks/bench_radiometric.py [--repeat 7] [--peer-size 512]

Ours is the frame of DSCOVR EPIC as the catalogue has it: the radiometric Earth and the Moon before it, PSF, stars and
all noise. Every contestant runs in a process of its own. Mitsuba (scalar_rgb, direct light) and Cycles (CPU) draw a
plain white Lambert sphere with 16 samples a pixel at ``--peer-size`` pixels a side; their times are scaled by pixel.
Blender's package (``pip install --no-deps bpy``) and the program xplanet are found where they are installed. xplanet
draws its default Earth at 1024 x 1024, program start and PNG included; its numbers are display values, so that
it takes no part in the comparison of accuracy.

Accuracy: at phase 60 degrees the disc-integrated flux of a unit sphere and the offset of its centre of brightness
toward the Sun, both against the analytic values.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 2048
XPLANET_SIZE = 1024
SPP = 16
PHASE_RAD = math.radians(60.0)
HALF_WIDTH = 1.05
"""Half the frame's side in radii of the sphere."""

FLUX = 2.0 / 3.0 * (math.sin(PHASE_RAD) + (math.pi - PHASE_RAD) * math.cos(PHASE_RAD))
OFFSET = 0.39995
"""Lambert sphere of unit radius at 60 degrees, orthographic: integral of I/F, and centre of brightness in radii."""

TARGET_MS = 400.0
TARGET_MB = 700.0


def moments(iof: np.ndarray, half_width: float = HALF_WIDTH) -> tuple[float, float]:
    """Flux (integral of I/F in squared radii) and centre of brightness to the right, in radii."""
    n = iof.shape[1]
    x = ((np.arange(n) + 0.5) / n * 2.0 - 1.0) * half_width
    total = float(iof.sum())
    return total * (2.0 * half_width / n) ** 2, abs(float(iof.sum(axis=0) @ x) / total)


def timed(run: Callable[[], Any], repeat: int) -> dict[str, float]:
    """Best and median wall time and the least CPU time of some runs, ms."""
    rows = []
    for _ in range(repeat):
        start, cpu = time.perf_counter(), time.process_time()
        run()
        rows.append((1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - cpu)))
    wall, busy = np.array(rows).T
    return {"best_ms": float(wall.min()), "median_ms": float(np.median(wall)), "cpu_ms": float(busy.min())}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def ours(size: int, repeat: int) -> dict[str, Any]:
    """The EPIC frame with everything on; ``size`` 0 draws a small tile only, which compiles what is not yet kept."""
    from terraluna.api import Ephemeris, MissionView
    from terraluna.instrument.simulate import SimulationOptions, simulate
    from terraluna.render.surfaces import surface_materials

    options = SimulationOptions(materials=surface_materials())
    with Ephemeris() as ephemeris:
        scene = MissionView.open("dscovr", ephemeris).scene()
    assert scene.camera is not None
    if size == 0:
        simulate(scene, options=options, tile=(600, 1000, 128, 128))
        return {}
    assert (scene.camera.width, scene.camera.height) == (size, size)
    loaded = peak_mb()
    start = time.perf_counter()
    simulate(scene, options=options)
    first = time.perf_counter() - start
    stages: list[dict[str, float]] = []
    out: dict[str, Any] = timed(lambda: stages.append(simulate(scene, options=options).metadata["stages_ms"]), repeat)
    best = min(stages, key=lambda s: sum(s.values()))
    return out | {"first_s": first, "loaded_mb": loaded, "peak_mb": peak_mb(), "stages_ms": best}


def ours_lambert(size: int, repeat: int) -> dict[str, Any]:
    """Our Lambert sphere, far away, without PSF."""
    from terraluna.camera.model import Camera, Detector
    from terraluna.render.frame import render_frame
    from terraluna.render.materials_basic import UniformMaterial
    from terraluna.render.scene_arrays import RenderBody

    radius, far = 1000.0, 1e9
    focal = 0.5 * size * far / (HALF_WIDTH * radius)
    middle = 0.5 * (size - 1)
    camera = Camera(
        "ball", "ball", size, size, focal, focal, middle, middle, Detector(1.0, 1e5, 1.0, 0.0, 0.0, 16, 65535.0)
    )
    sun = np.array([math.sin(PHASE_RAD), 0.0, -math.cos(PHASE_RAD)])
    axes = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    ball = RenderBody("ball", np.array([0.0, 0.0, far]), np.full(3, radius), axes, sun, 1.5e8, UniformMaterial())
    frame = render_frame(camera, [ball])
    flux, offset = moments(frame.image[:, :, 0])
    return timed(lambda: render_frame(camera, [ball]), repeat) | {"flux": flux, "offset": offset, "peak_mb": peak_mb()}


def mitsuba(size: int, repeat: int) -> dict[str, Any]:
    """Mitsuba 3, a sphere as a shape of its own."""
    import mitsuba as mi

    mi.set_variant("scalar_rgb")
    look = mi.ScalarTransform4f().look_at([0, 0, 5], [0, 0, 0], [0, 1, 0])
    film = {
        "type": "hdrfilm",
        "width": size,
        "height": size,
        "rfilter": {"type": "box"},
        "pixel_format": "rgb",
        "component_format": "float32",
    }
    scene = mi.load_dict(
        {
            "type": "scene",
            "integrator": {"type": "direct"},
            "sensor": {
                "type": "orthographic",
                "to_world": look @ mi.ScalarTransform4f().scale([HALF_WIDTH, HALF_WIDTH, 1.0]),
                "film": film,
                "sampler": {"type": "independent", "sample_count": SPP},
            },
            "ball": {
                "type": "sphere",
                "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [1.0, 1.0, 1.0]}},
            },
            "sun": {
                "type": "directional",
                "direction": [-math.sin(PHASE_RAD), 0.0, -math.cos(PHASE_RAD)],
                "irradiance": {"type": "rgb", "value": [1.0, 1.0, 1.0]},
            },
        }
    )
    flux, offset = moments(math.pi * np.array(mi.render(scene))[:, :, 1])
    return timed(lambda: np.array(mi.render(scene)), repeat) | {"flux": flux, "offset": offset, "peak_mb": peak_mb()}


def cycles(size: int, repeat: int) -> dict[str, Any]:
    """Blender Cycles on the CPU, a smooth-shaded mesh of 512 x 256 faces; time includes its scene's build."""
    import bpy

    scene = bpy.context.scene
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    bpy.ops.mesh.primitive_uv_sphere_add(segments=512, ring_count=256, radius=1.0)
    ball = bpy.context.object
    bpy.ops.object.shade_smooth()
    white = bpy.data.materials.new("white")
    white.use_nodes = True
    nodes = white.node_tree.nodes
    nodes.clear()
    diffuse, end = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeOutputMaterial")
    diffuse.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    white.node_tree.links.new(diffuse.outputs[0], end.inputs[0])
    ball.data.materials.append(white)
    lens = bpy.data.cameras.new("camera")
    lens.type, lens.ortho_scale = "ORTHO", 2.0 * HALF_WIDTH
    eye = bpy.data.objects.new("camera", lens)
    eye.location = (0.0, 0.0, 5.0)
    scene.collection.objects.link(eye)
    scene.camera = eye
    light = bpy.data.lights.new("sun", "SUN")
    light.energy, light.angle = math.pi, 0.0
    sun = bpy.data.objects.new("sun", light)
    sun.rotation_euler = (0.0, PHASE_RAD, 0.0)
    scene.collection.objects.link(sun)
    scene.world = bpy.data.worlds.new("dark")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[1].default_value = 0.0
    scene.render.engine = "CYCLES"
    settings = scene.cycles
    settings.device, settings.samples, settings.max_bounces, settings.filter_width = "CPU", SPP, 0, 0.01
    settings.use_denoising = settings.use_adaptive_sampling = False
    render = scene.render
    render.resolution_x = render.resolution_y = size
    render.resolution_percentage = 100
    scene.view_settings.view_transform = "Raw"
    render.image_settings.file_format, render.image_settings.color_depth = "OPEN_EXR", "32"
    with tempfile.TemporaryDirectory() as folder:
        render.filepath = str(Path(folder) / "ball.exr")
        bpy.ops.render.render(write_still=True)
        image = np.array(bpy.data.images.load(render.filepath).pixels[:]).reshape(size, size, -1)
    flux, offset = moments(image[:, :, 1])
    return timed(bpy.ops.render.render, repeat) | {"flux": flux, "offset": offset, "peak_mb": peak_mb()}


def xplanet(size: int, repeat: int) -> dict[str, Any] | None:
    """Wall and CPU time of the program."""
    program = shutil.which("xplanet")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "-body", "earth", "-radius", "48", "-geometry", f"{size}x{size}", "-num_times", "1"]
        command += ["-output", str(Path(folder) / "earth.png")]
        before = os.times()
        out = timed(lambda: subprocess.run(command, check=True, capture_output=True, timeout=60), repeat)
        after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return out | {"cpu_ms": 1e3 * spent / repeat}


WORKERS: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "ours": ours,
    "lambert": ours_lambert,
    "mitsuba": mitsuba,
    "bpy": cycles,
}


def worker(name: str, size: int, repeat: int) -> dict[str, Any] | None:
    """What a contestant reports from a process of its own; None if it is not installed or failed."""
    if name in ("mitsuba", "bpy") and find_spec(name) is None:
        return None
    command = [sys.executable, "-W", "ignore", __file__, "--worker", name, str(size), str(repeat)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        print(f"{name} failed: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
        return None
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
    return found


def compare(label: str, theirs: dict[str, Any] | None, size: int, mine: dict[str, Any], plain: dict[str, Any]) -> None:
    """Print a peer's time a megapixel and how many times ours it is: the full frame's, and the plain sphere's."""
    if theirs is None:
        print(f"{label}: not installed")
        return
    scale = (SIZE / size) ** 2
    wall, cpu = theirs["median_ms"] * scale, theirs["cpu_ms"] * scale
    print(
        f"{label}, {size} x {size} scaled to {SIZE} x {SIZE}: {wall:.0f} ms, CPU {cpu:.0f} ms; ratio to our full frame "
        f"{wall / mine['median_ms']:.1f} (CPU {cpu / mine['cpu_ms']:.1f}), to our plain sphere "
        f"{wall / plain['median_ms']:.0f} (CPU {cpu / plain['cpu_ms']:.0f})",
        flush=True,
    )


def accuracy(label: str, found: dict[str, Any] | None) -> None:
    """Print how far a sphere's flux and centre of brightness are from the analytic ones."""
    if found is not None:
        flux, offset = found["flux"], found["offset"]
        print(f"{label}: flux {flux:.5f} ({flux / FLUX - 1.0:+.1e}), centre {offset:.5f} ({offset - OFFSET:+.1e})")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--peer-size", type=int, default=512)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        name, size, repeat = options.worker
        print("RESULT " + json.dumps(WORKERS[name](int(size), int(repeat))), flush=True)
        return
    worker("ours", 0, 1)
    mine, plain = worker("ours", SIZE, options.repeat), worker("lambert", SIZE, options.repeat)
    if mine is None or plain is None:
        sys.exit(1)
    stages = ", ".join(f"{name} {ms:.0f}" for name, ms in mine["stages_ms"].items())
    load = os.getloadavg()[0]
    print(
        f"full physics, {SIZE} x {SIZE}, 3 bands: best {mine['best_ms']:.0f} ms, median {mine['median_ms']:.0f} ms "
        f"(target {TARGET_MS:.0f}), CPU {mine['cpu_ms']:.0f} ms ({stages}); first call {mine['first_s']:.1f} s; "
        f"{os.cpu_count()} cores, load {load:.1f}"
    )
    print(
        f"peak memory {mine['peak_mb']:.0f} MB (target {TARGET_MB:.0f}), {mine['loaded_mb']:.0f} MB of it before the "
        "first frame"
    )
    print(f"plain Lambert sphere, 3 bands: median {plain['median_ms']:.0f} ms, CPU {plain['cpu_ms']:.0f} ms")
    size = options.peer_size
    theirs = {name: worker(name, size, max(1, options.repeat // 3)) for name in ("mitsuba", "bpy")}
    compare(f"Mitsuba 3 scalar_rgb, {SPP} spp", theirs["mitsuba"], size, mine, plain)
    compare(f"Blender Cycles CPU, {SPP} spp", theirs["bpy"], size, mine, plain)
    compare("xplanet", xplanet(XPLANET_SIZE, max(1, options.repeat // 3)), XPLANET_SIZE, mine, plain)
    print(f"Lambert sphere, phase 60: analytic flux {FLUX:.5f}, centre {OFFSET:.5f}")
    accuracy("  terraluna", plain)
    accuracy("  Mitsuba", theirs["mitsuba"])
    accuracy("  Cycles", theirs["bpy"])


if __name__ == "__main__":
    main()
