"""HDF5 files of DSCOVR EPIC: L1A (counts) and L1B (counts per second, several bands, with geolocation).

Layout: one group a band, ``Band443nm`` and so on, each with a dataset ``Image`` and, in L1B, ``Geolocation``; times and
positions are attributes of the file or of the band. Rows are kept as stored. External files and links to other files
are never followed, and filters that aren't part of HDF5 itself are refused. The library runs in a process of its own
that is stopped after ``Limits.seconds``: a damaged file can make it loop for ever.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terraluna.errors import InputError
from terraluna.frames.epic import epic_observation
from terraluna.frames.limits import Limits
from terraluna.frames.observation import HeaderWarning, Observation, RawFrame
from terraluna.frames.raster import mask_unusable
from terraluna.frames.values import number


def bands(path: Path, limits: Limits | None = None) -> list[str]:
    """Names of the bands in an EPIC HDF5 file, such as ``443``, in the file's order; InputError if it isn't one."""
    return [str(name) for name in _ask(path, "?", limits or Limits())[0]["names"]]


def read_hdf5(path: Path, sha256: str, limits: Limits, band: str | None = None) -> RawFrame:
    """Read one band of an EPIC HDF5 file.

    Args:
        path: the file.
        sha256: its checksum, for the observation.
        limits: bounds on the array and on the time.
        band: wavelength in nm such as ``443``; the first in the file if None.

    Raises:
        InputError: it isn't an HDF5 file with band images, the band isn't in it, or the limits forbid it.
    """
    answer, data = _ask(path, band, limits)
    label: dict[str, Any] = {**answer["label"], "_names": answer["names"]}
    mask_values = (number(label.get(k)) for k in ("_FillValue", "missing_value"))
    mask = mask_unusable(data, np.zeros(data.shape, dtype=np.bool_), *mask_values)
    observation = _observation(path, sha256, label, str(answer["name"]), (data.shape[0], data.shape[1]))
    return RawFrame(data, mask, observation, tuple(HeaderWarning(**w) for w in answer["warnings"]))


def _ask(path: Path, band: str | None, limits: Limits) -> tuple[dict[str, Any], NDArray[Any]]:
    """Let the child process read the file; InputError if it refuses, dies or takes too long."""
    command = [sys.executable, "-m", "terraluna.frames.hdf5_child"]
    request = json.dumps({"path": str(path), "band": band, "limits": asdict(limits)}) + "\n"
    got: list[bytes] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        pipe = child.stdout
        ready = pipe.readline() == b"ready\n"
        if ready:
            child.stdin.write(request.encode())
            child.stdin.flush()
            reader = threading.Thread(target=lambda: got.append(pipe.read()), daemon=True)
            reader.start()
            reader.join(limits.seconds)
            if reader.is_alive():
                child.kill()
                reader.join()
                raise InputError(
                    f"{path}: reading the HDF5 file took over {limits.seconds:g} s, it is damaged; "
                    "raise Limits.seconds if it is only large"
                )
    head, _, body = (got[0] if got else b"").partition(b"\n")
    if not head:
        text = "the HDF5 library died on the file, it is damaged" if ready else "the HDF5 reader could not be started"
        raise InputError(
            f"{path}: {text}; fetch it again" if ready else f"{path}: {text}; check that h5py is installed"
        )
    answer: dict[str, Any] = json.loads(head)
    if "error" in answer:
        raise InputError(str(answer["error"]))
    data = np.frombuffer(body, dtype=answer["dtype"]).reshape(answer["shape"])
    return answer, data.astype(data.dtype.newbyteorder("="))


def _observation(path: Path, sha256: str, label: Mapping[str, Any], band: str, shape: tuple[int, int]) -> Observation:
    # L1B holds counts per second, L1A counts; either says so only in the file name and the type of its samples.
    level_1b = "_1b_" in path.name.lower() or "l1b" in path.name.lower()
    return epic_observation(path, sha256, "hdf5", dict(label), shape, band=band, unit="DN/s" if level_1b else "DN")
