"""Lost-in-space star matching on random fields: how many are solved, how many wrongly, how fast.

    python benchmarks/star_campaign.py [--count 2000] [--seed 1] [--noise 200] [--peer]

Fields of 10 to 40 degrees with the glare of Earth and Moon cut out, missing and false stars (see tests/star_fields.py).
A solution that is off by more than 0.1 degrees counts as false. ``--noise`` fields hold no star at all: what is found
there is false by definition. ``--peer`` lets tetra3rs (MIT; with its own Gaia catalogue) solve the same lists; its
database of patterns for 10 to 40 degrees is built first.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import with_tests  # noqa: F401

import star_fields
from terraluna.ephemeris import Ephemeris
from terraluna.opnav.stars import Sky, extract, sky_at, solve_detections, solve_stars

FALSE_DEG = 0.1


def campaign(sky: Sky, count: int, seed: int, peer: Any = None) -> None:
    """Solve ``count`` fields and print the tally."""
    tally: dict[str, dict[str, int]] = {"terraluna": {}, "tetra3rs": {}}
    times: dict[str, list[float]] = {"terraluna": [], "tetra3rs": []}
    unsolved = []
    for k in range(count):
        field = star_fields.random_field(np.random.default_rng([seed, k]), sky)
        start = time.process_time()
        solution = solve_detections(field.found, field.camera, sky)
        times["terraluna"].append(time.process_time() - start)
        if solution.status == "refused":
            outcome = "refused"
            unsolved.append((field.real, field.false))
        else:
            wrong = star_fields.off_by_deg(solution.attitude, field.attitude) > FALSE_DEG
            outcome = "false" if wrong else solution.status
            if wrong:
                print("false:", k, solution.status, solution.false_match_probability, field.real, field.false)
        tally["terraluna"][outcome] = tally["terraluna"].get(outcome, 0) + 1
        if peer is not None:
            outcome, seconds = peer_outcome(peer, field)
            times["tetra3rs"].append(seconds)
            tally["tetra3rs"][outcome] = tally["tetra3rs"].get(outcome, 0) + 1
    for name, result in tally.items():
        if times[name]:
            ms = 1e3 * np.array(times[name])
            print(
                f"{name}: {count} fields: {result}; CPU ms median {np.median(ms):.2f}, 99 % {np.percentile(ms, 99):.1f}"
            )
    if unsolved:
        print("refused fields (stars, false stars):", sorted(unsolved)[:60])


def peer_outcome(database: Any, field: Any) -> tuple[str, float]:
    """The same list through tetra3rs, which wants pixels about the middle of the frame."""
    size = star_fields.SIZE
    f = field.found
    centred = np.column_stack([f.pixels - 0.5 * (size - 1), f.flux_dn])
    start = time.process_time()
    result = database.solve_from_centroids(
        centred, fov_estimate_deg=field.camera.field_of_view_deg[0], image_shape=(size, size), fov_max_error_deg=0.1
    )
    seconds = time.process_time() - start
    if not result:
        return "refused", seconds
    wrong = star_fields.off_by_deg(result.rotation_matrix_icrs_to_camera, field.attitude) > FALSE_DEG
    return ("false" if wrong else "ok"), seconds


def noise(sky: Sky, count: int, seed: int) -> None:
    """Solve lists without a star."""
    found = 0
    start = time.process_time()
    for k in range(count):
        rng = np.random.default_rng([seed, 10**6 + k])
        camera, detections = star_fields.noise_field(rng, rng.uniform(10.0, 40.0), int(rng.integers(8, 40)))
        found += solve_detections(detections, camera, sky).status != "refused"
    each = (time.process_time() - start) / max(1, count)
    print(f"{count} fields of noise: {found} solutions, {each:.2f} s (CPU) each")


def speed(sky: Sky, repeat: int = 20) -> None:
    """Extraction and solution of one rendered 1024x1024 field, warm."""
    rng = np.random.default_rng(5)
    camera = star_fields.make_camera(20.0)
    attitude = star_fields.random_attitude(rng)
    image = star_fields.draw(rng, camera, attitude, sky, 6.5)
    solve_stars(image, camera, sky.et, sky=sky)
    rows = []
    for _ in range(repeat):
        t0 = time.process_time()
        extract(image)
        t1 = time.process_time()
        solution = solve_stars(image, camera, sky.et, sky=sky)
        rows.append((t1 - t0, time.process_time() - t1))
    both = 1e3 * np.median(np.array(rows), axis=0)
    print(
        f"1024x1024, CPU time, {len(solution.names)} stars matched: extraction {both[0]:.1f} ms, "
        f"extraction and solution {both[1]:.1f} ms"
    )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--noise", type=int, default=200)
    parser.add_argument("--peer", action="store_true")
    options = parser.parse_args()
    with Ephemeris() as ephemeris:
        sky = sky_at(ephemeris, ephemeris.et("2025-03-01T00:00:00"))
    peer = None
    if options.peer:
        import tetra3rs  # type: ignore[import-not-found]

        start = time.process_time()
        peer = tetra3rs.SolverDatabase.generate_from_gaia(max_fov_deg=40.0, min_fov_deg=10.0)
        print(f"tetra3rs database: {time.process_time() - start:.0f} s")
    speed(sky)
    campaign(sky, options.count, options.seed, peer)
    noise(sky, options.noise, options.seed)


if __name__ == "__main__":
    main()
