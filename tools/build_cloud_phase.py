"""Compute the phase function of water clouds from Mie theory: `data/photometry/cloud_water_{phase,moments}.csv`.

Droplets with the gamma size distribution of Hansen & Travis 1974 (eq. 2.56), effective radius 10 um, effective variance
0.1, refractive index 1.333 (Hale & Querry 1973), wavelength 550 nm. Needs the package `miepython`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

RADIUS_UM = 10.0
VARIANCE = 0.1
INDEX = 1.333
WAVELENGTH_UM = 0.55
RADII = 400
NODES = 1200
MOMENTS = 64


def main(folder: Path) -> None:
    """Write both tables into ``folder``."""
    import miepython

    radius, step = np.linspace(0.4, 32.0, RADII, retstep=True)
    number = radius ** ((1.0 - 3.0 * VARIANCE) / VARIANCE) * np.exp(-radius / (RADIUS_UM * VARIANCE))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    angles = np.concatenate(
        [
            np.arange(0.0, 5.0, 0.25),
            np.arange(5.0, 20.0, 1.0),
            np.arange(20.0, 130.0, 2.0),
            np.arange(130.0, 180.1, 0.5),
        ]
    )
    cosines = np.concatenate([nodes, np.cos(np.radians(angles))])
    total = np.zeros(cosines.size)
    for r, n in zip(radius, number, strict=True):
        x = 2.0 * np.pi * r / WAVELENGTH_UM
        scattering = float(miepython.efficiencies_mx(complex(INDEX, 0.0), x)[1])
        s1, s2 = miepython.S1_S2(complex(INDEX, 0.0), x, cosines, norm="4pi")
        shape = 0.5 * (np.abs(s1) ** 2 + np.abs(s2) ** 2)
        total += n * step * scattering * r * r * shape / (0.5 * float(weights @ shape[:NODES]))
    norm = 0.5 * float(weights @ total[:NODES])
    phase = total / norm
    moments = [
        0.5 * float(weights @ (phase[:NODES] * np.polynomial.legendre.Legendre.basis(k)(nodes))) for k in range(MOMENTS)
    ]
    head = (
        f"# Mie, gamma distribution r_eff {RADIUS_UM:g} um, v_eff {VARIANCE:g}, index {INDEX}, {WAVELENGTH_UM:g} um\n"
    )
    rows = "".join(f"{a:g},{p:.6g}\n" for a, p in zip(angles, phase[NODES:], strict=True))
    (folder / "cloud_water_phase.csv").write_text(
        f"{head}scattering_angle_deg,phase_function\n{rows}", encoding="utf-8"
    )
    rows = "".join(f"{k},{m:.6g}\n" for k, m in enumerate(moments))
    (folder / "cloud_water_moments.csv").write_text(f"{head}degree,moment\n{rows}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
