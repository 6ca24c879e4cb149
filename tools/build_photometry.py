"""Cut the packaged photometric tables from a folder of source tables.

    python tools/build_photometry.py SOURCE_DIR

SOURCE_DIR holds solar_spectrum_1nm.csv, limb_darkening_neckel_labs_1994.csv, rolo.csv, lime_*.csv,
moon_velikodsky2011_Aeq6.csv, filter_curves.csv and hapke_sato2014_maps_1deg.npz. Where the numbers come from is in
src/terraluna/data/photometry/SOURCES.md.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parent.parent / "src" / "terraluna" / "data" / "photometry"
LIME_COLUMNS = [
    "nm",
    "a0",
    "a1",
    "a2",
    "a3",
    "b1",
    "b2",
    "b3",
    "c1",
    "c2",
    "c3",
    "c4",
    "d1",
    "d2",
    "d3",
    "p1",
    "p2",
    "p3",
    "p4",
]
HAPKE_BANDS = (415, 566, 643)
HAPKE_LEVELS = {"w": 4095, "b": 255, "c": 255, "Bs0": 255, "hs": 255}
# w carries the brightness, so it gets 12 bits; the others reach the law damped.


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write(name: str, note: str, header: list[str], rows: list[list[str]]) -> None:
    """Write one packaged table with its note."""
    text = [f"# {note}", ",".join(header), *(",".join(row) for row in rows)]
    (OUT / name).write_text("\n".join(text) + "\n", encoding="utf-8")


def copy(source: Path, name: str, note: str, columns: dict[str, str]) -> None:
    """Copy the named columns (old name: new name) of a table."""
    write(name, note, list(columns.values()), [[row[key] for key in columns] for row in rows_of(source)])


def build_maps(source: Path) -> None:
    """Quantise the Hapke maps: levels, then differences along the row (smooth maps compress better so)."""
    maps = np.load(source)
    packed: dict[str, np.ndarray] = {"bands_nm": np.array(HAPKE_BANDS), "theta_deg": np.array(23.6566)}
    for band in HAPKE_BANDS:
        for name, levels in HAPKE_LEVELS.items():
            values = np.asarray(maps[f"{name}{band}"], dtype=np.float64)
            low, high = float(values.min()), float(values.max())
            steps = np.rint((values - low) / (high - low) * levels).astype(np.int64)
            delta = np.diff(steps, axis=1, prepend=0) % 65536
            packed[f"{name}{band}_range"] = np.array([low, high, levels])
            packed[f"{name}{band}_low"] = (delta % 256).astype(np.uint8)
            if levels > 255:
                packed[f"{name}{band}_high"] = (delta // 256).astype(np.uint8)
    np.savez_compressed(OUT / "moon_hapke_sato2014.npz", allow_pickle=False, **packed)


def main(source: Path) -> None:
    """Write every packaged table."""
    OUT.mkdir(parents=True, exist_ok=True)
    copy(
        source / "solar_spectrum_1nm.csv",
        "solar_tsis1_hsrs.csv",
        "Solar spectral irradiance at 1 au, TSIS-1 HSRS v2, 1 nm means, vacuum wavelengths",
        {"nm_centre": "nm", "TSIS1_HSRS_v2_1nm_mean_W_m2_nm": "irradiance_w_m2_nm"},
    )
    copy(
        source / "limb_darkening_neckel_labs_1994.csv",
        "limb_darkening_neckel_labs_1994.csv",
        "I(mu)/I(1) = sum A_k mu^k, Neckel & Labs 1994",
        {name: name for name in ["nm", "A0", "A1", "A2", "A3", "A4", "A5"]},
    )
    copy(
        source / "rolo.csv",
        "rolo_2005.csv",
        "ROLO coefficients by band, Kieffer & Stone 2005 table 4, and the factor of each band onto a smooth spectrum",
        {name: name for name in ["nm", "a0", "a1", "a2", "a3", "b1", "b2", "b3", "d1", "d2", "d3", "apollo_adjust"]},
    )
    for version in ("20231120_V02", "20251010_V01"):
        copy(
            source / f"lime_{version}.csv",
            f"lime_{version[:8]}.csv",
            f"LIME coefficients {version}; c1 and c3 go with observer latitude, c2 and c4 with longitude",
            {name: name for name in LIME_COLUMNS},
        )
    copy(
        source / "moon_velikodsky2011_Aeq6.csv",
        "moon_spectrum_velikodsky2011.csv",
        "Equigonal albedo at 6 deg phase, mean near side, Velikodsky et al. 2011 table 2",
        {"nm": "nm", "Aeq6_average": "average"},
    )
    curve = [row for row in rows_of(source / "filter_curves.csv") if row["filter"] == "Generic_Bessell.V"]
    write(
        "bessell_v.csv",
        "Johnson V response per unit energy, Bessell 1990 as distributed by SVO",
        ["nm", "response"],
        [[row["nm"], row["relative_response"]] for row in curve],
    )
    build_maps(source / "hapke_sato2014_maps_1deg.npz")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/build_photometry.py SOURCE_DIR")
    main(Path(sys.argv[1]))
