"""Cut the Earth's tables in `data/photometry` from a folder of source tables (see `earth_SOURCES.md` there)."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

CUTS = {
    "earth_ozone.csv": ("ozone.csv", {"nm": "nm", "sigma_m2": "sigma_m2"}),
    "sea_water_index.csv": ("water_ior.csv", {"nm": "nm", "n_real_seawater_add_0.0060": "index"}),
    "earth_land_spectra.csv": (
        "earth_spectra_5nm.csv",
        {"nm": "nm", "Wen2019_land": "bare", "Wen2019_vegetation": "vegetation"},
    ),
    "earth_composite.csv": ("earth_spectra_5nm.csv", {"nm": "nm", "geom_albedo_composite_Payne2025": "albedo"}),
}
"""Packaged file -> source file and the columns kept, old name to new."""


def main(source: Path, folder: Path) -> None:
    """Write the packaged tables into ``folder``; rows with missing values are left out."""
    for name, (origin, columns) in CUTS.items():
        with (source / origin).open(encoding="utf-8") as stream:
            rows = [[row[key] for key in columns] for row in csv.DictReader(stream)]
        kept = [",".join(row) for row in rows if "nan" not in row]
        (folder / name).write_text("\n".join([",".join(columns.values()), *kept]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
