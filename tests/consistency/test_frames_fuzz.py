"""Damaged files of every format: one clear line or a frame, never a crash, a hang or a gigabyte.

The full campaign of 2,000 files in a watched process is ``benchmarks/fuzz_readers.py``; here 200 files are read in
this process, with its mutations and minimal products.
"""

from __future__ import annotations

import resource
import time
import warnings
from pathlib import Path

import fuzz_readers as fuzz
import numpy as np
import pytest

from terraluna.ephemeris import Ephemeris
from terraluna.errors import InputError
from terraluna.frames import read_frame

FILES = 22
"""Mutated files of each of the ten products, 203 in all: HDF5 is read in a process of its own and gets five."""

HDF5_FILES = 5

HANG_S = 5.0
MEMORY_MB = 1000.0


@pytest.mark.parametrize("index", range(10))
def test_damaged_files_give_a_frame_or_one_line(index: int, tmp_path: Path, ephemeris: Ephemeris) -> None:
    rng = np.random.default_rng(1000 + index)
    (tmp_path / "originals").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind, files = fuzz.seeds(tmp_path / "originals", None)[index]
    read_frame(files[0], ephemeris=ephemeris)  # sound as it stands
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    outcome = {"frame": 0, "refused": 0}
    count = HDF5_FILES if kind == "hdf5" else FILES
    for number in range(count):
        for file in files:
            (tmp_path / file.name).write_bytes(file.read_bytes())
        path = tmp_path / files[0].name
        path.write_bytes(fuzz.mutate(path.read_bytes(), rng))
        began = time.monotonic()
        try:
            frame = read_frame(path, ephemeris=ephemeris)
        except InputError as error:
            outcome["refused"] += 1
            text = str(error)
        else:
            outcome["frame"] += 1
            text = str(path)
            assert frame.data.shape[:2] == frame.mask.shape
        assert "\n" not in text, (kind, number)
        assert str(path) in text, (kind, number, text)
        assert time.monotonic() - began < HANG_S, (kind, number)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0 - before < MEMORY_MB
    assert sum(outcome.values()) == count
