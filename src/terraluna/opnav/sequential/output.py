"""A fitted series as files: CCSDS OEM with covariance, and SPK."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from terraluna.ephemeris import Ephemeris
from terraluna.errors import OutputError
from terraluna.opnav.sequential.dynamics import Dynamics
from terraluna.opnav.sequential.types import SeriesFit
from terraluna.opnav.types import Floats
from terraluna.trajectory.oem import write_oem
from terraluna.trajectory.propagate import PropagatedTrajectory
from terraluna.trajectory.spk import write_spk


def fitted_trajectory(fit: SeriesFit, dynamics: Dynamics, name: str = "fitted") -> PropagatedTrajectory:
    """The fitted orbit as a trajectory, quality ``fitted``; InputError with a fit to a known trajectory."""
    fit.state_covariance  # noqa: B018  (raises where there is no orbit)
    return PropagatedTrajectory(
        dynamics.ephemeris,
        fit.epoch,
        fit.state,
        fit.center,
        name=name,
        quality="fitted",
        span=(min(dynamics.span[0], fit.epoch), max(dynamics.span[1], fit.epoch)),
        options=dynamics.options,
    )


def covariances_at(fit: SeriesFit, dynamics: Dynamics, ets: ArrayLike) -> Floats:
    """Covariances (n, 6, 6) of the fitted orbit about its centre at ``ets`` (n,): km, km/s, J2000."""
    _, phis = dynamics.arc(fit.epoch, fit.state, ets)
    result: Floats = phis @ fit.state_covariance @ phis.transpose(0, 2, 1)
    return result


def write_series_oem(
    path: str | Path,
    fit: SeriesFit,
    dynamics: Dynamics,
    ets: ArrayLike,
    ephemeris: Ephemeris,
    *,
    name: str = "fitted",
    file_format: str = "kvn",
    overwrite: bool = False,
) -> Path:
    """Write the fitted orbit as an OEM with a covariance at every sample (ICRF axes, km and km/s).

    Args:
        path: the file; it appears whole or not at all.
        fit: of an orbit.
        dynamics: that it was fitted with.
        ets: (n,) increasing times, TDB seconds past J2000.
        ephemeris: open ephemeris.
        name: of the object.
        file_format: ``kvn`` or ``xml``.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists or cannot be written.
        InputError: the fit has no orbit, or the times or the format can't be used.
    """
    from oem import OrbitEphemerisMessage
    from oem.components import EphemerisSegment

    target = Path(path)
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already; choose another name or allow overwriting")
    times = np.asarray(ets, dtype=np.float64)
    covariances = covariances_at(fit, dynamics, times)
    lower = np.tril_indices(6)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent or ".", prefix=".oem-") as folder:
            plain, part = Path(folder) / "plain.oem", Path(folder) / "part.oem"
            write_oem(plain, fitted_trajectory(fit, dynamics, name), times, ephemeris, file_format="kvn")
            message = OrbitEphemerisMessage.open(str(plain))
            segment = next(iter(message))
            state_data = segment._state_data
            columns = tuple(tuple(float(c[i, j]) for c in covariances) for i, j in zip(*lower, strict=True))
            frames = (str(segment.metadata["REF_FRAME"]),) * times.size
            full = EphemerisSegment(
                segment.metadata, state_data, (state_data[0], frames, *columns), version=segment.version
            )
            OrbitEphemerisMessage(message.header, [full]).save_as(str(part), file_format=file_format)
            os.replace(part, target)  # noqa: PTH105 (the same call, and atomic by name)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error}") from None
    return target


def write_series_spk(
    path: str | Path, fit: SeriesFit, dynamics: Dynamics, ets: ArrayLike, naif_id: int, *, overwrite: bool = False
) -> Path:
    """Write the fitted orbit as an SPK segment (Hermite); errors as :func:`~terraluna.trajectory.spk.write_spk`.

    SPK holds no covariance.
    """
    return write_spk(path, fitted_trajectory(fit, dynamics), ets, naif_id, overwrite=overwrite)
