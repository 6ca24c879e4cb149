"""Sampled tables: CSV, and Celestia's .xyzv."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from terraluna.ephemeris import Ephemeris
from terraluna.ephemeris.segments import Floats
from terraluna.errors import InputError
from terraluna.trajectory.base import Quality, Trajectory
from terraluna.trajectory.elements import ecliptic_to_j2000, et_of_jd_tdb
from terraluna.trajectory.interpolate import DEFAULT_DEGREE, Method, StateInterpolator


class SampledTrajectory(Trajectory):
    """Interpolation between states given at instants.

    Args:
        ets: (n,) increasing times, TDB seconds past J2000.
        states: (n, 6) or (n, 3), J2000, km and km/s about ``center``.
        method: see :class:`~terraluna.trajectory.interpolate.StateInterpolator`; so ``degree``.
    """

    def __init__(
        self,
        ets: ArrayLike,
        states: ArrayLike,
        center: str,
        *,
        name: str = "table",
        quality: Quality = "navigation",
        method: Method = "hermite",
        degree: int = DEFAULT_DEGREE,
    ) -> None:
        times = np.asarray(ets, dtype=np.float64)
        self._interpolator = StateInterpolator(times, np.asarray(states, dtype=np.float64), method, degree, name)
        super().__init__(name, quality, center, (float(times[0]), float(times[-1])))

    def _states(self, ets: Floats) -> Floats:
        return self._interpolator(ets)


def read_csv(
    path: str | Path,
    ephemeris: Ephemeris,
    center: str = "earth",
    *,
    name: str | None = None,
    quality: Quality = "navigation",
    frame: str = "j2000",
    method: Method = "hermite",
    degree: int = DEFAULT_DEGREE,
) -> SampledTrajectory:
    """A trajectory from a CSV file with the columns ``utc`` or ``et``, ``x y z`` (km) and perhaps ``vx vy vz`` (km/s).

    Lines that start with ``#`` are comments; other columns are ignored. ``frame`` is ``j2000`` or ``ecliptic``.

    Raises:
        InputError: the file cannot be read, a column is missing, or a cell is no number; names the line.
    """
    path = Path(path)
    lines = [
        (i + 1, line) for i, line in enumerate(_text(path).splitlines()) if line.strip() and not line.startswith("#")
    ]
    if not lines:
        raise InputError(f"{path}: the table is empty")
    reader = csv.DictReader(line for _, line in lines)
    header = [column.strip().lower() for column in reader.fieldnames or []]
    reader.fieldnames = header
    clock = "et" if "et" in header else "utc"
    columns = ["x", "y", "z"] + (["vx", "vy", "vz"] if "vx" in header else [])
    missing = [column for column in [clock, *columns] if column not in header]
    if missing:
        raise InputError(
            f"{path}: line {lines[0][0]}: no column {', '.join(missing)}; use utc or et, x, y, z[, vx, vy, vz]"
        )
    ets, rows = [], []
    for (number, _), row in zip(lines[1:], reader, strict=False):
        try:
            ets.append(float(row["et"]) if clock == "et" else ephemeris.et(row["utc"] or ""))
            rows.append([float(row[column]) for column in columns])
        except (ValueError, TypeError, InputError) as error:
            raise InputError(f"{path}: line {number}: {error}") from None
    return _table(path, ets, np.array(rows), center, name, quality, frame, method, degree)


def read_xyzv(
    path: str | Path,
    center: str = "sun",
    *,
    name: str | None = None,
    quality: Quality = "navigation",
    frame: str = "ecliptic",
    degree: int = DEFAULT_DEGREE,
) -> SampledTrajectory:
    """A trajectory from a Celestia .xyzv file: Julian date TDB, x y z (km), vx vy vz (km/s), ecliptic of J2000.

    Lines that start with ``#`` are comments. The file does not say its centre: give it.

    Raises:
        InputError: the file cannot be read, or a line does not hold seven numbers; names the line.
    """
    path = Path(path)
    ets, rows = [], []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            if len(words) != 7:
                raise InputError(f"{len(words)} values; a line of .xyzv has seven: JD TDB, x, y, z, vx, vy, vz")
            ets.append(et_of_jd_tdb(words[0]))
            rows.append([float(word) for word in words[1:]])
        except (ValueError, InputError) as error:
            raise InputError(f"{path}: line {number}: {error}") from None
    return _table(path, ets, np.array(rows), center, name, quality, frame, "hermite", degree)


def _table(
    path: Path,
    ets: list[float],
    rows: Floats,
    center: str,
    name: str | None,
    quality: Quality,
    frame: str,
    method: Method,
    degree: int,
) -> SampledTrajectory:
    if len(ets) < 2:
        raise InputError(f"{path}: {len(ets)} sample(s); a table needs two or more")
    if frame not in ("j2000", "ecliptic"):
        raise InputError(f"{path}: frame {frame!r} is not known for a table; use j2000 or ecliptic")
    if frame == "ecliptic":
        padded = np.zeros((rows.shape[0], 6))
        padded[:, : rows.shape[1]] = rows
        rows = ecliptic_to_j2000(padded)[:, : rows.shape[1]]
    try:
        return SampledTrajectory(
            ets, rows, center, name=name or path.stem, quality=quality, method=method, degree=degree
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
