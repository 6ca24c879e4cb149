"""Fit the factor between the mapped lunar surface and the measured disc and write moon_scale.csv.

    python tools/build_moon_scale.py

Run it after tools/build_photometry.py. It prints the largest departure from LIME per wavelength.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from terraluna.photometry.discs import moon_disc_integral
from terraluna.photometry.hapke import moon_parameters
from terraluna.photometry.lunar_disc import disc_reflectance

OUT = Path(__file__).resolve().parent.parent / "src" / "terraluna" / "data" / "photometry" / "moon_scale.csv"
# The bands of LIME and of the maps, and enough between and beyond them that linear interpolation holds.
WAVELENGTHS_NM = (
    350.0,
    380.0,
    415.0,
    440.0,
    470.0,
    500.0,
    533.0,
    566.0,
    605.0,
    643.0,
    675.0,
    750.0,
    870.0,
    1020.0,
    1200.0,
)
PHASES_DEG = np.array([5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0])


def ratio(wavelength_nm: float, phase_rad: float) -> float:
    """Return LIME over the near-side disc integral, each the mean of waxing and waning."""
    maps = moon_parameters(wavelength_nm)
    model = sum(moon_disc_integral(maps, (0.0, 0.0), (0.0, s * phase_rad)).mean_radiance_factor for s in (1, -1))
    lime = sum(disc_reflectance(wavelength_nm, phase_rad, s * phase_rad).value for s in (1, -1))
    return lime / model


def main() -> None:
    """Fit ln k = a + b g at each wavelength."""
    lines = [
        "# k = exp(a + b g), g phase in rad: near-side disc of the mapped Hapke law to LIME 2025-10",
        "nm,a,b_per_rad",
    ]
    for nm in WAVELENGTHS_NM:
        log_k = np.log([ratio(nm, math.radians(g)) for g in PHASES_DEG])
        b, a = np.polyfit(np.radians(PHASES_DEG), log_k, 1)
        worst = float(np.max(np.abs(np.expm1(a + b * np.radians(PHASES_DEG) - log_k))))
        print(
            f"{nm:6.0f} nm  k(5) {math.exp(a + b * math.radians(5)):.4f}  k(90) {math.exp(a + b * math.pi / 2):.4f}  "
            f"largest departure {100 * worst:.2f} %"
        )
        lines.append(f"{nm:g},{a:.6f},{b:.6f}")
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
